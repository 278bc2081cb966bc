//! The command line as its users meet it: words, exit codes, and lines that can be pasted.

use std::process::Command;

use crate::support::{Files, ISSUER_AND_TENANT, Plan, Process, sluice};

/// A complete configuration.
fn good() -> String {
    format!("[upstream]\naccess_key_id = \"AKLTsomething\"\nsecret_access_key = \"very-secret\"\n{ISSUER_AND_TENANT}")
}

const BAD: &str = r#"[server]
listen = "everywhere"
drian = "30s"
[upstream]
endpoint = "http://rtc.example.com"
access_key_id = 5
timeout = "10x"
[budget]
calls = 0
[[issuers]]
issuer = "https://sso.test"
audiences = []
public_key_file = "missing.pem"
[[tenants]]
id = "red"
apps = [{ name = "a b", app_id = "red" }]
[[tenants]]
id = "red"
apps = []
"#;

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn check_prints_all_of_what_would_run_with_secrets_masked() {
    let output = Files::new(&good()).run(&["check"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let printed = text(&output.stdout);
    assert!(printed.contains("secret_access_key = \"***\"") && printed.contains("max_wait = \"10s\""), "{printed}");
    assert!(!printed.contains("very-secret"));
    for defaulted in [
        "leeway = \"30s\"",
        "tenant_claim = \"tenant\"",
        "tenant_rules = []",
        "typ = \"any\"",
        "required_claims = []",
        "scope_claims = [\"scope\", \"scp\"]",
        "burst = 100",
        "weight = 1",
    ] {
        assert!(printed.contains(defaulted), "{defaulted} would run and is not printed:\n{printed}");
    }
}

#[test]
fn check_against_another_tells_what_a_reload_would_change_and_what_a_restart() {
    let files = Files::new(&good());
    let running = files.path("running.toml");
    let changed = good().replace("very-secret", "another-secret").replace("app-0", "app-9");
    files.write("running.toml", &good());
    files.write("sluice.toml", &format!("[queue]\nper_tenant = 7\n{changed}"));
    let output = files.run(&["check", "--against", &running.display().to_string()]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let expected = "\
a reload changes:
  tenants[red].apps[app-0].app_id: removed
  tenants[red].apps[app-0].name: removed
  tenants[red].apps[app-9].app_id: added, \"red0000000000000000\"
  tenants[red].apps[app-9].name: added, \"app-9\"
  upstream.secret_access_key: changed
after a restart:
  queue.per_tenant: 100 → 7
";
    assert_eq!(text(&output.stdout), expected);
    files.write("running.toml", &std::fs::read_to_string(files.path("sluice.toml")).unwrap());
    let same = files.run(&["check", "--against", &running.display().to_string()]);
    assert_eq!(text(&same.stdout), "nothing would change\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn status_shows_a_running_gateway_and_says_so_where_there_is_none() {
    let house = Plan::default().build().await;
    let admin = format!("http://{}", house.gateway.addresses().admin);
    let shown = tokio::task::spawn_blocking(move || sluice(&["status", "--admin", &admin]).output().unwrap());
    let shown = shown.await.unwrap();
    assert_eq!(shown.status.code(), Some(0), "{shown:?}");
    let page = text(&shown.stdout);
    let public = house.gateway.addresses().public.to_string();
    let other =
        tokio::task::spawn_blocking(move || sluice(&["status", "--admin", &public]).output().unwrap()).await.unwrap();
    assert_eq!(other.status.code(), Some(1), "{other:?}");
    assert!(text(&other.stderr).contains("is no admin listener of Sluice"), "{other:?}");
    assert!(
        page.starts_with("sluice ") && page.contains("2 slots taken") && page.contains("https://sso.test"),
        "{page}"
    );
    let nobody = sluice(&["status", "--admin", "http://127.0.0.1:9"]).output().unwrap();
    assert_eq!(nobody.status.code(), Some(1));
    assert!(text(&nobody.stderr).contains("no gateway answers at http://127.0.0.1:9"), "{nobody:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_set_a_token_header_is_noted_by_check_and_warned_of_by_serve() {
    let says = "only a proxy that overwrites what its clients send there may set it";
    let server = "listen = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"\ndrain = \"0s\"";
    for (line, times) in [("", 0), ("token_headers = [\"X-Forwarded-Access-Token\"]", 1)] {
        let files = Files::new(&format!("[server]\n{server}\n{line}\n{}", good()));
        let output = files.run(&["check"]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let told = text(&output.stderr);
        assert_eq!(told.matches(says).count(), times, "{told}");
        assert!(!text(&output.stdout).contains(says), "what would run is printed alone");
        assert_eq!(warnings(&files).await.matches(says).count(), times);
    }
}

/// The warnings of a gateway that serves and is stopped again.
async fn warnings(files: &Files) -> String {
    let mut process = Process::start(&mut sluice(&["serve", "--config", &files.config()]));
    process.prints(|text| text.contains("\"message\":\"serving\"").then_some(())).await;
    process.signal("TERM");
    assert_eq!(process.ended().await, Some(0));
    process.printed().lines().filter(|line| line.contains("\"WARN\"")).collect()
}

#[test]
fn check_tells_every_mistake_at_once_with_its_key_and_line() {
    let files = Files::new(BAD);
    for command in ["check", "serve"] {
        let output = files.run(&[command]);
        assert_eq!(output.status.code(), Some(78), "{output:?}");
        let told = text(&output.stderr);
        for (line, key) in [
            (2, "server.listen"),
            (3, "server.drian"),
            (5, "upstream.endpoint"),
            (6, "upstream.access_key_id"),
            (7, "upstream.timeout"),
            (9, "budget.calls"),
            (12, "issuers[0].audiences"),
            (13, "issuers[0].public_key_file"),
            (16, "tenants[0].apps[0].name"),
        ] {
            let place = format!("sluice.toml:{line}: {key}: ");
            assert!(told.contains(&place), "{place} is not told:\n{told}");
        }
        assert!(told.contains("upstream.secret_access_key"), "{told}");
    }
}

#[test]
fn a_missing_file_is_a_mistake_and_a_missing_argument_wrong_usage() {
    let missing = sluice(&["check", "--config", "/nonexistent.toml"]).output().unwrap();
    assert_eq!(missing.status.code(), Some(78));
    assert!(text(&missing.stderr).contains("/nonexistent.toml"));
    assert_eq!(sluice(&["check"]).output().unwrap().status.code(), Some(2));
    assert_eq!(sluice(&["frobnicate"]).output().unwrap().status.code(), Some(2));
}

#[test]
fn the_environment_overrides_the_file() {
    let files = Files::new(&good());
    let mut check = sluice(&["check", "--config", &files.config()]);
    let output = check.env("SLUICE_QUEUE__MAX_WAIT", "77s").output().unwrap();
    assert!(text(&output.stdout).contains("max_wait = \"77s\""), "{output:?}");
    let mut check = sluice(&["check", "--config", &files.config()]);
    let output = check.env("SLUICE_QUEUE__MAXWAIT", "77s").output().unwrap();
    assert_eq!(output.status.code(), Some(78));
    assert!(text(&output.stderr).contains("SLUICE_QUEUE__MAXWAIT"), "{output:?}");
}

#[test]
fn token_prints_a_token_and_says_why_when_it_cannot() {
    let files = Files::new(&good());
    let output = files.run(&["token", "--tenant", "red"]);
    assert_eq!((output.status.code(), text(&output.stdout).trim().split('.').count()), (Some(0), 3), "{output:?}");
    for (arguments, says) in [
        (vec!["token", "--tenant", "red", "--ttl", "48h"], "at most"),
        (vec!["token", "--tenant", "red", "--issuer", "https://other"], "https://sso.test"),
    ] {
        let output = files.run(&arguments);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{output:?}");
        assert!(text(&output.stderr).contains(says), "{output:?}");
    }
}

#[test]
fn token_signs_what_the_issuer_would_accept_or_says_why_it_cannot() {
    let source = "public_key_file = \"public.pem\"\nsigning_key_file = \"private.pem\"";
    let tried = |replacement: &str| {
        let files = Files::new(&good().replace(source, replacement));
        files.write("secret", "0123456789abcdef0123456789abcdef\n");
        files.write("other.pem", &std::fs::read_to_string(Files::new("").path("private.pem")).unwrap());
        let output = files.run(&["token", "--tenant", "red"]);
        (output.status.code(), text(&output.stderr))
    };
    for accepted in [
        source,
        "jwks_file = \"jwks.json\"\nsigning_key_file = \"private.pem\"",
        "secret_file = \"secret\"",
        "public_key_file = \"public.pem\"\nsigning_key_file = \"private.pem\"\nrequired_scopes = [\"usage:read\"]",
        "jwks_file = \"jwks.json\"\nsigning_key_file = \"private.pem\"\ntyp = \"at+jwt\"",
        "secret_file = \"secret\"\ntenant_rules = [{ value = \"/sluice/*\", tenant = \"*\" }]",
    ] {
        assert_eq!(tried(accepted), (Some(0), String::new()), "{accepted}");
    }
    for (refused, says) in [
        ("public_key_file = \"public.pem\"", "no signing key"),
        ("public_key_file = \"public.pem\"\nsigning_key_file = \"other.pem\"", "does not belong"),
        ("jwks_file = \"jwks.json\"\nsigning_key_file = \"other.pem\"", "does not belong"),
        (
            "secret_file = \"secret\"\ntenant_rules = [{ value = \"g\", tenant = \"blue\" }]",
            "tenant_rules means the tenant \"red\"",
        ),
        ("secret_file = \"secret\"\nrequired_claims = [\"org\"]", "required_claims name \"org\""),
    ] {
        let (code, told) = tried(refused);
        assert!(code == Some(1) && told.contains(says), "{refused}: {told}");
    }
}

#[test]
fn help_fits_a_terminal_of_eighty_columns() {
    for command in [
        &["--help"][..],
        &["serve", "--help"],
        &["status", "--help"],
        &["demo", "--help"],
        &["check", "--help"],
        &["token", "--help"],
        &["keygen", "--help"],
        &["simulate", "--help"],
    ] {
        let output = sluice(command).output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        let help = text(&output.stdout);
        assert!(help.len() > 200, "{help}");
        let widest = help.lines().max_by_key(|line| line.chars().count()).unwrap();
        assert!(widest.chars().count() <= 80, "{command:?}: {widest}");
    }
}

#[test]
fn a_port_that_is_taken_is_said_plainly() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = sluice(&["demo", "--listen", &address]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output.stderr);
    assert!(told.contains(&address) && told.contains("--listen 127.0.0.1:0"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_command_of_the_demo_can_be_pasted() {
    let mut process = Process::start(&mut sluice(&["demo", "--listen", "127.0.0.1:0"]));
    let guide = process.prints(|text| text.contains("logged below").then(|| text.to_owned())).await;
    let lines: Vec<_> = guide.lines().filter(|line| line.starts_with("curl ") || line.contains("--admin")).collect();
    let expected = [
        "fwd=miss; stored",
        "fwd=miss; stored",
        "app-not-found",
        "fwd=miss; stored",
        "window-too-long",
        "3 calls sent since the start",
        "answered",
    ];
    assert_eq!(lines.len(), expected.len(), "{guide}");
    for (line, expected) in lines.iter().zip(expected) {
        let output = Command::new("sh").args(["-c", line]).output().unwrap();
        assert!(text(&output.stdout).contains(expected), "{line}\n{output:?}");
    }
    let again = Command::new("sh").args(["-c", lines[0]]).output().unwrap();
    assert!(text(&again.stdout).contains("cache-status: sluice; hit"), "{again:?}");
    process.signal("INT");
    assert_eq!(process.ended().await, Some(0));
}
