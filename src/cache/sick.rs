//! Questions that failed a moment ago: impatient retries get the same failure instead of another call.

use std::time::Duration;

use moka::sync::Cache as Store;
use tokio::time::Instant;

use crate::query::Question;

/// No question rests longer.
const LONGEST_REST: Duration = Duration::from_secs(10);
const MOST: u64 = 100_000;

/// A failure that was just had.
#[derive(Clone, Debug)]
pub struct Sick<F> {
    /// What happened.
    pub fault: F,
    /// When the question may be asked again.
    pub until: Instant,
}

/// The failures of the last seconds. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Sickbed<F>(Store<Question, Sick<F>>)
where
    F: Clone + Send + Sync + 'static;

impl<F: Clone + Send + Sync + 'static> Default for Sickbed<F> {
    fn default() -> Self {
        Self(Store::builder().max_capacity(MOST).time_to_live(LONGEST_REST).build())
    }
}

impl<F: Clone + Send + Sync + 'static> Sickbed<F> {
    /// The question failed just now, and rests for so long.
    pub fn lay(&self, question: &Question, fault: F, rest: Duration) {
        self.0.insert(question.clone(), Sick { fault, until: Instant::now() + rest.min(LONGEST_REST) });
    }

    /// The failure that the question still rests from.
    pub fn get(&self, question: &Question) -> Option<Sick<F>> {
        self.0.get(question).filter(|sick| sick.until > Instant::now())
    }

    /// The question is well again.
    pub fn rise(&self, question: &Question) {
        self.0.invalidate(question);
    }
}
