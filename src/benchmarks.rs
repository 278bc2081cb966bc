//! The door for `benches/micro`: a benchmark is another crate, and the stages it measures are private. No part of the program.
//!
//! Each function stands for one step that a request takes, by the step's own entry point.

use std::num::NonZeroU32;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use secrecy::SecretString;

use crate::auth::Caller;
use crate::cache::{self, Cache};
use crate::model::{Answer, AppId, Region};
use crate::query::{self, Question};
use crate::queue::benchmarks::{APP, question};
use crate::tenancy::config::{AppConfig, TenantConfig};
use crate::tenancy::{self, Grant, Rate, Registry, Wanted};
use crate::upstream::{Credentials, Draft};

pub use crate::queue::benchmarks::{Asked, Crowd, Departed};

const DAY: Duration = Duration::from_secs(86_400);
/// 2026-11-09T02:07:31Z.
const NOW: i64 = 1_794_190_051;

fn now() -> Timestamp {
    Timestamp::from_second(NOW).expect("within the calendar")
}

fn rules() -> query::Config {
    query::Config {
        zone: TimeZone::get("Asia/Shanghai").expect("the zone database is compiled in"),
        lag: DAY / 3,
        grid: Duration::from_secs(600),
        horizon: 30 * DAY,
        max_window: 7 * DAY,
    }
}

/// The master key's signature under a call.
pub struct Signing {
    credentials: Credentials,
}

impl Default for Signing {
    fn default() -> Self {
        let access_key_id = SecretString::from("AKLTNjYxZTFjOWQyYjlmNGEwMDE3ZTg0M2Nm");
        let secret_access_key = SecretString::from("WmpZeFpURmpPV1F5WWpsbU5HRXdNREUzWlRnME0yTm0=");
        Self { credentials: Credentials { access_key_id, secret_access_key, session_token: None } }
    }
}

impl Signing {
    /// Signs a call and gives back the length of what authorizes it.
    pub fn sign(&self, x_date: &str) -> usize {
        let body_hash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
        let headers = [
            ("content-type", "application/json"),
            ("host", "rtc.volcengineapi.com"),
            ("x-content-sha256", body_hash),
            ("x-date", x_date),
        ];
        let draft = Draft {
            method: "POST",
            path: "/",
            query: &[("Action", "ListOperationDistribution"), ("Version", "2023-11-01")],
            headers: &headers,
            body_hash,
            x_date,
            region: "cn-north-1",
            service: "rtc",
        };
        crate::upstream::sign(&draft, &self.credentials).authorization.len()
    }
}

/// A caller who may read an app.
pub struct Asker {
    grant: Grant,
    rules: query::Config,
}

impl Asker {
    /// The caller, granted an app.
    pub fn new(caller: &Caller) -> Self {
        let app = AppConfig { name: "classroom".into(), id: AppId::parse(APP).expect("an AppId") };
        let rate = Rate { requests_per_second: NonZeroU32::MIN, burst: NonZeroU32::MIN };
        let tenant = TenantConfig { id: caller.tenants().first().clone(), rate, weight: 1, apps: vec![app] };
        let registry = Registry::new(&tenancy::Config { tenants: vec![tenant] });
        let acting = registry.act(caller, Wanted { app: Some("classroom"), tenant: None });
        Self { grant: acting.grant().expect("it was granted").clone(), rules: rules() }
    }

    /// Reads a query string as a question about the app, and says whether it is one.
    pub fn ask(&self, raw: &str) -> bool {
        query::ask(&self.grant, raw, now(), &self.rules).is_ok()
    }
}

/// Held answers.
pub struct Shelf {
    cache: Cache,
    questions: Vec<Question>,
}

impl Shelf {
    /// So many final answers, all of the same rows: what is measured does not look at them.
    pub fn new(answers: usize) -> Self {
        let config = cache::Config { max_bytes: u64::MAX, recent_ttl: DAY, stale_if_error: DAY, stale_if_slow: DAY };
        let cache = Cache::new(config);
        let answer = Answer::new(&[Region { name: "上海".into(), value: 666.0, proportion: 66.66 }], now(), true);
        let questions: Vec<_> = (0..answers).map(question).collect();
        for question in &questions {
            cache.hold(question, answer.clone(), &rules());
        }
        Self { cache, questions }
    }

    /// Looks for the answer of this number, and says whether it is held.
    pub fn look_up(&self, number: usize) -> bool {
        self.questions.get(number % self.questions.len()).is_some_and(|question| self.cache.get(question).is_some())
    }
}
