//! A server under measurement: pinned to its core, looked at from outside.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::port::free_port;
use super::usage;

/// Where servers run, and where the generator and everything else does.
pub(crate) const SERVERS: &str = "0";
pub(crate) const OTHERS: &str = "1";

/// A running server, ended when dropped. What it prints goes to files.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts `program` on this core, and waits until it listens.
    pub(crate) fn start(core: &str, program: &Path, arguments: &[&str], address: SocketAddr, output: &Path) -> Self {
        let log = || Stdio::from(File::create(output).unwrap());
        let mut command = Command::new("taskset");
        command.args(["-c", core]).arg(program).args(arguments);
        let child = command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/bin").stdin(Stdio::null()).stdout(log());
        let child = child.stderr(File::create(output.with_extension("err")).unwrap()).spawn().unwrap();
        let mut server = Self { child, address };
        let began = Instant::now();
        while TcpStream::connect(address).is_err() {
            let ended = server.child.try_wait().unwrap();
            assert!(ended.is_none(), "{} ended: see {}", program.display(), output.display());
            assert!(began.elapsed() < Duration::from_secs(30), "{} does not listen", program.display());
            sleep(Duration::from_millis(2));
        }
        server
    }

    /// How long it and the processes that it has started have computed so far.
    pub(crate) fn computed(&self) -> Duration {
        self.processes().into_iter().filter_map(usage::computed).sum()
    }

    /// What they hold in memory, in bytes.
    pub(crate) fn resident(&self) -> u64 {
        self.processes().into_iter().filter_map(usage::resident).sum()
    }

    fn processes(&self) -> Vec<u32> {
        let mut all = vec![self.child.id()];
        let children = |id: u32| fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
        let mut next = 0;
        while let Some(id) = all.get(next) {
            let found: Vec<u32> = children(*id).split_whitespace().filter_map(|id| id.parse().ok()).collect();
            all.extend(found);
            next += 1;
        }
        all
    }
}

/// Keeps this process to a core.
pub(crate) fn pin_to(core: &str) {
    let own = std::process::id().to_string();
    let pinned = Command::new("taskset").args(["-cp", core, &own]).stdout(Stdio::null()).status();
    assert!(pinned.unwrap().success(), "this benchmark needs taskset and two cores");
}

/// An address that nobody listens on.
pub(crate) fn free_address() -> SocketAddr {
    ([127, 0, 0, 1], free_port()).into()
}

impl Drop for Server {
    fn drop(&mut self) {
        for process in self.processes().into_iter().rev() {
            // It may have ended by itself.
            let _ended = Command::new("kill").arg(process.to_string()).stderr(Stdio::null()).status();
        }
        let _reaped = self.child.wait();
    }
}
