//! The tenants' own request rates, counted by `tower_governor`'s limiter: one bucket for each verified tenant.
//!
//! The layer of that crate has one quota for all keys, whole seconds only and a plain-text refusal; so the buckets are
//! asked here, and the crate stays behind this file.

use std::collections::HashMap;
use std::io::Write as _;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use foldhash::quality::RandomState;
use governor::clock::Clock as _;
use governor::middleware::StateInformationMiddleware;
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::time::Instant;
use tower_governor::governor::{GovernorConfig, GovernorConfigBuilder};
use tower_governor::key_extractor::GlobalKeyExtractor;

use crate::model::TenantId;
use crate::telemetry::RequestCounts;
use crate::tenancy::{Rate, Tenant};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// One bucket a tenant, made when it first comes. One that is full again is as good as none, and goes with the next
/// sweep: so those stay that were used within their time of refilling, whatever reloads do to the tenants.
#[derive(Debug)]
pub(super) struct RateLimits {
    buckets: RwLock<HashMap<TenantId, Arc<Bucket>, RandomState>>,
    began: Instant,
    /// When the next sweep is due, in seconds from the beginning.
    sweep_at: AtomicU64,
}

#[derive(Debug)]
struct Bucket {
    rate: Rate,
    policy: HeaderValue,
    /// Where the tenant's hits are counted: found with the bucket, they need no search of their own.
    hits: Hits,
    config: GovernorConfig<GlobalKeyExtractor, StateInformationMiddleware>,
}

/// Where a tenant's hits are counted, once there was one.
#[derive(Debug, Default)]
pub(super) struct Hits {
    pub(super) given: OnceLock<RequestCounts>,
    pub(super) not_modified: OnceLock<RequestCounts>,
}

/// How a tenant stands after a request was counted.
#[derive(Clone, Debug)]
pub(super) struct Allowance {
    bucket: Arc<Bucket>,
    remaining: u32,
    /// Set when the request is one too many: when the next would be taken.
    pub(super) wait: Option<Duration>,
}

/// What callers share whose tenant is not configured: they are granted nothing, and need not ask often.
const STRANGERS: Rate = Rate { requests_per_second: NonZeroU32::new(10).unwrap(), burst: NonZeroU32::new(20).unwrap() };

/// Between sweeps.
const SWEEP_SECONDS: u64 = 60;

impl Default for RateLimits {
    fn default() -> Self {
        Self { buckets: RwLock::default(), began: Instant::now(), sweep_at: AtomicU64::new(SWEEP_SECONDS) }
    }
}

impl RateLimits {
    /// Counts a request of a configured tenant, or of any that is not.
    pub(super) fn count(&self, tenant: Option<&Tenant>, now: Instant) -> Allowance {
        self.sweep_in_time(now);
        match tenant {
            Some(tenant) => self.take(tenant.id(), tenant.rate()),
            // No tenant can have an empty name.
            None => self.take(&TenantId::new(""), STRANGERS),
        }
    }

    fn take(&self, tenant: &TenantId, rate: Rate) -> Allowance {
        let bucket = self.bucket(tenant, rate);
        let limiter = bucket.config.limiter();
        let (remaining, wait) = match limiter.check_key(&()) {
            Ok(state) => (state.remaining_burst_capacity(), None),
            Err(too_early) => (0, Some(too_early.wait_time_from(limiter.clock().now()))),
        };
        Allowance { bucket, remaining, wait }
    }

    /// The tenant's bucket; a new one when a reload changed its rate.
    fn bucket(&self, tenant: &TenantId, rate: Rate) -> Arc<Bucket> {
        let fits = |bucket: &&Arc<Bucket>| bucket.rate == rate;
        if let Some(bucket) = self.buckets.read().unwrap_or_else(PoisonError::into_inner).get(tenant).filter(fits) {
            return Arc::clone(bucket);
        }
        let mut buckets = self.buckets.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = buckets.get(tenant).filter(fits) {
            return Arc::clone(bucket);
        }
        let bucket = Arc::new(Bucket::new(rate));
        buckets.insert(tenant.clone(), Arc::clone(&bucket));
        bucket
    }
}

impl RateLimits {
    fn sweep_in_time(&self, now: Instant) {
        let (now, due) = (now.saturating_duration_since(self.began).as_secs(), self.sweep_at.load(Ordering::Relaxed));
        let next = now + SWEEP_SECONDS;
        // Whoever moves it on sweeps.
        if now >= due && self.sweep_at.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            self.sweep();
        }
    }

    fn sweep(&self) {
        let mut buckets = self.buckets.write().unwrap_or_else(PoisonError::into_inner);
        buckets.retain(|_, bucket| !bucket.is_full());
        buckets.shrink_to_fit();
    }
}

impl Bucket {
    fn is_full(&self) -> bool {
        let limiter = self.config.limiter();
        limiter.retain_recent();
        limiter.is_empty()
    }

    fn new(rate: Rate) -> Self {
        let period = Duration::from_secs(1) / rate.requests_per_second.get();
        let config = GovernorConfigBuilder::default()
            .period(period)
            .burst_size(rate.burst.get())
            .key_extractor(GlobalKeyExtractor)
            .use_headers()
            .finish()
            .expect("a period and a burst above zero make a quota");
        Self { rate, policy: policy(rate), hits: Hits::default(), config }
    }
}

/// A full bucket of `burst` refills in `w` seconds.
fn policy(rate: Rate) -> HeaderValue {
    let quota = rate.burst.get();
    let policy = format!("\"tenant\";q={quota};w={}", rate.refill(quota).max(1));
    HeaderValue::from_str(&policy).expect("digits and marks can stand in a header")
}

impl Allowance {
    /// Where the tenant's hits are counted.
    pub(super) fn hits(&self) -> &Hits {
        &self.bucket.hits
    }

    /// `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers): `r` requests are left now, and all of
    /// them again in `t` seconds.
    pub(super) fn write(&self, headers: &mut HeaderMap) {
        let Bucket { rate, policy, .. } = &*self.bucket;
        let missing = rate.burst.get().saturating_sub(self.remaining);
        let mut standing = [0; LONGEST_STANDING];
        let mut rest = standing.as_mut_slice();
        for (words, number) in [("\"tenant\";r=", self.remaining), (";t=", rate.refill(missing))] {
            for part in [words, itoa::Buffer::new().format(number)] {
                rest.write_all(part.as_bytes()).expect("it is as long as two numbers can be");
            }
        }
        let length = LONGEST_STANDING - rest.len();
        let standing = standing.get(..length).and_then(|standing| HeaderValue::from_bytes(standing).ok());
        headers.insert(RATE_LIMIT_POLICY, policy.clone());
        headers.insert(RATE_LIMIT, standing.expect("digits and marks can stand in a header"));
    }
}

/// With two numbers of ten digits.
const LONGEST_STANDING: usize = 36;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::time::sleep;

    use super::*;

    fn rate(requests_per_second: u32, burst: u32) -> Rate {
        let above_zero = |number| NonZeroU32::new(number).unwrap();
        Rate { requests_per_second: above_zero(requests_per_second), burst: above_zero(burst) }
    }

    fn held(limits: &RateLimits) -> usize {
        limits.buckets.read().unwrap().len()
    }

    /// Asks until it is refused; how many were taken, and the wait.
    fn exhaust(limits: &RateLimits, tenant: &TenantId, rate: Rate) -> (u32, Duration) {
        let mut taken = 0;
        loop {
            match limits.take(tenant, rate).wait {
                None => taken += 1,
                Some(wait) => return (taken, wait),
            }
        }
    }

    #[tokio::test]
    async fn who_comes_back_when_told_is_taken_and_no_sooner() {
        let limits = RateLimits::default();
        let cases = [(1, 1), (1, 3), (2, 1), (3, 7), (7, 2), (999, 1)].map(|(per_second, burst)| {
            let (tenant, rate) = (TenantId::new(&format!("{per_second}-{burst}")), rate(per_second, burst));
            let (taken, wait) = exhaust(&limits, &tenant, rate);
            // Some may have come back while it asked.
            assert!(taken >= burst && wait <= Duration::from_secs(1) / per_second, "{taken} {wait:?}");
            (tenant, rate, wait, Instant::now())
        });
        for (tenant, rate, wait, told) in cases {
            if wait > Duration::from_millis(100) && told.elapsed() < wait / 2 {
                assert!(limits.take(&tenant, rate).wait.is_some(), "{tenant}: too early");
            }
            sleep((told + wait).saturating_duration_since(Instant::now())).await;
            assert!(limits.take(&tenant, rate).wait.is_none(), "{tenant}: told {wait:?}");
        }
    }

    #[tokio::test]
    async fn full_buckets_are_swept_and_those_in_use_stay() {
        let limits = RateLimits::default();
        let (slow, tenants) = (TenantId::new("slow"), (0..1000).map(|number| TenantId::new(&format!("{number}"))));
        exhaust(&limits, &slow, rate(1, 5));
        for tenant in tenants {
            limits.take(&tenant, rate(1000, 1));
        }
        assert_eq!(held(&limits), 1001);
        sleep(Duration::from_millis(20)).await;
        limits.sweep();
        assert_eq!(held(&limits), 1);
        assert!(limits.take(&slow, rate(1, 5)).wait.is_some(), "it is not given another burst");
    }

    #[tokio::test(start_paused = true)]
    async fn a_sweep_comes_with_a_request_once_a_minute() {
        let limits = RateLimits::default();
        limits.take(&TenantId::new("a"), rate(1_000_000, 1));
        limits.count(None, Instant::now());
        assert_eq!(held(&limits), 2);
        tokio::time::advance(Duration::from_secs(SWEEP_SECONDS)).await;
        limits.count(None, Instant::now());
        assert_eq!(held(&limits), 1, "only that of the strangers is in use");
    }

    #[test]
    fn another_rate_is_another_bucket_and_strangers_share_one() {
        let limits = RateLimits::default();
        let tenant = TenantId::new("a");
        exhaust(&limits, &tenant, rate(1, 1));
        assert_eq!(limits.take(&tenant, rate(2, 9)).remaining, 8, "a reload gave it more");
        let first = limits.count(None, Instant::now());
        assert_eq!(first.bucket.rate, STRANGERS);
        assert!(limits.count(None, Instant::now()).remaining < first.remaining);
        assert_eq!(held(&limits), 2);
    }

    proptest! {
        /// The headers say no more than is so: a full bucket within `w`, all requests back within `t`.
        #[test]
        fn the_headers_are_true(per_second in 1_u32..=1_000_000, burst in 1_u32..=1_000_000, left in 0_u32..=1_000_000) {
            let remaining = left.min(burst);
            let bucket = Arc::new(Bucket::new(rate(per_second, burst)));
            let allowance = Allowance { bucket, remaining, wait: None };
            let mut headers = HeaderMap::new();
            allowance.write(&mut headers);
            let number = |name: HeaderName, mark: &str| -> u64 {
                let text = headers[name].to_str().unwrap();
                text.split(';').find_map(|part| part.strip_prefix(mark)).unwrap().parse().unwrap()
            };
            prop_assert_eq!(number(RATE_LIMIT_POLICY, "q="), u64::from(burst));
            prop_assert_eq!(number(RATE_LIMIT, "r="), u64::from(remaining));
            let refilled = |seconds: u64| seconds * u64::from(per_second);
            prop_assert!(refilled(number(RATE_LIMIT, "t=")) >= u64::from(burst - remaining));
            let window = number(RATE_LIMIT_POLICY, "w=");
            prop_assert!(window >= 1 && refilled(window) >= u64::from(burst));
        }
    }
}
