//! Content codings: what is small is coded as it leaves; what is large and the same for everybody, once.
//!
//! Levels are for speed. The libraries' own defaults are for archives: brotli's takes seconds for a page's script.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING};
use http::{HeaderMap, HeaderValue, Response};
use http_body_util::BodyExt as _;
use tokio::runtime::Handle;
use tokio::sync::OnceCell;
use tower::{ServiceBuilder, ServiceExt as _, service_fn};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{And, DefaultPredicate, Predicate};

/// Of each library's own scale.
const LEVEL: CompressionLevel = CompressionLevel::Precise(4);
/// What is larger leaves as it is, unless it was coded before: a request may cost 50 ms.
const LARGEST_AT_ONCE: u64 = 256 * 1024;

/// The codings, the preferred one last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Coding {
    Gzip,
    Brotli,
    Zstd,
}

/// Answers of which coding them does not take long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Small;

/// A large body in the codings that somebody has asked for.
#[derive(Clone, Debug)]
pub(super) struct Coded {
    plain: Bytes,
    coded: Arc<[OnceCell<Bytes>; 3]>,
}

/// Codes what is small.
pub(super) fn small() -> CompressionLayer<And<DefaultPredicate, Small>> {
    CompressionLayer::new().quality(LEVEL).compress_when(DefaultPredicate::new().and(Small))
}

impl Predicate for Small {
    fn should_compress<B: HttpBody>(&self, response: &Response<B>) -> bool {
        response.body().size_hint().upper().is_some_and(|length| length <= LARGEST_AT_ONCE)
    }
}

impl Coding {
    const ALL: [Self; 3] = [Self::Gzip, Self::Brotli, Self::Zstd];

    fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }

    /// The best that the caller takes, unless it would rather have none.
    fn wanted(headers: &HeaderMap) -> Option<Self> {
        let lines = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok());
        let items: Vec<_> = lines.flat_map(|line| line.split(',')).filter_map(item).collect();
        let worth = |name: &str| {
            let said = |name: &str| items.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
            said(name).or_else(|| said("*")).map(|(_, worth)| *worth)
        };
        let plain = items.iter().find(|(name, _)| name.eq_ignore_ascii_case("identity")).map_or(0, |(_, worth)| *worth);
        let offers = Self::ALL.into_iter().filter_map(|coding| Some((worth(coding.name())?, coding)));
        let (worth, best) = offers.max()?;
        (worth > 0 && worth >= plain).then_some(best)
    }

    /// Codes all of it. Takes its time.
    fn code(self, plain: &Bytes) -> Bytes {
        let plain = plain.clone();
        let once = ServiceBuilder::new().layer(CompressionLayer::new().quality(LEVEL)).service(service_fn(
            move |_: Request| {
                let answer = Response::new(Body::from(plain.clone()));
                async { Ok::<_, Infallible>(answer) }
            },
        ));
        let mut request = Request::new(Body::empty());
        request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static(self.name()));
        Handle::current().block_on(async {
            let response = once.oneshot(request).await.unwrap_or_else(|never| match never {});
            assert_eq!(response.headers().get(CONTENT_ENCODING), Some(&HeaderValue::from_static(self.name())));
            response.into_body().collect().await.expect("bytes in memory are always read and coded").to_bytes()
        })
    }
}

/// A coding and its worth in thousandths: `gzip;q=0.5`.
fn item(text: &str) -> Option<(&str, u16)> {
    let (name, worth) = text.split_once(';').unwrap_or((text, "q=1"));
    let worth: f32 = worth.trim().strip_prefix("q=").or_else(|| worth.trim().strip_prefix("Q="))?.parse().ok()?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 1000")]
    (0.0..=1.0).contains(&worth).then_some((name.trim(), (worth * 1000.0) as u16))
}

impl Coded {
    pub(super) fn new(plain: Bytes) -> Self {
        Self { plain, coded: Arc::default() }
    }

    /// The body for a caller with these headers. The first who asks for a coding waits for it, off the workers.
    pub(super) async fn answer(&self, request: &HeaderMap) -> Response<Body> {
        let Some(coding) = Coding::wanted(request) else { return self.plain() };
        let [gzip, brotli, zstd] = &*self.coded;
        let cell = match coding {
            Coding::Gzip => gzip,
            Coding::Brotli => brotli,
            Coding::Zstd => zstd,
        };
        let plain = self.plain.clone();
        let coded = cell.get_or_try_init(|| tokio::task::spawn_blocking(move || coding.code(&plain))).await;
        // The runtime ends, and with it the request.
        let Ok(coded) = coded else { return self.plain() };
        let mut response = Response::new(Body::from(coded.clone()));
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
        response
    }

    fn plain(&self) -> Response<Body> {
        Response::new(Body::from(self.plain.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_coding_that_the_caller_takes_is_chosen() {
        for (accepted, wanted) in [
            ("", None),
            ("gzip", Some("gzip")),
            ("GZIP", Some("gzip")),
            ("gzip, deflate, br", Some("br")),
            ("gzip, deflate, br, zstd", Some("zstd")),
            ("gzip;q=1, br;q=0.5, zstd;q=0.1", Some("gzip")),
            ("gzip ; q=0.001", Some("gzip")),
            ("*", Some("zstd")),
            ("*;q=0.5, zstd;q=0", Some("br")),
            ("gzip;q=0", None),
            ("*;q=0", None),
            ("deflate", None),
            ("identity", None),
            ("identity, gzip;q=0.5", None),
            ("identity;q=0.5, gzip", Some("gzip")),
            ("gzip;q=2", None),
            ("gzip;q=x, br", Some("br")),
            (",;=,gzip", Some("gzip")),
        ] {
            let headers = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(accepted))]);
            assert_eq!(Coding::wanted(&headers).map(Coding::name), wanted, "{accepted}");
        }
    }

    #[tokio::test]
    async fn a_body_is_coded_once_for_all_who_ask() {
        let coded = Coded::new(Bytes::from("a".repeat(1000)));
        for coding in Coding::ALL {
            let headers = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(coding.name()))]);
            let mut bodies = Vec::new();
            for _ in 0..2 {
                let response = coded.answer(&headers).await;
                assert_eq!(response.headers()[CONTENT_ENCODING], coding.name());
                bodies.push(response.into_body().collect().await.unwrap().to_bytes());
            }
            assert!(bodies[0].len() < 100 && bodies[0].as_ptr() == bodies[1].as_ptr(), "{coding:?}");
        }
    }
}
