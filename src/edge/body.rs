//! Bodies, which the admin listener takes: read whole before any route sees them, within a size and a time.

use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::StatusCode;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use tokio::time::timeout;

use super::admin::refused;
use super::gate;

const LARGEST: usize = 64 * 1024;
const PATIENCE: Duration = Duration::from_secs(5);
const TOO_LARGE: (StatusCode, &str) = (StatusCode::PAYLOAD_TOO_LARGE, "a body may have 64 KiB here");

/// Before the routes: hands on requests with what was read.
pub(super) async fn whole(request: Request, next: Next) -> Response {
    let (head, body) = request.into_parts();
    match read(body).await {
        Ok(body) => next.run(Request::from_parts(head, body)).await,
        Err((status, detail)) => {
            let mut response = refused(status, detail);
            gate::closes(&mut response, head.version);
            response
        }
    }
}

async fn read(body: Body) -> Result<Body, (StatusCode, &'static str)> {
    if body.is_end_stream() {
        return Ok(body);
    }
    if body.size_hint().lower() > LARGEST as u64 {
        return Err(TOO_LARGE);
    }
    match timeout(PATIENCE, Limited::new(body, LARGEST).collect()).await {
        Ok(Ok(read)) => Ok(read.to_bytes().into()),
        Ok(Err(fault)) if fault.is::<LengthLimitError>() => Err(TOO_LARGE),
        Ok(Err(_)) => Err((StatusCode::BAD_REQUEST, "the body ended before it was whole")),
        Err(_elapsed) => Err((StatusCode::REQUEST_TIMEOUT, "the body did not arrive within 5 seconds; send it again")),
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use axum::Router;
    use axum::body::Bytes;
    use axum::middleware::from_fn;
    use axum::routing::post;
    use hyper::body::Frame;
    use tokio::time::{Instant, Sleep, sleep};
    use tower::ServiceExt as _;

    use super::*;

    /// A byte each second, for ever.
    struct Drip(Option<Pin<Box<Sleep>>>);

    impl axum::body::HttpBody for Drip {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            let rest = self.0.get_or_insert_with(|| Box::pin(sleep(Duration::from_secs(1))));
            std::task::ready!(rest.as_mut().poll(cx));
            self.0 = None;
            Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"a")))))
        }
    }

    async fn status(body: Body) -> u16 {
        let echo = async |body: Bytes| body.len().to_string();
        let router = Router::new().route("/", post(echo)).layer(from_fn(whole));
        router.oneshot(Request::post("/").body(body).unwrap()).await.unwrap().status().as_u16()
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_is_read_whole_within_its_bounds() {
        assert_eq!(status(Body::empty()).await, 200);
        assert_eq!(status(Body::from(vec![0; LARGEST])).await, 200);
        assert_eq!(status(Body::from(vec![0; LARGEST + 1])).await, 413);
        let began = Instant::now();
        assert_eq!(status(Body::new(Drip(None))).await, 408);
        assert_eq!(began.elapsed(), PATIENCE);
    }
}
