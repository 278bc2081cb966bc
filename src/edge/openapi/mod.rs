//! `GET /openapi.json`: the description of the public listener, gathered from the handlers as they are routed.
//!
//! A handler's path and method are written once, in its `utoipa::path`; `router` routes by that. What a handler can
//! answer is in `responses`, where problems come from the catalogue; what it reads is in `parameters`.

mod parameters;
mod responses;

use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder};

pub(super) use self::parameters::{AssetPath, CodePath, ForApps, ForDistribution, Traced};
pub(super) use self::responses::{OfApps, OfAssets, OfCode, OfDistribution, OfDocument, OfPage};
use super::apps::{App, Apps};
use super::distribution::Distribution;
use super::document::Document;
use super::router::Shared;

/// The name of the security scheme.
const BEARER: &str = "bearer";

/// What holds for all operations; the routes add theirs.
pub(super) fn common() -> OpenApi {
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some("A token of one of the configured issuers, which names the caller's tenant."));
    let license = LicenseBuilder::new().name(env!("CARGO_PKG_LICENSE")).identifier(Some(env!("CARGO_PKG_LICENSE")));
    let info = InfoBuilder::new()
        .title("Sluice")
        .description(Some(env!("CARGO_PKG_DESCRIPTION")))
        .version(env!("CARGO_PKG_VERSION"))
        .license(Some(license.build()));
    let tags = [("usage", "What a tenant may ask."), ("documentation", "What explains the rest. Needs no token.")];
    OpenApiBuilder::new()
        .info(info)
        .tags(Some(tags.map(|(name, text)| TagBuilder::new().name(name).description(Some(text)).build())))
        .components(Some(
            ComponentsBuilder::new()
                .security_scheme(BEARER, SecurityScheme::Http(bearer.build()))
                .schema_from::<Distribution<'_>>()
                .schema_from::<Apps<'_>>()
                .schema_from::<App<'_>>()
                .schema(responses::PROBLEM, responses::problem())
                .build(),
        ))
        .build()
}

/// The description as it is served.
pub(super) fn document(description: &OpenApi) -> Document {
    let body = serde_json::to_vec(description).expect("a description always serialises");
    Document::new("application/json", body)
}

/// This description
///
/// It changes only with the gateway's version.
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "getDescription",
    tag = "documentation",
    params(Traced),
    responses(OfDocument)
)]
pub(super) async fn openapi(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    shared.description.answer(&headers).await
}

#[cfg(test)]
#[path = "openapi_tests.rs"]
mod tests;
