//! `sluice serve`: the gateway.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{ConfigFile, Failed, runtime, terminal};
use crate::app::{Gateway, Past};
use crate::clock::Clock;
use crate::telemetry;

/// Run the gateway.
///
/// SIGTERM or SIGINT stops it gracefully: it is not ready any more, goes on serving for `server.drain`, finishes what
/// is under way and exits with 0. A second one cuts the drain short.
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
            let ended = tokio::select! {
                () = signals.stop() => Ok(()),
                () = gateway.broken() => Err(Failed::Failure),
            };
            gateway.drain(signals.stop()).await;
            ended
        })
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

    /// Waits for SIGTERM or SIGINT.
    pub(super) async fn stop(&mut self) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hang_up.recv() => tracing::warn!("SIGHUP: this version does not reload; restart it to apply changes"),
            }
        }
    }
}
