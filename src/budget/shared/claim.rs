//! One run of the claim script: what goes in, and what its answer means.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use super::Shared;
use crate::budget::slots::Ticket;
use crate::budget::turn::{Bid, Named, Order, OrderedLine};
use crate::model::TenantId;
use crate::store::{Arguments, Away, Reply, Topic};

/// More tenants than ever wait at one replica; the others bid when these have had their turns.
const MOST_BIDS: usize = 256;
/// Bids of a replica that has not been heard of for so long count no more.
const BID_LIFE: Duration = Duration::from_secs(3);
/// How long a free slot waits for the replica whose turn it is.
const GRACE: Duration = Duration::from_millis(60);
/// A flight whose replica died is another's after this long.
pub(crate) const FLIGHT_LEASE: Duration = Duration::from_secs(3);
/// What a claim may take to get there; one that comes later has been given up by us.
const ON_ITS_WAY: Duration = Duration::from_millis(100);

/// What a claim came to.
pub(super) struct Claimed {
    pub(super) answer: Answer,
    /// Bids whose questions are asked elsewhere, each with how long that is certain.
    pub(super) parked: Vec<(usize, Duration)>,
    /// When each slot frees, from now.
    pub(super) frees: Vec<Duration>,
    /// `None` where nothing was looked at.
    pub(super) order: Option<Order>,
}

pub(super) enum Answer {
    /// This slot is ours, for this bid.
    Granted { ticket: Ticket, bid: usize },
    /// No slot is free before this has passed.
    Wait(Duration),
    /// A slot is free, and it is another replica's turn.
    Theirs,
    /// The claim came too late to be considered.
    Late,
}

impl Shared {
    /// Bids for the next slot. Bids of an earlier claim are replaced.
    pub(super) async fn claim<K: Named>(&self, bids: &[Bid<K>], asked: Instant) -> Result<Claimed, Away> {
        // It may arrive although its answer does not.
        self.registered.store(!bids.is_empty(), Ordering::Relaxed);
        let reply = self.store.run(&self.claim, self.arguments(bids, asked)).await?;
        // What was asked over an earlier connection says nothing for this one; a slot granted so frees itself.
        if self.store.here_since().is_none_or(|since| since > asked) {
            return Err(Away);
        }
        let claimed = read(&reply).ok_or(Away)?;
        if !matches!(claimed.answer, Answer::Late) {
            self.remember(&claimed, Instant::now());
        }
        Ok(claimed)
    }

    /// Takes back what was bid, so that nobody waits for us to come for our turn.
    pub(super) async fn withdraw(&self) {
        if self.registered.swap(false, Ordering::Relaxed) {
            // Without bids there can be no grant. Should it not arrive, the bids end by themselves.
            let _untold = self.claim::<Nothing>(&[], Instant::now()).await;
        }
    }

    /// Has the slots written where they are missing, so that the wait for what may have been claimed before begins now and not
    /// with the first question.
    pub(super) async fn establish(&self) {
        let _away = self.claim::<Nothing>(&[], Instant::now()).await;
    }

    fn arguments<K: Named>(&self, bids: &[Bid<K>], asked: Instant) -> Arguments {
        let bids = bids.get(..MOST_BIDS).unwrap_or(bids);
        let names: Vec<_> = bids.iter().map(|bid| bid.question.name()).collect();
        let keys = Arguments::default().key("slots").key("turns").key("bids");
        let keys = names.iter().fold(keys, |keys, name| keys.key(format!("flight:{name}")));
        let not_after = self.store.latest_time().map_or(i64::MAX, |latest| latest + micros(ON_ITS_WAY));
        let terms = self.terms();
        let fixed = keys
            .value(self.store.replica())
            .number(not_after)
            .number(self.config.calls)
            .number(micros(terms.lease()))
            .number(micros(terms.longest()))
            .number(micros(terms.lease()))
            .number(micros(BID_LIFE))
            .number(micros(GRACE))
            .number(FLIGHT_LEASE.as_millis())
            .value(self.store.key(Topic::Slots.name()))
            .value(self.store.key("flight:"));
        bids.iter().zip(names).fold(fixed, |arguments, (bid, name)| {
            let age = asked.saturating_duration_since(bid.since);
            arguments.value(bid.tenant.as_str()).number(bid.weight).value(name).number(micros(age)).number(bid.waiting)
        })
    }
}

/// What is bid for by a withdrawal.
struct Nothing;

impl Named for Nothing {
    fn name(&self) -> String {
        String::new()
    }
}

fn read(reply: &[Reply]) -> Option<Claimed> {
    let word = reply.first()?.text()?;
    if word == "late" {
        return Some(Claimed { answer: Answer::Late, parked: Vec::new(), frees: Vec::new(), order: None });
    }
    let [_, detail, parked, frees, present, lines] = reply else { return None };
    let answer = match (word, detail.list()) {
        ("granted", [slot, fence, bid]) => {
            let ticket = Ticket { slot: index(slot)?, fence: u64::try_from(fence.int()?).ok()? };
            Answer::Granted { ticket, bid: index(bid)? }
        }
        ("wait", _) => Answer::Wait(micros_of(detail)?),
        ("theirs", _) => Answer::Theirs,
        _ => return None,
    };
    let parked = parked.list().iter().map(|parked| match parked.list() {
        [bid, left] => Some((index(bid)?, Duration::from_millis(u64::try_from(left.int()?).unwrap_or(0)))),
        _ => None,
    });
    let line = |line: &Reply| match line.list() {
        [tenant, pass, weight, elsewhere] => Some(OrderedLine {
            tenant: TenantId::new(tenant.text()?),
            pass: u64::try_from(pass.int()?).ok()?,
            weight: u32::try_from(weight.int()?).ok()?,
            elsewhere: index(elsewhere)?,
        }),
        _ => None,
    };
    let lines = lines.list().iter().map(line).collect::<Option<_>>()?;
    Some(Claimed {
        answer,
        parked: parked.collect::<Option<_>>()?,
        frees: frees.list().iter().map(micros_of).collect::<Option<_>>()?,
        order: Some(Order { present: u64::try_from(present.int()?).ok()?, lines }),
    })
}

fn index(reply: &Reply) -> Option<usize> {
    usize::try_from(reply.int()?).ok()
}

fn micros_of(reply: &Reply) -> Option<Duration> {
    Some(Duration::from_micros(u64::try_from(reply.int()?).ok()?))
}

pub(super) fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
