//! The places that keys may be fetched from: over TLS or on this machine, and of the issuer's own site.
//!
//! A discovery document is remote text. What it points to is held to the same rules as what is configured, and may
//! not lead to another site unless the configuration names that host.

use reqwest::Url;

/// Where an issuer publishes its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The key set itself (`jwks_url`).
    KeySet(Url),
    /// The issuer, whose discovery document tells (`discovery = true`).
    Discovery {
        /// The issuer, as a URL.
        issuer: Url,
        /// Hosts outside the issuer's site where its keys may be (`jwks_hosts`), in lower case.
        hosts: Vec<String>,
    },
}

/// Why a URL is no place to fetch keys from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlaceFault {
    /// It cannot be read.
    #[error("not a URL with a host; write for example \"https://sso.example.com/keys\"")]
    NotAUrl,
    /// It is not protected on its way.
    #[error("must be https, or http on the loopback interface: over plain http, anyone on the way could give keys")]
    Insecure,
    /// It holds a password, which would be sent and printed.
    #[error("must not hold a user or a password")]
    Credentials,
    /// It has a part that is never sent, or that an issuer may not have (RFC 8414, 2).
    #[error("must not have a query or a fragment")]
    Tail,
    /// It belongs to somebody else.
    #[error("it is of another site than the issuer; if that is right, name its host in jwks_hosts")]
    AnotherSite,
}

impl Place {
    /// The place of a key set, as configured.
    pub fn key_set(url: &str) -> Result<Self, PlaceFault> {
        let url = secure(url)?;
        if url.fragment().is_some() { Err(PlaceFault::Tail) } else { Ok(Self::KeySet(url)) }
    }

    /// The place that an issuer's discovery document will tell.
    pub fn discovery(issuer: &str, hosts: Vec<String>) -> Result<Self, PlaceFault> {
        let issuer = secure(issuer)?;
        if issuer.query().is_some() || issuer.fragment().is_some() {
            return Err(PlaceFault::Tail);
        }
        Ok(Self::Discovery { issuer, hosts })
    }

    /// Whether keys that came by way of another may come by way of this one.
    pub(super) fn allows_those_of(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::KeySet(ours), Self::KeySet(theirs)) => ours == theirs,
            (Self::Discovery { issuer, hosts }, Self::Discovery { issuer: theirs, hosts: their_hosts }) => {
                issuer == theirs && their_hosts.iter().all(|host| hosts.contains(host))
            }
            _ => false,
        }
    }

    /// The word for `/status`.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::KeySet(_) => "jwks_url",
            Self::Discovery { .. } => "discovery",
        }
    }
}

/// The place that a discovery document names, if it may be believed.
pub(super) fn discovered(jwks_uri: &str, issuer: &Url, hosts: &[String]) -> Result<Url, PlaceFault> {
    let url = secure(jwks_uri)?;
    let host = url.host_str().unwrap_or_default();
    let allowed = site(&url) == site(issuer) || hosts.iter().any(|named| named == host);
    if allowed { Ok(url) } else { Err(PlaceFault::AnotherSite) }
}

/// The two places of a discovery document, in the order in which they are tried: OpenID Connect Discovery 4 puts the
/// well-known part after the issuer's path, RFC 8414 (3) before it.
pub(super) fn documents(issuer: &Url) -> [Url; 2] {
    let path = issuer.path().trim_end_matches('/');
    [format!("{path}/.well-known/openid-configuration"), format!("/.well-known/oauth-authorization-server{path}")].map(
        |path| {
            let mut url = issuer.clone();
            url.set_path(&path);
            url
        },
    )
}

/// Whether a text is the host of a URL as it is compared: without a port, and in ASCII where it is a name.
pub(in crate::auth) fn is_host(text: &str) -> bool {
    let host = text.to_lowercase();
    Url::parse(&format!("https://{host}/")).is_ok_and(|url| url.host_str() == Some(&host) && url.port().is_none())
}

fn secure(text: &str) -> Result<Url, PlaceFault> {
    let url = Url::parse(text).map_err(|_| PlaceFault::NotAUrl)?;
    if url.host_str().is_none_or(str::is_empty) {
        return Err(PlaceFault::NotAUrl);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(PlaceFault::Credentials);
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        _ => Err(PlaceFault::Insecure),
    }
}

/// Whether the host is this machine by its very name (RFC 6761, 6.3).
fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    host.parse().is_ok_and(|v4: std::net::Ipv4Addr| v4.is_loopback()) || host == "[::1]" || host == "localhost"
}

/// The registrable domain of a host by the public suffix list. An address is a site of its own, and so is a name under a
/// suffix that is not on the list: within a cluster or a company, who shares the last two labels may have nothing to do
/// with each other.
fn site(url: &Url) -> &str {
    let host = url.host_str().unwrap_or_default();
    let is_listed = psl::suffix(host.as_bytes()).is_some_and(|suffix| suffix.is_known());
    if is_listed { psl::domain_str(host).unwrap_or(host) } else { host }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_over_tls_or_from_this_machine() {
        for good in [
            "https://sso.example.com/keys",
            "https://10.0.0.1:8443/keys?v=2",
            "http://127.0.0.1:9/keys",
            "http://[::1]/",
        ] {
            assert!(Place::key_set(good).is_ok(), "{good}");
        }
        let bad = [
            ("http://sso.example.com/keys", PlaceFault::Insecure),
            ("http://127.0.0.1.example.com/keys", PlaceFault::Insecure),
            ("http://localhost.example.com/keys", PlaceFault::Insecure),
            ("http://10.0.0.1/keys", PlaceFault::Insecure),
            ("http://0.0.0.0/keys", PlaceFault::Insecure),
            ("http://[::2]/keys", PlaceFault::Insecure),
            ("ftp://sso.example.com/keys", PlaceFault::Insecure),
            ("file:///etc/keys", PlaceFault::NotAUrl),
            ("data:application/json,{}", PlaceFault::NotAUrl),
            ("sso.example.com/keys", PlaceFault::NotAUrl),
            ("", PlaceFault::NotAUrl),
            ("https://me:secret@sso.example.com/", PlaceFault::Credentials),
            ("https://me@sso.example.com/", PlaceFault::Credentials),
            ("https://sso.example.com/keys#new", PlaceFault::Tail),
        ];
        for (url, fault) in bad {
            assert_eq!(Place::key_set(url), Err(fault), "{url}");
        }
        assert_eq!(Place::discovery("https://sso.example.com/?realm=a", Vec::new()), Err(PlaceFault::Tail));
        assert_eq!(Place::discovery("http://sso.example.com", Vec::new()), Err(PlaceFault::Insecure));
    }

    #[test]
    fn a_discovery_document_cannot_point_outside_the_issuers_site() {
        let hosts = ["keys.cdn.example".to_owned()];
        let rows = [
            ("https://sso.example.com", "https://sso.example.com/keys", Ok(())),
            ("https://sso.example.com", "https://keys.example.com:8443/keys", Ok(())),
            ("https://sso.example.com", "https://example.com/keys", Ok(())),
            ("https://sso.example.com", "https://keys.cdn.example/keys", Ok(())),
            ("https://sso.example.com", "https://KEYS.CDN.example/keys", Ok(())),
            ("https://sso.corp.internal", "https://sso.corp.internal:8443/", Ok(())),
            ("https://keycloak/realms/a", "https://keycloak/realms/a/keys", Ok(())),
            ("http://127.0.0.1:1/", "http://127.0.0.1:2/keys", Ok(())),
            ("https://sso.example.com", "https://example.org/keys", Err(PlaceFault::AnotherSite)),
            ("https://sso.example.com", "https://sso.example.com.evil.example/", Err(PlaceFault::AnotherSite)),
            ("https://sso.example.com", "https://evilexample.com/", Err(PlaceFault::AnotherSite)),
            ("https://sso.example.com", "https://more.keys.cdn.example/", Err(PlaceFault::AnotherSite)),
            ("https://a.example.co.uk", "https://b.other.co.uk/", Err(PlaceFault::AnotherSite)),
            ("https://team-a.github.io", "https://team-b.github.io/keys", Err(PlaceFault::AnotherSite)),
            ("https://10.0.0.1", "https://10.0.0.2/keys", Err(PlaceFault::AnotherSite)),
            ("https://[::1]", "https://[::2]/keys", Err(PlaceFault::AnotherSite)),
            ("https://sso.corp.internal", "https://keys.corp.internal/", Err(PlaceFault::AnotherSite)),
            ("https://sso.a.svc.cluster.local", "https://db.b.svc.cluster.local/", Err(PlaceFault::AnotherSite)),
            ("https://sso.example.com", "http://127.0.0.1/keys", Err(PlaceFault::AnotherSite)),
            ("https://sso.example.com", "http://sso.example.com/keys", Err(PlaceFault::Insecure)),
            ("https://sso.example.com", "http://169.254.169.254/latest", Err(PlaceFault::Insecure)),
            ("https://sso.example.com", "https://u:p@sso.example.com/", Err(PlaceFault::Credentials)),
            ("https://sso.example.com", "/keys", Err(PlaceFault::NotAUrl)),
        ];
        for (issuer, jwks_uri, expected) in rows {
            let found = discovered(jwks_uri, &issuer.parse().expect("a URL"), &hosts);
            assert_eq!(found.map(|_| ()), expected, "{issuer} {jwks_uri}");
        }
    }

    #[test]
    fn both_standards_places_are_known() {
        let places = |issuer: &str| documents(&issuer.parse().expect("a URL")).map(String::from);
        for issuer in ["https://sso.example.com", "https://sso.example.com/"] {
            let openid = "https://sso.example.com/.well-known/openid-configuration";
            let oauth = "https://sso.example.com/.well-known/oauth-authorization-server";
            assert_eq!(places(issuer), [openid, oauth]);
        }
        for issuer in ["https://sso.example.com/realms/a", "https://sso.example.com/realms/a/"] {
            let openid = "https://sso.example.com/realms/a/.well-known/openid-configuration";
            let oauth = "https://sso.example.com/.well-known/oauth-authorization-server/realms/a";
            assert_eq!(places(issuer), [openid, oauth]);
        }
    }
}
