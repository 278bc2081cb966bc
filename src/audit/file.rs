//! A file of lines: follows a rename, begins anew where it was deleted, never leaves half a line before a whole one.
//!
//! The file is locked for this process alone, so that what is taken back is always its own.

use std::fs::{File, Metadata, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::sink::{Failure, Medium, Prepared, Sink, refuse_the_void, write_whole};

/// Who may read the record of what everybody asked: its owner.
const MODE: u32 = 0o600;

pub(super) struct LogFile {
    path: PathBuf,
    /// Wraps what was opened: for tests, which have it fail.
    medium: Box<Wrap>,
    open: Option<Open>,
    /// The last file was left, and the next is not open yet.
    moved: bool,
}

type Wrap = dyn Fn(File) -> Box<dyn Medium> + Send;

struct Open {
    medium: Box<dyn Medium>,
    identity: (u64, u64),
    /// Devices can be neither cut nor synced.
    regular: bool,
    /// Length of what is durable, and of what was appended since.
    durable: u64,
    appended: u64,
    /// The last byte ends no line.
    torn: bool,
}

impl LogFile {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Self::with(path, Box::new(|file| Box::new(file)))
    }

    pub(super) fn with(path: &Path, medium: Box<Wrap>) -> io::Result<Self> {
        let mut file = Self { path: path.to_owned(), medium, open: None, moved: false };
        file.open = Some(file.reopen()?);
        Ok(file)
    }

    fn reopen(&self) -> io::Result<Open> {
        let is_new = matches!(std::fs::metadata(&self.path), Err(error) if error.kind() == io::ErrorKind::NotFound);
        let mut file = OpenOptions::new().read(true).append(true).create(true).mode(MODE).open(&self.path)?;
        let metadata = file.metadata()?;
        let kind = metadata.file_type();
        let regular = kind.is_file();
        if !regular && !kind.is_char_device() {
            return Err(io::Error::other("it is no regular file"));
        }
        refuse_the_void(&metadata)?;
        let mut torn = false;
        if regular {
            lock(&file)?;
            torn = ends_torn(&mut file, metadata.len())?;
            // Also where the file is not new: whoever made it may not have come this far.
            match sync_directory(&self.path) {
                // It was made for us, in a directory that is not ours to read.
                Err(error) if !is_new && error.kind() == io::ErrorKind::PermissionDenied => {}
                synced => synced?,
            }
        }
        let (identity, durable) = (identity(&metadata), metadata.len());
        Ok(Open { medium: (self.medium)(file), identity, regular, durable, appended: 0, torn })
    }
}

impl Sink for LogFile {
    fn prepare(&mut self) -> Result<Prepared, Failure> {
        let found = match std::fs::metadata(&self.path) {
            Ok(metadata) => Some(metadata),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error.into()),
        };
        let same = |open: &&mut Open| found.as_ref().is_some_and(|found| identity(found) == open.identity);
        if let Some(open) = self.open.as_mut().filter(same) {
            let length = found.map_or(0, |found| found.len());
            // Somebody has cut it, as `copytruncate` does: there is nothing of ours to take back.
            if open.regular && length < open.length() {
                (open.durable, open.appended, open.torn) = (length, 0, false);
            }
            return Ok(Prepared::Same);
        }
        if self.open.is_some() {
            self.sync()?;
            self.moved = true;
        }
        // Unlocked before the next is opened, should it be the same one under another name.
        self.open = None;
        self.open = Some(self.reopen()?);
        Ok(if std::mem::take(&mut self.moved) { Prepared::Moved } else { Prepared::Same })
    }

    fn append(&mut self, lines: &[u8]) -> Result<(), Failure> {
        let open = self.open.as_mut().ok_or(io::Error::from(io::ErrorKind::NotConnected))?;
        let whole = if open.torn { [b"\n", lines].concat() } else { lines.to_vec() };
        if let Err((written, error)) = write_whole(&mut open.medium, &whole) {
            let stays = written > 0 && !(open.regular && open.medium.set_len(open.length()).is_ok());
            open.torn |= stays;
            return Err(Failure { error, rewrite: false, stays });
        }
        open.torn = false;
        open.appended += whole.len() as u64;
        Ok(())
    }

    fn sync(&mut self) -> Result<(), Failure> {
        let Some(mut open) = self.open.take_if(|open| open.regular) else { return Ok(()) };
        if let Err(error) = open.medium.sync_data() {
            // Opened anew the next time: the system may have forgotten what it could not write, and call the next sync
            // of this handle a success.
            let stays = open.medium.set_len(open.durable).is_err();
            return Err(Failure { error, rewrite: true, stays });
        }
        open.durable += std::mem::take(&mut open.appended);
        self.open = Some(open);
        Ok(())
    }
}

impl Open {
    /// Of the file, as far as it is ours.
    fn length(&self) -> u64 {
        self.durable + self.appended
    }
}

fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

fn lock(file: &File) -> io::Result<()> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(io::Error::other("another process writes to it; give each its own")),
        Err(TryLockError::Error(error)) => {
            tracing::warn!(%error, "the audit file cannot be locked where it lies: see that no other process writes to it");
            Ok(())
        }
    }
}

fn ends_torn(file: &mut File, length: u64) -> io::Result<bool> {
    if length == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.seek(SeekFrom::Start(length - 1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

/// A new file's name is durable once its directory is. Some file systems know no such thing.
fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match File::open(directory)?.sync_all() {
        Err(error) if !matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
