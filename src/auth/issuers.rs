//! `[[issuers]]`: whose tokens are believed, read from the settings and tried on the spot.

use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::time::Duration;

use secrecy::SecretSlice;

use super::config::LONGEST_LEEWAY;
use super::provider::place;
use super::{
    Algorithm, Authenticator, ConfigFault, IssuerConfig, KeySource, Minter, Place, PlaceFault, Profile, Published,
    SigningKey, TenantClaim,
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

const LONGEST_LIFETIME: Duration = Duration::from_secs(366 * 24 * 3600);
/// How long published keys are believed; settings of issuers that publish theirs.
const PUBLISHED: [(&str, &str, RangeInclusive<Duration>); 3] = [
    ("keys_lifetime", "\"60s\"", Duration::from_secs(1)..=Duration::from_secs(24 * 3600)),
    ("keys_max_age", "\"24h\"", Duration::from_secs(1)..=Duration::from_secs(30 * 24 * 3600)),
    ("keys_cooldown", "\"30s\"", Duration::from_secs(1)..=Duration::from_secs(3600)),
];
const ONE_SOURCE: &str =
    "needs exactly one key source: discovery, jwks_url, jwks_file, public_key_file (or public_key) or secret_file";
const NOT_PUBLISHED: &str = "has no meaning here: only keys from discovery or jwks_url are fetched";

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
        let profile = Profile::read(section);
        let required_scopes = section.texts("required_scopes");
        let leeway = section.duration("leeway", Duration::ZERO..=LONGEST_LEEWAY);
        let max_lifetime = section.duration("max_lifetime", Duration::from_secs(1)..=LONGEST_LIFETIME);
        let signing_file = section.file("signing_key_file");
        let keys = keys(section, name.as_deref());
        let complete = [
            name.is_some(),
            audiences.is_some(),
            algorithms.is_some(),
            required_scopes.is_some(),
            tenant_claim.is_some(),
            profile.is_some(),
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
            profile: profile.unwrap_or_default(),
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
        (sound && complete == [true; 8]).then_some(Self { issuer, signing })
    }
}

fn algorithms(section: &mut Section<'_>) -> Option<Vec<Algorithm>> {
    let words = section.texts("algorithms")?;
    let parsed: Result<Vec<Algorithm>, _> = words.iter().map(|word| word.parse()).collect();
    parsed.map_err(|fault| section.reject("algorithms", fault.to_string())).ok()
}

/// Exactly one source of keys. `issuer` is what `discovery` starts from.
fn keys(section: &mut Section<'_>, issuer: Option<&str>) -> Option<KeySource> {
    let inline = section.optional_text("public_key");
    let pem = section.file("public_key_file");
    let jwks = section.file("jwks_file");
    let secret = section.file("secret_file");
    let published = published(section, issuer);
    let bytes = |file: &ConfiguredFile| file.bytes().to_vec();
    let mut sources: Vec<_> = [
        inline?.map(|text| KeySource::PublicKeyPem(text.into_bytes())),
        pem?.as_ref().map(|file| KeySource::PublicKeyPem(bytes(file))),
        jwks?.as_ref().map(|file| KeySource::Jwks(bytes(file))),
        secret?.as_ref().map(|file| KeySource::Secret(trimmed(file))),
    ]
    .into_iter()
    .flatten()
    .chain(published?.into_iter().map(KeySource::Published))
    .collect();
    if sources.len() != 1 {
        section.reject("issuer", ONE_SOURCE);
    }
    sources.pop().filter(|_| sources.is_empty())
}

/// The places that keys are fetched from: none, one, or one too many. `None` where something is wrong with one.
fn published(section: &mut Section<'_>, issuer: Option<&str>) -> Option<Vec<Published>> {
    if section.has("discovery") || section.has("jwks_url") {
        for (key, usual, _) in PUBLISHED {
            section.assume(key, usual);
        }
        section.assume("discovery", "false");
    } else {
        // All are asked for before one that is there is refused, so that none is called unknown.
        let hosts = section.absent("jwks_hosts", NOT_PUBLISHED);
        let times = PUBLISHED.map(|(key, ..)| section.absent(key, NOT_PUBLISHED));
        return times.into_iter().chain([hosts]).all(|absent| absent.is_some()).then(Vec::new);
    }
    let discovery = section.boolean("discovery");
    let key_set = section.optional_text("jwks_url").map(|url| url.map(|url| Place::key_set(&url)));
    let hosts = section.texts("jwks_hosts");
    let hosts = section.vetted("jwks_hosts", hosts, |hosts| match hosts.iter().find(|host| !place::is_host(host)) {
        None => Ok(()),
        Some(host) => Err(format!("{host:?} is not a host; write for example \"keys.example.com\", without a port")),
    });
    let [lifetime, max_age, cooldown] = PUBLISHED.map(|(key, _, range)| section.duration(key, range));
    let (discovery, key_set, hosts) = (discovery?, key_set?, hosts?);
    if !discovery && !hosts.is_empty() {
        section.reject("jwks_hosts", "has no meaning here: only discovery can lead to another host");
        return None;
    }
    let mut places = Vec::new();
    if let Some(place) = key_set {
        // Not quoted in the mistake: a URL may hold a password.
        places.push(place.map_err(|fault| section.reject("jwks_url", fault.to_string())).ok()?);
    }
    if discovery {
        // Where the issuer is amiss, that has been told.
        let issuer = issuer?;
        let hosts = hosts.into_iter().map(|host| host.to_lowercase()).collect();
        let fault = |fault: PlaceFault| section.reject("issuer", format!("cannot be used for discovery: {fault}"));
        places.push(Place::discovery(issuer, hosts).map_err(fault).ok()?);
    }
    let (lifetime, max_age, cooldown) = (lifetime?, max_age?, cooldown?);
    if max_age < lifetime {
        section.reject("keys_max_age", "must not be shorter than keys_lifetime: the keys would lapse before each look");
        return None;
    }
    Some(places.into_iter().map(|place| Published { place, lifetime, max_age, cooldown }).collect())
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
        | ConfigFault::TooManyKeys { .. }
        | ConfigFault::NoUsableKey { .. } => match keys {
            KeySource::PublicKeyPem(_) if inline => "public_key",
            KeySource::PublicKeyPem(_) => "public_key_file",
            KeySource::Jwks(_) => "jwks_file",
            KeySource::Secret(_) => "secret_file",
            KeySource::Published(_) => "algorithms",
        },
    }
}
