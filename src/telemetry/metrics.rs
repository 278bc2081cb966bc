//! What is counted as it happens. What can be read off at any time (the budget, the cache, the issuers) is not kept here
//! but asked for when somebody looks: see `edge::metrics`.
//!
//! Label values are bounded: tenants are configured ones, routes are templates, outcomes come from one vocabulary.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::model::TenantId;

/// All that is counted. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Metrics {
    requests: Family<RequestLabels, Counter>,
    request_duration: Timed<AnswerLabels>,
    lookups: Family<ResultLabels, Counter>,
    /// The most frequent of them.
    hits: Counter,
    waits: Timed<TenantLabels>,
    refusals: Family<RefusalLabels, Counter>,
    calls: Family<CallLabels, Counter>,
    call_duration: Timed<OutcomeLabels>,
    unreachable: Family<TenantLabels, Counter>,
    records: Timed<Unlabelled>,
    last_success: Arc<AtomicI64>,
}

/// A family of histograms.
type Timed<L> = Family<L, Histogram, fn() -> Histogram>;

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RequestLabels {
    /// The route's template; `none` for paths that lead nowhere.
    pub route: String,
    /// A configured tenant; empty where the caller is none.
    pub tenant: Option<TenantId>,
    /// The word of the log line.
    pub outcome: &'static str,
    /// The HTTP status; 499 where the caller hung up.
    pub status: u16,
    /// Whose doing it was; empty where the request was answered.
    pub blame: &'static str,
}

/// What requests are timed by: without the rest, which an outcome implies or nearly so.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AnswerLabels {
    tenant: Option<TenantId>,
    outcome: &'static str,
    status: u16,
}

/// Where requests are counted that ended in the same way.
#[derive(Clone, Debug)]
pub struct RequestCounts {
    ended: Counter,
    took: Histogram,
}

impl RequestCounts {
    /// One more, after this long.
    pub fn count(&self, took: Duration) {
        self.ended.inc();
        self.took.observe(took.as_secs_f64());
    }
}

/// What was found in the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// A fresh answer.
    Hit,
    /// One that is not fresh.
    Stale,
    /// Nothing.
    Miss,
}

/// For what is not on the page until it happens.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Unlabelled {}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabels {
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TenantLabels {
    tenant: TenantId,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusalLabels {
    tenant: TenantId,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    tenant: TenantId,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

impl Lookup {
    fn label(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Stale => "stale",
            Self::Miss => "miss",
        }
    }
}

impl Metrics {
    /// A request has ended, after this long.
    pub fn request(&self, labels: &RequestLabels, took: Duration) {
        self.requests(labels).count(took);
    }

    /// Where requests that end so are counted: for those of which there are many, since finding it costs more than counting.
    pub fn requests(&self, labels: &RequestLabels) -> RequestCounts {
        let RequestLabels { tenant, outcome, status, .. } = labels;
        let timed = AnswerLabels { tenant: tenant.clone(), outcome, status: *status };
        let ended = self.requests.get_or_create(labels).clone();
        RequestCounts { ended, took: self.request_duration.get_or_create(&timed).clone() }
    }

    /// An answer was looked for.
    pub fn lookup(&self, found: Lookup) {
        match found {
            Lookup::Hit => self.hits.inc(),
            Lookup::Stale | Lookup::Miss => self.lookups.get_or_create(&ResultLabels { result: found.label() }).inc(),
        };
    }

    /// A question of this tenant stood in line for this long, until its turn.
    pub fn waited(&self, tenant: &TenantId, wait: Duration) {
        self.waits.get_or_create(&TenantLabels { tenant: tenant.clone() }).observe(wait.as_secs_f64());
    }

    /// A question of this tenant was not let into the line, or did not stay until its turn.
    pub fn refused(&self, tenant: &TenantId, reason: &'static str) {
        self.refusals.get_or_create(&RefusalLabels { tenant: tenant.clone(), reason }).inc();
    }

    /// A call was made on this tenant's turn.
    pub fn call(&self, tenant: &TenantId, outcome: &'static str, took: Duration) {
        self.calls.get_or_create(&CallLabels { tenant: tenant.clone(), outcome }).inc();
        self.call_duration.get_or_create(&OutcomeLabels { outcome }).observe(took.as_secs_f64());
    }

    /// Records of calls became durable, which took so long.
    pub fn recorded(&self, took: Duration) {
        self.records.get_or_create(&Unlabelled {}).observe(took.as_secs_f64());
    }

    /// No connection could be opened for a call on this tenant's turn.
    pub fn unreachable(&self, tenant: &TenantId) {
        self.unreachable.get_or_create(&TenantLabels { tenant: tenant.clone() }).inc();
    }

    /// Begins what is counted of these tenants with zero, so that the first event is seen as a rise. `refusals` are the
    /// reasons that there can be for one.
    pub fn begin<'a>(&self, tenants: impl IntoIterator<Item = &'a TenantId>, refusals: &[&'static str]) {
        for result in [Lookup::Hit, Lookup::Stale, Lookup::Miss].map(Lookup::label) {
            drop(self.lookups.get_or_create(&ResultLabels { result }));
        }
        for tenant in tenants {
            let tenant = TenantLabels { tenant: tenant.clone() };
            drop(self.waits.get_or_create(&tenant));
            drop(self.unreachable.get_or_create(&tenant));
            for reason in refusals {
                drop(self.refusals.get_or_create(&RefusalLabels { tenant: tenant.tenant.clone(), reason }));
            }
            drop(self.calls.get_or_create(&CallLabels { tenant: tenant.tenant, outcome: ANSWERED }));
        }
    }

    /// The vendor answered a call.
    pub fn succeeded(&self, now: Timestamp) {
        self.last_success.store(now.as_second(), Ordering::Relaxed);
    }

    /// When the vendor last answered a call; `None` where it has not since this process began.
    pub fn last_success(&self) -> Option<Timestamp> {
        let second = self.last_success.load(Ordering::Relaxed);
        if second == NEVER { None } else { Timestamp::from_second(second).ok() }
    }

    /// Puts all of it on a page that is about to be written.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("requests", "Requests that have ended", self.requests.clone());
        registry.register_with_unit(
            "request_duration",
            "From a request's head to the head of its answer",
            Unit::Seconds,
            self.request_duration.clone(),
        );
        registry.register("cache_lookups", "Questions looked up in the cache, by what was found", self.lookups.clone());
        registry.register_with_unit(
            "queue_wait",
            "How long a question stood in line until its turn",
            Unit::Seconds,
            self.waits.clone(),
        );
        registry.register("queue_refusals", "Requests that were not given a turn", self.refusals.clone());
        registry.register("upstream_calls", "Calls sent to the upstream, by whose turn it was", self.calls.clone());
        let help = "Calls for which no connection could be opened, so that nothing was sent";
        registry.register("upstream_unreachable", help, self.unreachable.clone());
        registry.register_with_unit(
            "upstream_call_duration",
            "From the sending of a call to its end",
            Unit::Seconds,
            self.call_duration.clone(),
        );
        let help = "How long it took until records of calls were durable";
        registry.register_with_unit("audit_write_duration", help, Unit::Seconds, self.records.clone());
    }
}

/// The outcome of a call that brought an answer.
pub const ANSWERED: &str = "answered";

const NEVER: i64 = i64::MIN;

impl Default for Metrics {
    fn default() -> Self {
        let lookups = Family::<ResultLabels, Counter>::default();
        let hits = lookups.get_or_create(&ResultLabels { result: Lookup::Hit.label() }).clone();
        Self {
            requests: Family::default(),
            request_duration: Family::new_with_constructor(|| Histogram::new(ANSWERS)),
            lookups,
            hits,
            waits: Family::new_with_constructor(|| Histogram::new(WAITS)),
            refusals: Family::default(),
            calls: Family::default(),
            call_duration: Family::new_with_constructor(|| Histogram::new(CALLS)),
            unreachable: Family::default(),
            records: Family::new_with_constructor(|| Histogram::new(WRITES)),
            last_success: Arc::new(AtomicI64::new(NEVER)),
        }
    }
}

/// A hit takes less than a millisecond, a turn up to `queue.max_wait` and a call up to `upstream.timeout`.
const ANSWERS: [f64; 10] = [0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// Two turns a second: half seconds tell one place in the line from the next.
const WAITS: [f64; 9] = [0.01, 0.1, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0];
const CALLS: [f64; 9] = [0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Half of `budget.guard` is what a turn has for its record.
const WRITES: [f64; 9] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5];

impl EncodeLabelValue for TenantId {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        encoder.write_str(self.as_str())
    }
}
