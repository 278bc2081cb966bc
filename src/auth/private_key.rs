//! A private key of the development tools: made or read from PEM; what it signs with, and its public half.
//!
//! The gateway itself holds none. Nothing here can be printed.

use std::collections::BTreeMap;

use aws_lc_rs::digest;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    Ed25519KeyPair, KeyPair as _,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::EncodingKey;
use zeroize::Zeroizing;

use super::algorithm::Family;
use super::mint::MintFault;
use super::pem::{self, Block};

/// A private key of any kind that signs tokens.
pub(super) enum PrivateKey {
    /// For `RS*` and `PS*`.
    Rsa(Box<rsa::KeyPair>),
    /// For `ES256`.
    P256(EcdsaKeyPair),
    /// For `ES384`.
    P384(EcdsaKeyPair),
    /// For `EdDSA`.
    Ed25519(Ed25519KeyPair),
}

impl PrivateKey {
    /// A new key. RSA keys get 3072 bits: as strong as P-256. `None` for the family of secrets.
    pub(super) fn generate(family: Family) -> Option<Result<Self, Unspecified>> {
        Some(match family {
            Family::Rsa => rsa::KeyPair::generate(rsa::KeySize::Rsa3072).map(|key| Self::Rsa(Box::new(key))),
            Family::P256 => EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map(Self::P256),
            Family::P384 => EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).map(Self::P384),
            Family::Ed25519 => Ed25519KeyPair::generate().map(Self::Ed25519),
            Family::Secret => return None,
        })
    }

    /// The private key in a PEM file: PKCS#8, or the older forms for RSA (PKCS#1) and curves (SEC 1), whose files
    /// often begin with a block of parameters.
    pub(super) fn from_pem(file: &[u8]) -> Result<Self, MintFault> {
        let mut blocks = pem::blocks(file).ok_or(MintFault::KeyUnreadable)?;
        blocks.retain(|block| block.label != "EC PARAMETERS");
        let [Block { label, der }] = blocks.as_slice() else { return Err(MintFault::KeyUnreadable) };
        let read = match label.as_str() {
            "PRIVATE KEY" => Self::from_pkcs8(der),
            "RSA PRIVATE KEY" => rsa::KeyPair::from_der(der).ok().map(|key| Self::Rsa(Box::new(key))),
            "EC PRIVATE KEY" => Self::from_curve(der),
            "ENCRYPTED PRIVATE KEY" => return Err(MintFault::KeyEncrypted),
            "PUBLIC KEY" | "RSA PUBLIC KEY" | "CERTIFICATE" => return Err(MintFault::KeyPublic),
            _ => None,
        };
        read.ok_or(MintFault::KeyUnreadable)
    }

    fn from_pkcs8(der: &[u8]) -> Option<Self> {
        let rsa = || rsa::KeyPair::from_pkcs8(der).ok().map(|key| Self::Rsa(Box::new(key)));
        let ed25519 = || Ed25519KeyPair::from_pkcs8(der).ok().map(Self::Ed25519);
        rsa().or_else(|| Self::from_curve(der)).or_else(ed25519)
    }

    fn from_curve(der: &[u8]) -> Option<Self> {
        let on = |curve: &'static EcdsaSigningAlgorithm| EcdsaKeyPair::from_private_key_der(curve, der).ok();
        let p256 = on(&ECDSA_P256_SHA256_FIXED_SIGNING).map(Self::P256);
        p256.or_else(|| on(&ECDSA_P384_SHA384_FIXED_SIGNING).map(Self::P384))
    }

    /// Its kind.
    pub(super) fn family(&self) -> Family {
        match self {
            Self::Rsa(_) => Family::Rsa,
            Self::P256(_) => Family::P256,
            Self::P384(_) => Family::P384,
            Self::Ed25519(_) => Family::Ed25519,
        }
    }

    /// The key in PKCS#8.
    pub(super) fn pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, Unspecified> {
        let bytes = |der: &Pkcs8V1Der<'static>| Zeroizing::new(der.as_ref().to_vec());
        match self {
            Self::Rsa(key) => key.as_der().map(|der| bytes(&der)),
            Self::P256(key) | Self::P384(key) => Ok(Zeroizing::new(key.to_pkcs8v1()?.as_ref().to_vec())),
            Self::Ed25519(key) => key.as_der().map(|der| bytes(&der)),
        }
    }

    /// The key as the signer takes it.
    pub(super) fn encoding_key(&self) -> Result<EncodingKey, Unspecified> {
        let pkcs8 = self.pkcs8()?;
        match self {
            // The signer wants PKCS#1, which only its PEM reader can unwrap.
            Self::Rsa(_) => {
                EncodingKey::from_rsa_pem(pem::written("PRIVATE KEY", &pkcs8).as_bytes()).map_err(|_| Unspecified)
            }
            Self::P256(_) | Self::P384(_) => Ok(EncodingKey::from_ec_der(&pkcs8)),
            Self::Ed25519(_) => Ok(EncodingKey::from_ed_der(&pkcs8)),
        }
    }

    /// The public half, as a `SubjectPublicKeyInfo`.
    pub(super) fn public_der(&self) -> Result<PublicKeyX509Der<'static>, Unspecified> {
        match self {
            Self::Rsa(key) => key.public_key().as_der(),
            Self::P256(key) | Self::P384(key) => key.public_key().as_der(),
            Self::Ed25519(key) => key.public_key().as_der(),
        }
    }

    /// The public half, as those members of a JWK that make up the key.
    pub(super) fn jwk_members(&self) -> BTreeMap<&'static str, String> {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let on_curve = |name: &str, point: &[u8]| {
            // uncompressed: a byte that says so, then both coordinates in equal length
            let coordinates = point.get(1..).unwrap_or_default();
            let (x, y) = coordinates.split_at(coordinates.len() / 2);
            BTreeMap::from([("kty", "EC".to_owned()), ("crv", name.to_owned()), ("x", text(x)), ("y", text(y))])
        };
        match self {
            Self::Rsa(key) => {
                let modulus = key.public_key().modulus().big_endian_without_leading_zero();
                let exponent = key.public_key().exponent().big_endian_without_leading_zero();
                BTreeMap::from([("kty", "RSA".to_owned()), ("n", text(modulus)), ("e", text(exponent))])
            }
            Self::P256(key) => on_curve("P-256", key.public_key().as_ref()),
            Self::P384(key) => on_curve("P-384", key.public_key().as_ref()),
            Self::Ed25519(key) => {
                let x = text(key.public_key().as_ref());
                BTreeMap::from([("kty", "OKP".to_owned()), ("crv", "Ed25519".to_owned()), ("x", x)])
            }
        }
    }

    /// The key's thumbprint (RFC 7638), which serves as its `kid`.
    pub(super) fn thumbprint(&self) -> String {
        // A map of strings always serialises, in the order of its keys and without spaces: the form the RFC asks for.
        let canonical = serde_json::to_vec(&self.jwk_members()).unwrap_or_default();
        URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, &canonical))
    }
}
