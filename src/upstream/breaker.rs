//! The breaker: an upstream that fails whatever is asked gets one question a second, and the others are told at once.
//!
//! Closed, it counts the faults in a row. Open, it lets nothing through until the next probe is due; then (half-open) whoever's turn comes
//! first is the probe. Any answer closes it. It knows no queue: who asks is told whether to go on, and when that changes.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::codes::Code;
use super::fault::{Fault, Kind, Tells};
use crate::model::AppId;

/// From one probe to the next. A caller that comes back after it, and the call itself, are within two seconds of recovery.
const BETWEEN_PROBES: Duration = Duration::from_secs(1);
/// A call that hangs holds its slot. Once calls have timed out, a probe gets so many times what an answer usually takes, at least
/// this, so that the slots come round and the first good answer is not waited for behind them.
const QUICK: Duration = Duration::from_millis(750);
const USUALS: u32 = 4;
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
    weight: u32,
    /// The only app that they were about; `None` where there were several.
    only: Option<AppId>,
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
    due: Instant,
    /// The latest, while it is on its way.
    probe: Option<Q>,
    /// When the latest departed that was given the whole time.
    patient: Option<Instant>,
    probes: u64,
    refused: u64,
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
            State { faults: 0, weight: 0, only: None, well: None, usual: Duration::ZERO, open: None, opened: 0 };
        Self { faults, timeout, state: watch::Sender::new(state) }
    }

    /// Whether this question, about this app, may not be asked now. For the request that is refused for it: it is counted.
    pub fn refuse(&self, question: &Q, app: &AppId) -> Option<Shut> {
        let mut shut = None;
        self.state.send_if_modified(|state| {
            shut = state.shuts_out(question, app);
            if let (Some(open), true) = (&mut state.open, shut.is_some()) {
                open.refused += 1;
            }
            false
        });
        shut
    }

    /// Whether this question may be asked now.
    pub fn lets(&self, question: &Q, app: &AppId) -> bool {
        self.state.borrow().shuts_out(question, app).is_none()
    }

    /// Returns once this question may not be asked.
    pub async fn shuts_out(&self, question: &Q, app: &AppId) {
        let mut state = self.state.subscribe();
        // The sender lives in `self`.
        drop(state.wait_for(|state| state.shuts_out(question, app).is_some()).await);
    }

    /// To be asked with the turn in hand: how long the question's call may take, `None` where it may not go. While the breaker
    /// is open it is the probe from then on.
    pub fn departs(&self, question: &Q, app: &AppId) -> Option<Duration> {
        let mut goes = None;
        self.state.send_if_modified(|state| {
            if state.shuts_out(question, app).is_some() {
                return false;
            }
            goes = Some(self.timeout);
            let quick = (state.usual * USUALS).max(QUICK).min(self.timeout);
            let concerned = state.concerns(app);
            let Some(open) = state.open.as_mut().filter(|_| concerned) else { return false };
            let now = Instant::now();
            open.probes += u64::from(open.probe.as_ref() != Some(question));
            open.probe = Some(question.clone());
            open.due = now + BETWEEN_PROBES;
            if open.fault.kind == Kind::TimedOut {
                let pause = self.timeout * TIMEOUTS_BETWEEN_PATIENT;
                if open.patient.is_none_or(|before| before + pause > now) {
                    open.patient.get_or_insert(now);
                    goes = Some(quick);
                } else {
                    open.patient = Some(now);
                }
            }
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
            (state.faults, state.weight) = (0, 0);
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
    pub fn failed(&self, question: &Q, app: &AppId, fault: &Fault, sent: Instant) {
        match fault.tells() {
            Tells::Sick => {}
            Tells::Well => return self.is_well(None),
            Tells::Nothing => {
                // Its place is another's, and what the vendor asked for holds for all.
                self.state.send_if_modified(|state| state.open.as_mut().is_some_and(|open| open.ends(question, fault)));
                return;
            }
        }
        let most = self.faults;
        self.state.send_if_modified(|state| {
            // It speaks of an earlier time than the answer that has come meanwhile.
            if state.well.is_some_and(|well| sent < well) {
                return false;
            }
            state.count(fault, app);
            if let Some(open) = &mut state.open {
                open.fault = fault.clone();
                return open.ends(question, fault);
            }
            if most == 0 || state.weight < most {
                return false;
            }
            let now = Instant::now();
            let due = now + fault.rest().max(BETWEEN_PROBES);
            state.opened += 1;
            let fault_of_all = fault.clone();
            state.open =
                Some(Open { since: now, fault: fault_of_all, due, probe: None, patient: None, probes: 0, refused: 0 });
            tracing::warn!(
                faults = state.faults,
                fault = fault.kind.label(),
                code = fault.code.map(Code::as_str),
                app_id = state.only.as_ref().map(AppId::as_str),
                "the upstream keeps failing: the breaker is open, and one question a second is asked until it answers"
            );
            true
        });
    }

    /// Another replica was answered: the way from here is worth a try.
    pub fn answered_elsewhere(&self) {
        self.state.send_if_modified(|state| {
            let now = Instant::now();
            let hastens = |open: &mut Open<Q>| {
                open.due > now && {
                    open.due = now;
                    true
                }
            };
            state.open.as_mut().is_some_and(hastens)
        });
    }

    /// How it stands.
    pub fn standing(&self) -> Standing {
        let state = self.state.borrow();
        let open = state.open.as_ref();
        Standing {
            phase: match open {
                None => Phase::Closed,
                Some(open) if open.probe.is_some() || open.due <= Instant::now() => Phase::HalfOpen,
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
    /// A fault about this app. An app that alone fails shuts out nobody else.
    fn count(&mut self, fault: &Fault, app: &AppId) {
        if self.faults == 0 {
            self.only = Some(app.clone());
        } else if self.only.as_ref().is_some_and(|only| only != app) {
            self.only = None;
        }
        self.faults = self.faults.saturating_add(1);
        let weight = if fault.kind == Kind::TimedOut { WEIGHT_OF_TIMEOUT } else { 1 };
        self.weight = self.weight.saturating_add(weight);
    }

    /// Whether the faults speak of this app's questions too.
    fn concerns(&self, app: &AppId) -> bool {
        self.only.as_ref().is_none_or(|only| only == app)
    }

    fn shuts_out(&self, question: &Q, app: &AppId) -> Option<Shut> {
        let open = self.open.as_ref()?;
        let wait = open.due.saturating_duration_since(Instant::now());
        let shuts = self.concerns(app) && !wait.is_zero() && open.probe.as_ref() != Some(question);
        shuts.then(|| Shut { fault: open.fault.clone(), faults: self.faults, wait })
    }
}

impl<Q: PartialEq> Open<Q> {
    /// The call of this question has failed: it is the probe no more. The next one waits for as long as the fault rests.
    fn ends(&mut self, question: &Q, fault: &Fault) -> bool {
        if fault.rest() > BETWEEN_PROBES {
            self.due = self.due.max(Instant::now() + fault.rest());
        }
        self.probe.take_if(|probe| probe == question).is_some()
    }
}

#[cfg(test)]
#[path = "breaker_tests.rs"]
mod tests;
