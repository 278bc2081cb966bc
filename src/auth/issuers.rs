//! `[[issuers]]`: whose tokens are believed, read from the settings and tried on the spot.

use std::collections::HashSet;
use std::time::Duration;

use secrecy::SecretSlice;

use super::{Algorithm, Authenticator, ConfigFault, IssuerConfig, KeySource, Minter, SigningKey, TenantClaim};
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

const LONGEST_LEEWAY: Duration = Duration::from_secs(300);
const LONGEST_LIFETIME: Duration = Duration::from_secs(366 * 24 * 3600);
/// The sources of the contract that fetch keys; refused here, not ignored.
const FETCHED: [&str; 2] = ["discovery", "jwks_url"];
const NOT_FETCHED: &str = "this version does not fetch keys; give jwks_file, public_key_file or secret_file";

impl Config {
    /// Reads every `[[issuers]]` table.
    pub fn read(root: &mut Section<'_>) -> Option<Self> {
        let mut seen = HashSet::new();
        let issuers = root.each("issuers", |section| {
            let name = section.text("issuer");
            let name = section.vetted("issuer", name, |name| {
                seen.insert(name.clone()).then_some(()).ok_or("this issuer is configured twice; give each one table")
            });
            IssuerSettings::read(name, section)
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
    fn read(name: Option<String>, section: &mut Section<'_>) -> Option<Self> {
        let usual = [
            ("tenant_claim", "\"tenant\""),
            ("leeway", "\"30s\""),
            ("max_lifetime", "\"24h\""),
            ("required_scopes", "[]"),
        ];
        for (key, value) in usual {
            section.assume(key, value);
        }
        let audiences = section.texts("audiences");
        let audiences = section.vetted("audiences", audiences, |audiences| {
            (!audiences.is_empty()).then_some(()).ok_or_else(|| ConfigFault::AudienceMissing.to_string())
        });
        let algorithms = algorithms(section);
        let tenant_claim =
            section.parsed("tenant_claim", |text| text.parse::<TenantClaim>().map_err(|fault| fault.to_string()));
        let required_scopes = section.texts("required_scopes");
        let leeway = section.duration("leeway", Duration::ZERO..=LONGEST_LEEWAY);
        let max_lifetime = section.duration("max_lifetime", Duration::from_secs(1)..=LONGEST_LIFETIME);
        let signing_file = section.file("signing_key_file");
        let keys = keys(section);
        let complete = [
            name.is_some(),
            audiences.is_some(),
            algorithms.is_some(),
            required_scopes.is_some(),
            tenant_claim.is_some(),
            leeway.is_some(),
            max_lifetime.is_some(),
        ];
        // Where something else was amiss, which has been noted, the keys are tried all the same beside a stand-in for
        // it, so that a fault of theirs is told in the same breath.
        let issuer = IssuerConfig {
            issuer: name.unwrap_or_else(|| "issuer".to_owned()),
            audiences: audiences.unwrap_or_else(|| vec!["audience".to_owned()]),
            algorithms: algorithms.unwrap_or_default(),
            keys: keys?,
            tenant_claim: tenant_claim.unwrap_or_default(),
            required_scopes: required_scopes.unwrap_or_default(),
            leeway: leeway.unwrap_or_default(),
            max_lifetime: max_lifetime.unwrap_or(LONGEST_LIFETIME),
        };
        let sound = tried(section, &issuer);
        let signing_file = signing_file?;
        let signing = signing(&issuer, signing_file.as_ref());
        // A secret that signs as well has just been tried; its fault is told once.
        let own = signing.as_ref().filter(|_| signing_file.is_some());
        if let Some(Err(fault)) = own.map(|key| Minter::new(key, &issuer.algorithms, None)) {
            section.reject("signing_key_file", fault.to_string());
            return None;
        }
        (sound && complete == [true; 7]).then_some(Self { issuer, signing })
    }
}

fn algorithms(section: &mut Section<'_>) -> Option<Vec<Algorithm>> {
    let words = section.texts("algorithms")?;
    let parsed: Result<Vec<Algorithm>, _> = words.iter().map(|word| word.parse()).collect();
    parsed.map_err(|fault| section.reject("algorithms", fault.to_string())).ok()
}

/// Exactly one source of keys.
fn keys(section: &mut Section<'_>) -> Option<KeySource> {
    let fetched = FETCHED.map(|key| section.absent(key, NOT_FETCHED)).contains(&None);
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
        (None, _) if fetched => None,
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
        let key = key_of(fault, &issuer.keys, section.has("public_key"));
        section.reject(key, fault.to_string());
    }
    false
}

/// The key whose value the fault is about.
fn key_of(fault: &ConfigFault, keys: &KeySource, inline: bool) -> &'static str {
    match fault {
        ConfigFault::IssuerEmpty | ConfigFault::IssuerRepeated { .. } => "issuer",
        ConfigFault::AudienceMissing => "audiences",
        ConfigFault::LifetimeZero => "max_lifetime",
        ConfigFault::AlgorithmMismatch { .. } => "algorithms",
        ConfigFault::Key(_)
        | ConfigFault::SecretTooShort { .. }
        | ConfigFault::KeySetUnreadable
        | ConfigFault::NoUsableKey { .. } => match keys {
            KeySource::PublicKeyPem(_) if inline => "public_key",
            KeySource::PublicKeyPem(_) => "public_key_file",
            KeySource::Jwks(_) => "jwks_file",
            KeySource::Secret(_) => "secret_file",
        },
    }
}
