//! Questions that are in no line yet, because the other replicas are asked about them first: each has a place in advance.

use std::collections::HashMap;
use std::hash::Hash;

use crate::model::TenantId;

/// The questions, by the tenant that came first, and how many each tenant has.
#[derive(Debug)]
pub(super) struct Looking<K> {
    tenants: HashMap<K, TenantId>,
    counts: HashMap<TenantId, usize>,
}

impl<K> Default for Looking<K> {
    fn default() -> Self {
        Self { tenants: HashMap::new(), counts: HashMap::new() }
    }
}

impl<K: Eq + Hash> Looking<K> {
    /// The replicas are to be asked about this, and this tenant came first.
    pub(super) fn begin(&mut self, question: K, tenant: TenantId) {
        *self.counts.entry(tenant.clone()).or_default() += 1;
        if let Some(before) = self.tenants.insert(question, tenant) {
            self.uncount(&before);
        }
    }

    /// They have been asked.
    pub(super) fn end(&mut self, question: &K) {
        if let Some(tenant) = self.tenants.remove(question) {
            self.uncount(&tenant);
        }
    }

    /// How many the tenant has.
    pub(super) fn of(&self, tenant: &TenantId) -> usize {
        self.counts.get(tenant).copied().unwrap_or(0)
    }

    fn uncount(&mut self, tenant: &TenantId) {
        if let Some(count) = self.counts.get_mut(tenant) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(tenant);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_counts_for_the_tenant_that_asked_last_and_once() {
        let (one, other) = (TenantId::new("a"), TenantId::new("b"));
        let mut looking = Looking::default();
        looking.begin(7, one.clone());
        looking.begin(8, one.clone());
        // All who asked 7 have left, and another asks it before the replicas have answered.
        looking.begin(7, other.clone());
        assert_eq!((looking.of(&one), looking.of(&other)), (1, 1));
        looking.end(&7);
        looking.end(&7);
        looking.end(&8);
        assert_eq!((looking.of(&one), looking.of(&other)), (0, 0));
        assert!(looking.counts.is_empty());
    }
}
