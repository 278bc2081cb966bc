//! What is told of a panic: where, in which thread, and never its message, which may hold what the code had at hand.

use std::fmt;
use std::io::{self, Write as _};
use std::panic::{self, PanicHookInfo};
use std::thread;

/// Where a panic began.
struct Place<'a>(&'a PanicHookInfo<'a>);

/// Tells every panic of this process from now on: on standard error always, before anything else can go wrong, since a
/// panic amid a panic ends the process before the log's thread has written; and as a line of the log, where there is one.
pub fn tell_panics() {
    panic::set_hook(Box::new(|panic| {
        let (place, current) = (Place(panic), thread::current());
        let name = current.name().unwrap_or("without a name");
        // Nobody is left to be told that nobody reads.
        let _reader_gone = writeln!(io::stderr().lock(), "a panic at {place} in the thread {name}: a defect");
        tracing::error!(target: "sluice::panic", at = %place, thread = name, "a panic: a defect of the gateway");
    }));
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.location() {
            Some(place) => write!(f, "{}:{}:{}", place.file(), place.line(), place.column()),
            None => f.write_str("an unknown place"),
        }
    }
}
