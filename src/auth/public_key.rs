//! A public key, read from PEM or from the members of a JWK, and found fit to verify signatures with.
//!
//! A key that reads here is whole: on its curve, of an accepted size. Verification never meets a broken one.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey, RsaPublicKeyComponents,
    VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use serde::Deserialize;

use super::algorithm::Family;
use super::config::KeyFault;
use super::pem;

/// The RSA sizes that are accepted, in bits (RFC 7518, 3.3 for the lower; AWS-LC verifies none above).
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// A public key and its kind.
pub(super) struct PublicKey {
    /// What algorithms it can go with.
    pub(super) family: Family,
    /// The key as the verifier takes it.
    pub(super) key: DecodingKey,
}

/// The members of a JWK that make up its key (RFC 7518, 6; RFC 8037, 2).
#[derive(Deserialize)]
pub(super) struct JwkMaterial {
    kty: String,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
    d: Option<serde::de::IgnoredAny>,
}

impl JwkMaterial {
    /// Whether it is a secret rather than a public key.
    pub(super) fn is_symmetric(&self) -> bool {
        self.kty == "oct"
    }
}

impl PublicKey {
    /// The one public key in a PEM file.
    pub(super) fn from_pem(file: &[u8]) -> Result<Self, KeyFault> {
        let blocks = pem::blocks(file).ok_or(KeyFault::Unreadable)?;
        if blocks.iter().any(|block| block.label.ends_with("PRIVATE KEY")) {
            return Err(KeyFault::Private);
        }
        let [block] = blocks.as_slice() else {
            return Err(if blocks.is_empty() { KeyFault::Unreadable } else { KeyFault::Several });
        };
        match block.label.as_str() {
            "PUBLIC KEY" => match Self::rsa(&block.der) {
                Err(KeyFault::Unreadable) => Self::curve(&block.der),
                read => read,
            },
            "RSA PUBLIC KEY" => Self::rsa(&block.der),
            "CERTIFICATE" => Err(KeyFault::Certificate),
            _ => Err(KeyFault::Unreadable),
        }
    }

    /// The public key of a JWK.
    pub(super) fn from_jwk(jwk: &JwkMaterial) -> Result<Self, KeyFault> {
        if jwk.d.is_some() {
            return Err(KeyFault::Private);
        }
        let (family, point) = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
            ("RSA", _) => {
                let (n, e) = (integer(jwk.n.as_deref())?, integer(jwk.e.as_deref())?);
                let der = RsaPublicKeyComponents { n, e }.as_der().map_err(|_| KeyFault::Unreadable)?;
                return Self::rsa(der.as_ref());
            }
            ("EC", Some("P-256")) => (Family::P256, point(jwk, 32)?),
            ("EC", Some("P-384")) => (Family::P384, point(jwk, 48)?),
            ("OKP", Some("Ed25519")) => (Family::Ed25519, fixed(jwk.x.as_deref(), 32)?),
            _ => return Err(KeyFault::Unreadable),
        };
        Self::on_curve(family, &point).map(|(public, _)| public)
    }

    /// From an `RSAPublicKey` or the `SubjectPublicKeyInfo` of one.
    fn rsa(der: &[u8]) -> Result<Self, KeyFault> {
        let public = rsa::PublicKey::from_der(der).map_err(|_| KeyFault::Unreadable)?;
        let modulus = public.modulus().big_endian_without_leading_zero();
        let unused = modulus.first().map_or(0, |first| first.leading_zeros() as usize);
        let bits = modulus.len() * 8 - unused;
        if !RSA_BITS.contains(&bits) {
            return Err(KeyFault::RsaSize { bits });
        }
        Ok(Self { family: Family::Rsa, key: DecodingKey::from_rsa_der(public.as_ref()) })
    }

    /// From the `SubjectPublicKeyInfo` of a key on any curve known here.
    fn curve(der: &[u8]) -> Result<Self, KeyFault> {
        // The reader takes a bare point too, and any 32 bytes for one; what it writes back is the form that is due.
        let written_back = |key: &ParsedPublicKey| key.as_der().is_ok_and(|canonical| canonical.as_ref() == der);
        let on = |family| Self::on_curve(family, der).ok().filter(|(_, parsed)| written_back(parsed));
        let curves = [Family::P256, Family::P384, Family::Ed25519];
        curves.into_iter().find_map(on).map(|(public, _)| public).ok_or(KeyFault::Unreadable)
    }

    /// From a `SubjectPublicKeyInfo` or a bare point, which must be on the family's curve.
    fn on_curve(family: Family, bytes: &[u8]) -> Result<(Self, ParsedPublicKey), KeyFault> {
        let (algorithm, key): (&'static dyn VerificationAlgorithm, _) = match family {
            Family::P256 => (&ECDSA_P256_SHA256_FIXED, DecodingKey::from_ec_der(bytes)),
            Family::P384 => (&ECDSA_P384_SHA384_FIXED, DecodingKey::from_ec_der(bytes)),
            Family::Ed25519 => (&ED25519, DecodingKey::from_ed_der(bytes)),
            Family::Rsa | Family::Secret => return Err(KeyFault::Unreadable),
        };
        let parsed = ParsedPublicKey::new(algorithm, bytes).map_err(|_| KeyFault::Unreadable)?;
        Ok((Self { family, key }, parsed))
    }
}

/// A big-endian integer. Some publishers write the zero byte of the sign, which RFC 7518 forbids; it is dropped.
fn integer(member: Option<&str>) -> Result<Vec<u8>, KeyFault> {
    let bytes = decoded(member)?;
    Ok(bytes.into_iter().skip_while(|byte| *byte == 0).collect())
}

/// An uncompressed point (SEC 1, 2.3.3).
fn point(jwk: &JwkMaterial, size: usize) -> Result<Vec<u8>, KeyFault> {
    let (x, y) = (fixed(jwk.x.as_deref(), size)?, fixed(jwk.y.as_deref(), size)?);
    Ok([&[0x04], x.as_slice(), y.as_slice()].concat())
}

fn fixed(member: Option<&str>, size: usize) -> Result<Vec<u8>, KeyFault> {
    decoded(member).and_then(|bytes| if bytes.len() == size { Ok(bytes) } else { Err(KeyFault::Unreadable) })
}

fn decoded(member: Option<&str>) -> Result<Vec<u8>, KeyFault> {
    member.and_then(|text| URL_SAFE_NO_PAD.decode(text).ok()).ok_or(KeyFault::Unreadable)
}
