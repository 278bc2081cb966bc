//! Why a token was turned away: in full for the log and the metrics, in one of two words for the answer.
//!
//! Nothing here carries text of the token, so a refusal can be logged without thought.

use std::fmt;
use std::time::Duration;

/// A token that was not accepted. The caller's doing, unless there are no keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejected {
    /// Whoever sent it is not known. The answer must not say which check failed.
    Unauthorized(Reason),
    /// The caller is known, and the token lacks scopes that its issuer's configuration requires.
    InsufficientScope {
        /// All that are required, in the order of the configuration: a token with only those that are missing here would
        /// lack the others (RFC 6750, 3).
        required: Vec<String>,
    },
    /// Nobody can tell: none of its issuer's keys could be fetched yet, or for too long.
    KeysUnavailable {
        /// Until the next attempt to fetch them.
        wait: Duration,
    },
}

/// One row per check, in the order in which the checks are made.
macro_rules! reasons {
    ($($(#[$doc:meta])+ $name:ident = $label:literal,)+) => {
        /// The check that failed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Reason {
            $($(#[$doc])+ $name,)+
        }

        impl Reason {
            /// All of them, in the order in which the checks are made.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The word for logs and metrics, in snake case.
            pub const fn label(self) -> &'static str {
                match self {
                    $(Self::$name => $label,)+
                }
            }
        }
    };
}

reasons! {
    /// More than 8 KiB.
    TooLong = "too_long",
    /// A character outside `[A-Za-z0-9_.-]`.
    Alphabet = "alphabet",
    /// Not three non-empty parts. Encrypted tokens have five.
    Parts = "parts",
    /// A part that is not unpadded base64url in its one canonical spelling.
    Encoding = "encoding",
    /// A header that is not one JSON object of bounded depth.
    Header = "header",
    /// A payload that is not one JSON object of bounded depth.
    Payload = "payload",
    /// A member name twice in one object of the header or the payload.
    DuplicateMember = "duplicate_member",
    /// A header parameter that changes what the token means: `crit`, `b64`, `zip`, `cty` or `enc`.
    HeaderExtension = "header_extension",
    /// A `typ` other than `JWT` or `at+jwt`, whoever the issuer is.
    TokenType = "token_type",
    /// A `kid` that is not a string of at most 256 bytes.
    KeyIdMalformed = "key_id_malformed",
    /// `alg` is `none`.
    AlgorithmNone = "algorithm_none",
    /// `alg` is absent, not a string, or not an algorithm known here.
    AlgorithmUnknown = "algorithm_unknown",
    /// No `iss`, or not a string.
    IssuerMissing = "issuer_missing",
    /// An `iss` that is not configured, letter for letter.
    IssuerUnknown = "issuer_unknown",
    /// No key of the issuer's goes by this `kid`. Newer keys could cure it, and are looked for.
    KeyUnknown = "key_unknown",
    /// The key is not to be used with this `alg`.
    AlgorithmRefused = "algorithm_refused",
    /// The signature is not the key's over these bytes.
    Signature = "signature",
    /// The issuer's tokens have to be access tokens by their `typ`, and this one is not.
    NotAnAccessToken = "not_an_access_token",
    /// No `exp`.
    ExpiryMissing = "expiry_missing",
    /// An `exp` that is not a whole number of seconds within the calendar.
    ExpiryMalformed = "expiry_malformed",
    /// `exp` has passed, leeway included.
    Expired = "expired",
    /// `exp` is further away than the issuer's tokens may live.
    LifetimeTooLong = "lifetime_too_long",
    /// An `nbf` that is not a whole number of seconds within the calendar.
    NotBeforeMalformed = "not_before_malformed",
    /// `nbf` has not come, leeway included.
    NotYetValid = "not_yet_valid",
    /// An `iat` that is not a whole number of seconds within the calendar.
    IssuedAtMalformed = "issued_at_malformed",
    /// `iat` has not come, leeway included.
    IssuedInFuture = "issued_in_future",
    /// No `aud`.
    AudienceMissing = "audience_missing",
    /// An `aud` that is neither a string nor a list of strings.
    AudienceMalformed = "audience_malformed",
    /// None of the audiences is ours.
    AudienceMismatch = "audience_mismatch",
    /// A claim that the issuer's tokens have to have is absent or null.
    ClaimMissing = "claim_missing",
    /// No `sub`.
    SubjectMissing = "subject_missing",
    /// A `sub` that is not a string of 1 to 1024 bytes.
    SubjectMalformed = "subject_malformed",
    /// A `jti` that is not a string of at most 1024 bytes.
    TokenIdMalformed = "token_id_malformed",
    /// Nothing where the tenant should be, or nothing there that a rule makes a tenant.
    TenantMissing = "tenant_missing",
    /// A tenant that is not a string of 1 to 128 printable characters; with rules, neither a string nor a list of strings.
    TenantMalformed = "tenant_malformed",
    /// More tenants than one caller may have.
    TenantsTooMany = "tenants_too_many",
    /// A `scope` that is not a string, or another claim of scopes that is neither a string nor a list of strings.
    ScopeMalformed = "scope_malformed",
    /// Revoked by the operator: this token, or all of its subject's or tenant's that were issued before a moment.
    Revoked = "revoked",
}

impl Rejected {
    /// The word for logs and metrics, in snake case.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Unauthorized(reason) => reason.label(),
            Self::InsufficientScope { .. } => "insufficient_scope",
            Self::KeysUnavailable { .. } => "keys_unavailable",
        }
    }
}

impl From<Reason> for Rejected {
    fn from(reason: Reason) -> Self {
        Self::Unauthorized(reason)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unauthorized(reason) => write!(f, "the token was refused: {reason}"),
            Self::InsufficientScope { required } => {
                write!(f, "the token lacks some of the scopes that are required: {}", required.join(" "))
            }
            Self::KeysUnavailable { .. } => f.write_str("there are no keys of the token's issuer"),
        }
    }
}

impl std::error::Error for Rejected {}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_reason_has_a_label_of_its_own_in_snake_case() {
        let labels: HashSet<_> = Reason::ALL.iter().map(|reason| reason.label()).collect();
        assert_eq!(labels.len(), Reason::ALL.len());
        assert!(labels.iter().all(|label| label.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')));
    }
}
