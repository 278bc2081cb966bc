//! The admin listener: is it alive, is it ready, how does it stand, forget what you hold. Touches neither the upstream
//! nor an identity provider.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::header::{CONTENT_TYPE, ORIGIN};
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::body;
use super::metrics::metrics;
use super::reload::{self, Reloads};
use super::revoke::revoke;
use crate::audit;
use crate::auth::IssuerStanding;
use crate::cache::Purge;
use crate::clock::Clock;
use crate::fleet::{self, Reach};
use crate::model::{AppId, Object};
use crate::pipeline::Pipeline;
use crate::query;
use crate::telemetry::milliseconds;
use crate::upstream;

/// Whether traffic should come here. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<AtomicBool>);

/// What the admin routes show and do.
#[derive(Clone, Debug)]
pub struct Admin {
    /// The stages.
    pub pipeline: Arc<Pipeline>,
    /// Whether traffic should come here.
    pub readiness: Readiness,
    /// The time.
    pub clock: Clock,
    /// When this process began.
    pub began: Instant,
    /// Whoever can read the configuration again.
    pub reloads: Arc<dyn Reloads>,
}

impl Readiness {
    /// Traffic should go elsewhere from now on.
    pub fn drain(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_draining(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Admin {
    /// The admin listener's routes.
    pub fn router(self) -> Router {
        Router::new()
            .route("/livez", get(|| async { Json(json!({ "alive": true })) }))
            .route("/readyz", get(readyz))
            .route("/metrics", get(metrics))
            .route("/status", get(status))
            .route("/reload", post(reload::reload))
            .route("/cache/purge", post(purge))
            .route("/auth/revoke", post(revoke))
            .fallback(nothing_here)
            .method_not_allowed_fallback(not_so)
            .layer(middleware::from_fn(body::whole))
            .layer(middleware::from_fn(not_from_pages))
            .with_state(self)
    }
}

/// Browsers say so when a page makes them send something. An operator's own may reach this listener through a forwarded
/// port, and whatever page is open in it could purge and revoke.
async fn not_from_pages(request: Request, next: Next) -> Response {
    if request.headers().contains_key(ORIGIN) && request.method() != Method::GET {
        let detail = "requests from pages are refused here; use a client that sends no Origin";
        return refused(StatusCode::FORBIDDEN, detail);
    }
    next.run(request).await
}

/// A request to this listener that is carried out, here or everywhere.
pub(super) fn carried_out(reach: Reach) -> Response {
    match reach {
        Reach::All => StatusCode::NO_CONTENT.into_response(),
        Reach::HereForNow => {
            let detail = "done at this replica; the shared Redis is away, and the others hear of it when it is back, \
                          unless this replica ends before";
            (StatusCode::ACCEPTED, Json(json!({ "detail": detail }))).into_response()
        }
    }
}

/// A request to this listener that is not carried out, and why.
pub(super) fn refused(status: StatusCode, detail: &str) -> Response {
    let title = status.canonical_reason().unwrap_or_default();
    let body = json!({ "type": "about:blank", "title": title, "status": status.as_u16(), "detail": detail });
    (status, [(CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
}

async fn nothing_here() -> Response {
    refused(
        StatusCode::NOT_FOUND,
        "there is nothing here; see /livez, /readyz, /metrics, /status, or POST to /reload, /cache/purge, /auth/revoke",
    )
}

async fn not_so() -> Response {
    refused(StatusCode::METHOD_NOT_ALLOWED, "not with this method; Allow tells with which")
}

/// Not ready where no request could be answered, or other replicas do better: while draining, in the first moments, before
/// the shared store was reached for the first time, or without any issuer's keys. What hurts only some callers, or every
/// replica alike, is told and stops no traffic.
async fn readyz(State(admin): State<Admin>) -> Response {
    let Ready { ready, reasons } = readiness(&admin);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "ready": ready, "reasons": reasons }))).into_response()
}

/// Whether traffic should come here, and what keeps it from here or is worth a word.
pub(super) struct Ready {
    pub(super) ready: bool,
    reasons: Vec<String>,
}

pub(super) fn readiness(admin: &Admin) -> Ready {
    let standing = admin.pipeline.policy().authenticator.standing();
    let keyless: Vec<_> = standing.iter().filter(|issuer| issuer.keys == 0).collect();
    let mut reasons: Vec<String> = keyless.iter().map(|issuer| lacks_keys(issuer)).collect();
    let (draining, starting) = (admin.readiness.is_draining(), admin.pipeline.is_starting());
    match admin.pipeline.store_standing().and_then(|store| store.fault) {
        Some(fault) if starting => {
            reasons.insert(0, format!("starting: the shared Redis has not been reached yet: {fault}"));
        }
        Some(fault) => {
            reasons.insert(0, format!("degraded: the shared Redis is away, only held answers are served: {fault}"));
        }
        None if starting => reasons.insert(0, "starting: what others may have asked before is waited out".to_owned()),
        None => {}
    }
    if let Some(fault) = admin.pipeline.audit_standing().and_then(|audit| audit.fault) {
        let reason = fault.reason;
        reasons.insert(0, format!("degraded: calls cannot be recorded, only held answers are served: {reason}"));
    }
    if draining {
        reasons.insert(0, "draining".to_owned());
    }
    let ready = !draining && !starting && (keyless.len() < standing.len() || standing.is_empty());
    Ready { ready, reasons }
}

fn lacks_keys(issuer: &IssuerStanding) -> String {
    let provider = issuer.provider.as_ref();
    let fault = provider.and_then(|provider| provider.fault.as_ref()).map(ToString::to_string);
    let was_fetched = provider.is_some_and(|provider| provider.fetched_at.is_some());
    let why = fault.unwrap_or_else(|| if was_fetched { "too old" } else { "not fetched yet" }.to_owned());
    format!("no keys of the issuer {}: {why}", issuer.issuer)
}

/// An issuer as `/status` shows it.
fn shown(issuer: &IssuerStanding) -> Value {
    let provider = issuer.provider.as_ref();
    json!({
        "issuer": &*issuer.issuer,
        "keys": issuer.keys,
        "keys_skipped": issuer.skipped.len(),
        "keys_skipped_why": issuer.skipped.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "keys_from": provider.map_or("configuration", |provider| provider.source),
        "keys_fetched_at": provider.and_then(|provider| provider.fetched_at).map(|at| format!("{at:.0}")),
        "keys_fault": provider.and_then(|provider| provider.fault.as_ref()).map(ToString::to_string),
    })
}

/// The upstream as `/status` shows it: when it last answered, and what it last did not.
fn shown_upstream(pipeline: &Pipeline) -> Value {
    let success = pipeline.telemetry().metrics.last_success();
    let fault = pipeline.last_fault().map(|(at, fault)| {
        json!({
            "at": format!("{at:.0}"),
            "kind": fault.kind.label(),
            "code": fault.code.map(upstream::Code::as_str),
            "request_id": fault.request_id,
        })
    });
    json!({
        "last_success": success.map(|at| format!("{at:.0}")),
        "last_fault": fault,
        "clock_ahead_seconds": pipeline.upstream_clock_ahead(),
        "breaker": shown_breaker(&pipeline.breaker_standing()),
    })
}

/// The breaker before it as `/status` shows it.
fn shown_breaker(breaker: &upstream::BreakerStanding) -> Value {
    json!({
        "state": breaker.phase.label(),
        "faults_in_a_row": breaker.faults,
        "open_seconds": breaker.open_for.map(|time| time.as_secs()),
        "probes": breaker.probes,
        "refused": breaker.refused,
        "opened": breaker.opened,
    })
}

/// The master key as `/status` shows it.
fn shown_key(key: &upstream::Standing) -> Value {
    let rejected = key.rejected.as_ref().map(|rejected| {
        json!({
            "key_id": rejected.key_id,
            "at": format!("{:.0}", rejected.at),
            "why": rejected.fault.to_string(),
            "upstream_code": rejected.fault.code.map(upstream::Code::as_str),
        })
    });
    json!({
        "key_id": key.key_id,
        "read_at": format!("{:.0}", key.read_at),
        "successor": key.successor,
        "rejected": rejected,
    })
}

/// The shared store as `/status` shows it.
fn shown_store(store: &fleet::Standing) -> Value {
    json!({
        "connected": store.fault.is_none(),
        "hosts": store.hosts,
        "fault": store.fault,
        "replica": store.replica,
        "unreadable_answers": store.unreadable,
    })
}

/// The record of calls as `/status` shows it.
fn shown_audit(audit: &audit::Standing) -> Value {
    json!({
        "place": audit.place,
        "writable": audit.fault.is_none(),
        "fault": audit.fault.as_ref().map(|fault| &fault.reason),
        "failing_since": audit.fault.as_ref().map(|fault| format!("{:.0}", fault.since)),
        "records": audit.records,
        "failed_writes": audit.failures,
        "waiting_records": audit.kept,
        "late_turns": audit.late,
    })
}

async fn status(State(admin): State<Admin>) -> Json<Value> {
    let budget = admin.pipeline.budget_standing();
    let queue = admin.pipeline.queue_standing();
    let cache = admin.pipeline.cache().standing();
    let waiting: serde_json::Map<_, _> =
        queue.waiting.iter().map(|(tenant, length)| (tenant.to_string(), json!(length))).collect();
    let policy = admin.pipeline.policy();
    let issuers: Vec<_> = policy.authenticator.standing().iter().map(shown).collect();
    Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "uptime_seconds": admin.began.elapsed().as_secs(),
        "draining": admin.readiness.is_draining(),
        "budget": {
            "slots": budget.slots,
            "free": budget.free,
            "guard_ms": milliseconds(budget.guard),
            "calls_sent": budget.sent,
            "calls_throttled": budget.throttled,
            "foreign_spend_suspected": budget.foreign,
            "foreign_spend_suspected_at": budget.foreign_at.map(|at| format!("{:.0}", admin.clock.since(at.elapsed()))),
        },
        "config": reload::status(&admin.reloads.standing()),
        "master_key": shown_key(&admin.pipeline.key_standing()),
        "upstream": shown_upstream(&admin.pipeline),
        "store": admin.pipeline.store_standing().as_ref().map(shown_store),
        "audit": admin.pipeline.audit_standing().as_ref().map(shown_audit),
        "queue": { "waiting": waiting, "flying": queue.flying },
        "cache": { "answers": cache.answers, "bytes": cache.bytes, "max_bytes": admin.pipeline.cache().max_bytes() },
        "issuers": issuers,
        "revocations": policy.authenticator.revocations(),
    }))
}

/// The body of a purge: nothing for everything, or an app (name or AppId) and optionally a window.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PurgeBody {
    app: Option<String>,
    from: Option<String>,
    to: Option<String>,
}

async fn purge(State(admin): State<Admin>, body: Bytes) -> Response {
    match read_purge(&admin, &body) {
        Ok(purges) => {
            let mut reach = Reach::All;
            for purge in purges {
                tell(&purge);
                if admin.pipeline.purge(purge).await != Reach::All {
                    reach = Reach::HereForNow;
                }
            }
            carried_out(reach)
        }
        Err(detail) => refused(StatusCode::BAD_REQUEST, &detail),
    }
}

fn tell(purge: &Purge) {
    let (app_id, window) = match purge {
        Purge::Everything => (None, None),
        Purge::App(app, window) => (Some(app), window.as_ref()),
    };
    tracing::info!(
        app_id = app_id.map(AppId::as_str),
        from = window.map(|window| format!("{:?}", window.from())),
        to = window.map(|window| format!("{:?}", window.to())),
        "cache purged"
    );
}

fn read_purge(admin: &Admin, body: &[u8]) -> Result<Vec<Purge>, String> {
    let Object(body): Object<PurgeBody> = serde_json::from_slice(body).map_err(|_| {
        "the body is not understood; send {} for everything, or {\"app\":\"…\"}, with or without from and to".to_owned()
    })?;
    let window = match (&body.from, &body.to) {
        (None, None) => None,
        (Some(from), Some(to)) => {
            let window = query::window(from, to, admin.clock.now(), admin.pipeline.rules());
            Some(window.map_err(|invalid| invalid.to_string())?)
        }
        _ => return Err("a window needs both from and to".to_owned()),
    };
    let Some(app) = body.app else {
        return if window.is_none() { Ok(vec![Purge::Everything]) } else { Err("a window needs an app".to_owned()) };
    };
    let ids = admin.pipeline.policy().registry.app_ids(&app);
    if ids.is_empty() {
        return Err("no tenant has an app of this name or AppId".to_owned());
    }
    Ok(ids.into_iter().map(|id| Purge::App(id, window)).collect())
}
