//! The lines of the audit, each a JSON object. `docs/audit.md` documents every member.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use crate::model::TenantId;
use crate::query::Question;
use crate::telemetry::milliseconds;

/// A call that is about to be sent: what is known before its turn is used.
#[derive(Clone, Debug)]
pub struct Intent<'a> {
    /// Whose turn it takes.
    pub tenant: &'a TenantId,
    /// What it asks.
    pub question: &'a Question,
    /// Which call of its flight it is, from 1.
    pub leg: u32,
    /// The trace of the request that asked first.
    pub trace_id: Option<String>,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending<'a> {
    /// Whether it arrived at the vendor.
    pub arrived: Arrived,
    /// The word of logs and metrics.
    pub outcome: &'a str,
    /// The slot it took.
    pub slot: usize,
    /// The key it was signed with, masked.
    pub key_id: &'a str,
    /// The vendor's documented code, where it refused.
    pub upstream_code: Option<&'a str>,
    /// The vendor's id of the call.
    pub upstream_request_id: Option<&'a str>,
    /// From the sending to the end.
    pub took: Duration,
}

/// Whether a call arrived at the vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrived {
    /// It was answered, so it had arrived.
    Yes,
    /// Nothing was sent.
    No,
    /// It was sent, and no answer tells.
    Unknown,
}

/// The outcome of a record whose call was not made: its turn could not be used.
pub const NOT_SENT: &str = "not_sent";
/// The outcome of a call whose flight ended without a word: a defect of the gateway.
pub const LOST: &str = "lost";

/// One line.
#[derive(Debug, Serialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub(super) enum Record<'a> {
    Started {
        at: String,
        version: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        replica: Option<&'a str>,
    },
    Sending {
        id: String,
        at: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        replica: Option<&'a str>,
        tenant: &'a str,
        app_id: &'a str,
        indicator: &'static str,
        dimension: &'static str,
        from: String,
        to: String,
        leg: u32,
        #[serde(skip_serializing_if = "Option::is_none")]
        trace_id: Option<&'a str>,
    },
    Ended {
        id: String,
        at: String,
        arrived: Option<bool>,
        outcome: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        slot: Option<usize>,
        #[serde(skip_serializing_if = "Option::is_none")]
        key_id: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        upstream_code: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        upstream_request_id: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        took_ms: Option<u64>,
    },
    Resumed {
        at: String,
        since: String,
        reason: &'a str,
    },
}

impl Arrived {
    fn told(self) -> Option<bool> {
        match self {
            Self::Yes => Some(true),
            Self::No => Some(false),
            Self::Unknown => None,
        }
    }
}

impl<'a> Record<'a> {
    pub(super) fn started(now: Timestamp, replica: Option<&'a str>) -> Self {
        Self::Started { at: written(now), version: env!("CARGO_PKG_VERSION"), replica }
    }

    pub(super) fn sending(id: Uuid, now: Timestamp, replica: Option<&'a str>, intent: &'a Intent<'_>) -> Self {
        let question = intent.question;
        Self::Sending {
            id: id.to_string(),
            at: written(now),
            replica,
            tenant: intent.tenant.as_str(),
            app_id: question.app().as_str(),
            indicator: question.indicator().as_str(),
            dimension: question.dimension().as_str(),
            from: format!("{:?}", question.window().from()),
            to: format!("{:?}", question.window().to()),
            leg: intent.leg,
            trace_id: intent.trace_id.as_deref(),
        }
    }

    pub(super) fn ended(id: Uuid, now: Timestamp, ending: &Ending<'a>) -> Self {
        Self::Ended {
            id: id.to_string(),
            at: written(now),
            arrived: ending.arrived.told(),
            outcome: ending.outcome,
            slot: Some(ending.slot),
            key_id: Some(ending.key_id),
            upstream_code: ending.upstream_code,
            upstream_request_id: ending.upstream_request_id,
            took_ms: Some(milliseconds(ending.took)),
        }
    }

    /// Of a record that nobody completed.
    pub(super) fn abandoned(id: Uuid, now: Timestamp, departed: bool) -> Self {
        let (arrived, outcome) = if departed { (Arrived::Unknown, LOST) } else { (Arrived::No, NOT_SENT) };
        Self::Ended {
            id: id.to_string(),
            at: written(now),
            arrived: arrived.told(),
            outcome,
            slot: None,
            key_id: None,
            upstream_code: None,
            upstream_request_id: None,
            took_ms: None,
        }
    }

    pub(super) fn resumed(now: Timestamp, since: Timestamp, reason: &'a str) -> Self {
        Self::Resumed { at: written(now), since: written(since), reason }
    }

    /// The line, with its newline.
    pub(super) fn line(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).expect("text and numbers always serialise");
        line.push(b'\n');
        line
    }
}

/// RFC 3339 in UTC, to the millisecond.
fn written(at: Timestamp) -> String {
    format!("{at:.3}")
}
