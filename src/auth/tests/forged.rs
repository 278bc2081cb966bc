//! Forgeries: signatures that are absent, empty of meaning, or made with a key of the forger's choice.

use super::*;

#[test]
fn unsigned_tokens_are_refused_in_every_spelling() {
    let gate = authenticator(config(source(Algorithm::Rs256)));
    accepted(&gate, &token(Algorithm::Rs256));
    let payload = encoded(texts(Algorithm::Rs256).1);
    for spelling in 0..16_u8 {
        let cased = |(place, letter): (usize, char)| {
            if spelling >> place & 1 == 1 { letter.to_ascii_uppercase() } else { letter }
        };
        let none: String = "none".chars().enumerate().map(cased).collect();
        let header = encoded(json!({"alg": none, "typ": "JWT"}).to_string());
        refused(&gate, &format!("{header}.{payload}."), Reason::Parts);
        refused(&gate, &format!("{header}.{payload}.AAAA"), Reason::AlgorithmNone);
    }
    for header in ["{}", r#"{"alg":null}"#, r#"{"alg":""}"#, r#"{"alg":["none"]}"#, r#"{"alg":" none"}"#] {
        refused(&gate, &format!("{}.{payload}.AAAA", encoded(header)), Reason::AlgorithmUnknown);
    }
}

#[test]
fn a_public_key_is_no_secret() {
    let (_, public) = RSA;
    let blocks = pem::blocks(public).expect("a PEM file");
    let der = blocks.first().map(|block| block.der.to_vec()).expect("a key");
    let pem = KeySource::PublicKeyPem(public.to_vec());
    let narrow = IssuerConfig { algorithms: vec![Algorithm::Rs256], ..config(pem.clone()) };
    for config in [config(pem), narrow] {
        let gate = authenticator(config);
        accepted(&gate, &token(Algorithm::Rs256));
        let trimmed = public.trim_ascii_end().to_vec();
        for secret in [public.to_vec(), trimmed, der.clone()] {
            for algorithm in [Algorithm::Hs256, Algorithm::Hs384, Algorithm::Hs512] {
                let key = SigningKey::Secret(secret.clone().into());
                let forger = Minter::new(&key, &[algorithm], None).expect("long enough");
                refused(&gate, &forger.sign(&claims()).expect("signed"), Reason::AlgorithmRefused);
            }
        }
    }
}

#[test]
fn a_key_that_the_token_brings_is_not_used() {
    let gate = authenticator(config(source(Algorithm::Es256)));
    let theirs = keygen::generate(Algorithm::Es256).expect("a key pair");
    let private = secrecy::ExposeSecret::expose_secret(&theirs.private_pem).as_bytes().to_vec();
    let forger = Minter::new(&SigningKey::PrivateKeyPem(private.into()), &[], None).expect("a key");
    let payload = texts(Algorithm::Es256).1;
    let headers = [
        json!({"alg": "ES256", "jwk": theirs.jwk}),
        json!({"alg": "ES256", "kid": theirs.key_id, "jwk": theirs.jwk}),
        json!({"alg": "ES256", "jku": "https://evil.example/jwks.json"}),
        json!({"alg": "ES256", "x5u": "https://evil.example/cert.pem"}),
        json!({"alg": "ES256", "x5c": ["MIIB"]}),
    ];
    for header in headers.map(|header| header.to_string()) {
        refused(&gate, &forger.sign_text(&header, &payload).expect("signed"), Reason::Signature);
        accepted(&gate, &minter(Algorithm::Es256).sign_text(&header, &payload).expect("signed"));
    }
}

#[test]
fn a_key_name_is_a_name_and_nothing_else() {
    let payload = texts(Algorithm::Es256).1;
    let pair = keygen::generate(Algorithm::Es256).expect("a key pair");
    let set = authenticator(config(KeySource::Jwks(pair.jwks().into_bytes())));
    let private = secrecy::ExposeSecret::expose_secret(&pair.private_pem).as_bytes().to_vec();
    let signer = Minter::new(&SigningKey::PrivateKeyPem(private.into()), &[], None).expect("a key");
    let sign = |kid: &str| {
        let header = json!({"alg": "ES256", "kid": kid});
        signer.sign_text(&header.to_string(), &payload).expect("signed")
    };
    accepted(&set, &sign(&pair.key_id));
    let names = ["", "/dev/null", "../../etc/passwd", "' OR 1=1 --", "x' UNION SELECT 'k", "\u{0}", "|id", "{{7*7}}"];
    for kid in names {
        refused(&set, &sign(kid), Reason::KeyUnknown);
    }
    refused(&set, &sign(&"k".repeat(257)), Reason::KeyIdMalformed);
    for header in [r#"{"alg":"ES256","kid":7}"#, r#"{"alg":"ES256","kid":null}"#, r#"{"alg":"ES256","kid":["a"]}"#] {
        refused(&set, &signer.sign_text(header, &payload).expect("signed"), Reason::KeyIdMalformed);
    }
    refused(&set, &signer.sign_text(r#"{"alg":"ES256"}"#, &payload).expect("signed"), Reason::KeyUnknown);
}

#[test]
fn hollow_signatures_are_refused() {
    for algorithm in Algorithm::ALL {
        let gate = authenticator(config(source(algorithm)));
        let sound = token(algorithm);
        accepted(&gate, &sound);
        let (message, signature) = sound.rsplit_once('.').expect("three parts");
        let bytes = URL_SAFE_NO_PAD.decode(signature).expect("base64url");
        let half = bytes.len() / 2;
        let one_in_each_half: Vec<u8> =
            (0..bytes.len()).map(|i| u8::from(i == half - 1 || i == bytes.len() - 1)).collect();
        let forgeries = [
            vec![0],
            vec![0; bytes.len()],
            vec![0xff; bytes.len()],
            one_in_each_half,
            bytes.iter().copied().take(half).collect(),
            [bytes.as_slice(), &[0]].concat(),
            [&[0], bytes.as_slice()].concat(),
            // an empty SEQUENCE, and one of two zeros: ECDSA signatures in DER
            vec![0x30, 0],
            vec![0x30, 6, 2, 1, 0, 2, 1, 0],
        ];
        for forgery in forgeries {
            refused(&gate, &format!("{message}.{}", encoded(forgery)), Reason::Signature);
        }
        refused(&gate, &format!("{message}."), Reason::Parts);
        refused(&gate, message, Reason::Parts);
    }
}

#[test]
fn a_signature_on_another_curve_is_refused() {
    let payload = texts(Algorithm::Es256).1;
    let gate = authenticator(config(source(Algorithm::Es256)));
    let header = r#"{"alg":"ES256"}"#;
    accepted(&gate, &minter(Algorithm::Es256).sign_text(header, &payload).expect("signed"));
    for other in [Algorithm::Es384, Algorithm::EdDsa, Algorithm::Rs256, Algorithm::Hs256] {
        refused(&gate, &minter(other).sign_text(header, &payload).expect("signed"), Reason::Signature);
    }
}

#[test]
fn what_was_signed_is_what_was_sent() {
    let gate = authenticator(config(source(Algorithm::EdDsa)));
    let sound = token(Algorithm::EdDsa);
    accepted(&gate, &sound);
    let parts: Vec<_> = sound.split('.').collect();
    let [header, _, signature] = parts.as_slice() else { unreachable!("three parts") };
    let other = encoded(Value::Object(claims_with("tenant", json!("team-red"))).to_string());
    refused(&gate, &format!("{header}.{other}.{signature}"), Reason::Signature);
}
