//! What `claim.lua` and `settle.lua` do to the slots, in Rust: quick enough to be run in every state there is. A test holds
//! it against the scripts themselves in a real server (`script_tests.rs`), so that the two cannot drift apart.
//!
//! Whose turn it is among those that bid is not its subject: here there is always somebody who wants the slot.

/// The hash `slots`. Times are microseconds by the store's clock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Hash {
    pub(super) run_id: Option<u8>,
    pub(super) slots: Vec<Fields>,
}

/// What it holds of one slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Fields {
    pub(super) owner: Option<u8>,
    pub(super) fence: Option<i64>,
    pub(super) until: Option<i64>,
}

/// The lengths that a claim brings with it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lengths {
    pub(super) hold: i64,
    pub(super) longest: i64,
    pub(super) pause: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Late,
    Granted {
        slot: usize,
        fence: i64,
    },
    Wait(i64),
    /// A slot is free, and nobody bids.
    Idle,
}

impl Hash {
    /// One that holds as many slots, and nothing of them.
    pub(super) fn of(calls: usize) -> Self {
        Self { run_id: None, slots: vec![Fields::default(); calls] }
    }

    pub(super) fn forget(&mut self) {
        *self = Self::of(self.slots.len());
    }

    /// A claim by `me` at a server of this `run_id`; `bids`, where it wants the slot and not only the slots written.
    pub(super) fn claim(
        &mut self,
        run_id: u8,
        now: i64,
        me: u8,
        bids: bool,
        not_after: i64,
        lengths: Lengths,
    ) -> Answer {
        if now > not_after {
            return Answer::Late;
        }
        if self.run_id != Some(run_id) {
            self.forget();
            self.run_id = Some(run_id);
        }
        for fields in &mut self.slots {
            let ends = fields.until.unwrap_or(now + lengths.pause);
            fields.until = Some(ends.min(now + lengths.longest));
        }
        let ends = self.slots.iter().enumerate().filter_map(|(slot, fields)| Some((fields.until?, slot)));
        let Some((first, slot)) = ends.min() else { return Answer::Idle };
        if first > now {
            return Answer::Wait(first - now);
        }
        if !bids {
            return Answer::Idle;
        }
        let fields = &mut self.slots[slot];
        let fence = now.max(fields.fence.unwrap_or(0) + 1);
        *fields = Fields { owner: Some(me), fence: Some(fence), until: Some(now + lengths.hold) };
        Answer::Granted { slot, fence }
    }

    /// The owner's word that the slot frees in so long; whether it is the owner.
    pub(super) fn settle(&mut self, now: i64, slot: usize, owner: u8, fence: i64, frees: Option<i64>) -> bool {
        let fields = &mut self.slots[slot];
        let owns = fields.owner == Some(owner) && fields.fence == Some(fence);
        if let Some(frees) = frees.filter(|_| owns) {
            fields.until = Some(now + frees);
        }
        owns
    }
}
