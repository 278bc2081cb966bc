//! The slots, step by step.

use super::super::GuardRule;
use super::*;

const PER: u64 = 1000;
const GUARD: u64 = 100;

fn config(calls: usize, guard: GuardRule) -> Config {
    Config { calls, per: Duration::from_millis(PER), guard }
}

fn within() -> GuardRule {
    GuardRule::Within(Duration::from_millis(GUARD))
}

fn milliseconds(count: u64) -> Duration {
    Duration::from_millis(count)
}

#[test]
fn a_lost_call_holds_its_slot_as_if_it_had_been_written_at_the_last_moment() {
    let start = Instant::now();
    for lost in [0, 50, 5000] {
        let mut slots = Slots::unused(&config(1, within()), start);
        let ticket = slots.claim(start).unwrap();
        slots.sent(ticket, start);
        slots.lost(ticket, start + milliseconds(lost));
        assert_eq!(slots.claim(start), Err(NoSlot::Until(start + milliseconds(lost + GUARD + PER))));
    }
}
