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
    /// The crew would not fly.
    TurnedAway,
    GivenUp,
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
    /// There is no flight at present, whatever the patience.
    TurnedAway,
    /// The flight goes on, for longer than this caller waits for one.
    StillFlying,
    /// The process stops before the turn comes.
    GivenUp,
    /// The flight's task died: a bug, not the upstream's doing.
    Lost,
}

/// What ends the waiting of one caller besides its patience.
#[derive(Debug)]
pub struct Ends<F> {
    /// Ready when there is no flight to wait for any more. A flight under way is not ended by it.
    pub turned_away: F,
    /// How long a flight is waited for from when it is first seen under way.
    pub flight: Duration,
    /// Until when at the latest.
    pub until: Instant,
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
    pub async fn outcome_unless(mut self, ends: Ends<impl Future<Output = ()>>) -> Outcome<V> {
        let mut admitted = !matches!(&*self.progress.borrow(), Progress::Looking);
        let mut turned_away = std::pin::pin!(ends.turned_away);
        let mut flight_ends = None;
        loop {
            let (waiting, flying) = match &*self.progress.borrow_and_update() {
                Progress::Landed(value) => return Outcome::Landed(value.clone()),
                Progress::Found(value) => return Outcome::Found(value.clone()),
                Progress::TurnedAway => return Outcome::TurnedAway,
                Progress::GivenUp => return Outcome::GivenUp,
                Progress::Waiting { after: Some((value, expected)) } if *expected > self.deadline => {
                    return Outcome::Landed(value.clone());
                }
                Progress::Waiting { .. } => (true, false),
                Progress::Looking => (false, false),
                Progress::Flying => (false, true),
            };
            // Whose place in the line was not known on coming in is told now whether it is too far back.
            if waiting && !std::mem::replace(&mut admitted, true) && self.expected() > self.deadline {
                return self.left_with(|| Outcome::Exhausted(self.wait()));
            }
            if flying {
                flight_ends = flight_ends.or_else(|| Some(ends.until.min(Instant::now() + ends.flight)));
            }
            tokio::select! {
                biased;
                changed = self.progress.changed() => if changed.is_err() { return Outcome::Lost },
                () = &mut turned_away, if waiting => return self.left_with(|| Outcome::TurnedAway),
                () = sleep_until(self.deadline), if waiting => return self.left_with(|| Outcome::Exhausted(self.wait())),
                () = sleep_until(flight_ends.unwrap_or(ends.until)), if flying => return Outcome::StillFlying,
            }
        }
    }

    /// With nothing but patience to end it.
    #[cfg(test)]
    pub(super) async fn outcome(self) -> Outcome<V> {
        let flight = Duration::from_secs(3600);
        let until = Instant::now() + flight;
        self.outcome_unless(Ends { turned_away: std::future::pending(), flight, until }).await
    }

    /// What the latest leg brought, or else this.
    fn left_with(&self, otherwise: impl FnOnce() -> Outcome<V>) -> Outcome<V> {
        match &*self.progress.borrow() {
            Progress::Waiting { after: Some((value, _)) } => Outcome::Landed(value.clone()),
            _ => otherwise(),
        }
    }

    fn wait(&self) -> Duration {
        self.expected().saturating_duration_since(Instant::now())
    }

    /// On whose behalf.
    #[cfg(feature = "benchmarks")]
    pub(super) fn tenant(&self) -> &crate::model::TenantId {
        &self.claim.tenant
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
