//! The layer before every route that needs a caller: token, app and `Sluice-Tenant` → `Visit`, counted against the rate of
//! the tenant on whose behalf the request is made.

use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName};

use super::bearer::{Bearer, bearer};
use super::problem::Problem;
use super::router::Shared;
use crate::model::TenantId;
use crate::pipeline::Spent;
use crate::tenancy::Wanted;

/// Chooses one of the token's tenants.
pub(super) const SLUICE_TENANT: HeaderName = HeaderName::from_static("sluice-tenant");

/// What the log line tells about a request once its caller is known. Left in the response's extensions.
#[derive(Clone, Debug)]
pub(super) struct Trail {
    pub(super) tenant: TenantId,
    pub(super) app: Option<String>,
    pub(super) outcome: Option<&'static str>,
    /// Whether the tenant is one of the configuration.
    pub(super) configured: bool,
    pub(super) spent: Option<Spent>,
}

/// The mark of an answer that another choice of tenant would have changed. Left in the response's extensions.
#[derive(Clone, Copy, Debug)]
pub(super) struct VariesByTenant;

pub(super) async fn visitor(
    State(shared): State<Shared>,
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
    let trail = Trail {
        tenant: visit.acting().id().clone(),
        app: None,
        outcome: None,
        configured: visit.acting().tenant().is_some(),
        spent: None,
    };
    let allowance = shared.rate_limits.count(visit.acting().tenant().map(|tenant| &**tenant));
    let several = visit.caller().tenants().are_several();
    let mut response = if let Some(wait) = allowance.wait {
        Problem::rate_limited(wait).into_response()
    } else {
        request.extensions_mut().insert(visit);
        next.run(request).await
    };
    allowance.write(response.headers_mut());
    if response.extensions().get::<Trail>().is_none() {
        response.extensions_mut().insert(trail);
    }
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
fn chosen(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(SLUICE_TENANT).iter();
    let value = values.next()?;
    Some(if values.next().is_none() { value.to_str().unwrap_or_default() } else { "" })
}
