//! Real Redis servers as child processes: one alone, three as a cluster, two under sentinels.
//!
//! Stands on nothing else of the support but `certificates` and `port`, beside it, so that the library's own tests can
//! include them by path.

mod cluster;
mod sentinels;
mod server;

pub(crate) use cluster::Cluster;
pub(crate) use sentinels::Sentinels;
pub(crate) use server::{Options, Redis};

pub(crate) use super::certificates::Certificates;
use super::port::free_port;
