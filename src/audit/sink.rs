//! Where lines go. A sink is written to by one thread, which asks for durability and takes back what did not become
//! durable.

use std::fs::{File, Metadata};
use std::io::{self, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt};

/// A place for lines.
pub(super) trait Sink: Send {
    /// Makes ready for lines. `Moved` where they go to another file than the last: what the last one got is durable.
    fn prepare(&mut self) -> Result<Prepared, Failure>;

    /// Appends whole lines, in one write where the system lets it.
    fn append(&mut self, lines: &[u8]) -> Result<(), Failure>;

    /// What was appended outlives a loss of power, where the place can promise that.
    fn sync(&mut self) -> Result<(), Failure>;
}

/// A step that failed, and what it left.
#[derive(Debug)]
pub(super) struct Failure {
    /// What the system says.
    pub(super) error: io::Error,
    /// What was appended since the last sync has been taken away, too.
    pub(super) rewrite: bool,
    /// Some of what was to be appended, or made durable, may be there all the same.
    pub(super) stays: bool,
}

impl From<io::Error> for Failure {
    /// A failure before anything was done.
    fn from(error: io::Error) -> Self {
        Self { error, rewrite: false, stays: false }
    }
}

/// Where the next lines go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Prepared {
    Same,
    Moved,
}

/// The system's file, or a test's that fails as it was told to.
pub(super) trait Medium: Write + Send {
    fn sync_data(&mut self) -> io::Result<()>;
    fn set_len(&mut self, length: u64) -> io::Result<()>;
}

impl Medium for File {
    fn sync_data(&mut self) -> io::Result<()> {
        Self::sync_data(self)
    }

    fn set_len(&mut self, length: u64) -> io::Result<()> {
        Self::set_len(self, length)
    }
}

/// Writes all of it; where it cannot, how much of it was written.
pub(super) fn write_whole(to: &mut dyn Write, mut bytes: &[u8]) -> Result<(), (usize, io::Error)> {
    let whole = bytes.len();
    while !bytes.is_empty() {
        match to.write(bytes) {
            Ok(0) => return Err((whole - bytes.len(), io::ErrorKind::WriteZero.into())),
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err((whole - bytes.len(), error)),
        }
    }
    Ok(())
}

/// Refuses what would hold no line: a record that went to `/dev/null` would be durable nowhere.
pub(super) fn refuse_the_void(metadata: &Metadata) -> io::Result<()> {
    // Linux's number of the null device: 1, 3.
    const NULL: u64 = 0x103;
    let void = metadata.file_type().is_char_device() && metadata.rdev() == NULL;
    if void { Err(io::Error::other("it leads to /dev/null, which keeps nothing")) } else { Ok(()) }
}
