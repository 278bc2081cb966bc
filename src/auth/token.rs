//! The form of a token: text in, header, claims and the bytes that were signed out. Nothing is believed yet.
//!
//! Only one spelling of each token passes: a restricted alphabet, three parts, base64url without padding or stray
//! bits, JSON without repeated names. What is left has one meaning for every reader.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::algorithm::{Algorithm, UnusableAlgorithm};
use super::rejected::Reason;
use super::strict_json::{self, Malformed};
use super::token_type;

/// The longest token that is looked at, in bytes.
const MAX_TOKEN: usize = 8 * 1024;

/// The longest `kid`, in bytes, in a token as in a key set.
pub(super) const MAX_KEY_ID: usize = 256;

/// Header parameters that change what the payload is or how it is signed. Their mere presence is refused: this
/// gateway implements none of them, and `crit` exists to be refused by those who do not (RFC 7515, 4.1.11).
const EXTENSIONS: [&str; 5] = ["crit", "b64", "zip", "cty", "enc"];

/// The members of the payload.
pub(super) type Claims = Map<String, Value>;

/// A well-formed token whose signature has not been checked.
pub(super) struct Token<'t> {
    /// The header, as far as it matters.
    pub(super) header: Header,
    /// The payload.
    pub(super) claims: Claims,
    /// What was signed: header and payload as sent, with the dot between.
    pub(super) message: &'t str,
    /// The signature, in base64url.
    pub(super) signature: &'t str,
}

/// What a header may say.
///
/// `jwk`, `jku`, `x5u` and `x5c` are not read, by design: with them a token would bring, or point to, the key that
/// vouches for it, and anyone can bring a key. Keys come from the configuration alone.
pub(super) struct Header {
    /// The algorithm the token claims to be signed with. The key decides whether that is so.
    pub(super) algorithm: Algorithm,
    /// The name of the key. A name to look up, never a path or a query.
    pub(super) key_id: Option<String>,
    /// Whether its `typ` says that it is an access token (RFC 9068). Not every issuer's has to be.
    pub(super) is_access_token: bool,
}

/// Whether the text is short enough to be looked at.
pub(super) fn in_bounds(text: &str) -> Result<(), Reason> {
    if text.len() > MAX_TOKEN { Err(Reason::TooLong) } else { Ok(()) }
}

impl<'t> Token<'t> {
    /// Takes a text within the bounds apart.
    pub(super) fn read(text: &'t str) -> Result<Self, Reason> {
        if !text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.')) {
            return Err(Reason::Alphabet);
        }
        let (message, signature) = text.rsplit_once('.').ok_or(Reason::Parts)?;
        let (header, payload) = message.split_once('.').ok_or(Reason::Parts)?;
        if header.is_empty() || payload.is_empty() || signature.is_empty() || payload.contains('.') {
            return Err(Reason::Parts);
        }
        decoded(signature)?;
        let header = read_object(header, Reason::Header)?;
        let claims = read_object(payload, Reason::Payload)?;
        Ok(Self { header: Header::read(&header)?, claims, message, signature })
    }
}

impl Header {
    fn read(members: &Map<String, Value>) -> Result<Self, Reason> {
        if EXTENSIONS.iter().any(|name| members.contains_key(*name)) {
            return Err(Reason::HeaderExtension);
        }
        let typ = match members.get("typ") {
            None => None,
            Some(typ) => Some(typ.as_str().filter(|typ| token_type::is_known(typ)).ok_or(Reason::TokenType)?),
        };
        let key_id = match members.get("kid") {
            None => None,
            Some(Value::String(key_id)) if key_id.len() <= MAX_KEY_ID => Some(key_id.clone()),
            Some(_) => return Err(Reason::KeyIdMalformed),
        };
        let algorithm = members.get("alg").and_then(Value::as_str).ok_or(Reason::AlgorithmUnknown)?;
        let algorithm = algorithm.parse().map_err(|unusable| match unusable {
            UnusableAlgorithm::None => Reason::AlgorithmNone,
            UnusableAlgorithm::Unknown => Reason::AlgorithmUnknown,
        })?;
        Ok(Self { algorithm, key_id, is_access_token: typ.is_some_and(token_type::is_access_token) })
    }
}

fn read_object(part: &str, malformed: Reason) -> Result<Map<String, Value>, Reason> {
    strict_json::object(&decoded(part)?).map_err(|fault| match fault {
        Malformed::NotAnObject => malformed,
        Malformed::DuplicateMember => Reason::DuplicateMember,
    })
}

/// This engine refuses padding and stray bits in the last character, so no two spellings decode to the same bytes.
fn decoded(part: &str) -> Result<Vec<u8>, Reason> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| Reason::Encoding)
}
