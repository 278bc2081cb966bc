//! The header's `typ`: what kind of token it says it is, so that one kind cannot pass for another (RFC 8725, 3.11).
//!
//! It is a media type, and so without regard to case (RFC 7515, 4.1.9; RFC 9068, 2.1).

/// What an issuer's tokens have to say in their `typ`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TokenType {
    /// Nothing, `JWT` or an access token's: as most providers have it.
    #[default]
    Any,
    /// That they are access tokens (RFC 9068).
    AccessToken,
}

const ACCESS_TOKEN: [&str; 2] = ["at+jwt", "application/at+jwt"];

impl TokenType {
    /// The words for it in the configuration.
    pub(super) const CHOICES: [(&str, Self); 2] = [("any", Self::Any), ("at+jwt", Self::AccessToken)];

    /// What a token of ours says.
    pub(super) const fn written(self) -> &'static str {
        match self {
            Self::Any => "JWT",
            Self::AccessToken => "at+jwt",
        }
    }

    /// The claims that such tokens have to have (RFC 9068, 2.2) besides those that all have to: `exp`, `iss`, `aud` and
    /// `sub`.
    pub(super) const fn required_claims(self) -> &'static [&'static str] {
        match self {
            Self::Any => &[],
            Self::AccessToken => &["iat", "jti", "client_id"],
        }
    }
}

/// Whether a `typ` is that of an access token.
pub(super) fn is_access_token(typ: &str) -> bool {
    ACCESS_TOKEN.iter().any(|known| typ.eq_ignore_ascii_case(known))
}

/// Whether a `typ` names any kind of token that is taken here.
pub(super) fn is_known(typ: &str) -> bool {
    typ.eq_ignore_ascii_case("JWT") || is_access_token(typ)
}
