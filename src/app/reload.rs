//! Puts another configuration in force while requests are under way: whatever can be without a restart.
//!
//! The invariant: a request, a queue place, a held answer, a key, a revocation and the budget's memory outlive it, and a
//! configuration with mistakes changes nothing.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::clock::Clock;
use crate::config::{self, Loaded};
use crate::edge::{ConfigStanding, NotReloaded, Reloaded, Reloads, Tls};
use crate::pipeline::{Pipeline, Policy};
use crate::settings::{Change, Mistakes, Resolved, Seen};
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
    /// What the files held when they were last read, whatever came of it. Locked while they are read, so that one reload
    /// comes after the other.
    seen: Mutex<Vec<Seen>>,
    /// Never locked while files are read: who looks at it does not wait for a disk.
    state: Mutex<State>,
}

struct State {
    in_force: Resolved,
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
            last_reload: None,
            after_restart: Vec::new(),
        };
        let seen = Mutex::new(in_force.files().to_vec());
        Self { source, pipeline, tls, log, clock, seen, state: Mutex::new(State { in_force, standing }) }
    }

    /// Reloads if a file holds something else than when it was last read. Tells which files there are to watch. Blocks on
    /// them.
    pub(super) fn reload_if_changed(&self) -> Vec<PathBuf> {
        let mut seen = locked(&self.seen);
        if !seen.iter().all(Seen::still_holds) {
            // What came of it has been told.
            drop(self.reload_from(&mut seen));
        }
        seen.iter().map(|file| file.path().to_owned()).collect()
    }

    fn reload_from(&self, seen: &mut Vec<Seen>) -> Result<Reloaded, NotReloaded> {
        let outcome = self.read_and_apply(seen);
        let mut state = locked(&self.state);
        state.standing.last_reload = Some(self.clock.now());
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
        drop(state);
        tell(&outcome);
        outcome
    }

    fn read_and_apply(&self, seen: &mut Vec<Seen>) -> Result<Reloaded, NotReloaded> {
        let Loaded { config, resolved } = (self.source)().map_err(|mistakes| {
            follow(seen, mistakes.files());
            NotReloaded::Mistakes(mistakes.all().iter().map(ToString::to_string).collect())
        })?;
        *seen = resolved.files().to_vec();
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
        Ok(locked(&self.state).succeeded_by(resolved, applies, self.clock.now()))
    }
}

impl State {
    /// Another reading is in force, but for the keys that do not apply at once.
    fn succeeded_by(&mut self, resolved: Resolved, applies: impl Fn(&str) -> bool, now: Timestamp) -> Reloaded {
        let (applied, after_restart): (Vec<_>, Vec<_>) =
            self.in_force.changes(&resolved).into_iter().partition(|change| applies(&change.key));
        if !applied.is_empty() {
            self.standing.generation += 1;
            self.standing.in_force_since = now;
        }
        self.standing.after_restart = after_restart.iter().map(|change| change.key.clone()).collect();
        self.in_force = self.in_force.overlaid(resolved, applies);
        Reloaded { generation: self.standing.generation, applied, after_restart }
    }
}

/// Remembers what a reading with mistakes has seen, beside the files that it did not come to.
fn follow(seen: &mut Vec<Seen>, newer: &[Seen]) {
    seen.retain(|file| newer.iter().all(|newer| newer.path() != file.path()));
    seen.extend_from_slice(newer);
}

/// Tells what came of a reload in the log, whoever asked for it.
fn tell(outcome: &Result<Reloaded, NotReloaded>) {
    match outcome {
        Ok(Reloaded { generation, applied, after_restart }) => {
            let list = |changes: &[Change]| changes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
            if applied.is_empty() {
                tracing::info!(generation, "reloaded: nothing that applies at once has changed");
            } else {
                tracing::info!(generation, applied = list(applied), "reloaded");
            }
            if !after_restart.is_empty() {
                tracing::warn!(changed = list(after_restart), "some of what changed applies after a restart");
            }
        }
        Err(fault) => tracing::error!(%fault, "not reloaded: the present configuration stays in force"),
    }
}

/// A reload that panicked has left nothing half done that the next one would not do again.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Reloads for Reloader {
    fn reload(&self) -> Result<Reloaded, NotReloaded> {
        self.reload_from(&mut locked(&self.seen))
    }

    fn standing(&self) -> ConfigStanding {
        locked(&self.state).standing.clone()
    }
}

impl fmt::Debug for Reloader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reloader")
    }
}
