//! The breaker: an upstream that fails whatever is asked gets one question a second, and the others are told at once.
//!
//! Closed, it counts the faults in a row. Open, it lets nothing through until the next probe is due; then (half-open) whoever's turn comes
//! first is the probe. Any answer closes it. Who keeps coming first does not keep the others out: a second probe is due for those who
//! had none of late. It knows no queue: who asks is told whether to go on, and when that changes.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::breaker_tally::{Party, Tally};
use super::codes::Code;
use super::fault::{Fault, Kind, Tells};
use crate::model::{AppId, TenantId};

/// From one probe to the next. A caller that comes back after it, and the call itself, are within two seconds of recovery.
const BETWEEN_PROBES: Duration = Duration::from_secs(1);
/// A tenant that had no probe for so long has one due besides the others'. It is told whole seconds, so it comes up to a second
/// after whoever looks more often.
const NONE_OF_LATE: Duration = Duration::from_secs(2);
/// A call that hangs holds its slot. Once calls have timed out, a probe gets so many times what an answer usually takes, at least
/// this, so that the slots come round and the first good answer is not waited for behind them.
const QUICK: Duration = Duration::from_millis(750);
const USUALS: u32 = 4;
/// The least while nothing was ever answered: then nobody knows what is usual.
const QUICK_AT_FIRST: Duration = Duration::from_millis(1500);
/// Where answers take long, a call is worth its slot with this part of the longest time.
const LEAST_OF_TIMEOUT: u32 = 4;
/// The whole time is given to one probe in so many time-outs' time: the upstream may have come back slower.
const TIMEOUTS_BETWEEN_PATIENT: u32 = 3;
/// A call that timed out tells more than one that failed at once: for as long nothing was answered.
const WEIGHT_OF_TIMEOUT: u32 = 3;

/// The breaker before one upstream. `Q` is what is asked.
#[derive(Debug)]
pub struct Breaker<Q> {
    /// So many faults in a row open it; zero for never.
    faults: u32,
    /// The longest a call may take.
    timeout: Duration,
    state: watch::Sender<State<Q>>,
}

/// Why a question is not asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shut {
    /// What the latest call failed of.
    pub fault: Fault,
    /// How many in a row have failed.
    pub faults: u32,
    /// Until the next probe may go.
    pub wait: Duration,
}

/// What `/status` shows of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// How it stands.
    pub phase: Phase,
    /// Faults in a row.
    pub faults: u32,
    /// For how long it has been open.
    pub open_for: Option<Duration>,
    /// Probes since then.
    pub probes: u64,
    /// Requests that it refused since then.
    pub refused: u64,
    /// How often it has opened since the process began.
    pub opened: u64,
}

/// The words of the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Everything is asked.
    Closed,
    /// Nothing is.
    Open,
    /// A probe is due or on its way.
    HalfOpen,
}

#[derive(Debug)]
struct State<Q> {
    /// Faults in a row that tell of a sick upstream.
    faults: u32,
    /// Whose they were.
    tally: Tally,
    /// When the vendor was last seen well.
    well: Option<Instant>,
    /// What a slow answer took of late.
    usual: Duration,
    open: Option<Open<Q>>,
    opened: u64,
}

#[derive(Debug)]
struct Open<Q> {
    since: Instant,
    fault: Fault,
    /// Whoever's turn comes first.
    anybodys: Lane<Q>,
    /// Who had no probe of late.
    others: Lane<Q>,
    /// Who had one of late, and when.
    tried: Vec<(TenantId, Instant)>,
    /// Until when the vendor asked for a pause, or only a person can mend it.
    rests_until: Instant,
    /// When another replica's answer last made a probe due.
    hastened: Option<Instant>,
    /// When the latest departed that was given the whole time.
    patient: Option<Instant>,
    probes: u64,
    refused: u64,
}

/// One probe after the other.
#[derive(Debug)]
struct Lane<Q> {
    due: Instant,
    /// The latest, while it is on its way.
    probe: Option<Probe<Q>>,
}

#[derive(Debug)]
struct Probe<Q> {
    question: Q,
    /// How long it may take.
    time: Duration,
}

impl Phase {
    /// The word for `/status`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

impl<Q: Clone + PartialEq> Breaker<Q> {
    /// A closed one before calls that take at most `timeout`, which so many faults in a row open; zero for one that never
    /// opens.
    pub fn new(faults: u32, timeout: Duration) -> Self {
        let state =
            State { faults: 0, tally: Tally::default(), well: None, usual: Duration::ZERO, open: None, opened: 0 };
        Self { faults, timeout, state: watch::Sender::new(state) }
    }

    /// Whether this question may not be asked now. For the request that is refused for it: it is counted.
    pub fn refuse(&self, question: &Q, party: Party) -> Option<Shut> {
        let mut shut = None;
        self.state.send_if_modified(|state| {
            shut = state.shuts_out(question, party, self.faults);
            if let (Some(open), true) = (&mut state.open, shut.is_some()) {
                open.refused += 1;
            }
            false
        });
        shut
    }

    /// Whether this question may be asked now.
    pub fn lets(&self, question: &Q, party: Party) -> bool {
        self.state.borrow().shuts_out(question, party, self.faults).is_none()
    }

    /// Returns once this question may not be asked.
    pub async fn shuts_out(&self, question: &Q, party: Party<'_>) {
        let mut state = self.state.subscribe();
        // The sender lives in `self`.
        drop(state.wait_for(|state| state.shuts_out(question, party, self.faults).is_some()).await);
    }

    /// The least time in which a call can tell anything: one that has less left is not worth its slot.
    pub fn least(&self) -> Duration {
        self.state.borrow().least(self.timeout)
    }

    /// To be asked with the turn in hand: how long the question's call may take, `None` where it may not go. While the breaker
    /// is open it is the probe from then on.
    pub fn departs(&self, question: &Q, party: Party) -> Option<Duration> {
        let mut goes = None;
        self.state.send_if_modified(|state| {
            if state.shuts_out(question, party, self.faults).is_some() {
                return false;
            }
            goes = Some(self.timeout);
            let quick = state.quick(self.timeout);
            let concerned = state.tally.shuts_out(party, self.faults);
            let Some(open) = state.open.as_mut().filter(|_| concerned) else { return false };
            goes = Some(open.departs(question, party.tenant, quick, self.timeout));
            true
        });
        goes
    }

    /// A call was answered, after this long.
    pub fn answered(&self, took: Duration) {
        self.is_well(Some(took));
    }

    fn is_well(&self, took: Option<Duration>) {
        self.state.send_if_modified(|state| {
            (state.faults, state.tally) = (0, Tally::default());
            state.well = Some(Instant::now());
            // One slow answer is remembered for a while, not for good.
            state.usual = took.map_or(state.usual, |took| took.max(state.usual.saturating_sub(state.usual / 10)));
            let Some(open) = state.open.take() else { return false };
            tracing::info!(
                open_ms = crate::telemetry::milliseconds(open.since.elapsed()),
                probes = open.probes,
                refused = open.refused,
                "the upstream answers again: the breaker is closed"
            );
            true
        });
    }

    /// A call that was sent then, for this question, failed.
    pub fn failed(&self, question: &Q, party: Party, fault: &Fault, sent: Instant) {
        let tells = fault.tells();
        if tells == Tells::Well && self.state.borrow().tally.is_only_of(party.app) {
            return self.is_well(None);
        }
        let most = self.faults;
        self.state.send_if_modified(|state| {
            let probes = state.open.as_ref().is_some_and(|open| open.probes_with(question));
            let cut_short = fault.kind == Kind::TimedOut && sent.elapsed() < state.least(self.timeout) && !probes;
            if tells != Tells::Sick || cut_short {
                // Its place is another's, and what the vendor asked for holds for all.
                let asks = fault.retry_after.unwrap_or_default();
                return state.open.as_mut().is_some_and(|open| open.ends(question, asks));
            }
            // It speaks of an earlier time than the answer that has come meanwhile.
            if state.well.is_some_and(|well| sent < well) {
                return false;
            }
            state.faults = state.faults.saturating_add(1);
            state.tally.count(party, if fault.kind == Kind::TimedOut { WEIGHT_OF_TIMEOUT } else { 1 }, most);
            if let Some(open) = &mut state.open {
                open.fault = fault.clone();
                open.ends(question, fault.rest());
                // Others may be shut out by it.
                return true;
            }
            if most == 0 || !state.tally.shuts_out(party, most) {
                return false;
            }
            state.opened += 1;
            state.open = Some(Open::new(fault.clone()));
            tracing::warn!(
                faults = state.faults,
                fault = fault.kind.label(),
                code = fault.code.map(Code::as_str),
                app_id = state.tally.only_app().map(AppId::as_str),
                tenant = state.tally.only_tenant().map(TenantId::as_str),
                "the upstream keeps failing: the breaker is open, and one question a second is asked until it answers"
            );
            true
        });
    }

    /// Another replica was answered: the way from here is worth a try, though not for each of its answers.
    pub fn answered_elsewhere(&self) {
        self.state.send_if_modified(|state| state.open.as_mut().is_some_and(Open::hasten));
    }

    /// How it stands.
    pub fn standing(&self) -> Standing {
        let state = self.state.borrow();
        let open = state.open.as_ref();
        Standing {
            phase: match open {
                None => Phase::Closed,
                Some(open) if open.is_half() => Phase::HalfOpen,
                Some(_) => Phase::Open,
            },
            faults: state.faults,
            open_for: open.map(|open| open.since.elapsed()),
            probes: open.map_or(0, |open| open.probes),
            refused: open.map_or(0, |open| open.refused),
            opened: state.opened,
        }
    }
}

impl<Q: Clone + PartialEq> State<Q> {
    fn shuts_out(&self, question: &Q, party: Party, most: u32) -> Option<Shut> {
        let open = self.open.as_ref()?;
        let wait = open.due_for(party.tenant).saturating_duration_since(Instant::now());
        let shuts = !wait.is_zero() && !open.probes_with(question) && self.tally.shuts_out(party, most);
        shuts.then(|| Shut { fault: open.fault.clone(), faults: self.faults, wait })
    }

    /// How long a probe may take that must not hold its slot for long.
    fn quick(&self, timeout: Duration) -> Duration {
        let quick = if self.usual.is_zero() { QUICK_AT_FIRST } else { (self.usual * USUALS).max(QUICK) };
        quick.min(timeout)
    }

    /// A call that was given less and timed out says nothing of the upstream.
    fn least(&self, timeout: Duration) -> Duration {
        self.quick(timeout).min(timeout / LEAST_OF_TIMEOUT)
    }
}

impl<Q: Clone + PartialEq> Open<Q> {
    fn new(fault: Fault) -> Self {
        let now = Instant::now();
        let lane = || Lane { due: now + BETWEEN_PROBES, probe: None };
        let rest = fault.rest();
        let mut open = Self {
            since: now,
            fault,
            anybodys: lane(),
            others: lane(),
            tried: Vec::new(),
            rests_until: now,
            hastened: None,
            patient: None,
            probes: 0,
            refused: 0,
        };
        open.rests(rest);
        open
    }

    fn lanes(&self) -> [&Lane<Q>; 2] {
        [&self.anybodys, &self.others]
    }

    fn is_half(&self) -> bool {
        let now = Instant::now();
        self.anybodys.due <= now || self.lanes().iter().any(|lane| lane.probe.is_some())
    }

    fn probes_with(&self, question: &Q) -> bool {
        self.lanes().iter().any(|lane| lane.has(question))
    }

    /// When a question of this tenant may be the next probe.
    fn due_for(&self, tenant: &TenantId) -> Instant {
        let had = self.tried.iter().rev().find(|(tried, _)| tried == tenant).map(|(_, at)| *at + NONE_OF_LATE);
        let besides = had.map_or(self.others.due, |again| self.others.due.max(again));
        self.anybodys.due.min(besides)
    }

    /// The question goes as a probe: how long it may take.
    fn departs(&mut self, question: &Q, tenant: &TenantId, quick: Duration, timeout: Duration) -> Duration {
        let now = Instant::now();
        for lane in [&mut self.anybodys, &mut self.others] {
            if let Some(probe) = lane.probe.as_ref().filter(|probe| probe.question == *question) {
                // Its turn came too late to be used, and comes again: what it was given is still its own.
                lane.due = now + BETWEEN_PROBES;
                return probe.time;
            }
        }
        let time = self.time(now, quick, timeout);
        self.probes += 1;
        self.tried.retain(|(tried, at)| tried != tenant && *at + NONE_OF_LATE > now);
        self.tried.push((tenant.clone(), now));
        let lane = if self.anybodys.due <= now { &mut self.anybodys } else { &mut self.others };
        *lane = Lane { due: now + BETWEEN_PROBES, probe: Some(Probe { question: question.clone(), time }) };
        time
    }

    fn time(&mut self, now: Instant, quick: Duration, timeout: Duration) -> Duration {
        if self.fault.kind != Kind::TimedOut {
            return timeout;
        }
        let pause = timeout * TIMEOUTS_BETWEEN_PATIENT;
        if self.patient.is_none_or(|before| before + pause > now) {
            self.patient.get_or_insert(now);
            return quick;
        }
        self.patient = Some(now);
        timeout
    }

    /// The call of this question has failed: it is the probe no more. The next one waits for as long as the fault rests.
    fn ends(&mut self, question: &Q, rest: Duration) -> bool {
        let mut changed = self.rests(rest);
        for lane in [&mut self.anybodys, &mut self.others] {
            changed |= lane.probe.take_if(|probe| probe.question == *question).is_some();
        }
        changed
    }

    /// Longer than from one probe to the next it is only where the vendor asks for it, or only a person can mend it.
    fn rests(&mut self, rest: Duration) -> bool {
        if rest > BETWEEN_PROBES {
            self.rests_until = self.rests_until.max(Instant::now() + rest);
        }
        let mut changed = false;
        for lane in [&mut self.anybodys, &mut self.others] {
            changed |= lane.due < self.rests_until;
            lane.due = lane.due.max(self.rests_until);
        }
        changed
    }

    fn hasten(&mut self) -> bool {
        let now = Instant::now();
        let due = now.max(self.rests_until);
        let lately = self.hastened.is_some_and(|at| at + BETWEEN_PROBES > now);
        let hastens = !lately && due < self.anybodys.due;
        if hastens {
            self.hastened = Some(now);
            self.anybodys.due = due;
        }
        hastens
    }
}

impl<Q: PartialEq> Lane<Q> {
    fn has(&self, question: &Q) -> bool {
        self.probe.as_ref().is_some_and(|probe| probe.question == *question)
    }
}

#[cfg(test)]
#[path = "breaker_tests.rs"]
mod tests;
