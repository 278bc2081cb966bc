//! Entity tags: strong, of what the body means, and the same on every replica.
//!
//! `fetched_at` is left out: an answer fetched again that says the same keeps its tag, and a caller its copy. Each
//! content coding has a tag of its own, as RFC 9110 (8.8.3.3) asks of strong validators.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::header::IF_NONE_MATCH;
use http::{HeaderMap, HeaderValue};
use sha2::{Digest, Sha256};

use super::codings::Coding;
use crate::pipeline::Served;

/// 16 bytes of the hash: no two answers of a lifetime share a tag.
const TAG_BYTES: usize = 16;

/// An entity tag, with its quotes.
#[derive(Clone, Debug)]
pub(super) struct Tag(pub(super) Bytes);

impl Tag {
    /// That of an answer as it is spelled.
    pub(super) fn of(served: &Served) -> Self {
        let question = served.asked.question();
        let parts = [
            served.grant.app().name(),
            question.indicator().as_str(),
            question.dimension().as_str(),
            served.asked.shown_from(),
            served.asked.shown_to(),
            if served.answer.is_final() { "final" } else { "moving" },
        ];
        let hash = parts.iter().fold(Sha256::new(), |hash, part| hash.chain_update(part).chain_update([0]));
        Self::of_hash(&hash.chain_update(served.answer.rows()).finalize())
    }

    /// That of what is served byte for byte.
    pub(super) fn of_bytes(body: &[u8]) -> Self {
        Self::of_hash(&Sha256::digest(body))
    }

    fn of_hash(hash: &[u8]) -> Self {
        let opaque = URL_SAFE_NO_PAD.encode(hash.get(..TAG_BYTES).unwrap_or(hash));
        Self(Bytes::copy_from_slice(format!("\"{opaque}\"").as_bytes()))
    }

    /// The part between the quotes.
    fn opaque(&self) -> &[u8] {
        self.0.strip_prefix(b"\"").and_then(|tag| tag.strip_suffix(b"\"")).unwrap_or_default()
    }

    /// Whether the caller holds this answer already, in whatever coding. Compared weakly, as `If-None-Match` is.
    pub(super) fn is_held(&self, request: &HeaderMap) -> bool {
        let candidates = request.get_all(IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
        candidates.flat_map(|line| line.split(',')).map(str::trim).any(|candidate| {
            let opaque = candidate.strip_prefix("W/").unwrap_or(candidate);
            let opaque = opaque.strip_prefix('"').and_then(|opaque| opaque.strip_suffix('"'));
            candidate == "*" || opaque.is_some_and(|opaque| without_coding(opaque).as_bytes() == self.opaque())
        })
    }

    /// The header of an answer in this coding.
    pub(super) fn header(&self, coding: Option<Coding>) -> HeaderValue {
        let tag = match coding {
            None => self.0.clone(),
            Some(coding) => [b"\"", self.opaque(), b".", coding.name().as_bytes(), b"\""].concat().into(),
        };
        HeaderValue::from_maybe_shared(tag).expect("base64 can stand in a header")
    }

    /// That of a 304: the tag that the caller sent, if it sent one, and else the plain one.
    pub(super) fn of_not_modified(&self, request: &HeaderMap) -> HeaderValue {
        let is_one_strong_tag = |value: &&HeaderValue| {
            value.to_str().is_ok_and(|text| text.starts_with('"') && text.len() > 2 && !text.contains(','))
        };
        request.get(IF_NONE_MATCH).filter(is_one_strong_tag).cloned().unwrap_or_else(|| self.header(None))
    }
}

fn without_coding(opaque: &str) -> &str {
    let is_known = |coding: &str| Coding::ALL.iter().any(|known| known.name() == coding);
    opaque.rsplit_once('.').filter(|(_, coding)| is_known(coding)).map_or(opaque, |(tag, _)| tag)
}
