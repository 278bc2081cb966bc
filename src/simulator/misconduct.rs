//! A fault and the answer that was due → what is sent instead.

use std::future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderValue, StatusCode};
use serde_json::json;
use tokio::time::sleep;

use super::answer::{Answer, Pieces, piecemeal, whole};
use super::codes::Refusal;
use super::envelope::Metadata;
use super::fault::Fault;
use super::question::Question;
use super::settings::Settings;
use super::wire::Line;

const BETWEEN_BYTES: Duration = Duration::from_millis(200);
// Long enough for the first half to leave, so that the reader sees a body break off.
const BEFORE_CUT: Duration = Duration::from_millis(50);
const PIECE: usize = 64 << 10;
const HUGE_HEAD: &[u8] = br#"{"Padding":""#;
const HUGE_TAIL: &[u8] = br#""}"#;

/// Does what `fault` says to a call whose answer would be `due`.
pub(super) async fn commit(
    fault: Fault,
    due: Bytes,
    question: &Question,
    metadata: &Metadata,
    settings: &Settings,
    line: &Arc<Line>,
) -> Answer {
    let fail = |status, code: &str| whole(status, metadata.failure(code, "ordered by a test"));
    match fault {
        Fault::Latency(longer) => {
            sleep(longer).await;
            whole(StatusCode::OK, due)
        }
        Fault::Throttle => {
            let refusal = Refusal::throttled(settings);
            whole(refusal.status(settings), metadata.refusal(&refusal))
        }
        Fault::Status(status) => fail(status, "InternalError"),
        Fault::ErrorInside200(code) => fail(StatusCode::OK, &code),
        Fault::Code { status, code } => fail(status, &code),
        Fault::Reset => {
            line.reset();
            future::pending().await
        }
        Fault::Hang => future::pending().await,
        Fault::Drip => drip(due),
        Fault::Malformed => whole(StatusCode::OK, Bytes::from_static(b"\0<not json>\xFF{")),
        Fault::WrongType => whole(StatusCode::OK, wrong_type(question, metadata)),
        Fault::Huge(size) => huge(size),
        Fault::Truncated => truncated(&due, Arc::clone(line)),
        Fault::EmptyResult => whole(StatusCode::OK, metadata.answer(&question.dimension, &[])),
    }
}

fn wrong_type(question: &Question, metadata: &Metadata) -> Bytes {
    let region = json!({"DistributionName": 7, "Value": "many", "Proportion": [66.66]});
    let result = json!({"Name": 1, "Dimension": question.dimension, "Data": [region]});
    let answer = json!({"ResponseMetadata": metadata, "Result": result});
    Bytes::from(answer.to_string())
}

fn drip(due: Bytes) -> Answer {
    let (pieces, answer) = piecemeal();
    tokio::spawn(async move {
        for place in 0..due.len() {
            sleep(BETWEEN_BYTES).await;
            if pieces.send(due.slice(place..=place)).await.is_err() {
                return;
            }
        }
    });
    answer
}

/// Valid JSON, so that nothing but its size can be held against it.
fn huge(size: u64) -> Answer {
    let (pieces, answer) = piecemeal();
    tokio::spawn(send_huge(pieces, size));
    answer
}

async fn send_huge(pieces: Pieces, size: u64) {
    let padding = Bytes::from(vec![b'x'; PIECE]);
    let frame = HUGE_HEAD.len() + HUGE_TAIL.len();
    let mut left = size.saturating_sub(u64::try_from(frame).unwrap_or(u64::MAX));
    if pieces.send(Bytes::from_static(HUGE_HEAD)).await.is_err() {
        return;
    }
    while left > 0 {
        let next = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
        if pieces.send(padding.slice(..next)).await.is_err() {
            return;
        }
        left = left.saturating_sub(u64::try_from(next).unwrap_or(left));
    }
    // Nothing follows, so it does not matter whether anybody still reads.
    let _ = pieces.send(Bytes::from_static(HUGE_TAIL)).await;
}

fn truncated(due: &Bytes, line: Arc<Line>) -> Answer {
    let (pieces, mut answer) = piecemeal();
    let half = due.slice(..due.len() / 2);
    let length = HeaderValue::from(due.len());
    answer.headers_mut().insert(CONTENT_LENGTH, length);
    tokio::spawn(async move {
        if pieces.send(half).await.is_ok() {
            sleep(BEFORE_CUT).await;
            line.cut();
        }
    });
    answer
}
