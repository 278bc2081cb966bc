//! The command line: reads arguments and the environment, prints, and turns outcomes into exit codes.

mod audit;
mod check;
mod demo;
mod keygen;
mod memory;
mod serve;
mod simulate;
mod status;
mod terminal;
mod token;

use std::io;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tokio::runtime::{Builder, Runtime};

use crate::config::{self, Loaded};
use crate::settings::Mistakes;
use crate::telemetry::{self, Telemetry};

/// The one sentence that says what Sluice is.
const ABOUT: &str = "An authenticated caching gateway that lets every team query Volcengine RTC usage distribution \
                     through one shared master key, without ever sending the vendor a third call in a second.";

const EXIT_CODES: &str = "Exit codes: 0 done, 1 failure, 2 wrong usage, 78 bad configuration.\n\n\
    New here? `sluice demo` needs nothing and shows everything.";

#[derive(Parser)]
#[command(name = "sluice", version, about = ABOUT, after_help = EXIT_CODES, max_term_width = 80)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Serve(serve::Serve),
    Demo(demo::Demo),
    Check(check::Check),
    Token(token::Token),
    Keygen(keygen::Keygen),
    Simulate(simulate::Simulate),
    Status(status::Status),
    Audit(audit::Audit),
}

/// How a command ended that did not end well. Each was told on standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failed {
    /// Something went wrong.
    Failure,
    /// `EX_CONFIG` of sysexits.h: the configuration has mistakes.
    Configuration,
}

/// Runs the command of the process's arguments.
pub fn run() -> ExitCode {
    memory::keep_private();
    telemetry::tell_panics();
    let ended = match Arguments::parse().command {
        Command::Serve(serve) => serve.run(),
        Command::Demo(demo) => demo.run(),
        Command::Check(check) => check.run(),
        Command::Token(token) => token.run(),
        Command::Keygen(keygen) => keygen.run(),
        Command::Simulate(simulate) => simulate.run(),
        Command::Status(status) => status.run(),
        Command::Audit(audit) => audit.run(),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failed::Failure) => ExitCode::FAILURE,
        Err(Failed::Configuration) => ExitCode::from(78),
    }
}

/// `--config`, which most commands take.
#[derive(Debug, clap::Args)]
struct ConfigFile {
    /// The configuration file (TOML). Variables such as SLUICE_QUEUE__MAX_WAIT override it.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

impl ConfigFile {
    /// Reads it.
    #[expect(clippy::disallowed_methods, reason = "this is the place that reads the environment")]
    fn read(&self) -> Result<Loaded, Mistakes> {
        // A variable that is not Unicode cannot be one of ours.
        let environment =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        config::load(&self.config, environment)
    }

    /// Reads it, or tells every mistake.
    fn load(&self) -> Result<Loaded, Failed> {
        self.read().map_err(|mistakes| {
            terminal::complain(&mistakes);
            let count = mistakes.all().len();
            terminal::complain(format_args!("{count} mistake{}", if count == 1 { "" } else { "s" }));
            Failed::Configuration
        })
    }
}

/// The log of this process, and the export of spans where one is configured.
fn telemetry(config: &telemetry::Config) -> Result<Telemetry, Failed> {
    Telemetry::start(config).map_err(|error| {
        terminal::complain(format_args!("cannot export traces: {error}"));
        Failed::Failure
    })
}

/// A runtime for the commands that serve.
fn runtime() -> Result<Runtime, Failed> {
    // As many as this process may use: affinity and cgroups are asked.
    let cores = std::thread::available_parallelism().map_or(2, NonZeroUsize::get);
    runtime_on(cores).map_err(|error| {
        terminal::complain(format_args!("cannot start: {error}"));
        Failed::Failure
    })
}

/// With one core there is nobody to share the work with, and no need of what sharing it costs.
fn runtime_on(cores: usize) -> io::Result<Runtime> {
    let mut builder = if cores == 1 { Builder::new_current_thread() } else { Builder::new_multi_thread() };
    builder.enable_all().build()
}

/// `250ms`, `1h`: for arguments.
fn duration(text: &str) -> Result<std::time::Duration, String> {
    crate::settings::parse_duration(text)
}

#[cfg(test)]
mod tests {
    use tokio::runtime::RuntimeFlavor;

    use super::*;

    #[test]
    fn on_one_core_one_thread_does_all_the_work() {
        let flavour = |cores| runtime_on(cores).unwrap().handle().runtime_flavor();
        assert_eq!((flavour(1), flavour(2)), (RuntimeFlavor::CurrentThread, RuntimeFlavor::MultiThread));
    }
}
