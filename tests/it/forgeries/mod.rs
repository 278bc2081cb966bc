//! Forged tokens by the thousand, over HTTP: systematic changes of a sound token of each kind of signature. All of them
//! meet the same 401, to the byte; after each the unchanged token is accepted; and nothing that a token says is fetched.
//!
//! `attacks.rs` has the well-known attacks by name. Here the number is the point, and that none was thought of singly.

#![expect(clippy::print_stdout, reason = "the figures are what is promised")]

mod changes;
mod signer;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::support::{House, Plan, Provider, Reply};
use signer::signers;

/// As many as there were in the battery by which the packages were chosen.
const FEWEST: usize = 1244;
const WORKERS: usize = 4;

/// A token in which one thing is wrong, by the name of what was changed.
struct Forgery {
    family: &'static str,
    name: String,
    token: String,
}

/// A refusal as it was seen: status, header lines and body, without what differs in every answer.
fn shape(reply: &Reply) -> String {
    let id = reply.header("x-request-id").to_owned();
    let mut headers: Vec<_> = reply.headers.iter().map(|(name, value)| format!("{name}: {value:?}")).collect();
    headers.retain(|line| !line.starts_with("date:"));
    headers.sort();
    format!("{}\n{}\n{}", reply.status, headers.join("\n"), reply.text).replace(&id, "ID")
}

/// A listener that tokens point to. Counts who comes.
async fn trap() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, visitors) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let counter = Arc::clone(&visitors);
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            counter.fetch_add(1, Ordering::SeqCst);
        }
    });
    (format!("http://{address}"), visitors)
}

/// Sends each forgery and, after it, the sound token. Gives the refusals' shapes and the slowest of them.
async fn meet(house: &House, sound: &str, forgeries: Vec<Forgery>) -> (BTreeMap<String, String>, Duration) {
    let (mut shapes, mut slowest) = (BTreeMap::new(), Duration::ZERO);
    for Forgery { family, name, token } in forgeries {
        let asker = house.bearer(token);
        let began = Instant::now();
        let refused = asker.get("/apps").await;
        slowest = slowest.max(began.elapsed());
        assert_eq!((refused.status, refused.problem().as_str()), (401, "unauthorized"), "{family}: {name}");
        shapes.entry(shape(&refused)).or_insert(format!("{family}: {name}"));
        let accepted = house.bearer(sound).get("/apps").await;
        assert_eq!(accepted.status, 200, "the sound token after {family}: {name}");
        assert_eq!(accepted.json()["tenant"], "red", "{family}: {name}");
    }
    (shapes, slowest)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_forgery_of_half_the_battery_is_accepted_or_told_from_another() {
    run(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes twice as long: `cargo test --test it forgeries:: -- --ignored --nocapture`"]
async fn no_forgery_of_the_whole_battery_is_accepted_or_told_from_another() {
    run(1).await;
}

/// Runs every `step`th forgery of each signer, beginning with another one at each.
async fn run(step: usize) {
    let provider = Provider::start().await;
    let (place, visitors) = trap().await;
    let folder = tempfile::tempdir().unwrap();
    let signers = signers(&provider, folder.path());
    let issuers: Vec<_> = signers.iter().map(|signer| (signer.issuer.clone(), signer.lines.clone())).collect();
    let house = Arc::new(Plan::default().with_issuers(&issuers).build().await);

    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut shapes, mut slowest) = (BTreeMap::new(), Duration::ZERO);
    for (first, signer) in signers.iter().enumerate() {
        let sound = signer.sound();
        assert_eq!(house.bearer(&*sound).get("/apps").await.status, 200, "{} signs sound tokens", signer.name());
        let mut shares: Vec<Vec<Forgery>> = (0..WORKERS).map(|_| Vec::new()).collect();
        let chosen = changes::all(signer, &place).into_iter().skip(first % step).step_by(step);
        for (number, forgery) in chosen.enumerate() {
            *counts.entry(forgery.family).or_default() += 1;
            assert_ne!(forgery.token, sound, "{}: {} changes nothing", forgery.family, forgery.name);
            shares[number % WORKERS].push(forgery);
        }
        let mut workers = JoinSet::new();
        for share in shares {
            let (house, sound) = (Arc::clone(&house), sound.clone());
            workers.spawn(async move { meet(&house, &sound, share).await });
        }
        for (seen, longest) in workers.join_all().await {
            slowest = slowest.max(longest);
            shapes.extend(seen);
        }
    }
    let total: usize = counts.values().sum();
    println!("{total} forgeries, 0 accepted, each after a control; the slowest refusal took {slowest:?}: {counts:#?}");
    assert!(total >= FEWEST, "{total}");
    assert_eq!(shapes.len(), 1, "refusals that can be told from each other: {shapes:#?}");
    assert!(slowest < Duration::from_secs(5), "promised is a second, on a machine that has nothing else to do");
    assert_eq!(visitors.load(Ordering::SeqCst), 0, "a token's own URL was visited");
    assert!(provider.asked(crate::support::KEYS) <= 2, "unknown keys are the reason for one look at most");
}
