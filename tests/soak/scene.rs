//! What all callers share: where the replicas are, who has which token, and how each request is judged.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::fleet::{Fleet, SPARE, TENANTS};
use crate::hostile;
use crate::questions::Question;
use crate::story::Story;
use crate::support::{Asker, Reply};
use crate::truth::Truth;
use crate::weather::{Met, Weather};

/// What is granted beyond the deadline before a caller gives up.
const HOPELESS: Duration = Duration::from_secs(10);
/// What is granted for a machine that is busy with all of this itself.
const SLACK: Duration = Duration::from_millis(1500);
/// What may come of being late: commands to Redis and calls have little time.
const LATE: &[&str] = &["budget-unavailable", "upstream-timeout"];
/// Refusals that name no time to come back, because none would help.
const FINAL: &[&str] = &["not-cached"];

/// Everything that a caller needs.
pub(crate) struct Scene {
    pub(crate) story: Story,
    pub(crate) weather: Weather,
    pub(crate) truth: Truth,
    /// The longest that a request may take.
    pub(crate) deadline: Duration,
    /// Where each replica listens.
    pub(crate) ports: Vec<u16>,
    /// By replica and tenant. Their connections are the callers' alone, and end with these.
    askers: Mutex<Vec<Vec<Asker>>>,
    /// By replica: somebody without a token, who opens a connection for each request.
    strangers: Vec<Asker>,
    /// Tokens that nobody may accept.
    pub(crate) wrong_tokens: Vec<String>,
    /// The token of the issuer whose keys are published, as soon as it is good everywhere.
    published: Mutex<Option<String>>,
    ledger: Mutex<BTreeMap<String, Line>>,
    enough: AtomicBool,
    next: AtomicUsize,
    excused: AtomicUsize,
}

/// How often something came out, and the slowest of it.
#[derive(Clone, Default)]
pub(crate) struct Line {
    pub(crate) times: usize,
    pub(crate) slowest: Duration,
    /// Which caller's the slowest was.
    pub(crate) caller: &'static str,
}

/// One request.
pub(crate) struct Request {
    /// Which caller's.
    pub(crate) caller: &'static str,
    pub(crate) replica: usize,
    pub(crate) asker: Asker,
    pub(crate) method: &'static str,
    pub(crate) target: String,
    /// Codes of problems that may come whatever goes on.
    pub(crate) codes: &'static [&'static str],
}

impl Scene {
    pub(crate) fn new(fleet: &Fleet) -> Self {
        let url = |replica| format!("http://127.0.0.1:{}", fleet.port(replica));
        let anybody = Asker::new(String::new(), None);
        let asker = |replica, tenant| anybody.sibling(url(replica), Some(fleet.token(tenant)));
        let askers = |replica| TENANTS.map(|tenant| asker(replica, tenant)).into();
        let stranger = |replica| Asker::trusting(url(replica), None, &[], 0);
        Self {
            story: Story::new(),
            weather: Weather::default(),
            truth: Truth::new(fleet.upstream.handle()),
            deadline: fleet.deadline,
            ports: fleet.all().map(|replica| fleet.port(replica)).collect(),
            askers: Mutex::new(fleet.all().map(askers).collect()),
            strangers: fleet.all().map(stranger).collect(),
            wrong_tokens: hostile::wrong_tokens_of(fleet),
            published: Mutex::default(),
            ledger: Mutex::default(),
            enough: AtomicBool::new(false),
            next: AtomicUsize::new(0),
            excused: AtomicUsize::new(0),
        }
    }

    pub(crate) fn asker(&self, replica: usize, tenant: usize) -> Asker {
        self.askers.lock().unwrap()[replica][tenant].clone()
    }

    /// Closes the callers' connections, when all of them have gone.
    pub(crate) fn close(&self) {
        self.askers.lock().unwrap().clear();
    }

    /// Somebody without a token, who opens a connection for each request.
    pub(crate) fn stranger(&self, replica: usize) -> Asker {
        self.strangers[replica].clone()
    }

    pub(crate) fn publish(&self, token: String) {
        *self.published.lock().unwrap() = Some(token);
    }

    pub(crate) fn published(&self) -> Option<String> {
        self.published.lock().unwrap().clone()
    }

    /// Each time another number.
    pub(crate) fn next(&self) -> usize {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn end(&self) {
        self.enough.store(true, Ordering::SeqCst);
    }

    pub(crate) fn has_enough(&self) -> bool {
        self.enough.load(Ordering::SeqCst)
    }

    /// Asks a question, and holds the answer against the truth.
    pub(crate) async fn ask(
        &self,
        caller: &'static str,
        (replica, asker): (usize, Asker),
        question: &Question,
        codes: &'static [&'static str],
    ) -> Option<Reply> {
        let request = Request { caller, replica, asker, method: "GET", target: question.target(), codes };
        let reply = self.send(request).await?;
        if reply.status == 200 {
            self.story.holds("a wrong answer", || self.truth.check(question, &reply))?;
        }
        Some(reply)
    }

    /// Sends a request and judges how it ended; gives the reply, if there was one that is well formed and to be expected.
    pub(crate) async fn send(&self, request: Request) -> Option<Reply> {
        let Request { caller, replica, asker, method, target, codes } = request;
        let began = Instant::now();
        let end = timeout(self.deadline + HOPELESS, asker.try_send(method, &target, "")).await;
        let (ended, met) = (Instant::now(), self.weather.over(replica, began, Instant::now()));
        let took = ended - began;
        self.note(&word(&end), caller, took);
        let context = || format!("{caller} at replica {replica}, {method} {target}, after {took:?}");
        if took > self.deadline + SLACK + met.frozen {
            self.late(&met, "a request that took too long", &context());
        }
        match end {
            Err(_) => {
                self.story.wrong("no reply at all", &context());
                None
            }
            Ok(Err(fault)) => {
                if !met.breaking {
                    self.story.wrong("a connection that broke", &format!("{}: {fault:?}", context()));
                }
                None
            }
            Ok(Ok(reply)) => self.story.holds("an answer that was not to be expected", || {
                if judge(method, &reply, codes, &met, &context()) == Judged::Late {
                    self.late(&met, "a refusal that was not to be expected", &format!("{}: {}", context(), reply.text));
                }
                reply
            }),
        }
    }

    /// Something that comes of being late: a finding, unless this machine could not run everybody.
    pub(crate) fn late(&self, met: &Met, what: &'static str, how: &str) {
        if met.starved {
            self.excused.fetch_add(1, Ordering::Relaxed);
        } else {
            self.story.wrong(what, how);
        }
    }

    /// How much was late while this machine could not run everybody.
    pub(crate) fn excused(&self) -> usize {
        self.excused.load(Ordering::Relaxed)
    }

    /// Enters how something ended.
    pub(crate) fn note(&self, word: &str, caller: &'static str, took: Duration) {
        let mut ledger = self.ledger.lock().unwrap();
        let line = ledger.entry(word.to_owned()).or_default();
        line.times += 1;
        if took >= line.slowest {
            (line.slowest, line.caller) = (took, caller);
        }
    }

    pub(crate) fn ledger(&self) -> BTreeMap<String, Line> {
        self.ledger.lock().unwrap().clone()
    }

    /// A question of the tenant that no load speaks for, likely a new one.
    pub(crate) fn spare(&self) -> Question {
        let spare = TENANTS.iter().position(|tenant| *tenant == SPARE).unwrap();
        Question::cold(spare, &mut fastrand::Rng::with_seed(u64::try_from(self.next()).unwrap()))
    }
}

/// Whether a reply may come as it came, or only where something was late.
#[derive(PartialEq, Eq)]
enum Judged {
    Fine,
    Late,
}

/// Asserts that a reply is well formed, and one that may come.
fn judge(method: &str, reply: &Reply, codes: &[&str], met: &Met, context: &str) -> Judged {
    if matches!(reply.status, 200 | 304) {
        return Judged::Fine;
    }
    if method == "HEAD" {
        assert!(matches!(reply.status, 502..=504), "{context}: {reply:?}");
        return Judged::Fine;
    }
    let code = reply.problem();
    let sick = met.sick && matches!(reply.status, 502..=504);
    let expected = sick || codes.contains(&code.as_str()) || met.codes.contains(&code.as_str());
    assert!(expected || LATE.contains(&code.as_str()), "{context}: {code}: {}", reply.text);
    let may_come_back = reply.status == 429 || (reply.status >= 500 && !FINAL.contains(&code.as_str()));
    assert!(!may_come_back || reply.retry_after() >= 1, "{context}: {reply:?}");
    if expected { Judged::Fine } else { Judged::Late }
}

/// The word for how a request ended.
fn word(end: &Result<reqwest::Result<Reply>, tokio::time::error::Elapsed>) -> String {
    let reply = match end {
        Err(_) => return "no reply at all".to_owned(),
        Ok(Err(_)) => return "broken connection".to_owned(),
        Ok(Ok(reply)) => reply,
    };
    let how = match (reply.status, reply.header("cache-status")) {
        (200, "") => "",
        (200, status) if status.starts_with("sluice; hit") => "hit",
        (200, status) if status.ends_with("collapsed") => "joined",
        (200, status) if status.contains("stale-if-error") => "stale",
        (200, _) => "fetched",
        _ => reply.text.split_once("/problems/").and_then(|(_, rest)| rest.split('"').next()).unwrap_or_default(),
    };
    format!("{} {how}", reply.status).trim().to_owned()
}
