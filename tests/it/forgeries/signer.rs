//! Who signs: an issuer for each kind of signature, with the key that it holds and one that a forger made.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm as Signed, EncodingKey, crypto};
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};
use sluice::auth::Algorithm;
use sluice::auth::keygen::{self, KeyPair};

use crate::support::{Key, Provider, now};

const SECRET: &str = "a shared secret of more than sixty-four bytes, as HS512 asks for it to be";

/// An issuer that the gateway knows, seen by who holds its key.
pub(super) struct Signer {
    pub(super) issuer: String,
    /// Its lines in the configuration.
    pub(super) lines: String,
    pub(super) algorithm: Signed,
    pub(super) kid: Option<String>,
    key: EncodingKey,
    /// A key of the same kind that nobody knows here, and its public half.
    pub(super) foreign: (EncodingKey, Value),
    /// The public key, in the forms in which anybody may have it.
    pub(super) public: Vec<Vec<u8>>,
}

pub(super) fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// One for each kind of signature with a key that was configured, one with a secret, one with keys that are published.
pub(super) fn signers(provider: &Provider, folder: &Path) -> Vec<Signer> {
    let (rsa, theirs) = (pair(Algorithm::Rs256), pair(Algorithm::Rs256));
    let with_pair = |algorithm: Algorithm, ours: &KeyPair, theirs: &KeyPair| {
        let issuer = format!("https://{}.test", algorithm.as_str().to_lowercase());
        let lines = format!("algorithms = [\"{algorithm}\"]\npublic_key = \"\"\"{}\"\"\"", ours.public_pem);
        Signer::new(issuer, lines, algorithm, ours, theirs)
    };
    let mut signers = vec![with_pair(Algorithm::Rs256, &rsa, &theirs), with_pair(Algorithm::Ps256, &rsa, &theirs)];
    for algorithm in [Algorithm::Es256, Algorithm::Es384, Algorithm::EdDsa] {
        signers.push(with_pair(algorithm, &pair(algorithm), &pair(algorithm)));
    }

    let file = folder.join("hs256.key");
    std::fs::write(&file, SECRET).unwrap();
    signers.push(Signer {
        issuer: "https://hs256.test".to_owned(),
        lines: format!("algorithms = [\"HS256\"]\nsecret_file = \"{}\"", file.display()),
        algorithm: Signed::HS256,
        kid: None,
        key: EncodingKey::from_secret(SECRET.as_bytes()),
        foreign: (EncodingKey::from_secret(&[7; 64]), json!({"kty": "oct", "k": encoded([7; 64])})),
        public: Vec::new(),
    });

    let published = Key::new(Algorithm::Es256);
    provider.publish(&[&published]);
    // No run is so slow that a second look is due.
    let lines = "discovery = true\nkeys_lifetime = \"1h\"\nkeys_cooldown = \"1h\"".to_owned();
    let mut signer = Signer::new(provider.issuer(), lines, Algorithm::Es256, &published.0, &pair(Algorithm::Es256));
    signer.kid = Some(published.0.key_id.clone());
    signers.push(signer);
    signers
}

fn pair(algorithm: Algorithm) -> KeyPair {
    keygen::generate(algorithm).unwrap()
}

fn private(pair: &KeyPair, algorithm: Algorithm) -> EncodingKey {
    let pem = pair.private_pem.expose_secret().as_bytes();
    match algorithm {
        Algorithm::Es256 | Algorithm::Es384 => EncodingKey::from_ec_pem(pem).unwrap(),
        Algorithm::EdDsa => EncodingKey::from_ed_pem(pem).unwrap(),
        _ => EncodingKey::from_rsa_pem(pem).unwrap(),
    }
}

impl Signer {
    fn new(issuer: String, lines: String, algorithm: Algorithm, ours: &KeyPair, theirs: &KeyPair) -> Self {
        let pem = &ours.public_pem;
        let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        let public = vec![
            pem.as_bytes().to_vec(),
            pem.trim_end().as_bytes().to_vec(),
            STANDARD.decode(&body).unwrap(),
            body.into_bytes(),
            ours.jwk.to_string().into_bytes(),
        ];
        Self {
            issuer,
            lines,
            algorithm: algorithm.as_str().parse().unwrap(),
            kid: None,
            key: private(ours, algorithm),
            foreign: (private(theirs, algorithm), theirs.jwk.clone()),
            public,
        }
    }

    /// The algorithm's name in a header.
    pub(super) fn name(&self) -> String {
        format!("{:?}", self.algorithm)
    }

    /// The members of a sound header.
    pub(super) fn header(&self) -> Map<String, Value> {
        let mut header = json!({"alg": self.name(), "typ": "JWT"});
        if let Some(kid) = &self.kid {
            header["kid"] = json!(kid);
        }
        header.as_object().unwrap().clone()
    }

    /// The members of a sound payload.
    pub(super) fn payload(&self) -> Map<String, Value> {
        let now = now().as_second();
        let payload = json!({
            "iss": self.issuer, "aud": "sluice", "sub": "tester", "tenant": "red",
            "iat": now, "nbf": now, "exp": now + 600, "jti": "token-1", "scope": "read",
        });
        payload.as_object().unwrap().clone()
    }

    pub(super) fn sound(&self) -> String {
        self.signed(text(self.header()), text(self.payload()))
    }

    /// Signed by the issuer, whatever it is.
    pub(super) fn signed(&self, header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> String {
        signed(header, payload, &self.key, self.algorithm)
    }
}

pub(super) fn text(members: Map<String, Value>) -> String {
    Value::Object(members).to_string()
}

/// Signed with this key, whatever the header says.
pub(super) fn signed(
    header: impl AsRef<[u8]>,
    payload: impl AsRef<[u8]>,
    key: &EncodingKey,
    algorithm: Signed,
) -> String {
    let message = format!("{}.{}", encoded(header), encoded(payload));
    let signature = crypto::sign(message.as_bytes(), key, algorithm).unwrap();
    format!("{message}.{signature}")
}
