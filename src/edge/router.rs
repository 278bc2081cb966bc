//! The public routes and their layers, from the outside in: Vary, CORS, tags, front, panics, codings, visitor.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Router, middleware};
use http::header::{AGE, ETAG, HeaderName, RETRY_AFTER, VARY, WWW_AUTHENTICATE};
use http::{HeaderValue, Method};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::CorsLayer;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::admin::Readiness;
use super::config::Config;
use super::document::Document;
use super::front::{Front, front, panicked};
use super::problem::Problem;
use super::rate_limit::RateLimits;
use super::request_id::X_REQUEST_ID;
use super::token_headers::TokenHeaders;
use super::visitor::{VariesByTenant, visitor};
use super::{apps, codings, distribution, docs, etag, openapi, pages};
use crate::pipeline::Pipeline;

/// What the handlers share.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    pub(super) pipeline: Arc<Pipeline>,
    pub(super) rate_limits: Arc<RateLimits>,
    pub(super) token_headers: Arc<TokenHeaders>,
    pub(super) description: Arc<Document>,
}

/// What a page on another origin may send.
pub(super) const PAGES_MAY_SEND: [&str; 8] = [
    "authorization",
    "accept-encoding",
    "cache-control",
    "if-none-match",
    "x-request-id",
    "sluice-tenant",
    "prefer",
    "traceparent",
];
const PREFLIGHT_LASTS: Duration = Duration::from_secs(600);

/// The public listener's routes. While draining they ask their callers to leave.
pub fn public(pipeline: Arc<Pipeline>, config: &Config, readiness: Readiness) -> Router {
    let front_layer = Front::new(config.max_in_flight, pipeline.telemetry().clone(), readiness);
    let token_headers = Arc::new(config.token_headers.clone());
    let (for_callers, for_all, description) = routes();
    let description = Arc::new(openapi::document(&description));
    let shared = Shared { pipeline, rate_limits: Arc::default(), token_headers, description };
    let method_not_allowed = || async { Problem::method_not_allowed("GET, HEAD").into_response() };
    let router = for_callers
        .route_layer(middleware::from_fn_with_state(shared.clone(), visitor))
        .merge(for_all)
        .fallback(|| async { Problem::not_found().into_response() })
        .method_not_allowed_fallback(method_not_allowed)
        .layer(middleware::from_fn(codings::small))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(front_layer, front))
        .layer(middleware::from_fn(etag::tag_codings))
        .with_state(shared);
    // Without origins there is nothing to add: the layer would answer every OPTIONS.
    let router = if config.cors_origins.is_empty() { router } else { router.layer(cors(&config.cors_origins)) };
    router.layer(middleware::map_response_with_state(Varies::new(&config.token_headers), varies))
}

/// The routes that need a caller, those that do not, and the description of both. A route is what its handler's
/// `utoipa::path` says, so none can be served that is not described.
pub(super) fn routes() -> (Router<Shared>, Router<Shared>, OpenApi) {
    let (for_callers, mut description) = OpenApiRouter::with_openapi(openapi::common())
        .routes(routes!(apps::apps))
        .routes(routes!(distribution::distribution))
        .split_for_parts();
    let (for_all, described) = OpenApiRouter::default()
        .routes(routes!(openapi::openapi))
        .routes(routes!(docs::docs))
        .routes(routes!(docs::asset))
        .routes(routes!(pages::problems))
        .routes(routes!(pages::problem))
        .split_for_parts();
    description.merge(described);
    (for_callers, for_all, description)
}

/// What answers depend on besides their target.
#[derive(Clone, Debug)]
struct Varies {
    usually: HeaderValue,
    /// Where the caller has a choice of tenants. To the others `Sluice-Tenant` can only be an error, and an answer kept
    /// by a browser without it, for the same token, is theirs whatever they write there.
    by_tenant: HeaderValue,
}

impl Varies {
    fn new(token_headers: &TokenHeaders) -> Self {
        let ours = ["Authorization", "Origin", "Accept-Encoding"].into_iter();
        let names: Vec<_> = ours.chain(token_headers.spelled().iter().map(String::as_str)).collect();
        let names = names.join(", ");
        let value = |text: &str| HeaderValue::from_str(text).expect("names of headers can stand in a header");
        Self { by_tenant: value(&format!("{names}, Sluice-Tenant")), usually: value(&names) }
    }
}

/// Says so in place of what the layers each say of it.
async fn varies(State(varies): State<Varies>, mut response: Response) -> Response {
    let by_tenant = response.extensions().get::<VariesByTenant>().is_some();
    response.headers_mut().insert(VARY, if by_tenant { varies.by_tenant } else { varies.usually });
    response
}

/// Who may read answers from a page. The headers of `server.token_headers` are not among those that it may send: they
/// are for a proxy to set, and a page has `Authorization`.
fn cors(origins: &[HeaderValue]) -> CorsLayer {
    let named = HeaderName::from_static;
    CorsLayer::new()
        .allow_origin(origins.to_vec())
        .allow_methods([Method::GET, Method::HEAD])
        .allow_headers(PAGES_MAY_SEND.map(named))
        .expose_headers([
            AGE,
            ETAG,
            RETRY_AFTER,
            WWW_AUTHENTICATE,
            X_REQUEST_ID,
            named("cache-status"),
            named("ratelimit"),
            named("ratelimit-policy"),
        ])
        .max_age(PREFLIGHT_LASTS)
}
