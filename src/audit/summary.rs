//! The sum of a record of calls, by day, tenant, app and outcome.

use std::collections::BTreeMap;
use std::io::{self, BufRead};
use std::rc::Rc;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use uuid::Uuid;

use super::reading::{Begun, End, Place, Reading, Strays};

/// A sum that grows with each file. A call counts where its `sending` stands, in whichever order files are given.
#[derive(Debug)]
pub struct Summary {
    reading: Reading,
    calls: BTreeMap<Key, u64>,
    unknown: u64,
    not_sent: BTreeMap<Rc<str>, u64>,
}

/// What calls are added up by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The day of its beginning.
    pub day: Date,
    /// On whose turn.
    pub tenant: Rc<str>,
    /// About which app.
    pub app_id: Rc<str>,
    /// How it ended.
    pub outcome: Rc<str>,
}

/// A call without an end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfinished {
    /// The id of its record.
    pub id: Uuid,
    /// The rest of what is known.
    pub begun: Begun,
}

/// The outcome under which calls without an end are counted.
const UNFINISHED: &str = "unfinished";

impl Summary {
    /// Nothing yet. `zone`: where days begin.
    pub fn new(zone: TimeZone) -> Self {
        Self { reading: Reading::new(zone), calls: BTreeMap::new(), unknown: 0, not_sent: BTreeMap::new() }
    }

    /// Adds a file, or whatever else lines come from.
    pub fn read(&mut self, name: &str, input: impl BufRead) -> io::Result<()> {
        let Self { reading, calls, unknown, not_sent } = self;
        reading.read(name, input, |begun, End { arrived, outcome }| match arrived {
            Some(false) => *not_sent.entry(outcome).or_default() += 1,
            arrived => {
                *unknown += u64::from(arrived.is_none());
                let Begun { day, tenant, app_id, .. } = begun;
                *calls.entry(Key { day, tenant, app_id, outcome }).or_default() += 1;
            }
        })
    }

    /// Lines that were understood.
    pub fn records(&self) -> u64 {
        self.reading.records
    }

    /// Calls by what they are added up by, those without an end included.
    pub fn rows(&self) -> BTreeMap<Key, u64> {
        let mut rows = self.calls.clone();
        for begun in self.reading.open.values().cloned() {
            let Begun { day, tenant, app_id, .. } = begun;
            *rows.entry(Key { day, tenant, app_id, outcome: UNFINISHED.into() }).or_default() += 1;
        }
        rows
    }

    /// Calls in all: what may have arrived.
    pub fn calls(&self) -> u64 {
        self.calls.values().sum::<u64>() + self.reading.open.len() as u64
    }

    /// Those that ended and are not known to have arrived.
    pub fn unknown(&self) -> u64 {
        self.unknown
    }

    /// Records for which nothing was sent, by their outcome.
    pub fn not_sent(&self) -> &BTreeMap<Rc<str>, u64> {
        &self.not_sent
    }

    /// Calls without an end, by their time.
    pub fn unfinished(&self) -> Vec<Unfinished> {
        let mut unfinished: Vec<_> =
            self.reading.open.iter().map(|(id, begun)| Unfinished { id: *id, begun: begun.clone() }).collect();
        unfinished.sort_by_key(|unfinished| (unfinished.begun.at, unfinished.id));
        unfinished
    }

    /// Ends of calls that began in a file that was not given.
    pub fn strange_ends(&self) -> usize {
        self.reading.ends.len()
    }

    /// Lines of others.
    pub fn others(&self) -> &Strays {
        &self.reading.others
    }

    /// Lines of the audit that are not whole.
    pub fn torn(&self) -> &Strays {
        &self.reading.torn
    }

    /// All of it, for machines.
    pub fn to_json(&self) -> Value {
        let rows = self.rows().into_iter().map(|(Key { day, tenant, app_id, outcome }, calls)| {
            json!({ "day": day.to_string(), "tenant": &*tenant, "app_id": &*app_id, "outcome": &*outcome, "calls": calls })
        });
        let not_sent: serde_json::Map<_, _> =
            self.not_sent.iter().map(|(outcome, count)| (outcome.to_string(), json!(count))).collect();
        let unfinished = self.unfinished().into_iter().map(|Unfinished { id, begun }| {
            json!({
                "id": id.to_string(),
                "at": format!("{:.3}", begun.at),
                "tenant": &*begun.tenant,
                "app_id": &*begun.app_id,
            })
        });
        json!({
            "calls": self.calls(),
            "arrival_unknown": self.unknown,
            "not_sent": not_sent,
            "rows": rows.collect::<Vec<_>>(),
            "unfinished": unfinished.collect::<Vec<_>>(),
            "ends_without_beginning": self.strange_ends(),
            "records": self.records(),
            "torn_lines": strays(self.torn()),
            "other_lines": strays(self.others()),
        })
    }
}

fn strays(strays: &Strays) -> Value {
    let first = strays.first.iter().map(|Place { file, line }| json!({ "file": &**file, "line": line }));
    json!({ "count": strays.count, "first": first.collect::<Vec<_>>() })
}

#[cfg(test)]
#[path = "summary_tests.rs"]
mod tests;
