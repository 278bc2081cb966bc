//! `sluice simulate`: the simulated upstream alone.

use std::net::SocketAddr;
use std::time::Duration;

use super::serve::Signals;
use super::{Failed, duration, runtime, terminal};
use crate::simulator::{self, ORDERS, Order, Settings};
use crate::telemetry::{Config, Format};

/// Run the simulated upstream alone.
///
/// It is strict: signatures, two calls a second, 30 days back, 7 days a window.
///
/// Point a gateway at it with SLUICE_UPSTREAM__ENDPOINT. GET /_simulator/arrivals lists what arrived,
/// GET /_simulator/worst-window says how many calls came within one second, POST and DELETE /_simulator/faults order
/// and lift faults while it runs.
#[derive(clap::Args)]
#[command(after_help = orders())]
pub(super) struct Simulate {
    /// Where to listen
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// How long an answer takes
    #[arg(long, default_value = "80ms", value_parser = duration)]
    latency: Duration,
    /// Up to how much longer it may take
    #[arg(long, default_value = "0ms", value_parser = duration)]
    jitter: Duration,
    /// The key it knows
    #[arg(long, value_name = "ID", default_value_t = Settings::default().access_key_id)]
    access_key_id: String,
    /// The secret of that key; the default is made up and guards nothing
    #[arg(long, value_name = "SECRET", default_value_t = Settings::default().secret_access_key)]
    secret_access_key: String,
    /// The session token it wants, if any
    #[arg(long, value_name = "TOKEN")]
    session_token: Option<String>,
    /// A fault to show, see below; may be repeated
    #[arg(long = "fault", value_name = "ORDER")]
    faults: Vec<Order>,
    /// Decides which calls a fault of one in N meets
    #[arg(long, default_value_t = Settings::default().seed)]
    seed: u64,
}

impl Simulate {
    pub(super) fn run(self) -> Result<(), Failed> {
        let log = "info,sluice::simulator=debug".to_owned();
        let telemetry = super::telemetry(&Config { log, format: Format::Pretty, otlp_endpoint: None })?;
        let settings = Settings {
            listen: self.listen,
            latency: self.latency,
            jitter: self.jitter,
            access_key_id: self.access_key_id,
            secret_access_key: self.secret_access_key,
            session_token: self.session_token,
            faults: self.faults,
            seed: self.seed,
            ..Settings::default()
        };
        let ended = runtime()?.block_on(async {
            let fail = |what: &str, error: std::io::Error| {
                terminal::complain(format_args!("{what}: {error}"));
                Failed::Failure
            };
            let mut signals = Signals::listen().map_err(|error| fail("cannot listen for signals", error))?;
            let listen = settings.listen;
            let simulator =
                simulator::start(settings).await.map_err(|error| fail(&format!("cannot listen on {listen}"), error))?;
            terminal::say(format_args!("simulated upstream on {} (Ctrl-C stops it)", simulator.endpoint()));
            signals.stop().await;
            simulator.stop().await;
            Ok(())
        });
        telemetry.end();
        ended
    }
}

fn orders() -> String {
    let rows: Vec<_> = ORDERS.iter().map(|(order, meaning)| format!("  {order:<30} {meaning}")).collect();
    format!("Faults:\n{}", rows.join("\n"))
}
