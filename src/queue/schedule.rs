//! The turns of all lines in their order: which line is next, and how many turns come before any virtual time.
//!
//! A line's turns lie a stride apart, from its pass on, one for each question: whoever comes or goes, at most the ends of its
//! run change, and what comes before a time is counted without looking at every line.

use std::collections::BTreeSet;

use super::ranked::Ranked;
use crate::model::TenantId;

/// The virtual times of one line's turns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) first: u64,
    pub(super) stride: u64,
    pub(super) turns: usize,
}

/// The runs of all lines.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    /// The first turn of each line that has one.
    next: BTreeSet<(u64, TenantId)>,
    /// Where the lines that have none would begin.
    idle: BTreeSet<(u64, TenantId)>,
    turns: Ranked<(u64, TenantId), ()>,
}

impl Run {
    fn end(&self) -> u64 {
        self.first.saturating_add(self.stride.saturating_mul(u64::try_from(self.turns).unwrap_or(u64::MAX)))
    }

    /// How many of its turns come before this time.
    pub(super) fn before(&self, time: u64) -> usize {
        let passed = time.saturating_sub(self.first).div_ceil(self.stride.max(1));
        usize::try_from(passed).unwrap_or(usize::MAX).min(self.turns)
    }

    /// Those of its turns that are not among the other's.
    fn without(self, other: Self) -> impl Iterator<Item = u64> {
        let in_step =
            self.stride == other.stride && self.first.abs_diff(other.first).is_multiple_of(self.stride.max(1));
        let (from, to) = (self.first.max(other.first), self.end().min(other.end()));
        // Where they have nothing in common, nothing is left out.
        let (from, to) = if in_step && from < to { (from, to) } else { (self.end(), self.end()) };
        self.times(self.first, from).chain(self.times(to, self.end()))
    }

    fn times(self, from: u64, to: u64) -> impl Iterator<Item = u64> {
        (from..to).step_by(usize::try_from(self.stride.max(1)).unwrap_or(usize::MAX))
    }
}

impl Schedule {
    /// The tenant's line has this run now, instead of that.
    pub(super) fn change(&mut self, tenant: &TenantId, before: Run, now: Run) {
        if before == now {
            return;
        }
        self.starts(before).remove(&(before.first, tenant.clone()));
        self.starts(now).insert((now.first, tenant.clone()));
        for time in before.without(now) {
            self.turns.remove(&(time, tenant.clone()));
        }
        for time in now.without(before) {
            self.turns.insert((time, tenant.clone()), ());
        }
    }

    fn starts(&mut self, run: Run) -> &mut BTreeSet<(u64, TenantId)> {
        if run.turns == 0 { &mut self.idle } else { &mut self.next }
    }

    /// Whose turn is next, and when.
    pub(super) fn next(&self) -> Option<(u64, TenantId)> {
        self.next.first().cloned()
    }

    /// The tenants that have turns, in the order of their next ones.
    pub(super) fn tenants(&self) -> impl Iterator<Item = &TenantId> {
        self.next.iter().map(|(_, tenant)| tenant)
    }

    /// How many turns of all lines come before one that this tenant has at this time. On a tie the order of names decides.
    pub(super) fn before(&self, time: u64, tenant: &TenantId) -> usize {
        self.turns.rank(&(time, tenant.clone()))
    }

    /// Whether nobody has a turn.
    pub(super) fn is_empty(&self) -> bool {
        self.next.is_empty()
    }

    /// The latest time at which an idle line would begin.
    pub(super) fn latest_idle(&self) -> Option<u64> {
        self.idle.last().map(|(begins, _)| *begins)
    }

    /// Forgets a line that would begin at this time or before, and has no turns.
    pub(super) fn forget_idle(&mut self, until: u64) -> Option<TenantId> {
        let (begins, _) = self.idle.first()?;
        if *begins > until {
            return None;
        }
        self.idle.pop_first().map(|(_, tenant)| tenant)
    }
}
