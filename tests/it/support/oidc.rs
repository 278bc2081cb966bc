//! A real OpenID provider in a process of its own, with clients that are robots: `tests/oidc-provider/provider.mjs`.

use std::path::Path;
use std::process::Command;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Asker, Process, Reply};

/// A running provider. Killed when dropped.
pub(crate) struct OidcProvider {
    issuer: String,
    asker: Asker,
    process: Process,
}

/// How often the provider was asked for each of its documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Requests {
    pub(crate) discovery: u64,
    pub(crate) jwks: u64,
    pub(crate) token: u64,
}

impl OidcProvider {
    /// A provider on a free port, with one key for RS256.
    pub(crate) async fn start() -> Self {
        let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oidc-provider");
        // A test that skips itself proves nothing, so this one fails.
        let installed = home.join("node_modules/oidc-provider").is_dir();
        assert!(installed, "the OpenID provider of the tests is not installed: run `make test`, which sees to it");
        let mut command = Command::new("node");
        let process = Process::start(command.arg(home.join("provider.mjs")).arg("0"));
        let line = |text: &str| Some(text.split_once('\n')?.0.to_owned()).filter(|line| line.starts_with("http://"));
        let issuer = process.prints(line).await;
        Self { asker: Asker::new(issuer.clone(), None), issuer, process }
    }

    /// Its URL, which is the `iss` of its tokens.
    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// An access token that this client gets for this resource, which becomes its `aud`. Clients and what their
    /// tokens say of tenants are listed in `provider.mjs`; the scope is always `usage:read`.
    pub(crate) async fn token(&self, client: &str, resource: &str) -> String {
        let resource = utf8_percent_encode(resource, NON_ALPHANUMERIC);
        let form = format!(
            "grant_type=client_credentials&client_id={client}&client_secret={client}-secret&scope=usage%3Aread\
             &resource={resource}"
        );
        let asker = self.asker.clone().with_header("content-type", "application/x-www-form-urlencoded");
        let granted = done(asker.send("POST", "/token", &form).await).json();
        granted["access_token"].as_str().unwrap().to_owned()
    }

    /// One of its documents, by path: `/.well-known/openid-configuration` or `/jwks`. Counts as a request.
    pub(crate) async fn document(&self, path: &str) -> Reply {
        done(self.asker.get(path).await)
    }

    /// A new key for RS256 signs from now on; the earlier ones stay published.
    pub(crate) async fn rotate(&self) {
        self.rotate_to("RS256").await;
    }

    /// The same with a key for `RS256` or `ES256`.
    pub(crate) async fn rotate_to(&self, algorithm: &str) {
        self.control(&format!("rotate?alg={algorithm}"), "").await;
    }

    /// Withdraws all keys but the newest.
    pub(crate) async fn retire(&self) {
        self.control("retire", "").await;
    }

    /// What the key set's `Cache-Control` says from now on; empty for none, as at the start.
    pub(crate) async fn cache_control(&self, value: &str) {
        self.control("jwks-cache-control", value).await;
    }

    /// What it was asked for so far.
    pub(crate) async fn requests(&self) -> Requests {
        let counts = done(self.asker.get("/control/requests").await).json();
        let of = |path: &str| counts[path].as_u64().unwrap_or(0);
        Requests { discovery: of("/.well-known/openid-configuration"), jwks: of("/jwks"), token: of("/token") }
    }

    /// Stops it and waits until it has gone: nobody answers at its address any more.
    pub(crate) async fn stop(mut self) {
        self.process.signal("TERM");
        self.process.ended().await;
    }

    async fn control(&self, what: &str, body: &str) {
        done(self.asker.send("POST", &format!("/control/{what}"), body).await);
    }
}

fn done(reply: Reply) -> Reply {
    assert_eq!(reply.status, 200, "{reply:?}");
    reply
}
