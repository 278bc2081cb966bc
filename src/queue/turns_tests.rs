//! Turns against a scheduler that looks at everybody every time, and what fairness means in numbers.

use std::collections::HashSet;

use proptest::prelude::*;

use super::super::naive::Naive;
use super::*;

fn tenant(number: usize) -> TenantId {
    TenantId::new(&format!("team-{number}"))
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Stand {
        question: u32,
        tenant: usize,
        first: bool,
    },
    Leave {
        question: u32,
        tenant: usize,
    },
    Remove {
        question: u32,
    },
    Next,
    /// A turn that comes to nothing; its question stands first again.
    NextInVain,
    /// One of its turns, some time ago, came to nothing.
    GiveBack {
        tenant: usize,
    },
}

fn some_step() -> impl Strategy<Value = Step> {
    let asked = (0..24u32, 0..6usize);
    prop_oneof![
        8 => asked.clone().prop_map(|(question, tenant)| Step::Stand { question, tenant, first: false }),
        1 => asked.clone().prop_map(|(question, tenant)| Step::Stand { question, tenant, first: true }),
        2 => asked.prop_map(|(question, tenant)| Step::Leave { question, tenant }),
        1 => (0..24u32).prop_map(|question| Step::Remove { question }),
        5 => Just(Step::Next),
        1 => Just(Step::NextInVain),
        1 => (0..6usize).prop_map(|tenant| Step::GiveBack { tenant }),
    ]
}

/// Takes the steps with both; a question belongs to one tenant only where `shared` is false.
fn same_turns(weights: &[u32], steps: &[Step], shared: bool) -> Result<(), TestCaseError> {
    let (mut turns, mut naive) = (Turns::default(), Naive::default());
    let asker = |question: u32, asked: usize| if shared { asked } else { question as usize % weights.len() };
    for step in steps {
        match *step {
            Step::Stand { question, tenant: asked, first } => {
                let who = asker(question, asked);
                let weight = weights[who];
                let foreseen = turns.turns_before_newcomer(&tenant(who), weight);
                let new = !naive.questions().contains(&question);
                naive.stand(question, &tenant(who), weight, first);
                if first {
                    turns.stand_first(&question, &tenant(who), weight);
                } else {
                    turns.stand(&question, &tenant(who), weight);
                    if new && !shared {
                        prop_assert_eq!(Some(foreseen), naive.turns_before(question));
                    }
                }
            }
            Step::Leave { question, tenant: asked } => {
                turns.leave(&question, &tenant(asker(question, asked)));
                naive.leave(question, &tenant(asker(question, asked)));
            }
            Step::Remove { question } => {
                turns.remove(&question);
                naive.remove(question);
            }
            Step::Next => prop_assert_eq!(turns.next(), naive.next()),
            Step::GiveBack { tenant: number } => {
                turns.give_back(&tenant(number));
                naive.give_back(&tenant(number));
            }
            Step::NextInVain => {
                let turn = naive.next();
                prop_assert_eq!(&turns.next(), &turn);
                if let Some((question, asker)) = turn {
                    let weight = naive.lines.get(&asker).map_or(1, |line| line.weight);
                    turns.give_back(&asker);
                    naive.give_back(&asker);
                    turns.stand_first(&question, &asker, weight);
                    naive.stand(question, &asker, weight, true);
                }
            }
        }
        prop_assert_eq!(turns.is_empty(), naive.questions().is_empty());
        for question in 0..24 {
            let (foreseen, actual) = (turns.turns_before(&question), naive.turns_before(question));
            if shared {
                // Served at another's turn, a question leaves gaps in lines: the forecast is the latest turn.
                prop_assert!(foreseen >= actual && foreseen.is_some() == actual.is_some());
            } else {
                prop_assert_eq!(foreseen, actual);
            }
        }
        for (number, _) in weights.iter().enumerate() {
            let waiting = naive.lines.get(&tenant(number)).map_or(0, |line| line.waiting.len());
            prop_assert_eq!(turns.waiting_of(&tenant(number)), waiting);
        }
    }
    while let Some(turn) = naive.next() {
        prop_assert_eq!(turns.next(), Some(turn));
    }
    prop_assert_eq!(turns.next(), None);
    prop_assert!(
        turns.standing.is_empty() && turns.schedule.is_empty() && turns.lines.values().all(|l| l.waiting.len() == 0)
    );
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, failure_persistence: None, ..Default::default() })]

    #[test]
    fn turns_come_as_foreseen(
        weights in prop::collection::vec(1..=12u32, 6),
        steps in prop::collection::vec(some_step(), 1..120),
    ) {
        same_turns(&weights, &steps, false)?;
    }

    #[test]
    fn shared_questions_are_served_once_and_no_later_than_foreseen(
        weights in prop::collection::vec(1..=12u32, 6),
        steps in prop::collection::vec(some_step(), 1..120),
    ) {
        same_turns(&weights, &steps, true)?;
    }

    #[test]
    fn tenants_with_enough_to_ask_are_served_by_weight_to_within_a_turn(
        weights in prop::collection::vec(1..=10u32, 2..6),
        length in 1..200usize,
    ) {
        let mut turns = Turns::default();
        for (who, weight) in weights.iter().enumerate() {
            for number in 0..200 {
                turns.stand(&(who, number), &tenant(who), *weight);
            }
        }
        let mut served = vec![0_u32; weights.len()];
        for _ in 0..length {
            let ((who, number), _) = turns.next().unwrap();
            prop_assert_eq!(number, served[who], "in the order of asking");
            served[who] += 1;
            for (one, one_weight) in served.iter().zip(&weights) {
                for (other, other_weight) in served.iter().zip(&weights) {
                    // In turns per weight, times both weights.
                    let ahead = (one * other_weight).abs_diff(other * one_weight);
                    prop_assert!(ahead <= *one_weight.max(other_weight), "{:?} by {:?}", served, weights);
                }
            }
        }
    }

    #[test]
    fn a_newcomer_is_served_before_anybody_is_served_twice(
        weights in prop::collection::vec(1..=10u32, 1..6),
        history in 0..150usize,
        newcomer_weight in 1..=10u32,
    ) {
        let mut turns = Turns::default();
        for (who, weight) in weights.iter().enumerate() {
            for number in 0..200 {
                turns.stand(&(who, number), &tenant(who), *weight);
            }
        }
        for _ in 0..history {
            turns.next();
        }
        let newcomer = weights.len();
        turns.stand(&(newcomer, 0), &tenant(newcomer), newcomer_weight);
        let mut served = HashSet::new();
        while let Some(((who, _), _)) = turns.next().filter(|((who, _), _)| *who != newcomer) {
            prop_assert!(served.insert(who), "served twice before the newcomer");
        }
    }
}

#[test]
fn a_single_question_waits_for_no_more_than_one_of_a_flood() {
    let mut turns = Turns::default();
    for number in 0..100 {
        turns.stand(&number, &tenant(0), 100);
    }
    for history in 0..30 {
        turns.stand(&1000, &tenant(1), 1);
        let order: Vec<_> = (0..2).filter_map(|_| turns.next()).map(|(question, _)| question).collect();
        assert!(order.contains(&1000), "after {history} rounds: {order:?}");
        // The one who was just served has no claim to the next turn as well.
        for _ in 0..100 {
            turns.stand(&(2000 + history), &tenant(0), 100);
            turns.next();
        }
    }
}

#[test]
fn leaving_and_coming_back_wins_no_turns() {
    let mut turns = Turns::default();
    let mut served = [0, 0];
    for number in 0..100 {
        turns.stand(&(0_usize, number), &tenant(0), 1);
    }
    for number in 0..60 {
        // Team 1 asks and leaves each time before it asks in earnest.
        turns.stand(&(1, 1000 + number), &tenant(1), 1);
        turns.leave(&(1, 1000 + number), &tenant(1));
        turns.stand(&(1, number), &tenant(1), 1);
        let ((who, _), _) = turns.next().unwrap();
        served[who] += 1;
    }
    assert_eq!(served, [30, 30]);
}

#[test]
fn a_tenant_away_for_long_is_owed_no_turns() {
    let mut turns = Turns::default();
    turns.stand(&(1, 0), &tenant(1), 1);
    for number in 0..100 {
        turns.stand(&(0, number), &tenant(0), 1);
    }
    for _ in 0..50 {
        turns.next();
    }
    for number in 1..40 {
        turns.stand(&(1, number), &tenant(1), 1);
    }
    let order: Vec<_> = (0..20).filter_map(|_| turns.next()).map(|((who, _), _)| who).collect();
    assert_eq!(order.iter().filter(|who| **who == 1).count(), 10, "{order:?}");
}

#[test]
fn a_question_in_several_lines_is_served_at_the_first_turn_that_comes() {
    let mut turns = Turns::default();
    for number in 0..10 {
        turns.stand(&number, &tenant(0), 1);
    }
    turns.stand(&99, &tenant(0), 1);
    assert_eq!(turns.turns_before(&99), Some(10));
    turns.stand(&99, &tenant(1), 1);
    assert_eq!(turns.turns_before(&99), Some(1));
    assert_eq!(turns.next(), Some((0, tenant(0))));
    assert_eq!(turns.next(), Some((99, tenant(1))));
    let rest: Vec<_> = std::iter::from_fn(|| turns.next()).map(|(question, _)| question).collect();
    assert_eq!(rest, (1..10).collect::<Vec<_>>());
}

#[test]
fn tenants_that_went_quiet_are_forgotten() {
    let mut turns = Turns::default();
    for number in 1..2000 {
        turns.stand(&(0, number), &tenant(0), 1);
        turns.stand(&(0, number + 2000), &tenant(0), 1);
        turns.stand(&(number, 0), &tenant(number), 1);
        turns.next();
        turns.next();
    }
    assert!(!turns.is_empty());
    assert!(turns.lines.len() < 40, "{} lines remembered", turns.lines.len());
}

#[test]
fn a_retry_is_not_foreseen_behind_what_waits_elsewhere() {
    let mut turns = Turns::default();
    for number in 0..3 {
        turns.stand(&number, &tenant(0), 1);
    }
    let line = crate::budget::OrderedLine { tenant: tenant(0), pass: 0, weight: 1, elsewhere: 10 };
    turns.align(&Order { present: 0, lines: vec![line] });
    turns.stand_first(&99, &tenant(0), 1);
    assert_eq!(turns.turns_before(&99), Some(0), "it has waited the longest, here and elsewhere");
    assert_eq!(turns.turns_before(&0), Some(11), "who came in turn may have to wait for all that came elsewhere");
}
