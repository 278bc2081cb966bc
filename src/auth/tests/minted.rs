//! Development tokens and key pairs: what is made here is accepted here, and gives nothing away.

use secrecy::ExposeSecret as _;

use super::*;

fn new_token(tenant_claim: &TenantClaim) -> NewToken<'_> {
    NewToken {
        issuer: ISSUER,
        audience: "sluice",
        tenant_claim,
        tenant: "team-blue",
        subject: "developer",
        scope: "usage:read",
        issued_at: Timestamp::from_second(NOW).expect("a moment"),
        ttl: Duration::from_secs(3600),
        token_id: Some("t-1"),
        not_before: None,
    }
}

fn claim(written: &str) -> TenantClaim {
    written.parse().expect("a claim")
}

#[test]
fn a_new_key_pair_signs_what_its_public_forms_accept() {
    for algorithm in Algorithm::ALL.into_iter().filter(|algorithm| algorithm.family() != Family::Secret) {
        if algorithm.family() == Family::Rsa && algorithm != Algorithm::Ps512 {
            continue; // one RSA key will do: they are slow to make
        }
        let pair = keygen::generate(algorithm).expect("a key pair");
        let key = SigningKey::PrivateKeyPem(pair.private_pem.expose_secret().as_bytes().to_vec().into());
        let minter = Minter::new(&key, &[algorithm], None).expect("fits");
        assert_eq!(minter.algorithm(), algorithm);
        let token = minter.mint(&new_token(&claim("tenant"))).expect("signed");
        for source in
            [KeySource::PublicKeyPem(pair.public_pem.clone().into_bytes()), KeySource::Jwks(pair.jwks().into_bytes())]
        {
            let caller = accepted(&authenticator(config(source)), &token);
            assert_eq!((caller.subject(), caller.token_id()), ("developer", Some("t-1")));
            assert_eq!(caller.scopes().collect::<Vec<_>>(), ["usage:read"]);
        }
        assert!(pair.jwk.get("d").is_none(), "the private half is not published");
    }
    assert_eq!(keygen::generate(Algorithm::Hs256).err(), Some(keygen::KeygenFault::Symmetric));
}

#[test]
fn a_thumbprint_is_that_of_the_rfc() {
    // RFC 8037, A.3
    let seed = URL_SAFE_NO_PAD.decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").expect("base64url");
    let pkcs8 = [&[0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20], seed.as_slice()].concat();
    let file = pem::written("PRIVATE KEY", &pkcs8);
    let key = private_key::PrivateKey::from_pem(file.as_bytes()).expect("a key");
    assert_eq!(key.thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

#[test]
fn the_tenant_goes_where_the_issuer_looks_for_it() {
    for written in ["tenant", "/org/team", "/a/b/c", "sub", "https://sso.example.com/tenant"] {
        let tenant_claim = claim(written);
        let gate =
            authenticator(IssuerConfig { tenant_claim: tenant_claim.clone(), ..config(source(Algorithm::EdDsa)) });
        let token = minter(Algorithm::EdDsa).mint(&new_token(&tenant_claim)).expect("signed");
        assert_eq!(accepted(&gate, &token).tenants().first().as_str(), "team-blue", "{written}");
    }
    for written in ["iss", "aud", "exp", "/sub/team", "/scope/x", "jti"] {
        let minted = minter(Algorithm::EdDsa).mint(&new_token(&claim(written)));
        assert_eq!(minted, Err(MintFault::TenantClaimTaken), "{written}");
    }
}

#[test]
fn a_key_signs_only_what_the_issuer_accepts() {
    let key = |file: &[u8]| SigningKey::PrivateKeyPem(file.to_vec().into());
    let chosen = |file: &[u8], algorithms: &[Algorithm]| {
        Minter::new(&key(file), algorithms, None).map(|minter| minter.algorithm())
    };
    assert_eq!(chosen(RSA.0, &[]), Ok(Algorithm::Rs256));
    assert_eq!(chosen(RSA.0, &[Algorithm::Es256, Algorithm::Ps384, Algorithm::Rs256]), Ok(Algorithm::Ps384));
    assert_eq!(chosen(P384.0, &[]), Ok(Algorithm::Es384));
    let fitting = vec![Algorithm::EdDsa];
    assert_eq!(chosen(ED25519.0, &[Algorithm::Rs256]), Err(MintFault::AlgorithmMismatch { fitting }));
    assert_eq!(chosen(RSA.1, &[]), Err(MintFault::KeyPublic));
    assert_eq!(chosen(b"", &[]), Err(MintFault::KeyUnreadable));
    let encrypted = b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n";
    assert_eq!(chosen(encrypted, &[]), Err(MintFault::KeyEncrypted));

    let short = SigningKey::Secret(vec![7; 40].into());
    let chosen = |algorithms: &[Algorithm]| Minter::new(&short, algorithms, None).map(|minter| minter.algorithm());
    assert_eq!(chosen(&[]), Ok(Algorithm::Hs256));
    assert!(matches!(chosen(&[Algorithm::Hs384]), Err(MintFault::Secret(ConfigFault::SecretTooShort { .. }))));
    assert!(matches!(chosen(&[Algorithm::Rs256]), Err(MintFault::Secret(ConfigFault::AlgorithmMismatch { .. }))));
}

#[test]
fn a_life_beyond_the_calendar_is_refused() {
    let tenant_claim = claim("tenant");
    let forever = NewToken { ttl: Duration::MAX, ..new_token(&tenant_claim) };
    assert_eq!(minter(Algorithm::EdDsa).mint(&forever), Err(MintFault::TtlTooLong));
}

#[test]
fn nothing_printable_holds_a_secret() {
    let secret = String::from_utf8(SECRET.to_vec()).expect("ASCII");
    let configured = config(source(Algorithm::Hs256));
    let private_as_public = config(KeySource::PublicKeyPem(RSA.0.to_vec()));
    let pair = keygen::generate(Algorithm::EdDsa).expect("a key pair");
    let private = pair.private_pem.expose_secret().lines().nth(1).expect("a line of base64").to_owned();
    let rsa = String::from_utf8(RSA.0.to_vec()).expect("ASCII");
    let rsa = rsa.lines().nth(1).expect("a line of base64");
    let printed = [
        format!("{configured:?}"),
        format!("{private_as_public:?}"),
        format!("{:?}", Authenticator::new(vec![private_as_public.clone()], clock())),
        format!("{:?}", minter(Algorithm::Hs256)),
        format!("{:?}", SigningKey::Secret(SECRET.to_vec().into())),
        format!("{pair:?}"),
    ];
    let bytes = format!("{:?}", SECRET.get(..8).expect("long enough")).trim_matches(['[', ']']).to_owned();
    for text in printed {
        for hidden in [secret.as_str(), &bytes, &private, rsa] {
            assert!(!text.contains(hidden), "{text}");
        }
    }
    let gate = authenticator(configured);
    assert_eq!(format!("{gate:?}"), r#"Authenticator { issuers: ["https://sso.example.com"], .. }"#);
}
