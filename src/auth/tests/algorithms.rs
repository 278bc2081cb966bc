//! Every algorithm accepts its own tokens, and nobody else's.

use super::*;

#[test]
fn every_algorithm_goes_round() {
    for algorithm in Algorithm::ALL {
        for algorithms in [vec![], vec![algorithm]] {
            let gate = authenticator(IssuerConfig { algorithms, ..config(source(algorithm)) });
            let caller = accepted(&gate, &token(algorithm));
            assert_eq!((caller.tenants().first().as_str(), caller.subject()), ("team-blue", "robot-7"), "{algorithm}");
        }
    }
}

#[test]
fn a_token_holds_under_its_own_key_alone() {
    for ours in Algorithm::ALL {
        let gate = authenticator(config(source(ours)));
        accepted(&gate, &token(ours));
        for theirs in Algorithm::ALL.into_iter().filter(|theirs| theirs.family() != ours.family()) {
            refused(&gate, &token(theirs), Reason::AlgorithmRefused);
        }
    }
}

#[test]
fn the_header_cannot_widen_what_the_issuer_allows() {
    let gate = authenticator(IssuerConfig { algorithms: vec![Algorithm::Rs256], ..config(source(Algorithm::Rs256)) });
    accepted(&gate, &token(Algorithm::Rs256));
    for other in [Algorithm::Rs384, Algorithm::Rs512, Algorithm::Ps256, Algorithm::Ps384, Algorithm::Ps512] {
        refused(&gate, &token(other), Reason::AlgorithmRefused);
    }
}

#[test]
fn the_other_name_of_eddsa_is_the_same_algorithm() {
    let gate = authenticator(config(source(Algorithm::EdDsa)));
    let (_, payload) = texts(Algorithm::EdDsa);
    let sign = |header: &str| minter(Algorithm::EdDsa).sign_text(header, &payload).expect("signed");
    accepted(&gate, &sign(r#"{"alg":"EdDSA"}"#));
    accepted(&gate, &sign(r#"{"alg":"Ed25519"}"#));
    refused(&gate, &sign(r#"{"alg":"Ed448"}"#), Reason::AlgorithmUnknown);
}

#[test]
fn keys_in_every_form_openssl_writes_are_read() {
    let pairs: [(&[u8], &[u8]); 5] = [
        (key_file!("rsa-pkcs1"), key_file!("rsa-public-pkcs1")),
        (key_file!("rsa-pkcs8"), key_file!("rsa-public")),
        (key_file!("p256-sec1"), key_file!("p256-public")),
        (key_file!("p384-pkcs8"), key_file!("p384-public")),
        (key_file!("ed25519-pkcs8"), key_file!("ed25519-public")),
    ];
    for (private, public) in pairs {
        let key = SigningKey::PrivateKeyPem(private.to_vec().into());
        let token = Minter::new(&key, &[], None).and_then(|minter| minter.sign(&claims())).expect("signed");
        accepted(&authenticator(config(KeySource::PublicKeyPem(public.to_vec()))), &token);
    }
}

#[test]
fn a_secret_serves_the_algorithms_it_is_long_enough_for() {
    let gate = |length| {
        let secret = SECRET.iter().copied().take(length).collect::<Vec<_>>();
        authenticator(config(KeySource::Secret(secret.into())))
    };
    let token = |length, algorithm| {
        let secret = SECRET.iter().copied().take(length).collect::<Vec<_>>();
        let minter = Minter::new(&SigningKey::Secret(secret.into()), &[algorithm], None).expect("long enough");
        minter.sign(&claims()).expect("signed")
    };
    accepted(&gate(48), &token(48, Algorithm::Hs256));
    accepted(&gate(48), &token(48, Algorithm::Hs384));
    refused(&gate(48), &super::token(Algorithm::Hs512), Reason::AlgorithmRefused);
    refused(&gate(63), &super::token(Algorithm::Hs256), Reason::Signature);
}
