//! What kind of tokens an issuer's are: their `typ`, the claims they have to have, and where their scopes are.

use super::*;

fn gate(profile: Profile) -> Authenticator {
    authenticator(IssuerConfig { profile, ..config(source(Algorithm::EdDsa)) })
}

/// A sound token but for its `typ`; without one where that is empty.
fn typed(typ: &str) -> String {
    let header = if typ.is_empty() { json!({"alg": "EdDSA"}) } else { json!({"alg": "EdDSA", "typ": typ}) };
    let payload = Value::Object(claims()).to_string();
    minter(Algorithm::EdDsa).sign_text(&header.to_string(), &payload).expect("signed")
}

#[test]
fn an_issuer_may_insist_on_access_tokens() {
    let any = gate(Profile::default());
    let strict = gate(Profile { token_type: TokenType::AccessToken, ..Profile::default() });
    for (typ, is_one) in [
        ("at+jwt", true),
        ("application/at+jwt", true),
        ("AT+JWT", true),
        ("Application/At+Jwt", true),
        ("JWT", false),
        ("jwt", false),
        ("", false),
    ] {
        accepted(&any, &typed(typ));
        let outcome = judged(&strict, &typed(typ)).map(|_| ());
        let expected = if is_one { Ok(()) } else { Err(Rejected::Unauthorized(Reason::NotAnAccessToken)) };
        assert_eq!(outcome, expected, "{typ}");
    }
    for typ in ["application/jwt", "at+jwt ", "at-jwt", "logout+jwt", "x/at+jwt"] {
        refused(&any, &typed(typ), Reason::TokenType);
        refused(&strict, &typed(typ), Reason::TokenType);
    }
    // Whether it is one is judged only under a signature that holds.
    let (message, _) = typed("JWT").rsplit_once('.').map(|(m, s)| (m.to_owned(), s.to_owned())).expect("three parts");
    refused(&strict, &format!("{message}.{}", encoded([0; 64])), Reason::Signature);
}

#[test]
fn required_claims_have_to_be_there() {
    let gate = gate(Profile {
        required_claims: ["iat", "jti", "client_id"].map(str::to_owned).to_vec(),
        ..Profile::default()
    });
    let with = |changes: &[(&str, Value)]| {
        let mut claims = claims_with("client_id", json!("dashboard"));
        for (name, value) in changes {
            claims.insert((*name).to_owned(), value.clone());
        }
        claims
    };
    let judged = |claims: &Map<String, Value>| {
        judged(&gate, &minter(Algorithm::EdDsa).sign(claims).expect("signed")).map(|_| ())
    };
    let missing = Err(Rejected::Unauthorized(Reason::ClaimMissing));
    assert_eq!(judged(&with(&[])), Ok(()));
    assert_eq!(judged(&with(&[("more", json!(1))])), Ok(()));
    for name in ["iat", "jti", "client_id"] {
        let mut claims = with(&[]);
        claims.remove(name);
        assert_eq!(judged(&claims), missing, "{name}");
    }
    assert_eq!(judged(&with(&[("client_id", Value::Null)])), missing, "null says nothing");
    assert_eq!(judged(&with(&[("iat", json!("now"))])), Err(Rejected::Unauthorized(Reason::IssuedAtMalformed)));
    // Those that every token has to have keep their own words.
    for (name, reason) in [
        ("exp", Reason::ExpiryMissing),
        ("aud", Reason::AudienceMissing),
        ("sub", Reason::SubjectMissing),
        ("iss", Reason::IssuerMissing),
    ] {
        let mut claims = with(&[]);
        claims.remove(name);
        assert_eq!(judged(&claims), Err(Rejected::Unauthorized(reason)), "{name}");
    }
}

/// The claims that hold scopes, one claim of a token, and the scopes that are found.
type Row<'r> = (&'r [&'r str], &'r str, Value, Result<&'r str, Rejected>);

#[test]
fn scopes_are_where_the_issuer_puts_them() {
    let gate_of = |names: &[&str]| {
        let profile =
            Profile { scope_claims: names.iter().map(|&name| name.to_owned()).collect(), ..Profile::default() };
        gate(profile)
    };
    let malformed = Err(Rejected::Unauthorized(Reason::ScopeMalformed));
    let rows: &[Row<'_>] = &[
        (&["scope", "scp"], "scope", json!("a  b a"), Ok("a b")),
        (&["scope", "scp"], "scp", json!(["b", "a c"]), Ok("a b c")),
        (&["scope", "scp"], "roles", json!(["a"]), Ok("")),
        (&["roles"], "roles", json!(["a", "b"]), Ok("a b")),
        (&["roles"], "roles", json!("a b"), Ok("a b")),
        (&["roles"], "scope", json!("a"), Ok("")),
        (&["roles"], "scope", json!(["a"]), Ok("")),
        (&["scope", "scp"], "scope", json!(["a"]), malformed.clone()),
        (&["scope"], "scope", json!({}), malformed.clone()),
        (&["scope", "scp"], "scp", json!(["a", 1]), malformed.clone()),
        (&["roles"], "roles", json!(1), malformed.clone()),
        (&["roles"], "roles", json!({"a": true}), malformed),
    ];
    for (names, claim, value, expected) in rows {
        let token = minter(Algorithm::EdDsa).sign(&claims_with(claim, value.clone())).expect("signed");
        let scopes = judged(&gate_of(names), &token).map(|caller| caller.scopes().collect::<Vec<_>>().join(" "));
        assert_eq!(scopes.as_deref().map_err(Clone::clone), expected.clone(), "{names:?} {claim} = {value}");
    }
}
