//! The dispatcher: a permit first, then whoever's turn it is, so that the choice is made as late as possible. Each
//! flight runs in a task of its own; its callers may all go without ending or repeating it.

use std::hash::Hash;
use std::sync::Arc;

use tokio::task::yield_now;
use tokio::time::Instant;

use super::board::{Board, Queue, Stage, State};
use super::replicas;
use super::seat::Progress;
use crate::budget::{Named, Permit, Turn};
use crate::model::TenantId;

/// How one call ended.
#[derive(Clone, Debug)]
pub enum Landing<V> {
    /// Success or a failure that asking again would not mend: for all who wait.
    Done(V),
    /// A failure that may pass: another turn is taken while somebody is patient, else this is the outcome.
    Again(V),
    /// The permit was given up unused; the turn is made up for.
    Late,
    /// The permit was given up unused, and nobody need wait for another turn.
    TurnedAway,
}

/// One call of a flight.
#[derive(Clone, Debug)]
pub struct Leg {
    /// Whose turn it took.
    pub tenant: TenantId,
    /// 1 for the first try.
    pub number: u32,
    /// When the first try had its turn.
    pub departed: Instant,
    /// When the flight ends, whatever leg it is on.
    pub until: Instant,
}

/// What is done with a turn.
pub trait Crew<K, V>: Send + Sync + 'static {
    /// Makes the call that the permit allows.
    fn fly(&self, question: K, permit: Permit, leg: Leg) -> impl Future<Output = Landing<V>> + Send;

    /// Told of each outcome before anyone can ask the question anew.
    fn landed(&self, question: &K, value: &V);

    /// Asks the other replicas about a question.
    fn look(&self, question: &K) -> impl Future<Output = Looked<V>> + Send;

    /// Has the other replicas told that we ask the question no more, and that nothing came of it.
    fn release(&self, question: K);
}

/// What the other replicas have to do with a question.
#[derive(Clone, Debug)]
pub enum Looked<V> {
    /// Nothing, as far as could be learnt.
    Nothing,
    /// One of them had the answer, or a failure of a moment ago.
    Found(V),
    /// One of them asks it, and is certain to live until then.
    Asked(Instant),
}

/// Calls a question may cost before its failure is final.
const MOST_LEGS: u32 = 3;

impl<K, V> Queue<K, V>
where
    K: Clone + Eq + Hash + Named + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Whether a call for this question is under way here.
    pub fn flies(&self, question: &K) -> bool {
        self.0.state().entries.get(question).is_some_and(|entry| entry.stage == Stage::Flying)
    }

    /// Gives out turns for as long as it is polled.
    pub async fn run(self, crew: Arc<impl Crew<K, V>>) {
        let board = self.0;
        tokio::join!(replicas::run_errands(Arc::clone(&board), Arc::clone(&crew)), give_turns(board, crew));
    }
}

async fn give_turns<K, V>(board: Arc<Board<K, V>>, crew: Arc<impl Crew<K, V>>)
where
    K: Clone + Eq + Hash + Named + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    loop {
        board.work_waits().await;
        let Some(Turn { permit, whose }) = board.budget.turn(&board).await else { continue };
        // The permit of a turn that nobody wants any more goes back unused.
        let Some((question, leg, over)) = board.depart(whose) else { continue };
        let flight = Flight { board: Arc::clone(&board), question: Some(question.clone()), tenant: leg.tenant.clone() };
        let (crew, flies) = (Arc::clone(&crew), question.clone());
        tokio::spawn(async move {
            let until = leg.until;
            let landing = match over {
                Some(value) => {
                    drop(permit);
                    Landing::Done(value)
                }
                None => crew.fly(question, permit, leg).await,
            };
            flight.land(landing, until, &*crew);
        });
        // A permit is good for a short time only, so its flight is put in line before its callers are woken and before the next
        // permit is taken. Else many callers, or many permits, would make it come too late, and the same would begin anew.
        board.tell_that_it_flies(&flies);
        yield_now().await;
    }
}

/// A flight under way. Dropped without landing, it takes its entry off the board, and its callers see it lost.
pub(super) struct Flight<K: Clone + Eq + Hash, V> {
    pub(super) board: Arc<Board<K, V>>,
    pub(super) question: Option<K>,
    /// Whose turn it took.
    pub(super) tenant: TenantId,
}

impl<K: Clone + Eq + Hash, V: Clone> Board<K, V> {
    async fn work_waits(&self) {
        loop {
            let work = self.work.notified();
            if !self.state().turns.is_empty() {
                return;
            }
            work.await;
        }
    }

    /// Takes the next turn. With what the latest leg brought where there is no time for another: the turn came later than
    /// foreseen, and a call without time would be paid for and bring nothing.
    pub(super) fn depart(&self, whose: Option<(K, TenantId)>) -> Option<(K, Leg, Option<V>)> {
        let mut state = self.state();
        let State { turns, entries, .. } = &mut *state;
        let (question, tenant) = match whose {
            None => turns.next()?,
            Some((question, _)) if !turns.take(&question) => {
                // Its callers have left since it was bid for; with its turn it was made ours.
                self.release(&mut state, question);
                return None;
            }
            Some(whose) => whose,
        };
        let entry = entries.get_mut(&question)?;
        let now = Instant::now();
        let departed = *entry.first_departure.get_or_insert(now);
        let until = departed + self.flight_time;
        let over = if now < until { None } else { entry.brought.take() };
        entry.stage = Stage::Flying;
        entry.owned = true;
        entry.legs += 1;
        Some((question, Leg { tenant, number: entry.legs, departed, until }, over))
    }

    /// Tells the callers of a question whose turn was taken, unless they have been told more already.
    pub(super) fn tell_that_it_flies(&self, question: &K) {
        let state = self.state();
        if let Some(entry) = state.entries.get(question).filter(|entry| entry.stage == Stage::Flying) {
            entry.progress.send_replace(Progress::Flying);
        }
    }

    /// Takes a question that was ours off the board, and tells its callers why.
    fn take_off(&self, state: &mut State<K, V>, question: K, why: Progress<V>) {
        if let Some(entry) = state.entries.remove(&question) {
            entry.progress.send_replace(why);
        }
        self.release(state, question);
    }

    /// Puts the question before all others of its tenants; `None` where nobody would wait for it.
    fn once_more(&self, state: &mut State<K, V>, question: &K) -> Option<Instant> {
        let State { turns, entries, .. } = state;
        let entry = entries.get_mut(question).filter(|entry| !entry.callers.is_empty())?;
        for (tenant, (weight, _)) in &entry.callers {
            turns.stand_first(question, tenant, *weight);
        }
        entry.stage = Stage::Waiting;
        Some(self.expected(state, question))
    }
}

impl<K: Clone + Eq + Hash, V: Clone> Flight<K, V> {
    pub(super) fn land(mut self, landing: Landing<V>, until: Instant, crew: &impl Crew<K, V>)
    where
        K: Send + Sync + 'static,
        V: Send + Sync + 'static,
    {
        let Some(question) = self.question.take() else { return };
        let mut state = self.board.state();
        let value = match landing {
            Landing::Done(value) => value,
            Landing::TurnedAway => {
                state.turns.give_back(&self.tenant);
                match state.entries.get_mut(&question).and_then(|entry| entry.brought.take()) {
                    // What the leg before brought is what the flight came to.
                    Some(value) => value,
                    None => return self.board.take_off(&mut state, question, Progress::TurnedAway),
                }
            }
            Landing::Late if state.given_up => {
                return self.board.take_off(&mut state, question, Progress::GivenUp);
            }
            Landing::Late => {
                state.turns.give_back(&self.tenant);
                let expected = self.board.once_more(&mut state, &question);
                if let (Some(expected), Some(entry)) = (expected, state.entries.get_mut(&question)) {
                    entry.back_in_line(expected);
                } else {
                    state.entries.remove(&question);
                    self.board.release(&mut state, question);
                }
                self.board.work.notify_one();
                return;
            }
            Landing::Again(value) => {
                let legs = state.entries.get(&question).map_or(MOST_LEGS, |entry| entry.legs);
                let spent = state.given_up || legs >= MOST_LEGS;
                let expected = if spent { None } else { self.board.once_more(&mut state, &question) };
                let entry = state.entries.get_mut(&question);
                if let (Some(expected), Some(entry)) = (expected.filter(|expected| *expected < until), entry) {
                    entry.brought = Some(value.clone());
                    entry.progress.send_replace(Progress::Waiting { after: Some((value, expected)) });
                    self.board.work.notify_one();
                    return;
                }
                state.turns.remove(&question);
                value
            }
        };
        // Off the board first: should the crew panic, the callers see the flight lost instead of waiting for ever.
        let entry = state.entries.remove(&question);
        crew.landed(&question, &value);
        if let Some(entry) = entry {
            entry.progress.send_replace(Progress::Landed(value));
        }
    }
}

impl<K: Clone + Eq + Hash, V> Drop for Flight<K, V> {
    fn drop(&mut self) {
        if let Some(question) = self.question.take() {
            let mut state = self.board.state();
            state.entries.remove(&question);
            self.board.release(&mut state, question);
        }
    }
}

#[cfg(test)]
#[path = "dispatch_tests.rs"]
mod tests;
