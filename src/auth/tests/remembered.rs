//! Tokens that were verified before: they count as long as they would be verified again, and not a second longer.

use std::sync::atomic::{AtomicI64, Ordering};

use super::*;

fn movable(config: IssuerConfig) -> (Authenticator, Arc<AtomicI64>) {
    let now = Arc::new(AtomicI64::new(NOW));
    (Authenticator::new(vec![config], Clock::by_hand(&now)).expect("sound"), now)
}

fn remembered(gate: &Authenticator, token: &str) -> bool {
    gate.remembered(&gate.hash(token.as_bytes()), gate.now()).is_some()
}

#[test]
fn a_verified_token_is_remembered_and_its_caller_is_the_same() {
    let gate = authenticator(config(source(Algorithm::Es256)));
    let token = token(Algorithm::Es256);
    assert!(!remembered(&gate, &token));
    let first = accepted(&gate, &token);
    assert!(remembered(&gate, &token));
    assert_eq!(accepted(&gate, &token), first);
}

#[test]
fn a_remembered_token_expires_to_the_second() {
    let (gate, now) = movable(config(source(Algorithm::EdDsa)));
    let token = token(Algorithm::EdDsa);
    accepted(&gate, &token);
    now.store(NOW + 3600 + 29, Ordering::SeqCst);
    assert!(remembered(&gate, &token));
    accepted(&gate, &token);
    now.store(NOW + 3600 + 30, Ordering::SeqCst);
    refused(&gate, &token, Reason::Expired);
    assert_eq!(gate.memory.verified.len(), 0, "its room is given back");
}

#[test]
fn after_a_clock_was_set_back_a_token_is_looked_at_again() {
    let (gate, now) = movable(config(source(Algorithm::EdDsa)));
    let token = minter(Algorithm::EdDsa).sign(&claims_with("nbf", json!(NOW))).expect("signed");
    accepted(&gate, &token);
    now.store(NOW - 3600, Ordering::SeqCst);
    refused(&gate, &token, Reason::NotYetValid);
    now.store(NOW, Ordering::SeqCst);
    accepted(&gate, &token);
}

#[test]
fn what_was_refused_is_not_remembered() {
    let required_scopes = vec!["usage:read".to_owned()];
    let gate = authenticator(IssuerConfig { required_scopes, ..config(source(Algorithm::Hs256)) });
    let sign = |claims| minter(Algorithm::Hs256).sign(&claims).expect("signed");
    for claims in [claims(), claims_with("exp", json!(NOW - 60)), claims_with("aud", json!("other"))] {
        assert!(judged(&gate, &sign(claims)).is_err());
    }
    let mut forged = sign(claims_with("scope", json!("usage:read")));
    accepted(&gate, &forged);
    forged.pop();
    assert!(judged(&gate, &forged).is_err());
    assert_eq!(gate.memory.verified.len(), 1, "the control alone");
}

#[test]
fn other_settings_of_an_issuer_empty_its_memory_and_no_other_issuers() {
    let ours = config(source(Algorithm::Es256));
    let theirs = IssuerConfig { issuer: "https://other.example".to_owned(), ..config(source(Algorithm::EdDsa)) };
    let gate = Authenticator::new(vec![ours.clone(), theirs.clone()], clock()).expect("sound");
    let (our_token, their_token) = (token(Algorithm::Es256), {
        let claims = claims_with("iss", json!("https://other.example"));
        minter(Algorithm::EdDsa).sign(&claims).expect("signed")
    });
    accepted(&gate, &our_token);
    accepted(&gate, &their_token);

    let same = gate.succeeded_by(vec![ours.clone(), theirs.clone()]).expect("sound");
    assert!(remembered(&same, &our_token) && remembered(&same, &their_token));

    let narrower = IssuerConfig { audiences: vec!["elsewhere".to_owned()], ..ours };
    let next = same.succeeded_by(vec![narrower, theirs]).expect("sound");
    next.forget_those_of(&same);
    assert!(remembered(&next, &their_token));
    refused(&next, &our_token, Reason::AudienceMismatch);
    assert_eq!(next.memory.verified.len(), 1);
    // A request that began under the old settings may end after the change; what it leaves behind must not count.
    accepted(&same, &our_token);
    refused(&next, &our_token, Reason::AudienceMismatch);
}

#[test]
fn an_issuer_that_was_removed_is_believed_no_more() {
    let gate = authenticator(config(source(Algorithm::Es256)));
    let token = token(Algorithm::Es256);
    accepted(&gate, &token);
    let next = gate.succeeded_by(Vec::new()).expect("sound");
    next.forget_those_of(&gate);
    refused(&next, &token, Reason::IssuerUnknown);
    assert_eq!(next.memory.verified.len(), 0);
}
