//! Revocations: whom they mean, whom they do not, and that nothing but their own end lifts them.

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).expect("within the calendar")
}

fn revoked(gate: &Authenticator, target: Target) {
    gate.revoke(Revocation { issuer: None, target }).expect("room");
}

fn sign(claims: &Map<String, Value>) -> String {
    minter(Algorithm::Es256).sign(claims).expect("signed")
}

fn gate() -> Authenticator {
    authenticator(config(source(Algorithm::Es256)))
}

#[test]
fn one_token_is_revoked_by_its_name_also_when_it_was_verified_before() {
    let gate = gate();
    let (ours, other, nameless) =
        (sign(&claims()), sign(&claims_with("jti", json!("token-2"))), sign(&claims_with("jti", Value::Null)));
    accepted(&gate, &ours);
    revoked(&gate, Target::Token { id: "token-1".to_owned(), expires_at: None });
    refused(&gate, &ours, Reason::Revoked);
    accepted(&gate, &other);
    accepted(&gate, &nameless);
}

#[test]
fn a_subject_or_tenant_is_revoked_for_what_was_issued_before() {
    let targets: [fn(Timestamp) -> Target; 2] = [
        |issued_before| Target::Subject { subject: "robot-7".to_owned(), issued_before },
        |issued_before| Target::Tenant { tenant: "team-blue".to_owned(), issued_before },
    ];
    for target in targets {
        let gate = gate();
        let issued = |seconds: i64| sign(&claims_with("iat", json!(seconds)));
        accepted(&gate, &issued(NOW - 60));
        revoked(&gate, target(at(NOW - 30)));
        refused(&gate, &issued(NOW - 60), Reason::Revoked);
        refused(&gate, &issued(NOW - 31), Reason::Revoked);
        accepted(&gate, &issued(NOW - 30));
        accepted(&gate, &issued(NOW));
        refused(&gate, &sign(&claims_with("iat", Value::Null)), Reason::Revoked);
        // A later moment goes further; an earlier one takes nothing back.
        revoked(&gate, target(at(NOW - 10)));
        revoked(&gate, target(at(NOW - 50)));
        refused(&gate, &issued(NOW - 20), Reason::Revoked);
        accepted(&gate, &issued(NOW - 10));
    }
}

#[test]
fn others_are_left_alone() {
    let gate = gate();
    revoked(&gate, Target::Subject { subject: "robot-8".to_owned(), issued_before: at(NOW) });
    revoked(&gate, Target::Tenant { tenant: "team-red".to_owned(), issued_before: at(NOW) });
    // Names of one kind are no names of another.
    revoked(&gate, Target::Token { id: "robot-7".to_owned(), expires_at: None });
    revoked(&gate, Target::Subject { subject: "team-blue".to_owned(), issued_before: at(NOW) });
    let elsewhere = Some("https://other.example".to_owned());
    let target = Target::Token { id: "token-1".to_owned(), expires_at: None };
    gate.revoke(Revocation { issuer: elsewhere, target: target.clone() }).expect("room");
    accepted(&gate, &sign(&claims()));
    // The control: the same one for this issuer.
    gate.revoke(Revocation { issuer: Some(ISSUER.to_owned()), target }).expect("room");
    refused(&gate, &sign(&claims()), Reason::Revoked);
    assert_eq!(gate.revocations(), 6);
}

#[test]
fn a_revoked_token_is_refused_as_such_also_when_it_lacks_a_scope() {
    let required_scopes = vec!["usage:read".to_owned()];
    let gate = authenticator(IssuerConfig { required_scopes, ..config(source(Algorithm::Es256)) });
    assert!(matches!(judged(&gate, &sign(&claims())), Err(Rejected::InsufficientScope { .. })));
    revoked(&gate, Target::Token { id: "token-1".to_owned(), expires_at: None });
    refused(&gate, &sign(&claims()), Reason::Revoked);
}

#[test]
fn revocations_outlive_a_change_of_the_configuration() {
    let gate = gate();
    accepted(&gate, &sign(&claims()));
    revoked(&gate, Target::Tenant { tenant: "team-blue".to_owned(), issued_before: at(NOW) });
    let audiences = vec!["sluice".to_owned()];
    let next = gate.succeeded_by(vec![IssuerConfig { audiences, ..config(source(Algorithm::Es256)) }]).expect("sound");
    refused(&next, &sign(&claims()), Reason::Revoked);
    let gone = next.succeeded_by(Vec::new()).expect("sound");
    let back = gone.succeeded_by(vec![config(source(Algorithm::Es256))]).expect("sound");
    refused(&back, &sign(&claims()), Reason::Revoked);
}

#[test]
fn their_number_is_bounded_and_those_of_expired_tokens_make_room() {
    let gate = gate();
    let token =
        |number: usize, expires_at: i64| Target::Token { id: format!("t-{number}"), expires_at: Some(at(expires_at)) };
    for number in 0..100_000 {
        revoked(&gate, token(number, if number == 7 { NOW - 300 } else { NOW + 10 }));
    }
    revoked(&gate, token(100_000, NOW + 10));
    assert_eq!(gate.revocations(), 100_000, "the expired one went");
    let one_more = Revocation { issuer: None, target: token(100_001, NOW + 10) };
    let full = gate.revoke(one_more).expect_err("no room");
    assert!(full.to_string().starts_with("100000 revocations are kept"), "{full}");
    revoked(&gate, Target::Subject { subject: "robot-8".to_owned(), issued_before: at(NOW) });
    revoked(&gate, Target::Tenant { tenant: "team-red".to_owned(), issued_before: at(NOW) });
    // What is there already can still be said again.
    revoked(&gate, token(100_000, NOW + 20));
}
