//! The account at the end: what was promised, what was found, and the figures.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use sluice::simulator::{Arrival, Verdict, worst_window};

use tokio::time::{Instant, sleep};

use crate::audit::{between, count, crowded, jain, utilisation};
use crate::disturbances::Disturbance;
use crate::fleet::PER;
use crate::house::House;
use crate::records::{self, Compared};
use crate::scene::Line;
use crate::watch::{Judged, Sample};

/// Tenants that always want more than they get, and their weights.
const HUNGRY: [(&str, usize); 3] = [("red", 1), ("green", 2), ("blue", 1)];
/// Turns that an index is worth being judged by.
const ENOUGH_TURNS: usize = 120;
/// What a process may hold at rest beyond what it held before the first caller: connections to the upstream that are kept.
const AT_REST: u64 = 16;
/// Until the last connection is closed.
const LAST_CLOSED: Duration = Duration::from_secs(20);

/// What was run.
pub(crate) struct Ran {
    pub(crate) course: String,
    pub(crate) length: Duration,
    /// Stretches without a disturbance, by the upstream's clock.
    pub(crate) calm: Vec<(Duration, Duration)>,
    pub(crate) disturbances: Vec<Disturbance>,
    /// What each replica held before the first caller.
    pub(crate) at_rest: Vec<Sample>,
}

/// Everything that is told at the end. What is wrong is in the story's findings, too.
pub(crate) struct Account {
    ran: Ran,
    checks: Vec<(&'static str, String)>,
    verdicts: BTreeMap<String, usize>,
    ledger: BTreeMap<String, Line>,
    recoveries: BTreeMap<String, (usize, Duration)>,
    courses: Vec<Judged>,
    rest: Vec<Sample>,
}

impl Account {
    pub(crate) async fn of(house: &House, ran: Ran) -> Self {
        let (story, arrivals) = (&house.scene.story, house.fleet.upstream.arrivals());
        let mut checks = Vec::new();
        let mut check = |name: &'static str, told: String, holds: bool| {
            if !holds {
                story.wrong(name, &told);
            }
            checks.push((name, told));
        };
        check("calls that arrived at the upstream", arrivals.len().to_string(), !arrivals.is_empty());
        let (worst, crowds) = (worst_window(&arrivals, PER), crowded(&arrivals));
        let first = crowds.first().map(|crowd| format!(": {crowd:#?}")).unwrap_or_default();
        let told = format!("{worst} at most, {} windows with three{first}", crowds.len());
        check("calls in any sliding window", told, worst <= 2);
        let throttled = arrivals.iter().filter(|arrival| arrival.verdict == Verdict::Throttled).count();
        check("calls that the upstream throttled", throttled.to_string(), throttled == 0);
        for (why, stretches, early) in silences(house, &arrivals) {
            check(why, format!("{stretches} times, {} calls too early: {early:?}", early.len()), early.is_empty());
        }
        let logs: Vec<String> = house.fleet.all().flat_map(|replica| house.fleet.logs(replica)).collect();
        let files: Vec<String> = house.fleet.all().map(|replica| house.records(replica)).collect();
        let compared = records::compare(&arrivals, files.iter().map(String::as_str));
        let Compared { records, unrecorded, untrue, without_an_end, in_vain } = compared;
        let told = format!(
            "{records} records: {unrecorded} arrivals without one, {untrue} of arrivals that were none, {in_vain} of calls \
             that never arrived and were not said to have; {without_an_end} without an end"
        );
        check("records of calls", told, unrecorded == 0 && untrue == 0);
        let (checked, findings) = (house.scene.truth.checked(), story.findings());
        let wrong = findings.get("a wrong answer").map_or(0, |finding| finding.times);
        check("wrong answers", format!("{wrong} of {checked}"), wrong == 0 && checked > 0);
        let turns = turns(&arrivals, &ran.calm);
        let index = if turns.iter().sum::<usize>() == 0 { 0.0 } else { jain(&turns) };
        let told = format!("{index:.4}: {turns:?} turns by weight of {HUNGRY:?}");
        check("Jain's index while it was calm", told, index >= 0.9 || turns.iter().sum::<usize>() < ENOUGH_TURNS);
        check("utilisation, disturbances included", format!("{:.2}", utilisation(&arrivals)), true);
        let secrets = secrets(house);
        for (name, marks) in [
            ("panics in the logs", vec!["panicked at".to_owned()]),
            ("defects in the logs", vec!["internal-error".to_owned(), "internal_error".to_owned()]),
            ("secrets in the logs", secrets),
        ] {
            let lines: Vec<&str> = logs
                .iter()
                .flat_map(|log| log.lines())
                .filter(|line| marks.iter().any(|mark| line.contains(mark)))
                .collect();
            let told = format!("{}{}", lines.len(), lines.first().map(|line| format!(": {line}")).unwrap_or_default());
            check(name, told, lines.is_empty());
        }
        let (stalls, longest) = house.scene.weather.stalls();
        let told = format!(
            "{stalls} times by 25 ms or more, at most by {longest:?}; {} late replies excused",
            house.scene.excused()
        );
        check("this machine could not run everybody", told, true);
        let courses = house.watch.judged();
        let grows = courses.iter().filter(|judged| judged.grows()).count();
        check(
            "processes that grow",
            format!("{grows} of {} that lived long enough to be judged", courses.len()),
            grows == 0,
        );
        let before = most(&ran.at_rest);
        let is_back = |rest: &[Sample]| {
            let after = most(rest);
            rest.len() == ran.at_rest.len() && after.0 <= before.0 + AT_REST && after.1 <= before.1 + AT_REST
        };
        let mut rest = house.watch.now().await;
        let deadline = Instant::now() + LAST_CLOSED;
        while !is_back(&rest) && Instant::now() < deadline {
            sleep(Duration::from_millis(500)).await;
            rest = house.watch.now().await;
        }
        let after = most(&rest);
        let told =
            format!("{} and {} at most; before the first caller {} and {}", after.0, after.1, before.0, before.1);
        check("open files and tasks at rest", told, is_back(&rest));
        let mut recoveries: BTreeMap<String, (usize, Duration)> = BTreeMap::new();
        for recovery in &house.recoveries {
            let (times, slowest) = recoveries.entry(recovery.after.clone()).or_default();
            *times += 1;
            *slowest = recovery.took.max(*slowest);
        }
        Self { ran, checks, verdicts: verdicts(&arrivals), ledger: house.scene.ledger(), recoveries, courses, rest }
    }

    /// The account as tables of Markdown.
    pub(crate) fn table(&self) -> String {
        let mut text = String::new();
        let seconds = |duration: Duration| format!("{:.2} s", duration.as_secs_f64());
        let mut line = |words: &str| writeln!(text, "{words}").expect("writing to a string does not fail");
        line(&format!(
            "\n{}\n{} disturbances in {}: {:?}\n",
            self.ran.course,
            self.ran.disturbances.len(),
            seconds(self.ran.length),
            self.ran.disturbances
        ));
        line("| what was held against the promises | found |\n| --- | --- |");
        for (name, told) in &self.checks {
            line(&format!("| {name} | {told} |"));
        }
        line("\n| calls by what became of them | |\n| --- | ---: |");
        for (verdict, times) in &self.verdicts {
            line(&format!("| {verdict} | {times} |"));
        }
        line("\n| requests by how they ended | times | slowest | by |\n| --- | ---: | ---: | --- |");
        for (word, Line { times, slowest, caller }) in &self.ledger {
            line(&format!("| {word} | {times} | {} | {caller} |", seconds(*slowest)));
        }
        line("\n| fresh answers at all replicas again, after | times | slowest |\n| --- | ---: | ---: |");
        for (after, (times, slowest)) in &self.recoveries {
            line(&format!("| {after} | {times} | {} |", seconds(*slowest)));
        }
        line(
            "\n| process: medians of the second and the last third | watched | memory, MiB | open files | threads | tasks |\n| --- | ---: | ---: | ---: | ---: | ---: |",
        );
        let mib = |kib: u64| format!("{:.1}", count(usize::try_from(kib).expect("less than 4 TiB")) / 1024.0);
        for Judged { replica, watched, before, after } in &self.courses {
            line(&format!(
                "| replica {replica} | {} | {} → {} | {} → {} | {} → {} | {} → {} |",
                seconds(*watched),
                mib(before.memory),
                mib(after.memory),
                before.files,
                after.files,
                before.threads,
                after.threads,
                before.tasks,
                after.tasks
            ));
        }
        for (when, samples) in [("before the first caller", &self.ran.at_rest), ("at rest after the last", &self.rest)]
        {
            for (replica, sample) in samples.iter().enumerate() {
                line(&format!(
                    "| replica {replica} {when} | | {} | {} | {} | {} |",
                    mib(sample.memory),
                    sample.files,
                    sample.threads,
                    sample.tasks
                ));
            }
        }
        text
    }
}

/// Each reason to be silent, how often there was one, and the calls that came all the same.
fn silences(house: &House, arrivals: &[Arrival]) -> Vec<(&'static str, usize, Vec<Arrival>)> {
    let mut by_reason: BTreeMap<&'static str, (usize, Vec<Arrival>)> = BTreeMap::new();
    for silence in &house.silences {
        let (times, early) = by_reason.entry(silence.why).or_default();
        *times += 1;
        early.extend(between(arrivals, silence.from, silence.to));
    }
    by_reason.into_iter().map(|(why, (times, early))| (why, times, early)).collect()
}

/// The most files and the most tasks of one process.
fn most(samples: &[Sample]) -> (u64, u64) {
    let most = |figure: fn(&Sample) -> u64| samples.iter().map(figure).max().unwrap_or_default();
    (most(|sample| sample.files), most(|sample| sample.tasks))
}

/// Turns of the tenants that always want more, in the calm stretches, each divided by its weight.
fn turns(arrivals: &[Arrival], calm: &[(Duration, Duration)]) -> Vec<usize> {
    let of = |tenant: &str| {
        let is_its = |arrival: &&Arrival| arrival.app_id.as_deref().is_some_and(|app| app.starts_with(tenant));
        calm.iter().map(|(from, to)| between(arrivals, *from, *to).iter().filter(is_its).count()).sum::<usize>()
    };
    HUNGRY.map(|(tenant, weight)| of(tenant) / weight).into()
}

/// What must not be in any log: both master keys' secrets, and the tokens that callers sent.
fn secrets(house: &House) -> Vec<String> {
    let keys = house.master_keys.iter().map(|(_, secret)| secret.clone());
    let signature = |token: String| token.rsplit('.').next().map(str::to_owned);
    // Its signature is what makes a token one; `nonsense` has none.
    let tokens = house.scene.wrong_tokens.iter().cloned().chain(house.scene.published());
    keys.chain(tokens.filter_map(signature).filter(|signature| signature.len() > 40)).collect()
}

fn verdicts(arrivals: &[Arrival]) -> BTreeMap<String, usize> {
    let mut verdicts = BTreeMap::new();
    for arrival in arrivals {
        *verdicts.entry(format!("{:?}", arrival.verdict)).or_default() += 1;
    }
    verdicts
}
