//! The layer before every route that needs a caller: token, app and `Sluice-Tenant` → `Visit`, counted against the rate of
//! the tenant on whose behalf the request is made.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Extension;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName};
use tokio::time::Instant;

use super::bearer::{Bearer, bearer};
use super::problem::Problem;
use super::router::Shared;
use crate::model::TenantId;
use crate::pipeline::Spent;
use crate::tenancy::Wanted;

/// Chooses one of the token's tenants.
pub(super) const SLUICE_TENANT: HeaderName = HeaderName::from_static("sluice-tenant");

/// What the log line tells about a request, as far as it has come. It lies in the request's extensions, and its clones
/// share it: of a caller who hung up there is no response that could carry it.
#[derive(Clone, Debug, Default)]
pub(super) struct Trail(Arc<Mutex<Marks>>);

/// What is known of a request.
#[derive(Clone, Debug, Default)]
pub(super) struct Marks {
    pub(super) tenant: Option<TenantId>,
    /// Whether the tenant is one of the configuration.
    pub(super) configured: bool,
    pub(super) app: Option<String>,
    pub(super) outcome: Option<&'static str>,
    pub(super) spent: Option<Spent>,
}

impl Trail {
    pub(super) fn mark(&self, mark: impl FnOnce(&mut Marks)) {
        mark(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(super) fn marks(&self) -> Marks {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The mark of an answer that another choice of tenant would have changed. Left in the response's extensions.
#[derive(Clone, Copy, Debug)]
pub(super) struct VariesByTenant;

pub(super) async fn visitor(
    State(shared): State<Shared>,
    Extension(trail): Extension<Trail>,
    path: Result<RawPathParams, RawPathParamsRejection>,
    mut request: Request,
    next: Next,
) -> Response {
    let token = match bearer(request.headers(), shared.token_headers.names()) {
        Bearer::Absent => None,
        Bearer::Token(token) => Some(token),
        // Not a token by its very form: the verifier refuses it like any other that fails.
        Bearer::Malformed => Some(""),
    };
    let wanted = Wanted { app: app(path.as_ref().ok()), tenant: chosen(request.headers()) };
    let visit = match shared.pipeline.identify(token, wanted).await {
        Ok(visit) => visit,
        Err(refusal) => return Problem::from(refusal).into_response(),
    };
    trail.mark(|marks| {
        marks.tenant = Some(visit.acting().id().clone());
        marks.configured = visit.acting().tenant().is_some();
    });
    let allowance = shared.rate_limits.count(visit.acting().tenant().map(|tenant| &**tenant), Instant::now());
    let several = visit.caller().tenants().are_several();
    let mut response = if let Some(wait) = allowance.wait {
        Problem::rate_limited(wait).into_response()
    } else {
        request.extensions_mut().insert(visit);
        next.run(request).await
    };
    allowance.write(response.headers_mut());
    if several {
        response.extensions_mut().insert(VariesByTenant);
    }
    response
}

/// The app in the path. A path that does not decode names none that there could be.
fn app(path: Option<&RawPathParams>) -> Option<&str> {
    let Some(path) = path else { return Some("") };
    path.iter().find_map(|(name, value)| (name == "app").then_some(value))
}

/// The tenant that the caller chooses. Twice, or not text: a name that no tenant can have, and so no token holds.
pub(super) fn chosen(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(SLUICE_TENANT).iter();
    let value = values.next()?;
    Some(if values.next().is_none() { value.to_str().unwrap_or_default() } else { "" })
}
