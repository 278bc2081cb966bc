//! The board of flights: one entry per question that is asked for and not held, from the first caller to the landing.
//!
//! Everything about an entry changes under one lock, so that joining, leaving, departing and landing never race: a
//! question that is on the board is never asked for twice, one that nobody waits for never departs.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::Config;
use super::looking::Looking;
use super::seat::{Progress, Seat};
use super::turns::Turns;
use crate::budget::Budget;
use crate::model::TenantId;

/// The queue before one budget. `K` is what is asked, `V` what a flight brings. Cloning shares it.
pub struct Queue<K, V>(pub(super) Arc<Board<K, V>>);

/// On whose behalf a caller waits, and its share of the turns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stake {
    /// The tenant.
    pub tenant: TenantId,
    /// Its turns for each turn of a tenant of weight 1.
    pub weight: u32,
}

/// What became of asking for a seat.
pub enum Joined<K: Clone + Eq + Hash, V> {
    /// It landed just now: no waiting.
    Held(V),
    /// A seat in a flight.
    Seated(Seat<K, V>),
    /// The wait would exceed the caller's patience. Come back after this long.
    Exhausted(Duration),
    /// As many questions of the tenant wait as may. Its next turn, after this long, makes room.
    LineFull(Duration),
    /// No new flights: the process is stopping.
    GivenUp,
}

/// What `/status` shows of the queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Questions waiting for a turn, by tenant.
    pub waiting: Vec<(TenantId, usize)>,
    /// Flights under way.
    pub flying: usize,
}

pub(super) struct Board<K, V> {
    state: Mutex<State<K, V>>,
    pub(super) work: Notify,
    /// Something is to be done about what other replicas hold or ask.
    pub(super) errands: Notify,
    pub(super) budget: Budget,
    /// All legs of a flight end within this long of its first departure.
    pub(super) flight_time: Duration,
    config: Config,
}

pub(super) struct State<K, V> {
    pub(super) turns: Turns<K>,
    pub(super) entries: HashMap<K, Entry<V>>,
    /// No turn will come any more.
    pub(super) given_up: bool,
    tickets: u64,
    pub(super) errand_list: Errands<K>,
    pub(super) looking: Looking<K>,
    /// Questions that have come into their lines, and whose callers have yet to be told so.
    pub(super) untold: Vec<K>,
}

/// What is to be asked of the other replicas, or told them.
#[derive(Debug)]
pub(super) struct Errands<K> {
    /// Whether anybody has an answer to these, or asks for it.
    pub(super) look: Vec<K>,
    /// These are flown no more, and nothing came of it.
    pub(super) release: Vec<K>,
}

/// What a seat gives back when it is left.
#[derive(Debug)]
pub(super) struct Claim<K> {
    pub(super) question: K,
    pub(super) tenant: TenantId,
    entry: u64,
}

/// A question on the board.
pub(super) struct Entry<V> {
    /// Tells this entry from a later one of the same question.
    id: u64,
    pub(super) progress: watch::Sender<Progress<V>>,
    /// Callers by tenant, with the weight the tenant had at the latest join.
    pub(super) callers: HashMap<TenantId, (u32, usize)>,
    pub(super) stage: Stage,
    /// Since when it has been asked for.
    pub(super) since: Instant,
    /// The flight is ours, whatever other replicas would do: from the first turn on, also one that came to nothing.
    pub(super) owned: bool,
    /// Turns that were spent on it.
    pub(super) legs: u32,
    pub(super) first_departure: Option<Instant>,
    /// What the latest leg brought, should there be no other.
    pub(super) brought: Option<V>,
}

/// Where a question is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The other replicas are asked about it.
    Looking,
    /// In its tenants' lines.
    Waiting,
    /// Asked upstream, by us.
    Flying,
    /// Asked by another replica.
    Elsewhere,
}

impl<K, V> Queue<K, V>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// An empty queue before this budget, whose flights last no longer than `flight_time` with all their retries.
    /// Nothing departs until `run` is called.
    pub fn new(config: Config, budget: Budget, flight_time: Duration) -> Self {
        let errand_list = Errands { look: Vec::new(), release: Vec::new() };
        let state = State {
            turns: Turns::default(),
            entries: HashMap::new(),
            given_up: false,
            tickets: 0,
            errand_list,
            looking: Looking::default(),
            untold: Vec::new(),
        };
        Self(Arc::new(Board {
            state: Mutex::new(state),
            work: Notify::new(),
            errands: Notify::new(),
            budget,
            flight_time,
            config,
        }))
    }

    /// Asks for a seat. `held` looks at what is held once more, under the lock that a landing takes: a question that
    /// landed a moment ago is not asked for again.
    pub fn join(
        &self,
        question: &K,
        stake: &Stake,
        patience: Duration,
        held: impl FnOnce() -> Option<V>,
    ) -> Joined<K, V> {
        let patience = patience.min(self.0.config.max_wait);
        let mut state = self.0.state();
        let first = !state.entries.contains_key(question);
        if first {
            if let Some(value) = held() {
                return Joined::Held(value);
            }
            if state.given_up {
                return Joined::GivenUp;
            }
        }
        if let Some(refused) = self.refuse(&state, question, stake, patience) {
            return refused;
        }
        state.tickets += 1;
        let first_stage = if self.0.budget.is_shared() { Stage::Looking } else { Stage::Waiting };
        let State { turns, entries, tickets, errand_list, looking, .. } = &mut *state;
        let entry = entries.entry(question.clone()).or_insert_with(|| Entry::new(*tickets, first_stage));
        let (weight, callers) = entry.callers.entry(stake.tenant.clone()).or_default();
        *weight = stake.weight;
        *callers += 1;
        if entry.stage == Stage::Waiting {
            turns.stand(question, &stake.tenant, stake.weight);
        } else if first {
            errand_list.look.push(question.clone());
            looking.begin(question.clone(), stake.tenant.clone());
        }
        let claim = Claim { question: question.clone(), tenant: stake.tenant.clone(), entry: entry.id };
        let progress = entry.progress.subscribe();
        let (waits, looks) = (entry.stage == Stage::Waiting, !errand_list.look.is_empty());
        drop(state);
        if waits {
            self.0.work.notify_one();
        }
        if looks {
            self.0.errands.notify_one();
        }
        Joined::Seated(Seat::new(Arc::clone(&self.0), claim, progress, Instant::now() + patience, first))
    }

    /// Decided once: a turn further away than the caller's patience is refused now, with the true wait.
    fn refuse(&self, state: &State<K, V>, question: &K, stake: &Stake, patience: Duration) -> Option<Joined<K, V>> {
        let until = |turns| self.0.budget.forecast(turns).saturating_duration_since(Instant::now());
        let entry = state.entries.get(question);
        if entry.is_some_and(|entry| entry.stage != Stage::Waiting) {
            return None;
        }
        let stands = entry.is_some_and(|entry| entry.callers.contains_key(&stake.tenant));
        let newcomer = (!stands).then(|| state.turns.turns_before_newcomer(&stake.tenant, stake.weight));
        let turns = state.turns.turns_before(question).into_iter().chain(newcomer).min().unwrap_or(0);
        let wait = until(turns);
        // What is known of the other replicas may be old before the first of them is asked.
        let foreseen = entry.is_some() || !self.0.budget.is_shared();
        if foreseen && wait > patience {
            return Some(Joined::Exhausted(wait));
        }
        let full = !stands && state.places_of(&stake.tenant) >= self.0.config.per_tenant;
        full.then(|| Joined::LineFull(until(state.turns.turns_before_next_of(&stake.tenant))))
    }

    /// Admits no new questions and tells everyone who still waits for a turn that it will not come. Flights under way
    /// land, without another leg.
    pub fn give_up(&self) {
        let mut state = self.0.state();
        state.given_up = true;
        state.turns = Turns::default();
        let State { entries, errand_list, .. } = &mut *state;
        entries.retain(|question, entry| {
            let flies = matches!(entry.stage, Stage::Flying | Stage::Elsewhere);
            if !flies {
                entry.progress.send_replace(Progress::GivenUp);
                errand_list.release.extend(entry.owned.then(|| question.clone()));
            }
            flies
        });
        drop(state);
        self.0.work.notify_one();
        self.0.errands.notify_one();
    }

    /// The questions whose flights are ours, under way or between legs.
    pub fn flights(&self) -> Vec<K> {
        let state = self.0.state();
        state.entries.iter().filter(|(_, entry)| entry.owned).map(|(question, _)| question.clone()).collect()
    }

    /// Whether no flight is under way, and the crew has been told of every end of one.
    pub fn is_at_rest(&self) -> bool {
        let state = self.0.state();
        state.errand_list.release.is_empty() && state.entries.values().all(|entry| entry.stage != Stage::Flying)
    }

    /// How it stands.
    pub fn standing(&self) -> Standing {
        let state = self.0.state();
        Standing {
            waiting: state.turns.lengths().map(|(tenant, length)| (tenant.clone(), length)).collect(),
            flying: state.entries.values().filter(|entry| entry.stage == Stage::Flying).count(),
        }
    }
}

impl<K: Clone + Eq + Hash, V> State<K, V> {
    /// Places in the tenant's line, those included that are taken once the other replicas have been asked.
    pub(super) fn places_of(&self, tenant: &TenantId) -> usize {
        self.turns.waiting_of(tenant) + self.looking.of(tenant)
    }
}

impl<K: Clone + Eq + Hash, V> Board<K, V> {
    pub(super) fn state(&self) -> MutexGuard<'_, State<K, V>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When the question's turn will come, as far as can be foreseen.
    pub(super) fn expected(&self, state: &State<K, V>, question: &K) -> Instant {
        self.budget.forecast(state.turns.turns_before(question).unwrap_or(0))
    }

    /// The question is not ours any more, and nothing came of it.
    pub(super) fn release(&self, state: &mut State<K, V>, question: K) {
        if self.budget.is_shared() {
            state.errand_list.release.push(question);
            self.errands.notify_one();
        }
    }

    /// A caller leaves; with the last of its tenant the question leaves the tenant's line, with the last of all the
    /// board.
    pub(super) fn leave(&self, Claim { question, tenant, entry: id }: &Claim<K>) {
        let mut state = self.state();
        let State { turns, entries, .. } = &mut *state;
        let Some(entry) = entries.get_mut(question).filter(|entry| entry.id == *id) else { return };
        let Some((_, callers)) = entry.callers.get_mut(tenant) else { return };
        *callers -= 1;
        if *callers > 0 {
            return;
        }
        entry.callers.remove(tenant);
        turns.leave(question, tenant);
        // A flight under way lands all the same: its call is paid for, and what it brings is held.
        if entry.callers.is_empty() && entry.stage != Stage::Flying {
            let ours = entry.owned;
            entries.remove(question);
            if ours {
                self.release(&mut state, question.clone());
            }
        }
    }
}

impl<V> Entry<V> {
    fn new(id: u64, stage: Stage) -> Self {
        let progress = if stage == Stage::Looking { Progress::Looking } else { Progress::Waiting { after: None } };
        Self {
            id,
            progress: watch::Sender::new(progress),
            callers: HashMap::new(),
            stage,
            since: Instant::now(),
            owned: false,
            legs: 0,
            first_departure: None,
            brought: None,
        }
    }
}

impl<V: Clone> Entry<V> {
    /// Another replica asks it: should it have been ours between legs, it is so no more, and begins anew should it be once more.
    pub(super) fn goes_elsewhere(&mut self) {
        self.stage = Stage::Elsewhere;
        (self.owned, self.legs, self.first_departure, self.brought) = (false, 0, None, None);
        self.progress.send_replace(Progress::Flying);
    }

    /// Its turn came to nothing: as if it had not come, but that the flight is ours.
    pub(super) fn back_in_line(&mut self, expected: Instant) {
        self.legs -= 1;
        if self.legs == 0 {
            self.first_departure = None;
        }
        let after = self.brought.clone().map(|value| (value, expected));
        self.progress.send_replace(Progress::Waiting { after });
    }
}

impl<K, V> Clone for Queue<K, V> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K, V> fmt::Debug for Queue<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Queue")
    }
}

#[cfg(test)]
#[path = "board_tests.rs"]
mod tests;
