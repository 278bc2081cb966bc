//! Keeps what this process remembers from leaving it: no core file, and no other process of the same user that reads its
//! memory. To be called before the first secret is read.

use std::fmt::Display;

use rustix::process::{Resource, Rlimit, setrlimit};

use super::terminal;

/// Refuses core dumps, for good. Whatever the system does not grant is told, and the command goes on: a gateway that
/// answers is worth more than one that does not start for want of a precaution.
pub(super) fn keep_private() {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    told("the size of core dumps cannot be limited to 0", setrlimit(Resource::Core, none));
    told("this process cannot be kept from being dumped", not_dumpable());
}

/// The limit alone does not do where the kernel hands dumps to a program (`core_pattern` with a pipe).
#[cfg(any(target_os = "linux", target_os = "android"))]
fn not_dumpable() -> rustix::io::Result<()> {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn not_dumpable() -> rustix::io::Result<()> {
    Ok(())
}

fn told(what: &str, done: Result<(), impl Display>) {
    if let Err(fault) = done {
        terminal::complain(format_args!("warning: {what}: {fault}"));
    }
}
