//! Callers of several tenants: they read what any of these may, and each request is one tenant's.

use serde_json::json;

use crate::support::{
    APPS_PER_TENANT, Asker, Files, House, Plan, Process, Reply, addresses, app_id, log_lines, settled_day, sluice,
};

const RULES: &str = r#"tenant_rules = [{ value = "/sluice/*", tenant = "*" }]"#;
/// A tenant that knows an app of red's by a name of its own.
const PARTNER: &str = r#"
[[tenants]]
id = "partner"
apps = [{ name = "reds", app_id = "red0000000000000000" }]
"#;
const VARY: &str = "Authorization, Origin, Accept-Encoding";

fn plan() -> Plan {
    Plan { issuer_toml: RULES, ..Plan::default() }.with_toml(PARTNER)
}

fn is_misnamed(reply: &Reply, parameter: &str) {
    assert_eq!((reply.status, reply.problem().as_str()), (400, "invalid-parameter"), "{reply:?}");
    assert_eq!(reply.json()["parameter"], parameter);
    assert!(reply.json()["detail"].as_str().unwrap().contains("Sluice-Tenant"), "{reply:?}");
}

fn groups(house: &House, tenants: &[&str]) -> Asker {
    let entries: Vec<_> = tenants.iter().map(|tenant| format!("/sluice/{tenant}")).collect();
    let entries: Vec<_> = ["/staff", "/other/gray"].into_iter().chain(entries.iter().map(String::as_str)).collect();
    house.stranger().with_token(house.token_of(&entries))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_of_two_tenants_lists_the_apps_of_both_with_whose_they_are() {
    let house = plan().build().await;
    let both = groups(&house, &["red", "nobody", "green"]);
    let all = both.get("/apps").await.json();
    assert_eq!((&all["tenant"], &all["tenants"]), (&json!("red"), &json!(["red", "nobody", "green"])));
    let apps = all["apps"].as_array().unwrap();
    assert_eq!(apps.len(), 2 * APPS_PER_TENANT);
    assert_eq!(apps[0], json!({ "name": "app-0", "app_id": app_id("red", 0), "tenant": "red" }));
    assert_eq!(apps[APPS_PER_TENANT], json!({ "name": "app-0", "app_id": app_id("green", 0), "tenant": "green" }));
    // The choice of one is answered as to a caller who has no other.
    let chosen = both.clone().with_header("sluice-tenant", "green").get("/apps").await;
    let alone = groups(&house, &["green"]).get("/apps").await;
    assert_eq!(chosen.text, alone.text);
    assert_eq!(alone.json()["apps"][0], json!({ "name": "app-0", "app_id": app_id("green", 0) }));
    let nobody = both.with_header("sluice-tenant", "nobody").get("/apps").await;
    assert_eq!(nobody.json(), json!({ "tenant": "nobody", "apps": [] }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_means_two_apps_is_not_guessed_at_and_a_choice_settles_it() {
    let house = plan().build().await;
    let both = groups(&house, &["red", "green"]);
    is_misnamed(&both.ask("app-0", &settled_day(0)).await, "app");
    assert_eq!(house.calls(), 0, "nothing is spent on a guess");
    for tenant in ["red", "green"] {
        let own = groups(&house, &[tenant]).ask("app-0", &settled_day(0)).await;
        let chosen = both.clone().with_header("sluice-tenant", tenant).ask("app-0", &settled_day(0)).await;
        let by_id = both.ask(&app_id(tenant, 0), &settled_day(0)).await;
        assert_eq!((chosen.rows(), by_id.rows()), (own.rows(), own.rows()), "{tenant}");
    }
    // What two tenants call differently is one app all the same, shown by the first tenant's name for it.
    for (tenants, name) in [(["red", "partner"], "app-0"), (["partner", "red"], "reds")] {
        let reply = groups(&house, &tenants).ask(&app_id("red", 0), &settled_day(0)).await;
        assert_eq!((reply.status, &reply.json()["app"]), (200, &json!(name)), "{tenants:?}");
    }
    assert_eq!(house.calls(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_choice_beyond_the_token_tells_nothing_and_gives_nothing() {
    let house = plan().build().await;
    let mut seen = Vec::new();
    for (tenants, chosen) in [
        (&["red", "green"][..], "blue"),
        (&["red", "green"], "no-such-tenant"),
        (&["red", "green"], "RED"),
        (&["red", "green"], "red, green"),
        (&["red", "green"], "/sluice/red"),
        (&["red", "green"], ""),
        (&["red"], "blue"),
        (&["red"], "no-such-tenant"),
    ] {
        let asker = groups(&house, tenants).with_header("sluice-tenant", chosen);
        for reply in [asker.get("/apps").await, asker.ask(&app_id("blue", 0), &settled_day(0)).await] {
            is_misnamed(&reply, "Sluice-Tenant");
            seen.push(reply.text.replace(reply.header("x-request-id"), ""));
        }
    }
    let twice = groups(&house, &["red"]).with_header("sluice-tenant", "red").with_header("sluice-tenant", "red");
    is_misnamed(&twice.get("/apps").await, "Sluice-Tenant");
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "{seen:#?}");
    // An app of a tenant that the token does not hold is like one that does not exist, however many it holds.
    let both = groups(&house, &["red", "green"]);
    let foreign = both.ask(&app_id("blue", 0), &settled_day(0)).await;
    let absent = both.ask("no-such-app", &settled_day(0)).await;
    assert_eq!((foreign.status, foreign.problem().as_str()), (404, "app-not-found"));
    assert_eq!(
        foreign.text.replace(foreign.header("x-request-id"), ""),
        absent.text.replace(absent.header("x-request-id"), "")
    );
    let narrowed = both.with_header("sluice-tenant", "red").ask(&app_id("green", 0), &settled_day(0)).await;
    assert_eq!((narrowed.status, narrowed.problem().as_str()), (404, "app-not-found"));
    assert_eq!(house.calls(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_request_counts_for_the_tenant_on_whose_behalf_it_is() {
    let plan = Plan { tenant_toml: "requests_per_second = 1\nburst = 50", ..plan() };
    let house = plan.build().await;
    let both = groups(&house, &["red", "green"]);
    let left =
        |reply: &Reply| reply.header("ratelimit").split(';').nth(1).unwrap().replace("r=", "").parse::<u32>().unwrap();
    // Bounds instead of numbers: a request a second comes back while the test runs.
    let alone = async |tenant: &str| left(&groups(&house, &[tenant]).get("/apps").await);
    for _ in 0..20 {
        assert_eq!(both.ask(&app_id("green", 0), &settled_day(0)).await.status, 200);
    }
    assert!(alone("green").await < 40 && alone("red").await >= 45, "by the app");
    for _ in 0..20 {
        assert_eq!(both.clone().with_header("sluice-tenant", "green").get("/apps").await.status, 200);
    }
    assert!(alone("green").await < 20 && alone("red").await >= 45, "by the choice");
    for _ in 0..20 {
        is_misnamed(&both.ask("app-0", &settled_day(0)).await, "app");
        is_misnamed(&both.clone().with_header("sluice-tenant", "blue").get("/apps").await, "Sluice-Tenant");
    }
    assert!(alone("red").await < 20 && alone("blue").await >= 45, "what is refused counts for the first tenant");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_vary_by_the_choice_for_those_who_have_one() {
    let house = plan().build().await;
    let (one, both) = (groups(&house, &["red"]), groups(&house, &["red", "green"]));
    let several = format!("{VARY}, Sluice-Tenant");
    for app in [app_id("red", 0), "app-0".to_owned(), "none".to_owned()] {
        assert_eq!(one.ask(&app, &settled_day(0)).await.header("vary"), VARY, "{app}");
        assert_eq!(both.ask(&app, &settled_day(0)).await.header("vary"), several, "{app}");
    }
    assert_eq!(both.get("/apps").await.header("vary"), several);
    assert_eq!(both.clone().with_header("sluice-tenant", "red").get("/apps").await.header("vary"), several);
    assert_eq!(house.stranger().get("/apps").await.header("vary"), VARY);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_without_rules_and_groups_without_a_tenant_are_refused_like_any_token() {
    let house = plan().build().await;
    let plain = Plan::default().build().await;
    for reply in [
        groups(&house, &[]).get("/apps").await,
        house.asker("red").get("/apps").await,
        plain.stranger().with_token(plain.token_of(&["red"])).get("/apps").await,
    ] {
        assert_eq!((reply.status, reply.problem().as_str()), (401, "unauthorized"), "{reply:?}");
    }
    assert_eq!(plain.asker("red").get("/apps").await.status, 200);
    // Strangers with many names are strangers all the same.
    let strangers = groups(&house, &["nobody", "nobody-else"]);
    assert_eq!(strangers.ask("app-0", &settled_day(0)).await.problem(), "app-not-found");
    assert_eq!(strangers.get("/apps").await.header("ratelimit-policy"), "\"tenant\";q=20;w=2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_names_the_tenant_on_whose_behalf_a_request_is() {
    let files = Files::new(
        r#"
[server]
listen = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"
drain = "0s"
[upstream]
endpoint = "http://127.0.0.1:9"
access_key_id = "AKLTsomething"
secret_access_key = "very-secret"
[[issuers]]
issuer = "https://sso.test"
audiences = ["sluice"]
public_key_file = "public.pem"
signing_key_file = "private.pem"
tenant_rules = [{ value = "*", tenant = "red" }, { value = "*", tenant = "green" }]
[[tenants]]
id = "red"
apps = [{ name = "reds", app_id = "r" }]
[[tenants]]
id = "green"
apps = [{ name = "greens", app_id = "g" }]
"#,
    );
    let token = String::from_utf8(files.run(&["token", "--tenant", "red"]).stdout).unwrap().trim().to_owned();
    let mut process = Process::start(&mut sluice(&["serve", "--config", &files.config()]));
    let (public, _) = process.prints(addresses).await;
    let asker = Asker::new(format!("http://{public}"), Some(token));
    for (app, chosen, tenant, outcome) in [
        ("reds", None, "red", "invalid_parameter"),
        ("greens", None, "green", "invalid_parameter"),
        ("none", None, "red", "not_granted"),
        ("none", Some("green"), "green", "not_granted"),
        ("greens", Some("red"), "red", "not_granted"),
        ("greens", Some("blue"), "red", "tenant_not_held"),
    ] {
        let asker = chosen.iter().fold(asker.clone(), |asker, chosen| asker.with_header("sluice-tenant", chosen));
        let reply = asker.get(&format!("/apps/{app}/distribution?nonsense")).await;
        let id = reply.header("x-request-id");
        let line = process.prints(|text| log_lines(text).into_iter().find(|line| line["request_id"] == id)).await;
        assert_eq!(
            (&line["tenant"], &line["outcome"]),
            (&json!(tenant), &json!(outcome)),
            "{app} as {chosen:?}: {line}"
        );
    }
    process.signal("TERM");
    assert_eq!(process.ended().await, Some(0));
}
