//! Replicas that are replaced one by one behind a balancer, as a new version is rolled out.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use sluice::simulator::{Fault, Share};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::audit::{Pardon, judge, kept};
use crate::fleet::{Fleet, SPARE};
use crate::load::{Crowd, Load, Way};
use crate::plan::Plan;
use crate::redis::Redis;
use crate::support::Asker;
use crate::{turn, within};

/// How often Kubernetes would look, were it in as much of a hurry as this test.
const PERIOD: Duration = Duration::from_millis(500);

/// Which replicas said at the last look that they are ready. The looking ends when it is dropped.
struct Balancer {
    ready: Arc<[AtomicBool; 3]>,
    _looking: JoinSet<()>,
}

impl Balancer {
    fn start(fleet: &Fleet) -> Self {
        let ready: Arc<[AtomicBool; 3]> = Arc::default();
        let mut looking = JoinSet::new();
        for replica in fleet.all() {
            looking.spawn(look(fleet.operator(replica), replica, Arc::clone(&ready)));
        }
        Self { ready, _looking: looking }
    }

    /// Waits until it knows this of a replica.
    async fn knows(&self, replica: usize, ready: bool) {
        let knows = async || (self.ready[replica].load(Ordering::SeqCst) == ready).then_some(());
        within(Duration::from_secs(10), "the balancer's knowledge", knows).await;
    }

    /// To the replicas that are ready, in turn.
    fn way(&self, fleet: &Fleet, tenant: &'static str) -> Way {
        let (ready, next) = (Arc::clone(&self.ready), AtomicUsize::new(0));
        let askers: Vec<_> = fleet.all().map(|replica| fleet.asker(replica, tenant)).collect();
        Arc::new(move || {
            let turns = std::iter::repeat_with(|| next.fetch_add(1, Ordering::SeqCst) % askers.len());
            let mut fit = turns.take(3 * askers.len()).filter(|replica| ready[*replica].load(Ordering::SeqCst));
            let replica = fit.next().expect("only one replica is replaced at a time");
            (replica, askers[replica].clone())
        })
    }
}

async fn look(operator: Asker, replica: usize, ready: Arc<[AtomicBool; 3]>) {
    loop {
        let reply = timeout(PERIOD, operator.try_send("GET", "/readyz", "")).await;
        let is_ready = reply.is_ok_and(|reply| reply.is_ok_and(|reply| reply.status == 200));
        ready[replica].store(is_ready, Ordering::SeqCst);
        sleep(PERIOD).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_behind_a_balancer_fails_no_request() {
    let _turn = turn().await;
    let redis = Redis::running().await;
    // Shorter than the drain, so that who came before the balancer knew is answered within it.
    let mut fleet = Plan { max_wait: Duration::from_secs(2), ..Plan::sharing(&redis) }.start().await;
    let balancer = Balancer::start(&fleet);
    for replica in fleet.all() {
        balancer.knows(replica, true).await;
    }
    let crowds = ["red", "green", "blue"].map(|tenant| Crowd::by(balancer.way(&fleet, tenant), tenant, 1));
    let load = Load::of(&fleet, crowds.into());
    for replica in fleet.all() {
        fleet.stop(replica).await;
        balancer.knows(replica, false).await;
        fleet.start(replica).await;
        balancer.knows(replica, true).await;
    }
    let outcomes = load.stop().await;
    judge(&fleet, &outcomes, &Pardon::default());
    assert!(outcomes.len() >= 30, "{}", outcomes.len());
    kept(&fleet);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_whose_caller_is_gone_is_brought_to_the_others_by_a_replica_that_stops() {
    let _turn = turn().await;
    let redis = Redis::running().await;
    let mut fleet = Plan { timeout: Duration::from_secs(8), ..Plan::sharing(&redis) }.start().await;
    // On an open connection the call has arrived when the guard has passed, and a late heartbeat cannot lose its slot.
    fleet.serves().await;
    fleet.upstream.order(Fault::Latency(Duration::from_millis(2500)), Share::Next(1));
    let before = fleet.calls();
    let (app, window) = fleet.fresh();
    let ask = |replica| {
        let (asker, app, window) = (fleet.asker(replica, SPARE), app.clone(), window.clone());
        tokio::spawn(async move { asker.ask(&app, &window).await })
    };
    let first = ask(0);
    within(Duration::from_secs(5), "the call", async || (fleet.calls() > before).then_some(())).await;
    let second = ask(1);
    sleep(Duration::from_millis(200)).await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    fleet.signal(0, "TERM");
    sleep(Duration::from_millis(200)).await;
    // Cuts the drain short, so that no connection is left long before the answer comes.
    fleet.stop(0).await;
    assert_eq!(second.await.unwrap().status, 200);
    assert_eq!(fleet.calls(), before + 1, "it was not asked again");
}
