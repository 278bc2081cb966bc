//! `POST /reload`: reads the configuration again and says what came of it, key by key.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::admin::Admin;
use crate::settings::Change;

/// Whoever can read the configuration again.
pub trait Reloads: Send + Sync + std::fmt::Debug {
    /// Reads it and puts in force what can be without a restart. Blocks on files.
    fn reload(&self) -> Result<Reloaded, NotReloaded>;

    /// How the configuration stands.
    fn standing(&self) -> ConfigStanding;
}

/// What a reload came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reloaded {
    /// Which configuration is in force now: 1 for the one that the process began with.
    pub generation: u64,
    /// What is in force.
    pub applied: Vec<Change>,
    /// What differs from what runs and waits for a restart.
    pub after_restart: Vec<Change>,
}

/// Why everything is as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotReloaded {
    /// One mistake each.
    #[error("the configuration has mistakes: {}", .0.join("; "))]
    Mistakes(Vec<String>),
    /// The configuration is right, and could not be put in force.
    #[error("{0}")]
    Failed(String),
}

impl NotReloaded {
    fn mistakes(&self) -> &[String] {
        match self {
            Self::Mistakes(mistakes) => mistakes,
            Self::Failed(_) => &[],
        }
    }
}

/// Which configuration is in force, and what the last attempt to change it came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigStanding {
    /// Grows with each reload that changed something.
    pub generation: u64,
    /// When it was put in force.
    pub in_force_since: Timestamp,
    /// Reloads that succeeded, those that found nothing changed included.
    pub reloads: u64,
    /// Reloads that failed.
    pub failures: u64,
    /// What the last reload failed of, if it did.
    pub fault: Option<NotReloaded>,
    /// When the last reload ended, if there was one.
    pub last_reload: Option<Timestamp>,
    /// Keys that wait for a restart.
    pub after_restart: Vec<String>,
}

pub(super) async fn reload(State(admin): State<Admin>) -> Response {
    let reloads = std::sync::Arc::clone(&admin.reloads);
    let outcome = tokio::task::spawn_blocking(move || reloads.reload()).await;
    match outcome {
        Ok(Ok(Reloaded { generation, applied, after_restart })) => {
            let body = json!({
                "generation": generation,
                "applied": shown(&applied),
                "needs_restart": shown(&after_restart),
            });
            Json(body).into_response()
        }
        Ok(Err(NotReloaded::Mistakes(mistakes))) => {
            let detail = "nothing was changed: the configuration has mistakes";
            (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({ "detail": detail, "mistakes": mistakes }))).into_response()
        }
        Ok(Err(NotReloaded::Failed(fault))) => failed(&fault),
        Err(_panicked) => failed("the reload itself failed: a defect of the gateway"),
    }
}

fn failed(fault: &str) -> Response {
    let body = json!({ "detail": format!("nothing was changed: {fault}") });
    (StatusCode::INTERNAL_SERVER_ERROR, Json(body)).into_response()
}

fn shown(changes: &[Change]) -> Vec<Value> {
    let of = |change: &Change| json!({ "key": change.key, "before": change.before, "after": change.after });
    changes.iter().map(of).collect()
}

/// The configuration as `/status` shows it.
pub(super) fn status(standing: &ConfigStanding) -> Value {
    json!({
        "generation": standing.generation,
        "in_force_since": format!("{:.0}", standing.in_force_since),
        "reloads": standing.reloads,
        "failed_reloads": standing.failures,
        "last_reload": standing.last_reload.map(|at| format!("{at:.0}")),
        "last_reload_fault": standing.fault.as_ref().map(ToString::to_string),
        "last_reload_mistakes": standing.fault.as_ref().map(NotReloaded::mistakes).unwrap_or_default(),
        "needs_restart": standing.after_restart,
    })
}
