//! Issuers of the benchmark: keys of the sizes that are usual, and tokens of callers.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretSlice};
use sluice::auth::{Algorithm, Minter, NewToken, Shape, SigningKey, TenantClaim, keygen};
use sluice::clock::Clock;

pub(crate) const TENANT: &str = "team-classroom";
/// `openssl req` and the like still make RSA keys of this size, and so do most providers.
const RSA_BITS: &str = "rsa_keygen_bits:2048";

/// Signs tokens, and tells where the other half of its key is.
pub(crate) struct Issuer {
    pub(crate) algorithm: Algorithm,
    pub(crate) name: String,
    /// The public key's PEM, or the secret.
    pub(crate) verifies: PathBuf,
    minter: Minter,
}

impl Issuer {
    pub(crate) fn new(algorithm: Algorithm, place: &Path) -> Self {
        let name = algorithm.as_str().to_ascii_lowercase();
        let (private, verifies) = (place.join(format!("{name}.key")), place.join(format!("{name}.pub")));
        let signs = if algorithm == Algorithm::Hs256 {
            let secret = keygen::secret().unwrap();
            fs::write(&verifies, secret.expose_secret()).unwrap();
            SigningKey::Secret(SecretSlice::from(secret.expose_secret().as_bytes().to_vec()))
        } else {
            let kind: &[&str] = match algorithm {
                Algorithm::Rs256 => &["RSA", "-pkeyopt", RSA_BITS],
                _ => &["EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
            };
            openssl(&[&["genpkey", "-quiet", "-out", text(&private), "-algorithm"], kind].concat());
            openssl(&["pkey", "-in", text(&private), "-pubout", "-out", text(&verifies)]);
            SigningKey::PrivateKeyPem(SecretSlice::from(fs::read(&private).unwrap()))
        };
        let minter = Minter::new(&signs, &[algorithm], None).unwrap();
        Self { algorithm, name: format!("https://{name}.test"), verifies, minter }
    }

    /// The token of one caller, good for hours.
    pub(crate) fn token(&self, caller: usize) -> String {
        let token = NewToken {
            issuer: &self.name,
            audience: "sluice",
            tenant_claim: &TenantClaim::default(),
            tenant: TENANT,
            subject: &format!("caller-{caller}"),
            scope: "usage:read",
            issued_at: Clock::system().now(),
            ttl: Duration::from_secs(6 * 3600),
            token_id: Some(&format!("{caller:032}")),
            not_before: None,
        };
        self.minter.mint_as(&token, &Shape::default()).unwrap()
    }

    /// The issuer in the gateway's configuration.
    pub(crate) fn configuration(&self) -> String {
        let kind = if self.algorithm == Algorithm::Hs256 { "secret_file" } else { "public_key_file" };
        let Self { name, verifies, algorithm, .. } = self;
        format!(
            "[[issuers]]\nissuer = \"{name}\"\naudiences = [\"sluice\"]\nalgorithms = [\"{}\"]\n{kind} = \"{}\"\n",
            algorithm.as_str(),
            verifies.display()
        )
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn openssl(arguments: &[&str]) {
    let output = Command::new("openssl").args(arguments).output().unwrap();
    assert!(output.status.success(), "openssl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}
