//! What is done with a turn: the call, its record, and the holding of what it brought.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use tokio::time::Instant;

use super::asking::Asking;
use super::recording::{Shelf, ending, recorded};
use crate::audit::Audit;
use crate::budget::Permit;
use crate::cache::{Cache, Held, Sickbed};
use crate::fleet::{Fleet, Found};
use crate::query::{self, Question};
use crate::queue::{Crew, Landing, Leg, Looked};
use crate::telemetry::{ANSWERED, Attribute, Metrics, Tracing, milliseconds};
use crate::upstream::{Breaker, Fault, Kind, Party, Sent, Upstream};

/// The vendor on one side, what is held on the other.
#[derive(Debug)]
pub(super) struct Flights {
    pub(super) upstream: Upstream,
    pub(super) breaker: Breaker<Question>,
    pub(super) cache: Cache,
    pub(super) sickbed: Sickbed<Fault>,
    pub(super) rules: query::Config,
    pub(super) fleet: Option<Arc<Fleet>>,
    pub(super) audit: Audit,
    pub(super) shelf: Shelf,
    /// One more for each telling that is under way.
    pub(super) telling: Arc<()>,
    pub(super) metrics: Metrics,
    pub(super) tracing: Tracing,
    /// What a call failed of last, and when.
    pub(super) last_fault: Mutex<Option<(Timestamp, Fault)>>,
}

/// What a flight brought, and what it took.
#[derive(Clone, Debug)]
pub(super) struct Landed {
    pub(super) brought: Result<Held, Fault>,
    pub(super) cost: Cost,
}

/// What a flight took.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cost {
    /// Calls that were sent.
    pub(super) calls: u32,
    /// When the first of them had its turn; `None` where another replica's flight brought it.
    pub(super) departed: Option<Instant>,
}

impl Landed {
    /// Brought by another replica, at no cost of ours.
    pub(super) fn elsewhere(brought: Result<Held, Fault>) -> Self {
        Self { brought, cost: Cost::default() }
    }
}

impl Crew<Asking, Landed> for Flights {
    async fn fly(&self, asking: Asking, permit: Permit, leg: Leg) -> Landing<Landed> {
        // What the leg before brought is worth more than a call that has no time to be answered, and would be paid for.
        if leg.number > 1 && leg.until < Instant::now() + self.breaker.least() {
            return Landing::TurnedAway;
        }
        let party = Party { tenant: &leg.tenant, app: asking.question().app() };
        let Some(time) = self.breaker.departs(asking.question(), party) else {
            return Landing::TurnedAway;
        };
        let (permit, record) = match recorded(&self.audit, &self.shelf, permit, &asking, &leg).await {
            Ok(recorded) => recorded,
            Err(landing) => return landing,
        };
        let until = leg.until.min(Instant::now() + time);
        let span = self.tracing.call(&asking.trace, "ListOperationDistribution");
        let called = self.upstream.call(permit, &record, &asking.askable, &self.rules, until, &span).await;
        let Ok(sent) = called else {
            tracing::debug!(tenant = %leg.tenant, "a turn came too late to be used");
            self.shelf.put(asking.question(), &leg, record);
            return Landing::Late;
        };
        record.end(&ending(&sent, outcome(&sent)));
        self.record(&asking, &leg, &sent);
        self.tell_breaker(asking.question(), party, &sent);
        span.end(|| attributes(&leg, &sent), sent.result.as_ref().err().map(|fault| fault.kind.label()));
        let cost = Cost { calls: leg.number, departed: Some(leg.departed) };
        match sent.result {
            Ok(answer) => {
                let held = self.cache.hold(asking.question(), answer, &self.rules);
                Landing::Done(Landed { brought: Ok(held), cost })
            }
            Err(fault) if sent.may_pass && self.breaker.lets(asking.question(), party) => {
                Landing::Again(Landed { brought: Err(fault), cost })
            }
            Err(fault) => Landing::Done(Landed { brought: Err(fault), cost }),
        }
    }

    fn landed(&self, asking: &Asking, landed: &Landed) {
        match &landed.brought {
            Ok(_) => self.sickbed.rise(asking.question()),
            Err(fault) => self.lay(asking.question(), fault),
        }
        let Some(fleet) = self.fleet.clone() else { return };
        let (question, landed) = (asking.question().clone(), landed.brought.clone());
        let useful_for = landed.as_ref().ok().and_then(|held| self.cache.useful_for(held));
        // Our own callers need not wait until the others know.
        self.tell(async move {
            match landed {
                Ok(held) => fleet.land(&question, &held, useful_for).await,
                // Their way to the upstream is another, and this one's troubles would be passed on to their callers.
                Err(fault) if fault.kind.is_of_the_way() => fleet.release(&question).await,
                Err(fault) => fleet.fail(&question, &fault, fault.rest()).await,
            }
        });
    }

    async fn look(&self, asking: &Asking) -> Looked<Landed> {
        let question = asking.question();
        match self.ask_around(question).await {
            Found::Answer(held) if held.freshness(self.upstream.now()).is_fresh() => {
                Looked::Found(Landed::elsewhere(Ok(held)))
            }
            Found::Flying(until) => Looked::Asked(until),
            Found::Failed(fault, until) => {
                let rest = until.saturating_duration_since(Instant::now());
                self.sickbed.lay(question, fault.clone(), rest);
                Looked::Found(Landed::elsewhere(Err(fault)))
            }
            Found::Answer(_) | Found::Nothing => Looked::Nothing,
        }
    }

    fn release(&self, asking: Asking) {
        if let Some(fleet) = self.fleet.clone() {
            self.tell(async move { fleet.release(asking.question()).await });
        }
    }
}

impl Flights {
    /// Has something told to the other replicas; a drain waits for it.
    fn tell(&self, telling: impl Future<Output = ()> + Send + 'static) {
        let counted = Arc::clone(&self.telling);
        tokio::spawn(async move {
            telling.await;
            drop(counted);
        });
    }

    /// Whether all that was to be told to the other replicas has been.
    pub(super) fn has_told(&self) -> bool {
        Arc::strong_count(&self.telling) == 1
    }

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

    pub(super) fn lay(&self, question: &Question, fault: &Fault) {
        self.sickbed.lay(question, fault.clone(), fault.rest());
    }

    fn tell_breaker(&self, question: &Question, party: Party, sent: &Sent) {
        match &sent.result {
            Ok(_) => self.breaker.answered(sent.cost.took),
            // A new key on trial was refused, and the next leg is signed by the one in force: as the probe that this one was.
            Err(fault) if sent.may_pass && !fault.kind.may_pass() => {}
            Err(fault) => {
                let departed = Instant::now().checked_sub(sent.cost.took);
                self.breaker.failed(question, party, fault, departed.unwrap_or_else(Instant::now));
            }
        }
    }

    /// One line per call: on whose turn, what it asked and how it ended, so that the sum over tenants is the vendor's
    /// count.
    fn record(&self, asking: &Asking, leg: &Leg, sent: &Sent) {
        if let Err(fault) = &sent.result {
            let latest = Some((self.upstream.now(), fault.clone()));
            *self.last_fault.lock().unwrap_or_else(PoisonError::into_inner) = latest;
        }
        if sent.result.as_ref().is_err_and(|fault| fault.kind == Kind::Unreachable) {
            // Nothing was sent, so it is no call.
            self.metrics.unreachable(&leg.tenant);
            tracing::warn!(tenant = %leg.tenant, leg = leg.number, "no connection to the upstream");
            return;
        }
        let question = asking.question();
        let outcome = outcome(sent);
        self.metrics.call(&leg.tenant, outcome, sent.cost.took);
        if sent.result.is_ok() {
            self.metrics.succeeded(self.upstream.now());
        }
        tracing::info!(
            target: "sluice::audit",
            tenant = %leg.tenant,
            app_id = %question.app(),
            from = ?question.window().from(),
            to = ?question.window().to(),
            dimension = question.dimension().as_str(),
            leg = leg.number,
            slot = sent.cost.slot,
            key_id = sent.cost.key_id,
            outcome,
            upstream_code = sent.result.as_ref().err().and_then(|fault| fault.code).map(crate::upstream::Code::as_str),
            upstream_request_id = sent.cost.request_id,
            trace_id = asking.trace.id(),
            took_ms = milliseconds(sent.cost.took),
            "upstream call"
        );
    }
}

fn outcome(sent: &Sent) -> &'static str {
    sent.result.as_ref().map_or_else(|fault| fault.kind.label(), |_| ANSWERED)
}

/// What the span of a call tells.
fn attributes(leg: &Leg, sent: &Sent) -> Vec<Attribute> {
    let mut attributes: Vec<Attribute> = vec![
        ("sluice.tenant", leg.tenant.to_string().into()),
        ("sluice.leg", i64::from(leg.number).into()),
        ("sluice.outcome", outcome(sent).into()),
    ];
    attributes.extend(sent.cost.request_id.clone().map(|id| ("sluice.upstream_request_id", id.into())));
    attributes
}
