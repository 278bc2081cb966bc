//! Grant + parameters → `Question`: what is asked, exactly, and whether the vendor could answer it.
//!
//! In: a `Grant` and the raw query string. Out: `Asked`, the question with the caller's own spelling of it. Nothing
//! is clamped or guessed; whatever is not understood is refused by name before anything is spent.

mod config;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod parameters;
mod question;
mod readings;
mod times;

pub use self::config::Config;
#[cfg(test)]
pub(crate) use self::parameters::PARAMETERS;
#[cfg(any(test, feature = "benchmarks"))]
pub(crate) use self::question::ask;
pub use self::question::{Askable, Asked, Invalid, Question, window};
pub use self::readings::Readings;
