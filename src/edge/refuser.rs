//! Refuses what never becomes a request: heads that cannot be parsed, rules of HTTP that are broken, connections beyond
//! what is taken. Each is a problem like any other, with its line in the log and its count.

use std::time::Duration;

use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH};
use http::{HeaderMap, HeaderValue, Method, Version};

use super::front::{NO_ROUTE, finish};
use super::problem::Problem;
use super::request_id::RequestId;
use crate::telemetry::{Access, RequestLabels, Telemetry};

/// Where refusals are told. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub(super) struct Refuser(Option<Telemetry>);

impl Refuser {
    /// Of a listener whose requests are counted and told.
    pub(super) fn telling(telemetry: Telemetry) -> Self {
        Self(Some(telemetry))
    }

    /// What is written where hyper would write a bare status: it has read something that is no request.
    pub(super) fn in_place_of(&self, status: u16) -> Bytes {
        self.in_words(match status {
            414 => Problem::target_too_long(),
            431 => Problem::head_too_large(),
            _ => Problem::malformed(
                "The head is not HTTP/1.1: its first line is METHOD TARGET HTTP/1.1, and each header has a name, a colon and a value.",
            ),
        })
    }

    /// A whole answer as HTTP/1.1 has it, after which the connection closes.
    pub(super) fn in_words(&self, problem: Problem) -> Bytes {
        let id = RequestId::of(&HeaderMap::new());
        self.tell(&problem, &id, None);
        let body = problem.body(id.as_str());
        let (parts, _) = finish(problem.into_response(), &id).into_parts();
        let mut words = format!("HTTP/1.1 {}\r\n", parts.status).into_bytes();
        let closing = [(CONNECTION, HeaderValue::from_static("close")), (CONTENT_LENGTH, body.len().into())];
        for (name, value) in parts.headers.iter().chain(closing.iter().map(|(name, value)| (name, value))) {
            words.extend_from_slice(name.as_str().as_bytes());
            words.extend_from_slice(b": ");
            words.extend_from_slice(value.as_bytes());
            words.extend_from_slice(b"\r\n");
        }
        words.extend_from_slice(b"\r\n");
        words.extend_from_slice(&body);
        words.into()
    }

    /// The answer to a request that breaks a rule of HTTP, after which the connection closes.
    pub(super) fn refuse(&self, problem: Problem, request: &http::request::Parts) -> Response {
        let id = RequestId::of(&request.headers);
        self.tell(&problem, &id, Some(&request.method));
        let mut response = finish(problem.into_response(), &id);
        if request.version <= Version::HTTP_11 {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    fn tell(&self, problem: &Problem, id: &RequestId, method: Option<&Method>) {
        let Some(telemetry) = &self.0 else { return };
        let (status, outcome, blame) = (problem.status(), problem.label(), problem.blame().label());
        telemetry.log.access(&Access {
            request_id: id.as_str(),
            method: method.map(Method::as_str),
            route: NO_ROUTE,
            status: Some(status),
            outcome,
            blame: Some(blame),
            ..Access::default()
        });
        let labels = RequestLabels { route: NO_ROUTE.to_owned(), tenant: None, outcome, status, blame };
        telemetry.metrics.request(&labels, Duration::ZERO);
    }
}
