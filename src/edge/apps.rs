//! `GET /apps`: what the caller's tenant may read.

use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::HeaderValue;
use http::header::CACHE_CONTROL;
use serde_json::{Value, json};

use crate::pipeline::Visit;

pub(super) async fn apps(Extension(visit): Extension<Visit>) -> Response {
    let apps: Vec<Value> = visit.tenant().map_or_else(Vec::new, |tenant| {
        tenant.apps().map(|app| json!({ "name": app.name(), "app_id": app.id().as_str() })).collect()
    });
    let body = json!({ "tenant": visit.caller().tenants().first().as_str(), "apps": apps });
    let mut response = Json(body).into_response();
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    response
}
