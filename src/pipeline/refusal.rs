//! Everything that can keep a caller from its answer, each with whose doing it is. HTTP's view of it is `edge::problem`.

use std::time::Duration;

use crate::auth::Rejected;
use crate::model::Blame;
use crate::query::Invalid;
use crate::tenancy::Denied;
use crate::upstream::{Fault, Shut};

/// Why a request gets no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The request carried no token.
    #[error("the request carries no token")]
    NoToken,
    /// The token was refused; the caller is not told why, the log is.
    #[error(transparent)]
    Rejected(Rejected),
    /// The app is not granted to the tenant, or there is no such app.
    #[error("no such app is granted to the tenant")]
    NotGranted,
    /// The app's name means different apps of the caller's tenants.
    #[error("the app's name means different apps of the caller's tenants")]
    AmbiguousApp,
    /// The caller does not speak for the tenant that it chose.
    #[error("the caller does not speak for the tenant that it chose")]
    TenantNotHeld,
    /// The question cannot be asked.
    #[error(transparent)]
    Invalid(Invalid),
    /// The caller wanted to spend nothing, and nothing fresh is held.
    #[error("nothing fresh is held and the caller spends no budget")]
    NotCached,
    /// The wait for a turn exceeds the caller's patience.
    #[error("the wait for a turn exceeds the caller's patience")]
    BudgetExhausted {
        /// Until a turn would come.
        wait: Duration,
        /// The caller asked for less patience than it could have had, and the turn would have come within that.
        impatient: bool,
    },
    /// As many questions of the tenant wait as may.
    #[error("as many questions of the tenant wait as may")]
    LineFull {
        /// Until there is room.
        wait: Duration,
    },
    /// The store that the replicas share is out of reach, so nothing can be asked.
    #[error("the shared store is out of reach")]
    BudgetUnavailable {
        /// Until it is worth trying again.
        wait: Duration,
    },
    /// The call could not be recorded, so it is not made.
    #[error("the record of calls cannot be written")]
    AuditUnavailable,
    /// The upstream fails whatever is asked, so this question was not.
    #[error("the breaker is open: {}", .0.fault)]
    BreakerOpen(Shut),
    /// The question is asked, and the caller waits no longer, because something stale is held for it.
    #[error("the upstream has not answered yet")]
    StillAsked,
    /// The process is stopping.
    #[error("the gateway is stopping")]
    Draining,
    /// The vendor brought no answer.
    #[error(transparent)]
    Upstream(Fault),
    /// The vendor brought no answer a moment ago, and the question rests.
    #[error("the question rests: {fault}")]
    Resting {
        /// What happened.
        fault: Fault,
        /// Until it may be asked again.
        wait: Duration,
    },
    /// A flight's task died.
    #[error("a flight was lost")]
    Lost,
}

impl Refusal {
    /// The words for turns that were not to be had.
    pub const OF_THE_QUEUE: [&str; 6] =
        ["budget_exhausted", "line_full", "budget_unavailable", "audit_unavailable", "breaker_open", "draining"];

    /// Whose doing it is.
    pub fn blame(&self) -> Blame {
        match self {
            Self::Rejected(Rejected::KeysUnavailable { .. })
            | Self::BudgetExhausted { impatient: false, .. }
            | Self::LineFull { .. }
            | Self::BudgetUnavailable { .. }
            | Self::AuditUnavailable
            | Self::Draining
            | Self::Lost => Blame::Gateway,
            Self::NoToken
            | Self::Rejected(_)
            | Self::NotGranted
            | Self::AmbiguousApp
            | Self::TenantNotHeld
            | Self::Invalid(_)
            | Self::BudgetExhausted { impatient: true, .. }
            | Self::NotCached => Blame::Caller,
            Self::StillAsked => Blame::Upstream,
            Self::Upstream(fault) | Self::Resting { fault, .. } | Self::BreakerOpen(Shut { fault, .. }) => {
                fault.kind.blame()
            }
        }
    }

    /// The word for logs, metrics and `Cache-Status`.
    pub fn label(&self) -> &'static str {
        match self {
            Self::NoToken => "no_token",
            Self::Rejected(rejected) => rejected.label(),
            Self::NotGranted => "not_granted",
            Self::AmbiguousApp => "ambiguous_app",
            Self::TenantNotHeld => "tenant_not_held",
            Self::Invalid(Invalid::Parameter { .. }) => "invalid_parameter",
            Self::Invalid(Invalid::WindowTooLong { .. }) => "window_too_long",
            Self::Invalid(Invalid::OutsideHorizon { .. }) => "outside_horizon",
            Self::Invalid(Invalid::WindowInFuture { .. }) => "window_in_future",
            Self::NotCached => "not_cached",
            Self::BudgetExhausted { .. } => "budget_exhausted",
            Self::LineFull { .. } => "line_full",
            Self::BudgetUnavailable { .. } => "budget_unavailable",
            Self::AuditUnavailable => "audit_unavailable",
            Self::BreakerOpen(_) => "breaker_open",
            Self::StillAsked => "still_asked",
            Self::Draining => "draining",
            Self::Upstream(fault) | Self::Resting { fault, .. } => fault.kind.label(),
            Self::Lost => "lost",
        }
    }

    /// Whether it is a turn that was not to be had.
    pub(super) fn is_of_the_queue(&self) -> bool {
        Self::OF_THE_QUEUE.contains(&self.label())
    }

    /// Whether a stale answer is better than this: when the caller did nothing wrong. To be impatient is not wrong.
    pub(super) fn lets_stale_serve(&self) -> bool {
        self.blame() != Blame::Caller || self.is_of_the_queue()
    }
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::NotGranted => Self::NotGranted,
            Denied::Ambiguous => Self::AmbiguousApp,
            Denied::NotHeld => Self::TenantNotHeld,
        }
    }
}
