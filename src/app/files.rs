//! Notices that a file of the configuration has changed, whichever way: written in place, replaced by another, or behind
//! a symbolic link that now leads elsewhere, as Kubernetes does it for mounted `ConfigMap`s and `Secret`s.
//!
//! The system's notices only say when to look; whether something changed is seen from what the files hold.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

/// A change takes several steps; those that follow at once belong to it.
const SETTLE: Duration = Duration::from_millis(300);
/// Where the system gives no notice (some network file systems), changes are seen this late.
const LOOK: Duration = Duration::from_secs(30);

/// Waits for the files of the configuration to change.
pub(super) struct Files {
    watcher: Option<RecommendedWatcher>,
    notices: mpsc::Receiver<()>,
    watched: BTreeSet<PathBuf>,
}

impl Files {
    /// Begins to listen for the system's notices. A system without them is looked at from time to time.
    pub(super) fn new() -> Self {
        // Room for one: a notice on top of one that nobody has heard yet says nothing new.
        let (notice, notices) = mpsc::channel(1);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if event.is_ok_and(|event| !matches!(event.kind, EventKind::Access(_))) {
                let _full_or_gone = notice.try_send(());
            }
        });
        let watcher = watcher
            .inspect_err(|error| tracing::warn!(%error, "changes of the configuration's files are noticed late"))
            .ok();
        Self { watcher, notices, watched: BTreeSet::new() }
    }

    /// Waits for a notice about these files, or until it is time to look without one. Where some were not watched before,
    /// it is time now: they may have changed since they were looked at.
    pub(super) async fn noticed(&mut self, files: &[PathBuf]) {
        if self.follow(files) {
            return;
        }
        match timeout(LOOK, self.notices.recv()).await {
            Ok(Some(())) => sleep(SETTLE).await,
            // Nobody would send any.
            Ok(None) => sleep(LOOK).await,
            Err(_elapsed) => {}
        }
    }

    /// Watches the directories of these files; tells whether one is new. Those of files that are not read any more stay:
    /// they tell nothing new.
    fn follow(&mut self, files: &[PathBuf]) -> bool {
        let before = self.watched.len();
        for directory in files.iter().filter_map(|file| directory(file)) {
            if self.watched.insert(directory.clone())
                && let Some(watcher) = &mut self.watcher
                && let Err(error) = watcher.watch(&directory, RecursiveMode::NonRecursive)
            {
                tracing::warn!(directory = %directory.display(), %error, "changes in this directory are noticed late");
            }
        }
        self.watched.len() > before
    }
}

fn directory(file: &Path) -> Option<PathBuf> {
    let parent = file.parent()?;
    Some(if parent.as_os_str().is_empty() { PathBuf::from(".") } else { parent.to_owned() })
}
