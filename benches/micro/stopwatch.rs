//! Time that this thread had a core.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// What is done between two looks at the clock: enough for the looks not to count, few against what there is.
pub(crate) const LOT: usize = 32;

/// Instructions are counted, and no time is taken: valgrind does not know this clock.
pub(crate) static COUNTS: AtomicBool = AtomicBool::new(false);

/// What the work gives, and how long it took. It is never inlined: its name is how valgrind knows what to count.
#[inline(never)]
pub(crate) fn timed<R>(work: impl FnOnce() -> R) -> (R, Duration) {
    let before = now();
    let result = black_box(work());
    (result, now().checked_sub(before).unwrap())
}

/// So many times the work, each with a number of its own.
pub(crate) fn times<R>(count: u64, mut work: impl FnMut(usize) -> R) -> Duration {
    timed(|| (0..usize::try_from(count).unwrap()).for_each(|number| drop(black_box(work(number))))).1
}

/// The same in lots, each with preparations that do not count.
pub(crate) fn in_lots(count: u64, mut lot: impl FnMut(usize) -> Duration) -> Duration {
    let count = usize::try_from(count).unwrap();
    (0..count).step_by(LOT).map(|done| lot(LOT.min(count - done))).sum()
}

fn now() -> Duration {
    if COUNTS.load(Ordering::Relaxed) {
        return Duration::ZERO;
    }
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(now).unwrap()
}
