//! The architecture, checked: modules import only what is declared above them, and each third-party crate has its door.

use std::fs;
use std::path::{Path, PathBuf};

/// Who may name which crate. A crate that is not listed may be used anywhere.
const DOORS: &[(&str, &[&str])] = &[
    ("axum", &["edge"]),
    ("tower_http", &["edge"]),
    ("utoipa", &["edge"]),
    ("utoipa_axum", &["edge/router.rs"]),
    ("utoipa_swagger_ui", &["edge/docs.rs"]),
    ("tower_governor", &["edge/rate_limit.rs"]),
    ("governor", &["edge/rate_limit.rs"]),
    ("http", &["edge", "simulator"]),
    ("hyper", &["edge", "simulator"]),
    ("hyper_util", &["edge", "simulator"]),
    ("tower", &["edge", "upstream/connection.rs"]),
    ("reqwest", &["upstream", "auth/provider", "cli/status.rs"]),
    ("jsonwebtoken", &["auth"]),
    ("aws_lc_rs", &["auth"]),
    ("moka", &["cache", "auth/verified.rs"]),
    ("psl", &["auth/provider/place.rs"]),
    ("redis", &["store"]),
    ("backon", &["store/keeper.rs"]),
    ("tokio_stream", &["store/keeper.rs"]),
    ("hmac", &["upstream/sign.rs", "simulator"]),
    ("sha2", &["upstream/sign.rs", "edge/etag.rs", "simulator"]),
    ("rustix", &["cli/memory.rs"]),
    ("toml", &["settings"]),
    ("clap", &["cli"]),
    ("tracing_subscriber", &["telemetry/log.rs", "telemetry/config.rs", "telemetry/access_tests.rs"]),
    ("prometheus_client", &["telemetry/metrics.rs", "edge/metrics.rs"]),
    ("opentelemetry", &["telemetry"]),
    ("opentelemetry_sdk", &["telemetry"]),
    ("opentelemetry_otlp", &["telemetry"]),
    ("rustls", &["edge/tls.rs"]),
    ("tokio_rustls", &["edge/tls.rs", "edge/listener.rs"]),
    ("notify", &["app/files.rs"]),
];

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<_> = entries
        .flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect();
    found.sort();
    found
}

/// The modules of `lib.rs`, in the order of the path.
fn order() -> Vec<String> {
    let text = fs::read_to_string(src().join("lib.rs")).unwrap();
    let lines = text.lines().map(|line| line.strip_prefix("pub ").unwrap_or(line));
    let declared = lines.filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';'));
    declared.map(str::to_owned).collect()
}

/// Every source file with its path below `src`, its module and its code without comments.
fn sources() -> Vec<(String, String, String)> {
    let read = |path: PathBuf| {
        let name = path.strip_prefix(src()).unwrap().display().to_string();
        let module = name.split(['/', '.']).next().unwrap().to_owned();
        let text = fs::read_to_string(&path).unwrap();
        let code: Vec<_> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        (name, module, code.join("\n"))
    };
    files(&src()).into_iter().map(read).collect()
}

/// The first segments of all paths that begin with `crate::`, groups included.
fn crate_paths(code: &str) -> Vec<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut found = Vec::new();
    for (_, rest) in code.match_indices("crate::").map(|(at, mark)| (at, &code[at + mark.len()..])) {
        match rest.strip_prefix('{') {
            None => found.push(word(rest)),
            Some(group) => {
                let mut depth = 1;
                let mut item = String::new();
                for c in group.chars() {
                    depth += i32::from(c == '{') - i32::from(c == '}');
                    if (c == ',' && depth == 1) || depth == 0 {
                        found.push(word(item.trim()));
                        item.clear();
                    } else {
                        item.push(c);
                    }
                    if depth == 0 {
                        break;
                    }
                }
            }
        }
    }
    found.retain(|name| !name.is_empty());
    found
}

#[test]
fn a_module_imports_only_what_is_declared_above_it() {
    let order = order();
    assert!(order.len() > 10, "the module list was not found");
    let place = |module: &str| order.iter().position(|declared| declared == module);
    let mut offences = Vec::new();
    let mut seen = 0;
    for (name, module, code) in sources() {
        let Some(own) = place(&module) else { continue };
        for target in crate_paths(&code) {
            seen += 1;
            if place(&target).is_none_or(|target| target > own) {
                offences.push(format!("{name} names crate::{target}"));
            }
        }
    }
    assert!(seen > 100, "only {seen} paths were found");
    assert!(offences.is_empty(), "{offences:#?}");
}

#[test]
fn each_third_party_crate_has_its_door() {
    let names = |code: &str, krate: &str| {
        let mark = format!("{krate}::");
        code.match_indices(&mark).any(|(at, _)| {
            let before = code[..at].chars().next_back();
            !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':')
        })
    };
    let mut offences = Vec::new();
    for (krate, doors) in DOORS {
        let users: Vec<_> =
            sources().into_iter().filter(|(_, _, code)| names(code, krate)).map(|(name, _, _)| name).collect();
        assert!(!users.is_empty(), "{krate} is not used: take it off the list");
        let stray = users.into_iter().filter(|name| !doors.iter().any(|door| name.starts_with(door)));
        offences.extend(stray.map(|name| format!("{name} uses {krate}")));
    }
    assert!(offences.is_empty(), "{offences:#?}");
}

#[test]
fn every_file_says_what_it_is_for_and_stays_short() {
    let mut offences = Vec::new();
    for path in files(&src()) {
        let text = fs::read_to_string(&path).unwrap();
        let lines = text.lines().count();
        if !text.starts_with("//!") {
            offences.push(format!("{} does not open with its purpose", path.display()));
        }
        if lines > 500 {
            offences.push(format!("{} has {lines} lines", path.display()));
        }
    }
    assert!(offences.is_empty(), "{offences:#?}");
}
