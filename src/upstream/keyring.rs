//! The master key in force, and the one that is to follow it: tried on one real question before it is believed.
//!
//! The invariant: a call is signed with a key that has not been accepted yet only while no other such call is on its
//! way, so a wrong key costs one call, and no answer of a caller who has patience for another. A key that may not read
//! one app is held against the key before it, which may not read it either where the app is at fault.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::Credentials;
use super::fault::{Fault, Kind};
use crate::model::AppId;

/// Until then, one call about an app that a new key may not read is waited for, which is signed with the key before it.
const COMPARES: SignedDuration = SignedDuration::from_secs(30);
/// Apps that neither key may read should not cost a second call each time that somebody asks for them.
const RESTS: SignedDuration = SignedDuration::from_secs(10);

/// Both keys.
#[derive(Debug)]
pub(super) struct Keyring(Mutex<State>);

#[derive(Debug)]
struct State {
    in_force: Arc<Key>,
    successor: Option<Successor>,
    rejected: Option<(Arc<Key>, Rejection)>,
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
    trial: Trial,
}

/// How far a new key's trial is.
#[derive(Debug)]
enum Trial {
    /// The next call from then on is signed with it.
    Due(Timestamp),
    /// A call that is signed with it is on its way.
    UnderWay,
    /// It may not read this app. Whether the key before it may is what the next call about the app tells.
    Compares { app: AppId, fault: Fault, until: Timestamp },
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
    part: Part,
}

/// What a call is to a new key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// Nothing: it is signed with the key in force.
    None,
    /// It is signed with the new key.
    Tries,
    /// It is signed with the key in force and about the app that the new one may not read.
    Compares,
}

impl Keyring {
    pub(super) fn new(credentials: Credentials, now: Timestamp) -> Self {
        let in_force = Arc::new(Key { credentials, read_at: now });
        Self(Mutex::new(State { in_force, successor: None, rejected: None }))
    }

    /// Has these credentials tried, unless they are in force. Those that waited before them are forgotten, and so is the
    /// refusal of others; their own is known until they are taken.
    pub(super) fn propose(&self, credentials: Credentials, now: Timestamp) {
        let mut state = self.state();
        let waits = state.successor.as_ref().is_some_and(|waiting| waiting.key.credentials.are(&credentials));
        if waits {
            return;
        }
        state.rejected = state.rejected.take().filter(|(rejected, _)| rejected.credentials.are(&credentials));
        let known = state.in_force.credentials.are(&credentials);
        let key = || Arc::new(Key { credentials, read_at: now });
        state.successor = (!known).then(|| Successor { key: key(), trial: Trial::Due(now) });
    }

    /// The key for the next call, which is about this app: the new one, where there is one that no other call is trying.
    pub(super) fn borrow(&self, app: &AppId, now: Timestamp) -> Loan<'_> {
        let mut state = self.state();
        let in_force = Arc::clone(&state.in_force);
        let (key, part) = match &mut state.successor {
            Some(Successor { trial: Trial::Compares { app: denied, .. }, .. }) if denied == app => {
                (in_force, Part::Compares)
            }
            Some(successor) if successor.trial.is_due(now) => {
                successor.trial = Trial::UnderWay;
                (Arc::clone(&successor.key), Part::Tries)
            }
            _ => (in_force, Part::None),
        };
        Loan { ring: self, key, part }
    }

    pub(super) fn standing(&self) -> Standing {
        let state = self.state();
        Standing {
            key_id: state.in_force.credentials.masked_id(),
            read_at: state.in_force.read_at,
            successor: state.successor.as_ref().map(|successor| successor.key.credentials.masked_id()),
            rejected: state.rejected.as_ref().map(|(_, rejection)| rejection.clone()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Trial {
    fn is_due(&self, now: Timestamp) -> bool {
        match self {
            Self::Due(from) => *from <= now,
            Self::UnderWay => false,
            // Nobody asked for the app any more.
            Self::Compares { until, .. } => *until <= now,
        }
    }
}

impl State {
    fn promote(&mut self, successor: Successor) {
        tracing::info!(key_id = successor.key.credentials.masked_id(), "the new master key is in force");
        self.in_force = successor.key;
        self.rejected = None;
    }

    fn reject(&mut self, successor: &Successor, fault: Fault, now: Timestamp) {
        let key_id = successor.key.credentials.masked_id();
        tracing::error!(
            key_id,
            why = fault.kind.label(),
            code = fault.code.map(super::Code::as_str),
            "the new master key was refused; the one before stays in force"
        );
        self.rejected = Some((Arc::clone(&successor.key), Rejection { key_id, at: now, fault }));
    }
}

impl Loan<'_> {
    /// The call about this app has ended like this. `true` where that may be the new key's fault: the old one is worth
    /// another call.
    pub(super) fn judge(mut self, app: &AppId, fault: Option<&Fault>, now: Timestamp) -> bool {
        match std::mem::replace(&mut self.part, Part::None) {
            Part::None => {
                if let Some(fault) = fault.filter(|fault| fault.kind == Kind::Credentials) {
                    let key_id = self.key.credentials.masked_id();
                    tracing::error!(
                        key_id,
                        code = fault.code.map(super::Code::as_str),
                        "the master key in force is refused: nothing is answered until another is configured"
                    );
                }
                false
            }
            Part::Tries => self.tried(app, fault, now),
            Part::Compares => {
                self.compared(app, fault, now);
                false
            }
        }
    }

    fn tried(&self, app: &AppId, fault: Option<&Fault>, now: Timestamp) -> bool {
        let worth_another = fault.is_some_and(|fault| matches!(fault.kind, Kind::Credentials | Kind::Denied));
        let mut state = self.ring.state();
        let tried = |successor: &mut Successor| Arc::ptr_eq(&successor.key, &self.key);
        // Where another was read meanwhile, this one's fate does not matter any more.
        let Some(mut successor) = state.successor.take_if(tried) else { return worth_another };
        successor.trial = match fault {
            Some(fault) if fault.kind == Kind::Credentials => {
                state.reject(&successor, fault.clone(), now);
                return worth_another;
            }
            Some(fault) if fault.kind == Kind::Denied => {
                Trial::Compares { app: app.clone(), fault: fault.clone(), until: later(now, COMPARES) }
            }
            fault if accepts_the_signature(fault) => {
                state.promote(successor);
                return worth_another;
            }
            _ => Trial::Due(now),
        };
        state.successor = Some(successor);
        worth_another
    }

    /// The key in force was asked for the app that the new one may not read.
    fn compared(&self, app: &AppId, fault: Option<&Fault>, now: Timestamp) {
        let mut state = self.ring.state();
        let of_this = |successor: &mut Successor| matches!(&successor.trial, Trial::Compares { app: denied, .. } if denied == app);
        let Some(mut successor) = state.successor.take_if(of_this) else { return };
        if accepts_the_signature(fault) {
            if let Trial::Compares { fault, .. } = std::mem::replace(&mut successor.trial, Trial::UnderWay) {
                state.reject(&successor, fault, now);
            }
            return;
        }
        if fault.is_some_and(|fault| fault.kind == Kind::Denied) {
            successor.trial = Trial::Due(later(now, RESTS));
        }
        state.successor = Some(successor);
    }
}

/// Dropped without a judgement, the call told nothing: the next one tries.
impl Drop for Loan<'_> {
    fn drop(&mut self) {
        if self.part == Part::Tries {
            let mut state = self.ring.state();
            if let Some(successor) = &mut state.successor
                && Arc::ptr_eq(&successor.key, &self.key)
            {
                successor.trial = Trial::Due(Timestamp::UNIX_EPOCH);
            }
        }
    }
}

/// Only who accepted the signature answers, or looks at what is asked for. Whatever else refuses a request may stand
/// before that, and before the vendor.
fn accepts_the_signature(fault: Option<&Fault>) -> bool {
    fault.is_none_or(|fault| fault.code.is_some_and(super::Code::is_of_the_question))
}

fn later(now: Timestamp, by: SignedDuration) -> Timestamp {
    now.saturating_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
#[path = "keyring_tests.rs"]
mod tests;
