//! Secrets planted as canaries appear in no output, at any log level, whatever goes wrong.

use std::time::Duration;

use sluice::simulator::{Fault, Settings, Share, start};

use crate::support::{Asker, Files, ISSUER_AND_TENANT, Process, settled_day, sluice};

const SECRET: &str = "c2VjcmV0LWNhbmFyeS1rZXktZm9yLXRlc3Rz";
const SESSION: &str = "STS2canarysessiontokenfortests";
const KEY_ID: &str = "AKLTcanaryaccesskeyidfortests00000001";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_ever_printed() {
    let upstream = start(Settings {
        access_key_id: KEY_ID.to_owned(),
        secret_access_key: SECRET.to_owned(),
        session_token: Some(SESSION.to_owned()),
        latency: Duration::from_millis(20),
        ..Settings::default()
    })
    .await
    .unwrap();
    let files = Files::new(&format!(
        r#"
[server]
listen = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"
drain = "0s"
token_headers = ["X-Forwarded-Access-Token"]
[upstream]
endpoint = "{}"
timeout = "1s"
access_key_id = "{KEY_ID}"
secret_access_key_file = "secret"
[telemetry]
log = "trace"
{ISSUER_AND_TENANT}
"#,
        upstream.endpoint()
    ));
    files.write("secret", &format!("{SECRET}\n"));
    let token = String::from_utf8(files.run(&["token", "--tenant", "red"]).stdout).unwrap().trim().to_owned();
    let check = sluice(&["check", "--config", &files.config()]).env("SLUICE_UPSTREAM__SESSION_TOKEN", SESSION).output();
    let check = check.unwrap();
    assert_eq!(check.status.code(), Some(0), "{check:?}");
    let mut outputs = vec![String::from_utf8([check.stdout, check.stderr].concat()).unwrap()];
    assert!(outputs[0].contains("***"), "{}", outputs[0]);

    let mut serve = sluice(&["serve", "--config", &files.config()]);
    let mut process = Process::start(serve.env("SLUICE_UPSTREAM__SESSION_TOKEN", SESSION));
    let base = process
        .prints(|text| {
            let line = text.lines().find(|line| line.contains("\"message\":\"serving\""))?;
            let line: serde_json::Value = serde_json::from_str(line).ok()?;
            Some(format!("http://{}", line["listen"].as_str()?))
        })
        .await;
    let asker = Asker::new(base.clone(), Some(token.clone()));
    // Good, refused in every stage, and each way the upstream can fail.
    outputs.push(format!("{:?}", asker.ask("app-0", &settled_day(0)).await));
    assert!(outputs[1].contains("status: 200"), "{}", outputs[1]);
    outputs.push(format!("{:?}", asker.get("/apps/app-0/distribution?from=x").await));
    outputs.push(format!("{:?}", asker.get("/apps/other/distribution").await));
    outputs.push(format!("{:?}", Asker::new(base.clone(), Some(format!("{token}x"))).get("/apps").await));
    outputs.push(format!("{:?}", asker.get(&format!("/apps/{token}/distribution")).await));
    let by_proxy = |value: &str| Asker::new(base.clone(), None).with_header("x-forwarded-access-token", value);
    let reply = by_proxy(&token).get("/apps").await;
    assert_eq!(reply.status, 200, "{reply:?}");
    outputs.push(format!("{reply:?}"));
    for bad in [format!("{token}x"), format!("Bearer {token}, {token}"), format!("Basic {token}")] {
        outputs.push(format!("{:?}", by_proxy(&bad).get("/apps").await));
    }
    for (day, fault) in [
        (1, Fault::ErrorInside200("SignatureDoesNotMatch".to_owned())),
        (2, Fault::Malformed),
        (3, Fault::Reset),
        (4, Fault::Hang),
        (5, Fault::Throttle),
    ] {
        upstream.order(fault, Share::Next(3));
        outputs.push(format!("{:?}", asker.ask("app-0", &settled_day(day)).await));
        upstream.clear_faults();
    }
    upstream.stop().await;
    outputs.push(format!("{:?}", asker.ask("app-0", &settled_day(6)).await));
    process.signal("TERM");
    assert_eq!(process.ended().await, Some(0));
    outputs.push(process.printed());

    let log = outputs.last().unwrap();
    assert!(log.contains("TRACE") && log.contains("upstream call"), "the log is not at trace level");
    let signature = token.rsplit_once('.').unwrap().1;
    let claims = token.split('.').nth(1).unwrap();
    for output in &outputs {
        for canary in [SECRET, SESSION, KEY_ID, &*token, signature, claims] {
            let at = output.find(canary).map(|at| &output[at.saturating_sub(300)..at]);
            assert_eq!(at, None, "a canary was printed");
        }
    }
}
