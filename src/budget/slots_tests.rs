//! The slots, step by step and against a receiver that counts arrivals in every sliding `per`.

use proptest::prelude::*;

use super::super::GuardRule;
use super::super::receiver::{Call, End, GUARD, PER, Play, arrivals, config, crowded, within};
use super::*;

const ENDS: [End; 6] =
    [End::Answered(0), End::Answered(70), End::Throttled(10), End::Unsent, End::Lost(50), End::Lost(160)];

fn some_call(longest_transit: u64) -> impl Strategy<Value = Call> {
    let end = prop_oneof![
        4 => (0..150u64).prop_map(End::Answered),
        2 => (0..4000u64).prop_map(End::Answered),
        1 => (0..300u64).prop_map(End::Throttled),
        2 => (0..300u64).prop_map(End::Lost),
        1 => (0..4000u64).prop_map(End::Lost),
        1 => Just(End::Unsent),
    ];
    let on_its_way = prop_oneof![8 => Just(None), 1 => (0..=GUARD).prop_map(Some)];
    let pause = prop_oneof![6 => Just(0), 1 => 0..3000u64];
    let stall = prop_oneof![8 => Just(0), 1 => 0..5000u64];
    let opening = prop_oneof![3 => Just(0), 1 => 1..2000u64];
    let signing = prop_oneof![2 => Just(0), 1 => 0..=GUARD / 2];
    (pause, stall, signing, opening, 0..=longest_transit, end, on_its_way).prop_map(
        |(pause, stall, signing, opening, transit, end, on_its_way)| {
            let end = on_its_way.map_or(end, |written_for| End::Lost(opening + written_for));
            Call { pause, stall, signing, opening, transit, end }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn no_window_holds_more_arrivals_than_calls(
        calls in 1..=3usize,
        script in prop::collection::vec(some_call(GUARD), 1..40),
    ) {
        let config = config(calls, within());
        let arrivals = arrivals(&config, &script);
        prop_assert_eq!(crowded(&config, &arrivals), None, "{:?}", arrivals);
    }

    #[test]
    fn strict_slots_stand_even_a_transit_of_per(
        calls in 1..=3usize,
        script in prop::collection::vec(some_call(PER), 1..40),
    ) {
        let config = config(calls, GuardRule::Strict);
        let arrivals = arrivals(&config, &script);
        prop_assert_eq!(crowded(&config, &arrivals), None, "{:?}", arrivals);
    }
}

#[test]
fn no_three_calls_of_any_kind_arrive_within_a_second() {
    let mut kinds = Vec::new();
    for opening in [0, 60, 160] {
        for transit in [0, 1, GUARD] {
            kinds.extend(ENDS.map(|end| Call { pause: 0, stall: 0, signing: 0, opening, transit, end }));
        }
    }
    let config = config(2, within());
    for first in &kinds {
        for second in &kinds {
            for third in &kinds {
                let calls = [*first, *second, *third];
                let arrivals = arrivals(&config, &calls);
                assert_eq!(crowded(&config, &arrivals), None, "{calls:?}");
            }
        }
    }
}

fn milliseconds(count: u64) -> Duration {
    Duration::from_millis(count)
}

#[test]
fn after_an_unknown_past_nothing_is_granted_for_guard_and_per() {
    let start = Instant::now();
    let free = start + milliseconds(GUARD + PER);
    let mut slots = Slots::after_unknown_past(&config(2, within()), start);
    assert_eq!(slots.claim(start), Err(NoSlot::Until(free)));
    assert_eq!(slots.claim(free - Duration::from_nanos(1)), Err(NoSlot::Until(free)));
    assert_eq!((slots.free_now(start), slots.free_now(free)), (0, 2));
    assert!(slots.claim(free).is_ok() && slots.claim(free).is_ok());
    assert_eq!(slots.claim(free), Err(NoSlot::UntilReleased));
}

#[test]
fn an_unsent_slot_is_free_at_once() {
    let start = Instant::now();
    let mut slots = Slots::unused(&config(1, within()), start);
    let ticket = slots.claim(start).unwrap();
    slots.unsent(ticket, start);
    assert!(slots.claim(start).is_ok());
}

#[test]
fn a_stale_ticket_changes_nothing() {
    let start = Instant::now();
    let mut slots = Slots::unused(&config(1, within()), start);
    let stale = slots.claim(start).unwrap();
    slots.unsent(stale, start);
    let holder = slots.claim(start).unwrap();
    slots.sent(holder, start);
    let change: [fn(&mut Slots, Ticket, Instant); 4] = [Slots::unsent, Slots::sent, Slots::arrived, Slots::lost];
    for change in change {
        change(&mut slots, stale, start + milliseconds(50));
        assert_eq!(slots.claim(start + milliseconds(60_000)), Err(NoSlot::UntilReleased));
    }
    slots.arrived(holder, start + milliseconds(30));
    assert_eq!(slots.claim(start), Err(NoSlot::Until(start + milliseconds(30 + PER))));
}

#[test]
fn an_answer_after_the_guard_does_not_hold_the_slot_longer() {
    let start = Instant::now();
    let mut slots = Slots::unused(&config(1, within()), start);
    let ticket = slots.claim(start).unwrap();
    slots.sent(ticket, start);
    slots.arrived(ticket, start + milliseconds(GUARD));
    for end in [Slots::arrived, Slots::lost, Slots::unsent] {
        end(&mut slots, ticket, start + milliseconds(700));
        assert_eq!(slots.claim(start), Err(NoSlot::Until(start + milliseconds(GUARD + PER))));
    }
}

#[test]
fn a_call_without_a_word_holds_its_slot_until_its_answer() {
    let start = Instant::now();
    for rule in [within(), GuardRule::Strict] {
        let mut slots = Slots::unused(&config(1, rule), start);
        let ticket = slots.claim(start).unwrap();
        slots.sent(ticket, start);
        assert_eq!(slots.claim(start + milliseconds(9000)), Err(NoSlot::UntilReleased));
        slots.arrived(ticket, start + milliseconds(9000));
        assert_eq!(slots.claim(start), Err(NoSlot::Until(start + milliseconds(9000 + PER))));
    }
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

/// Sends without pause, each call answered after `round_trips` in turn. Gives what was forecast and what then happened
/// for the turn after `ahead` others, once each call from the `warm`th on.
fn saturated(calls: usize, round_trips: &[u64], ahead: usize, warm: usize) -> Vec<(u64, u64)> {
    let mut play = Play::new(&config(calls, within()));
    let mut forecasts = Vec::new();
    let mut granted = Vec::new();
    for (number, round_trip) in round_trips.iter().cycle().take(warm + 60).enumerate() {
        let forecast = play.slots.forecast(ahead, play.at(play.now)) - play.start;
        forecasts.push((number + ahead, u64::try_from(forecast.as_millis()).unwrap()));
        play.call(Call {
            pause: 0,
            stall: 0,
            signing: 0,
            opening: 0,
            transit: round_trip / 2,
            end: End::Answered(round_trip - round_trip / 2),
        });
        granted.push(play.now);
    }
    let seen = forecasts.iter().skip(warm).filter_map(|(turn, forecast)| Some((*forecast, *granted.get(*turn)?)));
    seen.collect()
}

#[test]
fn a_saturated_forecast_never_names_an_earlier_time_than_the_turn_and_soon_names_it_exactly() {
    for calls in 1..=3 {
        for round_trip in [2, 30, 99, 100, 2000] {
            for ahead in [0, 1, 2, 5, 12] {
                let rounds = u64::try_from(ahead / calls).unwrap() + 1;
                for (warm, tolerance) in [(0, GUARD * rounds), (40 * calls, 0)] {
                    for (forecast, actual) in saturated(calls, &[round_trip], ahead, warm) {
                        assert!(
                            actual <= forecast && forecast <= actual + tolerance,
                            "{calls} calls, {round_trip} ms, {ahead} ahead: {forecast} for {actual}"
                        );
                    }
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_saturated_forecast_is_off_by_no_more_than_a_guard_a_round(
        calls in 1..=3usize,
        round_trips in prop::collection::vec(2..400u64, 1..20),
        ahead in 0..15usize,
    ) {
        let tolerance = GUARD * (u64::try_from(ahead / calls).unwrap() + 1);
        for (forecast, actual) in saturated(calls, &round_trips, ahead, 0) {
            prop_assert!(forecast.abs_diff(actual) <= tolerance, "{} for {}", forecast, actual);
        }
    }
}

#[test]
fn a_forecast_far_beyond_any_queue_does_not_overflow() {
    let start = Instant::now();
    let slots = Slots::after_unknown_past(&config(1, GuardRule::Strict), start);
    assert!(slots.forecast(usize::MAX, start) > start);
}
