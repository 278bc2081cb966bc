//! Whose questions failed in a row, and so whom the faults speak of: one app, one tenant, or everybody.
//!
//! One tenant whose questions fail must not shut out the others, and a single fault may be chance. So faults speak of a
//! tenant only if they are of several of its apps, and of everybody only if they are of several tenants and several apps.

use std::collections::HashMap;
use std::hash::Hash;

use crate::model::{AppId, TenantId};

/// What is not the heaviest part's must weigh this much: one fault that was chance shuts out nobody else.
const NOT_BY_CHANCE: u32 = 2;

/// On whose turn a question is asked, and about which app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Party<'a> {
    /// The tenant.
    pub tenant: &'a TenantId,
    /// The app.
    pub app: &'a AppId,
}

/// The faults in a row by tenant and app. As who is shut out counts no further, these stay few.
#[derive(Debug, Default)]
pub(super) struct Tally(Vec<(TenantId, AppId, u32)>);

impl Tally {
    /// A fault of this weight. One more of those who are shut out by `most` changes nothing.
    pub(super) fn count(&mut self, party: Party, weight: u32, most: u32) {
        if self.shuts_out(party, most) {
            return;
        }
        match self.0.iter_mut().find(|(tenant, app, _)| (tenant, app) == (party.tenant, party.app)) {
            Some((.., sum)) => *sum = sum.saturating_add(weight),
            None => self.0.push((party.tenant.clone(), party.app.clone(), weight)),
        }
    }

    /// Whether faults that weigh `most` speak of this party's questions.
    pub(super) fn shuts_out(&self, Party { tenant, app }: Party, most: u32) -> bool {
        let all = || self.0.iter();
        let of_tenant = || all().filter(|(whose, ..)| whose == tenant);
        let of_app = all().filter(|(_, about, _)| about == app).map(|(.., weight)| weight).sum::<u32>();
        of_app >= most
            || is_spread(of_tenant().map(|(_, app, weight)| (app, *weight)), most)
            || (is_spread(all().map(|(tenant, _, weight)| (tenant, *weight)), most)
                && is_spread(all().map(|(_, app, weight)| (app, *weight)), most))
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are faults, and all of them are about this app.
    pub(super) fn is_only_of(&self, app: &AppId) -> bool {
        self.only_app() == Some(app)
    }

    /// The app, where all faults are about one.
    pub(super) fn only_app(&self) -> Option<&AppId> {
        only(self.0.iter().map(|(_, app, _)| app))
    }

    /// The tenant, where all faults are of one.
    pub(super) fn only_tenant(&self) -> Option<&TenantId> {
        only(self.0.iter().map(|(tenant, ..)| tenant))
    }
}

fn only<T: PartialEq>(mut all: impl Iterator<Item = T>) -> Option<T> {
    let first = all.next()?;
    all.all(|other| other == first).then_some(first)
}

/// Whether the faults weigh `most`, and not those of one part alone.
fn is_spread<T: Eq + Hash>(faults: impl Iterator<Item = (T, u32)>, most: u32) -> bool {
    let mut parts = HashMap::new();
    for (part, weight) in faults {
        *parts.entry(part).or_insert(0_u32) += weight;
    }
    let all: u32 = parts.values().sum();
    let heaviest = parts.values().max().copied().unwrap_or(0);
    all >= most && all - heaviest >= NOT_BY_CHANCE.min(most)
}
