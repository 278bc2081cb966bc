//! What is done with a turn: the call, its record, and the holding of what it brought.

use std::time::Duration;

use crate::budget::Permit;
use crate::cache::{Cache, Held, Sickbed};
use crate::query::{self, Askable};
use crate::queue::{Crew, Landing, Leg};
use crate::upstream::{Fault, Kind, Sent, Upstream};

/// The vendor on one side, what is held on the other.
#[derive(Debug)]
pub(super) struct Flights {
    pub(super) upstream: Upstream,
    pub(super) cache: Cache,
    pub(super) sickbed: Sickbed<Fault>,
    pub(super) rules: query::Config,
}

type Landed = Result<Held, Fault>;

impl Crew<Askable, Landed> for Flights {
    async fn fly(&self, askable: Askable, permit: Permit, leg: Leg) -> Landing<Landed> {
        let Ok(sent) = self.upstream.call(permit, &askable, &self.rules, leg.until).await else {
            tracing::debug!(tenant = %leg.tenant, "a turn came too late to be used");
            return Landing::Late;
        };
        record(&askable, &leg, &sent);
        match sent.result {
            Ok(answer) => Landing::Done(Ok(self.cache.hold(askable.question(), answer, &self.rules))),
            Err(fault) if sent.may_pass => Landing::Again(Err(fault)),
            Err(fault) => Landing::Done(Err(fault)),
        }
    }

    fn landed(&self, askable: &Askable, landed: &Landed) {
        match landed {
            Ok(_) => self.sickbed.rise(askable.question()),
            Err(fault) => self.lay(askable, fault),
        }
    }
}

impl Flights {
    pub(super) fn lay(&self, askable: &Askable, fault: &Fault) {
        self.sickbed.lay(askable.question(), fault.clone(), fault.kind.rest());
    }
}

/// One line per call: on whose turn, what it asked and how it ended, so that the sum over tenants is the vendor's count.
fn record(askable: &Askable, leg: &Leg, sent: &Sent) {
    if sent.result.as_ref().is_err_and(|fault| fault.kind == Kind::Unreachable) {
        // Nothing was sent, so it is no call.
        tracing::warn!(tenant = %leg.tenant, leg = leg.number, "no connection to the upstream");
        return;
    }
    let question = askable.question();
    let outcome = sent.result.as_ref().map_or_else(|fault| fault.kind.label(), |_| "answered");
    tracing::info!(
        target: "sluice::audit",
        tenant = %leg.tenant,
        app_id = %question.app(),
        from = ?question.window().from(),
        to = ?question.window().to(),
        dimension = question.dimension().as_str(),
        leg = leg.number,
        outcome,
        upstream_code = sent.result.as_ref().err().and_then(|fault| fault.code).map(crate::upstream::Code::as_str),
        upstream_request_id = sent.cost.request_id,
        took_ms = milliseconds(sent.cost.took),
        "upstream call"
    );
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
