//! The way to an issuer's published keys over HTTP: place in, the bytes of a key set out.
//!
//! Whatever is at the other end, a look is bounded in time and in bytes, goes to no host that was not allowed, and
//! sends nothing but a plain GET.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::redirect::{Attempt, Policy};
use reqwest::{Client, Response, StatusCode, Url};
use serde::Deserialize;
use tokio::time::Instant;

use super::Published;
use super::fault::FetchFault;
use super::freshness;
use super::place::{self, Place};
use crate::model::Object;

/// A few keys have a few kilobytes; a chain of certificates beside each makes some tens of them.
const LARGEST: usize = 256 * 1024;
/// The longest that one exchange may take.
const TIMEOUT: Duration = Duration::from_secs(5);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const MOST_REDIRECTS: usize = 3;

/// Where key sets come from. In the tests of the rounds it is something simpler than HTTP.
pub(super) trait Publish: Send + Sync + 'static {
    /// Fetches the key set. `in_haste`: straight from where it was a moment ago, if it is there.
    fn fetch(&self, in_haste: bool) -> impl Future<Output = Result<Document, FetchFault>> + Send;
}

/// A key set as it was fetched.
#[derive(Clone, Debug)]
pub(super) struct Document {
    /// The body, of bounded length.
    pub(super) bytes: Vec<u8>,
    /// For how long it is fresh, where the publisher says so.
    pub(super) lifetime: Option<Duration>,
}

/// One issuer's publisher over HTTP.
pub(super) struct Publisher {
    client: KeyClient,
    issuer: Arc<str>,
    place: Place,
    /// For how long it counts where discovery led to.
    place_lifetime: Duration,
    /// Where discovery led to, for looks that cannot wait for it.
    found: Mutex<Option<(Url, Instant)>>,
}

/// The client for all issuers. Cloning shares its connections.
#[derive(Clone, Debug)]
pub(crate) struct KeyClient(Client);

/// No TLS client: most likely the system has no certificate authorities.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up the client for the identity providers: {0}")]
pub struct NoClient(#[from] reqwest::Error);

/// The two members that matter of a discovery document. One that occurs twice is an error.
#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

impl KeyClient {
    /// Fails where the system's trust store cannot be read.
    pub(crate) fn new() -> Result<Self, NoClient> {
        let client = Client::builder()
            .redirect(Policy::custom(within_one_host))
            .no_proxy()
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .user_agent(concat!("sluice/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self(client))
    }

    async fn get(&self, url: &Url) -> Result<Document, FetchFault> {
        let host = authority(url);
        let mut response = self.0.get(url.clone()).send().await.map_err(|error| told(&error, &host))?;
        if response.status() != StatusCode::OK {
            return Err(FetchFault::Status { host, status: response.status().as_u16() });
        }
        let lifetime = freshness::lifetime(response.headers());
        let bytes = read(&mut response, host).await?;
        Ok(Document { bytes, lifetime })
    }
}

impl Publisher {
    pub(super) fn new(client: KeyClient, issuer: Arc<str>, published: &Published) -> Self {
        let place_lifetime = published.lifetime / 2;
        Self { client, issuer, place: published.place.clone(), place_lifetime, found: Mutex::default() }
    }

    /// Where the keys are, told by the issuer's discovery document.
    async fn discover(&self, issuer: &Url, hosts: &[String]) -> Result<Url, FetchFault> {
        let [openid, oauth] = place::documents(issuer);
        let document = match self.client.get(&openid).await {
            // A server of plain OAuth has nothing there. One that asks for patience is not asked again at once.
            Err(FetchFault::Status { status: 400..=407 | 409..=428, .. }) => self.client.get(&oauth).await,
            fetched => fetched,
        }?;
        announced(&document.bytes, &self.issuer, issuer, hosts)
    }

    /// Where discovery led to. Not for ever: looks in haste alone would never learn that the keys have moved.
    fn found(&self) -> Option<Url> {
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.as_ref().filter(|(_, at)| at.elapsed() < self.place_lifetime).map(|(url, _)| url.clone())
    }
}

impl Publish for Publisher {
    async fn fetch(&self, in_haste: bool) -> Result<Document, FetchFault> {
        let (issuer, hosts) = match &self.place {
            Place::KeySet(url) => return self.client.get(url).await,
            Place::Discovery { issuer, hosts } => (issuer, hosts),
        };
        if in_haste
            && let Some(url) = self.found()
            && let Ok(document) = self.client.get(&url).await
        {
            return Ok(document);
        }
        let url = self.discover(issuer, hosts).await?;
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = Some((url.clone(), Instant::now()));
        self.client.get(&url).await
    }
}

/// Where the issuer of this name, whose URL it is, says in its discovery document that its keys are.
pub(in crate::auth) fn announced(
    document: &[u8],
    name: &str,
    issuer: &Url,
    hosts: &[String],
) -> Result<Url, FetchFault> {
    let Object(told): Object<Discovery> = serde_json::from_slice(document).map_err(|_| FetchFault::NoDiscovery)?;
    if told.issuer != name {
        return Err(FetchFault::AnotherIssuer { found: told.issuer.chars().take(100).collect() });
    }
    Ok(place::discovered(&told.jwks_uri, issuer, hosts)?)
}

/// A redirect to another host, port or scheme would let the publisher name any place at all.
fn within_one_host(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let from = attempt.previous().last().map(Url::origin);
    if from == Some(attempt.url().origin()) && attempt.previous().len() <= MOST_REDIRECTS {
        attempt.follow()
    } else {
        attempt.error("a redirect that is not followed")
    }
}

async fn read(response: &mut Response, host: String) -> Result<Vec<u8>, FetchFault> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| told(&error, &host))? {
        if bytes.len() + chunk.len() > LARGEST {
            return Err(FetchFault::TooLarge { host });
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn told(error: &reqwest::Error, host: &str) -> FetchFault {
    let host = host.to_owned();
    match () {
        () if error.is_redirect() => FetchFault::Redirected { host },
        () if error.is_timeout() => FetchFault::TimedOut { host },
        () if error.is_connect() => FetchFault::Unreachable { host },
        () => FetchFault::Broken { host },
    }
}

/// Host and port: enough for an operator to find the culprit, and without a query that might hold something private.
fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}
