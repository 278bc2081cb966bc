//! Real Redis servers as child processes: one alone, three as a cluster, two under sentinels.
//!
//! Stands on nothing else of the support but `port`, beside it, so that the library's own tests can include both by path.

mod certificates;
mod cluster;
mod sentinels;
mod server;

pub(crate) use certificates::Certificates;
pub(crate) use cluster::Cluster;
pub(crate) use sentinels::Sentinels;
pub(crate) use server::{Options, Redis};

use super::port::free_port;
