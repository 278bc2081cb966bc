//! What a file held when it was read, for whoever wants to know whether it still does. Not the content, which may be a
//! secret: its hash, which only this process can make.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::changes::hash;
use super::mistake::Ledger;
use super::named_files::read_file;

/// A file that a reading of the configuration has opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    path: PathBuf,
    /// `None` where it could not be read.
    content: Option<u64>,
}

impl Seen {
    /// Which file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether another reading would find the same. Reads the file.
    pub fn still_holds(&self) -> bool {
        read_file(&self.path).ok().map(|bytes| hash(&bytes)) == self.content
    }
}

impl Ledger {
    /// The content of a file, which is remembered as seen; the fault completes "cannot be read: …".
    pub(super) fn read(&mut self, path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
        let read = read_file(path);
        let content = read.as_ref().ok().map(|bytes| hash(bytes));
        self.files.push(Seen { path: path.to_owned(), content });
        read
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_changed_came_or_went_does_not_hold_the_same() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        std::fs::write(path("changed"), "a").unwrap();
        std::fs::write(path("gone"), "a").unwrap();
        let mut ledger = Ledger::default();
        for name in ["changed", "gone", "missing"] {
            let _content = ledger.read(&path(name));
        }
        assert!(ledger.files.iter().all(Seen::still_holds));
        std::fs::write(path("changed"), "b").unwrap();
        std::fs::remove_file(path("gone")).unwrap();
        std::fs::write(path("missing"), "").unwrap();
        assert!(!ledger.files.iter().any(Seen::still_holds));
    }
}
