//! One call: sign, send, watch the guard, read at most so much, say what it meant.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{AUTHORIZATION, DATE, HOST, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{RequestBuilder, Response, Url};
use secrecy::ExposeSecret;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::config::Names;
use super::connection::Connection;
use super::keyring::{Keyring, Standing};
use super::pause;
use super::sign::{self, Draft, sign};
use super::skew::Skew;
use super::wire::{self, Meaning};
use super::{Config, Credentials, Fault, Kind};
use crate::audit::{Arrived, Opened};
use crate::budget::{InFlight, Late, Permit};
use crate::clock::Clock;
use crate::model::Answer;
use crate::query::{self, Askable, Question};
use crate::telemetry::Trace;

/// A few hundred regions of a hundred bytes make a large distribution.
const LARGEST_ANSWER: usize = 1024 * 1024;
/// A timer that is this late is not the upstream's doing.
const STANDSTILL: Duration = Duration::from_secs(1);
const OPERATION: &str = "ListOperationDistribution";
const JSON: &str = "application/json";

/// The vendor, as seen from here.
#[derive(Debug)]
pub struct Upstream {
    endpoint: Url,
    region: String,
    service: String,
    version: String,
    timeout: Duration,
    names: Names,
    breaker_faults: u32,
    keyring: Keyring,
    host: String,
    connection: Connection,
    skew: Skew,
    clock: Clock,
}

/// A call that was made.
#[derive(Debug)]
pub struct Sent {
    /// What it brought.
    pub result: Result<Answer, Fault>,
    /// Whether asking again may bring more.
    pub may_pass: bool,
    /// For the record.
    pub cost: Cost,
}

/// What a call took, for logs and audits.
#[derive(Clone, Debug)]
pub struct Cost {
    /// Which of the budget's slots it took.
    pub slot: usize,
    /// The key that it was signed with, as `Credentials::masked_id` shows it.
    pub key_id: String,
    /// The vendor's id of the call, where it gave a sane one.
    pub request_id: Option<String>,
    /// From the sending to the end.
    pub took: Duration,
    /// Whether it arrived at the vendor.
    pub arrived: Arrived,
}

impl Upstream {
    /// The vendor as configured. Fails where no TLS client can be built.
    pub fn new(config: Config, clock: Clock) -> Result<Self, reqwest::Error> {
        // The key goes into the ring alone: a copy left here would outlive its rotation.
        let Config { endpoint, region, service, version, timeout, names, breaker_faults, credentials } = config;
        let host = match (endpoint.host_str(), endpoint.port()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (host, _) => host.unwrap_or_default().to_owned(),
        };
        let connection = Connection::new(timeout)?;
        let keyring = Keyring::new(credentials, clock.now());
        let skew = Skew::default();
        Ok(Self {
            endpoint,
            region,
            service,
            version,
            timeout,
            names,
            breaker_faults,
            keyring,
            host,
            connection,
            skew,
            clock,
        })
    }

    /// The time, by the vendor's clock where ours was found wrong: what it decides, it decides by that one.
    pub fn now(&self) -> Timestamp {
        self.time(self.clock.now())
    }

    /// The same where our clock shows this.
    pub fn time(&self, ours: Timestamp) -> Timestamp {
        self.skew.correct(ours)
    }

    /// The longest a call may take.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// How many seconds the vendor's clock is ahead of ours; zero until it refuses a timestamp.
    pub fn clock_ahead(&self) -> i64 {
        self.skew.seconds()
    }

    /// How many faults in a row open the breaker; zero for none.
    pub fn breaker_faults(&self) -> u32 {
        self.breaker_faults
    }

    /// Has new credentials tried on the next question, and put in force if the vendor takes them.
    pub fn propose_credentials(&self, credentials: Credentials) {
        self.keyring.propose(credentials, self.clock.now());
    }

    /// How the master key stands.
    pub fn key_standing(&self) -> Standing {
        self.keyring.standing()
    }

    /// Asks the question, ending by `until` at the latest. `Late` gives the permit's slot back unused, and leaves the
    /// record as it was.
    pub async fn call(
        &self,
        permit: Permit,
        record: &Opened,
        question: &Askable,
        rules: &query::Config,
        until: Instant,
        trace: &Trace,
    ) -> Result<Sent, Late> {
        let now = self.now();
        let question = question.question();
        let settled = question.settles_at(rules).as_second() <= now.as_second();
        let signed_with = self.skew.seconds();
        let loan = self.keyring.borrow(question.app(), self.clock.now());
        let credentials = &loan.key.credentials;
        let request = self.request(wire::body(question, &self.names), credentials);
        let request = trace.parent().into_iter().fold(request, |request, parent| request.header("traceparent", parent));
        let (slot, key_id) = (permit.slot(), credentials.masked_id());
        let opened = self.connection.opened();
        let in_flight = permit.send()?;
        record.departs();
        let start = Instant::now();
        let until = until.min(start + self.timeout);
        let ended = self
            .watch(
                &in_flight,
                opened,
                timeout_at(until, while_ours(|| in_flight.written_by(), exchange(request, &in_flight))),
            )
            .await;

        let arrived = match &ended {
            Ok(Some(Ok(_))) => Arrived::Yes,
            Ok(Some(Err(Unanswered::NeverSent))) => Arrived::No,
            Ok(Some(Err(Unanswered::Broken)) | None) | Err(_) => Arrived::Unknown,
        };
        let read = match ended {
            Ok(Some(Ok(reply))) => self.read(&reply, question, signed_with, in_flight),
            Ok(Some(Err(Unanswered::NeverSent))) => {
                in_flight.never_sent();
                Read::nothing(Kind::Unreachable)
            }
            // Dropping what is in flight counts it as lost: it may still arrive.
            Ok(Some(Err(Unanswered::Broken))) => Read::nothing(Kind::Broken),
            Ok(None) => Read::nothing(Kind::Paused),
            // The answer may be here, unread: a timer that late says that nothing was read for as long.
            Err(_elapsed) if Instant::now() > until + STANDSTILL => Read::nothing(Kind::Paused),
            Err(_elapsed) => Read::nothing(Kind::TimedOut),
        };
        let Read { meaning: Meaning { regions, request_id }, may_pass } = read;
        let may_pass = loan.judge(question.app(), regions.as_ref().err(), self.clock.now()) || may_pass;
        let result = regions.map(|regions| Answer::new(&regions, now, settled));
        Ok(Sent { result, may_pass, cost: Cost { slot, key_id, request_id, took: start.elapsed(), arrived } })
    }

    /// Reads a reply and lets the budget know of it.
    fn read(&self, reply: &Reply, question: &Question, signed_with: i64, in_flight: InFlight) -> Read {
        let mut read = match &reply.body {
            Ok(body) => Read::of(wire::read(reply.status, body, question, &self.names)),
            Err(kind) => Read::nothing(*kind),
        };
        match read.meaning.regions.as_ref().err().map(|fault| fault.kind) {
            Some(Kind::Throttled) => in_flight.throttled(),
            _ => in_flight.answered(),
        }
        if let Err(fault @ Fault { kind: Kind::Throttled | Kind::Failing, .. }) = &mut read.meaning.regions {
            fault.retry_after = reply.retry_after.as_deref().and_then(|header| pause::read(header, self.now()));
            // Who asks for a pause is not asked again before it is over.
            read.may_pass &= fault.retry_after.is_none();
        }
        if read.meaning.regions.as_ref().is_err_and(|fault| fault.kind == Kind::Clock) {
            // Without a new time to sign by, the same question would meet the same refusal.
            let may_pass = self.skew.learn(reply.date.as_deref(), self.clock.now(), signed_with);
            return Read { may_pass, ..read };
        }
        read
    }

    /// Lets the slot's second begin when the guard has passed, if no connection had to be opened meanwhile and this process
    /// did not stand still: it may not have written the call before.
    async fn watch<T>(&self, in_flight: &InFlight, opened: u64, exchange: impl Future<Output = T>) -> T {
        tokio::pin!(exchange);
        tokio::select! {
            biased;
            ended = &mut exchange => return ended,
            punctual = in_flight.guard_passes() => {
                if punctual && self.connection.opened() == opened {
                    in_flight.arrived();
                }
            }
        }
        exchange.await
    }

    /// The signed request. Signed anew for every call: the signature holds the time.
    fn request(&self, body: Vec<u8>, credentials: &Credentials) -> RequestBuilder {
        let x_date = self.now().strftime("%Y%m%dT%H%M%SZ").to_string();
        let body_hash = sign::body_hash(&body);
        let token = credentials.session_token.as_ref().map(ExposeSecret::expose_secret);
        let mut headers = vec![
            ("content-type", JSON),
            ("host", &*self.host),
            ("x-content-sha256", &*body_hash),
            ("x-date", &*x_date),
        ];
        headers.extend(token.map(|token| ("x-security-token", token)));
        let signed = sign(
            &Draft {
                method: "POST",
                path: "/",
                query: &[("Action", OPERATION), ("Version", &self.version)],
                headers: &headers,
                body_hash: &body_hash,
                x_date: &x_date,
                region: &self.region,
                service: &self.service,
            },
            credentials,
        );
        let mut url = self.endpoint.clone();
        url.set_query(Some(&signed.query));
        let request = self.connection.client().post(url).header(AUTHORIZATION, sensitive(&signed.authorization));
        let request = headers.iter().filter(|(name, _)| *name != "host").fold(request, |request, (name, value)| {
            let value = if *name == "x-security-token" { sensitive(value) } else { plain(value) };
            request.header(*name, value)
        });
        request.header(HOST, plain(&self.host)).body(body)
    }
}

/// What a call came to.
struct Read {
    meaning: Meaning,
    may_pass: bool,
}

impl Read {
    fn of(meaning: Meaning) -> Self {
        let may_pass = meaning.regions.as_ref().is_err_and(|fault| fault.kind.may_pass());
        Self { meaning, may_pass }
    }

    fn nothing(kind: Kind) -> Self {
        Self::of(Meaning { regions: Err(Fault::of(kind)), request_id: None })
    }
}

/// What came back, as far as it was read.
struct Reply {
    status: u16,
    date: Option<String>,
    retry_after: Option<String>,
    body: Result<Vec<u8>, Kind>,
}

/// Why nothing came back.
enum Unanswered {
    NeverSent,
    Broken,
}

/// Sends and reads. The first sight of an answer proves that the call arrived.
async fn exchange(request: RequestBuilder, in_flight: &InFlight) -> Result<Reply, Unanswered> {
    let mut response = request.send().await.map_err(|error| {
        let error = error.without_url();
        tracing::debug!(%error, "no answer from the upstream");
        if error.is_connect() { Unanswered::NeverSent } else { Unanswered::Broken }
    })?;
    in_flight.arrived();
    let status = response.status().as_u16();
    let (date, retry_after) = (text(&response, &DATE), text(&response, &RETRY_AFTER));
    let body = read_body(&mut response).await;
    Ok(Reply { status, date, retry_after, body })
}

fn text(response: &Response, name: &HeaderName) -> Option<String> {
    response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// Goes on only while the slot is certainly ours, and gives up without a result: a process that stood still must not
/// write a call into what has become another's second.
async fn while_ours<T>(written_by: impl Fn() -> Option<Instant>, exchange: impl Future<Output = T>) -> Option<T> {
    tokio::pin!(exchange);
    loop {
        let ours = poll_fn(|context| {
            if written_by().is_some_and(|by| Instant::now() >= by) {
                return Poll::Ready(None);
            }
            exchange.as_mut().poll(context).map(Some)
        });
        let Some(by) = written_by() else { return ours.await };
        tokio::select! {
            biased;
            done = ours => return done,
            () = sleep_until(by) => {}
        }
    }
}

async fn read_body(response: &mut Response) -> Result<Vec<u8>, Kind> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|_broken| Kind::Broken)? {
        if body.len() + chunk.len() > LARGEST_ANSWER {
            return Err(Kind::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn plain(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("the configuration admits only visible ASCII into headers")
}

/// Kept out of debug prints, the library's own included.
fn sensitive(text: &str) -> HeaderValue {
    let mut value = plain(text);
    value.set_sensitive(true);
    value
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use tokio::time::{advance, sleep};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_call_is_given_up_once_its_slot_may_be_anothers_and_not_before() {
        let by = Instant::now() + Duration::from_secs(1);
        assert_eq!(while_ours(|| Some(by), ready(7)).await, Some(7));
        assert_eq!(while_ours(|| None, sleep(Duration::from_secs(5))).await, Some(()), "nobody takes it away");
        let by = Instant::now() + Duration::from_secs(1);
        assert_eq!(while_ours(|| Some(by), sleep(Duration::from_secs(5))).await, None);
        assert!(Instant::now() <= by + Duration::from_millis(25));
        advance(Duration::from_secs(1)).await;
        assert_eq!(while_ours(|| Some(by), ready(7)).await, None, "it stood still before it was written");
    }
}
