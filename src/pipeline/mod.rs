//! The stages strung together: auth → tenancy → query → cache → queue → budget → upstream.
//!
//! In: a token, an app, a raw query string and the caller's terms. Out: `Served`, or the one `Refusal` that says whose
//! doing it is. Knows every stage and nothing of HTTP.

mod crew;
mod refusal;
mod served;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::time::{Instant, sleep_until};

use self::crew::Flights;
pub use self::refusal::Refusal;
pub use self::served::{Served, Via};
use crate::auth::{Authenticator, Caller};
use crate::budget::Budget;
use crate::cache::{Cache, Held, Sickbed};
use crate::clock::Clock;
use crate::query::{self, Askable, Asked};
use crate::queue::{Joined, Outcome, Queue, Stake};
use crate::tenancy::{Acting, Grant, Registry, Tenant, Wanted};
use crate::upstream::{Fault, Upstream};

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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// The longest wait for a slot; `None` for the longest allowed.
    pub patience: Option<Duration>,
    /// Never spend budget.
    pub only_if_cached: bool,
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
    /// The bounds of waiting.
    pub queue: crate::queue::Config,
    /// The vendor.
    pub upstream: Upstream,
    /// The time.
    pub clock: Clock,
}

/// All stages. Cheap to share by `Arc`.
pub struct Pipeline {
    policy: ArcSwap<Policy>,
    clock: Clock,
    budget: Budget,
    queue: Queue<Askable, Result<Held, Fault>>,
    max_wait: Duration,
    flights: Arc<Flights>,
}

impl Pipeline {
    /// Strings the parts together. Questions that are not held wait until `run` is polled.
    pub fn new(parts: Parts) -> Self {
        let max_wait = parts.queue.max_wait;
        let queue = Queue::new(parts.queue, parts.budget.clone(), parts.upstream.timeout());
        let flights =
            Flights { upstream: parts.upstream, cache: parts.cache, sickbed: Sickbed::default(), rules: parts.rules };
        Self {
            policy: ArcSwap::from_pointee(parts.policy),
            clock: parts.clock,
            budget: parts.budget,
            queue,
            max_wait,
            flights: Arc::new(flights),
        }
    }

    /// Gives out turns for as long as it is polled.
    pub async fn run(&self) {
        self.queue.clone().run(Arc::clone(&self.flights)).await;
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
    pub async fn answer(&self, visit: &Visit, raw_query: &str, terms: Terms) -> Result<Served, Refusal> {
        let grant = visit.acting.grant()?.clone();
        let now = self.clock.now();
        let rules = &self.flights.rules;
        let asked = query::ask(&grant, raw_query, now, rules).map_err(Refusal::Invalid)?;
        let held = self.flights.cache.get(asked.question());
        let held = match held {
            Some(held) if held.freshness(now).is_fresh() => return Ok(self.served(grant, asked, held, Via::Hit)),
            stale => stale,
        };
        if terms.only_if_cached {
            return Err(Refusal::NotCached);
        }
        let askable = asked.question().askable(now, rules).map_err(Refusal::Invalid)?;
        let patience = terms.patience.unwrap_or(self.max_wait).min(self.max_wait);
        // Who has something to be served is not kept waiting for a question that failed a moment ago.
        let rests = !held.as_ref().is_some_and(|stale| self.serves_on_error(stale));
        match (self.fetch(&askable, grant.tenant(), patience, rests).await, held) {
            (Ok(fetched), stale) => {
                let via = Via::fetched(stale.is_some(), fetched.joined);
                Ok(self.served(grant, asked, fetched.held, via))
            }
            (Err(refusal), Some(stale)) if refusal.lets_stale_serve() && self.serves_on_error(&stale) => {
                Ok(self.served(grant, asked, stale, Via::StaleOnError(refusal.label())))
            }
            (Err(refusal), _) => Err(refusal),
        }
    }

    /// Has the question asked. `rests`: waits out the rest of one that failed a moment ago, where patience allows.
    async fn fetch(
        &self,
        askable: &Askable,
        tenant: &Tenant,
        patience: Duration,
        rests: bool,
    ) -> Result<Fetched, Refusal> {
        let deadline = Instant::now() + patience;
        while let Some(sick) = self.flights.sickbed.get(askable.question()) {
            if sick.until > deadline || !rests {
                return Err(Refusal::Upstream(sick.fault));
            }
            sleep_until(sick.until).await;
        }
        let stake = Stake { tenant: tenant.id().clone(), weight: tenant.weight() };
        let patience = deadline.saturating_duration_since(Instant::now());
        let seat = match self.queue.join(askable, &stake, patience, || self.fresh(askable).map(Ok)) {
            Joined::Seated(seat) => seat,
            Joined::Held(landed) => {
                return landed.map(|held| Fetched { held, joined: true }).map_err(Refusal::Upstream);
            }
            Joined::Exhausted(wait) => return Err(Refusal::BudgetExhausted { wait }),
            Joined::LineFull(wait) => return Err(Refusal::LineFull { wait }),
            Joined::GivenUp => return Err(Refusal::Draining),
        };
        let joined = !seat.is_first();
        match seat.outcome().await {
            Outcome::Landed(Ok(held)) => Ok(Fetched { held, joined }),
            Outcome::Landed(Err(fault)) => {
                // Also where the flight goes on for those with more patience: the next impatient one is told the same.
                if self.flights.sickbed.get(askable.question()).is_none() {
                    self.flights.lay(askable, &fault);
                }
                Err(Refusal::Upstream(fault))
            }
            Outcome::Exhausted(wait) => Err(Refusal::BudgetExhausted { wait }),
            Outcome::GivenUp => Err(Refusal::Draining),
            Outcome::Lost => Err(Refusal::Lost),
        }
    }

    fn fresh(&self, askable: &Askable) -> Option<Held> {
        let held = self.flights.cache.get(askable.question())?;
        held.freshness(self.clock.now()).is_fresh().then_some(held)
    }

    fn serves_on_error(&self, stale: &Held) -> bool {
        stale.freshness(self.clock.now()).serves_on_error(self.flights.cache.stale_if_error())
    }

    fn served(&self, grant: Grant, asked: Asked, held: Held, via: Via) -> Served {
        let freshness = held.freshness(self.clock.now());
        Served { grant, asked, answer: held.answer, freshness, via }
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

    /// How the slots stand.
    pub fn budget_standing(&self) -> crate::budget::Standing {
        self.budget.standing()
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
    }
}

struct Fetched {
    held: Held,
    joined: bool,
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
