//! The record of a call, made durable before its permit is used. A disk that takes longer than a permit is good for costs
//! the turn, not the record: the turn is made up for, and finds the record ready.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{sleep, sleep_until};

use super::asking::Asking;
use crate::audit::{Audit, Ending, Intent, Opened};
use crate::budget::Permit;
use crate::model::TenantId;
use crate::query::Question;
use crate::queue::{Landing, Leg};
use crate::upstream::{self, Sent};

/// Records of calls whose turn has passed, for the next one. Cloning shares them.
#[derive(Clone, Debug, Default)]
pub(super) struct Shelf(Arc<Mutex<Records>>);

#[derive(Debug, Default)]
struct Records {
    shelved: HashMap<Question, Shelved>,
    /// No turn will come any more.
    closed: bool,
}

#[derive(Debug)]
struct Shelved {
    tenant: TenantId,
    leg: u32,
    opened: Opened,
}

/// A record waits as long as a turn may take to come, and is completed as not sent then.
const KEPT: Duration = Duration::from_secs(15);

/// The permit with the record that its call has to have; else what the turn came to.
pub(super) async fn recorded<V>(
    audit: &Audit,
    shelf: &Shelf,
    permit: Permit,
    asking: &Asking,
    leg: &Leg,
) -> Result<(Permit, Opened), Landing<V>> {
    if let Some(opened) = shelf.take(asking.question(), leg) {
        return Ok((permit, opened));
    }
    let intent =
        Intent { tenant: &leg.tenant, question: asking.question(), leg: leg.number, trace_id: asking.trace.id() };
    let opening = audit.open(&intent);
    tokio::pin!(opening);
    tokio::select! {
        biased;
        opened = &mut opening => return opened.map(|opened| (permit, opened)).map_err(|_| Landing::TurnedAway),
        () = sleep_until(permit.good_until()) => {}
    }
    // The slot is another's while we go on waiting.
    drop(permit);
    let Ok(opened) = opening.await else { return Err(Landing::TurnedAway) };
    audit.turn_was_late();
    shelf.put(asking.question(), leg, opened);
    Err(Landing::Late)
}

impl Shelf {
    /// Keeps the record for the next turn of this leg, but not for ever.
    pub(super) fn put(&self, question: &Question, leg: &Leg, opened: Opened) {
        let Some(id) = opened.id() else { return };
        {
            let mut records = self.records();
            if records.closed {
                return;
            }
            let shelved = Shelved { tenant: leg.tenant.clone(), leg: leg.number, opened };
            records.shelved.insert(question.clone(), shelved);
        }
        let (shelf, question) = (self.clone(), question.clone());
        tokio::spawn(async move {
            sleep(KEPT).await;
            let shelved = &mut shelf.records().shelved;
            if shelved.get(&question).is_some_and(|shelved| shelved.opened.id() == Some(id)) {
                shelved.remove(&question);
            }
        });
    }

    /// The record of this very leg. One of another tenant's turn is completed as not sent.
    fn take(&self, question: &Question, leg: &Leg) -> Option<Opened> {
        let Shelved { tenant, leg: number, opened } = self.records().shelved.remove(question)?;
        (tenant == leg.tenant && number == leg.number).then_some(opened)
    }

    /// Completes all of them, and all that come, as not sent.
    pub(super) fn close(&self) {
        let mut records = self.records();
        records.closed = true;
        records.shelved.clear();
    }

    fn records(&self) -> MutexGuard<'_, Records> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a call ended, for its record.
pub(super) fn ending<'a>(sent: &'a Sent, outcome: &'a str) -> Ending<'a> {
    Ending {
        arrived: sent.cost.arrived,
        outcome,
        slot: sent.cost.slot,
        key_id: &sent.cost.key_id,
        upstream_code: sent.result.as_ref().err().and_then(|fault| fault.code).map(upstream::Code::as_str),
        upstream_request_id: sent.cost.request_id.as_deref(),
        took: sent.cost.took,
    }
}

#[cfg(test)]
#[path = "recording_tests.rs"]
mod tests;
