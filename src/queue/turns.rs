//! Turn-taking between tenants by weight, as a plain data structure: stride scheduling over one line per tenant.
//!
//! Every tenant with something waiting has a `pass`, the virtual time of its next turn; the lowest pass goes next and
//! advances by a stride inverse to the weight. A tenant that comes back starts at the present virtual time: it neither
//! saved up turns while it was away nor owes any. All operations are logarithmic, forecasts included; taking over the order of
//! all replicas looks at every tenant.
//!
//! Where several replicas share a budget, the script that gives the slots keeps the order, and `align` brings this one into
//! line with it: who goes next is then said there (`take`), and what waits elsewhere counts in the forecasts.

use std::collections::HashMap;
use std::hash::Hash;

use super::ranked::Ranked;
use super::schedule::{Run, Schedule};
use crate::budget::{Order, stride};
use crate::model::TenantId;

/// Where a question stands in one tenant's line. Retries go before everything that waits, hence the sign.
pub(super) type Place = i64;

/// Of one tenant's questions elsewhere, more are not counted: a turn so far away is foreseen for nobody, and each that is
/// counted takes room.
const MOST_ELSEWHERE: usize = 100_000;

/// All lines. `K` is the question; it may stand in several lines and leaves all of them at its turn.
#[derive(Debug)]
pub(super) struct Turns<K> {
    lines: HashMap<TenantId, Line<K>>,
    schedule: Schedule,
    standing: HashMap<K, Vec<(TenantId, Place)>>,
    virtual_time: u64,
    back: Place,
    front: Place,
}

#[derive(Debug)]
struct Line<K> {
    pass: u64,
    weight: u32,
    waiting: Ranked<Place, K>,
    /// How many of the tenant's questions wait at other replicas.
    elsewhere: usize,
    /// Its turns as they stand in the schedule.
    scheduled: Run,
}

/// A line, as it is bid for.
#[derive(Debug)]
pub(super) struct Head<'a, K> {
    pub(super) tenant: &'a TenantId,
    pub(super) weight: u32,
    pub(super) question: &'a K,
    pub(super) waiting: usize,
}

impl<K> Line<K> {
    fn new(pass: u64, weight: u32) -> Self {
        Self { pass, weight, waiting: Ranked::default(), elsewhere: 0, scheduled: Run::default() }
    }

    fn stride(&self) -> u64 {
        stride(self.weight)
    }

    /// How many questions wait, here and elsewhere.
    fn length(&self) -> usize {
        self.waiting.len() + self.elsewhere
    }

    /// To be called whenever its pass, its weight or its length has changed.
    fn reschedule(&mut self, tenant: &TenantId, schedule: &mut Schedule) {
        let now = Run { first: self.pass, stride: self.stride(), turns: self.length() };
        schedule.change(tenant, std::mem::replace(&mut self.scheduled, now), now);
    }
}

impl<K> Default for Turns<K> {
    fn default() -> Self {
        Self {
            lines: HashMap::new(),
            schedule: Schedule::default(),
            standing: HashMap::new(),
            virtual_time: 0,
            back: 0,
            front: 0,
        }
    }
}

impl<K: Clone + Eq + Hash> Turns<K> {
    /// Puts the question at the end of the tenant's line; it stands there once however often it is put.
    pub(super) fn stand(&mut self, question: &K, tenant: &TenantId, weight: u32) {
        self.back += 1;
        self.put(question, tenant, weight, self.back);
    }

    /// Puts the question at the head of the tenant's line: it has had a turn that came to nothing.
    pub(super) fn stand_first(&mut self, question: &K, tenant: &TenantId, weight: u32) {
        self.front -= 1;
        self.put(question, tenant, weight, self.front);
    }

    fn put(&mut self, question: &K, tenant: &TenantId, weight: u32, place: Place) {
        let places = self.standing.entry(question.clone()).or_default();
        if places.iter().any(|(stands, _)| stands == tenant) {
            return;
        }
        places.push((tenant.clone(), place));
        let now = self.virtual_time;
        let line = self.lines.entry(tenant.clone()).or_insert_with(|| Line::new(now, weight));
        line.weight = weight;
        if line.length() == 0 {
            line.pass = line.pass.max(now);
        }
        line.waiting.insert(place, question.clone());
        line.reschedule(tenant, &mut self.schedule);
    }

    /// Takes the question out of one tenant's line.
    pub(super) fn leave(&mut self, question: &K, tenant: &TenantId) {
        let Some(places) = self.standing.get_mut(question) else { return };
        let Some(index) = places.iter().position(|(stands, _)| stands == tenant) else { return };
        let (tenant, place) = places.swap_remove(index);
        if places.is_empty() {
            self.standing.remove(question);
        }
        self.clear(&tenant, place);
    }

    /// Takes the question out of every line.
    pub(super) fn remove(&mut self, question: &K) {
        for (tenant, place) in self.standing.remove(question).unwrap_or_default() {
            self.clear(&tenant, place);
        }
    }

    /// The question whose turn it is, and the tenant whose turn it takes.
    pub(super) fn next(&mut self) -> Option<(K, TenantId)> {
        let (pass, tenant) = self.schedule.next()?;
        self.virtual_time = pass;
        let line = self.lines.get_mut(&tenant).expect("a tenant in the schedule has a line");
        line.pass = pass + line.stride();
        let (_, question) = line.waiting.first().expect("a line in the schedule is not empty");
        let question = question.clone();
        self.remove(&question);
        self.forget_caught_up();
        Some((question, tenant))
    }

    /// The question's turn came elsewhere, and the tenant's line goes on. Whether it stood there.
    pub(super) fn take(&mut self, question: &K) -> bool {
        let stood = self.standing.contains_key(question);
        self.remove(question);
        stood
    }

    /// The first question of each line, in the order of turns.
    pub(super) fn heads(&self) -> impl Iterator<Item = Head<'_, K>> {
        self.schedule.tenants().filter_map(|tenant| {
            let line = self.lines.get(tenant)?;
            let (_, question) = line.waiting.first()?;
            Some(Head { tenant, weight: line.weight, question, waiting: line.waiting.len() })
        })
    }

    /// Takes over the order that all replicas have in common.
    pub(super) fn align(&mut self, order: &Order) {
        self.virtual_time = order.present;
        for line in self.lines.values_mut() {
            line.elsewhere = 0;
        }
        for known in &order.lines {
            let line = self.lines.entry(known.tenant.clone()).or_insert_with(|| Line::new(known.pass, known.weight));
            line.pass = known.pass;
            line.elsewhere = known.elsewhere.min(MOST_ELSEWHERE);
        }
        for (tenant, line) in &mut self.lines {
            line.reschedule(tenant, &mut self.schedule);
        }
        while let Some(tenant) = self.schedule.forget_idle(u64::MAX) {
            self.lines.remove(&tenant);
        }
    }

    /// The tenant's latest turn came to nothing: it is not charged for it.
    pub(super) fn give_back(&mut self, tenant: &TenantId) {
        let Some(line) = self.lines.get_mut(tenant) else { return };
        line.pass = line.pass.saturating_sub(line.stride()).max(self.virtual_time);
        line.reschedule(tenant, &mut self.schedule);
    }

    /// How many turns come before the question's own; `None` if it does not stand anywhere.
    pub(super) fn turns_before(&self, question: &K) -> Option<usize> {
        let places = self.standing.get(question)?;
        places
            .iter()
            .filter_map(|(tenant, place)| {
                let line = self.lines.get(tenant)?;
                // Who stands first has waited the longest of all, elsewhere included, and is bid for by that.
                let elsewhere = if *place > 0 { line.elsewhere } else { 0 };
                let ahead = line.waiting.rank(place) + elsewhere;
                Some(self.count(tenant, line.pass, line.stride(), ahead))
            })
            .min()
    }

    /// How many turns would come before a question that were put at the end of the tenant's line now.
    pub(super) fn turns_before_newcomer(&self, tenant: &TenantId, weight: u32) -> usize {
        match self.lines.get(tenant) {
            Some(line) => self.count(tenant, line.pass.max(self.virtual_time), stride(weight), line.length()),
            None => self.count(tenant, self.virtual_time, stride(weight), 0),
        }
    }

    /// How many turns come before the tenant's next one.
    pub(super) fn turns_before_next_of(&self, tenant: &TenantId) -> usize {
        self.lines.get(tenant).map_or(0, |line| self.count(tenant, line.pass, line.stride(), 0))
    }

    /// How many questions stand in the tenant's line.
    pub(super) fn waiting_of(&self, tenant: &TenantId) -> usize {
        self.lines.get(tenant).map_or(0, |line| line.waiting.len())
    }

    /// Whether nothing waits here.
    pub(super) fn is_empty(&self) -> bool {
        self.standing.is_empty()
    }

    /// The tenants with something waiting, and how much.
    pub(super) fn lengths(&self) -> impl Iterator<Item = (&TenantId, usize)> {
        let waiting = self.schedule.tenants().map(|tenant| (tenant, self.waiting_of(tenant)));
        waiting.filter(|(_, length)| *length > 0)
    }

    /// Own turns before, and each other tenant's turns whose virtual time comes first.
    fn count(&self, tenant: &TenantId, pass: u64, stride: u64, ahead: usize) -> usize {
        let own = u64::try_from(ahead).unwrap_or(u64::MAX);
        let mine = pass.saturating_add(stride.saturating_mul(own));
        let of_own_line = self.lines.get(tenant).map_or(0, |line| line.scheduled.before(mine));
        ahead + self.schedule.before(mine, tenant) - of_own_line
    }

    fn clear(&mut self, tenant: &TenantId, place: Place) {
        let Some(line) = self.lines.get_mut(tenant) else { return };
        line.waiting.remove(&place);
        line.reschedule(tenant, &mut self.schedule);
    }

    /// An idle line is remembered only while its pass lies ahead of the present: else leaving the line and coming back
    /// would be a way to more turns.
    fn forget_caught_up(&mut self) {
        if self.schedule.is_empty() {
            // Nobody waits: virtual time may jump past every idle line without favouring anyone.
            self.virtual_time = self.virtual_time.max(self.schedule.latest_idle().unwrap_or(0));
        }
        while let Some(tenant) = self.schedule.forget_idle(self.virtual_time) {
            self.lines.remove(&tenant);
        }
    }
}

#[cfg(test)]
#[path = "turns_tests.rs"]
mod tests;
