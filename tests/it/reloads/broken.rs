//! Twenty broken configurations, one after the other, while callers ask on: each is refused with its reason, and none
//! costs a request.

use std::time::Duration;

use tokio::time::sleep;

use super::under_load::Load;
use super::{FIRST, configuration, serve, upstream};
use crate::support::settled_day;

/// What is replaced in a good configuration, by what, and what the refusal must name.
const BROKEN: [(&str, &str, &str); 20] = [
    ("[upstream]", "[upstream", "sluice.toml:"),
    ("[upstream]", "[upstreams]", "upstreams"),
    ("endpoint = ", "endpoints = ", "upstream.endpoint"),
    ("endpoint = \"http://127.0.0.1", "endpoint = \"http://vendor.example", "upstream.endpoint"),
    ("access_key_id = ", "access_key = ", "upstream.access_key_id"),
    ("secret_access_key = ", "# ", "upstream.secret_access_key"),
    ("secret_access_key = ", "secret_access_key_file = \"nowhere.key\"\n# ", "upstream.secret_access_key_file"),
    ("drain = \"0s\"", "drain = 30", "server.drain"),
    ("listen = \"127.0.0.1:0\"", "listen = \"8080\"", "server.listen"),
    ("drain = \"0s\"", "drain = \"0s\"\nmax_in_flight = 0", "server.max_in_flight"),
    ("drain = \"0s\"", "drain = \"0s\"\ncors_origins = [\"*\"]", "server.cors_origins"),
    ("[upstream]", "[budget]\ncalls = 0\n[upstream]", "budget.calls"),
    ("[upstream]", "[budget]\nguard = \"2s\"\n[upstream]", "budget.guard"),
    ("[upstream]", "[query]\nzone = \"Asia/Peking\"\n[upstream]", "query.zone"),
    ("[upstream]", "[cache]\nmax_bytes = \"1 GB\"\n[upstream]", "cache.max_bytes"),
    ("audiences = [\"sluice\"]", "audiences = []", "issuers[0].audiences"),
    ("audiences = [\"sluice\"]", "audiences = [\"sluice\"]\nalgorithms = [\"none\"]", "issuers[0].algorithms"),
    ("public_key_file = \"public.pem\"", "public_key_file = \"sluice.toml\"", "issuers[0].public_key_file"),
    ("id = \"red\"", "id = \"red team\"", "tenants[0].id"),
    ("app_id = \"red0000000000000000\"", "app_id = \"\"", "tenants[0].apps[0].app_id"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_broken_configurations_fail_no_request_and_each_is_told_with_its_key() {
    let upstream = upstream().await;
    let text =
        configuration(&upstream, FIRST, "").replace("id = \"red\"", "id = \"red\"\nrequests_per_second = 100000");
    let served = serve(&text).await;
    // What the third and the fourth caller ask is held; the first two always want a turn at the upstream.
    assert_eq!(served.asker.ask("app-0", &settled_day(1)).await.status, 200);
    let load = Load::begin(vec![served.asker.clone(); 4]);
    for (whole, broken, names) in BROKEN {
        assert!(text.contains(whole), "{whole} is not in the configuration");
        served.files.write("sluice.toml", &text.replacen(whole, broken, 1));
        let (status, told) = served.reload().await;
        assert_eq!(status, 422, "{broken}: {told:#}");
        assert!(told["mistakes"].to_string().contains(names), "{broken}: {told:#}");
        served
            .process
            .prints(|printed| {
                let refused = |line: &str| line.contains("not reloaded") && line.contains(names);
                printed.lines().any(refused).then_some(())
            })
            .await;
        // For callers to meet it.
        sleep(Duration::from_millis(50)).await;
    }
    let config = served.status().await["config"].clone();
    assert_eq!(config["generation"], 1, "{config:#}");
    let (answered, failures) = load.end().await;
    assert!(failures.is_empty(), "{failures:#?}");
    assert!(answered > 20, "{answered}");
    served.files.write("sluice.toml", &text);
    assert_eq!(served.reload().await.0, 200);
}
