//! Entity tags: strong, of what the body means, and the same on every replica.
//!
//! `fetched_at` is left out: an answer fetched again that says the same keeps its tag, and a caller its copy. Each
//! content coding has a tag of its own, as RFC 9110 (8.8.3.3) asks of strong validators.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, StatusCode};
use sha2::{Digest, Sha256};

use crate::pipeline::Served;

const CODINGS: [&str; 3] = ["gzip", "br", "zstd"];
/// 16 bytes of the hash: no two answers of a lifetime share a tag.
const TAG_BYTES: usize = 16;

/// The opaque part of the tag, without its quotes.
pub(super) fn tag(served: &Served) -> String {
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
    let hash = hash.chain_update(served.answer.rows()).finalize();
    URL_SAFE_NO_PAD.encode(hash.get(..TAG_BYTES).unwrap_or(&hash))
}

/// The opaque part of the tag of what is served byte for byte.
pub(super) fn tag_of(body: &[u8]) -> String {
    let hash = Sha256::digest(body);
    URL_SAFE_NO_PAD.encode(hash.get(..TAG_BYTES).unwrap_or(&hash))
}

/// Whether the caller holds this answer already, in whatever coding. Compared weakly, as `If-None-Match` is.
pub(super) fn is_held(headers: &HeaderMap, tag: &str) -> bool {
    let candidates = headers.get_all(IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
    candidates.flat_map(|line| line.split(',')).map(str::trim).any(|candidate| {
        let opaque = candidate.strip_prefix("W/").unwrap_or(candidate);
        let opaque = opaque.strip_prefix('"').and_then(|opaque| opaque.strip_suffix('"'));
        candidate == "*" || opaque.is_some_and(|opaque| without_coding(opaque) == tag)
    })
}

fn without_coding(opaque: &str) -> &str {
    opaque.rsplit_once('.').filter(|(_, coding)| CODINGS.contains(coding)).map_or(opaque, |(tag, _)| tag)
}

pub(super) fn header(tag: &str) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{tag}\"")).expect("base64 can stand in a header")
}

/// Outside the compression: gives a coded answer the tag of its coding, and a 304 the tag that the caller sent.
pub(super) async fn tag_codings(mut request: Request, next: Next) -> Response {
    // Who takes no coding at all gets the plain answer all the same (RFC 9110, 12.5.3), not a 406.
    if request.headers().get_all(ACCEPT_ENCODING).iter().any(refuses_plain) {
        request.headers_mut().remove(ACCEPT_ENCODING);
    }
    let sent = request.headers().get(IF_NONE_MATCH).cloned();
    let mut response = next.run(request).await;
    let not_modified = response.status() == StatusCode::NOT_MODIFIED;
    let headers = response.headers_mut();
    if not_modified {
        if let Some(sent) = sent.filter(is_one_strong_tag) {
            headers.insert(ETAG, sent);
        }
        return response;
    }
    let coding = headers.get(CONTENT_ENCODING).and_then(|coding| coding.to_str().ok());
    let tag = headers.get(ETAG).and_then(|tag| tag.to_str().ok()).map(|tag| tag.trim_matches('"'));
    if let (Some(coding), Some(tag)) = (coding.filter(|coding| CODINGS.contains(coding)), tag) {
        let tag = header(&format!("{tag}.{coding}"));
        headers.insert(ETAG, tag);
    }
    response
}

/// `identity;q=0` or `*;q=0`, without a coding of ours that would do.
fn refuses_plain(value: &HeaderValue) -> bool {
    let text = value.to_str().unwrap_or_default().to_ascii_lowercase().replace(' ', "");
    let worthless = |item: &str| item.rsplit_once(";q=").is_some_and(|(_, q)| q.parse::<f32>().is_ok_and(|q| q <= 0.0));
    let ours = |item: &str| CODINGS.iter().any(|coding| item.split(';').next() == Some(*coding));
    text.split(',').any(worthless) && !text.split(',').any(|item| ours(item) && !worthless(item))
}

fn is_one_strong_tag(value: &HeaderValue) -> bool {
    value.to_str().is_ok_and(|text| text.starts_with('"') && text.len() > 2 && !text.contains(','))
}
