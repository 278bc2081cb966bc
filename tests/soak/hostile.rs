//! Callers who mean ill, or do not know how to ask.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use jiff::SignedDuration;
use sluice::auth::{Algorithm, Shape};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::callers::somewhere;
use crate::fleet::{Fleet, ISSUER, TENANTS, good_for_hours};
use crate::questions::Question;
use crate::scene::{Request, Scene};
use crate::support::{Key, app_id, now};

/// A flood: so many requests of the tenant whose rate is low, in so many hands.
const FLOOD: usize = 160;
const HANDS: usize = 8;
/// Until a malformed request must have been refused.
const PATIENCE: Duration = Duration::from_secs(8);
/// What somebody may be told whose rate is low.
const RATED: &[&str] = &["rate-limited", "budget-exhausted"];
/// The tenant whose rate is low.
const FLOODING: usize = 3;

/// Tokens that nobody may accept.
pub(crate) fn wrong_tokens_of(fleet: &Fleet) -> Vec<String> {
    let good = fleet.token(TENANTS[0]);
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (_, claims) = signed.split_once('.').unwrap();
    let stranger = Key::new(Algorithm::Es256);
    vec![
        "nonsense".to_owned(),
        format!("{signed}."),
        // {"alg":"none"}
        format!("eyJhbGciOiJub25lIn0.{claims}."),
        format!("{signed}.{}", signature.chars().rev().collect::<String>()),
        stranger.token_as(ISSUER, None, &Shape::default(), good_for_hours),
        fleet.token_as(|token| token.issued_at = now() - SignedDuration::from_hours(24)),
        fleet.token_as(|token| token.audience = "somebody-else"),
        fleet.token_as(|token| token.issuer = "https://evil.test"),
        fleet.token_as(|token| token.ttl = Duration::from_secs(365 * 24 * 3600)),
    ]
}

pub(crate) async fn wrong_tokens(scene: &Scene, rng: &mut Rng) {
    let replica = rng.usize(..scene.ports.len());
    let token = rng.choice(scene.wrong_tokens.iter()).unwrap();
    let asker = scene.stranger(replica).with_token(token);
    let target = Question::hot(0, rng).target();
    let codes = &["unauthorized"];
    let request = Request { caller: "wrong token", replica, asker, method: "GET", target, codes };
    if scene.send(request).await.is_some_and(|reply| reply.status == 200) {
        scene.story.wrong("a wrong token that was accepted", token);
    }
}

/// Apps of others, and apps of nobody: the same to the letter, but for the request's id.
pub(crate) async fn foreign_apps(scene: &Scene, rng: &mut Rng) {
    let (replica, asker) = somewhere(scene, rng, 0);
    let mut told = Vec::new();
    for app in [app_id(TENANTS[1], 0), "nobody-has-this".to_owned()] {
        let target = format!("/apps/{app}/distribution?from=now-24h&to=now&dim=province");
        let (asker, codes) = (asker.clone(), &["app-not-found"]);
        let Some(reply) =
            scene.send(Request { caller: "foreign app", replica, asker, method: "GET", target, codes }).await
        else {
            return;
        };
        let id = reply.header("x-request-id").to_owned();
        told.push((reply.status, reply.text.replace(&id, "")));
    }
    if told[0] != told[1] || told[0].0 != 404 {
        scene.story.wrong("a foreign app that shows", &format!("{told:?}"));
    }
}

pub(crate) async fn malformed(scene: &Scene, rng: &mut Rng) {
    let (replica, asker) = somewhere(scene, rng, 0);
    let good = Question::cold(0, rng).target();
    let target = match rng.usize(..7) {
        0 => good.replace("province", "street").replace("country", "street"),
        1 => format!("{good}&limit=10"),
        2 => format!("{good}&dim=province"),
        3 => "/apps/app-0/distribution?from=yesterday&to=now&dim=province".to_owned(),
        4 => "/apps/app-0/distribution?from=now-20d&to=now&dim=province".to_owned(),
        5 => "/apps/app-0/distribution?from=2020-01-01&to=2020-01-02&dim=province".to_owned(),
        _ => format!("/nowhere/{}", rng.u32(..)),
    };
    let codes = &["invalid-parameter", "window-too-long", "outside-horizon", "not-found"];
    let request = Request { caller: "malformed", replica, asker, method: "GET", target, codes };
    if scene.send(request).await.is_some_and(|reply| reply.status == 200) {
        scene.story.wrong("a malformed request that was answered", "200");
    }
}

/// Bytes that are no request, or one that must not be taken.
pub(crate) async fn raw(scene: &Scene, rng: &mut Rng) {
    const CASES: &[&str] = &[
        "GARBAGE\r\n\r\n",
        "GET /apps HTTP/9.9\r\nHost: sluice.test\r\n\r\n",
        "GET apps HTTP/1.1\r\nHost: sluice.test\r\n\r\n",
        "GET /apps HTTP/1.1\r\nHost: sluice.test\r\nAuthorization: Bearer x, Bearer y\r\n\r\n",
        "GET /apps HTTP/1.1\r\nHost: sluice.test\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "GET /apps HTTP/1.1\r\nHost : sluice.test\r\n\r\n",
        "GET /apps/../../etc/passwd HTTP/1.1\r\nHost: sluice.test\r\n\r\n",
        "GET /apps HTTP/1.1\r\nHost: sluice.test\r\nX: \0\r\n\r\n",
    ];
    let (replica, case) = (rng.usize(..scene.ports.len()), *rng.choice(CASES.iter()).unwrap());
    let began = Instant::now();
    let talk = async {
        let mut stream = TcpStream::connect(("127.0.0.1", scene.ports[replica])).await.ok()?;
        stream.write_all(case.as_bytes()).await.ok()?;
        let mut reply = vec![0; 4096];
        let length = stream.read(&mut reply).await.ok()?;
        Some(String::from_utf8_lossy(&reply[..length]).into_owned())
    };
    let said = timeout(PATIENCE, talk).await;
    let met = scene.weather.over(replica, began, Instant::now());
    let word = match &said {
        Err(_) => "no reply to raw bytes",
        Ok(None) => "raw bytes: connection closed",
        Ok(Some(_)) => "raw bytes: refused",
    };
    scene.note(word, "raw", began.elapsed());
    let is_refused = match &said {
        Err(_) => false,
        // Closing without a word is a refusal, too.
        Ok(said) => said.as_deref().is_none_or(|said| said.is_empty() || said.starts_with("HTTP/1.1 4")),
    };
    if !is_refused && !met.breaking && met.frozen.is_zero() {
        scene.story.wrong("raw bytes that were not refused", &format!("{case:?} at replica {replica}: {said:?}"));
    }
}

/// Holds a connection with half a request, and then goes, or is sent away.
pub(crate) async fn slow(scene: &Scene, rng: &mut Rng) {
    let replica = rng.usize(..scene.ports.len());
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", scene.ports[replica])).await else { return };
    let began = Instant::now();
    for byte in b"GET /apps HT" {
        if scene.has_enough() || stream.write_all(&[*byte]).await.is_err() {
            break;
        }
        sleep(Duration::from_millis(rng.u64(300..900))).await;
    }
    scene.note("slow connection", "slow", began.elapsed());
}

/// One tenant far above its rate. Who is within it is served.
pub(crate) async fn flood(scene: &Arc<Scene>, rng: &mut Rng) {
    let (replica, asker) = somewhere(scene, rng, FLOODING);
    let question = Question::hot(FLOODING, rng);
    let began = Instant::now();
    let mut hands = JoinSet::new();
    for _ in 0..HANDS {
        let (scene, asker, question) = (Arc::clone(scene), asker.clone(), question.clone());
        hands.spawn(async move {
            let mut refused = 0;
            for _ in 0..FLOOD / HANDS {
                let reply = scene.ask("flood", (replica, asker.clone()), &question, RATED).await;
                refused += usize::from(reply.is_some_and(|reply| reply.status == 429));
            }
            refused
        });
    }
    let refused: usize = hands.join_all().await.iter().sum();
    // The bucket holds forty, and twenty more come in each second.
    let met = scene.weather.over(replica, began, Instant::now());
    let quick = began.elapsed() < Duration::from_secs(3);
    if quick && refused == 0 && !met.breaking && !scene.has_enough() {
        scene.story.wrong("a flood that was let in", &format!("{FLOOD} requests in {:?}", began.elapsed()));
    }
}
