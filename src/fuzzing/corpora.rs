//! Every seed through its target, and that there are seeds for every target and a target for all seeds.

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;

use super::TARGETS;

/// Fewer would not reach the boundaries of anything.
const FEWEST_SEEDS: usize = 20;
/// Far beyond what any takes in a build without optimisation: what grows out of bounds is found.
const LONGEST: Duration = Duration::from_secs(10);

fn fuzz(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(path)
}

/// What is in a folder, sorted by name.
fn listed(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|fault| panic!("{}: {fault}", folder.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn stems(folder: &str) -> BTreeSet<String> {
    listed(&fuzz(folder)).iter().map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let named = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    listed(&fuzz("corpus").join(target)).iter().map(|path| (named(path), fs::read(path).unwrap())).collect()
}

#[test]
fn every_target_has_seeds_and_all_seeds_have_a_target() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(stems("corpus"), targets, "folders of seeds, and targets");
    assert_eq!(stems("fuzz_targets"), targets, "what `cargo fuzz` runs, and targets");
    let manifest = fs::read_to_string(fuzz("Cargo.toml")).unwrap();
    for target in &targets {
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{target}.rs\"")), "{target} is not in the manifest");
        let seeds = seeds(target);
        assert!(seeds.len() >= FEWEST_SEEDS, "{target} has {} seeds", seeds.len());
        let distinct: BTreeSet<_> = seeds.iter().map(|(_, bytes)| bytes).collect();
        assert_eq!(distinct.len(), seeds.len(), "{target} has a seed twice");
    }
    let dictionaries = stems("dictionaries");
    assert!(dictionaries.is_subset(&targets), "{dictionaries:?} have no target");
}

#[test]
fn every_seed_passes_its_target() {
    let mut failed = Vec::new();
    for (target, run) in TARGETS {
        for (name, bytes) in seeds(target) {
            let began = Instant::now();
            let passed = catch_unwind(|| run(&bytes)).is_ok() && began.elapsed() < LONGEST;
            failed.extend((!passed).then(|| format!("fuzz/corpus/{target}/{name} after {:?}", began.elapsed())));
        }
    }
    assert!(failed.is_empty(), "what went wrong is said above, or it took too long: {failed:#?}");
}
