//! `GET /metrics`: what was counted, and how everything stands at this moment, as Prometheus reads it.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::atomic::AtomicU64;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::header::{ACCEPT, CONTENT_TYPE};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use super::admin::{Admin, readiness};
use crate::model::TenantId;
use crate::pipeline::Refusal;
use crate::upstream::BreakerPhase;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A gauge of seconds and parts of them.
type Seconds = Gauge<f64, AtomicU64>;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfTenant {
    tenant: TenantId,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfIssuer {
    issuer: String,
}

pub(super) async fn metrics(State(admin): State<Admin>, headers: HeaderMap) -> Response {
    let asks = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let mut page = String::new();
    encode(&mut page, &registry(&admin)).expect("writing to a string does not fail");
    if asks.contains("application/openmetrics-text") {
        ([(CONTENT_TYPE, OPEN_METRICS)], page).into_response()
    } else {
        ([(CONTENT_TYPE, TEXT)], older(&page)).into_response()
    }
}

/// The format before `OpenMetrics`: a metric is named with the suffix of its samples everywhere, what a process is told to
/// be is a gauge, and there are no units and no end.
fn older(page: &str) -> String {
    let suffixed: HashMap<&str, &str> = page
        .lines()
        .filter_map(|line| match line.strip_prefix("# TYPE ")?.split_once(' ')? {
            (name, "counter") => Some((name, "_total")),
            (name, "info") => Some((name, "_info")),
            _ => None,
        })
        .collect();
    let mut text = String::with_capacity(page.len());
    for line in page.lines().filter(|line| !line.starts_with("# UNIT ") && *line != "# EOF") {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some(what), Some(name), Some(rest)) => {
                let suffix = suffixed.get(name).copied().unwrap_or_default();
                let rest = if (what, rest) == ("TYPE", "info") { "gauge" } else { rest };
                writeln!(text, "# {what} {name}{suffix} {rest}")
            }
            _ => writeln!(text, "{line}"),
        }
        .expect("writing to a string does not fail");
    }
    text
}

fn registry(admin: &Admin) -> Registry {
    let mut registry = Registry::with_prefix("sluice");
    let counted = &admin.pipeline.telemetry().metrics;
    counted.begin(admin.pipeline.policy().registry.ids(), &Refusal::OF_THE_QUEUE);
    counted.register(&mut registry);
    process(admin, &mut registry);
    budget(admin, &mut registry);
    queue_and_cache(admin, &mut registry);
    issuers(admin, &mut registry);
    store(admin, &mut registry);
    audit(admin, &mut registry);
    configuration(admin, &mut registry);
    telling(admin, &mut registry);
    registry
}

fn process(admin: &Admin, registry: &mut Registry) {
    let labels = vec![("version", env!("CARGO_PKG_VERSION"))];
    registry.register("build", "The version that runs", Info::new(labels));
    let help = "Whether traffic should come here, as /readyz says";
    gauge(registry, "ready", help, u8::from(readiness(admin).ready));
    let alive = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    gauge(registry, "tasks", "Tasks that have not ended; one for each connection, and those that always run", alive);
    // Not every system tells.
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        gauge(registry, "open_files", "File descriptors in use, connections among them", open.count());
    }
}

fn budget(admin: &Admin, registry: &mut Registry) {
    let budget = admin.pipeline.budget_standing();
    gauge(registry, "budget_slots", "Calls that may arrive at the upstream within budget.per", budget.slots);
    gauge(registry, "budget_slots_free", "Slots that could be taken now", budget.free);
    seconds(registry, "budget_per", "The sliding window of the upstream's limit", budget.per.as_secs_f64());
    let help = "How long a call is assumed to be on its way; wider after a throttle";
    seconds(registry, "budget_guard", help, budget.guard.as_secs_f64());
    counter(registry, "budget_throttles", "Calls that the upstream said were too fast", budget.throttled);
    let help = "Throttles that our own calls do not explain: somebody else spends from the account";
    counter(registry, "budget_foreign_spend_suspected", help, budget.foreign);
    let breaker = admin.pipeline.breaker_standing();
    let help = "Whether the upstream fails whatever is asked, and is asked one question a second";
    gauge(registry, "breaker_open", help, u8::from(breaker.phase != BreakerPhase::Closed));
    counter(registry, "breaker_opened", "How often the breaker has opened", breaker.opened);
    // Within a day: see `upstream::skew`.
    let ahead = i32::try_from(admin.pipeline.upstream_clock_ahead()).unwrap_or_default();
    let help = "How far the upstream's clock is ahead of ours, as far as it had to be learnt";
    seconds(registry, "upstream_clock_ahead", help, f64::from(ahead));
    if let Some(success) = admin.pipeline.telemetry().metrics.last_success() {
        let help = "When the upstream last answered a call";
        seconds(registry, "upstream_last_success_timestamp", help, epoch(success));
    }
}

fn queue_and_cache(admin: &Admin, registry: &mut Registry) {
    let queue = admin.pipeline.queue_standing();
    let waiting = Family::<OfTenant, Gauge>::default();
    for tenant in admin.pipeline.policy().registry.ids() {
        waiting.get_or_create(&OfTenant { tenant: tenant.clone() }).set(0);
    }
    for (tenant, length) in queue.waiting {
        waiting.get_or_create(&OfTenant { tenant }).set(whole(length));
    }
    registry.register("queue_waiting", "Questions that wait for a turn", waiting);
    let help = "The longest that a caller may wait for a turn";
    seconds(registry, "queue_max_wait", help, admin.pipeline.max_wait().as_secs_f64());
    gauge(registry, "flights", "Questions that are being asked", queue.flying);
    let cache = admin.pipeline.cache();
    let standing = cache.standing();
    gauge(registry, "cache_answers", "Answers held", standing.answers);
    bytes(registry, "cache_size", "What the held answers weigh", standing.bytes);
    bytes(registry, "cache_max", "What they may weigh", cache.max_bytes());
}

fn issuers(admin: &Admin, registry: &mut Registry) {
    let policy = admin.pipeline.policy();
    let (keys, skipped) = (Family::<OfIssuer, Gauge>::default(), Family::<OfIssuer, Gauge>::default());
    let fetched = Family::<OfIssuer, Seconds>::default();
    let failing = Family::<OfIssuer, Gauge>::default();
    for standing in policy.authenticator.standing() {
        let labels = OfIssuer { issuer: standing.issuer.to_string() };
        keys.get_or_create(&labels).set(whole(standing.keys));
        skipped.get_or_create(&labels).set(whole(standing.skipped.len()));
        if let Some(provider) = &standing.provider {
            failing.get_or_create(&labels).set(i64::from(provider.fault.is_some()));
            if let Some(at) = provider.fetched_at {
                fetched.get_or_create(&labels).set(epoch(at));
            }
        }
    }
    registry.register("issuer_keys", "Keys that tokens are verified with", keys);
    registry.register("issuer_keys_skipped", "Published keys that cannot be used", skipped);
    let help = "When the issuer's published keys were last fetched";
    registry.register_with_unit("issuer_keys_fetched_timestamp", help, Unit::Seconds, fetched);
    registry.register("issuer_keys_fetch_failing", "Whether the last look for the issuer's keys failed", failing);
    gauge(registry, "revocations", "Revocations that are kept", policy.authenticator.revocations());
}

fn store(admin: &Admin, registry: &mut Registry) {
    let Some(store) = admin.pipeline.store_standing() else { return };
    gauge(registry, "store_connected", "Whether the shared Redis can be reached", u8::from(store.fault.is_none()));
    counter(registry, "store_unreadable_answers", "Answers of other replicas that could not be read", store.unreadable);
}

fn audit(admin: &Admin, registry: &mut Registry) {
    let Some(audit) = admin.pipeline.audit_standing() else { return };
    gauge(registry, "audit_writable", "Whether calls can be recorded", u8::from(audit.fault.is_none()));
    counter(registry, "audit_records", "Lines written to the record of calls", audit.records);
    counter(registry, "audit_write_failures", "Writes to the record of calls that failed", audit.failures);
    let help = "Turns that came to nothing because the record took too long to write";
    counter(registry, "audit_late_turns", help, audit.late);
}

fn configuration(admin: &Admin, registry: &mut Registry) {
    let config = admin.reloads.standing();
    gauge(registry, "config_generation", "Grows with each reload that changed something", config.generation);
    seconds(registry, "config_in_force_since_timestamp", "When it was put in force", epoch(config.in_force_since));
    counter(registry, "config_reloads", "Reloads that succeeded", config.reloads);
    counter(registry, "config_reload_failures", "Reloads that changed nothing because they failed", config.failures);
    let well = u8::from(config.fault.is_none());
    gauge(registry, "config_last_reload_successful", "Whether the last reload succeeded", well);
    let help = "Keys whose change waits for a restart";
    gauge(registry, "config_awaits_restart", help, config.after_restart.len());
    let key = admin.pipeline.key_standing();
    seconds(registry, "master_key_read_timestamp", "When the master key in force was read", epoch(key.read_at));
    gauge(
        registry,
        "master_key_successor_waits",
        "Whether a new key waits to be tried",
        u8::from(key.successor.is_some()),
    );
    let help = "Whether the newest master key was refused by the upstream";
    gauge(registry, "master_key_rejected", help, u8::from(key.rejected.is_some()));
}

fn telling(admin: &Admin, registry: &mut Registry) {
    let telemetry = admin.pipeline.telemetry();
    if let Some(dropped) = telemetry.log.dropped() {
        counter(registry, "log_lines_dropped", "Lines that nobody read fast enough", dropped);
    }
    if let Some(spans) = telemetry.tracing.counts() {
        counter(registry, "spans_exported", "Spans that the collector took", spans.exported);
        counter(registry, "spans_failed", "Spans that the collector did not take", spans.failed);
        counter(registry, "spans_dropped", "Spans for which there was no room", spans.dropped);
    }
}

fn gauge(registry: &mut Registry, name: &str, help: &str, value: impl TryInto<i64>) {
    let gauge = Gauge::<i64>::default();
    gauge.set(whole(value));
    registry.register(name, help, gauge);
}

fn bytes(registry: &mut Registry, name: &str, help: &str, value: u64) {
    let gauge = Gauge::<i64>::default();
    gauge.set(whole(value));
    registry.register_with_unit(name, help, Unit::Bytes, gauge);
}

fn seconds(registry: &mut Registry, name: &str, help: &str, value: f64) {
    let gauge = Seconds::default();
    gauge.set(value);
    registry.register_with_unit(name, help, Unit::Seconds, gauge);
}

fn counter(registry: &mut Registry, name: &str, help: &str, value: u64) {
    let counter = Counter::<u64>::default();
    counter.inc_by(value);
    registry.register(name, help, counter);
}

fn whole(value: impl TryInto<i64>) -> i64 {
    value.try_into().unwrap_or(i64::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "seconds since 1970 are far below 2^52")]
fn epoch(at: jiff::Timestamp) -> f64 {
    at.as_second() as f64
}
