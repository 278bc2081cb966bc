//! A primary and its replica under three sentinels, two of which can decide that the primary is gone.

use super::{Options, Redis};

const NAME: &str = "house";

/// Who serves, who follows, who watches.
pub(crate) struct Sentinels {
    primary: Redis,
    replica: Redis,
    watchers: Vec<Redis>,
}

impl Sentinels {
    pub(crate) async fn running() -> Self {
        let primary = Redis::running().await;
        let settings = format!("replicaof 127.0.0.1 {}\nrepl-diskless-sync-delay 0", primary.port());
        let mut replica = Redis::new(Options { settings, ..Options::default() });
        replica.start().await;
        replica.comes_to("a copy", || replica.cli(&["INFO", "replication"]).contains("master_link_status:up")).await;
        let mut watchers = Vec::new();
        for _ in 0..3 {
            let settings = format!(
                "sentinel monitor {NAME} 127.0.0.1 {} 2\nsentinel down-after-milliseconds {NAME} 500\n\
                 sentinel failover-timeout {NAME} 3000",
                primary.port()
            );
            let mut watcher = Redis::new(Options { settings, sentinel: true, ..Options::default() });
            watcher.start().await;
            watchers.push(watcher);
        }
        for watcher in &watchers {
            let knows = |what: &str, count: &str| field(&watcher.cli(&["SENTINEL", "MASTER", NAME]), what) == count;
            watcher.comes_to("know the others", || knows("num-slaves", "1") && knows("num-other-sentinels", "2")).await;
        }
        Self { primary, replica, watchers }
    }

    pub(crate) fn url(&self) -> String {
        let addresses: Vec<_> = self.watchers.iter().map(|watcher| format!("127.0.0.1:{}", watcher.port())).collect();
        format!("redis-sentinel://{}/0?master={NAME}", addresses.join(","))
    }

    /// Kills the primary, and waits until all sentinels send clients to what was its replica.
    pub(crate) async fn fail_over(&mut self) {
        self.primary.kill();
        let heir = self.replica.port().to_string();
        for watcher in &self.watchers {
            let moved = || watcher.cli(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME]).lines().any(|line| line == heir);
            watcher.comes_to("a new primary", moved).await;
        }
    }
}

/// The line after the one that is this name.
fn field<'a>(printed: &'a str, name: &str) -> &'a str {
    printed.lines().skip_while(|line| *line != name).nth(1).unwrap_or_default()
}
