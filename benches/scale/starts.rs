//! From the start of the process to its first answers, and what it holds in memory before anything is asked.

use std::net::SocketAddr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::gateway::{Gateway, Setting, exchange};
use super::page::{mebibytes, median};
use super::questions::{Questions, request};
use super::table::{count, millis, table};
use super::{Plan, Stage};

const TENANTS: usize = 1_000;
/// Starts of each kind for a round: they are quick.
const STARTS: usize = 5;

/// What it comes to, as a table.
pub(crate) fn measure(stage: &Stage, plan: &Plan) -> String {
    let rows = [0, TENANTS].map(|tenants| {
        let started: Vec<_> = (0..plan.rounds * STARTS).map(|_| first_answer(stage, tenants)).collect();
        let longest = *started.iter().max().unwrap();
        let first = median(started.iter().map(Duration::as_secs_f64).collect()).unwrap();
        let (cold, at_once, settled) = settle(stage, plan, tenants);
        let resident = |bytes: u64| mebibytes(Some(bytes as f64));
        vec![
            count(tenants + 1),
            millis(Duration::from_secs_f64(first)),
            millis(longest),
            millis(cold),
            resident(at_once),
            resident(settled),
        ]
    });
    let after = format!("RSS {} s later", plan.settles.as_secs());
    table(&["tenants", "to the first answer", "longest", "to the first miss answered", "RSS at once", &after], &rows)
}

fn start(stage: &Stage, tenants: usize) -> Gateway {
    let setting = Setting { upstream: stage.upstream.address, issuer: &stage.issuer, keys: "", tenants };
    Gateway::start(stage.place.path(), &setting)
}

/// From the start of the process to the whole answer to a caller with a token.
fn first_answer(stage: &Stage, tenants: usize) -> Duration {
    let asks = request("/apps", &stage.issuer.token(0));
    let began = Instant::now();
    let gateway = start(stage, tenants);
    until_answered(gateway.server.address, &asks);
    began.elapsed()
}

/// From the start to the answer to a question that has to be asked; and what an idle gateway holds at once and later.
fn settle(stage: &Stage, plan: &Plan, tenants: usize) -> (Duration, u64, u64) {
    let asks = Questions::new().request(0, &stage.issuer.token(0));
    let began = Instant::now();
    let asked = start(stage, tenants);
    until_answered(asked.server.address, &asks);
    let cold = began.elapsed();
    drop(asked);
    let idle = start(stage, tenants);
    let at_once = idle.server.resident();
    sleep(plan.settles);
    (cold, at_once, idle.server.resident())
}

fn until_answered(address: SocketAddr, request: &[u8]) {
    let (status, body) = exchange(address, request).unwrap();
    assert_eq!(status, "200", "{}", String::from_utf8_lossy(&body));
}
