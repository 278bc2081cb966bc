//! The tenants' own request rates, counted by `tower_governor`'s limiter: one bucket for each verified tenant.
//!
//! The layer of that crate has one quota for all keys, whole seconds only and a plain-text refusal; so the buckets are
//! asked here, and the crate stays behind this file.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use governor::clock::Clock as _;
use governor::middleware::StateInformationMiddleware;
use http::{HeaderMap, HeaderName, HeaderValue};
use tower_governor::governor::{GovernorConfig, GovernorConfigBuilder};
use tower_governor::key_extractor::GlobalKeyExtractor;

use crate::model::TenantId;
use crate::tenancy::{Rate, Tenant};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// One bucket a tenant, made when it first comes; their number is bounded by the configuration.
#[derive(Debug, Default)]
pub(super) struct RateLimits(RwLock<HashMap<TenantId, Arc<Bucket>>>);

#[derive(Debug)]
struct Bucket {
    rate: Rate,
    config: GovernorConfig<GlobalKeyExtractor, StateInformationMiddleware>,
}

/// How a tenant stands after a request was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Allowance {
    rate: Rate,
    remaining: u32,
    /// Set when the request is one too many: when the next would be taken.
    pub(super) wait: Option<Duration>,
}

/// What callers share whose tenant is not configured: they are granted nothing, and need not ask often.
const STRANGERS: Rate = Rate { requests_per_second: NonZeroU32::new(10).unwrap(), burst: NonZeroU32::new(20).unwrap() };

impl RateLimits {
    /// Counts a request of a configured tenant, or of any that is not.
    pub(super) fn count(&self, tenant: Option<&Tenant>) -> Allowance {
        let bucket = match tenant {
            Some(tenant) => self.bucket(tenant.id(), tenant.rate()),
            // No tenant can have an empty name.
            None => self.bucket(&TenantId::new(""), STRANGERS),
        };
        let limiter = bucket.config.limiter();
        match limiter.check_key(&()) {
            Ok(state) => Allowance { rate: bucket.rate, remaining: state.remaining_burst_capacity(), wait: None },
            Err(too_early) => {
                let wait = too_early.wait_time_from(limiter.clock().now());
                Allowance { rate: bucket.rate, remaining: 0, wait: Some(wait) }
            }
        }
    }

    /// The tenant's bucket; a new one when a reload changed its rate.
    fn bucket(&self, tenant: &TenantId, rate: Rate) -> Arc<Bucket> {
        let fits = |bucket: &&Arc<Bucket>| bucket.rate == rate;
        if let Some(bucket) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(tenant).filter(fits) {
            return Arc::clone(bucket);
        }
        let mut buckets = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = buckets.get(tenant).filter(fits) {
            return Arc::clone(bucket);
        }
        let bucket = Arc::new(Bucket::new(rate));
        buckets.insert(tenant.clone(), Arc::clone(&bucket));
        bucket
    }
}

impl Bucket {
    fn new(rate: Rate) -> Self {
        let period = Duration::from_secs(1) / rate.requests_per_second.get();
        let config = GovernorConfigBuilder::default()
            .period(period)
            .burst_size(rate.burst.get())
            .key_extractor(GlobalKeyExtractor)
            .use_headers()
            .finish()
            .expect("a period and a burst above zero make a quota");
        Self { rate, config }
    }
}

impl Allowance {
    /// `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers): a full bucket of `burst` refills in
    /// `w` seconds; `r` requests are left now, and all of them again in `t` seconds.
    pub(super) fn write(&self, headers: &mut HeaderMap) {
        let quota = self.rate.burst.get();
        let refill = |missing: u32| missing.div_ceil(self.rate.requests_per_second.get());
        let policy = format!("\"tenant\";q={quota};w={}", refill(quota).max(1));
        let standing = format!("\"tenant\";r={};t={}", self.remaining, refill(quota.saturating_sub(self.remaining)));
        for (name, value) in [(RATE_LIMIT_POLICY, policy), (RATE_LIMIT, standing)] {
            headers.insert(name, HeaderValue::from_str(&value).expect("digits and marks can stand in a header"));
        }
    }
}
