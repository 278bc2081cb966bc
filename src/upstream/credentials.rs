//! The master key. It can be used to sign, and for nothing else: it has no way into text.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// What calls are signed with.
#[derive(Clone)]
pub struct Credentials {
    /// Names the key; the vendor's console shows it.
    pub access_key_id: SecretString,
    /// The key itself.
    pub secret_access_key: SecretString,
    /// Goes with temporary keys only.
    pub session_token: Option<SecretString>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(***)")
    }
}

impl Credentials {
    /// Whether these are the same.
    pub(super) fn are(&self, other: &Self) -> bool {
        self.access_key_id.expose_secret() == other.access_key_id.expose_secret()
            && self.secret_access_key.expose_secret() == other.secret_access_key.expose_secret()
            && exposed(self.session_token.as_ref()) == exposed(other.session_token.as_ref())
    }

    /// Enough of the key's id to know it by in the vendor's console, and too little to be it: its first and last four
    /// characters. Of a short one nothing.
    pub fn masked_id(&self) -> String {
        let id = self.access_key_id.expose_secret();
        match (id.get(..4), id.len().checked_sub(4).and_then(|at| id.get(at..))) {
            (Some(first), Some(last)) if id.len() >= 16 => format!("{first}…{last}"),
            _ => "…".to_owned(),
        }
    }
}

/// Compared where it lies: a copy would not be wiped.
fn exposed(secret: Option<&SecretString>) -> Option<&str> {
    secret.map(ExposeSecret::expose_secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(secret: &str, token: Option<&str>) -> Credentials {
        Credentials {
            access_key_id: SecretString::from("AKLTcanary"),
            secret_access_key: SecretString::from(secret),
            session_token: token.map(SecretString::from),
        }
    }

    #[test]
    fn every_part_tells_two_keys_apart() {
        let one = credentials("s", Some("t"));
        assert!(one.are(&credentials("s", Some("t"))));
        for other in [credentials("x", Some("t")), credentials("s", Some("x")), credentials("s", None)] {
            assert!(!one.are(&other));
        }
    }

    #[test]
    fn a_key_has_no_way_into_text() {
        let printed = format!(
            "{:?} {:#?}",
            credentials("secret-canary", Some("token-canary")),
            credentials("secret-canary", None)
        );
        assert!(!printed.contains("canary"), "{printed}");
    }
}
