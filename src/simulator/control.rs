//! What tests in other processes can ask and order, by HTTP on the same port. None of it is
//! signed, throttled or logged as an arrival.

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::answer::{Answer, whole};
use super::arrivals::{Arrival, Verdict, worst_window};
use super::desk::Desk;
use super::order::Order;

/// Paths that begin so are no calls of the operation.
pub(super) const PREFIX: &str = "/_simulator/";

const LARGEST_BODY: usize = 64 << 10;
const CONTENTS: &str = "there are GET /_simulator/arrivals, GET /_simulator/worst-window, \
    POST /_simulator/faults with {\"order\": \"status=503:2\"} and DELETE /_simulator/faults";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ordered {
    order: String,
}

/// An arrival as JSON; `at` is in seconds since the start.
#[derive(Serialize)]
struct Shown<'a> {
    at: f64,
    at_micros: u128,
    wall: String,
    connection: u64,
    request_id: &'a str,
    access_key_id: Option<&'a str>,
    app_id: Option<&'a str>,
    start: Option<&'a str>,
    end: Option<&'a str>,
    indicator: Option<&'a str>,
    dimension: Option<&'a str>,
    #[serde(flatten)]
    verdict: &'a Verdict,
}

/// Answers a request whose path begins with [`PREFIX`].
pub(super) async fn answer(desk: &Desk, request: Request<Incoming>) -> Answer {
    let (head, body) = request.into_parts();
    let (status, answer) = match (head.method, head.uri.path().trim_start_matches(PREFIX)) {
        (Method::GET, "arrivals") => (StatusCode::OK, arrivals(desk)),
        (Method::GET, "worst-window") => (StatusCode::OK, worst(desk)),
        (Method::POST, "faults") => order(desk, body).await,
        (Method::DELETE, "faults") => {
            desk.faults.clear();
            (StatusCode::OK, json!({}))
        }
        _ => (StatusCode::NOT_FOUND, json!({ "error": CONTENTS })),
    };
    whole(status, Bytes::from(answer.to_string()))
}

fn arrivals(desk: &Desk) -> Value {
    let arrivals = desk.log.arrivals();
    let shown = arrivals.iter().map(|arrival| json!(show(arrival)));
    shown.collect()
}

fn show(arrival: &Arrival) -> Shown<'_> {
    Shown {
        at: arrival.at.as_secs_f64(),
        at_micros: arrival.at.as_micros(),
        wall: arrival.wall.to_string(),
        connection: arrival.connection,
        request_id: &arrival.request_id,
        access_key_id: arrival.access_key_id.as_deref(),
        app_id: arrival.app_id.as_deref(),
        start: arrival.start.as_deref(),
        end: arrival.end.as_deref(),
        indicator: arrival.indicator.as_deref(),
        dimension: arrival.dimension.as_deref(),
        verdict: &arrival.verdict,
    }
}

fn worst(desk: &Desk) -> Value {
    let arrivals = desk.log.arrivals();
    let per = desk.settings.per;
    json!({
        "worst": worst_window(&arrivals, per),
        "limit": desk.settings.limit,
        "per_seconds": per.as_secs_f64(),
        "arrivals": arrivals.len(),
    })
}

async fn order(desk: &Desk, body: Incoming) -> (StatusCode, Value) {
    let refuse = |error: String| (StatusCode::UNPROCESSABLE_ENTITY, json!({ "error": error }));
    let Ok(body) = Limited::new(body, LARGEST_BODY).collect().await else {
        return refuse("the body could not be read".to_owned());
    };
    let ordered: Ordered = match serde_json::from_slice(&body.to_bytes()) {
        Ok(ordered) => ordered,
        Err(error) => return refuse(error.to_string()),
    };
    match ordered.order.parse::<Order>() {
        Ok(order) => {
            desk.faults.add(order);
            (StatusCode::OK, json!({}))
        }
        Err(error) => refuse(error.to_string()),
    }
}
