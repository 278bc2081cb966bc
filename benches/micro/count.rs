//! Instructions in place of time: how many a step takes does not depend on how far away memory is, nor on who else uses the
//! machine. Counted by `valgrind --tool=callgrind`, in a process for each point.

use std::process::Command;
use std::sync::atomic::Ordering;

use crate::steps::Step;
use crate::stopwatch::COUNTS;

/// The point that a process is for, `step/size`, in its environment.
const POINT: &str = "POINT";
/// A multiple of a lot.
const REPETITIONS: u32 = 320;
/// What is done to all is done so many times.
const REPETITIONS_OF_ALL: u32 = 4;
/// What there are more of takes minutes to make while it is counted.
const MOST: usize = 100_000;
/// All that is timed happens within this function, and counting is switched on with it.
const TIMED: &str = "--toggle-collect=micro::stopwatch::timed";
const COLLECTED: &str = "Collected :";

/// Ends at once where there is nothing to count with.
pub(crate) fn needs_valgrind() {
    if let Err(fault) = Command::new("valgrind").arg("--version").output() {
        panic!("valgrind, which counts instructions: {fault} (`make micro` installs it)");
    }
}

/// Does the one point that this process is for, if it is one of these steps'. Whether it is for any.
pub(crate) fn is_counted(makers: &[fn() -> Vec<Step>]) -> bool {
    let Ok(wanted) = std::env::var(POINT) else { return false };
    COUNTS.store(true, Ordering::Relaxed);
    for step in makers.iter().flat_map(|maker| maker()) {
        let repetitions = repetitions(&step);
        let point = step.points.into_iter().find(|(size, _)| point(step.name, *size) == wanted);
        if let Some((_, mut takes)) = point {
            takes(repetitions.into());
            return true;
        }
    }
    panic!("no step is called {wanted}");
}

/// The instructions of one repetition at each size of the step.
pub(crate) fn instructions(step: &Step) -> Vec<(usize, f64)> {
    let sizes = step.points.iter().map(|(size, _)| *size).filter(|size| *size <= MOST);
    sizes
        .map(|size| (size, collected(&point(step.name, size)) / f64::from(repetitions(step)) / step.share(size)))
        .collect()
}

fn repetitions(step: &Step) -> u32 {
    if step.of_all { REPETITIONS_OF_ALL } else { REPETITIONS }
}

fn point(name: &str, size: usize) -> String {
    format!("{name}/{size}")
}

fn collected(point: &str) -> f64 {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--collect-atstart=no", TIMED]);
    let output = valgrind.arg(std::env::current_exe().unwrap()).env(POINT, point).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    let collected = told.lines().find_map(|line| line.split_once(COLLECTED)).map(|(_, count)| count.trim().parse());
    match collected {
        Some(Ok(count)) if output.status.success() && count > 0.0 => count,
        _ => panic!("{point} was not counted: {told}"),
    }
}
