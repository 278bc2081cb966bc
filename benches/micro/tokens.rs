//! Verifying tokens: never seen before, and seen before among so many.

use std::fs;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use secrecy::SecretSlice;
use sluice::auth::{Algorithm, Authenticator, Caller, IssuerConfig, KeySource, Profile, TenantClaim};
use sluice::clock::Clock;

use crate::issuers::Issuer;
use crate::steps::{STRIDE, Step, Takes, lazily};
use crate::stopwatch::{LOT, in_lots, timed, times};

const ALGORITHMS: [(&str, Algorithm); 3] = [
    ("verify, RS256 first seen", Algorithm::Rs256),
    ("verify, ES256 first seen", Algorithm::Es256),
    ("verify, HS256 first seen", Algorithm::Hs256),
];

pub(crate) fn all() -> Vec<Step> {
    let mut steps: Vec<_> = ALGORITHMS.map(|(name, algorithm)| first_seen(name, algorithm)).into();
    let points = [100, 1_000, 10_000, 100_000].map(|seen| (seen, lazily(move || seen_before(seen))));
    steps.push(Step::new("verify, seen before", "tokens", points.into()));
    steps
}

/// Somebody whose token was verified.
pub(crate) fn caller() -> Caller {
    let (issuer, verifies) = issuer(Algorithm::Hs256);
    verify(&authenticator(&issuer, &verifies), &issuer.token(0))
}

/// A gate that has seen nothing meets each token.
fn first_seen(name: &'static str, algorithm: Algorithm) -> Step {
    let (issuer, verifies) = issuer(algorithm);
    let tokens: Vec<_> = (0..LOT).map(|caller| issuer.token(caller)).collect();
    Step::alone(name, move |count| {
        in_lots(count, |lot| {
            let authenticator = authenticator(&issuer, &verifies);
            let seen = || tokens.iter().take(lot).map(|token| verify(&authenticator, token)).collect::<Vec<_>>();
            timed(seen).1
        })
    })
}

fn seen_before(seen: usize) -> Takes {
    let (issuer, verifies) = issuer(Algorithm::Hs256);
    let authenticator = authenticator(&issuer, &verifies);
    let tokens: Arc<[String]> = (0..seen).map(|caller| issuer.token(caller)).collect();
    tokens.iter().for_each(|token| drop(verify(&authenticator, token)));
    Box::new(move |count| {
        times(count, |number| verify(&authenticator, &tokens[number.wrapping_mul(STRIDE) % tokens.len()]))
    })
}

/// An issuer, and its keys as they are verified with.
fn issuer(algorithm: Algorithm) -> (Issuer, Vec<u8>) {
    let place = tempfile::tempdir().unwrap();
    let issuer = Issuer::new(algorithm, place.path());
    let verifies = fs::read(&issuer.verifies).unwrap();
    (issuer, verifies)
}

fn authenticator(issuer: &Issuer, verifies: &[u8]) -> Authenticator {
    let verifies = verifies.to_vec();
    let secret = issuer.algorithm == Algorithm::Hs256;
    let config = IssuerConfig {
        issuer: issuer.name.clone(),
        audiences: vec!["sluice".to_owned()],
        algorithms: vec![issuer.algorithm],
        keys: if secret { KeySource::Secret(SecretSlice::from(verifies)) } else { KeySource::PublicKeyPem(verifies) },
        tenant_claim: TenantClaim::default(),
        profile: Profile::default(),
        required_scopes: vec!["usage:read".to_owned()],
        leeway: Duration::from_secs(30),
        max_lifetime: Duration::from_secs(24 * 3600),
    };
    Authenticator::new(vec![config], Clock::system()).unwrap()
}

/// Nothing is waited for where the keys are at hand.
fn verify(authenticator: &Authenticator, token: &str) -> Caller {
    match pin!(authenticator.authenticate(token)).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(caller)) => caller,
        _ => panic!("the token is refused"),
    }
}
