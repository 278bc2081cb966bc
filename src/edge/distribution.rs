//! `GET /apps/{app}/distribution`: the question in, the answer and all that its headers tell out.

use axum::Extension;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use http::header::{AGE, CACHE_CONTROL, CONTENT_TYPE, ETAG};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use utoipa::openapi::{ArrayBuilder, ObjectBuilder, Type};

use super::openapi::{ForDistribution, OfDistribution};
use super::problem::Problem;
use super::router::Shared;
use super::visitor::Trail;
use super::{etag, terms};
use crate::pipeline::{Served, Terms, Unserved, Via, Visit};
use crate::telemetry::Trace;

const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
/// A year: as long as RFC 9111 knows.
const FOR_GOOD: u64 = 31_536_000;

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
            write(&served, &headers)
        }
        Err(Unserved { refusal, spent }) => {
            trail.mark(|marks| marks.spent = Some(spent));
            Problem::from(refusal).into_response()
        }
    }
}

fn write(served: &Served, request: &HeaderMap) -> Response {
    let tag = etag::tag(served);
    let mut response = if etag::is_held(request, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let mut response = Body::from(body(served)).into_response();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    };
    let headers = response.headers_mut();
    headers.insert(ETAG, etag::header(&tag));
    headers.insert(AGE, served.freshness.age.as_secs().into());
    let (control, status) = (cache_control(served), cache_status(served));
    for (name, value) in [(CACHE_CONTROL, control), (CACHE_STATUS, status)] {
        headers.insert(name, HeaderValue::from_str(&value).expect("words and digits can stand in a header"));
    }
    response
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

/// The body: the caller's words around the held rows, which are copied as they are.
fn body(served: &Served) -> Vec<u8> {
    let question = served.asked.question();
    let distribution = Distribution {
        app: served.grant.app().name(),
        indicator: question.indicator().as_str(),
        dimension: question.dimension().as_str(),
        from: served.asked.shown_from(),
        to: served.asked.shown_to(),
        r#final: served.answer.is_final(),
        fetched_at: served.answer.fetched_at().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        data: serde_json::from_slice(served.answer.rows()).expect("rows are held as JSON"),
    };
    serde_json::to_vec(&distribution).expect("text always serialises")
}

/// The lifetime counts from the fetching, so `Age` says how much of it has gone.
fn cache_control(served: &Served) -> String {
    match served.freshness.lifetime {
        None => format!("private, max-age={FOR_GOOD}, immutable"),
        Some(lifetime) => format!("private, max-age={}", lifetime.as_secs()),
    }
}

/// RFC 9211.
fn cache_status(served: &Served) -> String {
    let ttl = served.freshness.ttl();
    match served.via {
        Via::Hit => format!("sluice; hit; ttl={}", ttl.unwrap_or_else(|| FOR_GOOD.cast_signed())),
        Via::Miss => "sluice; fwd=miss; stored".to_owned(),
        Via::Joined => "sluice; fwd=miss; collapsed".to_owned(),
        Via::Refreshed => "sluice; fwd=stale; stored".to_owned(),
        Via::RefreshedJoined => "sluice; fwd=stale; collapsed".to_owned(),
        Via::StaleOnError(reason) => {
            format!("sluice; fwd=stale; ttl={}; detail=stale-if-error-{reason}", ttl.unwrap_or_default())
        }
    }
}
