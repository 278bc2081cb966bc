//! A steady load: callers that ask one question after the other, each a new one, until there are none or it is enough.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::fleet::{APPS, DAYS, Fleet};
use crate::support::{Asker, Reply, settled_day};

/// How many questions of each tenant a load has.
pub(crate) const QUESTIONS: usize = APPS * DAYS;
/// What a refused caller waits before it asks again.
const PAUSE: Duration = Duration::from_millis(250);
/// What is granted beyond the deadline before a caller goes away: whoever took that long is told by the figures.
const HOPELESS: Duration = Duration::from_secs(10);

/// Chooses the replica for one request: its number, and an asker there.
pub(crate) type Way = Arc<dyn Fn() -> (usize, Asker) + Send + Sync>;

/// So many callers of one tenant.
pub(crate) struct Crowd {
    tenant: &'static str,
    callers: usize,
    way: Way,
}

/// What became of one request.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) tenant: &'static str,
    pub(crate) replica: usize,
    pub(crate) took: Duration,
    /// The reply, or how the connection broke.
    pub(crate) end: Result<Reply, String>,
}

/// A load under way.
pub(crate) struct Load {
    callers: JoinSet<Vec<Outcome>>,
    enough: Arc<AtomicBool>,
}

/// One caller. Those of a tenant share the questions, so that none is asked by two.
struct Caller {
    tenant: &'static str,
    way: Way,
    next: Arc<AtomicUsize>,
    windows: Arc<[(String, String)]>,
    enough: Arc<AtomicBool>,
    hopeless: Duration,
}

impl Crowd {
    /// Callers that stay at one replica.
    pub(crate) fn at(fleet: &Fleet, replica: usize, tenant: &'static str, callers: usize) -> Self {
        let asker = fleet.asker(replica, tenant);
        Self { tenant, callers, way: Arc::new(move || (replica, asker.clone())) }
    }

    /// Callers that go where this leads them, each time anew.
    pub(crate) fn by(way: Way, tenant: &'static str, callers: usize) -> Self {
        Self { tenant, callers, way }
    }
}

impl Load {
    pub(crate) fn of(fleet: &Fleet, crowds: Vec<Crowd>) -> Self {
        let enough = Arc::new(AtomicBool::new(false));
        // The same to the end, should midnight come between.
        let windows: Arc<[_]> = (0..DAYS).map(|day| settled_day(i64::try_from(day).unwrap())).collect();
        let mut questions: HashMap<_, Arc<AtomicUsize>> = HashMap::new();
        let mut callers = JoinSet::new();
        for Crowd { tenant, callers: count, way } in crowds {
            for _ in 0..count {
                let (way, next, enough) =
                    (Arc::clone(&way), Arc::clone(questions.entry(tenant).or_default()), Arc::clone(&enough));
                let (windows, hopeless) = (Arc::clone(&windows), fleet.deadline + HOPELESS);
                callers.spawn(Caller { tenant, way, next, windows, enough, hopeless }.ask_on());
            }
        }
        Self { callers, enough }
    }

    /// Three tenants with a caller at each replica: more than the budget, and a wait of some two seconds.
    pub(crate) fn steady(fleet: &Fleet) -> Self {
        let crowds =
            fleet.all().flat_map(|replica| ["red", "green", "blue"].map(|tenant| Crowd::at(fleet, replica, tenant, 1)));
        Self::of(fleet, crowds.collect())
    }

    /// Ends the asking: no further question, and none again. Gives what became of all requests.
    pub(crate) async fn stop(self) -> Vec<Outcome> {
        self.enough.store(true, Ordering::SeqCst);
        self.finish().await
    }

    /// Waits until every question is answered. Gives what became of all requests.
    pub(crate) async fn finish(self) -> Vec<Outcome> {
        self.callers.join_all().await.into_iter().flatten().collect()
    }
}

impl Caller {
    async fn ask_on(self) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        while let Some(number) = self.next_question() {
            // One that is refused asks the same again.
            loop {
                let outcome = self.ask(number).await;
                let answered = outcome.answered();
                outcomes.push(outcome);
                if answered || self.has_enough() {
                    break;
                }
                sleep(PAUSE).await;
            }
        }
        outcomes
    }

    fn next_question(&self) -> Option<usize> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        (number < QUESTIONS && !self.has_enough()).then_some(number)
    }

    fn has_enough(&self) -> bool {
        self.enough.load(Ordering::SeqCst)
    }

    async fn ask(&self, number: usize) -> Outcome {
        let (replica, asker) = (self.way)();
        let (app, window) = (format!("app-{}", number / DAYS), &self.windows[number % DAYS]);
        let began = Instant::now();
        let end = match timeout(self.hopeless, asker.try_ask(&app, window)).await {
            Ok(reply) => reply.map_err(|fault| format!("{fault:?}")),
            Err(_) => Err("no reply at all".to_owned()),
        };
        Outcome { tenant: self.tenant, replica, took: began.elapsed(), end }
    }
}

impl Outcome {
    pub(crate) fn answered(&self) -> bool {
        self.end.as_ref().is_ok_and(|reply| reply.status == 200)
    }
}
