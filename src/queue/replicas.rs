//! What the other replicas do about the questions on the board: one of them may hold the answer, or ask for it. Each new
//! question is looked up once before it stands in line; one that is asked elsewhere waits for the news of its landing.

use std::hash::Hash;
use std::sync::Arc;

use tokio::time::{Instant, sleep_until};

use super::board::{Board, Errands, Queue, Stage, State};
use super::dispatch::{Crew, Looked};
use super::seat::Progress;
use super::turns::Head;
use crate::budget::{Bid, Floor, Named, Order};

/// Runs errands for as long as it is polled.
pub(super) async fn run_errands<K, V>(board: Arc<Board<K, V>>, crew: Arc<impl Crew<K, V>>)
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    loop {
        board.errands.notified().await;
        let look = board.take_errands(&*crew);
        for question in look {
            let (board, crew) = (Arc::clone(&board), Arc::clone(&crew));
            tokio::spawn(async move {
                let looked = crew.look(&question).await;
                board.looked(&question, looked);
            });
        }
    }
}

impl<K, V> Queue<K, V>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Another replica's flight has landed with this.
    pub fn landed_elsewhere(&self, question: &K, value: &V) {
        let mut state = self.0.state();
        // Our own flight has a landing of its own, with what it paid for.
        let ours = state.entries.get(question).is_none_or(|entry| entry.stage == Stage::Flying);
        if !ours {
            state.close(question, Progress::Landed(value.clone()));
        }
    }

    /// Another replica asks it no more, and nothing came of it.
    pub fn released_elsewhere(&self, question: &K) {
        self.0.look_again(question);
    }

    /// News may have been missed: whatever is not ours is looked up again, also what waits for a turn.
    pub fn look_at_all_again(&self) {
        let mut state = self.0.state();
        let State { entries, turns, errand_list, .. } = &mut *state;
        for (question, entry) in entries.iter_mut() {
            let waits = entry.stage == Stage::Waiting && !entry.owned;
            if waits || entry.stage == Stage::Elsewhere {
                turns.remove(question);
                entry.stage = Stage::Looking;
                entry.progress.send_replace(Progress::Looking);
                errand_list.look.push(question.clone());
            }
        }
        drop(state);
        self.0.errands.notify_one();
    }
}

impl<K: Clone + Eq + Hash, V> State<K, V> {
    /// Takes the question off the board and tells its callers why.
    fn close(&mut self, question: &K, progress: Progress<V>) {
        self.turns.remove(question);
        if let Some(entry) = self.entries.remove(question) {
            entry.progress.send_replace(progress);
        }
    }
}

impl<K: Clone + Eq + Hash, V> Board<K, V> {
    /// What is to be looked up. Releases are told of under the lock, like landings: see `is_at_rest`.
    fn take_errands(&self, crew: &impl Crew<K, V>) -> Vec<K> {
        let Errands { look, release } = &mut self.state().errand_list;
        release.drain(..).for_each(|question| crew.release(question));
        std::mem::take(look)
    }

    fn look_again(&self, question: &K) {
        let mut state = self.state();
        let State { entries, errand_list, .. } = &mut *state;
        let Some(entry) = entries.get_mut(question).filter(|entry| entry.stage == Stage::Elsewhere) else { return };
        entry.stage = Stage::Looking;
        errand_list.look.push(question.clone());
        drop(state);
        self.errands.notify_one();
    }
}

impl<K, V> Board<K, V>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn looked(self: &Arc<Self>, question: &K, looked: Looked<V>) {
        let mut state = self.state();
        let State { turns, entries, given_up, looking, untold, .. } = &mut *state;
        looking.end(question);
        let Some(entry) = entries.get_mut(question).filter(|entry| entry.stage == Stage::Looking) else { return };
        match looked {
            Looked::Found(value) => state.close(question, Progress::Found(value)),
            Looked::Asked(again) => {
                entry.stage = Stage::Elsewhere;
                entry.progress.send_replace(Progress::Flying);
                drop(state);
                self.remind(question.clone(), again);
            }
            Looked::Nothing if *given_up => state.close(question, Progress::GivenUp),
            Looked::Nothing => {
                entry.stage = Stage::Waiting;
                for (tenant, (weight, _)) in &entry.callers {
                    turns.stand(question, tenant, *weight);
                }
                // Its callers are told where they stand when the bid for it is answered: see `align`.
                untold.push(question.clone());
                drop(state);
                self.work.notify_one();
            }
        }
    }

    /// Looks again at this time, unless the question has landed by then.
    fn remind(self: &Arc<Self>, question: K, at: Instant) {
        let board = Arc::clone(self);
        tokio::spawn(async move {
            sleep_until(at).await;
            board.look_again(&question);
        });
    }
}

impl<K, V> Floor<K> for Arc<Board<K, V>>
where
    K: Clone + Eq + Hash + Named + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn bids(&self) -> Vec<Bid<K>> {
        let state = self.state();
        let bid = |head: Head<'_, K>| {
            let since = state.entries.get(head.question)?.since;
            let (tenant, question) = (head.tenant.clone(), head.question.clone());
            Some(Bid { question, tenant, weight: head.weight, since, waiting: head.waiting })
        };
        state.turns.heads().filter_map(bid).collect()
    }

    async fn changed(&self) {
        self.work.notified().await;
    }

    fn asked_elsewhere(&self, question: &K, again: Instant) {
        let mut state = self.state();
        let State { turns, entries, .. } = &mut *state;
        let Some(entry) = entries.get_mut(question).filter(|entry| entry.stage == Stage::Waiting) else { return };
        turns.remove(question);
        entry.goes_elsewhere();
        drop(state);
        self.remind(question.clone(), again);
    }

    fn align(&self, order: Option<&Order>) {
        let mut state = self.state();
        if let Some(order) = order {
            state.turns.align(order);
        }
        let State { entries, untold, .. } = &mut *state;
        for question in untold.drain(..) {
            let Some(entry) = entries.get_mut(&question).filter(|entry| entry.stage == Stage::Waiting) else {
                continue;
            };
            entry.progress.send_if_modified(|progress| {
                let told = matches!(progress, Progress::Looking);
                if told {
                    *progress = Progress::Waiting { after: None };
                }
                told
            });
        }
    }
}
