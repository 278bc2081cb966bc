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
        let token =
            |credentials: &Self| credentials.session_token.as_ref().map(|token| token.expose_secret().to_owned());
        self.access_key_id.expose_secret() == other.access_key_id.expose_secret()
            && self.secret_access_key.expose_secret() == other.secret_access_key.expose_secret()
            && token(self) == token(other)
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
