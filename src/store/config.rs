//! The `redis_…` keys of `[budget]`: the Redis that replicas share, where there are several.

use secrecy::SecretString;

use super::address::Address;
use crate::settings::Section;

/// The store that replicas share.
#[derive(Clone, Debug)]
pub struct Config {
    pub(super) address: Address,
    /// Goes before that of the URL.
    password: Option<SecretString>,
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
        Some(Some(Self { address, password, authorities, prefix }))
    }

    pub(super) fn password(&self) -> Option<&SecretString> {
        self.password.as_ref().or(self.address.password.as_ref())
    }

    /// This one with the password and the authorities of another. Those of another place are not for this one, and what
    /// its URL says waits for a restart: `None` then.
    pub(super) fn renewed(&self, newer: Self) -> Option<Self> {
        let Self { password, authorities, .. } = newer;
        newer.address.is_at(&self.address).then(|| Self { password, authorities, ..self.clone() })
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

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    fn config(url: &str, password: Option<&str>) -> Config {
        let address = Address::parse(url).unwrap();
        Config { address, password: password.map(SecretString::from), authorities: None, prefix: "sluice".into() }
    }

    #[test]
    fn a_new_password_is_taken_and_one_that_stands_in_the_url_or_belongs_elsewhere_is_not() {
        let running = config("redis://:in-url@a:6379", Some("old"));
        let renewed = |newer: Config| {
            running.renewed(newer).and_then(|config| Some(config.password()?.expose_secret().to_owned()))
        };
        assert_eq!(renewed(config("redis://a:6379", Some("new"))).as_deref(), Some("new"));
        assert_eq!(renewed(config("redis://:newer@a:6379", None)).as_deref(), Some("in-url"));
        for elsewhere in ["redis://b:6379", "redis://a:6380", "rediss://a:6379", "redis://u@a:6379", "redis://a:6379/1"]
        {
            assert_eq!(renewed(config(elsewhere, Some("new"))), None, "{elsewhere}");
        }
    }
}
