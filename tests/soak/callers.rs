//! Callers who mean well: some patient, some not, some who hang up.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::hostile;
use crate::questions::Question;
use crate::scene::{Request, Scene};
use crate::support::Asker;

/// Refused because the budget is spent, which it always is.
pub(crate) const SPENT: &[&str] = &["budget-exhausted"];
/// What a caller waits who was refused, where it wants an answer in earnest.
const REFUSED: Duration = Duration::from_millis(250);
/// Who stampede at a time.
const HERD: usize = 60;

/// What somebody does again and again.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Caller {
    /// Asks what is likely not held, for the tenant of this number.
    Cold(usize),
    Hot,
    Moving,
    Stampede,
    OnlyIfCached,
    Waitless,
    HangsUp,
    Conditional,
    NewConnections,
    Published,
    WrongTokens,
    ForeignApps,
    Malformed,
    Raw,
    Slow,
    Flood,
}

/// Who comes, how many of each, and how long each rests between two times: milliseconds, from and to.
const EVERYBODY: &[(Caller, usize, (u64, u64))] = &[
    (Caller::Cold(0), 5, (20, 80)),
    (Caller::Cold(1), 8, (20, 80)),
    (Caller::Cold(2), 5, (20, 80)),
    (Caller::Hot, 3, (20, 80)),
    (Caller::Moving, 2, (200, 900)),
    (Caller::Stampede, 1, (6000, 9000)),
    (Caller::OnlyIfCached, 1, (50, 200)),
    (Caller::Waitless, 1, (200, 600)),
    (Caller::HangsUp, 2, (100, 500)),
    (Caller::Conditional, 1, (100, 400)),
    (Caller::NewConnections, 1, (50, 200)),
    (Caller::Published, 1, (100, 300)),
    (Caller::WrongTokens, 1, (50, 200)),
    (Caller::ForeignApps, 1, (50, 200)),
    (Caller::Malformed, 1, (50, 200)),
    (Caller::Raw, 1, (100, 300)),
    (Caller::Slow, 4, (100, 1000)),
    (Caller::Flood, 1, (8000, 12000)),
];

/// Sends everybody. They go when the scene has enough.
pub(crate) fn send(scene: &Arc<Scene>, seed: u64) -> JoinSet<()> {
    let mut callers = JoinSet::new();
    for (caller, count, rest) in EVERYBODY {
        for _ in 0..*count {
            let rng = Rng::with_seed(seed ^ (u64::try_from(callers.len()).unwrap() << 32));
            callers.spawn(go_on(*caller, *rest, rng, Arc::clone(scene)));
        }
    }
    callers
}

async fn go_on(caller: Caller, (least, most): (u64, u64), mut rng: Rng, scene: Arc<Scene>) {
    while !scene.has_enough() {
        act(caller, &scene, &mut rng).await;
        let mut rest = Duration::from_millis(rng.u64(least..=most));
        // Who has minutes between two times need not be waited for.
        while !scene.has_enough() && !rest.is_zero() {
            let nap = rest.min(Duration::from_millis(500));
            sleep(nap).await;
            rest -= nap;
        }
    }
}

async fn act(caller: Caller, scene: &Arc<Scene>, rng: &mut Rng) {
    match caller {
        Caller::Cold(tenant) => cold(scene, rng, tenant).await,
        Caller::Hot => hot(scene, rng).await,
        Caller::Moving => moving(scene, rng).await,
        Caller::Stampede => stampede(scene).await,
        Caller::OnlyIfCached => only_if_cached(scene, rng).await,
        Caller::Waitless => waitless(scene, rng).await,
        Caller::HangsUp => hangs_up(scene, rng).await,
        Caller::Conditional => conditional(scene, rng).await,
        Caller::NewConnections => new_connections(scene, rng).await,
        Caller::Published => published(scene, rng).await,
        Caller::WrongTokens => hostile::wrong_tokens(scene, rng).await,
        Caller::ForeignApps => hostile::foreign_apps(scene, rng).await,
        Caller::Malformed => hostile::malformed(scene, rng).await,
        Caller::Raw => hostile::raw(scene, rng).await,
        Caller::Slow => hostile::slow(scene, rng).await,
        Caller::Flood => hostile::flood(scene, rng).await,
    }
}

/// Any replica, and a tenant's asker there.
pub(crate) fn somewhere(scene: &Scene, rng: &mut Rng, tenant: usize) -> (usize, Asker) {
    let replica = rng.usize(..scene.ports.len());
    (replica, scene.asker(replica, tenant))
}

async fn cold(scene: &Scene, rng: &mut Rng, tenant: usize) {
    let way = somewhere(scene, rng, tenant);
    let reply = scene.ask("cold", way, &Question::cold(tenant, rng), SPENT).await;
    if reply.is_none_or(|reply| reply.status != 200) {
        sleep(REFUSED).await;
    }
}

async fn hot(scene: &Scene, rng: &mut Rng) {
    let tenant = rng.usize(..3);
    let way = somewhere(scene, rng, tenant);
    scene.ask("hot", way, &Question::hot(tenant, rng), SPENT).await;
}

/// Not at the replica whose clock is set, to which another day ends now.
async fn moving(scene: &Scene, rng: &mut Rng) {
    let (tenant, replica) = (rng.usize(..3), rng.usize(..2));
    scene.ask("moving", (replica, scene.asker(replica, tenant)), &Question::moving(tenant, rng), SPENT).await;
}

/// All get one text.
async fn stampede(scene: &Arc<Scene>) {
    let question = scene.spare();
    let mut herd = JoinSet::new();
    for number in 0..HERD {
        let (scene, question) = (Arc::clone(scene), question.clone());
        let replica = number % scene.ports.len();
        let way = (replica, scene.asker(replica, question.tenant));
        herd.spawn(async move { scene.ask("stampede", way, &question, SPENT).await });
    }
    let replies = herd.join_all().await;
    let mut texts: Vec<_> = replies.into_iter().flatten().filter(|reply| reply.status == 200).collect();
    texts.dedup_by(|one, other| one.json()["data"] == other.json()["data"]);
    if texts.len() > 1 {
        scene.story.wrong("a herd that was told several things", &format!("{question:?}: {texts:?}"));
    }
}

async fn only_if_cached(scene: &Scene, rng: &mut Rng) {
    let question = if rng.bool() { Question::hot(0, rng) } else { Question::cold(0, rng) };
    let (replica, asker) = somewhere(scene, rng, 0);
    let asker = asker.with_header("cache-control", "only-if-cached");
    scene.ask("only-if-cached", (replica, asker), &question, &["not-cached"]).await;
}

async fn waitless(scene: &Scene, rng: &mut Rng) {
    let (replica, asker) = somewhere(scene, rng, 2);
    let asker = asker.with_header("prefer", "wait=0");
    scene.ask("waitless", (replica, asker), &Question::cold(2, rng), SPENT).await;
}

async fn hangs_up(scene: &Scene, rng: &mut Rng) {
    let way = somewhere(scene, rng, 1);
    let patience = Duration::from_millis(rng.u64(0..400));
    let question = Question::cold(1, rng);
    if timeout(patience, scene.ask("hangs up", way, &question, SPENT)).await.is_err() {
        scene.note("hung up", "hangs up", patience);
    }
}

/// Asks for what it has, wherever that came from, and for the head alone.
async fn conditional(scene: &Scene, rng: &mut Rng) {
    let question = Question::hot(0, rng);
    let way = somewhere(scene, rng, 0);
    let Some(reply) = scene.ask("conditional", way, &question, SPENT).await else { return };
    if reply.status != 200 {
        return;
    }
    let tag = reply.header("etag").to_owned();
    for method in ["GET", "HEAD"] {
        let (replica, asker) = somewhere(scene, rng, 0);
        let asker = if method == "GET" { asker.with_header("if-none-match", &tag) } else { asker };
        let request =
            Request { caller: "conditional", replica, asker, method, target: question.target(), codes: SPENT };
        let Some(again) = scene.send(request).await.filter(|again| matches!(again.status, 200 | 304)) else { continue };
        scene.story.holds("a copy that was not known again", || {
            assert_eq!((again.status == 304, again.header("etag")), (method == "GET", tag.as_str()), "{again:?}");
            assert!(again.text.is_empty(), "{again:?}");
        });
    }
}

async fn new_connections(scene: &Scene, rng: &mut Rng) {
    let replica = rng.usize(..scene.ports.len());
    let asker = scene.stranger(replica);
    let request = Request {
        caller: "new connections",
        replica,
        asker,
        method: "GET",
        target: "/problems/unauthorized".to_owned(),
        codes: &[],
    };
    scene.send(request).await;
}

/// With a token whose key has to be fetched.
async fn published(scene: &Scene, rng: &mut Rng) {
    let Some(token) = scene.published() else { return };
    let (replica, asker) = somewhere(scene, rng, 0);
    scene.ask("published", (replica, asker.with_token(token)), &Question::hot(0, rng), SPENT).await;
}
