//! The gateway as its users meet it: real HTTP, real tokens, a simulated upstream that audits what arrives.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets one of these has failed"
)]

mod support;
#[path = "support/redis/mod.rs"]
#[allow(dead_code, unused_imports, reason = "shared with the other binaries, which use the rest")]
mod redis;

mod admin;
mod answers;
mod attacks;
mod audited;
mod breaker;
mod browsers;
mod canaries;
mod commands;
mod docs;
mod drain;
mod faults;
mod flights;
mod forgeries;
mod hits;
mod hostile;
mod interleaved;
mod isolation;
mod keygen;
mod keys;
mod layering;
mod memory;
mod odd_upstreams;
mod openid;
mod outputs;
mod panics;
mod patience;
mod problems;
mod publishers;
mod reloads;
mod revocation;
mod several_tenants;
mod stale;
mod standstill;
mod telling;
mod tokens;

use support::{certificates, port};
