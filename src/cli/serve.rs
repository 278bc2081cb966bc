//! `sluice serve`: the gateway.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{ConfigFile, Failed, runtime, terminal};
use crate::app::{Gateway, Past};
use crate::clock::Clock;
use crate::telemetry;

/// Run the gateway.
///
/// SIGTERM or SIGINT stops it gracefully: it is not ready any more, goes on serving for `server.drain`, finishes what
/// is under way and exits with 0. A second one cuts the drain short. SIGHUP reads the configuration again and puts its
/// issuers and tenants in force; one with mistakes changes nothing.
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
}

/// What a signal asks for.
enum Order {
    Stop,
    Reload,
}

impl Serve {
    pub(super) fn run(self) -> Result<(), Failed> {
        let loaded = self.file.load()?;
        telemetry::start(&loaded.config.telemetry);
        runtime()?.block_on(async {
            let mut signals = Signals::listen().map_err(|error| {
                terminal::complain(format_args!("cannot listen for signals: {error}"));
                Failed::Failure
            })?;
            let mut gateway = Gateway::start(loaded.config, Past::Unknown, Clock::system()).await.map_err(|fault| {
                terminal::complain(&fault);
                Failed::Failure
            })?;
            let ended = loop {
                tokio::select! {
                    order = signals.next() => match order {
                        Order::Stop => break Ok(()),
                        Order::Reload => self.reload(&gateway),
                    },
                    () = gateway.broken() => break Err(Failed::Failure),
                }
            };
            let stopped_again = async { while matches!(signals.next().await, Order::Reload) {} };
            gateway.drain(stopped_again).await;
            ended
        })
    }

    /// Reads the configuration again. A bad one changes nothing and says why.
    fn reload(&self, gateway: &Gateway) {
        let loaded = match self.file.read() {
            Ok(loaded) => loaded,
            Err(mistakes) => {
                let mistakes = mistakes.to_string();
                tracing::error!(
                    mistakes,
                    "not reloaded: the configuration has mistakes, the present one stays in force"
                );
                return;
            }
        };
        match gateway.reload(&loaded.config) {
            Ok(()) => tracing::info!("reloaded: issuers and tenants are in force; all else applies after a restart"),
            Err(fault) => tracing::error!(%fault, "not reloaded"),
        }
    }
}

impl Signals {
    pub(super) fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
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
