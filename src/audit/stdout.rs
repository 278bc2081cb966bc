//! Standard output as the place for lines. The log writes there too, under the lock that is taken here, so that no line
//! runs into another.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;

use super::sink::{Failure, Prepared, Sink, refuse_the_void, write_whole};

pub(super) struct Stdout {
    /// The same as standard output without its buffer: what was written is known to the byte.
    file: File,
    regular: bool,
    torn: bool,
}

impl Stdout {
    pub(super) fn open() -> io::Result<Self> {
        let file = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        let metadata = file.metadata()?;
        refuse_the_void(&metadata)?;
        Ok(Self { file, regular: metadata.is_file(), torn: false })
    }
}

impl Sink for Stdout {
    fn prepare(&mut self) -> Result<Prepared, Failure> {
        Ok(Prepared::Same)
    }

    fn append(&mut self, lines: &[u8]) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        stdout.flush()?;
        let whole = if self.torn { [b"\n", lines].concat() } else { lines.to_vec() };
        write_whole(&mut self.file, &whole).map_err(|(written, error)| {
            self.torn |= written > 0;
            Failure { error, rewrite: false, stays: written > 0 }
        })?;
        self.torn = false;
        Ok(())
    }

    fn sync(&mut self) -> Result<(), Failure> {
        // What is there cannot be taken away: the log has written behind it.
        let failure = |error| Failure { error, rewrite: false, stays: true };
        if self.regular { self.file.sync_data().map_err(failure) } else { Ok(()) }
    }
}
