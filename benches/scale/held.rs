//! Answers that are held: what they weigh, what it costs to fetch one, and whether it is as quick to find one among a million as
//! among a thousand, while others have to make room as well.

use std::thread;
use std::time::Duration;

use super::gateway::{Gateway, Run, Setting, exchange};
use super::load::{Measured, Pace};
use super::page::{mebibytes, median, micros, ratio};
use super::questions::Questions;
use super::table::{count, millis, table, whole};
use super::upstream::envelope;
use super::{Plan, Stage};

/// What the many are compared with.
const FEW: usize = 1_000;
/// Hits a second beside which answers come and go: so few that each finds the connections free.
const BESIDE: f64 = 1_000.0;
/// Connections of the generators that run beside each other.
const CONNECTIONS: usize = 16;
/// How much longer than other runs those take, which look for what is rare.
const LONGER: u32 = 4;
/// As many calls as the machine can make: the budget is not what is measured. Nor is patience, where a run is stopped meanwhile.
const BUDGET: &str = "budget.calls = 100\nbudget.per = \"10ms\"\nbudget.guard = \"10ms\"\nqueue.per_tenant = 1000000\n\
                      queue.max_wait = \"600s\"\nupstream.timeout = \"300s\"";

/// A round over few answers and over all of them.
struct Round {
    few: [Run; 2],
    all: [Run; 2],
}

/// Everything about it, as tables.
pub(crate) fn measure(stage: &Stage, plan: &Plan) -> String {
    let scene = Scene::set(stage, plan);
    let empty = scene.gateway.server.resident();
    let mut next = 0;
    let mut fetched = scene.hold(&mut next, plan.answers - plan.answers / 10);
    let calls = median(fetched.iter().map(|run| run.measured.per_second()).collect()).unwrap();
    // Half of what it can: a queue in front of a busy core would hide what there is to see.
    let pace = Pace::Rate(calls / 2.0);
    let long = (plan.lasts * LONGER).min(Duration::from_secs_f64(plan.answers as f64 / 10.0 / calls));
    let alone = scene.beside(long, &mut next, None);
    let with_room = scene.beside(long, &mut next, Some(pace));
    fetched.extend(scene.hold(&mut next, plan.answers));
    let full = scene.gateway.server.resident();
    let answers = scene.answers();
    assert_eq!(answers, next, "some were not held");
    let weight = scene.gateway.standing("/cache/bytes");
    let rounds = scene.rounds(plan, answers);
    // From here on each answer takes the place of others.
    while scene.answers() == next {
        let more = next + plan.answers / 50;
        scene.hold(&mut next, more);
    }
    let (most, asked) = (scene.answers(), next);
    let evicting = scene.beside(long, &mut next, Some(pace));
    assert!(scene.answers() < most + (next - asked) / 2, "nothing had to go");

    let each = |bytes: u64| bytes as f64 / answers as f64;
    let rows = scene.rows();
    let weighs = table(
        &[
            "answers",
            "of an answer: as fetched",
            "rows",
            "RSS",
            "RSS beyond the rows",
            "counted by `cache.max_bytes`",
            "RSS in all",
        ],
        &[vec![
            count(answers),
            format!("{} B", envelope(b"any").len()),
            format!("{rows:.0} B"),
            format!("{:.0} B", each(full - empty)),
            format!("{:.0} B", each(full - empty) - rows),
            format!("{:.0} B", each(weight)),
            mebibytes(Some(full as f64)),
        ]],
    );
    let fetching = table(
        &["misses on so many connections", "calls/s", "CPU/call", "p50", "p99"],
        &[vec![
            "64".to_owned(),
            whole(calls),
            micros(median(fetched.iter().map(|run| run.cpu).collect())),
            quantile(&fetched, 0.5),
            quantile(&fetched, 0.99),
        ]],
    );
    let pressure = table(
        &["meanwhile", "calls/s", "p50 of hits", "p99", "p99.9", "longest", "of so many"],
        &[row("nothing", &alone), row("answers come", &with_room), row("answers come, others go", &evicting)],
    );
    format!("{weighs}{}{pressure}{fetching}", hits(&rounds, answers))
}

struct Scene {
    gateway: Gateway,
    questions: Questions,
    token: String,
}

impl Scene {
    fn set(stage: &Stage, plan: &Plan) -> Self {
        let questions = Questions::new();
        let token = stage.issuer.token(0);
        let start = |keys: &str| {
            let setting = Setting { upstream: stage.upstream.address, issuer: &stage.issuer, keys, tenants: 0 };
            Gateway::start(stage.place.path(), &setting)
        };
        // What the gateway says a few weigh tells how much room all need.
        let small = start(BUDGET);
        let few: Vec<_> = (0..FEW).map(|number| questions.request(number, &token)).collect();
        small.run_once(&few);
        let (bytes, answers) = (small.standing("/cache/bytes"), small.standing("/cache/answers"));
        drop(small);
        let room = u64::try_from(plan.answers).unwrap() * bytes / answers * 21 / 20;
        let gateway = start(&format!("{BUDGET}\ncache.max_bytes = {room}"));
        Self { gateway, questions, token }
    }

    fn answers(&self) -> usize {
        usize::try_from(self.gateway.standing("/cache/answers")).unwrap()
    }

    fn requests(&self, numbers: std::ops::Range<usize>) -> Vec<Vec<u8>> {
        numbers.map(|number| self.questions.request(number, &self.token)).collect()
    }

    /// Has the gateway hold the answers to the questions from the next one on.
    fn hold(&self, next: &mut usize, until: usize) -> Vec<Run> {
        let mut runs = Vec::new();
        while *next < until {
            let end = until.min(*next + 100_000);
            runs.extend(self.gateway.run_once(&self.requests(*next..end)));
            *next = end;
            println!("{} answers are held", self.answers());
        }
        runs
    }

    fn rounds(&self, plan: &Plan, answers: usize) -> Vec<Round> {
        let mut all = self.requests(0..answers);
        (1..=plan.rounds)
            .map(|round| {
                fastrand::shuffle(&mut all);
                let few = &all[..FEW];
                let run = |requests: &[Vec<u8>], pace| self.gateway.run(requests, pace, plan.lasts);
                let saturating = [run(few, Pace::Saturating), run(&all, Pace::Saturating)];
                let half = Pace::Rate(saturating[0].measured.per_second() / 2.0);
                let paced = [run(few, half), run(&all, half)];
                let [few, many] = [0, 1].map(|which| saturating[which].measured.per_second());
                println!("round {round}: {few:.0} hits/s over {FEW}, {many:.0} over {answers}");
                let ([few, all], [few_paced, all_paced]) = (saturating, paced);
                Round { few: [few, few_paced], all: [all, all_paced] }
            })
            .collect()
    }

    /// Hits of the few that came last, beside calls at this pace.
    fn beside(&self, lasts: Duration, next: &mut usize, pace: Option<Pace>) -> (Measured, Option<Measured>) {
        let hits = self.requests(next.saturating_sub(FEW)..*next);
        let most = if let Some(Pace::Rate(rate)) = pace { lasts.mul_f64(rate).as_secs() + 1 } else { 0 };
        let most = usize::try_from(most).unwrap();
        let misses = self.requests(*next..*next + most);
        let run = |requests, pace| self.gateway.load(requests, CONNECTIONS, pace, lasts).run();
        let (hits, misses) = thread::scope(|scope| {
            let (run, misses) = (&run, &misses);
            let misses = pace.map(|pace| scope.spawn(move || run(misses, pace)));
            let hits = run(&hits, Pace::Rate(BESIDE));
            (hits, misses.map(|misses| misses.join().unwrap()))
        });
        *next += misses.as_ref().map_or(0, |misses| usize::try_from(misses.answers).unwrap());
        (hits, misses)
    }

    /// How many bytes of rows an answer has: the array of what the gateway gives.
    fn rows(&self) -> f64 {
        let length = |number| {
            let request = self.questions.request(number, &self.token);
            let (_, body) = exchange(self.gateway.server.address, &request).unwrap();
            let at = |byte: u8, found: Option<usize>| found.unwrap_or_else(|| panic!("no {} in it", char::from(byte)));
            let first = at(b'[', body.iter().position(|byte| *byte == b'['));
            let last = at(b']', body.iter().rposition(|byte| *byte == b']'));
            last + 1 - first
        };
        (0..100).map(|number| length(number) as f64).sum::<f64>() / 100.0
    }
}

fn hits(rounds: &[Round], answers: usize) -> String {
    let of = |figure: &dyn Fn(&Round) -> f64| median(rounds.iter().map(figure).collect());
    let line = |name: usize, runs: fn(&Round) -> &[Run; 2]| {
        let per_second = |round: &Round| runs(round)[0].measured.per_second();
        let p99 = |round: &Round| runs(round)[1].measured.quantile(0.99).as_secs_f64();
        vec![
            count(name),
            whole(of(&per_second).unwrap()),
            ratio(of(&|round| per_second(round) / round.few[0].measured.per_second())),
            micros(of(&|round| runs(round)[0].cpu)),
            micros(of(&|round| runs(round)[1].measured.quantile(0.5).as_secs_f64())),
            micros(of(&p99)),
            ratio(of(&|round| p99(round) / round.few[1].measured.quantile(0.99).as_secs_f64())),
        ]
    };
    table(
        &["hits over", "req/s", "of those over 1,000", "CPU/request", "p50", "p99", "of that over 1,000"],
        &[line(FEW, |round| &round.few), line(answers, |round| &round.all)],
    )
}

/// Hits beside something else.
fn row(meanwhile: &str, (hits, misses): &(Measured, Option<Measured>)) -> Vec<String> {
    let calls = misses.as_ref().map_or_else(|| "–".to_owned(), |misses| whole(misses.per_second()));
    let mut cells = vec![meanwhile.to_owned(), calls];
    cells.extend([0.5, 0.99, 0.999].map(|part| micros(Some(hits.quantile(part).as_secs_f64()))));
    cells.push(millis(Duration::from_nanos(hits.latencies.max())));
    cells.push(count(usize::try_from(hits.answers).unwrap()));
    cells
}

/// The median of the runs' quantile.
fn quantile(runs: &[Run], part: f64) -> String {
    micros(median(runs.iter().map(|run| run.measured.quantile(part).as_secs_f64()).collect()))
}
