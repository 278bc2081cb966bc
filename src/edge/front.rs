//! The outermost layer around every route: counts what is under way, names the request, writes problems' bodies and
//! the one log line.

use std::any::Any;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{CONNECTION, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version};
use jiff::Timestamp;
use tokio::time::Instant;

use super::admin::Readiness;
use super::problem::Problem;
use super::request_id::{RequestId, X_REQUEST_ID};
use super::untaken::Untaken;
use super::visitor::{Marks, Trail};
use crate::model::{Blame, TenantId};
use crate::pipeline::Spent;
use crate::telemetry::{Access, Attribute, RequestCounts, RequestLabels, Telemetry, Trace, milliseconds};

pub(super) const LONGEST_PATH: usize = 2048;
pub(super) const LONGEST_QUERY: usize = 4096;
pub(super) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// As proxies write it, for want of a status that was sent.
const HUNG_UP: u16 = 499;
/// The route of paths that lead nowhere, as the metrics have it.
pub(super) const NO_ROUTE: &str = "none";

/// The count of requests under way, and its bound.
#[derive(Clone, Debug)]
pub(super) struct Front {
    under_way: Arc<AtomicUsize>,
    most: usize,
    pub(super) telemetry: Telemetry,
    readiness: Readiness,
}

/// One request under way, until its answer is taken or the caller hangs up.
#[derive(Debug)]
pub(super) struct UnderWay(Arc<AtomicUsize>);

impl Front {
    pub(super) fn new(most: usize, telemetry: Telemetry, readiness: Readiness) -> Self {
        Self { under_way: Arc::default(), most, telemetry, readiness }
    }

    /// `None` for one too many.
    pub(super) fn enter(&self) -> Option<UnderWay> {
        let guard = UnderWay(Arc::clone(&self.under_way));
        (self.under_way.fetch_add(1, Ordering::Relaxed) < self.most).then_some(guard)
    }

    /// Where the request stands in its trace.
    pub(super) fn trace(&self, parent: Option<&HeaderValue>, of: &Method, route: &str) -> Trace {
        let parent = parent.and_then(|parent| parent.to_str().ok());
        self.telemetry.tracing.request(parent, || format!("{} {route}", method(of)))
    }

    /// While draining, asks the caller to leave. HTTP/2 says it in frames of its own, at the end of the drain.
    pub(super) fn takes_leave(&self, version: Version, headers: &mut HeaderMap) {
        if self.readiness.is_draining() && version <= Version::HTTP_11 {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The request's line in the log. Dropped unwritten, it tells of a caller who hung up.
struct LogLine {
    request_id: RequestId,
    method: Method,
    route: Option<MatchedPath>,
    began: Instant,
    trace: Trace,
    trail: Trail,
    telemetry: Telemetry,
    written: bool,
}

pub(super) async fn front(State(front): State<Front>, mut request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let parent = request.headers().get(TRACEPARENT);
    let trace = front.trace(parent, request.method(), route.as_ref().map_or(NO_ROUTE, MatchedPath::as_str));
    let trail = Trail::default();
    let line = LogLine {
        request_id: RequestId::of(request.headers()),
        method: request.method().clone(),
        route,
        began: Instant::now(),
        trace: trace.clone(),
        trail: trail.clone(),
        telemetry: front.telemetry.clone(),
        written: false,
    };
    request.extensions_mut().insert(trace);
    request.extensions_mut().insert(trail);
    let version = request.version();
    let uri = request.uri();
    let guard = front.enter();
    let response = if uri.path().len() > LONGEST_PATH || uri.query().is_some_and(|query| query.len() > LONGEST_QUERY) {
        Problem::target_too_long().into_response()
    } else if guard.is_none() {
        Problem::overloaded().into_response()
    } else {
        next.run(request).await
    };
    let mut response = finish(response, &line.request_id);
    front.takes_leave(version, response.headers_mut());
    line.write(&response);
    // Who asks for more than it takes would have answers held without number.
    response.map(|body| Body::new(Untaken::new(body, guard)))
}

impl LogLine {
    fn write(mut self, response: &Response) {
        self.written = true;
        self.tell(Some(response));
    }

    /// Without a response, the caller hung up.
    fn tell(&self, response: Option<&Response>) {
        let Marks { tenant, configured, app, outcome, spent } = self.trail.marks();
        let problem = response.and_then(|response| response.extensions().get::<Problem>());
        let served = problem.map(Problem::label).or(outcome).unwrap_or("served");
        let hung_up = response.is_none().then_some(Blame::Caller);
        let ended = Ended {
            request_id: self.request_id.as_str(),
            method: &self.method,
            route: self.route.as_ref().map_or(NO_ROUTE, MatchedPath::as_str),
            trace: &self.trace,
            at: None,
            took: self.began.elapsed(),
            status: response.map(|response| response.status().as_u16()),
            outcome: if hung_up.is_some() { "hung_up" } else { served },
            blame: problem.map(Problem::blame).or(hung_up),
            tenant: tenant.as_ref(),
            configured,
            app: app.as_deref(),
            spent,
        };
        ended.tell(&self.telemetry, None);
    }
}

/// A request that has ended, as it is told of.
pub(super) struct Ended<'a> {
    pub(super) request_id: &'a str,
    pub(super) method: &'a Method,
    pub(super) route: &'a str,
    pub(super) trace: &'a Trace,
    /// When, where that is known.
    pub(super) at: Option<Timestamp>,
    pub(super) took: Duration,
    /// `None` where the caller hung up.
    pub(super) status: Option<u16>,
    pub(super) outcome: &'static str,
    pub(super) blame: Option<Blame>,
    pub(super) tenant: Option<&'a TenantId>,
    /// Whether the tenant is one of the configuration.
    pub(super) configured: bool,
    pub(super) app: Option<&'a str>,
    pub(super) spent: Option<Spent>,
}

impl Ended<'_> {
    /// Writes the line, counts, and ends the span. `counts`: where it is counted, if that was found before or is to be
    /// found again.
    pub(super) fn tell(&self, telemetry: &Telemetry, counts: Option<&OnceLock<RequestCounts>>) {
        let blame = self.blame.map(Blame::label);
        telemetry.log.access(&Access {
            at: self.at,
            request_id: self.request_id,
            trace_id: self.trace.id().as_deref(),
            method: Some(self.method.as_str()),
            route: self.route,
            status: self.status,
            outcome: self.outcome,
            blame,
            tenant: self.tenant.map(TenantId::as_str),
            app: self.app,
            wait_ms: self.spent.map(|spent| milliseconds(spent.waited)),
            calls: self.spent.map(|spent| spent.calls),
            took_ms: milliseconds(self.took),
        });
        match counts {
            Some(counts) => counts.get_or_init(|| telemetry.metrics.requests(&self.labels())).count(self.took),
            None => telemetry.metrics.request(&self.labels(), self.took),
        }
        let attributes = || -> [Attribute; 4] {
            [
                ("http.request.method", method(self.method).to_owned().into()),
                ("http.route", self.route.to_owned().into()),
                ("http.response.status_code", i64::from(self.status.unwrap_or(HUNG_UP)).into()),
                ("sluice.outcome", self.outcome.into()),
            ]
        };
        self.trace.end(attributes, blame);
    }

    fn labels(&self) -> RequestLabels {
        RequestLabels {
            route: self.route.to_owned(),
            // A name that only a token knows could be any: it is in the log, and is no label.
            tenant: self.tenant.filter(|_| self.configured).cloned(),
            outcome: self.outcome,
            status: self.status.unwrap_or(HUNG_UP),
            blame: self.blame.map(Blame::label).unwrap_or_default(),
        }
    }
}

impl Drop for LogLine {
    fn drop(&mut self) {
        if !self.written {
            self.tell(None);
        }
    }
}

/// The method as spans have it: a caller can make up others, and names of spans are few.
fn method(method: &Method) -> &str {
    let known = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS, Method::PATCH];
    if known.contains(method) { method.as_str() } else { "_OTHER" }
}

/// What every response carries; for a problem also the body, which names the request.
pub(super) fn finish(response: Response, request_id: &RequestId) -> Response {
    let body = response.extensions().get::<Problem>().map(|problem| problem.body(request_id.as_str()));
    let mut response = match body {
        None => response,
        Some(body) => {
            let (parts, _) = response.into_parts();
            Response::from_parts(parts, Body::from(body))
        }
    };
    sign(response.headers_mut(), request_id);
    response
}

/// The headers that every response carries.
pub(super) fn sign(headers: &mut HeaderMap, request_id: &RequestId) {
    headers.insert(X_REQUEST_ID, request_id.header());
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}

/// A panic below is a defect, told like any other problem and without its message.
pub(super) fn panicked(_payload: Box<dyn Any + Send>) -> Response {
    Problem::internal().into_response()
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::middleware::from_fn_with_state;
    use axum::routing::get;
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;
    use tower_http::catch_panic::CatchPanicLayer;

    use super::*;

    async fn boom() -> http::StatusCode {
        panic!("a canary in the message")
    }

    #[tokio::test]
    async fn a_request_is_under_way_until_its_answer_is_taken() {
        let router = Router::new()
            .route("/", get(async || "an answer"))
            .layer(from_fn_with_state(Front::new(1, Telemetry::default(), Readiness::default()), front));
        let ask = || router.clone().oneshot(Request::get("/").body(Body::empty()).unwrap());
        let untaken = ask().await.unwrap();
        assert_eq!(ask().await.unwrap().status(), 503);
        let body = untaken.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, "an answer");
        let given_up = ask().await.unwrap();
        assert_eq!(given_up.status(), 200);
        drop(given_up);
        assert_eq!(ask().await.unwrap().status(), 200);
    }

    #[tokio::test]
    async fn a_panic_is_a_problem_that_keeps_its_message_to_itself() {
        let router = Router::new()
            .route("/boom", get(boom))
            .layer(CatchPanicLayer::custom(panicked))
            .layer(from_fn_with_state(Front::new(1, Telemetry::default(), Readiness::default()), front));
        let request = Request::get("/boom").header("x-request-id", "mine").body(Body::empty()).unwrap();
        let response = router.oneshot(request).await.unwrap();
        assert_eq!(response.status(), 500);
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((&body["type"], &body["instance"]), (&"/problems/internal-error".into(), &"mine".into()));
        assert!(!body.to_string().contains("canary"));
    }
}
