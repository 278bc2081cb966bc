//! The `redis_…` keys of `[budget]`: the Redis that replicas share, where there are several.

use secrecy::SecretString;

use super::address::Address;
use crate::settings::Section;

/// The store that replicas share.
#[derive(Clone, Debug)]
pub struct Config {
    pub(super) address: Address,
    /// Certificates of the authorities that the server's own is held against, PEM; the system's where there are none.
    pub(super) authorities: Option<Vec<u8>>,
    pub(super) prefix: String,
}

impl Config {
    /// Reads the keys from `[budget]`. Without a URL there is no store.
    #[expect(clippy::option_option, reason = "the shape of all readers of settings")]
    pub fn read(section: &mut Section<'_>) -> Option<Option<Self>> {
        let url = section.secret("redis_url");
        let password = section.secret("redis_password");
        let authorities = section.file("redis_ca_file");
        let prefix = section.parsed("redis_prefix", prefix);
        let (url, password, authorities, prefix) = (url?, password?, authorities?, prefix?);
        let Some(url) = url else {
            return alone(section, password.as_ref(), authorities.is_some());
        };
        let address = address(&url).map_err(|fault| section.reject("redis_url", fault)).ok()?;
        if authorities.is_some() && !address.tls {
            section.reject("redis_ca_file", "is of use only with TLS: write rediss… in redis_url");
            return None;
        }
        let authorities = authorities.map(|file| file.bytes().to_vec());
        let address = Address { password: password.or(address.password), ..address };
        Some(Some(Self { address, authorities, prefix }))
    }
}

fn address(url: &SecretString) -> Result<Address, String> {
    use secrecy::ExposeSecret;
    Address::parse(url.expose_secret())
}

/// A password for nothing is a URL forgotten: two replicas that each believe to be alone break the vendor's limit.
#[expect(clippy::option_option, reason = "the shape of all readers of settings")]
fn alone(section: &mut Section<'_>, password: Option<&SecretString>, authorities: bool) -> Option<Option<Config>> {
    if password.is_some() || authorities {
        section.reject("redis_url", "is missing, and other redis_… keys are there; without it nothing is shared");
        return None;
    }
    Some(None)
}

/// It stands between braces in every key, so that a Cluster keeps all keys in one place and scripts can use them together.
fn prefix(text: &str) -> Result<String, String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    let good = (1..=64).contains(&text.len()) && text.bytes().all(plain);
    good.then(|| text.to_owned()).ok_or_else(|| "give 1 to 64 letters, digits, `-`, `_` or `.`".to_owned())
}
