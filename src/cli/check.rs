//! `sluice check`: what would run, or everything that is wrong.

use std::path::PathBuf;

use super::{ConfigFile, Failed, terminal};
use crate::config;
use crate::settings::Change;

/// Read a configuration, resolve all of it, and print what would run.
///
/// Secrets are printed as ***. If something is wrong, every mistake is told at once with its key and line, and the
/// exit code is 78. What is right but dangerous is noted on standard error. Nothing is contacted and no port is bound.
#[derive(Debug, clap::Args)]
pub(super) struct Check {
    #[command(flatten)]
    file: ConfigFile,
    /// The configuration that runs now: tells what a reload would change at once, and what waits for a restart
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
}

impl Check {
    pub(super) fn run(self) -> Result<(), Failed> {
        let loaded = self.file.load()?;
        if let Some(running) = self.against {
            let running = ConfigFile { config: running }.load()?;
            let applies = config::applied_at_once(running.config.server.certificate.is_some(), &loaded.config);
            terminal::say(difference(&running.resolved.changes(&loaded.resolved), applies).trim_end());
        } else {
            terminal::say(loaded.resolved.to_toml().trim_end());
        }
        let config = &loaded.config;
        if let Some(warning) = config.server.token_headers.warning() {
            terminal::complain(format_args!("note: {warning}"));
        }
        terminal::complain(format_args!(
            "ok: `sluice serve` would run this (issuers: {}, tenants: {})",
            config.issuers.issuers.len(),
            config.tenants.tenants.len()
        ));
        Ok(())
    }
}

/// What a reload would do with these changes.
fn difference(changes: &[Change], applies: impl Fn(&str) -> bool) -> String {
    let (at_once, after_restart): (Vec<_>, Vec<_>) = changes.iter().partition(|change| applies(&change.key));
    let listed = |title: &str, changes: &[&Change]| {
        let lines: Vec<_> = changes.iter().map(|change| format!("  {change}\n")).collect();
        if lines.is_empty() { String::new() } else { format!("{title}\n{}", lines.concat()) }
    };
    if changes.is_empty() {
        return "nothing would change".to_owned();
    }
    listed("a reload changes:", &at_once) + &listed("after a restart:", &after_restart)
}
