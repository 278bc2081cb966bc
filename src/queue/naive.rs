//! A scheduler for tests that looks at everybody every time: slow, and short enough to be believed.

use std::collections::{BTreeMap, HashSet};

use crate::budget::stride;
use crate::model::TenantId;

/// The same rule without any bookkeeping: everybody is looked at every time.
#[derive(Clone, Default)]
pub(super) struct Naive {
    pub(super) lines: BTreeMap<TenantId, NaiveLine>,
    present: u64,
}

#[derive(Clone)]
pub(super) struct NaiveLine {
    pass: u64,
    stride: u64,
    pub(super) weight: u32,
    pub(super) waiting: Vec<u32>,
}

impl Naive {
    pub(super) fn stand(&mut self, question: u32, tenant: &TenantId, weight: u32, first: bool) {
        let present = self.present;
        let line = self.lines.entry(tenant.clone()).or_insert(NaiveLine {
            pass: 0,
            stride: 0,
            weight: 1,
            waiting: Vec::new(),
        });
        if line.waiting.contains(&question) {
            return;
        }
        line.stride = stride(weight);
        line.weight = weight;
        if line.waiting.is_empty() {
            line.pass = line.pass.max(present);
        }
        let place = if first { 0 } else { line.waiting.len() };
        line.waiting.insert(place, question);
    }

    pub(super) fn give_back(&mut self, tenant: &TenantId) {
        let present = self.present;
        if let Some(line) = self.lines.get_mut(tenant) {
            line.pass = line.pass.saturating_sub(line.stride).max(present);
        }
    }

    pub(super) fn leave(&mut self, question: u32, tenant: &TenantId) {
        if let Some(line) = self.lines.get_mut(tenant) {
            line.waiting.retain(|waiting| *waiting != question);
        }
    }

    pub(super) fn remove(&mut self, question: u32) {
        for line in self.lines.values_mut() {
            line.waiting.retain(|waiting| *waiting != question);
        }
    }

    pub(super) fn next(&mut self) -> Option<(u32, TenantId)> {
        let waiting = self.lines.iter_mut().filter(|(_, line)| !line.waiting.is_empty());
        let (tenant, line) = waiting.min_by_key(|(tenant, line)| (line.pass, (*tenant).clone()))?;
        let (tenant, question) = (tenant.clone(), line.waiting[0]);
        self.present = line.pass;
        line.pass += line.stride;
        self.remove(question);
        if self.lines.values().all(|line| line.waiting.is_empty()) {
            self.present = self.lines.values().map(|line| line.pass).max().unwrap_or(0).max(self.present);
        }
        Some((question, tenant))
    }

    /// How many turns really come before the question's.
    pub(super) fn turns_before(&self, question: u32) -> Option<usize> {
        let mut future = self.clone();
        let mut turns = 0;
        while future.next()?.0 != question {
            turns += 1;
        }
        Some(turns)
    }

    pub(super) fn questions(&self) -> HashSet<u32> {
        self.lines.values().flat_map(|line| line.waiting.iter().copied()).collect()
    }
}
