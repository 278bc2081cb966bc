//! Replicas whose wall clocks are wrong: the budget is kept by intervals, which no such clock has a part in.

use std::time::Duration;

use sluice::simulator::Settings;

use crate::audit::{Pardon, judge, kept};
use crate::faketime::off_by;
use crate::load::Load;
use crate::plan::{Plan, upstream};
use crate::redis::Redis;
use crate::{turn, within};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_whose_clocks_are_an_hour_ahead_and_an_hour_behind_share_the_budget_all_the_same() {
    let _turn = turn().await;
    let redis = Redis::running().await;
    let environment = [Vec::new(), off_by("+1h"), off_by("-1h")];
    // Dates are beside the point here, so the upstream takes them all.
    let upstream = Settings { skew: Duration::from_secs(2 * 3600), ..upstream(Duration::from_millis(10)) };
    let fleet = Plan { upstream, environment, ..Plan::sharing(&redis) }.start().await;
    let load = Load::steady(&fleet);
    within(Duration::from_secs(60), "sixty calls", async || (fleet.calls() >= 60).then_some(())).await;
    fleet.serves().await;
    let outcomes = load.stop().await;
    judge(&fleet, &outcomes, &Pardon { codes: &["budget-exhausted"], breaking: &[] });
    for replica in fleet.all() {
        let answered = outcomes.iter().filter(|outcome| outcome.replica == replica && outcome.answered()).count();
        assert!(answered >= 10, "replica {replica} answered {answered}");
    }
    kept(&fleet);
}
