//! The queue: among so many waiting questions of ten tenants, and among so many tenants with a hundred thousand questions.

use std::cell::{LazyCell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use sluice::benchmarks::{Asked, Crowd};

use crate::steps::{Step, Takes, lazily};
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

/// A crowd before which several steps are done. It comes when the first of them is.
type Gathering = Rc<LazyCell<RefCell<Crowd>, Box<dyn FnOnce() -> RefCell<Crowd>>>>;

fn gathering((questions, tenants): (usize, usize)) -> Gathering {
    Rc::new(LazyCell::new(Box::new(move || RefCell::new(Crowd::new(questions, tenants)))))
}

pub(crate) fn all() -> Vec<Step> {
    let (by_questions, by_tenants) = (QUESTIONS.map(gathering), TENANTS.map(gathering));
    let mut steps = Vec::new();
    for (of_questions, of_tenants, operation) in OPERATIONS {
        let point = |size: usize, crowd: &Gathering| {
            let crowd = Rc::clone(crowd);
            let takes: Takes = Box::new(move |count| operation(&mut crowd.borrow_mut(), count));
            (size, takes)
        };
        let points = QUESTIONS.iter().zip(&by_questions).map(|((size, _), crowd)| point(*size, crowd)).collect();
        steps.push(Step::new(of_questions, "questions", points));
        let points = TENANTS.iter().zip(&by_tenants).map(|((_, size), crowd)| point(*size, crowd)).collect();
        steps.push(Step::new(of_tenants, "tenants", points));
    }
    steps.push(Step::new("count places looked up", "questions", QUESTIONS.map(among(places)).into()));
    let given_up = Step::new("give up, each", "questions", FEWER.map(among(give_up)).into());
    steps.push(Step { of_all: true, ..given_up });
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

/// A step before crowds of its own.
fn among(step: fn(usize, usize) -> Takes) -> impl Fn((usize, usize)) -> (usize, Takes) {
    move |(questions, tenants)| (questions, lazily(move || step(questions, tenants)))
}

fn places(questions: usize, tenants: usize) -> Takes {
    let crowd = Crowd::new(questions, tenants);
    crowd.look_up_all();
    let asked = crowd.waiting(1);
    Box::new(move |count| times(count, |_| assert!(crowd.places(&asked[0]) > 0)))
}

fn give_up(questions: usize, tenants: usize) -> Takes {
    let once = move || {
        let crowd = Crowd::new(questions, tenants);
        timed(|| crowd.give_up()).1
    };
    Box::new(move |count| (0..count).map(|_| once()).sum())
}
