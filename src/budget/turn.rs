//! A turn: a permit, and the question that it was given for. In one process the queue says whose turn it is; over several
//! replicas all of them bid, and the script that takes the slot chooses.

use tokio::time::Instant;

use super::Permit;
use crate::model::TenantId;

/// The virtual time of a turn of weight 1. Divisible by every weight up to 10 and fine enough for the others.
pub(crate) const STRIDE: u64 = 5_040_000;

/// The virtual time of a turn of this weight: as `claim.lua` has it.
pub(crate) fn stride(weight: u32) -> u64 {
    STRIDE / u64::from(weight.max(1))
}

/// A question by which all replicas know it.
pub trait Named {
    /// The same text wherever the question is asked, and another for every other question.
    fn name(&self) -> String;
}

/// The first question in a tenant's line, offered for the next slot.
#[derive(Clone, Debug)]
pub struct Bid<K> {
    /// The question.
    pub question: K,
    /// In whose line it stands.
    pub tenant: TenantId,
    /// The tenant's turns for each turn of a tenant of weight 1.
    pub weight: u32,
    /// Since when it has been asked for.
    pub since: Instant,
    /// How many questions stand in the line, this one included.
    pub waiting: usize,
}

/// The right to one call.
#[derive(Debug)]
pub struct Turn<K> {
    /// The slot.
    pub permit: Permit,
    /// For which question of which tenant; `None` where the queue's own order decides.
    pub whose: Option<(K, TenantId)>,
}

/// How the common order of turns stands, as of the latest claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The virtual time of the latest turn.
    pub present: u64,
    /// Every tenant with something waiting anywhere.
    pub lines: Vec<OrderedLine>,
}

/// One tenant in the common order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderedLine {
    /// The tenant.
    pub tenant: TenantId,
    /// The virtual time of its next turn.
    pub pass: u64,
    /// Its weight.
    pub weight: u32,
    /// How many of its questions wait at other replicas.
    pub elsewhere: usize,
}

/// The waiting questions, as the budget sees them.
pub trait Floor<K> {
    /// The first question of each line, in the order of turns.
    fn bids(&self) -> Vec<Bid<K>>;

    /// Ends when the bids may have changed.
    fn changed(&self) -> impl Future<Output = ()> + Send;

    /// Another replica asks the question. Unless its answer comes first, look again then.
    fn asked_elsewhere(&self, question: &K, again: Instant);

    /// The order of turns as it stands; `None` where it cannot be known at present.
    fn align(&self, order: Option<&Order>);
}
