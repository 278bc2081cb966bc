//! `sluice check`: what would run, or everything that is wrong.

use super::{ConfigFile, Failed, terminal};

/// Read a configuration, resolve all of it, and print what would run.
///
/// Secrets are printed as ***. If something is wrong, every mistake is told at once with its key and line, and the
/// exit code is 78. What is right but dangerous is noted on standard error. Nothing is contacted and no port is bound.
#[derive(Debug, clap::Args)]
pub(super) struct Check {
    #[command(flatten)]
    file: ConfigFile,
}

impl Check {
    pub(super) fn run(self) -> Result<(), Failed> {
        let loaded = self.file.load()?;
        terminal::say(loaded.resolved.to_toml().trim_end());
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
