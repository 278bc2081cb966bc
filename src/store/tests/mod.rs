//! The store against real servers.

#[path = "../../../tests/it/support/certificates.rs"]
#[allow(dead_code, reason = "shared with the integration tests, which use the rest")]
mod certificates;
#[path = "../../../tests/it/support/port.rs"]
mod port;
#[path = "../../../tests/it/support/redis/mod.rs"]
#[allow(dead_code, unused_imports, reason = "shared with the integration tests, which use the rest")]
pub(crate) mod redis;
