//! What is asked: far more questions than the budget has calls for, and a few that everybody asks.

use fastrand::Rng;

use crate::fleet::{APPS, TENANTS};
use crate::support::settled_days;

/// The longest window, in days.
const LONGEST: i64 = 7;
/// Days back that windows end, and so begin within thirty days of any clock of the run.
const DAYS: i64 = 27;

/// One question of one tenant.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    /// Its number in `TENANTS`.
    pub(crate) tenant: usize,
    pub(crate) app: usize,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) dim: &'static str,
}

impl Question {
    /// One of more than three thousand of this tenant.
    pub(crate) fn cold(tenant: usize, rng: &mut Rng) -> Self {
        let days = rng.i64(1..=LONGEST);
        let (from, to) = settled_days(rng.i64(1..=DAYS - days), days);
        let dim = *rng.choice(["province", "country"].iter()).unwrap();
        Self { tenant, app: rng.usize(..APPS), from, to, dim }
    }

    /// One of the few that everybody of a tenant asks.
    pub(crate) fn hot(tenant: usize, rng: &mut Rng) -> Self {
        let (from, to) = settled_days(0, rng.i64(1..=2));
        Self { tenant, app: rng.usize(..4), from, to, dim: "province" }
    }

    /// The day that ends now, whenever that is.
    pub(crate) fn moving(tenant: usize, rng: &mut Rng) -> Self {
        let (from, to) = ("now-24h".to_owned(), "now".to_owned());
        Self { tenant, app: rng.usize(..2), from, to, dim: "country" }
    }

    pub(crate) fn is_moving(&self) -> bool {
        self.to == "now"
    }

    pub(crate) fn tenant(&self) -> &'static str {
        TENANTS[self.tenant]
    }

    pub(crate) fn target(&self) -> String {
        let Self { app, from, to, dim, .. } = self;
        format!("/apps/app-{app}/distribution?from={from}&to={to}&dim={dim}")
    }
}
