//! The budget under more questions than it can take: never a call too many, hardly one too few, and each tenant its share.
//!
//! It takes minutes, so its name stands first: the others run beside it.

use std::time::Duration;

use sluice::simulator::Settings;

use crate::audit::{Pardon, jain, judge, kept, turns, usual_utilisation, utilisation};
use crate::fleet::{PER, TENANTS};
use crate::load::{Crowd, Load, QUESTIONS};
use crate::plan::Plan;
use crate::redis::Redis;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twelve_hundred_questions_at_three_replicas_keep_the_limit_use_it_and_go_round() {
    let redis = Redis::running().await;
    let upstream = Settings { per: PER, ..Settings::default() };
    let fleet = Plan { upstream, max_wait: Duration::from_secs(600), ..Plan::sharing(&redis) }.start().await;
    let crowd = |replica, tenant, callers| Crowd::at(&fleet, replica, tenant, callers);
    let load = Load::of(
        &fleet,
        vec![
            crowd(0, "red", 40),
            crowd(1, "green", 60),
            crowd(2, "green", 60),
            crowd(1, "blue", 6),
            crowd(2, "blue", 30),
            crowd(2, "gray", 12),
            crowd(0, "gold", 4),
            crowd(1, "gold", 4),
            crowd(2, "gold", 4),
        ],
    );
    let outcomes = load.finish().await;
    judge(&fleet, &outcomes, &Pardon::default());
    for tenant in TENANTS {
        assert_eq!(outcomes.iter().filter(|outcome| outcome.tenant == tenant).count(), QUESTIONS);
    }
    let arrivals = kept(&fleet);
    assert_eq!(arrivals.len(), outcomes.len(), "one call for each question");
    let (usual, utilisation, turns) =
        (usual_utilisation(&arrivals), utilisation(&arrivals), turns(&arrivals, &TENANTS));
    let jain = jain(&turns);
    println!("utilisation {utilisation:.4}, usually {usual:.4}, turns {turns:?}, Jain's index {jain:.5}");
    // What each call costs beside its window weighs twice as much in windows half as long as the vendor's: 0.92 of those.
    assert!(usual >= 0.85, "usually only {usual:.3} of the budget was used");
    // Each replica that loses sight of Redis for a moment costs a lease.
    assert!(utilisation >= 0.7, "only {utilisation:.3} of the budget was used");
    assert!(jain >= 0.98, "{turns:?}");
}
