//! Fuzz target of this stage: what is made of the vendor's bytes says what they say, and nothing more than that.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "what fails here has been found")]

use jiff::Timestamp;
use serde_json::Value;

use super::*;
use crate::model::{Answer, Dimension, Region};
use crate::query::Question;

const STATUSES: [u16; 7] = [200, 204, 302, 400, 403, 429, 500];

/// The body of the vendor's answer, under each of several statuses. Regions come of a 200 alone, as many and as they
/// were sent; they survive being held and served; and no text of a fault is the vendor's own.
pub fn upstream(bytes: &[u8]) {
    let question = Question::sample("661e1c9d2b9f4a0017e843cf");
    let names = Names::new("user_num", "Province", "Country");
    for status in STATUSES {
        let wire::Meaning { regions, request_id } = wire::read(status, bytes, &question, &names);
        let plain = |id: &str| (1..=64).contains(&id.len()) && !id.contains(|c: char| !c.is_ascii_graphic());
        assert!(request_id.as_deref().is_none_or(plain), "{request_id:?}");
        match regions {
            Ok(regions) => {
                assert_eq!(status, 200);
                are_those_of(bytes, &regions);
            }
            Err(fault) => {
                assert_eq!(Fault::of_line(&fault.line()).as_ref(), Some(&fault), "another fault at another replica");
                assert!(fault.line().bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()), "{fault:?}");
                assert!(fault.code.is_none_or(|code| contains(bytes, code.as_str())), "{fault:?} was not said");
                let throttled = fault.kind == Kind::Throttled;
                assert!(throttled || status != 429, "{fault:?}");
            }
        }
    }
}

fn are_those_of(bytes: &[u8], regions: &[Region]) {
    // What is passed over may be deeper than a tree of values can be made of, and need not be UTF-8.
    let Ok(sent) = serde_json::from_str::<Value>(&String::from_utf8_lossy(bytes)) else { return };
    assert!(sent.get("ResponseMetadata").and_then(|meta| meta.get("Error")).is_none_or(Value::is_null), "an error");
    let result = &sent["Result"];
    let dimension = result["Dimension"].as_str().map(str::to_ascii_lowercase);
    assert_ne!(dimension.as_deref(), Some(Dimension::Country.as_str()), "another dimension");
    let rows = result["Data"].as_array().map_or(&[][..], Vec::as_slice);
    assert_eq!(rows.len(), regions.len());
    for (row, region) in rows.iter().zip(regions) {
        assert_eq!(row["DistributionName"], region.name.as_str());
        assert!(region.value.is_finite() && region.proportion.is_finite());
        let bits = |name: &str| row[name].as_f64().unwrap().to_bits();
        let found = (region.value.to_bits(), region.proportion.to_bits());
        assert_eq!((bits("Value"), bits("Proportion")), found);
    }
    let answer = Answer::new(regions, Timestamp::UNIX_EPOCH, true);
    let served: Vec<Region> = serde_json::from_slice(answer.rows()).unwrap();
    assert_eq!(served, regions, "what is served is what was sent");
    assert!(answer.rows().len() <= 4 * bytes.len() + 2, "{} bytes of {}", answer.rows().len(), bytes.len());
}

/// Whether the words of a code were sent, however their letters were escaped.
fn contains(bytes: &[u8], code: &str) -> bool {
    let sent: Option<Value> = serde_json::from_str(&String::from_utf8_lossy(bytes)).ok();
    sent.is_none_or(|sent| sent["ResponseMetadata"]["Error"]["Code"] == code)
}
