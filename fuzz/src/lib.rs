//! What all fuzz targets share: a request may cost no more than 100 times its size in memory, and 50 ms of processor time.

use std::sync::Once;
use std::time::Duration;

use cpu_time::ThreadTime;
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// What a request is at least, beside the part of it that a target is given: its line and the usual headers.
const HEAD: usize = 512;
const LONGEST: Duration = Duration::from_millis(50);

/// Defines a fuzz target: `request` for what comes with each request, whose cost is bounded, `other` for the rest.
#[macro_export]
macro_rules! target {
    (request $name:ident) => {
        libfuzzer_sys::fuzz_target!(|bytes: &[u8]| $crate::within_bounds(bytes, sluice::fuzzing::$name));
    };
    (other $name:ident) => {
        libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sluice::fuzzing::$name(bytes));
    };
}

/// Runs the target, and once more if it took too much: a table that grew, or a machine that was busy, does not do so twice.
pub fn within_bounds(bytes: &[u8], target: fn(&[u8])) {
    static READY: Once = Once::new();
    READY.call_once(|| target(b""));
    let most = 100 * (HEAD + bytes.len());
    let (memory, time) = cost(bytes, target);
    if memory > most || time > LONGEST {
        let (memory, time) = cost(bytes, target);
        assert!(memory <= most, "{memory} bytes of memory for {} of the request", bytes.len());
        assert!(time <= LONGEST, "{time:?} of processor time");
    }
}

/// The most memory that was held at a time, and the processor time.
fn cost(bytes: &[u8], target: fn(&[u8])) -> (usize, Duration) {
    MEMORY.reset_peak_usage();
    let (before, began) = (MEMORY.current_usage(), ThreadTime::now());
    target(bytes);
    (MEMORY.peak_usage().saturating_sub(before), began.elapsed())
}
