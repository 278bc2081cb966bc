//! The master key in force, and the one that is to follow it: tried on one real question before it is believed.
//!
//! The invariant: a call is signed with a key that has not been accepted yet only while no other such call is on its
//! way, so a wrong key costs one call, and no answer of a caller who has patience for another.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::Credentials;
use super::fault::{Fault, Kind};

/// Both keys.
#[derive(Debug)]
pub(super) struct Keyring(Mutex<State>);

#[derive(Debug)]
struct State {
    in_force: Arc<Key>,
    successor: Option<Successor>,
    rejected: Option<Rejection>,
}

/// A key and since when it is known here.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) credentials: Credentials,
    read_at: Timestamp,
}

#[derive(Debug)]
struct Successor {
    key: Arc<Key>,
    /// A call that is signed with it is on its way.
    on_trial: bool,
}

/// A new key that the vendor did not take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// Which, as `Credentials::masked_id` shows it.
    pub key_id: String,
    /// When.
    pub at: Timestamp,
    /// What the vendor said.
    pub fault: Fault,
}

/// What `/status` shows of the master key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The key that calls are signed with, as `Credentials::masked_id` shows it.
    pub key_id: String,
    /// When it was read from the configuration.
    pub read_at: Timestamp,
    /// The new key that waits to be tried on a question.
    pub successor: Option<String>,
    /// The new key that was refused, until another is read.
    pub rejected: Option<Rejection>,
}

/// The key that one call is signed with.
#[derive(Debug)]
pub(super) struct Loan<'a> {
    ring: &'a Keyring,
    pub(super) key: Arc<Key>,
    on_trial: bool,
}

impl Keyring {
    pub(super) fn new(credentials: Credentials, now: Timestamp) -> Self {
        let in_force = Arc::new(Key { credentials, read_at: now });
        Self(Mutex::new(State { in_force, successor: None, rejected: None }))
    }

    /// Has these credentials tried, unless they are in force. Those that waited before them are forgotten, and so is the
    /// refusal of others.
    pub(super) fn propose(&self, credentials: Credentials, now: Timestamp) {
        let mut state = self.state();
        let waits = state.successor.as_ref().is_some_and(|waiting| waiting.key.credentials.are(&credentials));
        if waits {
            return;
        }
        state.rejected = None;
        let known = state.in_force.credentials.are(&credentials);
        state.successor =
            (!known).then(|| Successor { key: Arc::new(Key { credentials, read_at: now }), on_trial: false });
    }

    /// The key for the next call: the new one, where there is one that no other call is trying.
    pub(super) fn borrow(&self) -> Loan<'_> {
        let mut state = self.state();
        match &mut state.successor {
            Some(successor) if !successor.on_trial => {
                successor.on_trial = true;
                Loan { ring: self, key: Arc::clone(&successor.key), on_trial: true }
            }
            _ => Loan { ring: self, key: Arc::clone(&state.in_force), on_trial: false },
        }
    }

    pub(super) fn standing(&self) -> Standing {
        let state = self.state();
        Standing {
            key_id: state.in_force.credentials.masked_id(),
            read_at: state.in_force.read_at,
            successor: state.successor.as_ref().map(|successor| successor.key.credentials.masked_id()),
            rejected: state.rejected.clone(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Loan<'_> {
    /// The call has ended like this. `true` where that was the new key's fault: the old one is worth another call.
    pub(super) fn judge(mut self, fault: Option<&Fault>, now: Timestamp) -> bool {
        if !std::mem::take(&mut self.on_trial) {
            return false;
        }
        let mut state = self.ring.state();
        let Some(successor) = state.successor.take_if(|successor| Arc::ptr_eq(&successor.key, &self.key)) else {
            // Another was read meanwhile, so this one's fate does not matter any more.
            return fault.is_some_and(|fault| speaks_of_the_key(fault.kind));
        };
        match fault {
            Some(fault) if speaks_of_the_key(fault.kind) => {
                let key_id = successor.key.credentials.masked_id();
                tracing::error!(key_id, why = %fault, code = fault.code.map(super::Code::as_str),
                    "the new master key was refused; the one before stays in force");
                state.rejected = Some(Rejection { key_id, at: now, fault: fault.clone() });
                true
            }
            // Only who accepted the signature looks at the question.
            None | Some(Fault { kind: Kind::Refused, .. }) => {
                tracing::info!(key_id = successor.key.credentials.masked_id(), "the new master key is in force");
                state.in_force = successor.key;
                false
            }
            Some(_) => {
                state.successor = Some(Successor { on_trial: false, ..successor });
                false
            }
        }
    }
}

/// Dropped without a judgement, the call told nothing: the next one tries.
impl Drop for Loan<'_> {
    fn drop(&mut self) {
        if self.on_trial {
            let mut state = self.ring.state();
            if let Some(successor) = &mut state.successor
                && Arc::ptr_eq(&successor.key, &self.key)
            {
                successor.on_trial = false;
            }
        }
    }
}

fn speaks_of_the_key(kind: Kind) -> bool {
    matches!(kind, Kind::Credentials | Kind::Denied)
}
