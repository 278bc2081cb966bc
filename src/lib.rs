//! Sluice: an authenticated caching gateway that lets every team query Volcengine RTC usage distribution through one
//! shared master key, without ever sending the vendor a third call in a second.
//!
//! The modules stand in the order of a request's path; each imports only what is declared above it, which
//! `tests/it/layering.rs` checks. Start with `pipeline`, where the stages are strung together.

// The ground floor.
mod model;
pub mod clock;
mod memo;
mod settings;
pub mod telemetry;
mod store;

// The path.
pub mod auth;
mod tenancy;
mod query;
mod cache;
mod budget;
mod audit;
mod upstream;
mod fleet;
mod queue;
mod pipeline;

// The house around it.
pub mod edge;
pub mod config;
pub mod simulator;
pub mod app;
pub mod cli;

// What strangers may send, thrown at the stages in tests and by `cargo fuzz`; no part of the program.
#[cfg(any(test, fuzzing))]
pub mod fuzzing;

// The stages by themselves, for `benches/micro`; no part of the program.
#[cfg(feature = "benchmarks")]
pub mod benchmarks;
