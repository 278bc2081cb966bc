//! The URL of the store: one server, Sentinels that know where the primary is, or a Cluster.

use percent_encoding::percent_decode_str;
use secrecy::SecretString;

/// Where the store is and who we are there. The password is a secret, so nothing here is printed but the hosts.
#[derive(Clone, Debug)]
pub struct Address {
    /// How the hosts are to be understood.
    pub(super) layout: Layout,
    /// Host and port of each.
    pub(super) hosts: Vec<(String, u16)>,
    pub(super) tls: bool,
    pub(super) username: Option<String>,
    pub(super) password: Option<SecretString>,
    pub(super) database: i64,
}

/// What stands at the hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// One server, or a service that looks like one.
    Single,
    /// Sentinels; the primary is whom they say is in charge of this name.
    Sentinel(String),
    /// Some nodes of a Cluster, which name the others.
    Cluster,
}

const FORMS: &str = "write redis://host:6379, redis-sentinel://host:26379,host:26379?master=NAME or \
                     redis-cluster://host:6379,host:6379; rediss… for TLS, user:password@ before the host where needed";

impl Address {
    /// Reads a URL. What it says of a mistake never holds a part of the URL, which may be a password.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.split_once("://").ok_or_else(|| format!("not a URL; {FORMS}"))?;
        let (tls, kind) = match scheme.strip_prefix("rediss") {
            Some(kind) => (true, kind),
            None => (false, scheme.strip_prefix("redis").ok_or_else(|| format!("not a scheme we know; {FORMS}"))?),
        };
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (user, rest) = rest.rsplit_once('@').map_or((None, rest), |(user, rest)| (Some(user), rest));
        let (hosts, database) = rest.split_once('/').unwrap_or((rest, ""));
        let layout = match (kind, query.split_once('=')) {
            ("", None) => Layout::Single,
            ("-cluster", None) => Layout::Cluster,
            ("-sentinel", Some(("master", name))) if !name.is_empty() => Layout::Sentinel(decoded(name)?),
            ("-sentinel", _) => {
                return Err("needs ?master=NAME, the name that the Sentinels know the primary by".into());
            }
            ("" | "-cluster", Some(_)) => return Err(format!("takes nothing after a question mark; {FORMS}")),
            _ => return Err(format!("not a scheme we know; {FORMS}")),
        };
        let port = if matches!(layout, Layout::Sentinel(_)) { 26379 } else { 6379 };
        let hosts = hosts.split(',').map(|host| host_and_port(host, port)).collect::<Result<Vec<_>, _>>()?;
        if layout == Layout::Single && hosts.len() > 1 {
            return Err(format!("names several hosts of one server; {FORMS}"));
        }
        let database = if database.is_empty() { Ok(0) } else { database.parse::<u16>() };
        let database = database.map_err(|_| "after the host there may be only the number of a database".to_owned())?;
        if layout == Layout::Cluster && database != 0 {
            return Err("a Cluster has no databases but 0".to_owned());
        }
        let (username, password) = match user.map(|user| user.split_once(':').unwrap_or((user, ""))) {
            None => (None, None),
            Some((name, password)) => (given(name)?, given(password)?.map(SecretString::from)),
        };
        Ok(Self { layout, hosts, tls, username, password, database: i64::from(database) })
    }

    /// Whether both lead to the same place, as the same user.
    pub(super) fn is_at(&self, other: &Self) -> bool {
        let place = |address: &Self| {
            let Self { layout, hosts, tls, username, password: _, database } = address.clone();
            (layout, hosts, tls, username, database)
        };
        place(self) == place(other)
    }

    /// The hosts, for the log.
    pub(super) fn hosts(&self) -> String {
        self.hosts.iter().map(|(host, port)| format!("{host}:{port}")).collect::<Vec<_>>().join(",")
    }
}

fn given(text: &str) -> Result<Option<String>, String> {
    if text.is_empty() { Ok(None) } else { decoded(text).map(Some) }
}

fn decoded(text: &str) -> Result<String, String> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map(std::borrow::Cow::into_owned).map_err(|_| "holds percent-encoded bytes that are not text".to_owned())
}

/// `host`, `host:port`, `[::1]` or `[::1]:port`.
fn host_and_port(text: &str, default: u16) -> Result<(String, u16), String> {
    let fault = || format!("a host is missing or its port is no number; {FORMS}");
    let (host, port) = match text.strip_prefix('[').map(|rest| rest.split_once(']')) {
        Some(bracketed) => bracketed.ok_or_else(fault)?,
        None => text.find(':').map_or((text, ""), |colon| text.split_at(colon)),
    };
    let port = match port.strip_prefix(':') {
        Some(port) => port.parse().map_err(|_| fault())?,
        None if port.is_empty() => default,
        None => return Err(fault()),
    };
    if host.is_empty() { Err(fault()) } else { Ok((host.to_owned(), port)) }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn each_form_is_understood() {
        let single = Address::parse("rediss://team:p%40ss@[::1]:7000/3").unwrap();
        assert_eq!((single.layout, single.tls, single.database), (Layout::Single, true, 3));
        assert_eq!(single.hosts, [("::1".to_owned(), 7000)]);
        assert_eq!(single.username.as_deref(), Some("team"));
        assert_eq!(single.password.unwrap().expose_secret(), "p@ss");
        let sentinel = Address::parse("redis-sentinel://:pw@a,b:1/0?master=main").unwrap();
        assert_eq!(sentinel.layout, Layout::Sentinel("main".to_owned()));
        assert_eq!(sentinel.hosts, [("a".to_owned(), 26379), ("b".to_owned(), 1)]);
        assert_eq!(sentinel.username, None);
        let cluster = Address::parse("redis-cluster://a,b,c:7").unwrap();
        assert_eq!((cluster.layout, cluster.hosts.len()), (Layout::Cluster, 3));
    }

    #[test]
    fn a_mistake_is_told_without_the_password() {
        for (url, says) in [
            ("hunter2", "not a URL"),
            ("http://:hunter2@a", "not a scheme"),
            ("redisx://:hunter2@a", "not a scheme"),
            ("redis://:hunter2@", "a host is missing"),
            ("redis://:hunter2@a:b", "port is no number"),
            ("redis://:hunter2@[::1", "a host is missing"),
            ("redis://:hunter2@a,b", "several hosts"),
            ("redis://:hunter2@a/x", "number of a database"),
            ("redis://:hunter2@a?ssl=1", "question mark"),
            ("redis-sentinel://:hunter2@a", "?master=NAME"),
            ("redis-cluster://:hunter2@a/1", "no databases"),
            ("redis://:hunter2%ff@a", "not text"),
        ] {
            let fault = Address::parse(url).unwrap_err();
            assert!(fault.contains(says) && !fault.contains("hunter2"), "{url}: {fault}");
        }
    }
}
