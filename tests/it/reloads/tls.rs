//! The public listener under TLS, and a certificate that changes while connections are open.

use std::path::Path;
use std::process::Command;

use super::{FIRST, configuration, serve, upstream};
use crate::support::{Asker, Certificates, settled_day};

/// Lines of `[server]`.
pub(super) fn lines() -> &'static str {
    "tls_cert_file = \"server.pem\"\ntls_key_file = \"server.key\""
}

/// Puts a certificate where the configuration names one.
pub(super) fn install(certificates: &Certificates, directory: &Path) {
    let (certificate, key) = certificates.server();
    // A pair that does not fit is a mistake that changes nothing; the second of the two makes it whole.
    std::fs::copy(certificate, directory.join("server.pem")).unwrap();
    std::fs::copy(key, directory.join("server.key")).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_can_be_changed_while_connections_are_open() {
    let (upstream, old, new) = (upstream().await, Certificates::new(), Certificates::new());
    let served =
        super::serve_with(&configuration(&upstream, FIRST, lines()), |directory| install(&old, directory)).await;
    let base = format!("https://{}", served.public);
    let asker = |authority: &Certificates, idle| {
        Asker::trusting(base.clone(), Some(served.token.clone()), &[&authority.authority()], idle)
    };
    let kept = asker(&old, 1);
    assert_eq!(kept.ask("app-0", &settled_day(0)).await.status, 200);
    let plain = served.asker.ask("app-0", &settled_day(0)).await;
    assert_eq!((plain.status, &*plain.problem()), (400, "malformed-request"), "nothing but TLS is spoken");
    assert!(plain.text.contains("https://"), "{plain:?}");
    install(&new, served.files.path("").as_path());
    served.reload().await;
    assert_eq!(asker(&new, 0).ask("app-0", &settled_day(0)).await.status, 200);
    assert!(asker(&old, 0).try_ask("app-0", &settled_day(0)).await.is_err(), "a new connection shows the new one");
    assert_eq!(kept.ask("app-0", &settled_day(0)).await.status, 200, "an open connection goes on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http_2_is_spoken_with_those_who_offer_it_and_http_1_with_the_others() {
    let (upstream, certificates) = (upstream().await, Certificates::new());
    let text = configuration(&upstream, FIRST, lines());
    let served = super::serve_with(&text, |directory| install(&certificates, directory)).await;
    let spoken = |offer: &str| {
        let output = Command::new("curl")
            .args([
                offer,
                "--silent",
                "--output",
                "/dev/null",
                "--write-out",
                "%{http_version} %{http_code}",
                "--cacert",
            ])
            .arg(certificates.authority())
            .args(["--header", &format!("authorization: Bearer {}", served.token)])
            .arg(format!("https://{}/apps", served.public))
            .output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    };
    assert_eq!((spoken("--http2"), spoken("--http1.1")), ("2 200".to_owned(), "1.1 200".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_not_the_certificates_is_refused_and_the_pair_before_it_goes_on() {
    let (upstream, old, new) = (upstream().await, Certificates::new(), Certificates::new());
    let text = configuration(&upstream, FIRST, lines());
    let served = super::serve_with(&text, |directory| install(&old, directory)).await;
    std::fs::copy(new.server().1, served.files.path("server.key")).unwrap();
    let (status, told) = served.reload().await;
    assert_eq!(status, 422, "{told:#}");
    assert!(told["mistakes"][0].as_str().unwrap().contains("server.tls_key_file: is not the key of"), "{told:#}");
    let base = format!("https://{}", served.public);
    let asker = Asker::trusting(base, Some(served.token.clone()), &[&old.authority()], 0);
    assert_eq!(asker.get("/apps").await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_certificate_plain_http_is_spoken_and_tls_waits_for_a_restart() {
    let upstream = upstream().await;
    let served = serve(&configuration(&upstream, FIRST, "")).await;
    assert_eq!(served.asker.get("/apps").await.status, 200);
    install(&Certificates::new(), &served.files.path(""));
    served.files.write("running.toml", &configuration(&upstream, FIRST, ""));
    served.files.write("sluice.toml", &configuration(&upstream, FIRST, lines()));
    let told = served.files.run(&["check", "--against", &served.files.path("running.toml").display().to_string()]);
    let told = String::from_utf8(told.stdout).unwrap();
    assert!(told.starts_with("after a restart:\n  server.tls_cert_file: added"), "{told}");
    let waits = served.shows("TLS waits", |status| status["config"]["needs_restart"][0].is_string()).await;
    let expected = serde_json::json!(["server.tls_cert_file", "server.tls_key_file"]);
    assert_eq!((&waits["config"]["needs_restart"], &waits["config"]["generation"]), (&expected, &1.into()));
    assert_eq!(served.asker.get("/apps").await.status, 200);
}
