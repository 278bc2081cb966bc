//! A gateway under measurement, with a configuration for this measurement.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use sluice::simulator::Settings;

use super::load::{Load, Measured, Pace};
use super::server::{SERVERS, Server, free_address};
use super::tokens::{Issuer, TENANT};

/// A running gateway.
pub(crate) struct Gateway {
    pub(crate) server: Server,
    admin: SocketAddr,
}

/// What differs from the defaults.
pub(crate) struct Setting<'a> {
    pub(crate) upstream: SocketAddr,
    pub(crate) issuer: &'a Issuer,
    /// Keys in their dotted form, one a line.
    pub(crate) keys: &'a str,
    /// Tenants besides the callers'.
    pub(crate) tenants: usize,
}

/// A run of requests, and what it cost the gateway.
pub(crate) struct Run {
    pub(crate) measured: Measured,
    /// Computed for each answer, in seconds.
    pub(crate) cpu: f64,
}

/// Connections of each generator.
const CONNECTIONS: usize = 64;

impl Gateway {
    /// Starts one that keeps its files here, and waits until it listens.
    pub(crate) fn start(place: &Path, setting: &Setting<'_>) -> Self {
        let (at, admin) = (free_address(), free_address());
        let config = place.join(format!("gateway-{}.toml", at.port()));
        fs::write(&config, setting.text(at, admin)).unwrap();
        let arguments = ["serve", "--config", config.to_str().unwrap()];
        let server = Server::start(SERVERS, &binary(), &arguments, at, &config.with_extension("log"));
        Self { server, admin }
    }

    /// What `/status` says.
    pub(crate) fn status(&self) -> Value {
        let (status, body) = exchange(self.admin, b"GET /status HTTP/1.1\r\nHost: sluice.test\r\n\r\n").unwrap();
        assert_eq!(status, "200");
        serde_json::from_slice(&body).unwrap()
    }

    /// A number of `/status`.
    pub(crate) fn standing(&self, pointer: &str) -> u64 {
        self.status().pointer(pointer).and_then(Value::as_u64).unwrap()
    }

    /// These requests in turn, for so long.
    pub(crate) fn run(&self, requests: &[Vec<u8>], pace: Pace, lasts: Duration) -> Run {
        let before = self.server.computed();
        let measured = self.load(requests, CONNECTIONS, pace, lasts).run();
        let cpu = self.server.computed().checked_sub(before).unwrap().as_secs_f64() / measured.answers as f64;
        Run { measured, cpu }
    }

    /// Each of these requests at least once. Tells of the runs in which none was asked twice, or of the only one.
    pub(crate) fn run_once(&self, requests: &[Vec<u8>]) -> Vec<Run> {
        let mut rest = requests;
        let mut runs = Vec::new();
        while !rest.is_empty() {
            let run = self.run(rest, Pace::Sharing, Duration::from_secs(1));
            let asked = usize::try_from(run.measured.answers).unwrap();
            if runs.is_empty() || asked <= rest.len() {
                runs.push(run);
            }
            rest = rest.get(asked..).unwrap_or_default();
        }
        runs
    }

    pub(crate) fn load<'a>(
        &self,
        requests: &'a [Vec<u8>],
        connections: usize,
        pace: Pace,
        lasts: Duration,
    ) -> Load<'a> {
        Load { address: self.server.address, connections, requests, status: "200", pace, lasts }
    }
}

impl Setting<'_> {
    fn text(&self, at: SocketAddr, admin: SocketAddr) -> String {
        let Self { upstream, issuer, keys, tenants } = self;
        let Settings { access_key_id, secret_access_key, .. } = Settings::default();
        let mut text = format!(
            "server.listen = \"{at}\"\nserver.admin_listen = \"{admin}\"\nserver.drain = \"0s\"\n\
             upstream.endpoint = \"http://{upstream}\"\nupstream.access_key_id = \"{access_key_id}\"\n\
             upstream.secret_access_key = \"{secret_access_key}\"\n{keys}\n{}\
             [[tenants]]\nid = \"{TENANT}\"\nrequests_per_second = 1000000\nburst = 1000000\n\
             apps = [{{ name = \"classroom\", app_id = \"661e1c9d2b9f4a0017e843cf\" }}]\n",
            issuer.configuration()
        );
        for tenant in 0..*tenants {
            let _infallible = write!(
                text,
                "[[tenants]]\nid = \"team-{tenant}\"\nrequests_per_second = 50\n\
                 apps = [{{ name = \"rooms\", app_id = \"{tenant:024x}\" }}, {{ name = \"lessons\", app_id = \"a{tenant:023x}\" }}]\n"
            );
        }
        text
    }
}

/// The gateway's binary: `SLUICE` of the environment.
fn binary() -> PathBuf {
    let path = std::env::var("SLUICE").unwrap_or_else(|_| env!("CARGO_BIN_EXE_sluice").to_owned());
    fs::canonicalize(&path).unwrap_or_else(|fault| panic!("{path}: {fault}"))
}

/// One exchange on a connection of its own: the status and the body.
pub(crate) fn exchange(address: SocketAddr, request: &[u8]) -> std::io::Result<(String, Vec<u8>)> {
    let mut stream = TcpStream::connect(address)?;
    let closing = String::from_utf8(request.to_vec()).unwrap().replacen("\r\n", "\r\nConnection: close\r\n", 1);
    stream.write_all(closing.as_bytes())?;
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply)?;
    let end = reply.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let status = String::from_utf8(reply[9..12].to_vec()).unwrap();
    Ok((status, reply.split_off(end + 4)))
}
