//! `sluice status`: how a running gateway stands, for the eyes of whoever is on call.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::Url;
use serde_json::Value;

use super::{Failed, runtime, terminal};
use crate::clock::Clock;

/// Show how a running gateway stands.
///
/// Asks its admin listener: budget, queue by tenant, cache, issuers, configuration, and what went wrong last.
#[derive(Debug, clap::Args)]
pub(super) struct Status {
    /// Where the admin listener is
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9090", value_parser = admin)]
    admin: Url,
    /// Print what the admin listener says, as it says it
    #[arg(long)]
    json: bool,
}

/// A gateway that is alive answers at once.
const PATIENCE: Duration = Duration::from_secs(5);
/// Where the second column begins.
const INDENT: usize = 12;
const BAR: usize = 30;
/// Throttles that are older, in seconds, want nobody's attention any more: the alert has ended too.
const RECENT: u64 = 1800;

impl Status {
    pub(super) fn run(self) -> Result<(), Failed> {
        let told = |fault: String| {
            terminal::complain(fault);
            Failed::Failure
        };
        let (ready, status) = runtime()?.block_on(self.ask()).map_err(told)?;
        if self.json {
            terminal::say(format_args!("{status:#}"));
        } else {
            terminal::say(page(&ready, &status, Clock::system().now()).trim_end());
        }
        Ok(())
    }

    async fn ask(&self) -> Result<(Value, Value), String> {
        let client =
            reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().map_err(|error| error.to_string())?;
        let get = async |path: &str| {
            // Below whatever path a proxy has put in front.
            let url = format!("{}{path}", self.admin.as_str().trim_end_matches('/'));
            let reply = client.get(url).send().await.map_err(|error| {
                format!(
                    "no gateway answers at {} ({}); is it running, and is this its server.admin_listen? \
                     Give another with --admin URL",
                    self.admin,
                    cause(&error)
                )
            })?;
            let text = reply.text().await.map_err(|_| "the answer broke off".to_owned())?;
            Ok::<Value, String>(serde_json::from_str(&text).unwrap_or_default())
        };
        let (ready, status) = (get("/readyz").await?, get("/status").await?);
        if are_a_gateways(&ready, &status) {
            return Ok((ready, status));
        }
        Err(format!("what answers at {} is no admin listener of Sluice; give another with --admin URL", self.admin))
    }
}

/// Whatever else answers there, such as the public listener, says other things.
fn are_a_gateways(ready: &Value, status: &Value) -> bool {
    ready["ready"].is_boolean() && status["version"].is_string() && status["budget"].is_object()
}

/// The innermost reason, which is what the system said.
fn cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// An address without a scheme is meant as plain HTTP.
fn admin(text: &str) -> Result<Url, String> {
    let whole = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    whole.parse().map_err(|error| format!("{error}; write for example http://127.0.0.1:9090"))
}

/// The page. Members that an older or newer gateway does not have are left out.
fn page(ready: &Value, status: &Value, now: Timestamp) -> String {
    let mut page = Page { text: String::new(), now };
    page.head(ready, status);
    page.budget(status);
    page.queue(&status["queue"]);
    page.cache(&status["cache"]);
    page.issuers(status);
    page.config(&status["config"], &status["master_key"]);
    page.store(&status["store"]);
    page.audit(&status["audit"]);
    page.text
}

struct Page {
    text: String,
    now: Timestamp,
}

impl Page {
    fn line(&mut self, name: &str, told: impl std::fmt::Display) {
        writeln!(self.text, "{name:<INDENT$}{told}").expect("writing to a string does not fail");
    }

    fn head(&mut self, ready: &Value, status: &Value) {
        let state = if ready["ready"] == true { "ready" } else { "NOT READY" };
        let (version, up) = (text(&status["version"]), span(number(&status["uptime_seconds"])));
        self.line("sluice", format_args!("{version}, {state}, up {up}"));
        for reason in list(&ready["reasons"]) {
            self.line("", format_args!("! {}", text(reason)));
        }
    }

    fn budget(&mut self, status: &Value) {
        let budget = &status["budget"];
        let (slots, free) = (number(&budget["slots"]), number(&budget["free"]));
        let taken = slots.saturating_sub(free);
        let marks: String = (0..slots.min(40)).map(|slot| if slot < taken { '■' } else { '□' }).collect();
        let guard = number(&budget["guard_ms"]);
        self.line("budget", format_args!("{marks} {taken} of {slots} slots taken, guard {guard} ms"));
        let (sent, throttled) = (number(&budget["calls_sent"]), number(&budget["calls_throttled"]));
        self.line("", format_args!("{} sent since the start, {throttled} throttled", counted(sent, "call")));
        if let Some(seconds) = self.seconds_since(&budget["foreign_spend_suspected_at"]) {
            let mark = if seconds < RECENT { "! " } else { "" };
            let times = counted(number(&budget["foreign_spend_suspected"]), "throttle");
            let last = span(seconds);
            self.line(
                "",
                format_args!("{mark}{times} that our calls do not explain, the last {last} ago: does somebody"),
            );
            self.line("", "  else spend from the account?");
        }
        let upstream = &status["upstream"];
        let last = self
            .ago(&upstream["last_success"])
            .map_or("has not answered yet".to_owned(), |ago| format!("last answered {ago}"));
        self.line("upstream", last);
        let breaker = &upstream["breaker"];
        if let Some(seconds) = breaker["open_seconds"].as_u64() {
            let (probes, refused) = (counted(number(&breaker["probes"]), "probe"), number(&breaker["refused"]));
            let failed = counted(number(&breaker["faults_in_a_row"]), "call");
            self.line("", format_args!("! the breaker is open for {}: the last {failed} failed,", span(seconds)));
            self.line("", format_args!("  {probes} sent and {refused} requests refused since"));
        }
        let ahead = upstream["clock_ahead_seconds"].as_i64().unwrap_or(0);
        if ahead != 0 {
            let way = if ahead > 0 { "behind" } else { "ahead of" };
            let by = span(ahead.unsigned_abs());
            self.line("", format_args!("! our clock is {by} {way} the upstream's, by which calls are signed: mend it"));
        }
        let fault = &upstream["last_fault"];
        if let Some(seconds) = self.seconds_since(&fault["at"]) {
            let code = fault["code"].as_str().map(|code| format!(" ({code})")).unwrap_or_default();
            let answered_since = self.seconds_since(&upstream["last_success"]).is_some_and(|success| success < seconds);
            let mark = if answered_since { "" } else { "! " };
            self.line("", format_args!("{mark}last failed {} ago: {}{code}", span(seconds), text(&fault["kind"])));
        }
    }

    fn queue(&mut self, queue: &Value) {
        let waiting: Vec<_> = queue["waiting"].as_object().into_iter().flatten().collect();
        let total: u64 = waiting.iter().map(|(_, count)| number(count)).sum();
        self.line("queue", format_args!("{total} waiting for a turn, {} being asked", number(&queue["flying"])));
        let longest = waiting.iter().map(|(_, count)| number(count)).max().unwrap_or(1).max(1);
        let width = waiting.iter().map(|(tenant, _)| tenant.chars().count()).max().unwrap_or(0);
        for (tenant, count) in waiting {
            let count = number(count);
            let cells = usize::try_from(count * BAR as u64 / longest).unwrap_or(BAR).max(1);
            self.line("", format_args!("{tenant:<width$} {count:>5} {}", "▇".repeat(cells)));
        }
    }

    fn cache(&mut self, cache: &Value) {
        let (answers, held, most) = (number(&cache["answers"]), number(&cache["bytes"]), number(&cache["max_bytes"]));
        self.line("cache", format_args!("{}, {} of {}", counted(answers, "answer"), size(held), size(most)));
    }

    fn issuers(&mut self, status: &Value) {
        let mut name = "issuers";
        for issuer in list(&status["issuers"]) {
            let fetched =
                self.ago(&issuer["keys_fetched_at"]).map(|ago| format!(", fetched {ago}")).unwrap_or_default();
            let (named, keys) = (text(&issuer["issuer"]), counted(number(&issuer["keys"]), "key"));
            self.line(name, format_args!("{named}: {keys} from {}{fetched}", text(&issuer["keys_from"])));
            name = "";
            if let Some(fault) = issuer["keys_fault"].as_str() {
                self.line("", format_args!("! {fault}"));
            }
        }
        if number(&status["revocations"]) > 0 {
            self.line("", counted(number(&status["revocations"]), "revocation"));
        }
    }

    fn config(&mut self, config: &Value, key: &Value) {
        let since = self.ago(&config["in_force_since"]).unwrap_or_default();
        self.line("config", format_args!("generation {}, put in force {since}", number(&config["generation"])));
        let waits: Vec<_> = list(&config["needs_restart"]).map(text).collect();
        if !waits.is_empty() {
            self.line("", format_args!("! waits for a restart: {}", waits.join(", ")));
        }
        if let Some(fault) = config["last_reload_fault"].as_str() {
            let ago = self.ago(&config["last_reload"]).map(|ago| format!(", {ago},")).unwrap_or_default();
            let mistakes: Vec<_> = list(&config["last_reload_mistakes"]).map(text).collect();
            let said = if mistakes.is_empty() { format!(": {fault}") } else { ":".to_owned() };
            self.line("", format_args!("! the last reload{ago} changed nothing{said}"));
            for mistake in mistakes {
                self.line("", format_args!("  {mistake}"));
            }
        }
        let read = self.ago(&key["read_at"]).unwrap_or_default();
        self.line("master key", format_args!("{}, read {read}", text(&key["key_id"])));
        if let Some(successor) = key["successor"].as_str() {
            self.line("", format_args!("{successor} is to follow it, and waits to be tried on a question"));
        }
        let rejected = &key["rejected"];
        if let Some(id) = rejected["key_id"].as_str() {
            let code = rejected["upstream_code"].as_str().map(|code| format!(" ({code})")).unwrap_or_default();
            let ago = self.ago(&rejected["at"]).unwrap_or_default();
            self.line("", format_args!("! {id} was refused {ago}{code}; the one above stays in force"));
        }
    }

    fn store(&mut self, store: &Value) {
        let Some(hosts) = store["hosts"].as_str() else { return };
        match store["fault"].as_str() {
            None => self.line("redis", format_args!("connected to {hosts} as replica {}", text(&store["replica"]))),
            Some(fault) => self.line("redis", format_args!("! away ({hosts}): {fault}")),
        }
    }

    fn audit(&mut self, audit: &Value) {
        let Some(place) = audit["place"].as_str() else { return };
        let (records, late) = (number(&audit["records"]), number(&audit["late_turns"]));
        let slow =
            if late > 0 { format!(", {} too slow for their turn", counted(late, "record")) } else { String::new() };
        self.line("audit", format_args!("{} in {place}{slow}", counted(records, "line")));
        if let Some(fault) = audit["fault"].as_str() {
            let since = self.seconds_since(&audit["failing_since"]).map(span).unwrap_or_default();
            self.line("", format_args!("! nothing can be recorded for {since}, and no call is sent:"));
            self.line("", format_args!("  {fault}"));
        }
    }

    /// How long ago that was.
    fn ago(&self, at: &Value) -> Option<String> {
        Some(format!("{} ago", span(self.seconds_since(at)?)))
    }

    fn seconds_since(&self, at: &Value) -> Option<u64> {
        let at: Timestamp = at.as_str()?.parse().ok()?;
        Some(self.now.duration_since(at).unsigned_abs().as_secs())
    }
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

fn counted(count: u64, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// The two largest units are enough.
fn span(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{minutes} min"),
        3600..86_400 => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

#[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
fn size(bytes: u64) -> String {
    const KIB: u64 = 1 << 10;
    const MIB: u64 = 1 << 20;
    match bytes {
        0..KIB => format!("{bytes} B"),
        KIB..MIB => format!("{:.1} KiB", bytes as f64 / KIB as f64),
        _ => format!("{:.1} MiB", bytes as f64 / MIB as f64),
    }
}

#[cfg(test)]
#[path = "status_tests.rs"]
mod tests;
