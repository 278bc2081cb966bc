//! Environments in which the wall clock is wrong. Intervals are measured by the other clock, which stays right.

use std::path::Path;

/// One that is this far off: `+1h`.
pub(crate) fn off_by(offset: &str) -> Vec<(&'static str, String)> {
    with(("FAKETIME", offset.to_owned()))
}

/// One that is as far off as a file says, which is read again every second.
#[allow(dead_code, reason = "not every binary of the tests sets a clock under way")]
pub(crate) fn as_told_by(file: &Path) -> Vec<(&'static str, String)> {
    let mut environment = with(("FAKETIME_TIMESTAMP_FILE", file.display().to_string()));
    environment.push(("FAKETIME_CACHE_DURATION", "1".to_owned()));
    environment
}

fn with(offset: (&'static str, String)) -> Vec<(&'static str, String)> {
    let library = format!("/usr/lib/{}-linux-gnu/faketime/libfaketimeMT.so.1", std::env::consts::ARCH);
    assert!(std::fs::exists(&library).unwrap(), "libfaketime is not installed");
    vec![("LD_PRELOAD", library), ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()), offset]
}
