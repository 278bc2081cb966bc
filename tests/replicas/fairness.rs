//! Turns go round by tenant, wherever a tenant's callers happen to be.

use std::time::Duration;

use crate::audit::{count, kept, turns};
use crate::load::{Crowd, Load};
use crate::plan::Plan;
use crate::redis::Redis;
use crate::{turn, within};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_at_one_replica_has_its_half_while_another_floods_the_others() {
    let _turn = turn().await;
    let redis = Redis::running().await;
    let fleet = Plan { max_wait: Duration::from_secs(60), ..Plan::sharing(&redis) }.start().await;
    let crowd = |replica, tenant, callers| Crowd::at(&fleet, replica, tenant, callers);
    let load = Load::of(&fleet, vec![crowd(0, "red", 6), crowd(1, "green", 50), crowd(2, "green", 50)]);
    let enough = async || (fleet.calls() >= 80).then_some(());
    within(Duration::from_secs(40), "eighty calls", enough).await;
    let arrivals = kept(&fleet);
    let turns = turns(&arrivals, &["red", "green"]);
    let share = count(turns[0]) / count(turns[0] + turns[1]);
    println!("turns {turns:?}: {share:.3} for the tenant at one replica");
    assert!(turns.iter().sum::<usize>() >= 40, "{turns:?}");
    assert!((0.45..=0.55).contains(&share), "{turns:?}");
    drop(load);
}
