//! What a request has to be before any route sees it: rules of HTTP that hyper leaves to its users, the same for HTTP/1 and
//! HTTP/2. Where two readers of one message could understand it differently, it is refused.

use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Method, Response, Version};

use super::problem::Problem;

/// Headers of one HTTP/2 request; hyper holds HTTP/1 to as many.
const MOST_HEADERS: usize = 100;
/// A token has at most 8 KiB, a target 6. Over HTTP/2: names, values and 32 bytes for each header, as it counts itself.
pub(super) const LARGEST_HEAD: usize = 32 * 1024;

/// Whether a request breaks a rule, and with what. `has_body` is what the framing says.
pub(super) fn broken_rule(head: &Parts, has_body: bool) -> Option<Problem> {
    let Parts { method, headers, version, .. } = head;
    if *version > Version::HTTP_11 && !fits(headers) {
        return Some(Problem::head_too_large());
    }
    if headers.contains_key(TRANSFER_ENCODING) {
        return Some(Problem::malformed("Transfer-Encoding is not taken here: no request has a body that needs it."));
    }
    if *method == Method::CONNECT {
        return Some(Problem::method_not_allowed(METHODS));
    }
    // An asterisk asks about the server as a whole.
    if head.uri.path() == "*" {
        return Some(if *method == Method::OPTIONS {
            Problem::method_not_allowed(METHODS)
        } else {
            Problem::malformed("The target * goes with OPTIONS alone; send a path.")
        });
    }
    if let Err(detail) = host(head) {
        return Some(Problem::malformed(detail));
    }
    if (*method == Method::GET || *method == Method::HEAD) && has_body {
        return Some(Problem::malformed("GET and HEAD take no body: send neither one nor its Content-Length."));
    }
    None
}

/// What the routes take.
pub(super) const METHODS: &str = "GET, HEAD";

fn fits(headers: &HeaderMap) -> bool {
    let size: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum();
    headers.len() <= MOST_HEADERS && size <= LARGEST_HEAD
}

/// Whom the request is for, said once and in one way.
fn host(head: &Parts) -> Result<(), &'static str> {
    let mut named = head.headers.get_all(HOST).iter();
    let (first, second) = (named.next(), named.next());
    if second.is_some() {
        return Err("Host stands more than once; send it once.");
    }
    if head.uri.authority().is_none() && first.and_then(|value| value.to_str().ok()).is_some_and(is_plain) {
        return Ok(());
    }
    let header = first.map(|value| value.to_str().ok().and_then(authority).ok_or(NO_HOST)).transpose()?;
    let Some(target) = head.uri.authority() else {
        return header.map(|_| ()).ok_or("Host is missing; send it once.");
    };
    // The target in its absolute form, or `:authority`.
    let target = authority(target.as_str()).ok_or(NO_HOST)?;
    if head.version <= Version::HTTP_11
        && !head.uri.scheme_str().is_some_and(|scheme| matches!(scheme, "http" | "https"))
    {
        return Err("The target is of another scheme than http and https; send a path.");
    }
    match header {
        Some(header) if !same(&header, &target, usual_port(head.uri.scheme_str())) => {
            Err("Host and the target name different hosts; send a path and one Host.")
        }
        None if head.version <= Version::HTTP_11 => Err("Host is missing; send it once."),
        _ => Ok(()),
    }
}

/// Whether this is what nearly every `Host` is, a name or an address and at most a port; `authority` knows the rest.
fn is_plain(host: &str) -> bool {
    let colon = host.bytes().position(|byte| byte == b':');
    let (name, port) = host.split_at(colon.unwrap_or(host.len()));
    let named = name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'));
    let digits = port.get(1..).unwrap_or("0");
    named && !name.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) && digits.parse::<u16>().is_ok()
}

const NO_HOST: &str = "Host is not a host and at most a port.";

/// A host and at most a port: nobody's name, and nothing that ends it early.
fn authority(text: &str) -> Option<Authority> {
    let sound = |authority: &Authority| {
        let host = authority.host();
        let rest = authority.as_str().strip_prefix(host)?;
        let port = rest.is_empty()
            || rest.strip_prefix(':').is_some_and(|port| {
                port.is_empty() || port.parse::<u16>().is_ok() && port.bytes().all(|b| b.is_ascii_digit())
            });
        let named =
            host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'[' | b']' | b':'));
        (!host.is_empty() && named && port).then_some(())
    };
    text.parse::<Authority>().ok().filter(|authority| sound(authority).is_some())
}

/// Without a port they mean the usual one (RFC 9110, 4.2.3).
fn same(one: &Authority, other: &Authority, usual: Option<u16>) -> bool {
    let port = |authority: &Authority| authority.port_u16().or(usual);
    one.host().eq_ignore_ascii_case(other.host()) && port(one) == port(other)
}

fn usual_port(scheme: Option<&str>) -> Option<u16> {
    match scheme {
        Some("http") => Some(80),
        Some("https") => Some(443),
        _ => None,
    }
}

/// Whether the head announces a body. An HTTP/2 request without a length may have one all the same.
pub(super) fn has_body(head: &Parts, ended: bool) -> bool {
    match head.headers.get(CONTENT_LENGTH) {
        Some(length) => length.as_bytes().iter().any(|digit| *digit != b'0'),
        None => !ended,
    }
}

/// What is left of a body would be taken for the next request by whoever counts differently.
pub(super) fn closes<B>(response: &mut Response<B>, version: Version) {
    if version <= Version::HTTP_11 {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
}
