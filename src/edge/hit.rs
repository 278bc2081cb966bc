//! A hit in one step: a caller that was seen before asks what is held and fresh. It needs no route, and most requests are of
//! this kind.
//!
//! Whatever else a request is goes through the layers and the routes, which give the same answer to a hit, header by header:
//! the tests ask both.

use std::sync::Arc;

use axum::response::IntoResponse as _;
use http::header::VARY;
use http::request::Parts;
use http::{HeaderMap, Method};
use tokio::time::Instant;

use super::bearer;
use super::cors::Cors;
use super::distribution;
use super::front::{Ended, Front, LONGEST_PATH, LONGEST_QUERY, TRACEPARENT, finish, sign};
use super::problem::Problem;
use super::rate_limit::RateLimits;
use super::reply::{Answer, Reply};
use super::request_id::{RequestId, X_REQUEST_ID};
use super::router::Varies;
use super::token_headers::TokenHeaders;
use super::untaken::Untaken;
use super::visitor::{SLUICE_TENANT, chosen};
use crate::pipeline::{Hit, Pipeline};
use crate::telemetry::Lookup;
use crate::tenancy::Wanted;

/// What answers hits.
pub(super) struct Hits {
    pub(super) pipeline: Arc<Pipeline>,
    pub(super) rate_limits: Arc<RateLimits>,
    pub(super) token_headers: Arc<TokenHeaders>,
    pub(super) front: Front,
    pub(super) varies: Varies,
    pub(super) cors: Option<Cors>,
}

const NOT_MODIFIED: u16 = 304;
/// As it is routed.
const ROUTE: &str = "/apps/{app}/distribution";

impl Hits {
    /// The answer, if it is a hit; then it is written into the request's own map of headers. `None` leaves the request to the
    /// routes, which have not missed anything.
    pub(super) fn answer(&self, request: &mut Parts) -> Option<Answer> {
        let began = Instant::now();
        let headers = &request.headers;
        let has = Has::of(headers);
        let wanted = Wanted { app: Some(app(request)?), tenant: if has.tenant { chosen(headers) } else { None } };
        let token = bearer::unread(headers, self.token_headers.names())?;
        let Hit { recalled, served, at } = self.pipeline.hit(token, wanted, request.uri.query()?)?;
        let ready = distribution::ready(&served, headers)?;
        let under_way = self.front.enter()?;
        // From here on nobody else answers it: so it is counted, and has a span.
        let parent = if has.parent { headers.get(TRACEPARENT) } else { None };
        let trace = self.front.trace(parent, &request.method, ROUTE);
        let tenant = served.grant.tenant();
        let allowance = self.rate_limits.count(Some(tenant), began);
        let theirs = if has.id { RequestId::theirs(headers) } else { None };
        let id = theirs.unwrap_or_else(|| RequestId::new(at.as_millisecond().try_into().unwrap_or_default()));
        let page = self.cors.as_ref().map(|cors| cors.says(headers));
        let mut headers = std::mem::take(&mut request.headers);
        headers.clear();
        let (mut response, problem) = match allowance.wait {
            None => (ready.response(headers), None),
            Some(wait) => {
                let problem = Problem::rate_limited(wait);
                (finish(problem.clone().into_response(), &id).map(Reply::Made), Some(problem))
            }
        };
        let answer = response.headers_mut();
        sign(answer, &id);
        allowance.write(answer);
        answer.insert(VARY, self.varies.value(recalled.caller().tenants().are_several()));
        if let Some(page) = page {
            page.write(answer);
        }
        self.front.takes_leave(request.version, answer);
        let ended = Ended {
            request_id: id.as_str(),
            method: &request.method,
            route: ROUTE,
            trace: &trace,
            at: Some(at),
            took: began.elapsed(),
            status: Some(response.status().as_u16()),
            outcome: problem.as_ref().map_or(served.via.label(), Problem::label),
            blame: problem.as_ref().map(Problem::blame),
            tenant: Some(tenant.id()),
            configured: true,
            app: problem.is_none().then(|| served.grant.app().name()),
            spent: problem.is_none().then_some(served.spent),
        };
        let counts = match (&problem, ended.status) {
            (Some(_), _) => None,
            (None, Some(NOT_MODIFIED)) => Some(&allowance.hits().not_modified),
            (None, _) => Some(&allowance.hits().given),
        };
        ended.tell(&self.front.telemetry, counts);
        if problem.is_none() {
            self.front.telemetry.metrics.lookup(Lookup::Hit);
        }
        Some(response.map(|body| Untaken::new(body, Some(under_way))))
    }
}

/// Which headers a request has of those that few have: one look at all that came is less than a search for each that did not.
#[derive(Clone, Copy, Debug, Default)]
struct Has {
    tenant: bool,
    id: bool,
    parent: bool,
}

impl Has {
    fn of(headers: &HeaderMap) -> Self {
        headers.keys().fold(Self::default(), |has, name| Self {
            tenant: has.tenant || *name == SLUICE_TENANT,
            id: has.id || *name == X_REQUEST_ID,
            parent: has.parent || *name == TRACEPARENT,
        })
    }
}

/// The app whose distribution is asked for, where its name stands in the path as it is.
fn app(request: &Parts) -> Option<&str> {
    let (path, query) = (request.uri.path(), request.uri.query().unwrap_or_default());
    let app = path.strip_prefix("/apps/")?.strip_suffix("/distribution")?;
    let plain = !app.is_empty() && !app.contains(['/', '%']);
    let short = path.len() <= LONGEST_PATH && query.len() <= LONGEST_QUERY;
    (request.method == Method::GET && plain && short).then_some(app)
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn named(method: &Method, target: &str) -> Option<String> {
        let (head, ()) = Request::builder().method(method).uri(target).body(()).unwrap().into_parts();
        app(&head).map(str::to_owned)
    }

    #[test]
    fn what_is_no_plain_question_is_left_to_the_routes() {
        assert_eq!(named(&Method::GET, "/apps/classroom/distribution?from=a").as_deref(), Some("classroom"));
        for target in [
            "/apps/class%72oom/distribution?from=a",
            "/apps//distribution",
            "/apps/a/b/distribution",
            "/apps/classroom/distribution/",
            "/apps",
            "/apps/distribution",
            &format!("/apps/{}/distribution", "a".repeat(LONGEST_PATH)),
            &format!("/apps/a/distribution?{}", "a".repeat(LONGEST_QUERY + 1)),
        ] {
            assert_eq!(named(&Method::GET, target), None, "{target}");
        }
        assert_eq!(named(&Method::HEAD, "/apps/classroom/distribution?from=a"), None);
    }
}
