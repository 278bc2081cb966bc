//! One `redis-server`, which holds nothing on disk: whoever starts it again starts it empty.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use super::{Certificates, free_port};

const PATIENCE: Duration = Duration::from_secs(20);

/// What a test wants to be different.
#[derive(Default)]
pub(crate) struct Options {
    /// Clients have to know it.
    pub(crate) password: Option<&'static str>,
    /// TLS only, with a certificate from here.
    pub(crate) certificates: Option<Certificates>,
    /// Lines of `redis.conf`.
    pub(crate) settings: String,
    /// Whether it is a sentinel, which watches others and holds nothing itself.
    pub(crate) sentinel: bool,
}

/// A server on a port of its own, which it keeps over restarts. Killed when dropped.
pub(crate) struct Redis {
    port: u16,
    options: Options,
    directory: TempDir,
    child: Option<Child>,
}

impl Redis {
    /// A plain one, running.
    pub(crate) async fn running() -> Self {
        let mut redis = Self::new(Options::default());
        redis.start().await;
        redis
    }

    /// One that has a port and does not run yet.
    pub(crate) fn new(options: Options) -> Self {
        Self { port: free_port(), options, directory: tempfile::tempdir().unwrap(), child: None }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        let scheme = if self.options.certificates.is_some() { "rediss" } else { "redis" };
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    /// Starts, and waits until it answers.
    pub(crate) async fn start(&mut self) {
        assert!(self.child.is_none(), "it runs already");
        let configuration = self.directory.path().join("redis.conf");
        std::fs::write(&configuration, self.configuration()).unwrap();
        let log = File::create(self.log()).unwrap();
        let mut command = Command::new("redis-server");
        command.arg(configuration).args(self.options.sentinel.then_some("--sentinel"));
        let child = command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn();
        self.child = Some(child.unwrap_or_else(|fault| panic!("redis-server cannot be run: {fault}")));
        self.comes_to("an answer", || self.try_cli(&["PING"]).is_some_and(|said| said == "PONG")).await;
    }

    /// Ends it as a crash would, and with it all that it held.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// `STOP` has it stand still, `CONT` has it go on.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.as_ref().expect("only a running server is sent signals").id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap().success());
    }

    /// What `redis-cli` prints for a command, without the line's end.
    pub(crate) fn cli(&self, arguments: &[&str]) -> String {
        self.try_cli(arguments).unwrap_or_else(|| panic!("{arguments:?} failed; the server said:\n{}", self.said()))
    }

    /// The same where it may fail.
    pub(super) fn try_cli(&self, arguments: &[&str]) -> Option<String> {
        let mut command = Command::new("redis-cli");
        command.args(["-e", "-p", &self.port.to_string()]);
        if let Some(password) = self.options.password {
            command.env("REDISCLI_AUTH", password);
        }
        if let Some(certificates) = &self.options.certificates {
            command.arg("--tls").arg("--cacert").arg(certificates.authority());
        }
        let output = command.args(arguments).output().unwrap();
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Waits for a condition of this server.
    pub(super) async fn comes_to(&self, what: &str, condition: impl Fn() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !condition() {
            assert!(Instant::now() < deadline, "Redis does not come to {what}; it said:\n{}", self.said());
            sleep(Duration::from_millis(20)).await;
        }
    }

    fn configuration(&self) -> String {
        let Self { port, options, directory, .. } = self;
        let port = match &options.certificates {
            None => format!("port {port}"),
            Some(certificates) => format!("port 0\ntls-port {port}\n{}", certificates.settings()),
        };
        let holding = if options.sentinel { "" } else { "save \"\"\nappendonly no" };
        let password = options.password.map(|password| format!("requirepass {password}")).unwrap_or_default();
        let place = directory.path().display();
        format!("bind 127.0.0.1\n{port}\ndir \"{place}\"\n{holding}\n{password}\n{}\n", options.settings)
    }

    fn log(&self) -> PathBuf {
        self.directory.path().join("log")
    }

    fn said(&self) -> String {
        std::fs::read_to_string(self.log()).unwrap_or_default()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}
