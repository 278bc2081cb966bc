//! The integration tests: the gateway as its users meet it.
