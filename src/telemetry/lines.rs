//! What waits for standard output. Lines are appended to one buffer, and one thread writes what has gathered there; whoever
//! appends never waits for a reader, and seldom has to wake that thread.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::stamp::Stamp;
use crate::clock::Clock;

/// Bytes that may wait. What comes on top is lost, and counted.
const ROOM: usize = 4 * 1024 * 1024;
/// Bytes that are written without letting more of them gather, and the most that are written at once: between two such
/// pieces others may write.
const PIECE: usize = 64 * 1024;
/// The room that is kept for the next lines, where more was needed.
const KEPT: usize = 4 * PIECE;
/// How long lines gather before they are written.
const GATHERING: Duration = Duration::from_millis(5);
/// Between two pieces.
const BREATH: Duration = Duration::from_micros(100);
/// How long the end waits for a reader.
const PATIENCE: Duration = Duration::from_secs(1);

/// Lines on their way to one writer, in the order in which they were appended.
pub(super) struct Lines {
    waiting: Mutex<Waiting>,
    /// Wakes who writes.
    come: Condvar,
    /// Wakes who waits for the end.
    gone: Condvar,
}

struct Waiting {
    lines: Vec<u8>,
    stamp: Stamp,
    lost: u64,
    writer: Writer,
    ending: bool,
}

/// What the thread that writes is doing. A wake costs more than a line: it is woken where it sleeps, and for a reason.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Writer {
    /// It sleeps until there is a line.
    Idle,
    /// It sleeps while lines gather.
    Gathering,
    /// It will look by itself.
    Awake,
    /// It has written all that it ever will.
    Gone,
}

impl Lines {
    pub(super) fn new() -> Arc<Self> {
        let stamp = Stamp::of(Clock::system());
        let waiting = Waiting { lines: Vec::new(), stamp, lost: 0, writer: Writer::Awake, ending: false };
        Arc::new(Self { waiting: Mutex::new(waiting), come: Condvar::new(), gone: Condvar::new() })
    }

    /// Starts the thread that writes. It is given whole lines.
    pub(super) fn start(self: &Arc<Self>, write: impl FnMut(&[u8]) + Send + 'static) -> io::Result<()> {
        let lines = Arc::clone(self);
        thread::Builder::new().name("log".to_owned()).spawn(move || lines.run(write)).map(drop)
    }

    /// Appends what `tell` adds to the buffer: a whole line. Nothing may be told from within.
    pub(super) fn append(&self, tell: impl FnOnce(&mut Vec<u8>, &mut Stamp)) {
        let mut waiting = self.lock();
        let before = waiting.lines.len();
        if waiting.ending || before >= ROOM {
            waiting.lost += 1;
            return;
        }
        let Waiting { lines, stamp, .. } = &mut *waiting;
        tell(lines, stamp);
        if lines.len() > ROOM {
            lines.truncate(before);
            waiting.lost += 1;
            return;
        }
        let wakes = match waiting.writer {
            Writer::Idle => true,
            Writer::Gathering => waiting.lines.len() >= PIECE,
            Writer::Awake | Writer::Gone => false,
        };
        if wakes {
            waiting.writer = Writer::Awake;
            drop(waiting);
            self.come.notify_one();
        }
    }

    /// Lines that were lost.
    pub(super) fn lost(&self) -> u64 {
        self.lock().lost
    }

    /// Has what waits written, for as long as there is patience with who reads it. What is appended from now on is lost.
    pub(super) fn end(&self) {
        let mut waiting = self.lock();
        waiting.ending = true;
        self.come.notify_one();
        let writes = |waiting: &mut Waiting| waiting.writer != Writer::Gone;
        drop(self.gone.wait_timeout_while(waiting, PATIENCE, writes));
    }

    fn run(&self, mut write: impl FnMut(&[u8])) {
        let mut gathered = Vec::new();
        while self.gather(&mut gathered) {
            let mut rest = &*gathered;
            while !rest.is_empty() {
                let (piece, others) = rest.split_at(piece(rest));
                write(piece);
                rest = others;
                if !rest.is_empty() {
                    // The lock of standard output is not fair: who waits for it gets it now, or after all pieces.
                    thread::park_timeout(BREATH);
                }
            }
            gathered.clear();
            gathered.shrink_to(KEPT);
        }
        self.lock().writer = Writer::Gone;
        self.gone.notify_all();
    }

    /// Takes what has gathered, in exchange for room. `false` at the end, when there is nothing left.
    fn gather(&self, room: &mut Vec<u8>) -> bool {
        let idle = |waiting: &mut Waiting| waiting.sleeps_as(Writer::Idle, 1);
        let waiting = self.come.wait_while(self.lock(), idle).unwrap_or_else(PoisonError::into_inner);
        let gathering = |waiting: &mut Waiting| waiting.sleeps_as(Writer::Gathering, PIECE);
        let waited = self.come.wait_timeout_while(waiting, GATHERING, gathering);
        let (mut waiting, _) = waited.unwrap_or_else(PoisonError::into_inner);
        waiting.writer = Writer::Awake;
        std::mem::swap(&mut waiting.lines, room);
        !room.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// Whether there is nothing to do yet, which those who append then know.
    fn sleeps_as(&mut self, asleep: Writer, enough: usize) -> bool {
        let sleeps = self.lines.len() < enough && !self.ending;
        self.writer = if sleeps { asleep } else { Writer::Awake };
        sleeps
    }
}

/// For formatters, which write an event in one piece.
impl Write for &Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.append(|lines, _| lines.extend_from_slice(line));
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// To standard output, under the lock that all who write there take. Nothing dies of a log that cannot be written.
pub(super) fn to_standard_output(lines: &[u8]) {
    let _reader_gone = write_whole(&mut io::stdout().lock(), lines);
}

/// Writes all of it, and waits where the other end takes nothing without saying when: some share one that does not block.
fn write_whole(to: &mut impl Write, mut lines: &[u8]) -> io::Result<()> {
    loop {
        let step = if lines.is_empty() { to.flush().map(|()| 0) } else { to.write(lines) };
        match step {
            Ok(0) if lines.is_empty() => return Ok(()),
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => lines = lines.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::park_timeout(GATHERING),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// How much of these lines is written at once: whole ones.
fn piece(lines: &[u8]) -> usize {
    if lines.len() <= PIECE {
        return lines.len();
    }
    let (first, rest) = lines.split_at(PIECE);
    let ends = first.iter().rposition(|&byte| byte == b'\n');
    let longer = || rest.iter().position(|&byte| byte == b'\n').map(|end| PIECE + end);
    ends.or_else(longer).map_or(lines.len(), |end| end + 1)
}

#[cfg(test)]
#[path = "lines_tests.rs"]
mod tests;
