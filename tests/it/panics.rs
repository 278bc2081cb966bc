//! What a panic tells, seen in a process of its own: this test binary, started again.

use std::process::Command;

use sluice::telemetry::{Config, Format, Telemetry, tell_panics};

const CANARY: &str = "c2VjcmV0LWNhbmFyeS1pbi1hLXBhbmlj";

/// Says what the second process is to do.
const ROLE: &str = "SLUICE_TEST_PANICS";

fn run(role: &str) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let command = command.args(["panics::panics_where_it_is_told_to", "--exact", "--nocapture"]).env(ROLE, role);
    let output = command.output().unwrap();
    assert!(!output.status.success(), "it was to panic: {output:?}");
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the role of this process")]
fn panics_where_it_is_told_to() {
    let Some(role) = std::env::var_os(ROLE) else { return };
    tell_panics();
    let log = if role == "silenced" { "off" } else { "trace" };
    let config = Config { log: log.to_owned(), format: Format::Json, otlp_endpoint: None };
    let telemetry = (role != "before the log").then(|| Telemetry::start(&config).unwrap());
    let panicked = std::thread::Builder::new()
        .name("worker-7".to_owned())
        .spawn(move || {
            let _amid = (role == "amid another").then_some(PanicsToo);
            panic!("the key {CANARY} does not fit")
        })
        .unwrap()
        .join();
    if let Some(telemetry) = telemetry {
        telemetry.end();
    }
    assert!(panicked.is_ok());
}

/// Ends the process at once.
struct PanicsToo;

impl Drop for PanicsToo {
    fn drop(&mut self) {
        panic!("nor does {CANARY}");
    }
}

#[test]
fn a_panic_is_told_by_its_place_and_thread_and_never_by_its_message() {
    for (role, panics, logged) in
        [("logged", 1, true), ("before the log", 1, false), ("silenced", 1, false), ("amid another", 2, false)]
    {
        let told = run(role);
        assert!(!told.contains(CANARY) && !told.contains("does not fit"), "{role}: {told}");
        let lines = told.lines().filter(|line| line.contains("worker-7") && line.contains("panics.rs:"));
        let (in_log, plain): (Vec<_>, Vec<_>) = lines.partition(|line| line.contains("\"target\":\"sluice::panic\""));
        let of_panics = plain.iter().filter(|line| line.starts_with("a panic at ")).count();
        assert_eq!(of_panics, panics, "{role}: {told}");
        // The log's thread may still have written them before the process ended.
        assert!(if logged { in_log.len() == 1 } else { role == "amid another" || in_log.is_empty() }, "{role}: {told}");
    }
}
