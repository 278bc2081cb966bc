//! Every state that the slots can come to, looked at: those of one process, and those that replicas share.
//!
//! What decides is the product's own: `slots.rs` and `guard.rs` for one process; for several the lengths of
//! `shared/terms.rs`, the lateness of `permit.rs`, and the scripts by way of `script.rs`. What may happen around them is
//! written down once, in `local.rs` and `shared.rs`. `docs/budget.md` says what is covered and what is not.

mod local;
mod mutation;
mod script;
mod script_tests;
mod search;
mod shared;
mod tests;
mod world;
