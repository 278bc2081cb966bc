//! What is done with a turn: the call, its record, and the holding of what it brought.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::budget::{Named, Permit};
use crate::cache::{Cache, Held, Sickbed};
use crate::fleet::{Fleet, Found};
use crate::query::{self, Askable, Question};
use crate::queue::{Crew, Landing, Leg, Looked};
use crate::upstream::{Fault, Kind, Sent, Upstream};

/// The vendor on one side, what is held on the other.
#[derive(Debug)]
pub(super) struct Flights {
    pub(super) upstream: Upstream,
    pub(super) cache: Cache,
    pub(super) sickbed: Sickbed<Fault>,
    pub(super) rules: query::Config,
    pub(super) fleet: Option<Arc<Fleet>>,
}

pub(super) type Landed = Result<Held, Fault>;

impl Named for Askable {
    fn name(&self) -> String {
        self.question().name()
    }
}

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
        let Some(fleet) = self.fleet.clone() else { return };
        let (question, landed) = (askable.question().clone(), landed.clone());
        let useful_for = landed.as_ref().ok().and_then(|held| self.cache.useful_for(held));
        // Our own callers need not wait until the others know.
        tokio::spawn(async move {
            match landed {
                Ok(held) => fleet.land(&question, &held, useful_for).await,
                Err(fault) => fleet.fail(&question, &fault, fault.kind.rest()).await,
            }
        });
    }

    async fn look(&self, askable: &Askable) -> Looked<Landed> {
        let question = askable.question();
        match self.ask_around(question).await {
            Found::Answer(held) if held.freshness(self.upstream.now()).is_fresh() => Looked::Found(Ok(held)),
            Found::Flying(until) => Looked::Asked(until),
            Found::Failed(fault, until) => {
                let rest = until.saturating_duration_since(Instant::now());
                self.sickbed.lay(question, fault.clone(), rest);
                Looked::Found(Err(fault))
            }
            Found::Answer(_) | Found::Nothing => Looked::Nothing,
        }
    }

    async fn release(&self, askable: Askable) {
        if let Some(fleet) = &self.fleet {
            fleet.release(askable.question()).await;
        }
    }
}

impl Flights {
    /// What another replica holds, fresh or stale, where this one lacks it or has something older.
    pub(super) async fn held_elsewhere(&self, question: &Question) -> Option<Held> {
        match self.ask_around(question).await {
            Found::Answer(held) => Some(held),
            Found::Nothing | Found::Flying(_) | Found::Failed(..) => None,
        }
    }

    /// Asks the other replicas, and holds what they have. A store that is away has nothing.
    async fn ask_around(&self, question: &Question) -> Found {
        let Some(fleet) = &self.fleet else { return Found::Nothing };
        let purges = self.cache.purges();
        let found = fleet.look(question, self.upstream.now()).await.unwrap_or(Found::Nothing);
        if let Found::Answer(held) = &found {
            // News of a purge may be here before the answer to a look that saw what it took.
            if self.cache.purges() != purges {
                return Found::Nothing;
            }
            self.cache.adopt(question, held.clone());
        }
        found
    }

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
