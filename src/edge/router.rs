//! The public routes and their layers, from the outside in: Vary, CORS, front, panics, codings, visitor. Hits go around them.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::{Router, middleware};
use http::HeaderValue;
use http::header::VARY;
use http::request::Parts;
use hyper::body::Incoming;
use tower::ServiceExt as _;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::admin::Readiness;
use super::config::Config;
use super::cors::Cors;
use super::document::Document;
use super::front::{Front, front, panicked};
use super::hit::Hits;
use super::problem::Problem;
use super::rate_limit::RateLimits;
use super::refuser::Refuser;
use super::reply::{Answer, made};
use super::token_headers::TokenHeaders;
use super::visitor::{VariesByTenant, visitor};
use super::{apps, codings, distribution, docs, openapi, pages};
use crate::pipeline::Pipeline;

/// What the handlers share.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    pub(super) pipeline: Arc<Pipeline>,
    pub(super) rate_limits: Arc<RateLimits>,
    pub(super) token_headers: Arc<TokenHeaders>,
    pub(super) description: Arc<Document>,
}

/// What a listener answers from.
pub struct Routes {
    hits: Option<Hits>,
    router: Router,
}

impl Routes {
    /// The answer to a request that keeps to the rules, if it is a hit. A panic is a defect, which `refuser` tells like any other
    /// problem: by then the request may have lost its headers, so that the routes cannot answer it any more.
    pub(super) fn hit(&self, head: &mut Parts, refuser: &Refuser) -> Option<Answer> {
        let hits = self.hits.as_ref()?;
        let hit = catch_unwind(AssertUnwindSafe(|| hits.answer(head)));
        hit.unwrap_or_else(|_| Some(made(refuser.refuse(Problem::internal(), head))))
    }

    /// The answer to any request that keeps to the rules.
    pub(super) async fn answer(&self, head: Parts, body: Incoming) -> Answer {
        let request = Request::from_parts(head, Body::new(body));
        made(self.router.clone().oneshot(request).await.unwrap_or_else(|never| match never {}))
    }
}

impl From<Router> for Routes {
    fn from(router: Router) -> Self {
        Self { hits: None, router }
    }
}

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Routes").field("router", &self.router).finish_non_exhaustive()
    }
}

/// The public listener's routes. While draining they ask their callers to leave.
pub fn public(pipeline: Arc<Pipeline>, config: &Config, readiness: Readiness) -> Routes {
    let front_layer = Front::new(config.max_in_flight, pipeline.telemetry().clone(), readiness);
    let token_headers = Arc::new(config.token_headers.clone());
    let (for_callers, for_all, description) = routes();
    let description = Arc::new(openapi::document(&description));
    let rate_limits = Arc::<RateLimits>::default();
    let (varies, cors) = (Varies::new(&config.token_headers), Cors::of(&config.cors_origins));
    let hits = Hits {
        pipeline: Arc::clone(&pipeline),
        rate_limits: Arc::clone(&rate_limits),
        token_headers: Arc::clone(&token_headers),
        front: front_layer.clone(),
        varies: varies.clone(),
        cors: cors.clone(),
    };
    let shared = Shared { pipeline, rate_limits, token_headers, description };
    let method_not_allowed = || async { Problem::method_not_allowed("GET, HEAD").into_response() };
    let router = for_callers
        .route_layer(middleware::from_fn_with_state(shared.clone(), visitor))
        .merge(for_all)
        .fallback(|| async { Problem::not_found().into_response() })
        .method_not_allowed_fallback(method_not_allowed)
        .layer(middleware::from_fn(codings::small))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(front_layer, front))
        .with_state(shared);
    let router = if let Some(cors) = cors { router.layer(cors.layer()) } else { router };
    let router = router.layer(middleware::map_response_with_state(varies, vary));
    Routes { hits: Some(hits), router }
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
pub(super) struct Varies {
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

    /// `by_tenant`: whether the caller has a choice.
    pub(super) fn value(&self, by_tenant: bool) -> HeaderValue {
        if by_tenant { self.by_tenant.clone() } else { self.usually.clone() }
    }
}

/// Says so in place of what the layers each say of it.
async fn vary(State(varies): State<Varies>, mut response: Response) -> Response {
    let by_tenant = response.extensions().get::<VariesByTenant>().is_some();
    response.headers_mut().insert(VARY, varies.value(by_tenant));
    response
}
