//! The record as a call meets it, on a disk that fails as it is told to.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use proptest::prelude::*;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::clerk::SETTLE;
use super::faulty::{Disk, Manners};
use super::*;
use crate::model::TenantId;
use crate::query::Question;

struct Desk {
    disk: Disk,
    path: PathBuf,
    audit: Audit,
    _directory: tempfile::TempDir,
}

fn desk() -> Desk {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.jsonl");
    let disk = Disk::default();
    let sink = Box::new(disk.file(&path));
    let audit = Audit::with(sink, "here".to_owned(), None, Clock::system(), Metrics::default()).unwrap();
    Desk { disk, path, audit, _directory: directory }
}

async fn open(audit: &Audit) -> Result<Opened, Unrecorded> {
    let (tenant, question) = (TenantId::new("red"), Question::sample("app"));
    audit.open(&Intent { tenant: &tenant, question: &question, leg: 1, trace_id: None }).await
}

const ANSWERED: Ending<'_> = Ending {
    arrived: Arrived::Yes,
    outcome: "answered",
    slot: 1,
    key_id: "AK",
    upstream_code: None,
    upstream_request_id: None,
    took: Duration::from_millis(5),
};

fn full() -> Manners {
    Manners { room: Some(0), ..Manners::default() }
}

/// All lines, each of which has to be one.
fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|fault| panic!("{fault}: {line:?}"))).collect()
}

fn words(path: &Path) -> Vec<String> {
    lines(path).iter().map(|line| line["record"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_call_is_on_the_disk_before_it_may_be_sent_and_completed_after() {
    let desk = desk();
    let before = desk.disk.manners().syncs;
    let opened = open(&desk.audit).await.unwrap();
    assert!(desk.disk.manners().syncs > before, "durable");
    assert_eq!(words(&desk.path), ["started", "sending"]);
    opened.departs();
    let id = opened.id().unwrap().to_string();
    opened.end(&ANSWERED);
    desk.audit.flush().await;
    let lines = lines(&desk.path);
    assert_eq!((&lines[1]["id"], &lines[2]["id"]), (&id.clone().into(), &id.into()));
    assert_eq!((&lines[1]["from"], &lines[1]["tenant"]), (&"2026-11-01T00:00:00Z".into(), &"red".into()));
    assert_eq!((&lines[2]["arrived"], &lines[2]["slot"], &lines[2]["took_ms"]), (&true.into(), &1.into(), &5.into()));
    assert_eq!(desk.audit.standing().unwrap().records, 3);
}

#[tokio::test]
async fn a_record_that_nobody_completes_says_whether_the_call_may_have_arrived() {
    let desk = desk();
    drop(open(&desk.audit).await.unwrap());
    let lost = open(&desk.audit).await.unwrap();
    lost.departs();
    drop(lost);
    desk.audit.flush().await;
    let ended: Vec<_> = lines(&desk.path).into_iter().filter(|line| line["record"] == "ended").collect();
    assert_eq!((&ended[0]["outcome"], &ended[0]["arrived"]), (&"not_sent".into(), &false.into()));
    assert_eq!((&ended[1]["outcome"], &ended[1]["arrived"]), (&"lost".into(), &Value::Null));
    assert!(ended[1].as_object().unwrap().contains_key("arrived"));
}

#[tokio::test]
async fn a_full_disk_means_no_call_until_there_is_room_and_what_was_kept_comes_first() {
    let desk = desk();
    let under_way = open(&desk.audit).await.unwrap();
    under_way.departs();
    desk.disk.set(full());
    assert!(open(&desk.audit).await.is_err());
    assert!(desk.audit.is_failing());
    under_way.end(&ANSWERED);
    assert!(open(&desk.audit).await.is_err());
    assert_eq!(words(&desk.path), ["started", "sending"], "nothing stays of what could not be written");
    let standing = desk.audit.standing().unwrap();
    assert!(standing.fault.unwrap().reason.contains("storage"), "it says why");
    desk.disk.set(Manners::default());
    let began = Instant::now();
    while desk.audit.is_failing() {
        assert!(began.elapsed() < Duration::from_secs(5), "it does not try again by itself");
        sleep(Duration::from_millis(20)).await;
    }
    drop(open(&desk.audit).await.unwrap());
    desk.audit.flush().await;
    assert_eq!(words(&desk.path), ["started", "sending", "ended", "resumed", "sending", "ended"]);
    assert_eq!(desk.audit.standing().unwrap().kept, 0);
}

#[tokio::test]
async fn an_end_that_is_written_and_not_durable_ends_no_fault() {
    let desk = desk();
    let under_way = open(&desk.audit).await.unwrap();
    under_way.departs();
    desk.disk.set(Manners { sync_fails: true, ..Manners::default() });
    assert!(open(&desk.audit).await.is_err());
    let since = desk.audit.standing().unwrap().fault.unwrap().since;
    under_way.end(&ANSWERED);
    let began = Instant::now();
    while began.elapsed() < SETTLE {
        assert!(desk.audit.is_failing(), "it can be written to, and nothing becomes durable");
        sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(desk.audit.standing().unwrap().fault.unwrap().since, since);
    desk.disk.set(Manners::default());
    desk.audit.flush().await;
    assert_eq!(words(&desk.path), ["started", "sending", "ended", "resumed"]);
}

#[tokio::test]
async fn a_disk_that_hangs_holds_up_nobody_for_ever_and_leaves_no_record_open() {
    let desk = desk();
    // So that it is the call's own write that hangs, and not the first line's.
    desk.audit.flush().await;
    desk.disk.set(Manners { sync_hangs: true, ..Manners::default() });
    let began = Instant::now();
    assert!(open(&desk.audit).await.is_err());
    while !desk.audit.is_failing() {
        assert!(began.elapsed() < LONGEST + Duration::from_secs(2), "a write that hangs is no fault");
        sleep(Duration::from_millis(5)).await;
    }
    assert!(desk.audit.standing().unwrap().fault.unwrap().reason.contains("does not end"));
    let second = Instant::now();
    assert!(open(&desk.audit).await.is_err());
    assert!(second.elapsed() < Duration::from_secs(1), "the next is told at once");
    desk.disk.set(Manners::default());
    desk.audit.flush().await;
    desk.audit.flush().await;
    assert!(!desk.audit.is_failing());
    assert_eq!(words(&desk.path), ["started", "sending", "ended"]);
    assert_eq!(lines(&desk.path)[2]["outcome"], "not_sent");
}

#[tokio::test]
async fn who_waits_for_a_record_and_goes_away_leaves_none_open() {
    let desk = desk();
    desk.disk.set(Manners { sync_hangs: true, ..Manners::default() });
    for _ in 0..3 {
        assert!(tokio::time::timeout(Duration::from_millis(50), open(&desk.audit)).await.is_err());
    }
    desk.disk.set(Manners::default());
    desk.audit.flush().await;
    desk.audit.flush().await;
    let words = words(&desk.path);
    let count = |word: &str| words.iter().filter(|found| *found == word).count();
    assert!(count("sending") <= 1, "those behind it were not written at all: {words:?}");
    assert_eq!(count("sending"), count("ended"));
}

#[tokio::test]
async fn a_rotation_between_a_call_and_its_end_loses_neither() {
    let desk = desk();
    let opened = open(&desk.audit).await.unwrap();
    let rotated = desk.path.with_extension("1");
    fs::rename(&desk.path, &rotated).unwrap();
    opened.departs();
    opened.end(&ANSWERED);
    desk.audit.flush().await;
    assert_eq!((words(&rotated), words(&desk.path)), (vec!["started".into(), "sending".into()], vec!["ended".into()]));
}

#[tokio::test]
async fn without_a_place_nothing_is_recorded_and_nothing_refused() {
    let audit = Audit::start(&Config::default(), None, Clock::system(), Metrics::default()).unwrap();
    let opened = open(&audit).await.unwrap();
    assert_eq!((opened.id(), audit.is_failing(), audit.standing()), (None, false, None));
}

#[derive(Clone, Debug)]
enum Step {
    Call,
    CallAndEnd,
    Room(usize),
    Bite(usize),
    SyncFails,
    Heal,
    Blocked,
    Rotate,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Call),
        4 => Just(Step::CallAndEnd),
        2 => (0..700_usize).prop_map(Step::Room),
        1 => (1..90_usize).prop_map(Step::Bite),
        1 => Just(Step::SyncFails),
        2 => Just(Step::Heal),
        1 => Just(Step::Blocked),
        1 => Just(Step::Rotate),
    ]
}

/// The names that the record has had. The thread that writes may make the next file at any moment, so each step holds
/// whether it has or not.
struct Names {
    path: PathBuf,
    rotated: Vec<PathBuf>,
}

impl Names {
    fn rotate(&mut self) {
        let rotated = self.path.with_extension(self.rotated.len().to_string());
        if fs::rename(&self.path, &rotated).is_ok() {
            self.rotated.push(rotated);
        }
    }

    /// Where the next file would be, there can be none.
    fn block(&mut self) {
        while fs::create_dir(&self.path).is_err() {
            self.rotate();
        }
    }

    /// The last file is back in its place, unless another is there already.
    fn unblock(&mut self) {
        fs::remove_dir(&self.path).unwrap();
        if let Some(last) = self.rotated.pop_if(|last| fs::hard_link(last, &self.path).is_ok()) {
            fs::remove_file(last).unwrap();
        }
    }

    fn lines(&self) -> Vec<Value> {
        let all = self.rotated.iter().chain([&self.path]).filter(|path| path.exists());
        all.flat_map(|path| lines(path)).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Whatever the disk does: each call that was let through has its line, each line is whole, each call its one end.
    #[test]
    fn every_call_has_its_record_whatever_the_disk_does(steps in prop::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let desk = desk();
            let mut names = Names { path: desk.path.clone(), rotated: Vec::new() };
            let (mut let_through, mut under_way) = (Vec::new(), Vec::new());
            for step in steps {
                match step {
                    Step::Call | Step::CallAndEnd => if let Ok(opened) = open(&desk.audit).await {
                        let_through.push(opened.id().unwrap().to_string());
                        opened.departs();
                        under_way.push(opened);
                        if matches!(step, Step::CallAndEnd) {
                            under_way.remove(0).end(&ANSWERED);
                        }
                    },
                    Step::Room(room) => desk.disk.set(Manners { room: Some(room), ..Manners::default() }),
                    Step::Bite(bite) => desk.disk.set(Manners { bite: Some(bite), ..Manners::default() }),
                    Step::SyncFails => desk.disk.set(Manners { sync_fails: true, ..Manners::default() }),
                    Step::Blocked => {
                        names.block();
                        desk.audit.flush().await;
                        names.unblock();
                        desk.audit.flush().await;
                    }
                    Step::Heal => {
                        desk.disk.set(Manners::default());
                        desk.audit.flush().await;
                    }
                    Step::Rotate => names.rotate(),
                }
            }
            drop(under_way);
            desk.disk.set(Manners::default());
            desk.audit.flush().await;
            desk.audit.flush().await;
            let all = names.lines();
            let of = |word: &str| -> Vec<String> {
                let mut ids: Vec<_> = all.iter().filter(|line| line["record"] == word)
                    .map(|line| line["id"].as_str().unwrap().to_owned()).collect();
                ids.sort();
                ids
            };
            let_through.sort();
            assert_eq!(of("sending"), let_through, "no call without a record, no record without a call");
            assert_eq!(of("ended"), let_through);
        });
    }
}
