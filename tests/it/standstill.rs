//! A gateway that stands still in the midst of a call: that is not told as the upstream's doing.

use std::time::Duration;

use sluice::simulator::{Settings, start};
use tokio::time::sleep;

use crate::support::{Asker, Files, ISSUER_AND_TENANT, Process, addresses, settled_day, sluice};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standstill_is_not_blamed_on_the_upstream() {
    let upstream = start(Settings { latency: Duration::from_millis(700), ..Settings::default() }).await.unwrap();
    let Settings { access_key_id, secret_access_key, .. } = Settings::default();
    let files = Files::new(&format!(
        r#"
[server]
listen = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"
[upstream]
endpoint = "{}"
access_key_id = "{access_key_id}"
secret_access_key = "{secret_access_key}"
timeout = "2s"
{ISSUER_AND_TENANT}
"#,
        upstream.endpoint()
    ));
    let token = String::from_utf8(files.run(&["token", "--tenant", "red"]).stdout).unwrap();
    let process = Process::start(&mut sluice(&["serve", "--config", &files.config()]));
    let (public, admin) = process.prints(addresses).await;
    let asker = Asker::new(format!("http://{public}"), Some(token.trim().to_owned()));
    assert_eq!(asker.ask("app-0", &settled_day(0)).await.status, 200);
    let asking = {
        let asker = asker.clone();
        tokio::spawn(async move { asker.ask("app-0", &settled_day(1)).await })
    };
    sleep(Duration::from_millis(300)).await;
    process.signal("STOP");
    // Longer than the timeout and what a timer may be late.
    sleep(Duration::from_millis(3500)).await;
    process.signal("CONT");
    let reply = asking.await.unwrap();
    // Which of the two it wakes to is chance: the answer that lies there unread, or the timer.
    let told = (reply.status, if reply.status == 200 { String::new() } else { reply.problem() });
    assert!(told.0 == 200 || told == (503, "overloaded".to_owned()), "{reply:?}");
    let status = Asker::new(format!("http://{admin}"), None).get("/status").await.json();
    assert_eq!(status["upstream"]["breaker"]["faults_in_a_row"], 0, "{status}");
    assert_eq!(asker.ask("app-0", &settled_day(2)).await.status, 200);
}
