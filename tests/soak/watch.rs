//! What each replica's process holds while it runs: memory, file descriptors, threads and tasks; and whether it grows.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use crate::fleet::Fleet;
use crate::support::Asker;

const PERIOD: Duration = Duration::from_secs(2);
/// A process is judged by its course only if it was watched for as long.
const WORTH_JUDGING: Duration = Duration::from_secs(80);
/// Before it, buffers and pools grow to the size that the load needs.
const WARM: Duration = Duration::from_secs(20);

/// Kibibytes by which the median of a third of a process's life may be above that of the third before: allocators keep
/// what bursts needed.
const MEMORY_GROWTH: u64 = 16 * 1024;
/// Likewise descriptors and tasks, which follow connections that come and go.
const THINGS_GROWTH: u64 = 48;

/// What a process held at a moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    at: Instant,
    pub(crate) memory: Held,
    pub(crate) files: Held,
    pub(crate) threads: Held,
    pub(crate) tasks: Held,
}

/// Kibibytes, or a number of things.
pub(crate) type Held = u64;

/// A process, by its replica and id, and its samples.
type Courses = BTreeMap<(usize, u32), Vec<Sample>>;

/// The looking, which ends when it is dropped.
pub(crate) struct Watch {
    running: Arc<Mutex<BTreeMap<usize, u32>>>,
    courses: Arc<Mutex<Courses>>,
    operators: Vec<Asker>,
    looking: JoinHandle<()>,
}

/// How a process went: the medians of the second and of the last third of its warm life.
#[derive(Clone, Debug)]
pub(crate) struct Judged {
    pub(crate) replica: usize,
    pub(crate) watched: Duration,
    pub(crate) before: Sample,
    pub(crate) after: Sample,
}

impl Watch {
    pub(crate) fn start(fleet: &Fleet) -> Self {
        let operators: Vec<_> = fleet.all().map(|replica| fleet.operator(replica)).collect();
        let (running, courses) = (Arc::<Mutex<BTreeMap<usize, u32>>>::default(), Arc::<Mutex<Courses>>::default());
        let looking = tokio::spawn(look_on(operators.clone(), Arc::clone(&running), Arc::clone(&courses)));
        Self { running, courses, operators, looking }
    }

    /// This process is a replica from now on.
    pub(crate) fn runs(&self, replica: usize, process: u32) {
        self.running.lock().unwrap().insert(replica, process);
    }

    /// It is not any more.
    pub(crate) fn gone(&self, replica: usize) {
        self.running.lock().unwrap().remove(&replica);
    }

    /// What each running replica holds now.
    pub(crate) async fn now(&self) -> Vec<Sample> {
        let running = self.running.lock().unwrap().clone();
        let mut samples = Vec::new();
        for (replica, process) in running {
            samples.extend(look(process, &self.operators[replica]).await);
        }
        samples
    }

    /// The processes that lived for long enough to be judged.
    pub(crate) fn judged(&self) -> Vec<Judged> {
        assert!(!self.looking.is_finished(), "nobody looked until the end");
        let courses = self.courses.lock().unwrap();
        courses.iter().filter_map(|((replica, _), samples)| judged(*replica, samples)).collect()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.looking.abort();
    }
}

impl Judged {
    /// Whether it held more in its last third, by more than what comes and goes.
    pub(crate) fn grows(&self) -> bool {
        let Self { before, after, .. } = self;
        after.memory > before.memory + MEMORY_GROWTH
            || after.files > before.files + THINGS_GROWTH
            || after.tasks > before.tasks + THINGS_GROWTH
    }
}

async fn look_on(operators: Vec<Asker>, running: Arc<Mutex<BTreeMap<usize, u32>>>, courses: Arc<Mutex<Courses>>) {
    loop {
        sleep(PERIOD).await;
        let now = running.lock().unwrap().clone();
        for (replica, process) in now {
            if let Some(sample) = look(process, &operators[replica]).await {
                courses.lock().unwrap().entry((replica, process)).or_default().push(sample);
            }
        }
    }
}

/// `None` where the process is gone or stands still.
async fn look(process: u32, operator: &Asker) -> Option<Sample> {
    let page = timeout(Duration::from_secs(1), operator.try_send("GET", "/metrics", "")).await.ok()?.ok()?;
    let tasks = page.text.lines().find_map(|line| line.strip_prefix("sluice_tasks "))?.parse().ok()?;
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let field =
        |name: &str| status.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok();
    let files = match fs::read_dir(format!("/proc/{process}/fd")) {
        Ok(files) => files.count(),
        Err(fault) if fault.kind() == ErrorKind::PermissionDenied => {
            panic!("its open files cannot be counted: {fault}")
        }
        Err(_gone) => return None,
    };
    Some(Sample {
        at: Instant::now(),
        memory: field("VmRSS:")?,
        files: u64::try_from(files).unwrap(),
        threads: field("Threads:")?,
        tasks,
    })
}

fn judged(replica: usize, samples: &[Sample]) -> Option<Judged> {
    let first = samples.first()?.at;
    let warm: Vec<_> = samples.iter().filter(|sample| sample.at - first >= WARM).copied().collect();
    let watched = warm.last()?.at - first;
    if watched < WORTH_JUDGING {
        return None;
    }
    let third = warm.len() / 3;
    let (before, after) = (median(&warm[third..2 * third])?, median(&warm[2 * third..])?);
    Some(Judged { replica, watched, before, after })
}

/// The median of each figure.
fn median(samples: &[Sample]) -> Option<Sample> {
    let of = |figure: fn(&Sample) -> Held| {
        let mut figures: Vec<_> = samples.iter().map(figure).collect();
        figures.sort_unstable();
        figures.get(figures.len() / 2).copied()
    };
    Some(Sample {
        at: samples.last()?.at,
        memory: of(|sample| sample.memory)?,
        files: of(|sample| sample.files)?,
        threads: of(|sample| sample.threads)?,
        tasks: of(|sample| sample.tasks)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two minutes of a process whose figures are those of a calm one, and so much more a minute.
    fn lived(memory: u64, files: u64, tasks: u64) -> Judged {
        let began = Instant::now();
        let sample = |second: u64| Sample {
            at: began + Duration::from_secs(second),
            memory: 20_000 + memory * second / 60,
            files: 40 + files * second / 60 + second % 7,
            threads: 5,
            tasks: 30 + tasks * second / 60 + second % 11,
        };
        judged(0, &(0..120).step_by(2).map(sample).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn a_process_that_grows_is_told_from_one_whose_load_comes_and_goes() {
        assert!(!lived(0, 0, 0).grows());
        assert!(lived(40_000, 0, 0).grows());
        assert!(lived(0, 120, 0).grows());
        assert!(lived(0, 0, 120).grows());
    }

    #[test]
    fn a_process_that_lived_for_a_moment_is_not_judged() {
        let sample = Sample { at: Instant::now(), memory: 1, files: 1, threads: 1, tasks: 1 };
        assert!(judged(0, &[sample; 3]).is_none() && judged(0, &[]).is_none());
    }
}
