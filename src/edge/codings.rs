//! Content codings: what is small is coded before it leaves; what is large and the same for everybody, once.
//!
//! Always whole. An encoder holds megabytes, and one that coded as the caller takes would hold them for as long as the
//! caller likes: over HTTP/2, a hundred times a connection.
//!
//! Levels are for speed. The libraries' own defaults are for archives: brotli's takes seconds for a page's script.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, HttpBody as _};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::IntoResponse as _;
use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH};
use http::{HeaderMap, HeaderValue, Response};
use http_body_util::BodyExt as _;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tower::{ServiceBuilder, ServiceExt as _, service_fn};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, Predicate as _};

use super::problem::Problem;

/// Of each library's own scale.
const LEVEL: CompressionLevel = CompressionLevel::Precise(4);
/// What is larger leaves as it is, unless it was coded before: a request may cost 50 ms.
const LARGEST: u64 = 256 * 1024;
/// What is smaller fits into one packet as it is.
const SMALLEST: u64 = 1024;

/// The codings, the preferred one last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Coding {
    Gzip,
    Brotli,
    Zstd,
}

/// A large body in the codings that somebody has asked for.
#[derive(Clone, Debug)]
pub(super) struct Coded {
    plain: Bytes,
    jobs: Arc<[Mutex<Option<Job>>; 3]>,
}

/// What comes of coding a body: it comes whether or not anybody waits for it any more.
type Job = watch::Receiver<Option<Bytes>>;

/// Codes what is small, and worth it.
pub(super) async fn small(request: Request, next: Next) -> Response<Body> {
    let wanted = Coding::wanted(request.headers());
    let response = next.run(request).await;
    let Some(coding) = wanted.filter(|_| is_worth_coding(&response)) else { return response };
    let (mut head, body) = response.into_parts();
    // Its length is known, so it is in memory and comes at once.
    let Ok(plain) = body.collect().await else { return Problem::internal().into_response() };
    let coded = coding.code(plain.to_bytes()).await;
    head.headers.remove(CONTENT_LENGTH);
    head.headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
    Response::from_parts(head, Body::from(coded))
}

/// Problems are short, and are for whoever has shown no token too.
fn is_worth_coding(response: &Response<Body>) -> bool {
    let fits = response.body().size_hint().exact().is_some_and(fits);
    let plain = !response.headers().contains_key(CONTENT_ENCODING) && response.extensions().get::<Problem>().is_none();
    fits && plain && DefaultPredicate::new().should_compress(response)
}

/// Whether a body of this length is coded for each who asks.
fn fits(length: u64) -> bool {
    (SMALLEST..=LARGEST).contains(&length)
}

impl Coding {
    pub(super) const ALL: [Self; 3] = [Self::Gzip, Self::Brotli, Self::Zstd];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }

    /// The best that the caller takes, unless it would rather have none.
    fn wanted(headers: &HeaderMap) -> Option<Self> {
        if !headers.contains_key(ACCEPT_ENCODING) {
            return None;
        }
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

    /// The one that an answer of this length is given to this caller in.
    pub(super) fn of_small(length: usize, request: &HeaderMap) -> Option<Self> {
        if u64::try_from(length).is_ok_and(fits) { Self::wanted(request) } else { None }
    }

    /// Codes all of it, into bytes that take no more room than they need. Takes its time.
    pub(super) async fn code(self, plain: Bytes) -> Bytes {
        // An encoder takes 12 KB, which whoever waits for an answer that may be coded would hold from the beginning.
        Box::pin(self.encode(plain)).await
    }

    async fn encode(self, plain: Bytes) -> Bytes {
        let once = ServiceBuilder::new().layer(CompressionLayer::new().quality(LEVEL)).service(service_fn(
            move |_: Request| {
                let answer = Response::new(Body::from(plain.clone()));
                async { Ok::<_, Infallible>(answer) }
            },
        ));
        let mut request = Request::new(Body::empty());
        request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static(self.name()));
        let response = once.oneshot(request).await.unwrap_or_else(|never| match never {});
        assert_eq!(response.headers().get(CONTENT_ENCODING), Some(&HeaderValue::from_static(self.name())));
        let coded = response.into_body().collect().await.expect("bytes in memory are always read and coded").to_bytes();
        // The encoder's buffer is larger than what it holds.
        Bytes::copy_from_slice(&coded)
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
        Self { plain, jobs: Arc::default() }
    }

    /// The body for a caller with these headers, and its coding. The first who asks for a coding waits for it, off the
    /// workers.
    pub(super) async fn answer(&self, request: &HeaderMap) -> (Response<Body>, Option<Coding>) {
        let Some(coding) = Coding::wanted(request) else { return (self.plain(), None) };
        let mut job = self.job(coding);
        // Where it ended without a result, the runtime ends too.
        let coded = job.wait_for(Option::is_some).await.ok().and_then(|coded| coded.clone());
        let Some(coded) = coded else { return (self.plain(), None) };
        let mut response = Response::new(Body::from(coded));
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
        (response, Some(coding))
    }

    /// The job that codes it, begun by whoever asks first. Those who ask and hang up all leave one behind, not one each.
    fn job(&self, coding: Coding) -> Job {
        let [gzip, brotli, zstd] = &*self.jobs;
        let place = match coding {
            Coding::Gzip => gzip,
            Coding::Brotli => brotli,
            Coding::Zstd => zstd,
        };
        let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(job) = &*place
            && (job.has_changed().is_ok() || job.borrow().is_some())
        {
            return job.clone();
        }
        let (done, job) = watch::channel(None);
        let plain = self.plain.clone();
        tokio::task::spawn_blocking(move || done.send_replace(Some(Handle::current().block_on(coding.code(plain)))));
        *place = Some(job.clone());
        job
    }

    fn plain(&self) -> Response<Body> {
        Response::new(Body::from(self.plain.clone()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::Router;
    use axum::middleware::from_fn;
    use axum::routing::get;
    use hyper::body::SizeHint;
    use tokio::time::timeout;

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

    #[test]
    fn who_waits_for_what_may_be_coded_has_no_encoder_yet() {
        let to_be_coded = Coding::Brotli.code(Bytes::new());
        assert!(size_of_val(&to_be_coded) <= 128, "{}", size_of_val(&to_be_coded));
    }

    /// What is answered with this body to who takes Brotli.
    async fn answered(response: Response<Body>) -> (Option<HeaderValue>, SizeHint) {
        let answer = Arc::new(Mutex::new(Some(response)));
        let answer = move || std::future::ready(answer.lock().unwrap().take().unwrap());
        let router = Router::new().route("/", get(answer)).layer(from_fn(small));
        let request = Request::get("/").header(ACCEPT_ENCODING, "br").body(Body::empty()).unwrap();
        let response = router.oneshot(request).await.unwrap();
        (response.headers().get(CONTENT_ENCODING).cloned(), response.body().size_hint())
    }

    #[tokio::test]
    async fn what_is_coded_is_whole_before_it_leaves_and_the_rest_leaves_as_it_is() {
        let of = |length: u64| Response::new(Body::from("a".repeat(usize::try_from(length).unwrap())));
        for length in [SMALLEST, LARGEST] {
            let (coding, size) = answered(of(length)).await;
            assert_eq!(coding.unwrap(), "br");
            assert!(size.exact().is_some_and(|coded| coded < length / 10), "no encoder waits in it: {size:?}");
        }
        for length in [0, SMALLEST - 1, LARGEST + 1] {
            let (coding, size) = answered(of(length)).await;
            assert_eq!((coding, size.exact()), (None, Some(length)));
        }
        let mut problem = of(SMALLEST);
        problem.extensions_mut().insert(Problem::internal());
        assert_eq!(answered(problem).await.0, None);
    }

    #[tokio::test]
    async fn what_is_coded_takes_no_more_room_than_it_needs() {
        for coding in Coding::ALL {
            let coded = coding.code("a".repeat(1000).into()).await.try_into_mut().unwrap();
            assert_eq!(coded.capacity(), coded.len(), "{coding:?}");
        }
    }

    #[tokio::test]
    async fn a_body_is_coded_once_for_all_who_ask() {
        let coded = Coded::new(Bytes::from("a".repeat(1000)));
        for coding in Coding::ALL {
            let headers = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(coding.name()))]);
            let mut bodies = Vec::new();
            for _ in 0..2 {
                let (response, _) = coded.answer(&headers).await;
                assert_eq!(response.headers()[CONTENT_ENCODING], coding.name());
                bodies.push(response.into_body().collect().await.unwrap().to_bytes());
            }
            assert!(bodies[0].len() < 100 && bodies[0].as_ptr() == bodies[1].as_ptr(), "{coding:?}");
        }
    }

    #[tokio::test]
    async fn who_asks_and_hangs_up_leaves_one_job_behind_whose_result_is_kept() {
        let coded = Coded::new(Bytes::from("a".repeat(1_000_000)));
        let headers = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static("br"))]);
        assert!(timeout(Duration::ZERO, coded.answer(&headers)).await.is_err(), "it takes longer than that");
        let mut job = coded.job(Coding::Brotli);
        assert!(timeout(Duration::ZERO, coded.answer(&headers)).await.is_err());
        assert!(coded.job(Coding::Brotli).same_channel(&job), "one at a time");
        let kept = job.wait_for(Option::is_some).await.unwrap().clone().unwrap();
        let body = coded.answer(&headers).await.0.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body.as_ptr(), kept.as_ptr());
    }
}
