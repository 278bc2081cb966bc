//! What a simulator is told before it starts, and the guesses made where the vendor is silent.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use http::StatusCode;

use super::order::Order;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Everything that can be set; [`Default`] is the documented vendor with made-up keys.
#[derive(Clone)]
pub struct Settings {
    /// Where to listen; port 0 takes any free one.
    pub listen: SocketAddr,
    /// The only access key that exists.
    pub access_key_id: String,
    /// Its secret.
    pub secret_access_key: String,
    /// When given, calls must carry it as `X-Security-Token`; when not, they must carry none.
    pub session_token: Option<String>,
    /// Another key of the account and its secret: while keys are rotated, both count.
    pub second_key: Option<(String, String)>,
    /// The region of the credential scope.
    pub region: String,
    /// The service of the credential scope.
    pub service: String,
    /// The only `Version` served.
    pub version: String,
    /// Spellings of `Indicator` that are accepted. The vendor's text and its samples disagree.
    pub indicators: Vec<String>,
    /// Spellings of `Dimension` that mean first-level regions.
    pub provinces: Vec<String>,
    /// Spellings of `Dimension` that mean countries.
    pub countries: Vec<String>,
    /// Calls admitted within any window of `per`.
    pub limit: usize,
    /// The length of that window.
    pub per: Duration,
    /// How a call beyond the limit is answered; undocumented.
    pub throttle_answer: ThrottleAnswer,
    /// The HTTP status of errors raised behind the vendor's gateway; undocumented.
    pub reject_status: RejectStatus,
    /// The HTTP status of `InvalidTimestamp`, which documents give as 400 and as 403.
    pub timestamp_status: StatusCode,
    /// How far `X-Date` may lie from the simulator's clock, either way.
    pub skew: Duration,
    /// Time taken by every answer.
    pub latency: Duration,
    /// More time, drawn evenly between nothing and this.
    pub jitter: Duration,
    /// How far back a window may begin.
    pub horizon: Duration,
    /// The longest window.
    pub max_window: Duration,
    /// How long after its end a window's numbers still grow.
    pub lag: Duration,
    /// Whether some apps (one in four) have users whose region is `未知`.
    pub unknown_region: bool,
    /// The `AppId`s that exist; `None` for every well-formed one.
    pub apps: Option<Vec<String>>,
    /// Faults ordered from the start.
    pub faults: Vec<Order>,
    /// Decides jitter, request ids and which calls `OneIn` takes. Answers do not depend on it.
    pub seed: u64,
    /// How many of the newest arrivals are kept.
    pub keep: usize,
}

/// The HTTP status of errors raised behind the vendor's gateway.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum RejectStatus {
    /// 200 for version 2020-12-01, 400 for any later one.
    #[default]
    ByVersion,
    /// Always this status.
    Always(StatusCode),
}

/// How a call beyond the limit is answered.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum ThrottleAnswer {
    /// `FlowLimitExceeded.QPSOverLimit` with the status of [`RejectStatus`].
    #[default]
    Rtc,
    /// `FlowLimitExceeded` with 429.
    Gateway,
    /// `AccountFlowLimitExceeded` with 429.
    Account,
}

impl Settings {
    /// The secret of one of the account's keys.
    pub(super) fn secret_of(&self, access_key_id: &str) -> Option<&str> {
        let first = (self.access_key_id.as_str(), self.secret_access_key.as_str());
        let second = self.second_key.as_ref().map(|(id, secret)| (id.as_str(), secret.as_str()));
        std::iter::once(first).chain(second).find_map(|(id, secret)| (id == access_key_id).then_some(secret))
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            access_key_id: "AKLTsimulator00000000000000000000000000000001".to_owned(),
            secret_access_key: "c2ltdWxhdG9yLXNlY3JldC1ub3QtcmVhbC0wMQ==".to_owned(),
            session_token: None,
            second_key: None,
            region: "cn-north-1".to_owned(),
            service: "rtc".to_owned(),
            version: "2020-12-01".to_owned(),
            indicators: vec!["user_num".to_owned()],
            provinces: vec!["province".to_owned()],
            countries: vec!["country".to_owned()],
            limit: 2,
            per: Duration::from_secs(1),
            throttle_answer: ThrottleAnswer::default(),
            reject_status: RejectStatus::default(),
            timestamp_status: StatusCode::BAD_REQUEST,
            skew: Duration::from_secs(900),
            latency: Duration::ZERO,
            jitter: Duration::ZERO,
            horizon: 30 * DAY,
            max_window: 7 * DAY,
            lag: Duration::from_secs(8 * 3600),
            unknown_region: true,
            apps: None,
            faults: Vec::new(),
            seed: 0,
            keep: 100_000,
        }
    }
}

impl Settings {
    /// The HTTP status that goes with an error raised behind the vendor's gateway.
    pub(super) fn rejection(&self) -> StatusCode {
        match self.reject_status {
            RejectStatus::ByVersion if self.version == "2020-12-01" => StatusCode::OK,
            RejectStatus::ByVersion => StatusCode::BAD_REQUEST,
            RejectStatus::Always(status) => status,
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("listen", &self.listen)
            .field("access_key_id", &self.access_key_id)
            .field("region", &self.region)
            .field("service", &self.service)
            .field("version", &self.version)
            .field("limit", &self.limit)
            .field("per", &self.per)
            .field("latency", &self.latency)
            .field("jitter", &self.jitter)
            .field("faults", &self.faults)
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_neither_secret_nor_token() {
        let settings = Settings {
            secret_access_key: "hush-hush".to_owned(),
            session_token: Some("quiet-quiet".to_owned()),
            ..Settings::default()
        };
        let shown = format!("{settings:?}");
        assert!(shown.contains("AKLTsimulator"));
        assert!(!shown.contains("hush") && !shown.contains("quiet"));
    }
}
