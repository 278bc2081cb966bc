//! A question on its way to the upstream, and the trace of the request that it was asked in first.

use std::hash::{Hash, Hasher};

use crate::budget::Named;
use crate::query::{Askable, Question};
use crate::telemetry::Trace;

/// The same as any other that asks the same, in whichever trace.
#[derive(Clone, Debug)]
pub(super) struct Asking {
    pub(super) askable: Askable,
    pub(super) trace: Trace,
}

impl Asking {
    pub(super) fn question(&self) -> &Question {
        self.askable.question()
    }
}

/// In no request's trace: another replica asks.
impl From<Askable> for Asking {
    fn from(askable: Askable) -> Self {
        Self { askable, trace: Trace::default() }
    }
}

impl PartialEq for Asking {
    fn eq(&self, other: &Self) -> bool {
        self.askable == other.askable
    }
}

impl Eq for Asking {}

impl Hash for Asking {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.askable.hash(state);
    }
}

impl Named for Asking {
    fn name(&self) -> String {
        self.question().name()
    }
}
