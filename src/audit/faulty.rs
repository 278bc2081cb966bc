//! A disk for tests that fails as it is told to.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use super::file::LogFile;
use super::sink::Medium;

/// What the disk does. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk(Arc<(Mutex<Manners>, Condvar)>);

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Manners {
    /// Bytes that can still be written; `None`: any number.
    pub(super) room: Option<usize>,
    /// Most that one write takes.
    pub(super) bite: Option<usize>,
    pub(super) sync_fails: bool,
    pub(super) cut_fails: bool,
    /// A sync does not end before this is false.
    pub(super) sync_hangs: bool,
    /// How long a sync takes.
    pub(super) sync_takes: Duration,
    pub(super) syncs: usize,
}

struct Faulty(File, Disk);

impl Disk {
    pub(super) fn slow(sync: Duration) -> Self {
        let disk = Self::default();
        disk.set(Manners { sync_takes: sync, ..Manners::default() });
        disk
    }

    pub(super) fn file(&self, path: &Path) -> LogFile {
        let disk = self.clone();
        LogFile::with(path, Box::new(move |file| Box::new(Faulty(file, disk.clone())))).unwrap()
    }

    pub(super) fn set(&self, manners: Manners) {
        let syncs = self.manners().syncs;
        *self.manners() = Manners { syncs, ..manners };
        self.0.1.notify_all();
    }

    pub(super) fn manners(&self) -> MutexGuard<'_, Manners> {
        self.0.0.lock().unwrap()
    }
}

impl Write for Faulty {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut manners = self.1.manners();
        let most = manners.room.unwrap_or(usize::MAX).min(manners.bite.unwrap_or(usize::MAX)).min(bytes.len());
        if most == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let written = self.0.write(&bytes[..most])?;
        manners.room = manners.room.map(|room| room - written);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Medium for Faulty {
    fn sync_data(&mut self) -> io::Result<()> {
        let (_, moved) = &*self.1.0;
        let mut manners = moved.wait_while(self.1.manners(), |manners| manners.sync_hangs).unwrap();
        let takes = manners.sync_takes;
        if !takes.is_zero() {
            manners = moved.wait_timeout_while(manners, takes, |manners| manners.sync_takes == takes).unwrap().0;
        }
        manners.syncs += 1;
        if manners.sync_fails { Err(io::Error::other("the disk is broken")) } else { Ok(()) }
    }

    fn set_len(&mut self, length: u64) -> io::Result<()> {
        if self.1.manners().cut_fails { Err(io::Error::other("the disk is broken")) } else { self.0.set_len(length) }
    }
}
