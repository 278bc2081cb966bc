//! Everything that an operator changes, while callers ask on: no request fails and the limit is kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use sluice::simulator::{Verdict, worst_window};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::tls::{install, lines};
use super::{FIRST, SECOND, configuration, upstream};
use crate::support::{Asker, Certificates, settled_day};

const PER: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_reloads_a_rotation_a_bad_file_a_new_certificate_and_a_drain_fail_no_request() {
    let (upstream, old, new) = (upstream().await, Certificates::new(), Certificates::new());
    let text = |key| {
        let text = configuration(&upstream, key, lines()).replace("drain = \"0s\"", "drain = \"5s\"");
        text.replace("id = \"red\"", "id = \"red\"\nrequests_per_second = 100000\nburst = 100000")
    };
    let mut served = super::serve_with(&text(FIRST), |directory| install(&old, directory)).await;
    let asker = |idle| {
        let authorities = [&*old.authority(), &*new.authority()];
        Asker::trusting(format!("https://{}", served.public), Some(served.token.clone()), &authorities, idle)
    };
    let load = Load::begin(vec![asker(0), asker(4), asker(4), asker(0), asker(4)]);

    let with_another = |number: usize| {
        format!("{}[[tenants]]\nid = \"guest-{number}\"\n", text(if number < 10 { FIRST } else { SECOND }))
    };
    for number in 0..20 {
        served.files.write("sluice.toml", &with_another(number));
        match number % 3 {
            0 => served.process.signal("HUP"),
            1 => assert_eq!(served.reload().await.0, 200),
            _ => {}
        }
        let guest = format!("guest-{number}");
        served.process.prints(|printed| printed.contains(&guest).then_some(())).await;
    }
    let rotated = |status: &serde_json::Value| status["master_key"]["key_id"] == "AKLT…bbbb";
    served.shows("the new master key", rotated).await;
    served.files.write("sluice.toml", "this is no configuration");
    assert_eq!(served.reload().await.0, 422);
    served.files.write("sluice.toml", &text(SECOND));
    install(&new, served.files.path("").as_path());
    let renewed = Asker::trusting(format!("https://{}", served.public), None, &[&new.authority()], 0);
    while renewed.try_send("GET", "/problems", "").await.is_err() {
        sleep(Duration::from_millis(50)).await;
    }
    sleep(PER).await;

    served.process.signal("TERM");
    while served.operator.get("/readyz").await.status == 200 {
        sleep(Duration::from_millis(20)).await;
    }
    // A balancer needs a while to send nobody here any more.
    sleep(PER / 2).await;
    let (answered, failures) = load.end().await;
    assert_eq!(served.process.ended().await, Some(0));
    assert!(failures.is_empty(), "{failures:#?}");
    assert!(answered > 100, "{answered}");
    let arrivals = upstream.arrivals();
    assert!(worst_window(&arrivals, PER) <= 2, "{arrivals:#?}");
    assert!(arrivals.iter().all(|arrival| arrival.verdict != Verdict::Throttled));
}

/// Callers who ask on until they are told to stop. The first two ask what is not held, the others what is.
pub(super) struct Load {
    callers: JoinSet<Vec<String>>,
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
}

impl Load {
    pub(super) fn begin(askers: Vec<Asker>) -> Self {
        let mut load = Self { callers: JoinSet::new(), stop: Arc::default(), answered: Arc::default() };
        for (number, asker) in askers.into_iter().enumerate() {
            let (stop, answered) = (Arc::clone(&load.stop), Arc::clone(&load.answered));
            load.callers.spawn(async move {
                let mut failures = Vec::new();
                let mut round: i64 = 0;
                while !stop.load(Ordering::Relaxed) {
                    let day = if number < 2 { (2 * round + i64::from(number == 1)) % 28 } else { 1 };
                    match asker.try_ask("app-0", &settled_day(day)).await {
                        Ok(reply) if reply.status == 200 => answered.fetch_add(1, Ordering::Relaxed),
                        other => {
                            failures.push(format!("{other:?}").chars().take(400).collect());
                            0
                        }
                    };
                    round += 1;
                    sleep(Duration::from_millis(20)).await;
                }
                failures
            });
        }
        load
    }

    pub(super) async fn end(self) -> (usize, Vec<String>) {
        self.stop.store(true, Ordering::Relaxed);
        let failures = self.callers.join_all().await.concat();
        (self.answered.load(Ordering::Relaxed), failures)
    }
}
