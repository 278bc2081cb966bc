//! The queue: among so many waiting questions of ten tenants, and among so many tenants with a hundred thousand questions.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use sluice::benchmarks::{Asked, Crowd};

use crate::steps::{Step, Takes};
use crate::stopwatch::{LOT, in_lots, timed, times};

const QUESTIONS: [(usize, usize); 4] = [(100, 10), (1_000, 10), (10_000, 10), (100_000, 10)];
const TENANTS: [(usize, usize); 3] = [(100_000, 10), (100_000, 100), (100_000, 1_000)];

/// A crowd can give up once, and takes its time to come.
const FEWER: [(usize, usize); 3] = [(100, 10), (1_000, 10), (10_000, 10)];

/// So many repetitions before this crowd, which is as large after each.
type Operation = fn(&mut Crowd, u64) -> Duration;

const OPERATIONS: [(&str, &str, Operation); 7] = [
    ("join, of questions", "join, of tenants", join),
    ("join who waits, of questions", "join who waits, of tenants", share),
    ("refuse, of questions", "refuse, of tenants", refuse),
    ("forecast, of questions", "forecast, of tenants", forecast),
    ("leave, of questions", "leave, of tenants", leave),
    ("take a turn, of questions", "take a turn, of tenants", depart),
    ("land, of questions", "land, of tenants", land),
];

pub(crate) fn all() -> Vec<Step> {
    let crowd = |(questions, tenants): &(usize, usize)| Rc::new(RefCell::new(Crowd::new(*questions, *tenants)));
    let (by_questions, by_tenants) = (QUESTIONS.map(|size| crowd(&size)), TENANTS.map(|size| crowd(&size)));
    let mut steps = Vec::new();
    for (of_questions, of_tenants, operation) in OPERATIONS {
        let point = |size: usize, crowd: &Rc<RefCell<Crowd>>| {
            let crowd = Rc::clone(crowd);
            let takes: Takes = Box::new(move |count| operation(&mut crowd.borrow_mut(), count));
            (size, takes)
        };
        let points = QUESTIONS.iter().zip(&by_questions).map(|((size, _), crowd)| point(*size, crowd)).collect();
        steps.push(Step { name: of_questions, of: "questions", points });
        let points = TENANTS.iter().zip(&by_tenants).map(|((_, size), crowd)| point(*size, crowd)).collect();
        steps.push(Step { name: of_tenants, of: "tenants", points });
    }
    steps.push(Step { name: "count places looked up", of: "questions", points: QUESTIONS.map(places).into() });
    steps.push(Step { name: "give up, each", of: "questions", points: FEWER.map(give_up).into() });
    steps
}

fn join(crowd: &mut Crowd, count: u64) -> Duration {
    in_lots(count, |lot| {
        let asked = crowd.newcomers(lot);
        timed(|| asked.iter().map(|asked| crowd.join(asked)).collect::<Vec<_>>()).1
    })
}

fn share(crowd: &mut Crowd, count: u64) -> Duration {
    let asked = crowd.shared(LOT);
    in_lots(count, |lot| timed(|| asked.iter().take(lot).map(|asked| crowd.join(asked)).collect::<Vec<_>>()).1)
}

fn refuse(crowd: &mut Crowd, count: u64) -> Duration {
    let asked = crowd.newcomers(1);
    times(count, |_| crowd.refuse(&asked[0]))
}

fn forecast(crowd: &mut Crowd, count: u64) -> Duration {
    let asked = crowd.waiting(LOT);
    times(count, |number| crowd.expected(&asked[number % LOT]))
}

fn leave(crowd: &mut Crowd, count: u64) -> Duration {
    in_lots(count, |lot| {
        let asked = crowd.waiting(lot);
        let seats: Vec<_> = asked.iter().map(|asked| crowd.seat_of(asked)).collect();
        let ((), took) = timed(|| drop(seats));
        // Others, so that it is not always the last of a line that leaves.
        let asked = crowd.instead_of(&asked);
        again(crowd, &asked);
        took
    })
}

fn depart(crowd: &mut Crowd, count: u64) -> Duration {
    in_lots(count, |lot| {
        let (departed, took) = timed(|| (0..lot).map(|_| crowd.depart()).collect::<Vec<_>>());
        let asked: Vec<_> = departed.into_iter().map(sluice::benchmarks::Departed::land).collect();
        again(crowd, &asked);
        took
    })
}

fn land(crowd: &mut Crowd, count: u64) -> Duration {
    in_lots(count, |lot| {
        let departed: Vec<_> = (0..lot).map(|_| crowd.depart()).collect();
        let landing = || departed.into_iter().map(sluice::benchmarks::Departed::land).collect::<Vec<_>>();
        let (asked, took) = timed(landing);
        again(crowd, &asked);
        took
    })
}

/// At the end of their lines.
fn again(crowd: &mut Crowd, asked: &[Asked]) {
    for asked in asked {
        crowd.admit(asked);
    }
}

fn places((questions, tenants): (usize, usize)) -> (usize, Takes) {
    let crowd = Crowd::new(questions, tenants);
    crowd.look_up_all();
    let asked = crowd.waiting(1);
    (questions, Box::new(move |count| times(count, |_| assert!(crowd.places(&asked[0]) > 0))))
}

/// Of all, what falls to each.
fn give_up((questions, tenants): (usize, usize)) -> (usize, Takes) {
    let each = u32::try_from(questions).unwrap();
    let once = move || {
        let crowd = Crowd::new(questions, tenants);
        timed(|| crowd.give_up()).1 / each
    };
    (questions, Box::new(move |count| (0..count).map(|_| once()).sum()))
}
