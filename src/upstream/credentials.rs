//! The master key. It can be used to sign, and for nothing else: it has no way into text.

use std::fmt;

use secrecy::SecretString;

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
