//! `[[issuers]]`: whose tokens are believed, read from the settings and tried on the spot.

use std::collections::HashSet;
use std::time::Duration;

use secrecy::SecretSlice;

use super::{
    Algorithm, Authenticator, ConfigFault, IssuerConfig, KeySource, MintFault, Minter, NewToken, Rejected, SigningKey,
    TenantClaim,
};
use crate::clock::Clock;
use crate::settings::{ConfiguredFile, Section};

/// All issuers; each has usable keys, no two have one name.
#[derive(Clone, Debug)]
pub struct Config {
    /// In the order of the file.
    pub issuers: Vec<IssuerSettings>,
}

/// One `[[issuers]]` table.
#[derive(Clone, Debug)]
pub struct IssuerSettings {
    /// How its tokens are judged.
    pub issuer: IssuerConfig,
    /// What `sluice token` signs with, where this is a development issuer.
    pub signing: Option<SigningKey>,
}

/// Why an issuer's development tokens cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoMinter {
    /// There is nothing to sign with.
    #[error("no signing key: set signing_key_file for the issuer (development only)")]
    NoKey,
    /// What there is does not belong to the issuer's keys.
    #[error("signing_key_file does not belong to the issuer's keys: its tokens would be refused")]
    Stranger,
    /// The key cannot sign.
    #[error(transparent)]
    Mint(#[from] MintFault),
}

const LONGEST_LEEWAY: Duration = Duration::from_secs(300);
const DEFAULT_LEEWAY: Duration = Duration::from_secs(30);
const DEFAULT_LIFETIME: Duration = Duration::from_secs(24 * 3600);
const LONGEST_LIFETIME: Duration = Duration::from_secs(366 * 24 * 3600);
/// The sources of the contract that fetch keys; refused here, not ignored.
const FETCHED: [&str; 2] = ["discovery", "jwks_url"];

impl Config {
    /// Reads every `[[issuers]]` table.
    pub fn read(root: &mut Section<'_>) -> Option<Self> {
        let mut seen = HashSet::new();
        let issuers = root.each("issuers", |section| {
            let read = IssuerSettings::read(section)?;
            if seen.insert(read.issuer.issuer.clone()) {
                return Some(read);
            }
            section.reject("issuer", "this issuer is configured twice; give each one table");
            None
        })?;
        if issuers.is_empty() {
            root.reject("issuers", "at least one [[issuers]] table is needed: without it no token could be believed");
            return None;
        }
        Some(Self { issuers })
    }

    /// The issuers as the verifier takes them.
    pub fn configs(&self) -> Vec<IssuerConfig> {
        self.issuers.iter().map(|issuer| issuer.issuer.clone()).collect()
    }
}

impl IssuerSettings {
    /// What signs tokens that this issuer's keys verify, as a trial token has shown.
    pub fn minter(&self) -> Result<Minter, NoMinter> {
        let key = self.signing.as_ref().ok_or(NoMinter::NoKey)?;
        let authenticator =
            Authenticator::new(vec![self.issuer.clone()], Clock::system()).map_err(|_| NoMinter::Stranger)?;
        // A key names itself by its thumbprint; a key set may call it something else.
        let key_ids = [None].into_iter().chain(self.issuer.keys.key_ids().into_iter().map(Some));
        let minters = key_ids.map(|key_id| Minter::new(key, &self.issuer.algorithms, key_id));
        for minter in minters.collect::<Result<Vec<_>, _>>()? {
            let trial = minter.mint(&self.token("trial", Duration::from_secs(1), ""))?;
            let refused = authenticator.authenticate(&trial).err();
            if refused.is_none_or(|refused| matches!(refused, Rejected::InsufficientScope { .. })) {
                return Ok(minter);
            }
        }
        Err(NoMinter::Stranger)
    }

    /// A development token's claims.
    pub fn token<'a>(&'a self, tenant: &'a str, ttl: Duration, scope: &'a str) -> NewToken<'a> {
        NewToken {
            issuer: &self.issuer.issuer,
            audience: self.issuer.audiences.first().map_or("", String::as_str),
            tenant_claim: &self.issuer.tenant_claim,
            tenant,
            subject: "sluice-token",
            scope,
            issued_at: Clock::system().now(),
            ttl,
            token_id: None,
            not_before: None,
        }
    }

    fn read(section: &mut Section<'_>) -> Option<Self> {
        let issuer = section.text("issuer");
        let audiences = section.texts("audiences");
        if audiences.as_ref().is_some_and(Vec::is_empty) {
            section.reject("audiences", ConfigFault::AudienceMissing.to_string());
        }
        let algorithms = algorithms(section);
        let tenant_claim = section
            .optional_parsed("tenant_claim", |text| text.parse::<TenantClaim>().map_err(|fault| fault.to_string()));
        let required_scopes = section.texts("required_scopes");
        let leeway = section.optional_duration("leeway", Duration::ZERO..=LONGEST_LEEWAY);
        let max_lifetime = section.optional_duration("max_lifetime", Duration::from_secs(1)..=LONGEST_LIFETIME);
        let signing_file = section.file("signing_key_file");
        let keys = keys(section);
        let issuer = IssuerConfig {
            issuer: issuer?,
            audiences: audiences?,
            algorithms: algorithms?,
            keys: keys?,
            tenant_claim: tenant_claim?.unwrap_or_default(),
            required_scopes: required_scopes?,
            leeway: leeway?.unwrap_or(DEFAULT_LEEWAY),
            max_lifetime: max_lifetime?.unwrap_or(DEFAULT_LIFETIME),
        };
        let signing = signing(&issuer, signing_file?.as_ref());
        let sound = tried(section, &issuer);
        if let Some(Err(fault)) = signing.as_ref().map(|key| Minter::new(key, &issuer.algorithms, None)) {
            reject_signing(section, &fault);
            return None;
        }
        sound.then_some(Self { issuer, signing })
    }
}

fn algorithms(section: &mut Section<'_>) -> Option<Vec<Algorithm>> {
    let words = section.texts("algorithms")?;
    let parsed: Result<Vec<Algorithm>, _> = words.iter().map(|word| word.parse()).collect();
    parsed.map_err(|fault| section.reject("algorithms", fault.to_string())).ok()
}

/// Exactly one source of keys.
fn keys(section: &mut Section<'_>) -> Option<KeySource> {
    let fetched: Vec<_> = FETCHED.into_iter().filter(|key| section.has(key)).collect();
    for key in &fetched {
        // Asked for, so that it is not reported as unknown besides.
        let _known = section.optional_text(key);
        section.reject(key, "this version does not fetch keys; give jwks_file, public_key_file or secret_file");
    }
    let inline = section.optional_text("public_key");
    let pem = section.file("public_key_file");
    let jwks = section.file("jwks_file");
    let secret = section.file("secret_file");
    let bytes = |file: &ConfiguredFile| file.bytes().to_vec();
    let mut sources: Vec<_> = [
        inline?.map(|text| KeySource::PublicKeyPem(text.into_bytes())),
        pem?.as_ref().map(|file| KeySource::PublicKeyPem(bytes(file))),
        jwks?.as_ref().map(|file| KeySource::Jwks(bytes(file))),
        secret?.as_ref().map(|file| KeySource::Secret(trimmed(file))),
    ]
    .into_iter()
    .flatten()
    .collect();
    match (sources.pop(), sources.is_empty()) {
        (Some(source), true) => Some(source),
        (None, _) if !fetched.is_empty() => None,
        _ => {
            section.reject(
                "issuer",
                "needs exactly one key source: public_key_file (or public_key), jwks_file or secret_file",
            );
            None
        }
    }
}

/// A secret issuer can sign with what it verifies with.
fn signing(issuer: &IssuerConfig, file: Option<&ConfiguredFile>) -> Option<SigningKey> {
    match (&issuer.keys, file) {
        (KeySource::Secret(_), Some(file)) => Some(SigningKey::Secret(trimmed(file))),
        (_, Some(file)) => Some(SigningKey::PrivateKeyPem(SecretSlice::from(file.bytes().to_vec()))),
        (KeySource::Secret(secret), None) => Some(SigningKey::Secret(secret.clone())),
        (_, None) => None,
    }
}

/// The newline that an editor leaves at the end is not part of a secret.
fn trimmed(file: &ConfiguredFile) -> SecretSlice<u8> {
    let bytes = file.bytes();
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    SecretSlice::from(bytes.strip_suffix(b"\r").unwrap_or(bytes).to_vec())
}

fn tried(section: &mut Section<'_>, issuer: &IssuerConfig) -> bool {
    let Err(faults) = Authenticator::new(vec![issuer.clone()], Clock::system()) else { return true };
    for (_, fault) in &faults {
        section.reject(key_of(fault, &issuer.keys), fault.to_string());
    }
    false
}

/// The key whose value the fault is about.
fn key_of(fault: &ConfigFault, keys: &KeySource) -> &'static str {
    match fault {
        ConfigFault::IssuerEmpty | ConfigFault::IssuerRepeated { .. } => "issuer",
        ConfigFault::AudienceMissing => "audiences",
        ConfigFault::LifetimeZero => "max_lifetime",
        ConfigFault::AlgorithmMismatch { .. } => "algorithms",
        ConfigFault::Key(_)
        | ConfigFault::SecretTooShort { .. }
        | ConfigFault::KeySetUnreadable
        | ConfigFault::NoUsableKey { .. } => match keys {
            KeySource::PublicKeyPem(_) => "public_key_file",
            KeySource::Jwks(_) => "jwks_file",
            KeySource::Secret(_) => "secret_file",
        },
    }
}

fn reject_signing(section: &mut Section<'_>, fault: &MintFault) {
    section.reject("signing_key_file", fault.to_string());
}
