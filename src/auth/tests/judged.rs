//! The claims: each is judged by type, then by value, and only under a signature that holds.

use super::*;

fn gate() -> Authenticator {
    authenticator(config(source(Algorithm::Hs256)))
}

fn signed(claims: &Map<String, Value>) -> String {
    minter(Algorithm::Hs256).sign(claims).expect("signed")
}

/// One claim of an otherwise sound token, and what becomes of it.
type Row = (&'static str, Value, Result<(), Reason>);

#[track_caller]
fn holds(rows: &[Row]) {
    let gate = gate();
    accepted(&gate, &signed(&claims()));
    for (name, value, expected) in rows {
        let outcome = judged(&gate, &signed(&claims_with(name, value.clone()))).map(|_| ());
        assert_eq!(outcome, expected.map_err(Rejected::Unauthorized), "{name} = {value}");
    }
}

#[test]
fn times_are_held_against_the_clock_to_the_second() {
    let day = 24 * 3600;
    holds(&[
        ("exp", Value::Null, Err(Reason::ExpiryMissing)),
        ("exp", json!(NOW), Ok(())),
        ("exp", json!(NOW - 29), Ok(())),
        ("exp", json!(NOW - 30), Err(Reason::Expired)),
        ("exp", json!(NOW - 31), Err(Reason::Expired)),
        ("exp", json!(0), Err(Reason::Expired)),
        ("exp", json!(NOW + day + 30), Ok(())),
        ("exp", json!(NOW + day + 31), Err(Reason::LifetimeTooLong)),
        ("nbf", Value::Null, Ok(())),
        ("nbf", json!(NOW + 30), Ok(())),
        ("nbf", json!(NOW + 31), Err(Reason::NotYetValid)),
        ("iat", Value::Null, Ok(())),
        ("iat", json!(NOW + 30), Ok(())),
        ("iat", json!(NOW + 31), Err(Reason::IssuedInFuture)),
    ]);
}

#[test]
fn a_token_dies_at_an_instant_finer_than_a_second() {
    let expiring = signed(&claims_with("exp", json!(NOW)));
    let at = |nanosecond: i128| {
        let now = Timestamp::from_nanosecond(i128::from(NOW + 30) * 1_000_000_000 + nanosecond).expect("a moment");
        Authenticator::new(vec![config(source(Algorithm::Hs256))], Clock::fixed(now)).expect("sound")
    };
    accepted(&at(-1), &expiring);
    refused(&at(0), &expiring, Reason::Expired);
}

#[test]
fn numeric_dates_are_whole_seconds_of_the_calendar() {
    let odd = [
        json!("1760000100"),
        json!(1_760_000_100.5),
        json!(1_760_000_100.0),
        json!(-1),
        json!(1e308),
        json!(u64::MAX),
        json!(i64::MAX),
        json!(253_402_300_800_i64),
        json!(true),
        json!([NOW + 100]),
        json!({"seconds": NOW + 100}),
    ];
    let names =
        [("exp", Reason::ExpiryMalformed), ("nbf", Reason::NotBeforeMalformed), ("iat", Reason::IssuedAtMalformed)];
    for (name, reason) in names {
        holds(&odd.clone().map(|value| (name, value, Err(reason))));
    }
    let gate = gate();
    let payload = |exp: &str| {
        let sound = Value::Object(claims_with("exp", Value::Null)).to_string();
        let text = format!("{{\"exp\":{exp},{}", sound.trim_start_matches('{'));
        minter(Algorithm::Hs256).sign_text(r#"{"alg":"HS256"}"#, &text).expect("signed")
    };
    accepted(&gate, &payload("1760000100"));
    refused(&gate, &payload("null"), Reason::ExpiryMalformed);
    refused(&gate, &payload("-0"), Reason::ExpiryMalformed);
    refused(&gate, &payload("1760000100e0"), Reason::ExpiryMalformed);
    refused(&gate, &payload("99999999999999999999999"), Reason::ExpiryMalformed);
    refused(&gate, &payload("1e400"), Reason::Payload);
    refused(&gate, &payload("01760000100"), Reason::Payload);
}

#[test]
fn an_audience_is_ours_whole_or_not_at_all() {
    holds(&[
        ("aud", json!("gateway"), Ok(())),
        ("aud", json!(["other", "sluice"]), Ok(())),
        ("aud", json!(["sluice"]), Ok(())),
        ("aud", Value::Null, Err(Reason::AudienceMissing)),
        ("aud", json!([]), Err(Reason::AudienceMismatch)),
        ("aud", json!(""), Err(Reason::AudienceMismatch)),
        ("aud", json!("sluic"), Err(Reason::AudienceMismatch)),
        ("aud", json!("sluice2"), Err(Reason::AudienceMismatch)),
        ("aud", json!("Sluice"), Err(Reason::AudienceMismatch)),
        ("aud", json!("other sluice"), Err(Reason::AudienceMismatch)),
        ("aud", json!(["sluice", 5]), Err(Reason::AudienceMalformed)),
        ("aud", json!([["sluice"]]), Err(Reason::AudienceMalformed)),
        ("aud", json!({"sluice": true}), Err(Reason::AudienceMalformed)),
        ("aud", json!(5), Err(Reason::AudienceMalformed)),
    ]);
}

#[test]
fn the_issuer_is_compared_letter_for_letter() {
    holds(&[
        ("iss", Value::Null, Err(Reason::IssuerMissing)),
        ("iss", json!(5), Err(Reason::IssuerMissing)),
        ("iss", json!([ISSUER]), Err(Reason::IssuerMissing)),
        ("iss", json!(""), Err(Reason::IssuerUnknown)),
        ("iss", json!("https://sso.example.com/"), Err(Reason::IssuerUnknown)),
        ("iss", json!("https://SSO.example.com"), Err(Reason::IssuerUnknown)),
        ("iss", json!("http://sso.example.com"), Err(Reason::IssuerUnknown)),
        ("iss", json!("https://sso.example.com\u{0}"), Err(Reason::IssuerUnknown)),
    ]);
}

#[test]
fn subject_tenant_and_name_are_texts() {
    holds(&[
        ("sub", Value::Null, Err(Reason::SubjectMissing)),
        ("sub", json!(""), Err(Reason::SubjectMalformed)),
        ("sub", json!(7), Err(Reason::SubjectMalformed)),
        ("jti", Value::Null, Ok(())),
        ("jti", json!(7), Err(Reason::TokenIdMalformed)),
        ("tenant", json!("t".repeat(128)), Ok(())),
        ("tenant", json!("教室 team"), Ok(())),
        ("tenant", Value::Null, Err(Reason::TenantMissing)),
        ("tenant", json!(""), Err(Reason::TenantMalformed)),
        ("tenant", json!("t".repeat(129)), Err(Reason::TenantMalformed)),
        ("tenant", json!("a\nb"), Err(Reason::TenantMalformed)),
        ("tenant", json!("a\u{2028}b"), Err(Reason::TenantMalformed)),
        ("tenant", json!("a\u{202e}b"), Err(Reason::TenantMalformed)),
        ("tenant", json!("a\u{200b}"), Err(Reason::TenantMalformed)),
        ("tenant", json!(["team-blue"]), Err(Reason::TenantMalformed)),
        ("tenant", json!(1), Err(Reason::TenantMalformed)),
    ]);
}

#[test]
fn a_nested_tenant_is_found_by_its_pointer() {
    let gate = authenticator(IssuerConfig {
        tenant_claim: "/org/team".parse().expect("a pointer"),
        ..config(source(Algorithm::Hs256))
    });
    let caller = accepted(&gate, &signed(&claims_with("org", json!({"team": "team-red"}))));
    assert_eq!(caller.tenants().first().as_str(), "team-red");
    refused(&gate, &signed(&claims()), Reason::TenantMissing);
    refused(&gate, &signed(&claims_with("org", json!("team-red"))), Reason::TenantMissing);
    refused(&gate, &signed(&claims_with("org", json!({"team": {}}))), Reason::TenantMalformed);
}

#[test]
fn required_scopes_are_all_required() {
    let required_scopes = vec!["usage:read".to_owned(), "usage:list".to_owned()];
    let gate = authenticator(IssuerConfig { required_scopes, ..config(source(Algorithm::Hs256)) });
    let judged = |name: &str, value: Value| judged(&gate, &signed(&claims_with(name, value)));
    // The refusal tells all of them: a token with the missing one alone would be refused again.
    let lacks = Err(Rejected::InsufficientScope { required: vec!["usage:read".to_owned(), "usage:list".to_owned()] });
    let caller = judged("scope", json!("openid usage:list  usage:read openid")).expect("all there");
    assert_eq!(caller.scopes().collect::<Vec<_>>(), ["openid", "usage:list", "usage:read"]);
    assert!(judged("scp", json!(["usage:list", "usage:read"])).is_ok());
    assert!(judged("scp", json!("usage:list usage:read")).is_ok());
    assert_eq!(judged("scope", Value::Null), lacks);
    assert_eq!(judged("scope", json!("usage:read")), lacks);
    assert_eq!(judged("scope", json!("usage:reader usage:list")), lacks);
    assert_eq!(judged("scope", json!("USAGE:READ,usage:list")), lacks);
    for (name, odd) in [("scope", json!(["usage:read"])), ("scope", json!(1)), ("scp", json!([1])), ("scp", json!({}))]
    {
        assert_eq!(judged(name, odd), Err(Rejected::Unauthorized(Reason::ScopeMalformed)), "{name}");
    }
    // who lacks a scope and has expired is not known at all
    refused(&gate, &signed(&claims_with("exp", json!(NOW - 60))), Reason::Expired);
}

#[test]
fn no_claim_is_judged_before_the_signature() {
    let gate = gate();
    let stale = signed(&claims_with("exp", json!(NOW - 60)));
    refused(&gate, &stale, Reason::Expired);
    let (message, _) = stale.rsplit_once('.').expect("three parts");
    refused(&gate, &format!("{message}.{}", encoded([0; 32])), Reason::Signature);
}

#[test]
fn a_caller_is_what_the_token_says() {
    let caller = accepted(&gate(), &signed(&claims()));
    assert_eq!(caller.tenants().first().as_str(), "team-blue");
    assert_eq!((caller.issuer(), caller.subject(), caller.token_id()), (ISSUER, "robot-7", Some("token-1")));
    assert_eq!(caller.expires_at().as_second(), NOW + 3600);
    assert_eq!(caller.issued_at().map(Timestamp::as_second), Some(NOW - 60));
    assert_eq!(caller.scopes().count(), 0);
    assert!(!caller.tenants().are_several(), "one name is one tenant");
    assert_eq!(Caller::of_tenant("team-blue").tenants(), caller.tenants());
}
