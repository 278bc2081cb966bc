//! What must hold whatever happens, and the figures by which it is measured.

use std::collections::BTreeMap;
use std::time::Duration;

use sluice::simulator::{Arrival, Verdict, worst_window};

use crate::fleet::{Fleet, PER};
use crate::load::Outcome;

/// Codes that are to be expected while Redis is away, or seems to be.
pub(crate) const WHILE_AWAY: &[&str] = &["budget-exhausted", "budget-unavailable"];

/// What is forgiven in a load.
#[derive(Default)]
pub(crate) struct Pardon {
    /// Codes of problems that are to be expected.
    pub(crate) codes: &'static [&'static str],
    /// Replicas whose connections may break.
    pub(crate) breaking: &'static [usize],
}

/// The arrivals, of which no window held three and none was beyond the limit.
pub(crate) fn kept(fleet: &Fleet) -> Vec<Arrival> {
    let arrivals = fleet.upstream.arrivals();
    assert!(worst_window(&arrivals, PER) <= 2, "three calls within {PER:?}: {:#?}", crowded(&arrivals));
    let throttled = arrivals.iter().filter(|arrival| arrival.verdict == Verdict::Throttled).count();
    assert_eq!(throttled, 0);
    arrivals
}

/// Every three arrivals that came within one window.
pub(crate) fn crowded(arrivals: &[Arrival]) -> Vec<&[Arrival]> {
    arrivals.windows(3).filter(|three| three[2].at.abs_diff(three[0].at) < PER).collect()
}

/// Every request ended in time, in an answer or in a problem that is well formed and to be expected.
pub(crate) fn judge(fleet: &Fleet, outcomes: &[Outcome], pardon: &Pardon) {
    let mut ends: BTreeMap<String, usize> = BTreeMap::new();
    for outcome in outcomes {
        let end = judge_one(outcome, pardon);
        assert!(outcome.took <= fleet.deadline, "more than {:?}: {outcome:?}", fleet.deadline);
        *ends.entry(end).or_default() += 1;
    }
    let longest = outcomes.iter().map(|outcome| outcome.took).max().unwrap_or_default();
    println!("{} requests: {ends:?}; the longest took {longest:?}", outcomes.len());
    assert!(ends.contains_key("200"), "nobody was answered");
}

/// The word for how it ended.
fn judge_one(outcome: &Outcome, pardon: &Pardon) -> String {
    let reply = match &outcome.end {
        Err(fault) => {
            assert!(pardon.breaking.contains(&outcome.replica), "{outcome:?}");
            assert!(fault != "no reply at all", "{outcome:?}");
            return "broken".to_owned();
        }
        Ok(reply) => reply,
    };
    if reply.status == 200 {
        assert!(!reply.rows().is_empty(), "{outcome:?}");
        return "200".to_owned();
    }
    let code = reply.problem();
    assert!(pardon.codes.contains(&code.as_str()), "{outcome:?}");
    assert!(reply.retry_after() >= 1, "{outcome:?}");
    code
}

/// Arrivals over what the limit would have allowed in the same time.
pub(crate) fn utilisation(arrivals: &[Arrival]) -> f64 {
    let (first, last) = (arrivals.first().unwrap().at, arrivals.last().unwrap().at);
    // The first two may come at once; each further pair needs a window.
    let least = PER.as_secs_f64() * count(arrivals.len() - 2) / 2.0;
    least / last.abs_diff(first).as_secs_f64()
}

/// The same where nothing stood still: without the tenth of the slots whose next use came latest.
pub(crate) fn usual_utilisation(arrivals: &[Arrival]) -> f64 {
    let mut again: Vec<_> = arrivals.windows(3).map(|three| three[2].at.abs_diff(three[0].at)).collect();
    again.sort();
    again.truncate(again.len() * 9 / 10);
    PER.as_secs_f64() * count(again.len()) / again.iter().sum::<Duration>().as_secs_f64()
}

/// How many calls each of these tenants had while all of them wanted some: after the first call of the last to begin,
/// up to the last call of the first to end.
pub(crate) fn turns(arrivals: &[Arrival], tenants: &[&str]) -> Vec<usize> {
    let is = |arrival: &Arrival, tenant: &str| arrival.app_id.as_deref().is_some_and(|app| app.starts_with(tenant));
    let first = |tenant: &&str| arrivals.iter().position(|arrival| is(arrival, tenant)).unwrap();
    let last = |tenant: &&str| arrivals.iter().rposition(|arrival| is(arrival, tenant)).unwrap();
    let (begin, end) = (tenants.iter().map(first).max().unwrap(), tenants.iter().map(last).min().unwrap());
    let span = &arrivals[begin..=end];
    tenants.iter().map(|tenant| span.iter().filter(|arrival| is(arrival, tenant)).count()).collect()
}

/// Jain's index: 1 where all have the same, 1/n where one has everything.
pub(crate) fn jain(turns: &[usize]) -> f64 {
    let sum: f64 = turns.iter().copied().map(count).sum();
    let squares: f64 = turns.iter().map(|turns| count(*turns).powi(2)).sum();
    sum.powi(2) / (count(turns.len()) * squares)
}

/// No call arrived after the first moment and before the second.
pub(crate) fn quiet(fleet: &Fleet, from: Duration, to: Duration) {
    let early = between(&fleet.upstream.arrivals(), from, to);
    assert!(early.is_empty(), "sent between {from:?} and {to:?}: {early:#?}");
}

/// The arrivals after the first moment and before the second.
pub(crate) fn between(arrivals: &[Arrival], from: Duration, to: Duration) -> Vec<Arrival> {
    arrivals.iter().filter(|arrival| arrival.at > from && arrival.at < to).cloned().collect()
}

pub(crate) fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap())
}
