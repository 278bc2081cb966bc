//! `GET /apps`: what the caller's tenants may read.

use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::HeaderValue;
use http::header::CACHE_CONTROL;
use serde::Serialize;
use utoipa::ToSchema;

use super::openapi::{ForApps, OfApps};
use super::problem::Problem;
use crate::model::TenantId;
use crate::pipeline::{Refusal, Visit};

/// What the caller may read. A token of several tenants sees the apps of all, each with whose it is.
#[derive(Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "the members have the names of the API")]
pub(super) struct Apps<'a> {
    /// The tenant on whose behalf the request was.
    tenant: &'a str,
    /// The token's tenants, where they are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    tenants: Option<Vec<&'a str>>,
    /// In the order of the configuration.
    apps: Vec<App<'a>>,
}

/// An app that the caller may read.
#[derive(Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "the members have the names of the API")]
pub(super) struct App<'a> {
    /// What the tenant calls it.
    name: &'a str,
    /// What the upstream calls it.
    app_id: &'a str,
    /// Whose it is, where the token's tenants are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    tenant: Option<&'a str>,
}

/// The apps that the caller may read
#[utoipa::path(
    get,
    path = "/apps",
    operation_id = "listApps",
    tag = "usage",
    params(ForApps),
    responses(OfApps),
    security(("bearer" = []))
)]
pub(super) async fn apps(Extension(visit): Extension<Visit>) -> Response {
    let acting = visit.acting();
    let names = match acting.names() {
        Ok(names) => names,
        Err(denied) => return Problem::from(Refusal::from(denied)).into_response(),
    };
    let several = names.len() > 1;
    let body = Apps {
        tenant: acting.id().as_str(),
        tenants: several.then(|| names.iter().map(TenantId::as_str).collect()),
        apps: acting
            .apps()
            .map(|(tenant, app)| App {
                name: app.name(),
                app_id: app.id().as_str(),
                tenant: several.then(|| tenant.as_str()),
            })
            .collect(),
    };
    let mut response = Json(body).into_response();
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    response
}
