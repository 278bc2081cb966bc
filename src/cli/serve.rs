//! `sluice serve`: the gateway.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{ConfigFile, Failed, runtime, terminal};
use crate::app::{Gateway, Host, Past};
use crate::clock::Clock;

/// Run the gateway.
///
/// SIGTERM or SIGINT stops it gracefully: it is not ready any more, goes on serving for `server.drain`, finishes what
/// is under way and exits with 0. A second one cuts the drain short. SIGHUP, a change of a file that was read, or POST
/// /reload on the admin listener reads the configuration again and puts in force what can be without a restart:
/// issuers, tenants, keys, secrets, certificates and the log's level. One with mistakes changes nothing.
#[derive(Debug, clap::Args)]
pub(super) struct Serve {
    #[command(flatten)]
    file: ConfigFile,
}

/// The signals that end or change a serving process.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
    /// Caught and never waited for: a file that may not grow any more is a fault of that file and not our end.
    _file_too_large: Signal,
}

/// `SIGXFSZ`.
const FILE_TOO_LARGE: i32 = 25;

/// What a signal asks for.
enum Order {
    Stop,
    Reload,
}

impl Serve {
    pub(super) fn run(self) -> Result<(), Failed> {
        let loaded = self.file.load()?;
        let runtime = runtime()?;
        let telemetry = super::telemetry(&loaded.config.telemetry)?;
        let host = Host {
            past: Past::Unknown,
            clock: Clock::system(),
            telemetry: telemetry.clone(),
            source: Box::new(move || self.file.read()),
        };
        let ended = runtime.block_on(async {
            let mut signals = Signals::listen().map_err(|error| {
                terminal::complain(format_args!("cannot listen for signals: {error}"));
                Failed::Failure
            })?;
            let mut gateway = Gateway::start(loaded, host).await.map_err(|fault| {
                terminal::complain(&fault);
                Failed::Failure
            })?;
            let ended = loop {
                tokio::select! {
                    order = signals.next() => match order {
                        Order::Stop => break Ok(()),
                        // What comes of it is in the log, and a slow disk holds up no other signal.
                        Order::Reload => drop(gateway.reload()),
                    },
                    () = gateway.broken() => break Err(Failed::Failure),
                }
            };
            let stopped_again = async { while matches!(signals.next().await, Order::Reload) {} };
            gateway.drain(stopped_again).await;
            ended
        });
        telemetry.end();
        ended
    }
}

impl Signals {
    pub(super) fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
            _file_too_large: signal(SignalKind::from_raw(FILE_TOO_LARGE))?,
        })
    }

    async fn next(&mut self) -> Order {
        tokio::select! {
            _ = self.terminate.recv() => Order::Stop,
            _ = self.interrupt.recv() => Order::Stop,
            _ = self.hang_up.recv() => Order::Reload,
        }
    }

    /// Waits for SIGTERM or SIGINT, or for SIGHUP, which ends whoever has nothing to reload.
    pub(super) async fn stop(&mut self) {
        self.next().await;
    }
}
