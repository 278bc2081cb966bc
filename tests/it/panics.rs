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
    let config = Config { log: "trace".to_owned(), format: Format::Json, otlp_endpoint: None };
    let telemetry = (role == "logged").then(|| Telemetry::start(&config).unwrap());
    let panicked = std::thread::Builder::new()
        .name("worker-7".to_owned())
        .spawn(|| panic!("the key {CANARY} does not fit"))
        .unwrap()
        .join();
    if let Some(telemetry) = telemetry {
        telemetry.end();
    }
    assert!(panicked.is_ok());
}

#[test]
fn a_panic_is_told_by_its_place_and_thread_and_never_by_its_message() {
    for role in ["logged", "before the log"] {
        let told = run(role);
        assert!(!told.contains(CANARY) && !told.contains("does not fit"), "{role}: {told}");
        let line = told.lines().find(|line| line.contains("worker-7")).unwrap_or_else(|| panic!("{role}: {told}"));
        assert!(line.contains("panics.rs:") && line.contains("a panic"), "{role}: {line}");
        assert_eq!(line.contains("\"target\":\"sluice::panic\""), role == "logged", "{line}");
    }
}
