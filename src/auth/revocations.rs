//! Tokens that count no more although they have not expired: one by its name, or all of a subject or a tenant that
//! were issued before a moment.
//!
//! A revocation is never forgotten while a token could come back that it means: one token's until the token has
//! expired, if that is told, and the others for as long as the process lives.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use jiff::Timestamp;

use super::caller::Caller;

/// What is revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// Whose tokens; `None` for those of every issuer.
    pub issuer: Option<String>,
    /// Which of them.
    pub target: Target,
}

/// Which tokens a revocation means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The one of this name (`jti`).
    Token {
        /// Its name.
        id: String,
        /// When it expires by itself, if known: then the revocation can be forgotten.
        expires_at: Option<Timestamp>,
    },
    /// Those of this subject (`sub`) that were issued before the moment.
    Subject {
        /// The subject.
        subject: String,
        /// The moment.
        issued_before: Timestamp,
    },
    /// Those of this tenant that were issued before the moment.
    Tenant {
        /// The tenant.
        tenant: String,
        /// The moment.
        issued_before: Timestamp,
    },
}

/// As many revocations are kept as may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{MOST} revocations are kept and there is no room for another; revoke the subject or the tenant instead, which takes one entry for all tokens"
)]
pub struct TooMany;

/// A bound on memory, about 20 MB of entries with long names.
const MOST: usize = 100_000;
/// In seconds: the most that an issuer's `leeway` may be.
const LONGEST_LEEWAY: i64 = 300;

/// All that is revoked: for a token with the moment from which on it has expired anyway, for a subject or a tenant with
/// the moment before which what was issued is refused.
#[derive(Default)]
pub(super) struct Revocations(RwLock<HashMap<Name, Timestamp>>);

/// What is revoked: of one issuer or of all, by what kind of name, and the name.
type Name = (Option<Box<str>>, Kind, Box<str>);

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Token,
    Subject,
    Tenant,
}

impl Revocations {
    /// From now on. One that says less than an earlier one changes nothing.
    pub(super) fn add(&self, revocation: Revocation, now: Timestamp) -> Result<(), TooMany> {
        let (kind, name, moment) = match revocation.target {
            Target::Token { id, expires_at } => (Kind::Token, id, expires_at.unwrap_or(Timestamp::MAX)),
            Target::Subject { subject, issued_before } => (Kind::Subject, subject, issued_before),
            Target::Tenant { tenant, issued_before } => (Kind::Tenant, tenant, issued_before),
        };
        let name = (revocation.issuer.map(Box::from), kind, Box::from(name));
        let mut kept = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST {
            let lives =
                |expires_at: &Timestamp| expires_at.as_second().saturating_add(LONGEST_LEEWAY) > now.as_second();
            kept.retain(|(_, kind, _), moment| *kind != Kind::Token || lives(moment));
        }
        if kept.len() >= MOST && !kept.contains_key(&name) {
            return Err(TooMany);
        }
        let known = kept.entry(name).or_insert(moment);
        *known = moment.max(*known);
        Ok(())
    }

    /// Whether a token that holds in all other respects is revoked.
    pub(super) fn mean(&self, caller: &Caller) -> bool {
        let kept = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if kept.is_empty() {
            return false;
        }
        let find = |kind: Kind, name: &str| {
            let of = |issuer: Option<&str>| kept.get(&(issuer.map(Box::from), kind, Box::from(name))).copied();
            of(None).max(of(Some(caller.issuer())))
        };
        // A token that does not say when it was issued may have been issued before.
        let before = |moment: Timestamp| caller.issued_at().is_none_or(|issued_at| issued_at < moment);
        caller.token_id().is_some_and(|id| find(Kind::Token, id).is_some())
            || find(Kind::Subject, caller.subject()).is_some_and(before)
            || caller.tenants().iter().any(|tenant| find(Kind::Tenant, tenant.as_str()).is_some_and(before))
    }

    /// How many are kept.
    pub(super) fn len(&self) -> usize {
        self.0.read().unwrap_or_else(PoisonError::into_inner).len()
    }
}
