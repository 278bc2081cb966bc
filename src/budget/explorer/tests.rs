//! What the exploration shows: never an arrival too many, always another grant, and what each rule is good for.

use tokio::time::Instant;

use super::local::{self, Local};
use super::mutation::Mutation;
use super::search::{Explored, Protocol, explore};
use super::shared::{Shared, of_ticks};
use crate::budget::shared::terms::Terms;

const CALLS: usize = 2;
const GUARD: u8 = 2;
const PER: u8 = 3;
const HOLD: u8 = 2;

fn shared(replicas: usize, calls: usize, faults: u8) -> Shared {
    let terms = Terms { hold: of_ticks(HOLD), per: of_ticks(PER), drift: of_ticks(0), guard: of_ticks(GUARD) };
    Shared { replicas, calls, terms, faults, mutation: None }
}

fn one_process(guard: Option<u8>) -> Local {
    let transit = guard.unwrap_or(PER);
    let config = local::config(CALLS, PER, guard);
    Local { config, transit, deaths: 2, throttles: 1, mutation: None, start: Instant::now() }
}

/// Nothing breaks, and once nothing fails any more a slot is given within so many ticks.
#[expect(clippy::print_stdout, reason = "the figures and the stories are what it is run for")]
fn holds(name: &str, protocol: &impl Protocol, patience: u32) {
    let start = Instant::now();
    let Explored { states, steps, story, patience: waited } = explore(protocol);
    println!("{name}: {states} states, {steps} steps, {waited:?} ticks to a grant, {:?}", start.elapsed());
    assert_eq!(story.map(|story| format!("\n{story}\n")), None);
    assert!(waited.is_some_and(|waited| waited <= patience), "{waited:?}");
}

/// A lease for a slot whose owner is not heard of, and one more for each fault, which may come at the end of the one before.
fn replicas_hold(name: &str, protocol: &Shared) {
    holds(name, protocol, (1 + u32::from(protocol.faults)) * u32::from(protocol.lease()));
}

/// The shortest story of an arrival too many.
#[expect(clippy::print_stdout, reason = "the figures and the stories are what it is run for")]
fn breaks(name: &str, protocol: &impl Protocol) {
    let Explored { states, story, .. } = explore(protocol);
    let story = story.unwrap_or_else(|| panic!("{name}: nothing was found in {states} states"));
    println!("{name}, found among {states} states:\n{story}\n");
}

#[test]
fn one_process_never_sends_a_call_too_many() {
    holds("one process", &one_process(Some(GUARD)), 2 * u32::from(PER));
    holds("one process, strict", &one_process(None), 2 * u32::from(PER));
}

#[test]
fn replicas_never_send_a_call_too_many() {
    replicas_hold("two replicas, one slot, one fault", &shared(2, 1, 1));
    replicas_hold("three replicas, one slot, no fault", &shared(3, 1, 0));
}

#[test]
#[ignore = "takes longer than a test may: `make explore`"]
fn replicas_never_send_a_call_too_many_whatever_fails() {
    replicas_hold("two replicas, two slots, no fault", &shared(2, CALLS, 0));
    replicas_hold("two replicas, one slot, two faults", &shared(2, 1, 2));
    replicas_hold("three replicas, one slot, one fault", &shared(3, 1, 1));
    replicas_hold("two replicas, two slots, one fault", &shared(2, CALLS, 1));
}

macro_rules! the_explorer_finds {
    ($($name:ident: $mutation:ident after $faults:literal faults;)*) => {
        $(
            #[test]
            fn $name() {
                let mutation = Some(Mutation::$mutation);
                breaks(stringify!($name), &Shared { mutation, ..shared(2, 1, $faults) });
            }
        )*
    };
}

the_explorer_finds! {
    the_explorer_finds_answers_that_free_at_once: AnswersFreeAtOnce after 0 faults;
    the_explorer_finds_a_tenure_that_is_ignored: TenureIsIgnored after 0 faults;
    the_explorer_finds_a_tenure_that_begins_with_the_reply: TenureFromTheReply after 0 faults;
    the_explorer_finds_a_lost_call_that_counts_as_arrived: LostCountsAsArrived after 0 faults;
    the_explorer_finds_a_guard_that_is_believed_after_standing_still: StandingStillIsNotNoticed after 0 faults;
    the_explorer_finds_a_guard_that_is_believed_though_a_connection_was_opened: OpenedConnectionsAreGuarded after 0 faults;
    the_explorer_finds_a_stranger_who_settles: AnybodySettles after 0 faults;
    the_explorer_finds_slots_that_are_free_after_lost_state: NothingIsHeldAfterLostState after 1 faults;
    the_explorer_finds_a_slot_that_is_free_with_its_owners_death: TheDeadFreeAtOnce after 1 faults;
    the_explorer_finds_claims_without_a_pause_after_connecting: NoPauseAfterConnecting after 1 faults;
    the_explorer_finds_a_clock_that_nobody_watches: NobodyWatchesTheClock after 1 faults;
    the_explorer_finds_the_forgotten_who_go_on: TheForgottenGoOn after 1 faults;
}

/// Rules behind which another stands.
#[test]
fn the_explorer_shows_which_rules_are_a_second_line() {
    // Whoever sends late sends within the tenure; that a permit is not used late serves those who wait.
    let mutation = Some(Mutation::LatePermitsAreSent);
    replicas_hold("late permits are sent", &Shared { mutation, ..shared(2, 1, 0) });
    // Another server is always come to over another connection, after which nothing is asked for a lease.
    let mutation = Some(Mutation::AnyServerIsBelieved);
    let any_server = Shared { mutation, ..shared(1, 1, 1) };
    assert_eq!(explore(&any_server).story, None);
}

macro_rules! the_explorer_finds_of_one_process {
    ($($name:ident: $mutation:ident;)*) => {
        $(
            #[test]
            fn $name() {
                let mutation = Some(Mutation::$mutation);
                breaks(stringify!($name), &Local { mutation, ..one_process(Some(GUARD)) });
            }
        )*
    };
}

the_explorer_finds_of_one_process! {
    the_explorer_finds_a_start_that_counts_as_the_first: NothingIsHeldAfterLostState;
    the_explorer_finds_a_lost_call_of_one_process_that_counts_as_arrived: LostCountsAsArrived;
    the_explorer_finds_a_guard_of_one_process_that_is_believed_after_standing_still: StandingStillIsNotNoticed;
    the_explorer_finds_a_guard_of_one_process_that_is_believed_though_a_connection_was_opened: OpenedConnectionsAreGuarded;
}
