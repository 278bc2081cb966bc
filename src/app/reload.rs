//! Puts another configuration in force while requests are under way: whatever can be without a restart.
//!
//! The invariant: a request, a queue place, a held answer, a key, a revocation and the budget's memory outlive it, and a
//! configuration with mistakes changes nothing.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::files::Fingerprint;
use crate::clock::Clock;
use crate::config::{self, Loaded};
use crate::edge::{ConfigStanding, NotReloaded, Reloaded, Reloads, Tls};
use crate::pipeline::{Pipeline, Policy};
use crate::settings::{Mistakes, Resolved};
use crate::telemetry::Log;
use crate::tenancy::Registry;

/// Reads the configuration from where it was read first.
pub type Source = Box<dyn Fn() -> Result<Loaded, Mistakes> + Send + Sync>;

/// What a reload can change, and what is in force.
pub(super) struct Reloader {
    source: Source,
    pipeline: Arc<Pipeline>,
    tls: Option<Tls>,
    log: Log,
    clock: Clock,
    state: Mutex<State>,
}

struct State {
    in_force: Resolved,
    /// What the files held when they were last read, whatever came of it.
    read: Fingerprint,
    standing: ConfigStanding,
}

impl Reloader {
    pub(super) fn new(
        source: Source,
        in_force: Resolved,
        pipeline: Arc<Pipeline>,
        tls: Option<Tls>,
        log: Log,
        clock: Clock,
    ) -> Self {
        let standing = ConfigStanding {
            generation: 1,
            in_force_since: clock.now(),
            reloads: 0,
            failures: 0,
            fault: None,
            after_restart: Vec::new(),
        };
        Self {
            source,
            pipeline,
            tls,
            log,
            clock,
            state: Mutex::new(State { read: Fingerprint::of(in_force.files()), in_force, standing }),
        }
    }

    /// The files that the configuration in force was read from.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        self.state().in_force.files().to_vec()
    }

    /// Reloads if a file holds something else than when it was last read.
    pub(super) fn reload_if_changed(&self) {
        let changed = {
            let state = self.state();
            Fingerprint::of(state.in_force.files()) != state.read
        };
        if changed {
            // It has been told.
            drop(self.reload());
        }
    }

    /// Tells what came of it in the log, whoever asked for it.
    fn tell(outcome: &Result<Reloaded, NotReloaded>) {
        match outcome {
            Ok(Reloaded { generation, applied, after_restart }) => {
                let list = |changes: &[crate::settings::Change]| {
                    changes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
                };
                tracing::info!(generation, applied = list(applied), "reloaded");
                if !after_restart.is_empty() {
                    tracing::warn!(changed = list(after_restart), "some of what changed applies after a restart");
                }
            }
            Err(fault) => tracing::error!(%fault, "not reloaded: the present configuration stays in force"),
        }
    }

    fn read_and_apply(&self, state: &mut State) -> Result<Reloaded, NotReloaded> {
        let old = Fingerprint::of(state.in_force.files());
        state.read = old;
        let Loaded { config, resolved } = (self.source)()
            .map_err(|mistakes| NotReloaded::Mistakes(mistakes.all().iter().map(ToString::to_string).collect()))?;
        let applies = config::applied_at_once(self.tls.is_some(), &config);
        let before = self.pipeline.policy();
        let authenticator = config.authenticator_after(&before.authenticator);
        authenticator.begin().map_err(|fault| NotReloaded::Failed(fault.to_string()))?;
        self.pipeline.set_policy(Policy { authenticator, registry: Registry::new(&config.tenants) });
        self.pipeline.policy().authenticator.forget_those_of(&before.authenticator);
        self.pipeline.propose_credentials(config.upstream.credentials);
        self.pipeline.renew_store_credentials(config.budget.store);
        if let (Some(tls), Some(certificate)) = (&self.tls, config.server.certificate) {
            tls.renew(certificate);
        }
        self.log.filter(&config.telemetry.log);
        let (applied, after_restart): (Vec<_>, Vec<_>) =
            state.in_force.changes(&resolved).into_iter().partition(|change| applies(&change.key));
        let standing = &mut state.standing;
        if !applied.is_empty() {
            standing.generation += 1;
            standing.in_force_since = self.clock.now();
        }
        standing.after_restart = after_restart.iter().map(|change| change.key.clone()).collect();
        let unchanged = Fingerprint::of(state.in_force.files()) == old;
        state.in_force = state.in_force.overlaid(resolved, applies);
        // What changed while it was read is noticed, because the old fingerprint is that of other contents.
        if unchanged {
            state.read = Fingerprint::of(state.in_force.files());
        }
        Ok(Reloaded { generation: state.standing.generation, applied, after_restart })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reloads for Reloader {
    fn reload(&self) -> Result<Reloaded, NotReloaded> {
        // One at a time: a second that came meanwhile may have seen newer files, and applies after the first.
        let mut state = self.state();
        let outcome = self.read_and_apply(&mut state);
        match &outcome {
            Ok(_) => {
                state.standing.reloads += 1;
                state.standing.fault = None;
            }
            Err(fault) => {
                state.standing.failures += 1;
                state.standing.fault = Some(fault.clone());
            }
        }
        Self::tell(&outcome);
        outcome
    }

    fn standing(&self) -> ConfigStanding {
        self.state().standing.clone()
    }
}

impl fmt::Debug for Reloader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reloader")
    }
}
