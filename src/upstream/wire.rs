//! The vendor's JSON, both ways. Strict about what is used, blind to what is not.

use jiff::Timestamp;
use jiff::tz::Offset;
use serde::{Deserialize, Serialize};

use super::fault::sane_id;
use super::{Fault, Kind, Names};
use crate::model::{Answer, Region};
use crate::query::Question;

/// The vendor's samples write Beijing time; any offset names the same instant.
const BEIJING: Offset = Offset::constant(8);

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Body<'a> {
    app_id: &'a str,
    start_time: String,
    end_time: String,
    indicator: &'a str,
    dimension: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Envelope {
    response_metadata: Option<Metadata>,
    result: Option<Distribution>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata {
    request_id: Option<String>,
    error: Option<ErrorBody>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ErrorBody {
    code: Option<String>,
}

/// The form of an empty distribution is not documented: an absent or null list is taken for one.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Distribution {
    data: Option<Vec<Item>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Item {
    distribution_name: String,
    value: f64,
    proportion: f64,
}

/// The body of a call.
pub(super) fn body(question: &Question, names: &Names) -> Vec<u8> {
    let body = Body {
        app_id: question.app().as_str(),
        start_time: question.window().from().rfc3339(BEIJING),
        end_time: question.window().to().rfc3339(BEIJING),
        indicator: names.indicator(question.indicator()),
        dimension: names.dimension(question.dimension()),
    };
    serde_json::to_vec(&body).expect("plain text always serialises")
}

/// What the vendor's bytes mean, with the vendor's id of the call. An `Error` is an error whatever the status; a bad
/// status is one whatever the body.
pub(super) fn read(
    status: u16,
    bytes: &[u8],
    sent: Timestamp,
    settled: bool,
) -> (Result<Answer, Fault>, Option<String>) {
    let envelope = match serde_json::from_slice::<Envelope>(bytes) {
        Ok(envelope) => envelope,
        Err(_) if status == 200 => return (Err(Fault::of(Kind::Malformed)), None),
        Err(_) => return (Err(Fault::classify(status, None, None)), None),
    };
    let (request_id, error) = envelope.response_metadata.map_or((None, None), |meta| (meta.request_id, meta.error));
    if status != 200 || error.is_some() {
        let code = error.and_then(|error| error.code);
        let fault = Fault::classify(status, code.as_deref(), request_id.as_deref());
        let request_id = fault.request_id.clone();
        return (Err(fault), request_id);
    }
    let request_id = request_id.as_deref().and_then(sane_id);
    let Some(distribution) = envelope.result else {
        return (Err(Fault { kind: Kind::Malformed, code: None, request_id: request_id.clone() }), request_id);
    };
    let regions: Vec<_> = distribution
        .data
        .unwrap_or_default()
        .into_iter()
        .map(|item| Region { name: item.distribution_name, value: item.value, proportion: item.proportion })
        .collect();
    (Ok(Answer::new(&regions, sent, settled)), request_id)
}
