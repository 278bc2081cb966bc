//! Asking over HTTP and reading what comes back.

use std::path::Path;

use reqwest::header::HeaderMap;
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, RequestBuilder};
use serde_json::Value;

/// A client is costly to make (it reads the system's certificates); a house makes one. It follows no redirect, so that
/// a test would see one.
fn client() -> Client {
    Client::builder().no_proxy().redirect(Policy::none()).build().unwrap()
}

/// A client with a token.
#[derive(Clone)]
pub(crate) struct Asker {
    pub(crate) base: String,
    token: Option<String>,
    client: Client,
    headers: HeaderMap,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    /// Bytes of the body as they came, coded or not.
    pub(crate) length: usize,
}

impl Asker {
    pub(crate) fn new(base: String, token: Option<String>) -> Self {
        Self { base, token, client: client(), headers: HeaderMap::new() }
    }

    /// One who believes these authorities, and opens a connection for each request where `idle` is 0.
    pub(crate) fn trusting(base: String, token: Option<String>, authorities: &[&Path], idle: usize) -> Self {
        let client = Client::builder().no_proxy().redirect(Policy::none()).pool_max_idle_per_host(idle);
        let client = authorities.iter().fold(client, |client, authority| {
            client.add_root_certificate(Certificate::from_pem(&std::fs::read(authority).unwrap()).unwrap())
        });
        Self { base, token, client: client.build().unwrap(), headers: HeaderMap::new() }
    }

    /// The same connections, another address and token.
    pub(crate) fn sibling(&self, base: String, token: Option<String>) -> Self {
        Self { base, token, client: self.client.clone(), headers: HeaderMap::new() }
    }

    pub(crate) fn with_token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    pub(crate) fn with_header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.append(name, value.parse().unwrap());
        self
    }

    /// `GET /apps/{app}/distribution` by province.
    pub(crate) async fn ask(&self, app: &str, window: &(String, String)) -> Reply {
        self.try_ask(app, window).await.unwrap()
    }

    /// The same where the connection may break.
    pub(crate) async fn try_ask(&self, app: &str, (from, to): &(String, String)) -> reqwest::Result<Reply> {
        self.try_send("GET", &format!("/apps/{app}/distribution?from={from}&to={to}&dim=province"), "").await
    }

    pub(crate) async fn get(&self, target: &str) -> Reply {
        self.send("GET", target, "").await
    }

    pub(crate) async fn send(&self, method: &str, target: &str, body: &str) -> Reply {
        self.try_send(method, target, body).await.unwrap()
    }

    /// The same where the connection may break.
    pub(crate) async fn try_send(&self, method: &str, target: &str, body: &str) -> reqwest::Result<Reply> {
        let request = self.client.request(method.parse().unwrap(), format!("{}{target}", self.base));
        let request = self.token.iter().fold(request, RequestBuilder::bearer_auth);
        let request = request.headers(self.headers.clone());
        let response = if body.is_empty() { request } else { request.body(body.to_owned()) }.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await?;
        Ok(Reply { status, headers, text: String::from_utf8_lossy(&body).into_owned(), length: body.len() })
    }
}

impl Reply {
    /// A header's value; empty where there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|fault| panic!("{fault}: {}", self.text))
    }

    /// The code of a problem, and a check that it is one.
    pub(crate) fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        let body = self.json();
        assert_eq!(body["status"], self.status, "{self:?}");
        assert_eq!(body["instance"], self.header("x-request-id"), "{self:?}");
        assert!(body["title"].is_string() && body["detail"].is_string(), "{self:?}");
        body["type"].as_str().unwrap().strip_prefix("/problems/").unwrap().to_owned()
    }

    /// The rows of an answer, and a check that it is one.
    pub(crate) fn rows(&self) -> Vec<Value> {
        assert_eq!(self.status, 200, "{self:?}");
        assert_eq!(self.header("content-type"), "application/json");
        self.json()["data"].as_array().unwrap().clone()
    }

    pub(crate) fn retry_after(&self) -> u64 {
        self.header("retry-after").parse().unwrap_or_else(|_| panic!("{self:?}"))
    }
}
