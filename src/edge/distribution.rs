//! `GET /apps/{app}/distribution`: the question in, the answer and all that its headers tell out.

use std::sync::OnceLock;

use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{AGE, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use utoipa::openapi::{ArrayBuilder, ObjectBuilder, Type};

use super::codings::Coding;
use super::etag::Tag;
use super::openapi::{ForDistribution, OfDistribution};
use super::problem::Problem;
use super::reply::{Pieces, Reply, pieces, whole};
use super::router::Shared;
use super::terms;
use super::visitor::Trail;
use crate::cache::{Cache, Form};
use crate::pipeline::{Served, Terms, Unserved, Via, Visit};
use crate::telemetry::Trace;

const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// How an app's users are distributed over a window
///
/// Users are counted once per window, so windows cannot be added up. The window is `[from, to)`, spans at most seven days,
/// begins within the last thirty (unless the answer is held) and not in the future.
#[utoipa::path(
    get,
    path = "/apps/{app}/distribution",
    operation_id = "getDistribution",
    tag = "usage",
    params(ForDistribution),
    responses(OfDistribution),
    security(("bearer" = []))
)]
pub(super) async fn distribution(
    State(shared): State<Shared>,
    Extension(visit): Extension<Visit>,
    RawQuery(query): RawQuery,
    Extension(trace): Extension<Trace>,
    Extension(trail): Extension<Trail>,
    headers: HeaderMap,
) -> Response {
    trail.mark(|marks| marks.app = visit.acting().grant().ok().map(|grant| grant.app().name().to_owned()));
    let terms = Terms { trace, ..terms::terms(&headers) };
    match shared.pipeline.answer(&visit, query.as_deref().unwrap_or_default(), terms).await {
        Ok(served) => {
            trail.mark(|marks| {
                marks.outcome = Some(served.via.label());
                marks.spent = Some(served.spent);
            });
            write(&served, &headers, shared.pipeline.cache()).await
        }
        Err(Unserved { refusal, spent }) => {
            trail.mark(|marks| marks.spent = Some(spent));
            Problem::from(refusal).into_response()
        }
    }
}

/// The answer in its form and the coding that the caller wants, made now if nobody had them made before.
async fn write(served: &Served, request: &HeaderMap, cache: &Cache) -> Response {
    if let Some(ready) = ready(served, request) {
        return ready.response(HeaderMap::new()).map(Reply::into_body);
    }
    let before = served.forms.bytes();
    let form = served.forms.get_or_make(spelling(served), || form(served));
    if let Some(coding) = coding(&form, served, request)
        && !Tag(form.tag.clone()).is_held(request)
        && coded(&form, coding).get().is_none()
    {
        let made = coding.code(whole(parts(&form, served))).await;
        // Another request may have been faster; the bytes are the same.
        coded(&form, coding).get_or_init(|| made);
    }
    if served.forms.bytes() != before {
        cache.weigh_again(served.asked.question());
    }
    let ready = Ready::of(&form, served, request).expect("the coding was made just now");
    ready.response(HeaderMap::new()).map(Reply::into_body)
}

/// The answer, if its form and coding were made before.
pub(super) fn ready<'s>(served: &'s Served, request: &HeaderMap) -> Option<Ready<'s>> {
    Ready::of(served.forms.get(spelling(served))?, served, request)
}

/// An answer that only has to be written.
pub(super) struct Ready<'s> {
    served: &'s Served,
    tag: HeaderValue,
    sent: Sent,
}

/// What of an answer is sent.
enum Sent {
    /// All of it, in a coding that the caller wants.
    Whole(Reply, Option<Coding>),
    /// The caller holds it.
    Nothing,
}

impl<'s> Ready<'s> {
    fn of(form: &Form, served: &'s Served, request: &HeaderMap) -> Option<Self> {
        let tag = Tag(form.tag.clone());
        if tag.is_held(request) {
            return Some(Self { served, tag: tag.of_not_modified(request), sent: Sent::Nothing });
        }
        let coding = coding(form, served, request);
        let reply = match coding {
            None => Reply::Held(Some(parts(form, served))),
            Some(coding) => Reply::of(coded(form, coding).get()?.clone()),
        };
        Some(Self { served, tag: tag.header(coding), sent: Sent::Whole(reply, coding) })
    }

    /// Written into this map, which is empty.
    pub(super) fn response(self, mut headers: HeaderMap) -> http::Response<Reply> {
        let Self { served, tag, sent } = self;
        headers.reserve(MOST_HEADERS);
        headers.insert(ETAG, tag);
        headers.insert(AGE, served.freshness.age.as_secs().into());
        headers.insert(CACHE_CONTROL, cache_control(served));
        headers.insert(CACHE_STATUS, cache_status(served));
        let (status, reply) = match sent {
            Sent::Nothing => (StatusCode::NOT_MODIFIED, Reply::empty()),
            Sent::Whole(reply, coding) => {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                if let Some(coding) = coding {
                    headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
                }
                (StatusCode::OK, reply)
            }
        };
        let mut response = http::Response::new(reply);
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }
}

/// With those that come from elsewhere.
const MOST_HEADERS: usize = 14;

/// The caller's words for the question, and whose words they are.
fn spelling(served: &Served) -> [&str; 3] {
    [served.grant.app().name(), served.asked.shown_from(), served.asked.shown_to()]
}

fn form(served: &Served) -> Form {
    Form {
        spelling: spelling(served).map(Box::from),
        head: Bytes::copy_from_slice(head(served).as_bytes()),
        tag: Tag::of(served).0,
        coded: Default::default(),
    }
}

fn parts(form: &Form, served: &Served) -> Pieces {
    pieces([form.head.clone(), served.answer.rows().clone(), Bytes::from_static(END.as_bytes())])
}

fn coding(form: &Form, served: &Served, request: &HeaderMap) -> Option<Coding> {
    Coding::of_small(form.head.len() + served.answer.rows().len() + END.len(), request)
}

/// The place of this coding.
fn coded(form: &Form, coding: Coding) -> &OnceLock<Bytes> {
    let [gzip, brotli, zstd] = &form.coded;
    match coding {
        Coding::Gzip => gzip,
        Coding::Brotli => brotli,
        Coding::Zstd => zstd,
    }
}

/// How an app's users were distributed over a window.
#[derive(Serialize, ToSchema)]
pub(super) struct Distribution<'a> {
    /// The app's name, however it was asked for.
    app: &'a str,
    /// What is counted.
    indicator: &'a str,
    /// By what the users are broken down.
    dimension: &'a str,
    /// When the window begins, in the caller's spelling; a bare date as its midnight, a relative time as its instant.
    from: &'a str,
    /// When the window ends, likewise.
    to: &'a str,
    /// Whether the data had settled when it was fetched: then the answer never changes.
    r#final: bool,
    /// When the upstream was asked.
    #[schema(format = DateTime)]
    fetched_at: String,
    /// The regions in the upstream's order.
    #[schema(schema_with = regions)]
    data: &'a RawValue,
}

/// `model::Region`s, which are held as they are written.
fn regions() -> ArrayBuilder {
    let number = |text| ObjectBuilder::new().schema_type(Type::Number).minimum(Some(0)).description(Some(text));
    let name = ObjectBuilder::new().schema_type(Type::String).description(Some("As the upstream writes it."));
    let region = ObjectBuilder::new()
        .schema_type(Type::Object)
        .property("name", name)
        .property("value", number("Distinct users; not additive over windows."))
        .property("proportion", number("Their share of all users, in percent."))
        .required("name")
        .required("value")
        .required("proportion");
    ArrayBuilder::new().items(region).description(Some("The regions in the upstream's order."))
}

/// What stands before the rows, which are sent as they are held.
fn head(served: &Served) -> String {
    let question = served.asked.question();
    let distribution = Distribution {
        app: served.grant.app().name(),
        indicator: question.indicator().as_str(),
        dimension: question.dimension().as_str(),
        from: served.asked.shown_from(),
        to: served.asked.shown_to(),
        r#final: served.answer.is_final(),
        fetched_at: served.answer.fetched_at().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        data: serde_json::from_str(NO_ROWS).expect("an empty list is JSON"),
    };
    let mut whole = serde_json::to_string(&distribution).expect("text always serialises");
    whole.truncate(whole.len() - NO_ROWS.len() - END.len());
    whole
}

/// What the rows take the place of, and what stands after them.
const NO_ROWS: &str = "[]";
const END: &str = "}";

/// The lifetime counts from the fetching, so `Age` says how much of it has gone.
fn cache_control(served: &Served) -> HeaderValue {
    let Some(lifetime) = served.freshness.lifetime else {
        return HeaderValue::from_static("private, max-age=31536000, immutable");
    };
    value(&format!("private, max-age={}", lifetime.as_secs()))
}

/// RFC 9211. What never changes is fresh for a year, as long as RFC 9111 knows.
fn cache_status(served: &Served) -> HeaderValue {
    let ttl = served.freshness.ttl();
    match (served.via, ttl) {
        (Via::Hit, None) => HeaderValue::from_static("sluice; hit; ttl=31536000"),
        (Via::Hit, Some(ttl)) => value(&format!("sluice; hit; ttl={ttl}")),
        (Via::Miss, _) => HeaderValue::from_static("sluice; fwd=miss; stored"),
        (Via::Joined, _) => HeaderValue::from_static("sluice; fwd=miss; collapsed"),
        (Via::Refreshed, _) => HeaderValue::from_static("sluice; fwd=stale; stored"),
        (Via::RefreshedJoined, _) => HeaderValue::from_static("sluice; fwd=stale; collapsed"),
        (Via::StaleOnError(reason), _) => {
            value(&format!("sluice; fwd=stale; ttl={}; detail=stale-if-error-{reason}", ttl.unwrap_or_default()))
        }
    }
}

fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("words and digits can stand in a header")
}
