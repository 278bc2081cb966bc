//! One request → one arrival in the log → its verdict → its answer. The order of judging is that
//! of the vendor as guessed: operation, signature, limit, parameters; then ordered faults.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::request::Parts;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;

use super::answer::{Answer, whole};
use super::arrivals::{Arrival, Verdict};
use super::clock;
use super::codes::Refusal;
use super::dataset;
use super::desk::Desk;
use super::envelope::Metadata;
use super::fault::Fault;
use super::question::Question;
use super::settings::Settings;
use super::signature::{self, Received};
use super::wire::Line;
use super::{authorization, control, misconduct};

const ACTION: &str = "ListOperationDistribution";
const LARGEST_BODY: usize = 64 << 10;

/// What was decided about a call.
enum Judged {
    Refused(Refusal),
    Throttled(Refusal),
    Due(Question, Option<Fault>),
}

/// Takes in one request and answers it, unless a fault keeps it from being answered.
pub(super) async fn receive(desk: &Desk, line: &Arc<Line>, request: Request<Incoming>) -> Answer {
    if request.uri().path().starts_with(control::PREFIX) {
        return control::answer(desk, request).await;
    }
    let request_id = desk.request_id();
    let (at, number) = desk.log.open(line.id, request_id.clone());
    let (head, body) = request.into_parts();
    let metadata = metadata(&head, request_id, &desk.settings);
    let key = authorization::claimed_key(&head.headers).map(str::to_owned);
    let trace = head.headers.get("traceparent").and_then(|trace| trace.to_str().ok()).map(str::to_owned);
    desk.log.note(number, |arrival| {
        arrival.access_key_id = key;
        arrival.traceparent = trace;
    });
    let body = Limited::new(body, LARGEST_BODY).collect().await;
    let body = body.map_or_else(|_| Bytes::new(), http_body_util::Collected::to_bytes);
    let judged = judge(desk, at, &head, &metadata, &body);
    desk.log.note(number, |arrival| {
        arrival.note_fields(&body);
        arrival.verdict = judged.verdict();
        report(arrival);
    });
    let settings = &desk.settings;
    tokio::time::sleep(desk.delay()).await;
    match judged {
        Judged::Refused(refusal) | Judged::Throttled(refusal) => {
            whole(refusal.status(settings), metadata.refusal(&refusal))
        }
        Judged::Due(question, fault) => {
            let regions = dataset::regions(&question, settings, clock::wall());
            let due = metadata.answer(&question.dimension, &regions);
            match fault {
                None => whole(StatusCode::OK, due),
                Some(fault) => misconduct::commit(fault, due, &question, &metadata, settings, line).await,
            }
        }
    }
}

fn judge(desk: &Desk, at: Duration, head: &Parts, metadata: &Metadata, body: &[u8]) -> Judged {
    let settings = &desk.settings;
    let now = clock::wall();
    if let Err(refusal) =
        check_operation(head, metadata, settings).and_then(|()| signature::verify(received(head, body), settings, now))
    {
        return Judged::Refused(refusal);
    }
    if !desk.throttle.admit(at) {
        return Judged::Throttled(Refusal::throttled(settings));
    }
    match Question::read(body, settings, now) {
        Ok(question) => Judged::Due(question, desk.faults.offer()),
        Err(refusal) => Judged::Refused(refusal),
    }
}

impl Judged {
    fn verdict(&self) -> Verdict {
        match self {
            Self::Refused(refusal) => Verdict::Refused(refusal.code),
            Self::Throttled(_) => Verdict::Throttled,
            Self::Due(_, Some(fault)) => Verdict::Faulted(fault.name()),
            Self::Due(_, None) => Verdict::Answered,
        }
    }
}

fn check_operation(head: &Parts, asked: &Metadata, settings: &Settings) -> Result<(), Refusal> {
    if head.uri.path() != "/" {
        return Err(Refusal::new("ServiceNotFound", "there is nothing at this path"));
    }
    if asked.action.is_empty() || asked.version.is_empty() {
        return Err(Refusal::new("MissingParameter", "Action and Version are needed"));
    }
    if asked.action != ACTION || asked.version != settings.version {
        return Err(Refusal::new("InvalidActionOrVersion", "no such Action and Version"));
    }
    if head.method != Method::POST {
        return Err(Refusal::new("MethodNotAllowed", "this Action is called with POST"));
    }
    Ok(())
}

fn received<'a>(head: &'a Parts, body: &'a [u8]) -> Received<'a> {
    let sent = head.headers.get(HOST).and_then(|host| host.to_str().ok());
    let authority = head.uri.authority().map(http::uri::Authority::as_str);
    Received {
        method: head.method.as_str(),
        path: head.uri.path(),
        query: head.uri.query().unwrap_or_default(),
        host: sent.or(authority).unwrap_or_default(),
        headers: &head.headers,
        body,
    }
}

fn metadata(head: &Parts, request_id: String, settings: &Settings) -> Metadata {
    let pairs = signature::pairs(head.uri.query().unwrap_or_default());
    let value = |name: &str| {
        let found = pairs.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    Metadata {
        request_id,
        action: value("Action"),
        version: value("Version"),
        service: settings.service.clone(),
        region: settings.region.clone(),
    }
}

fn report(arrival: &Arrival) {
    tracing::debug!(
        at = ?arrival.at,
        connection = arrival.connection,
        request_id = arrival.request_id,
        access_key_id = arrival.access_key_id,
        app_id = arrival.app_id,
        verdict = ?arrival.verdict,
        "arrival"
    );
}
