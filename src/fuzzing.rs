//! What the fuzz targets throw strangers' bytes at, and the corpora of `fuzz/corpus` as ordinary tests.
//!
//! A target takes bytes and panics where something does not hold that has to hold of every input: that nothing falls
//! over is the least of it. Each stands beside the code that it is about; compiled for tests and by `cargo fuzz` alone.

pub use crate::auth::fuzzing::{claims, discovery, header, key_set, token};
pub use crate::config::fuzzing::configuration;
pub use crate::edge::fuzzing::authorization;
pub use crate::fleet::fuzzing::{envelope, news};
pub use crate::query::fuzzing::{question, times};
pub use crate::upstream::fuzzing::upstream;

/// What takes bytes, and panics where they are treated wrongly.
pub type Target = fn(&[u8]);

/// All targets by name.
pub const TARGETS: [(&str, Target); 12] = [
    ("authorization", authorization),
    ("claims", claims),
    ("configuration", configuration),
    ("discovery", discovery),
    ("envelope", envelope),
    ("header", header),
    ("key_set", key_set),
    ("news", news),
    ("question", question),
    ("times", times),
    ("token", token),
    ("upstream", upstream),
];

#[cfg(test)]
mod corpora;
