//! Keys and their sets: what is used, what is left out and why, and what is a mistake of the configuration.

use secrecy::ExposeSecret as _;

use super::*;

/// A key pair of the tests: what signs, and the JWK to publish.
fn pair(algorithm: Algorithm, key_id: Option<&str>) -> (Minter, Value) {
    let pair = keygen::generate(algorithm).expect("a key pair");
    let private = SigningKey::PrivateKeyPem(pair.private_pem.expose_secret().as_bytes().to_vec().into());
    let mut jwk = pair.jwk.clone();
    match key_id {
        Some(key_id) => change(&mut jwk, "kid", json!(key_id)),
        None => change(&mut jwk, "kid", Value::Null),
    }
    (Minter::new(&private, &[algorithm], key_id.map(str::to_owned)).expect("a key"), jwk)
}

/// Sets a member of a JWK, or takes it out by `null`.
fn change(jwk: &mut Value, name: &str, value: Value) {
    let members = jwk.as_object_mut().expect("an object");
    match value {
        Value::Null => members.remove(name),
        value => members.insert(name.to_owned(), value),
    };
}

fn changed(jwk: &Value, name: &str, value: Value) -> Value {
    let mut jwk = jwk.clone();
    change(&mut jwk, name, value);
    jwk
}

fn set_of(keys: &[Value]) -> KeySource {
    KeySource::Jwks(json!({"keys": keys}).to_string().into_bytes())
}

fn signed(minter: &Minter) -> String {
    minter.sign(&claims()).expect("signed")
}

fn skipped(gate: &Authenticator) -> Vec<SkippedKey> {
    gate.standing().into_iter().flat_map(|issuer| issuer.skipped).collect()
}

#[track_caller]
fn fault(config: IssuerConfig) -> ConfigFault {
    let mut faults = Authenticator::new(vec![config], clock()).expect_err("a fault");
    assert_eq!(faults.len(), 1, "{faults:?}");
    faults.remove(0).1
}

#[test]
fn every_kind_of_key_is_read_from_a_set() {
    for algorithm in [Algorithm::Es256, Algorithm::Es384, Algorithm::EdDsa, Algorithm::Ps256] {
        let (minter, jwk) = pair(algorithm, Some("a"));
        let (_, other) = pair(Algorithm::Es256, Some("b"));
        accepted(&authenticator(config(set_of(&[other, jwk]))), &signed(&minter));
    }
}

#[test]
fn a_bad_key_costs_only_itself() {
    let (minter, good) = pair(Algorithm::Es256, Some("good"));
    let (_, spare) = pair(Algorithm::Es256, Some("spare"));
    let with = |name: &str, value: Value| changed(&spare, name, value);
    let small = json!({"kty": "RSA", "kid": "s", "e": "AQAB", "n": encoded([0xf1; 128])});
    let bad = [
        (json!("not a key"), SkipReason::NotAKey),
        (json!({}), SkipReason::NotAKey),
        (with("kid", json!(5)), SkipReason::NotAKey),
        (json!({"kty": "oct", "kid": "o", "k": encoded(SECRET)}), SkipReason::Symmetric),
        (with("use", json!("enc")), SkipReason::NotForSignatures),
        (with("key_ops", json!(["sign"])), SkipReason::NotForVerifying),
        (with("key_ops", json!([])), SkipReason::NotForVerifying),
        (with("kid", json!("k".repeat(257))), SkipReason::KeyIdTooLong),
        (with("alg", json!("ES384")), SkipReason::Algorithm),
        (with("alg", json!("none")), SkipReason::Algorithm),
        (with("alg", json!("HS256")), SkipReason::Algorithm),
        (with("alg", json!("ECDH-ES")), SkipReason::Algorithm),
        (with("d", json!("AAAA")), SkipReason::Key(KeyFault::Private)),
        (with("crv", json!("P-384")), SkipReason::Key(KeyFault::Unreadable)),
        (with("crv", json!("secp256k1")), SkipReason::Key(KeyFault::Unreadable)),
        (with("kty", json!("AKP")), SkipReason::Key(KeyFault::Unreadable)),
        (with("x", Value::Null), SkipReason::Key(KeyFault::Unreadable)),
        (with("x", json!(encoded([1; 32]))), SkipReason::Key(KeyFault::Unreadable)),
        (with("x", json!(encoded([1; 31]))), SkipReason::Key(KeyFault::Unreadable)),
        (small, SkipReason::Key(KeyFault::RsaSize { bits: 1024 })),
        (
            json!({"kty": "RSA", "kid": "e", "e": "AQ", "n": encoded([0xf1; 256])}),
            SkipReason::Key(KeyFault::Unreadable),
        ),
        (json!({"kty": "OKP", "crv": "Ed448", "kid": "d", "x": "AA"}), SkipReason::Key(KeyFault::Unreadable)),
    ];
    for (entry, why) in bad {
        let gate = authenticator(config(set_of(&[entry.clone(), good.clone()])));
        accepted(&gate, &signed(&minter));
        assert_eq!(skipped(&gate), [SkippedKey { position: 0, why }], "{entry}");
        let alone = fault(config(set_of(&[entry])));
        assert_eq!(alone, ConfigFault::NoUsableKey { skipped: vec![SkippedKey { position: 0, why }] });
    }
    let gate = authenticator(config(set_of(&[with("key_ops", json!(["verify"])), with("kid", json!("other")), good])));
    assert_eq!(skipped(&gate), [], "the controls are used");
}

#[test]
fn names_tell_keys_apart_or_they_are_not_used() {
    let (first, first_jwk) = pair(Algorithm::Es256, Some("same"));
    let (second, second_jwk) = pair(Algorithm::EdDsa, Some("same"));
    let (third, third_jwk) = pair(Algorithm::Es256, Some("other"));
    let (nameless, nameless_jwk) = pair(Algorithm::Es256, None);
    let nameless_token = {
        let (header, payload) = texts(Algorithm::Es256);
        nameless.sign_text(&header, &payload).expect("signed")
    };
    let gate = authenticator(config(set_of(&[first_jwk, second_jwk, third_jwk.clone(), nameless_jwk.clone()])));
    accepted(&gate, &signed(&third));
    refused(&gate, &signed(&first), Reason::KeyUnknown);
    refused(&gate, &signed(&second), Reason::KeyUnknown);
    refused(&gate, &nameless_token, Reason::KeyUnknown);
    let why: Vec<_> = skipped(&gate).iter().map(|key| key.why).collect();
    assert_eq!(why, [SkipReason::KeyIdRepeated, SkipReason::KeyIdRepeated, SkipReason::KeyIdMissing]);

    let alone = authenticator(config(set_of(&[changed(&third_jwk, "use", json!("enc")), nameless_jwk])));
    accepted(&alone, &nameless_token);
    refused(&alone, &signed(&nameless), Reason::KeyUnknown);
    refused(&alone, &signed(&third), Reason::KeyUnknown);
}

#[test]
fn a_key_of_a_set_goes_with_its_own_algorithm() {
    let (rs256, jwk) = pair(Algorithm::Rs256, Some("r"));
    let gate = authenticator(config(set_of(std::slice::from_ref(&jwk))));
    accepted(&gate, &signed(&rs256));
    let (_, payload) = texts(Algorithm::Rs256);
    let as_ps256 = rs256.sign_text(r#"{"alg":"PS256","kid":"r"}"#, &payload).expect("signed");
    refused(&gate, &as_ps256, Reason::AlgorithmRefused);
    let ps_only = IssuerConfig { algorithms: vec![Algorithm::Ps256], ..config(set_of(&[jwk])) };
    let skipped = vec![SkippedKey { position: 0, why: SkipReason::Algorithm }];
    assert_eq!(fault(ps_only), ConfigFault::NoUsableKey { skipped });
}

#[test]
fn one_issuers_token_does_not_hold_under_anothers_keys() {
    let other = IssuerConfig { issuer: "https://b.example".to_owned(), ..config(source(Algorithm::EdDsa)) };
    let gate = Authenticator::new(vec![config(source(Algorithm::Es256)), other], clock()).expect("sound");
    let of = |algorithm, issuer: &str| minter(algorithm).sign(&claims_with("iss", json!(issuer))).expect("signed");
    accepted(&gate, &of(Algorithm::Es256, ISSUER));
    assert_eq!(accepted(&gate, &of(Algorithm::EdDsa, "https://b.example")).issuer(), "https://b.example");
    refused(&gate, &of(Algorithm::EdDsa, ISSUER), Reason::AlgorithmRefused);
    refused(&gate, &of(Algorithm::Es256, "https://b.example"), Reason::AlgorithmRefused);

    let (a, a_jwk) = pair(Algorithm::Es256, Some("1"));
    let (b, b_jwk) = pair(Algorithm::Es256, Some("1"));
    let other = IssuerConfig { issuer: "https://b.example".to_owned(), ..config(set_of(&[b_jwk])) };
    let gate = Authenticator::new(vec![config(set_of(&[a_jwk])), other], clock()).expect("sound");
    accepted(&gate, &signed(&a));
    refused(&gate, &signed(&b), Reason::Signature);
}

#[test]
fn mistakes_of_the_configuration_are_named() {
    let pem = |file: &[u8]| config(KeySource::PublicKeyPem(file.to_vec()));
    let two = [P256.1, RSA.1].concat();
    let rows = [
        (pem(b""), ConfigFault::Key(KeyFault::Unreadable)),
        // a bare point where a SubjectPublicKeyInfo is due
        (pem(pem::written("PUBLIC KEY", &[9; 32]).as_bytes()), ConfigFault::Key(KeyFault::Unreadable)),
        (pem(key_file!("k256-public")), ConfigFault::Key(KeyFault::Unreadable)),
        (pem(key_file!("rsa-1024-public")), ConfigFault::Key(KeyFault::RsaSize { bits: 1024 })),
        (pem(RSA.0), ConfigFault::Key(KeyFault::Private)),
        (pem(key_file!("rsa-pkcs1")), ConfigFault::Key(KeyFault::Private)),
        (pem(P256.0), ConfigFault::Key(KeyFault::Private)),
        (pem(&two), ConfigFault::Key(KeyFault::Several)),
        (
            pem(b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"),
            ConfigFault::Key(KeyFault::Certificate),
        ),
        (config(KeySource::Jwks(b"<html>".to_vec())), ConfigFault::KeySetUnreadable),
        (config(KeySource::Jwks(b"{}".to_vec())), ConfigFault::KeySetUnreadable),
        (config(set_of(&[])), ConfigFault::NoUsableKey { skipped: Vec::new() }),
        (config(set_of(&vec![json!({}); 257])), ConfigFault::TooManyKeys { most: 256 }),
        (
            config(KeySource::Secret(vec![1; 31].into())),
            ConfigFault::SecretTooShort { algorithm: Algorithm::Hs256, needed: 32 },
        ),
        (
            IssuerConfig { algorithms: vec![Algorithm::Hs512], ..config(KeySource::Secret(vec![1; 63].into())) },
            ConfigFault::SecretTooShort { algorithm: Algorithm::Hs512, needed: 64 },
        ),
        (
            IssuerConfig { algorithms: vec![Algorithm::Rs256, Algorithm::Hs256], ..pem(RSA.1) },
            ConfigFault::AlgorithmMismatch { algorithm: Algorithm::Hs256, fitting: Family::Rsa.algorithms().to_vec() },
        ),
        (
            IssuerConfig { algorithms: vec![Algorithm::Es384], ..pem(P256.1) },
            ConfigFault::AlgorithmMismatch { algorithm: Algorithm::Es384, fitting: vec![Algorithm::Es256] },
        ),
        (IssuerConfig { issuer: String::new(), ..pem(RSA.1) }, ConfigFault::IssuerEmpty),
        (IssuerConfig { audiences: Vec::new(), ..pem(RSA.1) }, ConfigFault::AudienceMissing),
        (IssuerConfig { audiences: vec![String::new()], ..pem(RSA.1) }, ConfigFault::AudienceMissing),
        (IssuerConfig { max_lifetime: Duration::ZERO, ..pem(RSA.1) }, ConfigFault::LifetimeZero),
    ];
    for (config, expected) in rows {
        assert_eq!(fault(config), expected);
    }
}

#[test]
fn all_mistakes_are_returned_at_once_with_their_issuers() {
    let sound = || config(source(Algorithm::EdDsa));
    let broken = IssuerConfig { audiences: Vec::new(), ..config(KeySource::Jwks(Vec::new())) };
    let issuers = vec![sound(), IssuerConfig { issuer: "b".to_owned(), ..broken }, sound()];
    let faults = Authenticator::new(issuers, clock()).expect_err("three faults");
    let expected = [
        (1, ConfigFault::AudienceMissing),
        (1, ConfigFault::KeySetUnreadable),
        (2, ConfigFault::IssuerRepeated { first: 0 }),
    ];
    assert_eq!(faults, expected);
    let told: Vec<_> = faults.iter().map(|(_, fault)| fault.to_string()).collect();
    assert!(told.iter().any(|text| text == "issuer number 1 has the same name"), "{told:?}");
}

#[test]
fn without_issuers_every_token_is_refused() {
    let gate = Authenticator::new(Vec::new(), clock()).expect("sound");
    refused(&gate, &token(Algorithm::Es256), Reason::IssuerUnknown);
}
