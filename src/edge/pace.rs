//! How long a connection may take over each thing it does. One `Pace` a connection: what passes on it is told here, and
//! its task asks when patience ends.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long each thing may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// From the connection's beginning, its TLS handshake included, to the first request.
    pub(super) first: Duration,
    /// From the first byte of a head to its last.
    pub(super) head: Duration,
    /// Without a request under way.
    pub(super) idle: Duration,
    /// Likewise, once no more are taken.
    pub(super) farewell: Duration,
    /// While the caller takes nothing of what is written.
    pub(super) stall: Duration,
    /// For the caller to take one answer whole.
    pub(super) answer: Duration,
    /// Requests given up by the caller before their answers, where these are more than those answered. As many again
    /// once the caller was told to leave.
    pub(super) given_up: u64,
}

impl Bounds {
    /// Slow connections go within 10 s, idle ones within 60 s.
    pub(super) const SERVED: Self = Self {
        first: Duration::from_secs(7),
        head: Duration::from_secs(5),
        idle: Duration::from_secs(50),
        farewell: Duration::from_secs(1),
        stall: Duration::from_secs(8),
        answer: Duration::from_secs(60),
        given_up: 100,
    };
}

/// Why a connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overdue {
    /// Nothing was asked on it, or nothing more.
    Idle,
    /// A head began and did not end.
    Head,
    /// What is written is not taken.
    Stall,
    /// An answer is taken too slowly.
    Answer,
    /// Requests are sent only to be given up.
    GivenUp,
}

/// Where one connection stands. Cloning shares it.
#[derive(Clone, Debug)]
pub(super) struct Pace(Arc<Course>);

#[derive(Debug)]
struct Course {
    bounds: Bounds,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// When the first request has to have come, or the next.
    idle_until: Instant,
    /// When the first byte came of a head that is not whole.
    head_since: Option<Instant>,
    /// Bytes came while a request without a body was under way: the next head, or a part of it.
    ahead: bool,
    /// The request under way has a body, whose bytes are no head's.
    bodied: bool,
    blocked_since: Option<Instant>,
    thinking: usize,
    /// The answers under way, oldest first.
    answering: VecDeque<(u64, Instant)>,
    /// No more requests are taken: what is quiet goes soon.
    leaves: bool,
    begun: u64,
    answered: u64,
    given_up: u64,
}

/// A request under way, from its whole head to the end of its answer's body.
#[derive(Debug)]
pub(super) struct Turn {
    pace: Pace,
    /// Set once there is an answer.
    answer: Option<u64>,
}

impl Pace {
    /// Of a connection that began then.
    pub(super) fn new(bounds: Bounds, began: Instant) -> Self {
        let state = State {
            idle_until: began + bounds.first,
            head_since: None,
            ahead: false,
            bodied: false,
            blocked_since: None,
            thinking: 0,
            answering: VecDeque::new(),
            leaves: false,
            begun: 0,
            answered: 0,
            given_up: 0,
        };
        Self(Arc::new(Course { bounds, state: Mutex::new(state) }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes came that may be those of a head.
    pub(super) fn heard(&self) {
        let mut state = self.state();
        if state.is_quiet() {
            state.head_since.get_or_insert_with(Instant::now);
        } else {
            state.ahead = !state.bodied;
        }
    }

    /// More is waited for.
    pub(super) fn listens(&self) {
        let mut state = self.state();
        if state.ahead && state.is_quiet() {
            // What came meanwhile was not a whole head, whose time begins now: nobody read it before.
            state.ahead = false;
            state.head_since.get_or_insert_with(Instant::now);
        }
    }

    /// Whether the last attempt to write was taken.
    pub(super) fn writes(&self, taken: bool) {
        let mut state = self.state();
        if taken {
            state.blocked_since = None;
        } else {
            state.blocked_since.get_or_insert_with(Instant::now);
        }
    }

    /// A whole head came.
    pub(super) fn begin(&self, has_body: bool) -> Turn {
        let mut state = self.state();
        state.head_since = None;
        state.ahead = false;
        state.bodied = has_body;
        state.thinking += 1;
        drop(state);
        Turn { pace: self.clone(), answer: None }
    }

    /// No more requests are taken.
    pub(super) fn leaves(&self) {
        let mut state = self.state();
        state.leaves = true;
        state.idle_until = Instant::now() + self.0.bounds.farewell;
    }

    /// When patience ends and with what, as it stands now; `None` while it is on us.
    pub(super) fn due(&self) -> Option<(Instant, Overdue)> {
        let state = self.state();
        // Once told to leave, what is waited for beside them may end; only who goes on all the same is cut.
        let most = if state.leaves { self.0.bounds.given_up * 2 } else { self.0.bounds.given_up };
        if state.given_up > most && state.given_up > state.answered {
            return Some((Instant::now(), Overdue::GivenUp));
        }
        let stall = state.blocked_since.map(|since| (since + self.0.bounds.stall, Overdue::Stall));
        let answer = state.answering.front().map(|(_, since)| (*since + self.0.bounds.answer, Overdue::Answer));
        // The last words may still have to be taken.
        let last_words =
            if state.leaves && state.blocked_since.is_some() { self.0.bounds.stall } else { Duration::ZERO };
        let quiet = state.is_quiet().then(|| match state.head_since {
            // The first head has to be whole while the connection is new, however late it began.
            Some(since) if state.is_new() => ((since + self.0.bounds.head).min(state.idle_until), Overdue::Head),
            Some(since) => (since + self.0.bounds.head, Overdue::Head),
            None => (state.idle_until + last_words, Overdue::Idle),
        });
        [stall, answer, quiet].into_iter().flatten().min_by_key(|(at, _)| *at)
    }
}

impl State {
    fn is_quiet(&self) -> bool {
        self.thinking == 0 && self.answering.is_empty()
    }

    /// Whether nothing was asked yet.
    fn is_new(&self) -> bool {
        self.answered == 0 && self.given_up == 0
    }
}

impl Turn {
    /// There is an answer, which the caller has to take now.
    pub(super) fn answers(mut self) -> Self {
        let mut state = self.pace.state();
        state.thinking -= 1;
        state.begun += 1;
        let answer = state.begun;
        state.answering.push_back((answer, Instant::now()));
        drop(state);
        self.answer = Some(answer);
        self
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut state = self.pace.state();
        if let Some(answer) = self.answer {
            state.answering.retain(|(other, _)| *other != answer);
            state.answered += 1;
        } else {
            state.thinking -= 1;
            state.given_up += 1;
        }
        if state.is_quiet() {
            let Bounds { idle, farewell, .. } = self.pace.0.bounds;
            state.idle_until = Instant::now() + if state.leaves { farewell } else { idle };
        }
    }
}

#[cfg(test)]
#[path = "pace_tests.rs"]
mod tests;
