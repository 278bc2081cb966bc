//! As many callers, each with a token of its own that was seen before, beside one.

use super::gateway::{Gateway, Run, Setting};
use super::load::Pace;
use super::page::{mebibytes, median, micros, ratio};
use super::questions::Questions;
use super::table::{count, table, whole};
use super::{Plan, Stage};

/// What it comes to, as a table.
pub(crate) fn measure(stage: &Stage, plan: &Plan) -> String {
    let questions = Questions::new();
    let setting = Setting { upstream: stage.upstream.address, issuer: &stage.issuer, keys: "", tenants: 0 };
    let gateway = Gateway::start(stage.place.path(), &setting);
    let request = |caller| questions.request(0, &stage.issuer.token(caller));
    let mut all: Vec<_> = (0..plan.callers).map(request).collect();
    let one = vec![all[0].clone()];
    gateway.run_once(&one);
    let before = gateway.server.resident();
    let first_sight = gateway.run_once(&all);
    let resident = gateway.server.resident();
    let rounds: Vec<_> = (1..=plan.rounds)
        .map(|round| {
            fastrand::shuffle(&mut all);
            let runs = [&one, &all].map(|requests| gateway.run(requests, Pace::Saturating, plan.lasts));
            let [alone, many] = [&runs[0], &runs[1]].map(|run| run.measured.per_second());
            println!("round {round}: {alone:.0} hits/s of one caller, {many:.0} of {}", plan.callers);
            runs
        })
        .collect();
    let line = |callers: usize, which: usize, resident: u64| {
        let of = |figure: &dyn Fn(&[Run; 2]) -> f64| median(rounds.iter().map(figure).collect());
        vec![
            count(callers),
            whole(of(&|runs| runs[which].measured.per_second()).unwrap()),
            ratio(of(&|runs| runs[which].measured.per_second() / runs[0].measured.per_second())),
            micros(of(&|runs| runs[which].cpu)),
            mebibytes(Some(resident as f64)),
        ]
    };
    let seen = vec![
        format!("{}, each for the first time", count(plan.callers)),
        whole(median(first_sight.iter().map(|run| run.measured.per_second()).collect()).unwrap()),
        "–".to_owned(),
        micros(median(first_sight.iter().map(|run| run.cpu).collect())),
        "–".to_owned(),
    ];
    table(
        &["callers (ES256)", "req/s", "of one's", "CPU/request", "RSS"],
        &[line(1, 0, before), seen, line(plan.callers, 1, resident)],
    )
}
