//! `sluice token`: a development token, signed with a key at hand.

use std::time::Duration;

use super::{ConfigFile, Failed, duration, terminal};
use crate::auth::{IssuerSettings, NoMinter};

/// Print a development token for a tenant.
///
/// It is signed with the issuer's `signing_key_file` (or its secret) from the configuration. Production tokens come
/// from the identity provider, never from here.
#[derive(Debug, clap::Args)]
pub(super) struct Token {
    #[command(flatten)]
    file: ConfigFile,
    /// The tenant the token speaks for
    #[arg(long, value_name = "T")]
    tenant: String,
    /// How long it is valid
    #[arg(long, default_value = "1h", value_parser = duration)]
    ttl: Duration,
    /// The issuer to sign as; default: the first that has a signing key
    #[arg(long, value_name = "I")]
    issuer: Option<String>,
    /// The scopes it carries, separated by spaces
    #[arg(long, value_name = "S", default_value = "")]
    scope: String,
}

impl Token {
    pub(super) fn run(self) -> Result<(), Failed> {
        let loaded = self.file.load()?;
        let issuer = self.choose(&loaded.config.issuers.issuers).map_err(fail)?;
        let known = loaded.config.tenants.tenants.iter().any(|tenant| tenant.id.as_str() == self.tenant);
        if !known {
            terminal::complain(format_args!(
                "note: no tenant \"{}\" is configured; it will be granted nothing",
                self.tenant
            ));
        }
        terminal::say(self.mint(issuer).map_err(fail)?);
        Ok(())
    }

    fn choose<'a>(&self, issuers: &'a [IssuerSettings]) -> Result<&'a IssuerSettings, String> {
        let named = |issuer: &&IssuerSettings| self.issuer.as_ref().is_none_or(|name| *name == issuer.issuer.issuer);
        let mut candidates = issuers.iter().filter(named).peekable();
        if candidates.peek().is_none() {
            let names: Vec<_> = issuers.iter().map(|issuer| issuer.issuer.issuer.as_str()).collect();
            return Err(format!("no such issuer is configured; there is {}", names.join(", ")));
        }
        candidates.find(|issuer| issuer.signing.is_some()).ok_or_else(|| NoMinter::NoKey.to_string())
    }

    fn mint(&self, issuer: &IssuerSettings) -> Result<String, String> {
        let config = &issuer.issuer;
        if self.ttl > config.max_lifetime {
            let longest = crate::settings::write_duration(config.max_lifetime);
            return Err(format!("--ttl is longer than the issuer's tokens may live; at most {longest} (max_lifetime)"));
        }
        issuer.mint(&self.tenant, self.ttl, &self.scope).map_err(|fault| fault.to_string())
    }
}

fn fail(reason: String) -> Failed {
    terminal::complain(reason);
    Failed::Failure
}
