//! The stages strung together: auth → tenancy → query → cache → queue → budget → upstream.
//!
//! In: a token, an app, a raw query string and the caller's terms. Out: `Served`, or the one `Refusal` that says whose
//! doing it is. Knows every stage and nothing of HTTP.

mod asking;
mod crew;
mod hit;
mod recording;
mod refusal;
mod repeats;
mod replicas;
mod served;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};

use self::asking::Asking;
use self::crew::{Cost, Flights, Landed};
pub use self::hit::Hit;
use self::recording::Shelf;
pub use self::refusal::Refusal;
use self::repeats::Repeats;
pub use self::served::{Served, Spent, Unserved, Via};
use crate::audit::{self, Audit};
use crate::auth::{Authenticator, Caller};
use crate::budget::Budget;
use crate::cache::{Cache, Held, Purge, Sickbed};
use crate::fleet::Fleet;
use crate::query::{self, Asked, Question, Readings};
use crate::queue::{Ends, Joined, Outcome, Queue, Stake};
use crate::telemetry::{Lookup, Telemetry, Trace};
use crate::tenancy::{Acting, Grant, Registry, Tenant, Wanted};
use crate::upstream::{self, Breaker, BreakerStanding, Credentials, Fault, Party, Upstream};

/// Who may ask for what. A reload swaps it whole; a request keeps the one it began with.
#[derive(Debug)]
pub struct Policy {
    /// Whose tokens are believed.
    pub authenticator: Authenticator,
    /// What each tenant may read.
    pub registry: Registry,
}

/// A verified caller, and on whose behalf it makes this request: settled under one policy, which a reload does not change.
#[derive(Clone, Debug)]
pub struct Visit {
    caller: Caller,
    acting: Acting,
}

/// How a caller wants to be answered.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    /// The longest wait for a slot; `None` for the longest allowed.
    pub patience: Option<Duration>,
    /// Never spend budget.
    pub only_if_cached: bool,
    /// Where the request stands in its trace.
    pub trace: Trace,
}

/// What the pipeline is built of.
#[derive(Debug)]
pub struct Parts {
    /// Who may ask for what.
    pub policy: Policy,
    /// How questions are read.
    pub rules: query::Config,
    /// What is held.
    pub cache: Cache,
    /// The slots.
    pub budget: Budget,
    /// The other replicas, where there are some.
    pub fleet: Option<Fleet>,
    /// Where calls are recorded before they are sent.
    pub audit: Audit,
    /// The bounds of waiting.
    pub queue: crate::queue::Config,
    /// The vendor, who also knows the time where our clock is wrong.
    pub upstream: Upstream,
    /// Where all of it is told.
    pub telemetry: Telemetry,
}

/// Between two looks at whether everything has ended.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// All stages. Cheap to share by `Arc`.
pub struct Pipeline {
    policy: ArcSwap<Policy>,
    budget: Budget,
    queue: Queue<Asking, Landed>,
    max_wait: Duration,
    telemetry: Telemetry,
    readings: Readings,
    repeats: Repeats,
    flights: Arc<Flights>,
    /// Purges that the other replicas have not heard of.
    untold: Mutex<Vec<Purge>>,
    /// Something was missed, or could not be told.
    behind: Notify,
}

impl Pipeline {
    /// Strings the parts together. Questions that are not held wait until `run` is polled.
    pub fn new(parts: Parts) -> Self {
        let max_wait = parts.queue.max_wait;
        let queue = Queue::new(parts.queue, parts.budget.clone(), parts.upstream.timeout());
        let flights = Flights {
            breaker: Breaker::new(parts.upstream.breaker_faults(), parts.upstream.timeout()),
            upstream: parts.upstream,
            cache: parts.cache,
            sickbed: Sickbed::default(),
            rules: parts.rules,
            fleet: parts.fleet.map(Arc::new),
            audit: parts.audit,
            shelf: Shelf::default(),
            telling: Arc::default(),
            metrics: parts.telemetry.metrics.clone(),
            tracing: parts.telemetry.tracing.clone(),
            last_fault: Mutex::default(),
        };
        Self {
            policy: ArcSwap::from_pointee(parts.policy),
            budget: parts.budget,
            queue,
            max_wait,
            telemetry: parts.telemetry,
            readings: Readings::default(),
            repeats: Repeats::default(),
            flights: Arc::new(flights),
            untold: Mutex::default(),
            behind: Notify::new(),
        }
    }

    /// Gives out turns, and minds what the other replicas do, for as long as it is polled.
    pub async fn run(&self) {
        tokio::select! {
            () = self.queue.clone().run(Arc::clone(&self.flights)) => {}
            () = self.mind_the_fleet() => {}
        }
    }

    /// Verifies a token, `None` where the request carried none, and settles on whose behalf the request is made.
    pub async fn identify(&self, token: Option<&str>, wanted: Wanted<'_>) -> Result<Visit, Refusal> {
        let policy = self.policy.load_full();
        let token = token.ok_or(Refusal::NoToken)?;
        let caller = policy.authenticator.authenticate(token).await.map_err(Refusal::Rejected)?;
        let acting = policy.registry.act(&caller, wanted);
        Ok(Visit { caller, acting })
    }

    /// Answers a question about the app that the visit is for.
    pub async fn answer(&self, visit: &Visit, raw_query: &str, terms: Terms) -> Result<Served, Unserved> {
        let grant = visit.acting.grant().map_err(Refusal::from)?.clone();
        let now = self.now();
        let rules = &self.flights.rules;
        let asked = self.readings.ask(&grant, raw_query, now, rules).map_err(Refusal::Invalid)?;
        let fresh = |held: &mut Held| held.freshness(now).is_fresh();
        let mut held = self.flights.cache.get(asked.question());
        if let Some(held) = held.take_if(fresh) {
            self.telemetry.metrics.lookup(Lookup::Hit);
            return Ok(self.served(grant, asked, held, Via::Hit, Spent::default()));
        }
        self.telemetry.metrics.lookup(if held.is_some() { Lookup::Stale } else { Lookup::Miss });
        let askable = asked.question().askable(now, rules);
        if terms.only_if_cached || askable.is_err() || self.flights.audit.is_failing() {
            // It will not be asked; another replica may hold it all the same.
            let mut elsewhere = self.flights.held_elsewhere(asked.question()).await;
            if let Some(held) = elsewhere.take_if(fresh) {
                return Ok(self.served(grant, asked, held, Via::Hit, Spent::default()));
            }
        }
        if terms.only_if_cached {
            return Err(Refusal::NotCached.into());
        }
        let asking = Asking { askable: askable.map_err(Refusal::Invalid)?, trace: terms.trace };
        let patience = terms.patience.unwrap_or(self.max_wait).min(self.max_wait);
        // Who has something to be served is not kept waiting for a question that failed a moment ago, nor for the store.
        let rests = !held.as_ref().is_some_and(|stale| self.serves_on_error(stale));
        let fetched = self.fetch(&asking, grant.tenant(), patience, rests).await;
        match (fetched, held) {
            (Ok(Fetched { held, how, spent }), stale) => {
                let via = match how {
                    How::Flight { joined } => Via::fetched(stale.is_some(), joined),
                    How::Shelf => Via::Hit,
                };
                Ok(self.served(grant, asked, held, via, spent))
            }
            (Err(Unserved { refusal, spent }), _) => {
                if refusal.is_of_the_queue() {
                    self.telemetry.metrics.refused(grant.tenant().id(), refusal.label());
                }
                // Meanwhile another replica's may have been found, or it may have been purged.
                let stale = self.flights.cache.get(asked.question());
                let stands_in = stale.filter(|stale| refusal.lets_stale_serve() && self.serves_on_error(stale));
                let via = Via::StaleOnError(refusal.label());
                let stands_in = stands_in.map(|stale| self.served(grant, asked, stale, via, spent));
                stands_in.ok_or(Unserved { refusal, spent })
            }
        }
    }

    /// Has the question asked. `rests`: waits out the rest of one that failed a moment ago, and a short absence of the
    /// store, where patience allows.
    async fn fetch(
        &self,
        asking: &Asking,
        tenant: &Tenant,
        patience: Duration,
        rests: bool,
    ) -> Result<Fetched, Unserved> {
        let began = Instant::now();
        let deadline = began + patience;
        let question = asking.question();
        let party = Party { tenant: tenant.id(), app: question.app() };
        let shut_out = || self.flights.breaker.shuts_out(question, party);
        loop {
            // Who shares a call under way costs nothing.
            let shares = self.queue.flies(asking);
            if let Some(shut) = if shares { None } else { self.flights.breaker.refuse(question, party) } {
                // It will not be asked; another replica may hold it all the same.
                let elsewhere = self.flights.held_elsewhere(question).await;
                let fresh = elsewhere.filter(|held| held.freshness(self.now()).is_fresh());
                let shelved = fresh.map(|held| Fetched { held, how: How::Shelf, spent: Spent::default() });
                return shelved.ok_or_else(|| Refusal::BreakerOpen(shut).into());
            }
            if let Some(sick) = self.flights.sickbed.get(question) {
                if sick.until > deadline || !rests {
                    let wait = sick.until.saturating_duration_since(Instant::now());
                    return Err(Refusal::Resting { fault: sick.fault, wait }.into());
                }
                tokio::select! {
                    () = sleep_until(sick.until) => {}
                    () = shut_out() => {}
                }
                continue;
            }
            if self.flights.audit.is_failing() {
                return Err(Refusal::AuditUnavailable.into());
            }
            let unavailable = if rests { self.budget.outage() } else { self.budget.unavailable_for() };
            if let Some(wait) = unavailable {
                return Err(Refusal::BudgetUnavailable { wait }.into());
            }
            let stake = Stake { tenant: tenant.id().clone(), weight: tenant.weight() };
            let patience = deadline.saturating_duration_since(Instant::now());
            let held = || self.fresh(asking).map(|held| Landed::elsewhere(Ok(held)));
            let seat = match self.queue.join(asking, &stake, patience, held) {
                Joined::Seated(seat) => seat,
                Joined::Held(landed) => {
                    let how = How::Flight { joined: true };
                    let fetched = |held| Fetched { held, how, spent: Spent::default() };
                    return Ok(landed.brought.map(fetched).map_err(Refusal::Upstream)?);
                }
                Joined::Exhausted(wait) => return Err(self.exhausted(wait, began, deadline).into()),
                Joined::LineFull(wait) => return Err(Refusal::LineFull { wait }.into()),
                Joined::GivenUp => return Err(Refusal::Draining.into()),
            };
            let joined = !seat.is_first();
            let longest = self.longest();
            let flight = if rests { longest } else { self.flights.cache.stale_if_slow() };
            let ends = Ends { turned_away: shut_out(), flight, until: began + longest };
            let outcome = tokio::select! {
                outcome = seat.outcome_unless(ends) => outcome,
                wait = self.budget.goes_away(), if !rests => return Err(Refusal::BudgetUnavailable { wait }.into()),
            };
            match outcome {
                Outcome::Landed(Landed { brought: Ok(held), cost }) => {
                    let spent = self.spent(tenant, cost, began, joined);
                    return Ok(Fetched { held, how: How::Flight { joined }, spent });
                }
                Outcome::Found(Landed { brought: Ok(held), .. }) => {
                    return Ok(Fetched { held, how: How::Shelf, spent: Spent::default() });
                }
                // It failed at another replica a moment ago, and rests.
                Outcome::Found(Landed { brought: Err(fault), .. }) => self.lay_if_up(asking.question(), &fault),
                Outcome::Landed(Landed { brought: Err(fault), cost }) => {
                    let spent = self.spent(tenant, cost, began, joined);
                    // Also where the flight goes on for those with more patience: the next impatient one is told the same.
                    self.lay_if_up(asking.question(), &fault);
                    return Err(Unserved { refusal: Refusal::Upstream(fault), spent });
                }
                Outcome::Exhausted(wait) => return Err(self.exhausted(wait, began, deadline).into()),
                // The breaker or the audit says more at the next round, unless it has recovered.
                Outcome::TurnedAway => {}
                Outcome::StillFlying => return Err(Refusal::StillAsked.into()),
                Outcome::GivenUp => return Err(Refusal::Draining.into()),
                Outcome::Lost => return Err(Refusal::Lost.into()),
            }
        }
    }

    /// What a flight cost one of its callers: its calls count for the one who asked first.
    fn spent(&self, tenant: &Tenant, cost: Cost, began: Instant, joined: bool) -> Spent {
        let waited = cost.departed.map_or(Duration::ZERO, |departed| departed.saturating_duration_since(began));
        let calls = if joined { 0 } else { cost.calls };
        if calls > 0 {
            self.telemetry.metrics.waited(tenant.id(), waited);
        }
        Spent { waited, calls }
    }

    /// Why a turn, which would come after `wait`, does not come for who waits from `began` until `deadline`.
    fn exhausted(&self, wait: Duration, began: Instant, deadline: Instant) -> Refusal {
        if let Some(wait) = self.budget.unavailable_for() {
            return Refusal::BudgetUnavailable { wait };
        }
        let longest = began + self.max_wait;
        Refusal::BudgetExhausted { wait, impatient: deadline < longest && Instant::now() + wait <= longest }
    }

    /// The longest that a request lasts: who has waited for its turn and then for an answer is told in the end that it is
    /// still asked.
    fn longest(&self) -> Duration {
        self.call_time().max(self.max_wait) * 3 / 2
    }

    fn lay_if_up(&self, question: &Question, fault: &Fault) {
        if self.flights.sickbed.get(question).is_none() {
            self.flights.lay(question, fault);
        }
    }

    fn now(&self) -> Timestamp {
        self.flights.upstream.now()
    }

    fn fresh(&self, asking: &Asking) -> Option<Held> {
        let held = self.flights.cache.get(asking.question())?;
        held.freshness(self.now()).is_fresh().then_some(held)
    }

    fn serves_on_error(&self, stale: &Held) -> bool {
        stale.freshness(self.now()).serves_on_error(self.flights.cache.stale_if_error())
    }

    fn served(&self, grant: Grant, asked: Arc<Asked>, held: Held, via: Via, spent: Spent) -> Served {
        let freshness = held.freshness(self.now());
        Served { grant, asked, answer: held.answer, forms: held.forms, freshness, via, spent }
    }

    /// Takes no new questions and tells all who wait for a turn that it will not come.
    pub fn give_up(&self) {
        self.queue.give_up();
    }

    /// The cache, for `/status` and purges.
    pub fn cache(&self) -> &Cache {
        &self.flights.cache
    }

    /// How questions are read.
    pub fn rules(&self) -> &query::Config {
        &self.flights.rules
    }

    /// The longest a call may take.
    pub fn call_time(&self) -> Duration {
        self.flights.upstream.timeout()
    }

    /// Has new credentials tried on the next question, and put in force if the vendor takes them.
    pub fn propose_credentials(&self, credentials: Credentials) {
        self.flights.upstream.propose_credentials(credentials);
    }

    /// How the master key stands.
    pub fn key_standing(&self) -> upstream::Standing {
        self.flights.upstream.key_standing()
    }

    /// What a call failed of last, and when.
    pub fn last_fault(&self) -> Option<(Timestamp, Fault)> {
        self.flights.last_fault.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many seconds the vendor's clock is ahead of ours, as far as it had to be learnt.
    pub fn upstream_clock_ahead(&self) -> i64 {
        self.flights.upstream.clock_ahead()
    }

    /// How the breaker before the upstream stands.
    pub fn breaker_standing(&self) -> BreakerStanding {
        self.flights.breaker.standing()
    }

    /// What is told of all this.
    pub fn telemetry(&self) -> &Telemetry {
        &self.telemetry
    }

    /// The longest that a caller may wait for a turn.
    pub fn max_wait(&self) -> Duration {
        self.max_wait
    }

    /// How the record of calls stands, where there is one.
    pub fn audit_standing(&self) -> Option<audit::Standing> {
        self.flights.audit.standing()
    }

    /// Waits until no call is under way and the other replicas know how each ended, and no longer than until then. `false`
    /// where something goes on.
    pub async fn comes_to_rest(&self, until: Instant) -> bool {
        let at_rest = || self.queue.is_at_rest() && self.flights.has_told();
        while !at_rest() && Instant::now() < until {
            sleep(LOOK_AGAIN).await;
        }
        at_rest()
    }

    /// Waits a bounded time until everything about the calls so far is recorded. Nothing is recorded afterwards.
    pub async fn close_audit(&self) {
        self.flights.shelf.close();
        self.flights.audit.close().await;
    }

    /// How the slots stand.
    pub fn budget_standing(&self) -> crate::budget::Standing {
        self.budget.standing()
    }

    /// Whether other replicas can ask questions and this one, which has just begun, cannot yet.
    pub fn is_starting(&self) -> bool {
        self.budget.is_starting()
    }

    /// How the queue stands.
    pub fn queue_standing(&self) -> crate::queue::Standing {
        self.queue.standing()
    }

    /// The policy in force.
    pub fn policy(&self) -> Arc<Policy> {
        self.policy.load_full()
    }

    /// Puts a policy in force for the requests to come. Those under way keep theirs.
    pub fn set_policy(&self, policy: Policy) {
        self.policy.store(Arc::new(policy));
        self.repeats.clear();
    }
}

struct Fetched {
    held: Held,
    how: How,
    spent: Spent,
}

/// Where a fetched answer came from.
enum How {
    /// A flight, of which others may have been the first askers.
    Flight { joined: bool },
    /// Another replica had fetched it before.
    Shelf,
}

impl Visit {
    /// Who asks.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// On whose behalf.
    pub fn acting(&self) -> &Acting {
        &self.acting
    }
}

impl fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pipeline")
    }
}
