//! What is the same for everybody until the next version: pages, their parts and the description.

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::codings::Coded;
use super::etag::Tag;

/// Bytes with their tag, kept by browsers for a while.
#[derive(Clone, Debug)]
pub(super) struct Document {
    content_type: &'static str,
    policy: Option<&'static str>,
    tag: Tag,
    body: Coded,
}

/// Short, so that the parts of a page are not long of different versions.
const KEPT: HeaderValue = HeaderValue::from_static("public, max-age=300");

impl Document {
    pub(super) fn new(content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        Self { content_type, policy: None, tag: Tag::of_bytes(&body), body: Coded::new(body) }
    }

    /// A page, and what it may load.
    pub(super) fn page(html: String, policy: &'static str) -> Self {
        Self { policy: Some(policy), ..Self::new("text/html; charset=utf-8", html) }
    }

    pub(super) async fn answer(&self, request: &HeaderMap) -> Response {
        let (mut response, tag) = if self.tag.is_held(request) {
            (StatusCode::NOT_MODIFIED.into_response(), self.tag.of_not_modified(request))
        } else {
            let (mut response, coding) = self.body.answer(request).await;
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
            (response, self.tag.header(coding))
        };
        let headers = response.headers_mut();
        headers.insert(ETAG, tag);
        headers.insert(CACHE_CONTROL, KEPT);
        if let Some(policy) = self.policy {
            headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
        }
        response
    }
}
