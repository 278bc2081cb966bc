//! The signature algorithms a key may be used with, by their names in RFC 7518 and RFC 8037.
//!
//! A token never chooses among them: the key that its issuer published does. An unsigned token has no variant here,
//! so no later stage can be talked into accepting one.

use std::fmt;
use std::str::FromStr;

/// A signature algorithm of a JSON web token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// Ed25519. Read under both its names, `EdDSA` and RFC 9864's `Ed25519`; written under the first.
    EdDsa,
    /// HMAC with SHA-256.
    Hs256,
    /// HMAC with SHA-384.
    Hs384,
    /// HMAC with SHA-512.
    Hs512,
}

/// A kind of key. Each algorithm belongs to exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// An RSA key.
    Rsa,
    /// A key on the curve P-256.
    P256,
    /// A key on the curve P-384.
    P384,
    /// A key on Curve25519, for signatures.
    Ed25519,
    /// A secret that both sides know.
    Secret,
}

/// A name that is none of the algorithms'. It does not repeat the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnusableAlgorithm {
    /// `none`, in whatever spelling.
    None,
    /// Any other name.
    Unknown,
}

impl Algorithm {
    /// All of them; those of public keys first.
    pub const ALL: [Self; 12] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::EdDsa,
        Self::Hs256,
        Self::Hs384,
        Self::Hs512,
    ];

    /// The name as in a token's header.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
            Self::Hs256 => "HS256",
            Self::Hs384 => "HS384",
            Self::Hs512 => "HS512",
        }
    }

    /// The kind of key it works with.
    pub const fn family(self) -> Family {
        match self {
            Self::Rs256 | Self::Rs384 | Self::Rs512 | Self::Ps256 | Self::Ps384 | Self::Ps512 => Family::Rsa,
            Self::Es256 => Family::P256,
            Self::Es384 => Family::P384,
            Self::EdDsa => Family::Ed25519,
            Self::Hs256 | Self::Hs384 | Self::Hs512 => Family::Secret,
        }
    }

    /// The fewest bytes a secret may have: those of the hash (RFC 7518, 3.2). Zero for public-key algorithms.
    pub const fn shortest_secret(self) -> usize {
        match self {
            Self::Hs256 => 32,
            Self::Hs384 => 48,
            Self::Hs512 => 64,
            _ => 0,
        }
    }
}

impl Family {
    /// The algorithms that work with such a key; also the default where an issuer lists none.
    pub const fn algorithms(self) -> &'static [Algorithm] {
        use Algorithm::{EdDsa, Es256, Es384, Hs256, Hs384, Hs512, Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
        match self {
            Self::Rsa => &[Rs256, Rs384, Rs512, Ps256, Ps384, Ps512],
            Self::P256 => &[Es256],
            Self::P384 => &[Es384],
            Self::Ed25519 => &[EdDsa],
            Self::Secret => &[Hs256, Hs384, Hs512],
        }
    }

    /// Those of `configured` that work with such a key, or all that do where none is configured.
    pub(super) fn narrowed_to(self, configured: &[Algorithm]) -> Vec<Algorithm> {
        let wanted = |algorithm: &Algorithm| configured.is_empty() || configured.contains(algorithm);
        self.algorithms().iter().copied().filter(wanted).collect()
    }
}

impl FromStr for Algorithm {
    type Err = UnusableAlgorithm;

    /// Names are exact, case included (RFC 7515, 4.1.1).
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        if name == "Ed25519" {
            return Ok(Self::EdDsa);
        }
        let unusable =
            if name.eq_ignore_ascii_case("none") { UnusableAlgorithm::None } else { UnusableAlgorithm::Unknown };
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == name).ok_or(unusable)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for UnusableAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("`none` means a token that nobody signed, which is never accepted; ")?,
            Self::Unknown => f.write_str("no such signature algorithm; ")?,
        }
        write!(f, "use {}", listed(&Algorithm::ALL))
    }
}

impl std::error::Error for UnusableAlgorithm {}

/// The names with commas between, for messages.
pub(super) fn listed(algorithms: &[Algorithm]) -> String {
    algorithms.iter().map(|algorithm| algorithm.as_str()).collect::<Vec<_>>().join(", ")
}

impl From<Algorithm> for jsonwebtoken::Algorithm {
    fn from(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Rs256 => Self::RS256,
            Algorithm::Rs384 => Self::RS384,
            Algorithm::Rs512 => Self::RS512,
            Algorithm::Ps256 => Self::PS256,
            Algorithm::Ps384 => Self::PS384,
            Algorithm::Ps512 => Self::PS512,
            Algorithm::Es256 => Self::ES256,
            Algorithm::Es384 => Self::ES384,
            Algorithm::EdDsa => Self::EdDSA,
            Algorithm::Hs256 => Self::HS256,
            Algorithm::Hs384 => Self::HS384,
            Algorithm::Hs512 => Self::HS512,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back() {
        for algorithm in Algorithm::ALL {
            assert_eq!(algorithm.to_string().parse(), Ok(algorithm));
            assert!(algorithm.family().algorithms().contains(&algorithm));
        }
        assert_eq!("Ed25519".parse(), Ok(Algorithm::EdDsa));
    }

    #[test]
    fn names_are_exact_and_none_is_refused_plainly() {
        for name in ["none", "None", "NONE", "nOnE"] {
            let refused = name.parse::<Algorithm>();
            assert_eq!(refused, Err(UnusableAlgorithm::None), "{name}");
        }
        for name in ["", "rs256", "RS256 ", "HS1", "ES512", "ES256K", "RSA-OAEP", "none ", "Ed448"] {
            assert_eq!(name.parse::<Algorithm>(), Err(UnusableAlgorithm::Unknown), "{name}");
        }
        let text = UnusableAlgorithm::None.to_string();
        assert!(text.contains("never accepted") && text.contains("RS256, RS384") && text.contains("HS512"), "{text}");
    }
}
