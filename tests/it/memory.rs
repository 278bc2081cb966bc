//! What a running gateway keeps in its memory, looked for there: a key that was replaced is gone, and so is what was derived
//! from either. And that nobody else gets to look.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use sluice::simulator::{Settings, start};
use tokio::time::{Instant, sleep};

use crate::support::{Asker, Files, ISSUER_AND_TENANT, Process, addresses, now, settled_day, sluice};

const FIRST: (&str, &str) = ("AKLTfirst000000000000000000000000000000aaaa", "TmV2ZXItc2VlbjogdGhlLWZpcnN0LWNhbmFyeQ");
const SECOND: (&str, &str) =
    ("AKLTsecond00000000000000000000000000000bbbb", "WWV0LWFub3RoZXI6IHRoZS1zZWNvbmQtY2FuYXJ5");
const PIECE: usize = 1 << 20;

/// A gateway whose master key stands in files, and who asks it.
struct Served {
    files: Files,
    process: Process,
    asker: Asker,
    operator: Asker,
}

fn hmac(key: &[u8], message: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(message.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// What is derived from a secret on this day, in the order in which it is.
pub(crate) fn derived(secret: &str, day: &str) -> Vec<(&'static str, Vec<u8>)> {
    let mut chain = vec![("secret", secret.as_bytes().to_vec())];
    for (name, part) in [("kDate", day), ("kRegion", "cn-north-1"), ("kService", "rtc"), ("kSigning", "request")] {
        let next = hmac(&chain.last().unwrap().1, part);
        chain.push((name, next));
    }
    chain
}

/// The key under this name, what is derived from it, and what HMAC works with.
fn traces(name: &str, secret: &str, day: &str) -> Vec<(String, Vec<u8>)> {
    let masked = |(kind, bytes): &(&str, Vec<u8>), mask: u8| {
        (format!("{name} {kind} ^ {mask:#04x}"), bytes.iter().map(|byte| byte ^ mask).collect::<Vec<_>>())
    };
    derived(secret, day).iter().flat_map(|link| [0, 0x36, 0x5c].map(|mask| masked(link, mask))).collect()
}

/// Writes another master key into the files `id` and `secret`, and asks until it is in force.
pub(crate) async fn rotate(files: &Files, asker: &Asker, operator: &Asker, (id, secret): (&str, &str)) {
    files.write("id", id);
    files.write("secret", secret);
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut day = 10;
    loop {
        let standing = operator.get("/status").await.json()["master_key"].clone();
        if standing["key_id"].as_str().unwrap().ends_with(&id[id.len() - 4..]) {
            return;
        }
        assert!(Instant::now() < deadline, "{standing}");
        if !standing["successor"].is_null() {
            asker.ask("app-0", &settled_day(day)).await;
            day += 1;
        }
        sleep(Duration::from_millis(100)).await;
    }
}

/// How often each of these is in the memory of a process: in all of it that may have been written.
fn counts(process: &Process, wanted: &[(String, Vec<u8>)]) -> Vec<(String, usize)> {
    let place = format!("/proc/{}", process.id());
    let memory = File::open(format!("{place}/mem")).expect("only root may look, so this test is run as root");
    let mut begins = [false; 256];
    for (_, bytes) in wanted {
        begins[usize::from(bytes[0])] = true;
    }
    let overlap = wanted.iter().map(|(_, bytes)| bytes.len()).max().unwrap() - 1;
    let mut counts: Vec<_> = wanted.iter().map(|(name, _)| (name.clone(), 0)).collect();
    let mut piece = vec![0; PIECE + overlap];
    let zeros = vec![0; 4096];
    for line in fs::read_to_string(format!("{place}/maps")).unwrap().lines() {
        let mut fields = line.split_whitespace();
        let (range, rights) = (fields.next().unwrap(), fields.next().unwrap());
        let path = fields.nth(3).unwrap_or_default();
        // What only shows a file holds what the file holds.
        if !rights.starts_with('r') || (path.starts_with('/') && !rights.contains('w')) || path.starts_with("[v") {
            continue;
        }
        let (from, to) = range.split_once('-').unwrap();
        let [mut from, to] = [from, to].map(|edge| u64::from_str_radix(edge, 16).unwrap());
        while from < to {
            let room = usize::try_from(to - from).unwrap().min(piece.len());
            let Ok(read) = memory.read_at(&mut piece[..room], from) else { break };
            for start in (0..read.min(PIECE)).step_by(4096) {
                let end = (start + 4096).min(read).min(PIECE);
                if piece[start..end] == zeros[..end - start] {
                    continue;
                }
                for at in (start..end).filter(|at| begins[usize::from(piece[*at])]) {
                    for (number, (_, bytes)) in wanted.iter().enumerate() {
                        counts[number].1 += usize::from(piece[at..read].starts_with(bytes));
                    }
                }
            }
            from += u64::try_from(read.clamp(1, PIECE)).unwrap();
        }
    }
    counts
}

async fn serve() -> (sluice::simulator::Simulator, Served) {
    let upstream = start(Settings {
        access_key_id: FIRST.0.to_owned(),
        secret_access_key: FIRST.1.to_owned(),
        second_key: Some((SECOND.0.to_owned(), SECOND.1.to_owned())),
        latency: Duration::from_millis(20),
        ..Settings::default()
    })
    .await
    .unwrap();
    let files = Files::new(&format!(
        "[server]\nlisten = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"\ndrain = \"0s\"\n\
         [upstream]\nendpoint = \"{}\"\naccess_key_id_file = \"id\"\nsecret_access_key_file = \"secret\"\n\
         {ISSUER_AND_TENANT}",
        upstream.endpoint()
    ));
    files.write("id", FIRST.0);
    files.write("secret", FIRST.1);
    let process = Process::start(&mut sluice(&["serve", "--config", &files.config()]));
    let (public, admin) = process.prints(addresses).await;
    let token = String::from_utf8(files.run(&["token", "--tenant", "red"]).stdout).unwrap().trim().to_owned();
    let asker = Asker::new(format!("http://{public}"), Some(token));
    let operator = asker.sibling(format!("http://{admin}"), None);
    (upstream, Served { files, process, asker, operator })
}

fn found<'a>(counts: &'a [(String, usize)], name: &str) -> Vec<&'a (String, usize)> {
    counts.iter().filter(|(found, count)| found.starts_with(name) && *count > 0).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_key_that_was_replaced_and_all_derived_keys_are_gone_from_memory() {
    let (_upstream, Served { files, process, asker, operator }) = serve().await;
    for day in 0..3 {
        assert_eq!(asker.ask("app-0", &settled_day(day)).await.status, 200);
    }
    let day = now().strftime("%Y%m%d").to_string();
    let wanted = [traces("first", FIRST.1, &day), traces("second", SECOND.1, &day)].concat();
    let before = counts(&process, &wanted);
    let in_force = found(&before, "first");
    assert!(
        in_force.iter().any(|(name, _)| name == "first secret ^ 0x00"),
        "the key in force is not found: {before:?}"
    );
    assert_eq!(in_force.len(), 1, "what is derived from a key stays: {in_force:?}");

    rotate(&files, &asker, &operator, SECOND).await;
    let after = counts(&process, &wanted);
    assert_eq!(found(&after, "first"), Vec::<&(String, usize)>::new(), "the replaced key is still there");
    let in_force = found(&after, "second");
    assert!(
        in_force.iter().any(|(name, _)| name == "second secret ^ 0x00"),
        "the key in force is not found: {after:?}"
    );
    assert_eq!(in_force.len(), 1, "what is derived from a key stays: {in_force:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_gateway_leaves_no_core_dump_and_is_read_by_nobody_but_root() {
    let (_upstream, Served { process, .. }) = serve().await;
    let place = format!("/proc/{}", process.id());
    let limits = fs::read_to_string(format!("{place}/limits")).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(line.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{line}");
    // The system gives the files of a process that must not be dumped to root.
    assert_eq!(fs::metadata(format!("{place}/environ")).unwrap().uid(), 0);
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        let denied = File::open(format!("{place}/mem")).unwrap_err();
        assert_eq!(denied.kind(), ErrorKind::PermissionDenied);
    }
}
