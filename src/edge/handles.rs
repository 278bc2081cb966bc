//! File handles: each connection is one, and the system lets a process have so many. Were they to run out, the admin
//! listener could accept nobody either.

/// What the rest of the gateway needs: the admin listener's 128, those who are told that they are one too many (64 on each
/// listener), upstream, store, providers, files.
const KEPT: usize = 512;

/// As many of these connections as there are handles for.
pub(super) fn affordable(connections: usize) -> usize {
    // Elsewhere than on Linux it cannot be asked for without `unsafe`.
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let affordable = open_files(&limits).map_or(connections, |handles| within(connections, handles));
    if affordable < connections {
        tracing::warn!(
            connections = affordable,
            "fewer connections are taken than server.max_connections says: the process may not open more files; raise \
             its limit (LimitNOFILE, ulimit -n) or lower the key"
        );
    }
    affordable
}

fn within(connections: usize, handles: usize) -> usize {
    connections.min(handles.saturating_sub(KEPT).max(handles / 4)).max(1)
}

/// The limit that holds; `None` where there is none.
fn open_files(limits: &str) -> Option<usize> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: &str = "\
Limit                     Soft Limit           Hard Limit           Units
Max core file size        0                    unlimited            bytes
Max open files            1024                 1048576              files
";

    #[test]
    fn the_soft_limit_counts() {
        assert_eq!(open_files(LIMITS), Some(1024));
        assert_eq!(open_files(&LIMITS.replace("1024 ", "unlimited ")), None);
        assert_eq!(open_files(""), None);
    }

    #[test]
    fn some_handles_are_kept_for_the_rest() {
        assert_eq!(within(10_000, 1024), 512);
        assert_eq!(within(10_000, 1_048_576), 10_000);
        assert_eq!(within(128, 1024), 128);
        assert_eq!((within(10_000, 300), within(10_000, 1)), (75, 1));
    }
}
