//! A server under measurement: pinned to its core, looked at from outside.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Where servers run, and where the generator and everything else does.
pub(crate) const SERVERS: &str = "0";
pub(crate) const OTHERS: &str = "1";

/// A running server, ended when dropped. What it prints goes to files.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

/// What the server has used of its core so far, user and system together.
#[derive(Clone, Copy)]
pub(crate) struct Used(Duration);

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

    /// Of it and of the processes that it has started.
    pub(crate) fn used(&self) -> Used {
        let ticks: u64 = self.processes().into_iter().filter_map(ticks).sum();
        Used(Duration::from_millis(ticks * 10))
    }

    /// Memory that is really there, in bytes, likewise.
    pub(crate) fn resident(&self) -> u64 {
        self.processes().into_iter().filter_map(resident).sum()
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

impl Used {
    pub(crate) fn since(self, before: Self) -> Duration {
        self.0.saturating_sub(before.0)
    }
}

/// User and system time in hundredths of a second, the unit of `/proc` on Linux.
fn ticks(process: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // Behind the name, which may hold anything, in parentheses.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
}

fn resident(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}

/// Keeps this process to a core.
pub(crate) fn pin_to(core: &str) {
    let own = std::process::id().to_string();
    let pinned = Command::new("taskset").args(["-cp", core, &own]).stdout(Stdio::null()).status();
    assert!(pinned.unwrap().success(), "this benchmark needs taskset and two cores");
}

/// An address that nobody listens on.
pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
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
