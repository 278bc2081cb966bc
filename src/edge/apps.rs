//! `GET /apps`: what the caller's tenants may read.

use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::HeaderValue;
use http::header::CACHE_CONTROL;
use serde_json::{Value, json};

use super::problem::Problem;
use crate::model::TenantId;
use crate::pipeline::{Refusal, Visit};

/// Of one tenant: its name and its apps. Of several, the same with more members: `tenants`, and whose each app is.
pub(super) async fn apps(Extension(visit): Extension<Visit>) -> Response {
    let acting = visit.acting();
    let names = match acting.names() {
        Ok(names) => names,
        Err(denied) => return Problem::from(Refusal::from(denied)).into_response(),
    };
    let tenant = acting.id().as_str();
    let body = if names.len() > 1 {
        let apps = acting
            .apps()
            .map(|(tenant, app)| json!({ "name": app.name(), "app_id": app.id().as_str(), "tenant": tenant.as_str() }));
        let names = names.iter().map(TenantId::as_str).collect::<Vec<_>>();
        json!({ "tenant": tenant, "tenants": names, "apps": apps.collect::<Vec<Value>>() })
    } else {
        let apps = acting.apps().map(|(_, app)| json!({ "name": app.name(), "app_id": app.id().as_str() }));
        json!({ "tenant": tenant, "apps": apps.collect::<Vec<Value>>() })
    };
    let mut response = Json(body).into_response();
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    response
}
