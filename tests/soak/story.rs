//! What the run tells while it goes on, and what it finds wrong.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

use tokio::time::Instant;

/// The teller, and the book of findings.
pub(crate) struct Story {
    began: Instant,
    findings: Mutex<BTreeMap<&'static str, Finding>>,
}

/// Something that should not have been.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    pub(crate) times: usize,
    /// How it was the first time.
    pub(crate) first: String,
}

impl Story {
    pub(crate) fn new() -> Self {
        Self { began: Instant::now(), findings: Mutex::default() }
    }

    /// One line, with the time since the beginning.
    pub(crate) fn tell(&self, text: &str) {
        println!("[{:7.1} s] {text}", self.began.elapsed().as_secs_f64());
    }

    /// Notes a finding; the first of its kind is told at once.
    pub(crate) fn wrong(&self, what: &'static str, how: &str) {
        let mut findings = self.findings.lock().unwrap();
        let finding = findings.entry(what).or_insert_with(|| {
            self.tell(&format!("WRONG: {what}: {how}"));
            Finding { times: 0, first: how.to_owned() }
        });
        finding.times += 1;
    }

    /// What a check gives; an assertion in it that does not hold is a finding, and not the end of the run.
    pub(crate) fn holds<T>(&self, what: &'static str, check: impl FnOnce() -> T) -> Option<T> {
        let caught = catch_unwind(AssertUnwindSafe(check));
        caught.map_err(|panic| self.wrong(what, &words(&*panic))).ok()
    }

    pub(crate) fn findings(&self) -> BTreeMap<&'static str, Finding> {
        self.findings.lock().unwrap().clone()
    }
}

/// What a panic said.
fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without words").to_owned()
}
