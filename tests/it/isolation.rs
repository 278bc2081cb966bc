//! Tenants never see each other's data, and cannot learn that it is there.

use std::collections::HashMap;

use tokio::task::JoinSet;

use crate::support::{House, Plan, TENANTS, app_id, settled_day};

/// The values of an answer tell whose app it was: apps have distributions of their own.
async fn rows_of(house: &House, tenant: &str, app: usize) -> String {
    house
        .asker(tenant)
        .ask(&format!("app-{app}"), &settled_day(0))
        .await
        .rows()
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn interleaved_tenants_get_their_own_data_and_each_final_answer_is_asked_for_once() {
    // The upstream's own limit is not this test's subject.
    let upstream = sluice::simulator::Settings { limit: 1000, ..Default::default() };
    let plan = Plan { upstream, ..Plan::default() }.with_toml("[budget]\ncalls = 100");
    let house = plan.build().await;
    let mut expected = HashMap::new();
    for tenant in ["red", "green"] {
        for app in 0..5 {
            expected.insert((tenant, app), rows_of(&house, tenant, app).await);
        }
    }
    let distinct: std::collections::HashSet<_> = expected.values().collect();
    assert_eq!(distinct.len(), 10, "the simulated apps must differ for this test to mean anything");

    let mut asking = JoinSet::new();
    for worker in 0..20 {
        let askers = ["red", "green"].map(|tenant| (tenant, house.asker(tenant)));
        let expected = expected.clone();
        asking.spawn(async move {
            let mut wrong = 0;
            for turn in 0..250 {
                let (tenant, asker) = &askers[(worker + turn) % 2];
                let app = turn % 5;
                let rows: String = asker
                    .ask(&format!("app-{app}"), &settled_day(0))
                    .await
                    .rows()
                    .iter()
                    .map(ToString::to_string)
                    .collect();
                wrong += usize::from(rows != expected[&(*tenant, app)]);
            }
            wrong
        });
    }
    assert_eq!(asking.join_all().await.iter().sum::<usize>(), 0, "answers of the wrong app");
    assert_eq!(house.calls(), 10, "a final answer is asked for once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_app_and_one_that_does_not_exist_are_the_same_404() {
    let house = Plan::default().build().await;
    // The other tenant's app is held, so even a look-up that forgot whose it is would find it.
    assert_eq!(house.asker("green").ask(&app_id("green", 0), &settled_day(0)).await.status, 200);
    let foreign = app_id("green", 0);
    let targets =
        [foreign.as_str(), "661e1c9d2b9f4a0017e843cf", "no-such-app", "app-99", "%ff", "..%2fred", "app-0%00"];
    let mut seen = Vec::new();
    for app in targets {
        let reply = house.asker("red").ask(app, &settled_day(0)).await;
        assert_eq!((reply.status, reply.problem().as_str()), (404, "app-not-found"), "{app}");
        let mut names: Vec<_> = reply.headers.keys().map(ToString::to_string).collect();
        names.sort();
        seen.push((reply.text.replace(reply.header("x-request-id"), ""), names));
    }
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "{seen:#?}");
    // Bad parameters change nothing: what is granted is looked at first.
    let reply = house.asker("red").get(&format!("/apps/{foreign}/distribution?nonsense")).await;
    assert_eq!(reply.problem(), "app-not-found");
    assert_eq!(house.calls(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_app_name_means_each_tenants_own_app() {
    let house = Plan::default().build().await;
    assert_ne!(rows_of(&house, TENANTS[0], 0).await, rows_of(&house, TENANTS[1], 0).await);
    let by_name = rows_of(&house, "red", 0).await;
    let by_id = house.asker("red").ask(&app_id("red", 0), &settled_day(0)).await;
    assert_eq!(by_id.rows().iter().map(ToString::to_string).collect::<String>(), by_name);
    assert_eq!(by_id.json()["app"], "app-0", "an app is shown by the tenant's name for it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_lists_its_own_apps_and_an_unknown_one_has_none() {
    let house = Plan::default().build().await;
    let apps = house.asker("red").get("/apps").await.json();
    assert_eq!(apps["tenant"], "red");
    assert_eq!(apps["apps"].as_array().unwrap().len(), crate::support::APPS_PER_TENANT);
    assert_eq!(apps["apps"][0]["name"], "app-0");
    assert_eq!(apps["apps"][0]["app_id"], app_id("red", 0));
    let unknown = house.asker("nobody");
    assert!(unknown.get("/apps").await.json()["apps"].as_array().unwrap().is_empty());
    assert_eq!(unknown.ask("app-0", &settled_day(0)).await.problem(), "app-not-found");
}
