//! The vendor's JSON, both ways. Strict about what is used, blind to what is not.

use jiff::tz::Offset;
use serde::{Deserialize, Serialize};

use super::fault::sane_id;
use super::{Fault, Kind, Names};
use crate::model::{Dimension, Object, Region};
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
    response_metadata: Option<Object<Metadata>>,
    result: Option<Object<Distribution>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata {
    request_id: Option<String>,
    error: Option<Object<ErrorBody>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ErrorBody {
    code: Option<String>,
}

/// The form of an empty distribution is not documented: an absent or null list is taken for one, where the rest says
/// that this is a distribution.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Distribution {
    name: Option<String>,
    dimension: Option<String>,
    data: Option<Vec<Object<Item>>>,
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

/// What an answer's bytes mean.
#[derive(Debug)]
pub(super) struct Meaning {
    pub(super) regions: Result<Vec<Region>, Fault>,
    /// The vendor's id of the call, where it gave a sane one.
    pub(super) request_id: Option<String>,
}

/// Reads an answer to this question. An `Error` is an error whatever the status; a bad status is one whatever the body.
pub(super) fn read(status: u16, bytes: &[u8], question: &Question, names: &Names) -> Meaning {
    let Ok(Object(Envelope { response_metadata, result })) = serde_json::from_slice(bytes) else {
        let fault = if status == 200 { Fault::of(Kind::Malformed) } else { Fault::classify(status, None, None) };
        return Meaning { regions: Err(fault), request_id: None };
    };
    let (request_id, error) = response_metadata.map_or((None, None), |Object(meta)| (meta.request_id, meta.error));
    let request_id = request_id.as_deref().and_then(sane_id);
    if status != 200 || error.is_some() {
        let code = error.and_then(|Object(error)| error.code);
        return Meaning { regions: Err(Fault::classify(status, code.as_deref(), request_id.as_deref())), request_id };
    }
    let malformed = Fault { request_id: request_id.clone(), ..Fault::of(Kind::Malformed) };
    let regions = result.and_then(|Object(distribution)| distribution.regions(question.dimension(), names));
    Meaning { regions: regions.ok_or(malformed), request_id }
}

impl Distribution {
    /// The regions, in the vendor's order; `None` where this is no distribution, or one by another dimension. How the
    /// vendor spells the dimension is not certain, so only what it certainly is not is refused.
    fn regions(self, asked: Dimension, names: &Names) -> Option<Vec<Region>> {
        if self.data.is_none() && self.name.is_none() && self.dimension.is_none() {
            return None;
        }
        let said = self.dimension.as_deref().unwrap_or_default();
        let is = |word: &str| said.eq_ignore_ascii_case(word);
        let named =
            Dimension::ALL.into_iter().find(|dimension| is(dimension.as_str()) || is(names.dimension(*dimension)));
        if named.is_some_and(|named| named != asked) {
            return None;
        }
        let region = |Object(item): Object<Item>| Region {
            name: item.distribution_name,
            value: item.value,
            proportion: item.proportion,
        };
        Some(self.data.unwrap_or_default().into_iter().map(region).collect())
    }
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
