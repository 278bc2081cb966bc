//! An identity provider that does as it is told: publishes these keys, or is slow, broken, elsewhere, away.
//!
//! For what a real one cannot be made to do; `oidc.rs` runs a real one.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::{Key, free_port};

pub(crate) const DISCOVERY: &str = "/.well-known/openid-configuration";
pub(crate) const KEYS: &str = "/keys";

/// What one path answers.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) delay: Duration,
}

/// Pages by path, and how often each was asked for.
#[derive(Default)]
struct Site {
    pages: HashMap<String, Page>,
    asked: HashMap<String, usize>,
}

/// A provider on a port of this machine. It ends when dropped.
pub(crate) struct Provider {
    site: Arc<Mutex<Site>>,
    address: SocketAddr,
    server: Option<JoinHandle<()>>,
}

impl Page {
    pub(crate) fn json(value: &Value) -> Self {
        Self { status: 200, headers: Vec::new(), body: value.to_string().into_bytes(), delay: Duration::ZERO }
    }

    pub(crate) fn status(status: u16) -> Self {
        Self { status, ..Self::json(&json!({})) }
    }

    pub(crate) fn redirect(to: &str) -> Self {
        Self { headers: vec![("location", to.to_owned())], ..Self::status(302) }
    }

    pub(crate) fn after(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }
}

impl Provider {
    /// One that publishes a discovery document and no keys yet.
    pub(crate) async fn start() -> Self {
        let mut provider = Self { site: Arc::default(), address: ([127, 0, 0, 1], free_port()).into(), server: None };
        provider.resume().await;
        let discovery = json!({"issuer": provider.issuer(), "jwks_uri": provider.url(KEYS)});
        provider.show(DISCOVERY, Page::json(&discovery));
        provider
    }

    /// Listens, on the one port that it ever has.
    pub(crate) async fn resume(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        let router = Router::new().fallback(page).with_state(Arc::clone(&self.site));
        self.server = Some(tokio::spawn(async move { axum::serve(listener, router).await.unwrap() }));
    }

    /// Nobody listens any more.
    pub(crate) async fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            server.abort();
            let _aborted = server.await;
        }
    }

    pub(crate) fn issuer(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.issuer())
    }

    pub(crate) fn show(&self, path: &str, page: Page) {
        self.site.lock().unwrap().pages.insert(path.to_owned(), page);
    }

    /// Publishes these keys in place of those before.
    pub(crate) fn publish(&self, keys: &[&Key]) {
        let keys: Vec<_> = keys.iter().map(|key| key.0.jwk.clone()).collect();
        self.show(KEYS, Page::json(&json!({ "keys": keys })));
    }

    /// How often a path was asked for.
    pub(crate) fn asked(&self, path: &str) -> usize {
        self.site.lock().unwrap().asked.get(path).copied().unwrap_or_default()
    }

    /// A token of this provider, signed with this key.
    pub(crate) fn token(&self, key: &Key) -> String {
        key.token(&self.issuer())
    }
}

async fn page(State(site): State<Arc<Mutex<Site>>>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let page = {
        let mut site = site.lock().unwrap();
        *site.asked.entry(path.clone()).or_default() += 1;
        site.pages.get(&path).cloned().unwrap_or_else(|| Page::status(404))
    };
    tokio::time::sleep(page.delay).await;
    let mut response = Response::new(Body::from(page.body));
    *response.status_mut() = StatusCode::from_u16(page.status).unwrap();
    // So that nobody is served by a connection from before `stop`.
    response.headers_mut().insert("connection", "close".parse().unwrap());
    for (name, value) in page.headers {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    response
}

impl Drop for Provider {
    fn drop(&mut self) {
        if let Some(server) = &self.server {
            server.abort();
        }
    }
}
