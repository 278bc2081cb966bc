//! The load generator for HTTP/2 over TLS: `h2load`, which inherits this process's core.
//!
//! It keeps a rate by a clock of its own: each connection sends every 10 ms what is due, as far as it has streams for it. A
//! request's time counts from when it was sent, in whole microseconds.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use hdrhistogram::Histogram;
use tempfile::NamedTempFile;

use super::CONNECTIONS;
use super::load::{Measured, Pace};

/// Asked again and again.
pub(crate) struct Request {
    pub(crate) target: String,
    pub(crate) token: Option<String>,
}

/// On each connection, at most.
pub(crate) const STREAMS: usize = 10;
/// Enough to fill what the first requests fill, and to wait for what they fetch.
const FIRST: &str = "--requests=20000";

/// As `timeout` says it.
const TIMED_OUT: i32 = 124;

impl Request {
    pub(crate) fn warm(&self, address: SocketAddr) {
        self.h2load(address, &[FIRST]);
    }

    pub(crate) fn run(&self, address: SocketAddr, pace: Pace, lasts: Duration) -> Measured {
        let duration = format!("--duration={}s", lasts.as_secs());
        let log = NamedTempFile::new().unwrap();
        let answers = match pace {
            Pace::Saturating | Pace::Sharing => self.h2load(address, &[&duration]),
            // To log every request costs the generator too much where it may be the limit.
            Pace::Rate(rate) => {
                let rate = format!("--rps={}", rate / CONNECTIONS as f64);
                let log = format!("--log-file={}", log.path().display());
                self.h2load(address, &[&duration, &rate, &log])
            }
        };
        let mut latencies = Histogram::new_with_max(60_000_000_000, 3).unwrap();
        for line in fs::read_to_string(log.path()).unwrap().lines() {
            let micros: u64 = line.split('\t').nth(2).unwrap().parse().unwrap();
            latencies.saturating_record(micros * 1_000);
        }
        Measured { answers, took: lasts, latencies }
    }

    /// How many answers there were, all of them good.
    fn h2load(&self, address: SocketAddr, arguments: &[&str]) -> u64 {
        let mut command = Command::new("timeout");
        command
            .args(["60", "h2load"])
            .args([format!("--clients={CONNECTIONS}"), format!("--max-concurrent-streams={STREAMS}")]);
        command.args(["--npn-list=h2", "--header=accept: */*"]).args(arguments);
        command.args(self.token.iter().map(|token| format!("--header=authorization: Bearer {token}")));
        command.arg(format!("https://{address}{}", self.target));
        // Where it gets no time, it may miss its own end.
        let mut outputs = (0..3).map(|_| command.output().unwrap());
        let output = outputs.find(|output| output.status.code() != Some(TIMED_OUT)).unwrap();
        let told = String::from_utf8(output.stdout).unwrap();
        let count = |what: &str| {
            let (before, _) = told.split_once(what).unwrap_or_else(|| panic!("h2load says nothing of {what}: {told}"));
            before.rsplit(' ').next().unwrap().parse::<u64>().unwrap()
        };
        let refused = [" failed", " errored", " timeout", " 3xx", " 4xx", " 5xx"].map(count);
        let answers = count(" succeeded");
        assert!(answers > 0 && refused == [0; 6] && told.contains("TLSv1.3"), "{told}");
        answers
    }
}
