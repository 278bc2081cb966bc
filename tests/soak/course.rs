//! The course of a run: a start, disturbances and faults with calm between them, a rest, and the account.

use std::process::Command;
use std::time::Duration;

use fastrand::Rng;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::callers;
use crate::disturbances::{Disturbance, ENDS, shuffled};
use crate::faults;
use crate::fleet::{GUARD, PER};
use crate::house::House;
use crate::report::{Account, Ran};
use crate::story::Finding;

/// Until all callers have had their last answer.
const FAREWELL: Duration = Duration::from_secs(30);
/// Of the time, after which no process is ended any more, so that each can be watched for long.
const ENDS_FOR: f64 = 0.55;

/// How long a run is, and what is in it.
#[derive(Clone)]
pub(crate) struct Course {
    /// The time with load and disturbances.
    pub(crate) length: Duration,
    pub(crate) seed: u64,
    /// Between two disturbances or spells.
    pub(crate) calm: Duration,
    /// How long the upstream fails at a time.
    pub(crate) spell: Duration,
    /// After the last caller has gone.
    pub(crate) rest: Duration,
    /// The disturbances; `None` for all, in the order of the seed.
    pub(crate) only: Option<Vec<Disturbance>>,
}

impl Course {
    /// Runs, tells, and fails where something was not as it should be.
    pub(crate) async fn run(self) {
        let course = self.what();
        println!("{course}");
        let mut house = House::build(self.seed).await;
        sleep(Duration::from_secs(1)).await;
        let at_rest = house.watch.now().await;
        house.scene.story.tell("three replicas serve; callers come");
        let began = Instant::now();
        let callers = callers::send(&house.scene, self.seed);
        let (calm, disturbances) = self.disturb(&mut house, began).await;
        house.scene.story.tell("callers go");
        house.scene.end();
        self.farewell(&house, callers).await;
        house.scene.close();
        let ran = Ran { course, length: began.elapsed(), calm, disturbances, at_rest };
        sleep(self.rest).await;
        let account = Account::of(&house, ran).await;
        println!("{}", account.table());
        let findings = house.scene.story.findings();
        for (what, Finding { times, first }) in &findings {
            println!("WRONG, {times} times: {what}; the first time: {first}");
        }
        if !findings.is_empty() {
            println!(
                "what the replicas logged and recorded, and what arrived, is in {}",
                house.keep(self.seed).display()
            );
        }
        assert!(findings.is_empty(), "SEED={} found {} kinds of faults", self.seed, findings.len());
    }

    /// Disturbs until the time is over; gives the calm stretches, by the upstream's clock, and how often it disturbed.
    async fn disturb(&self, house: &mut House, began: Instant) -> (Vec<(Duration, Duration)>, Vec<Disturbance>) {
        let mut rng = Rng::with_seed(self.seed);
        let mut faults = faults::in_turn(&mut rng);
        let (mut waiting, mut done, mut calm) = (Vec::new(), Vec::new(), Vec::new());
        let over = |part: f64| began.elapsed() >= self.length.mul_f64(part);
        while !over(1.0) {
            let from = house.fleet.moment(Instant::now());
            sleep(self.calm).await;
            calm.push((from, house.fleet.moment(Instant::now())));
            if waiting.is_empty() {
                waiting = self.only.clone().unwrap_or_else(|| shuffled(&mut rng, !over(ENDS_FOR)));
                waiting.reverse();
            }
            if over(ENDS_FOR) && self.only.is_none() {
                waiting.retain(|one| !ENDS.contains(one));
            }
            let next = waiting.pop().expect("it was just filled");
            house.disturb(next, &mut rng).await;
            done.push(next);
            if over(1.0) {
                break;
            }
            let from = house.fleet.moment(Instant::now());
            sleep(self.calm).await;
            calm.push((from, house.fleet.moment(Instant::now())));
            faults::spell(house, faults.next().expect("it goes round"), self.spell).await;
        }
        (calm, done)
    }

    /// Waits until all callers have gone, who may have panicked.
    async fn farewell(&self, house: &House, mut callers: JoinSet<()>) {
        let all = async {
            while let Some(gone) = callers.join_next().await {
                if let Err(fault) = gone {
                    house.scene.story.wrong("a caller that broke", &fault.to_string());
                }
            }
        };
        if timeout(FAREWELL, all).await.is_err() {
            house.scene.story.wrong("callers that do not come to an end", &format!("not within {FAREWELL:?}"));
        }
    }

    /// What is run, so that it can be run again.
    fn what(&self) -> String {
        let said = |program: &str, arguments: &[&str]| {
            let output = Command::new(program).args(arguments).output().ok().filter(|output| output.status.success());
            output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
        };
        let revision = said("git", &["describe", "--always", "--dirty"]).unwrap_or_else(|| "unknown".to_owned());
        let redis = said("redis-server", &["--version"]).unwrap_or_default();
        format!(
            "soak: SEED={}, {} s of load; sluice {} at {revision} ({}); {}; 2 calls in {PER:?}, guard {GUARD:?}, three replicas",
            self.seed,
            self.length.as_secs(),
            env!("CARGO_PKG_VERSION"),
            if cfg!(debug_assertions) { "debug build" } else { "optimised build" },
            redis.split(" sha=").next().unwrap_or_default(),
        )
    }
}
