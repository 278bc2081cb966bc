//! An answer on its way out, with everything the headers tell about it.

use std::sync::Arc;
use std::time::Duration;

use super::refusal::Refusal;
use crate::cache::{Forms, Freshness};
use crate::model::Answer;
use crate::query::Asked;
use crate::tenancy::Grant;

/// An answer for one caller.
#[derive(Clone, Debug)]
pub struct Served {
    /// Under which grant.
    pub grant: Grant,
    /// The question in the caller's spelling.
    pub asked: Arc<Asked>,
    /// The answer.
    pub answer: Answer,
    /// What was made of it to be served.
    pub forms: Forms,
    /// How fresh it is.
    pub freshness: Freshness,
    /// How it came.
    pub via: Via,
    /// What it took.
    pub spent: Spent,
}

/// No answer for one caller, and what it took all the same.
#[derive(Clone, Debug)]
pub struct Unserved {
    /// Why there is none.
    pub refusal: Refusal,
    /// What it took.
    pub spent: Spent,
}

impl From<Refusal> for Unserved {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, spent: Spent::default() }
    }
}

/// What an answer, or none, took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// How long the question waited for its turn.
    pub waited: Duration,
    /// Calls that were sent for this request and not for one before it.
    pub calls: u32,
}

/// How an answer came: the one vocabulary of header, log and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// It was held and fresh.
    Hit,
    /// It was not held; this caller's question was asked.
    Miss,
    /// It was not held; another caller's flight brought it.
    Joined,
    /// It was held and stale; this caller's question was asked.
    Refreshed,
    /// It was held and stale; another caller's flight brought the new one.
    RefreshedJoined,
    /// It is stale, and stands in because of this refusal.
    StaleOnError(&'static str),
}

impl Via {
    pub(super) fn fetched(was_stale: bool, joined: bool) -> Self {
        match (was_stale, joined) {
            (false, false) => Self::Miss,
            (false, true) => Self::Joined,
            (true, false) => Self::Refreshed,
            (true, true) => Self::RefreshedJoined,
        }
    }

    /// The word for logs and metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Joined => "joined",
            Self::Refreshed => "refreshed",
            Self::RefreshedJoined => "refreshed_joined",
            Self::StaleOnError(_) => "stale",
        }
    }
}
