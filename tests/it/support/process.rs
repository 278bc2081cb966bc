//! The built binary, run as a user would: with files, arguments and signals.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use secrecy::ExposeSecret;
use serde_json::Value;
use sluice::app::{Gateway, Host, Past};
use sluice::auth::Algorithm;
use sluice::auth::keygen;
use sluice::clock::Clock;
use sluice::config::{self, Loaded};
use sluice::telemetry::Telemetry;
use tempfile::TempDir;

use super::Asker;

/// The binary under test, without this process's environment.
pub(crate) fn sluice(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sluice"));
    command.args(arguments).env_clear();
    command
}

/// What a gateway has logged as JSON.
pub(crate) fn log_lines(printed: &str) -> Vec<Value> {
    printed.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// Where a gateway serves, as its log says: the public listener and the admin listener.
pub(crate) fn addresses(printed: &str) -> Option<(String, String)> {
    let line = log_lines(printed).into_iter().find(|line| line["message"] == "serving")?;
    let of = |name: &str| Some(line[name].as_str()?.to_owned());
    Some((of("listen")?, of("admin_listen")?))
}

/// An issuer with the keys of `Files`, and one tenant.
pub(crate) const ISSUER_AND_TENANT: &str = r#"
[[issuers]]
issuer = "https://sso.test"
audiences = ["sluice"]
public_key_file = "public.pem"
signing_key_file = "private.pem"
[[tenants]]
id = "red"
apps = [{ name = "app-0", app_id = "red0000000000000000" }]
"#;

/// A directory with keys and a configuration.
pub(crate) struct Files(TempDir);

impl Files {
    /// An ES256 key pair as `public.pem` and `private.pem`, its public half in `jwks.json` under a name of the
    /// provider's own, and this text as `sluice.toml`.
    pub(crate) fn new(toml: &str) -> Self {
        let directory = Self(tempfile::tempdir().unwrap());
        let pair = keygen::generate(Algorithm::Es256).unwrap();
        directory.write("public.pem", &pair.public_pem);
        directory.write("private.pem", pair.private_pem.expose_secret());
        directory.write("jwks.json", &pair.jwks().replace(&pair.key_id, "key-of-2026"));
        directory.write("sluice.toml", toml);
        directory
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn config(&self) -> String {
        self.path("sluice.toml").display().to_string()
    }

    /// Runs a command on the configuration to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        let config = self.config();
        let (first, rest) = arguments.split_first().unwrap();
        sluice(&[&[*first, "--config", &config], rest].concat()).output().unwrap()
    }

    /// The configuration as it stands now, with listeners on free ports.
    pub(crate) fn load(&self) -> Loaded {
        let loaded = config::load(&self.path("sluice.toml"), std::iter::empty());
        let mut loaded = loaded.unwrap_or_else(|mistakes| panic!("{mistakes}"));
        loaded.config.server.listen = "127.0.0.1:0".parse().unwrap();
        loaded.config.server.admin_listen = "127.0.0.1:0".parse().unwrap();
        loaded
    }

    /// The gateway of the configuration, in this process and on free ports, and somebody before it without a token.
    pub(crate) async fn serve(&self) -> (Gateway, Asker) {
        let file = self.path("sluice.toml");
        let host = Host {
            past: Past::Unused,
            clock: Clock::system(),
            telemetry: Telemetry::default(),
            source: Box::new(move || config::load(&file, std::iter::empty())),
        };
        let gateway = Gateway::start(self.load(), host).await.unwrap();
        let asker = Asker::new(format!("http://{}", gateway.addresses().public), None);
        (gateway, asker)
    }
}

/// A running command whose output goes to files. Killed when dropped; its input closes should this process be killed.
pub(crate) struct Process {
    child: Child,
    output: TempDir,
}

impl Process {
    pub(crate) fn start(command: &mut Command) -> Self {
        Self::with_output(command, |output| Stdio::from(std::fs::File::create(output.join("stdout")).unwrap()))
    }

    /// One whose standard output nobody reads.
    #[allow(dead_code, reason = "not every binary of the tests leaves a pipe alone")]
    pub(crate) fn unread(command: &mut Command) -> Self {
        Self::with_output(command, |_| Stdio::piped())
    }

    fn with_output(command: &mut Command, stdout: impl FnOnce(&Path) -> Stdio) -> Self {
        let output = tempfile::tempdir().unwrap();
        let stderr = std::fs::File::create(output.path().join("stderr")).unwrap();
        let child = command.stdin(Stdio::piped()).stdout(stdout(output.path())).stderr(stderr).spawn();
        let child = child.unwrap_or_else(|fault| panic!("{command:?} cannot be run: {fault}"));
        Self { child, output }
    }

    /// Closes the reading end of the pipe that is its standard output.
    #[allow(dead_code, reason = "not every binary of the tests breaks a pipe")]
    pub(crate) fn hang_up(&mut self) {
        drop(self.child.stdout.take());
    }

    /// Its id as the system has it.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Everything it has printed so far.
    pub(crate) fn printed(&self) -> String {
        let mut text = String::new();
        for name in ["stdout", "stderr"] {
            let path: &Path = &self.output.path().join(name);
            // There is none of a standard output that is a pipe.
            if path.exists() {
                std::fs::File::open(path).unwrap().read_to_string(&mut text).unwrap();
            }
        }
        text
    }

    /// Waits until `find` finds something in what it printed.
    pub(crate) async fn prints<T>(&self, find: impl Fn(&str) -> Option<T>) -> T {
        for _ in 0..600 {
            if let Some(found) = find(&self.printed()) {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("not printed in time:\n{}", self.printed());
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Ends it as a crash would, if it has not ended by itself; gives everything that it printed.
    #[allow(dead_code, reason = "not every binary of the tests accounts for its processes")]
    pub(crate) fn killed(mut self) -> String {
        self.end();
        self.printed()
    }

    /// Sets a limit of a running process, as `prlimit` names it: `soft:hard`.
    pub(crate) fn limit(&self, resource: &str, limit: &str) {
        let pid = self.child.id().to_string();
        let set = Command::new("prlimit").args(["--pid", &pid, &format!("--{resource}={limit}")]).status().unwrap();
        assert!(set.success());
    }

    /// Waits for its end; gives the exit code.
    pub(crate) async fn ended(&mut self) -> Option<i32> {
        for _ in 0..600 {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("it does not end:\n{}", self.printed());
    }

    fn end(&mut self) {
        // It may have ended by itself.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}
