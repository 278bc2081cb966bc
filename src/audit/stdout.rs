//! Standard output as the place for lines. The log writes there too, under the lock that is taken here, so that no line
//! runs into another.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;

use super::sink::{Prepared, Sink, refuse_the_void, write_whole};

pub(super) struct Stdout {
    /// The same as standard output without its buffer: what was written is known to the byte.
    file: File,
    regular: bool,
    torn: bool,
    /// Something was written since the last sync.
    written: bool,
}

impl Stdout {
    pub(super) fn open() -> io::Result<Self> {
        let file = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        let metadata = file.metadata()?;
        refuse_the_void(&metadata)?;
        Ok(Self { file, regular: metadata.is_file(), torn: false, written: false })
    }
}

impl Sink for Stdout {
    fn prepare(&mut self) -> io::Result<Prepared> {
        Ok(Prepared::Same)
    }

    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        stdout.flush()?;
        let whole = if self.torn { [b"\n", lines].concat() } else { lines.to_vec() };
        let ended = write_whole(&mut self.file, &whole);
        let (written, ended) = match ended {
            Ok(()) => (whole.len(), Ok(())),
            Err((written, error)) => (written, Err(error)),
        };
        self.written |= written > 0;
        self.torn = ended.is_err() && (self.torn || written > 0);
        ended
    }

    fn sync(&mut self) -> io::Result<()> {
        if self.regular {
            self.file.sync_data()?;
        }
        self.written = false;
        Ok(())
    }

    fn take_back(&mut self) -> bool {
        !std::mem::take(&mut self.written)
    }
}
