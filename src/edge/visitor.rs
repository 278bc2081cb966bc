//! The layer before every route that needs a caller: token → `Visit`, counted against its tenant's rate.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::bearer::{Bearer, bearer};
use super::problem::Problem;
use super::router::Shared;
use crate::model::TenantId;

/// What the log line tells about a request once its caller is known. Left in the response's extensions.
#[derive(Clone, Debug)]
pub(super) struct Trail {
    pub(super) tenant: TenantId,
    pub(super) app: Option<String>,
    pub(super) outcome: Option<&'static str>,
}

pub(super) async fn visitor(State(shared): State<Shared>, mut request: Request, next: Next) -> Response {
    let token = match bearer(request.headers()) {
        Bearer::Absent => None,
        Bearer::Token(token) => Some(token),
        // Not a token by its very form: the verifier refuses it like any other that fails.
        Bearer::Malformed => Some(""),
    };
    let visit = match shared.pipeline.identify(token).await {
        Ok(visit) => visit,
        Err(refusal) => return Problem::from(refusal).into_response(),
    };
    let trail = Trail { tenant: visit.caller().tenants().first().clone(), app: None, outcome: None };
    let allowance = shared.rate_limits.count(visit.tenant().map(|tenant| &**tenant));
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
    response
}
