//! Spells of an upstream that fails in one way after the other.

use std::time::Duration;

use fastrand::Rng;
use http::StatusCode;
use sluice::simulator::{Fault, Share};
use tokio::time::sleep;

use crate::house::House;
use crate::weather::Expected;

/// Until a call that hangs is given up, a question that failed has rested, and who waited for that has been told.
const FELT: Duration = Duration::from_secs(8);

/// Every way to fail, and for which calls.
pub(crate) fn all() -> Vec<(Fault, Share)> {
    let clock = Fault::Code { status: StatusCode::BAD_REQUEST, code: "InvalidTimestamp".to_owned() };
    vec![
        (Fault::Status(StatusCode::SERVICE_UNAVAILABLE), Share::Always),
        // Each widens the guard, which takes minutes to come back.
        (Fault::Throttle, Share::Next(2)),
        (Fault::Hang, Share::OneIn(2)),
        (Fault::Reset, Share::Always),
        (Fault::Malformed, Share::Always),
        (Fault::WrongType, Share::OneIn(2)),
        (Fault::Truncated, Share::Always),
        (Fault::Huge(64 << 20), Share::OneIn(3)),
        (Fault::Drip, Share::OneIn(3)),
        (Fault::Latency(Duration::from_millis(1500)), Share::Always),
        (clock, Share::Next(4)),
        (Fault::ErrorInside200("InternalError".to_owned()), Share::Always),
    ]
}

/// The upstream fails like this for so long, and then does not.
pub(crate) async fn spell(house: &mut House, (fault, share): (Fault, Share), long: Duration) {
    let name = fault.name();
    house.scene.story.tell(&format!("the upstream fails: {name}, {share:?}"));
    let begun = house.scene.weather.begin(Expected { sick: true, ..Expected::default() });
    house.fleet.upstream.order(fault, share);
    sleep(long).await;
    house.fleet.upstream.clear_faults();
    house.recovered(format!("upstream: {name}")).await;
    house.scene.weather.end(begun, FELT);
}

/// All of them in some order, again and again.
pub(crate) fn in_turn(rng: &mut Rng) -> impl Iterator<Item = (Fault, Share)> + use<> {
    let mut faults = all();
    rng.shuffle(&mut faults);
    faults.into_iter().cycle()
}
