//! Tokens that the operator revokes: from the next request on, and over a change of the configuration.

use jiff::SignedDuration;

use crate::support::{Asker, Files, House, ISSUER_AND_TENANT, Plan, Process, now, sluice};

async fn revokes(house: &House, body: &str) {
    let reply = house.operator().send("POST", "/auth/revoke", body).await;
    assert_eq!((reply.status, reply.text.as_str()), (204, ""), "{body}");
}

async fn status(house: &House, token: &str) -> u16 {
    house.bearer(token).get("/apps").await.status
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_token_a_subject_or_a_whole_tenant_is_revoked_at_once() {
    let house = Plan::default().build().await;
    let named = |name: &'static str| house.token_with(|token| token.token_id = Some(name));
    let (one, two) = (named("one"), named("two"));
    let robot = house.token_with(|token| token.subject = "robot");
    let green = house.token("green");
    for token in [&one, &two, &robot, &green] {
        assert_eq!(status(&house, token).await, 200);
    }
    revokes(&house, "{\"jti\":\"one\"}").await;
    let refused = house.bearer(&*one).get("/apps").await;
    assert_eq!((refused.status, refused.problem().as_str()), (401, "unauthorized"));
    assert_eq!(status(&house, &two).await, 200);
    revokes(&house, "{\"subject\":\"robot\",\"issuer\":\"https://sso.test\"}").await;
    assert_eq!((status(&house, &robot).await, status(&house, &two).await), (401, 200));
    revokes(&house, "{\"tenant\":\"red\"}").await;
    assert_eq!((status(&house, &two).await, status(&house, &green).await), (401, 200));
    let later = house.token_with(|token| token.issued_at += SignedDuration::from_secs(2));
    assert_eq!(status(&house, &later).await, 200, "what is issued afterwards counts");
    // An issuer's clock may be ahead: what it has just issued is from our future, and can be revoked all the same.
    let ahead = (now() + SignedDuration::from_mins(4)).to_string();
    revokes(&house, &format!("{{\"tenant\":\"red\",\"issued_before\":\"{ahead}\"}}")).await;
    assert_eq!(status(&house, &later).await, 401);
    let before = (now() - SignedDuration::from_secs(60)).to_string();
    revokes(&house, &format!("{{\"tenant\":\"green\",\"issued_before\":\"{before}\"}}")).await;
    assert_eq!(status(&house, &green).await, 200);
    assert_eq!(house.operator().get("/status").await.json()["revocations"], 4);
    assert_eq!(house.stranger().send("POST", "/auth/revoke", "{\"tenant\":\"red\"}").await.status, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_that_would_mean_nobody_is_refused_and_says_why() {
    let house = Plan::default().build().await;
    let future = (now() + SignedDuration::from_mins(6)).to_string();
    let pasted = format!("{{\"jti\":\"{}\"}}", house.token("red"));
    let endless = format!("{{\"jti\":\"{}\"}}", "x".repeat(1025));
    let ahead = format!("{{\"tenant\":\"red\",\"issued_before\":\"{future}\"}}");
    for (body, says) in [
        ("", "the body is not understood"),
        ("{}", "the body is not understood"),
        ("{\"jti\":\"a\",\"subject\":\"b\"}", "the body is not understood"),
        ("{\"jti\":\"a\",\"issued_before\":\"2026-11-09T02:00:00Z\"}", "the body is not understood"),
        ("{\"tenant\":\"red\",\"expires_at\":\"2999-11-09T02:00:00Z\"}", "the body is not understood"),
        ("{\"sub\":\"b\"}", "the body is not understood"),
        ("{\"jti\":\"\"}", "jti is empty"),
        ("{\"tenant\":\"rde\"}", "no tenant \"rde\" is configured"),
        ("{\"jti\":\"a\",\"issuer\":\"https://sso.test/\"}", "no issuer \"https://sso.test/\" is configured"),
        ("{\"tenant\":\"red\",\"issued_before\":\"yesterday\"}", "issued_before is not a time"),
        (ahead.as_str(), "issued_before is more than 5 minutes ahead"),
        (endless.as_str(), "jti is longer than 1024 bytes"),
        (pasted.as_str(), "this is a token itself"),
        ("{\"jti\":\"a\",\"expires_at\":\"2026-01-01T00:00:00Z\"}", "expires_at is past"),
    ] {
        let reply = house.operator().send("POST", "/auth/revoke", body).await;
        assert_eq!(reply.status, 400, "{body}");
        assert!(reply.json()["detail"].as_str().unwrap().contains(says), "{body}: {}", reply.text);
    }
    assert_eq!(status(&house, &house.token("red")).await, 200);
    assert_eq!(house.operator().get("/status").await.json()["revocations"], 0);
}

/// The addresses in the line that tells that it serves: public and admin.
fn addresses(printed: &str) -> Option<(String, String)> {
    let line = printed.lines().find(|line| line.contains("\"serving\""))?;
    let of = |name: &str| {
        let (_, rest) = line.split_once(&format!("\"{name}\":\""))?;
        Some(format!("http://{}", rest.split('"').next()?))
    };
    Some((of("listen")?, of("admin_listen")?))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_changes_issuers_and_tenants_and_keeps_what_was_revoked() {
    let text = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"\ndrain = \"0s\"\n[upstream]\n\
         endpoint = \"http://127.0.0.1:9\"\naccess_key_id = \"id\"\nsecret_access_key = \"key\"\n{ISSUER_AND_TENANT}\
         [[tenants]]\nid = \"green\"\napps = [{{ name = \"app-1\", app_id = \"green000000000000001\" }}]\n"
    );
    let files = Files::new(&text);
    let mut process = Process::start(&mut sluice(&["serve", "--config", &files.config()]));
    let (public, admin) = process.prints(addresses).await;
    let minted = |tenant: &str| {
        let output = files.run(&["token", "--tenant", tenant]);
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let (red, green) = (minted("red"), minted("green"));
    let ask = async |token: &str| Asker::new(public.clone(), Some(token.to_owned())).get("/apps").await;
    assert_eq!((ask(&red).await.status, ask(&green).await.status), (200, 200));
    assert_eq!(Asker::new(admin, None).send("POST", "/auth/revoke", "{\"tenant\":\"red\"}").await.status, 204);
    assert_eq!((ask(&red).await.status, ask(&green).await.status), (401, 200));

    files.write("sluice.toml", &text.replace("audiences", "audience"));
    process.signal("HUP");
    process.prints(|printed| printed.contains("\"not reloaded: ").then_some(())).await;
    assert_eq!(ask(&green).await.status, 200, "a bad file changes nothing");

    files.write("sluice.toml", &text.replace("app-1", "app-9"));
    process.signal("HUP");
    process.prints(|printed| printed.contains("\"message\":\"reloaded\"").then_some(())).await;
    let after = ask(&green).await;
    assert!(after.status == 200 && after.text.contains("app-9"), "{after:?}");
    assert_eq!(ask(&red).await.status, 401, "still revoked");
    process.signal("TERM");
    assert_eq!(process.ended().await, Some(0));
}
