//! What is said of a slot after its claim: that it frees, or that it is still held because its call may not have been
//! written yet. What gets lost on the way is made up for by the lease: the slot frees by itself, and later.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::Shared;
use super::claim::micros;
use super::terms::Ending;
use crate::budget::permit::Tenure;
use crate::budget::slots::Ticket;
use crate::budget::turn::stride;
use crate::model::TenantId;
use crate::store::{Arguments, Away, Reply, Topic};

/// Between two words about a call that has not arrived: three may get lost before the tenure ends. Sooner where less is left
/// of it, because the record of the call took its time, or words got lost.
const PROLONG: Duration = Duration::from_millis(150);
/// Never more often than this.
const SOONEST: Duration = Duration::from_millis(25);

/// What is told of a slot.
#[derive(Clone, Debug, Default)]
pub(super) struct Word {
    /// When it frees, from now on; `None` leaves it as it is.
    pub(super) frees: Option<Duration>,
    /// The vendor said that we were too fast.
    pub(super) throttled: bool,
    /// The tenant whose turn came to nothing, and its weight.
    pub(super) give_back: Option<(TenantId, u32)>,
}

impl Shared {
    /// Tells it, without waiting for the answer.
    pub(super) fn tell(&self, ticket: Ticket, word: Word) {
        let Some(shared) = self.own.upgrade() else { return };
        tokio::spawn(async move {
            if shared.say(ticket, word).await.is_err() {
                tracing::debug!(slot = ticket.slot, "not told that a slot frees; it does so by itself");
            }
        });
    }

    /// Prolongs the tenure until the call has arrived, for as long as the store lets us.
    pub(super) fn keep_up(&self, ticket: Ticket, tenure: Tenure) {
        let Some(shared) = self.own.upgrade() else { return };
        tokio::spawn(async move {
            loop {
                let Some(end) = tenure.ends() else { return };
                let left = end.saturating_duration_since(Instant::now());
                sleep(PROLONG.min(left / 3).max(SOONEST)).await;
                if tenure.ends().is_none() {
                    return;
                }
                let asked = Instant::now();
                let terms = shared.terms();
                let word = Word { frees: Some(terms.frees_in(Ending::Open)), ..Word::default() };
                match shared.say(ticket, word).await {
                    Ok(true) => tenure.prolong(terms.written_by(asked)),
                    // Another has it, or it was forgotten there: what is not written by now must not be.
                    Ok(false) => return tenure.end(),
                    Err(Away) => {}
                }
            }
        });
    }

    /// Whether the slot is still ours.
    async fn say(&self, ticket: Ticket, word: Word) -> Result<bool, Away> {
        let throttles = if word.throttled { self.store.key(Topic::Throttled.name()) } else { String::new() };
        let (tenant, stride) =
            word.give_back.map_or((String::new(), 0), |(tenant, weight)| (tenant.to_string(), stride(weight)));
        let arguments = Arguments::default()
            .key("slots")
            .key("turns")
            .number(ticket.slot)
            .value(self.store.replica())
            .number(ticket.fence)
            .value(word.frees.map_or(String::new(), |frees| micros(frees).to_string()))
            .value(self.store.key(Topic::Slots.name()))
            .value(throttles)
            .value(tenant)
            .number(stride);
        let reply = self.store.run(&self.settle, arguments).await?;
        Ok(reply.first().and_then(Reply::int) == Some(1))
    }
}
