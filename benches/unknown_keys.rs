//! What a flood of tokens with unknown keys does to a valid caller: `cargo bench --bench unknown_keys`.
//!
//! One caller asks again and again for what it may see, first alone, then beside 10,000 tokens that each name another
//! key, in turns, so that both meet the same moods of the machine. Printed are the medians and 99th percentiles of
//! both, their ratios, and how often the provider was asked for its keys.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a measurement for people, in tests' clothes"
)]
#![allow(dead_code, unused_imports, reason = "the support of the tests has more than is needed here")]

#[path = "../tests/it/support/mod.rs"]
mod support;

use std::sync::Arc;
use std::time::Duration;

use sluice::auth::Algorithm;
use support::{Asker, KEYS, Key, Plan, Provider};
use tokio::time::{Instant, interval, sleep};

const ROUNDS: usize = 5;
const TOKENS: usize = 10_000;
/// How many arrive together.
const BATCH: u32 = 5;
/// The flood takes this long, as do the quiet times.
const SPAN: Duration = Duration::from_secs(4);

/// How long each request of one caller takes, one every 5 ms for `SPAN`.
async fn asked(asker: &Asker) -> Vec<Duration> {
    let mut beat = interval(Duration::from_millis(5));
    let until = Instant::now() + SPAN;
    let mut taken = Vec::new();
    while Instant::now() < until {
        beat.tick().await;
        let began = Instant::now();
        assert_eq!(asker.get("/apps").await.status, 200);
        taken.push(began.elapsed());
    }
    taken
}

/// Sends the tokens evenly over `SPAN`.
async fn flood(askers: Arc<Vec<Asker>>) {
    let mut beat = interval(SPAN * BATCH / u32::try_from(askers.len()).unwrap());
    let mut crowd = tokio::task::JoinSet::new();
    for batch in 0..askers.len() / BATCH as usize {
        beat.tick().await;
        for number in batch * BATCH as usize..(batch + 1) * BATCH as usize {
            let askers = Arc::clone(&askers);
            crowd.spawn(async move { assert_eq!(askers[number].get("/apps").await.status, 401) });
        }
    }
    crowd.join_all().await;
}

fn percentile(sorted: &[Duration], share: f64) -> f64 {
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place")]
    let place = (sorted.len() as f64 * share) as usize;
    sorted[place.min(sorted.len() - 1)].as_secs_f64() * 1e6
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let provider = Provider::start().await;
    let (key, stranger) = (Key::new(Algorithm::Rs256), Key::new(Algorithm::EdDsa));
    provider.publish(&[&key]);
    let house = Plan::default().with_issuers(&[(provider.issuer(), "discovery = true".to_owned())]).build().await;
    let valid = house.bearer(provider.token(&key));
    while valid.get("/apps").await.status != 200 {
        sleep(Duration::from_millis(10)).await;
    }
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    let began = Instant::now();
    for round in 0..ROUNDS {
        let token = |number| stranger.token_with(&provider.issuer(), Some(format!("random-{round}-{number}")));
        let askers = Arc::new((0..TOKENS).map(|number| house.bearer(token(number))).collect::<Vec<_>>());
        alone.extend(asked(&valid).await);
        let flood = tokio::spawn(flood(askers));
        beside.extend(asked(&valid).await);
        flood.await.unwrap();
    }
    alone.sort_unstable();
    beside.sort_unstable();
    println!("valid caller, {ROUNDS} rounds of {} s, {TOKENS} unknown keys a round", SPAN.as_secs());
    for (name, share) in [("median", 0.5), ("p99", 0.99)] {
        let (before, during) = (percentile(&alone, share), percentile(&beside, share));
        println!("{name:>8}: alone {before:8.0} µs   beside the flood {during:8.0} µs   ratio {:.2}", during / before);
    }
    println!("looks at the keys in {} s: {}", began.elapsed().as_secs(), provider.asked(KEYS));
}
