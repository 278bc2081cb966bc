//! A caller's seat: it waits as long as the caller is patient, and leaving it at any time harms nobody else.

use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::board::{Board, Claim};

/// How far a flight is.
#[derive(Clone, Debug)]
pub(super) enum Progress<V> {
    /// The replicas are asked whether one of them has the answer, or asks for it.
    Looking,
    /// Waiting for a turn; after a failed leg, with what it brought and when the next turn is expected.
    Waiting {
        after: Option<(V, Instant)>,
    },
    Flying,
    /// It was held by another replica.
    Found(V),
    Landed(V),
    GivenUp,
    Barred,
}

/// What a seat was good for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<V> {
    /// What the flight brought, success or failure.
    Landed(V),
    /// What another replica held already.
    Found(V),
    /// The foreseen turn did not come in time. Come back after this long.
    Exhausted(Duration),
    /// The process stops before the turn comes.
    GivenUp,
    /// No call can be made for now.
    Barred,
    /// The flight's task died: a bug, not the upstream's doing.
    Lost,
}

/// A caller waiting for a flight. Dropping it is leaving.
pub struct Seat<K: Clone + Eq + Hash, V> {
    board: Arc<Board<K, V>>,
    claim: Claim<K>,
    progress: watch::Receiver<Progress<V>>,
    deadline: Instant,
    first: bool,
}

/// How much later than foreseen a turn may come before an admitted caller is told that it did not.
const GRACE: Duration = Duration::from_millis(250);

impl<K: Clone + Eq + Hash, V: Clone> Seat<K, V> {
    pub(super) fn new(
        board: Arc<Board<K, V>>,
        claim: Claim<K>,
        progress: watch::Receiver<Progress<V>>,
        deadline: Instant,
        first: bool,
    ) -> Self {
        Self { board, claim, progress, deadline: deadline + GRACE, first }
    }

    /// Whether this caller's asking put the question on the board; the others joined it.
    pub fn is_first(&self) -> bool {
        self.first
    }

    /// Waits for the landing. Patience counts only while waiting for a turn: a flight under way is waited for.
    pub async fn outcome(mut self) -> Outcome<V> {
        let mut admitted = !matches!(&*self.progress.borrow(), Progress::Looking);
        loop {
            let waiting = match &*self.progress.borrow_and_update() {
                Progress::Landed(value) => return Outcome::Landed(value.clone()),
                Progress::Found(value) => return Outcome::Found(value.clone()),
                Progress::GivenUp => return Outcome::GivenUp,
                Progress::Barred => return Outcome::Barred,
                Progress::Waiting { after: Some((value, expected)) } if *expected > self.deadline => {
                    return Outcome::Landed(value.clone());
                }
                Progress::Waiting { .. } => true,
                Progress::Looking | Progress::Flying => false,
            };
            // Whose place in the line was not known on coming in is told now whether it is too far back.
            if waiting && !std::mem::replace(&mut admitted, true) && self.expected() > self.deadline {
                return self.out_of_patience();
            }
            tokio::select! {
                biased;
                changed = self.progress.changed() => if changed.is_err() { return Outcome::Lost },
                () = sleep_until(self.deadline), if waiting => return self.out_of_patience(),
            }
        }
    }

    fn out_of_patience(&self) -> Outcome<V> {
        if let Progress::Waiting { after: Some((value, _)) } = &*self.progress.borrow() {
            return Outcome::Landed(value.clone());
        }
        Outcome::Exhausted(self.expected().saturating_duration_since(Instant::now()))
    }

    fn expected(&self) -> Instant {
        self.board.expected(&self.board.state(), &self.claim.question)
    }
}

impl<K: Clone + Eq + Hash, V> Drop for Seat<K, V> {
    fn drop(&mut self) {
        self.board.leave(&self.claim);
    }
}
