//! Refusals as HTTP shows them: RFC 9457. One exhaustive table from what went wrong to what the caller sees.
//!
//! A `Problem` becomes a response without a body; `front` writes the body, because only it knows the request id.

use std::borrow::Cow;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue};
use serde::Serialize;
use serde_json::{Map, Value};

use super::catalogue::Code;
use crate::auth::Rejected;
use crate::model::Blame;
use crate::pipeline::Refusal;
use crate::query::Invalid;
use crate::upstream::{Fault, Kind, Shut};

/// A refusal, ready to be written.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    code: Code,
    detail: Cow<'static, str>,
    members: Map<String, Value>,
    headers: HeaderMap,
    /// The word for the log, which may say more than the caller is told.
    label: &'static str,
    blame: Blame,
}

/// A retry sooner than this would meet the same failure.
const SOON: Duration = Duration::from_secs(1);
/// Nobody knows when a disk has room again. Trying costs nothing.
const WHEN_MENDED: Duration = Duration::from_secs(5);

impl Problem {
    fn new(code: Code, label: &'static str, blame: Blame, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { code, detail: detail.into(), members: Map::new(), headers: HeaderMap::new(), label, blame }
    }

    fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    fn header(mut self, name: http::HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    /// Whole seconds, rounded up, at least one: a caller that comes back then is not early.
    fn retry_after(self, wait: Duration) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        self.header(RETRY_AFTER, &seconds.max(1).to_string())
    }

    pub(super) fn not_found() -> Self {
        Self::new(Code::NotFound, "not_found", Blame::Caller, "There is nothing under this path.")
    }

    pub(super) fn method_not_allowed(allow: &str) -> Self {
        let detail = "This path does not take this method; Allow lists those it takes.";
        Self::new(Code::MethodNotAllowed, "method_not_allowed", Blame::Caller, detail).header(ALLOW, allow)
    }

    pub(super) fn malformed(detail: &'static str) -> Self {
        Self::new(Code::MalformedRequest, "malformed", Blame::Caller, detail)
    }

    pub(super) fn plain_text() -> Self {
        Self::malformed("This port speaks TLS, and the request came without: write https:// in place of http://.")
    }

    pub(super) fn head_too_large() -> Self {
        let detail = "The head may have 100 headers, of 32 KiB together.";
        Self::new(Code::HeadTooLarge, "head_too_large", Blame::Caller, detail)
    }

    pub(super) fn target_too_long() -> Self {
        let detail = "The path may have 2048 bytes and the query 4096.";
        Self::new(Code::TargetTooLong, "target_too_long", Blame::Caller, detail)
    }

    pub(super) fn overloaded() -> Self {
        let detail = "The gateway has as many requests under way as it takes. Come back in a moment.";
        Self::new(Code::Overloaded, "overloaded", Blame::Gateway, detail).retry_after(SOON)
    }

    pub(super) fn too_many_connections() -> Self {
        let detail = "The gateway has as many connections open as it takes. Come back in a moment.";
        Self::new(Code::Overloaded, "overloaded", Blame::Gateway, detail).retry_after(SOON)
    }

    pub(super) fn rate_limited(wait: Duration) -> Self {
        let detail = "The tenant sends more requests than its own rate allows; RateLimit-Policy tells the rate.";
        Self::new(Code::RateLimited, "rate_limited", Blame::Caller, detail).retry_after(wait)
    }

    pub(super) fn internal() -> Self {
        let detail = "The gateway failed. Give the request id to the platform team.";
        Self::new(Code::InternalError, "internal_error", Blame::Gateway, detail)
    }

    pub(super) fn status(&self) -> u16 {
        self.code.entry().status.as_u16()
    }

    pub(super) fn label(&self) -> &'static str {
        self.label
    }

    pub(super) fn blame(&self) -> Blame {
        self.blame
    }

    /// The body, for the request of this id.
    pub(super) fn body(&self, request_id: &str) -> Vec<u8> {
        let entry = self.code.entry();
        let body = Body {
            r#type: format!("/problems/{}", entry.slug),
            title: entry.title,
            status: entry.status.as_u16(),
            detail: &self.detail,
            instance: request_id,
            members: &self.members,
        };
        inert(serde_json::to_vec(&body).expect("text and numbers always serialise"))
    }
}

/// A body may name a parameter as the caller wrote it. What would be markup to a reader that takes JSON for a page is
/// written by its number, which means the same in every string and stands nowhere else.
fn inert(json: Vec<u8>) -> Vec<u8> {
    if !json.iter().any(|byte| matches!(byte, b'<' | b'>' | b'&')) {
        return json;
    }
    let number = |byte: u8| {
        if matches!(byte, b'<' | b'>' | b'&') { format!("\\u00{byte:02x}").into_bytes() } else { vec![byte] }
    };
    json.into_iter().flat_map(number).collect()
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    instance: &'a str,
    #[serde(flatten)]
    members: &'a Map<String, Value>,
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let (label, blame) = (refusal.label(), refusal.blame());
        let new = |code, detail: &'static str| Self::new(code, label, blame, detail);
        match refusal {
            Refusal::NoToken => unauthorized(label, "Bearer realm=\"sluice\""),
            Refusal::Rejected(Rejected::Unauthorized(_)) => {
                unauthorized(label, "Bearer realm=\"sluice\", error=\"invalid_token\"")
            }
            Refusal::Rejected(Rejected::InsufficientScope { required }) => {
                let challenge =
                    format!("Bearer realm=\"sluice\", error=\"insufficient_scope\", scope=\"{}\"", required.join(" "));
                new(Code::InsufficientScope, "The token is valid but lacks a scope that is required here.")
                    .header(WWW_AUTHENTICATE, &challenge)
            }
            Refusal::Rejected(Rejected::KeysUnavailable { wait }) => new(
                Code::KeysUnavailable,
                "The gateway has no keys of the token's issuer at the moment, so it cannot tell whether the token is valid.",
            )
            .retry_after(wait),
            Refusal::NotGranted => new(Code::AppNotFound, "No app of this name or AppId is granted to the token's tenant."),
            Refusal::AmbiguousApp => new(
                Code::InvalidParameter,
                "This name means different apps of the token's tenants: give the AppId, or name the tenant in Sluice-Tenant.",
            )
            .with("parameter", "app"),
            Refusal::TenantNotHeld => {
                new(Code::InvalidParameter, "Sluice-Tenant must name, once, a tenant that the token speaks for.")
                    .with("parameter", "Sluice-Tenant")
            }
            Refusal::Invalid(invalid) => from_invalid(invalid, label),
            Refusal::NotCached => new(Code::NotCached, "No fresh answer is held, and the request said only-if-cached."),
            Refusal::BudgetExhausted { wait, .. } => new(
                Code::BudgetExhausted,
                "The wait for a turn at the upstream is longer than the request would wait; Retry-After tells how long it is.",
            )
            .retry_after(wait),
            Refusal::LineFull { wait } => new(
                Code::BudgetExhausted,
                "The tenant has as many questions waiting for a turn as it may; Retry-After tells when there is room.",
            )
            .retry_after(wait),
            Refusal::BudgetUnavailable { wait } => new(
                Code::BudgetUnavailable,
                "What the gateway's replicas share is out of reach, and nothing is asked upstream without it. What is held is served.",
            )
            .retry_after(wait),
            Refusal::AuditUnavailable => new(
                Code::AuditUnavailable,
                "The gateway cannot record calls to the upstream at the moment, and sends none without a record. What is held is served.",
            )
            .retry_after(WHEN_MENDED),
            Refusal::Draining => {
                new(Code::Draining, "This process is stopping; another one will answer.").retry_after(SOON)
            }
            Refusal::Upstream(fault) => from_fault(&fault, fault.rest(), label),
            Refusal::Resting { fault, wait } => from_fault(&fault, wait, label),
            Refusal::BreakerOpen(shut) => from_breaker(&shut, label),
            Refusal::StillAsked => new(
                Code::UpstreamTimeout,
                "The upstream has not answered yet. The question is still being asked; ask again to share its answer.",
            )
            .retry_after(SOON),
            Refusal::Lost => Self::internal(),
        }
    }
}

fn unauthorized(label: &'static str, challenge: &str) -> Problem {
    let detail = "The request needs a valid token: Authorization: Bearer <JWT>.";
    Problem::new(Code::Unauthorized, label, Blame::Caller, detail).header(WWW_AUTHENTICATE, challenge)
}

fn from_invalid(invalid: Invalid, label: &'static str) -> Problem {
    let new = |code, detail: String| Problem::new(code, label, Blame::Caller, detail);
    match invalid {
        Invalid::Parameter { name, detail } => {
            new(Code::InvalidParameter, format!("The parameter {name} {detail}.")).with("parameter", name)
        }
        Invalid::WindowTooLong { limit_seconds } => {
            let limit = crate::settings::write_duration(Duration::from_secs(limit_seconds.unsigned_abs()));
            new(Code::WindowTooLong, format!("The window may span at most {limit}: to minus from is longer."))
                .with("limit", limit)
        }
        Invalid::OutsideHorizon { earliest } => {
            new(Code::OutsideHorizon, format!("The window may begin at {earliest} at the earliest."))
                .with("earliest", earliest)
        }
        Invalid::WindowInFuture { latest } => {
            new(Code::WindowInFuture, format!("The window may begin at {latest} at the latest, which is now."))
                .with("latest", latest)
        }
    }
}

fn from_fault(fault: &Fault, wait: Duration, label: &'static str) -> Problem {
    let code = match fault.kind {
        Kind::TimedOut => Code::UpstreamTimeout,
        // The upstream has no part in it.
        Kind::Paused => Code::Overloaded,
        Kind::Throttled
        | Kind::Failing
        | Kind::Unreachable
        | Kind::Broken
        | Kind::Malformed
        | Kind::TooLarge
        | Kind::Clock
        | Kind::Credentials
        | Kind::Denied
        | Kind::Refused => Code::UpstreamError,
    };
    let problem = Problem::new(code, label, fault.kind.blame(), fault.kind.describe()).retry_after(wait);
    let problem = fault.code.iter().fold(problem, |problem, code| problem.with("upstream_code", code.as_str()));
    fault.request_id.iter().fold(problem, |problem, id| problem.with("upstream_request_id", id.as_str()))
}

/// The problem of the call that failed last, which was another's: the vendor's id of it stays with whoever made it.
fn from_breaker(shut: &Shut, label: &'static str) -> Problem {
    let fault = Fault { request_id: None, ..shut.fault.clone() };
    let problem = from_fault(&fault, shut.wait, label);
    let detail = format!(
        "{} The last {} calls all failed, so this question was not asked: until the upstream answers again, one question \
         at a time is sent to see whether it does. Retry-After tells when the next one may go.",
        fault.kind.describe(),
        shut.faults,
    );
    Problem { detail: detail.into(), ..problem }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.code.entry().status.into_response();
        let headers = response.headers_mut();
        headers.extend(self.headers.clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
#[path = "problem_tests.rs"]
mod tests;
