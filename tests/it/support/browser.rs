//! A real browser, and the server of the one page that it opens.

use std::path::Path;
use std::process::Command;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::response::Html;
use axum::routing::{get, post};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::Process;

const PAGE: &str = include_str!("page.html");
/// Chromium needs about a second, and many more on a machine that is busy with other tests.
const DEADLINE: Duration = Duration::from_secs(120);

/// A server of `page.html`. Its port can be reached under two names, which a browser takes for two origins.
pub(crate) struct Site {
    port: u16,
    page: Arc<OnceLock<String>>,
    findings: UnboundedReceiver<Value>,
}

impl Site {
    /// Serves. The page is empty until it has its task, which names a gateway that has to know the page's origin first.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let page: Arc<OnceLock<String>> = Arc::default();
        let served = Arc::clone(&page);
        let (found, findings) = unbounded_channel();
        let router =
            Router::new().route("/", get(async move || Html(served.get().cloned().unwrap_or_default()))).route(
                "/findings",
                post(async move |body: String| found.send(serde_json::from_str(&body).unwrap()).unwrap()),
            );
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { port, page, findings }
    }

    /// The origin under this name of the machine.
    pub(crate) fn origin(&self, host: &str) -> String {
        format!("http://{host}:{}", self.port)
    }

    /// What the page is to ask for; see there.
    pub(crate) fn set_task(&self, task: &Value) {
        self.page.set(PAGE.replace("TASK", &task.to_string())).unwrap();
    }

    /// Opens the page under this name in a browser without a past, and gives what the page could read.
    pub(crate) async fn visit(&mut self, host: &str) -> Value {
        let profile = tempfile::tempdir().unwrap();
        let mut browser = Process::start(&mut chromium(profile.path(), &self.origin(host)));
        let found = timeout(DEADLINE, self.findings.recv()).await.ok().flatten();
        let found = found.unwrap_or_else(|| panic!("the page posted nothing; Chromium said:\n{}", browser.printed()));
        // Asked and not killed, so that nothing writes into the profile while it is being removed.
        browser.signal("TERM");
        browser.ended().await;
        found
    }
}

/// A page as a browser without a past showed it.
pub(crate) struct Shown {
    /// Its elements, once its scripts had run.
    pub(crate) page: String,
    /// What the browser said meanwhile; lines of the page's console have `CONSOLE` in them.
    pub(crate) log: String,
}

impl Shown {
    pub(crate) async fn of(url: &str) -> Self {
        let profile = tempfile::tempdir().unwrap();
        let mut command = chromium(profile.path(), url);
        // The browser's own clock, which stands still while something is being loaded.
        command.args(["--dump-dom", "--virtual-time-budget=10000"]);
        let output = timeout(DEADLINE, spawn_blocking(move || command.output().unwrap())).await;
        let output = output.expect("Chromium does not come to an end").unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { page: text(&output.stdout), log: text(&output.stderr) }
    }
}

/// Without a sandbox, which root and containers cannot have: it opens nothing but our own page.
fn chromium(profile: &Path, url: &str) -> Command {
    let mut command = Command::new("chromium");
    command.args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic"]);
    command.args(["--no-first-run", "--no-proxy-server", "--disable-background-networking"]);
    command.args(["--disable-component-update", "--disable-sync", "--enable-logging=stderr"]);
    command.arg(format!("--user-data-dir={}", profile.display())).arg(url).env("HOME", profile).env("TMPDIR", profile);
    command
}
