//! `[upstream]`: where the vendor is, how it spells things, and the master key.

use std::net::IpAddr;
use std::time::Duration;

use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

use super::Credentials;
use crate::model::{Dimension, Indicator};
use crate::settings::Section;

/// Everything about the vendor that may differ.
#[derive(Clone, Debug)]
pub struct Config {
    /// Scheme, host and port; no path.
    pub endpoint: Url,
    /// Region of the signature's scope.
    pub region: String,
    /// Service of the signature's scope.
    pub service: String,
    /// The API version asked for.
    pub version: String,
    /// The longest a call may take, connection and answer included.
    pub timeout: Duration,
    /// So many faults in a row open the breaker; zero for never.
    pub breaker_faults: u32,
    /// The vendor's spelling.
    pub names: Names,
    /// The master key.
    pub credentials: Credentials,
}

/// How the vendor spells the indicator and the dimensions; its documents disagree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    user_num: String,
    province: String,
    country: String,
}

impl Config {
    /// Reads `[upstream]`.
    pub fn read(section: &mut Section<'_>) -> Option<Self> {
        let endpoint = section.text("endpoint").and_then(|text| {
            // Not quoted in the mistake: a URL may hold a password.
            endpoint(&text).map_err(|fault| section.reject("endpoint", fault)).ok()
        });
        let region = section.parsed("region", visible);
        let service = section.parsed("service", visible);
        let version = section.parsed("version", visible);
        let timeout = section.duration("timeout", Duration::from_millis(100)..=Duration::from_secs(300));
        let breaker_faults = section.integer("breaker_faults", 0..=1000);
        let names = Names::read(&mut section.section("names"));
        let access_key_id = required_secret(section, "access_key_id");
        let secret_access_key = required_secret(section, "secret_access_key");
        let session_token = header_secret(section, "session_token");
        Some(Self {
            endpoint: endpoint?,
            region: region?,
            service: service?,
            version: version?,
            timeout: timeout?,
            breaker_faults: u32::try_from(breaker_faults?).unwrap_or(u32::MAX),
            names: names?,
            credentials: Credentials {
                access_key_id: access_key_id?,
                secret_access_key: secret_access_key?,
                session_token: session_token?,
            },
        })
    }
}

impl Names {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let user_num = section.text("user_num");
        let province = section.text("province");
        let country = section.text("country");
        Some(Self { user_num: user_num?, province: province?, country: country? })
    }

    #[cfg(any(test, fuzzing))]
    pub(super) fn new(user_num: &str, province: &str, country: &str) -> Self {
        Self { user_num: user_num.into(), province: province.into(), country: country.into() }
    }

    pub(super) fn indicator(&self, indicator: Indicator) -> &str {
        match indicator {
            Indicator::UserNum => &self.user_num,
        }
    }

    pub(super) fn dimension(&self, dimension: Dimension) -> &str {
        match dimension {
            Dimension::Province => &self.province,
            Dimension::Country => &self.country,
        }
    }
}

fn required_secret(section: &mut Section<'_>, key: &str) -> Option<SecretString> {
    let secret = header_secret(section, key)?;
    if secret.is_none() {
        let variable = format!("SLUICE_UPSTREAM__{}", key.to_uppercase());
        section.reject(key, format!("is required: set it, {key}_file, or the environment's {variable}"));
    }
    secret
}

/// A secret that can stand in a header: `None` after a mistake, `Some(None)` where it is left out.
#[expect(clippy::option_option, reason = "the shape of all readers of settings")]
fn header_secret(section: &mut Section<'_>, key: &str) -> Option<Option<SecretString>> {
    let secret = section.secret(key)?;
    if secret.as_ref().is_some_and(|secret| visible(secret.expose_secret()).is_err()) {
        section.reject(key, "holds a space, a line break or a character beyond ASCII; give the key alone");
        return None;
    }
    Some(secret)
}

fn visible(text: &str) -> Result<String, String> {
    let visible = text.bytes().all(|b| b.is_ascii_graphic());
    visible.then(|| text.to_owned()).ok_or_else(|| "only visible ASCII characters can be sent".to_owned())
}

/// The master key travels in the clear to nobody but this machine.
fn endpoint(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| "not a URL; write for example \"https://rtc.volcengineapi.com\"")?;
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let loopback = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let anonymous = url.username().is_empty() && url.password().is_none();
    match url.scheme() {
        "https" | "http" if !(bare && anonymous) => {
            Err("give a scheme, a host and at most a port: no path, query or user")
        }
        "https" => Ok(url),
        "http" if loopback => Ok(url),
        "http" => Err("only https may carry the key; plain http is for a simulated upstream on this machine"),
        _ => Err("not an https URL"),
    }
}
