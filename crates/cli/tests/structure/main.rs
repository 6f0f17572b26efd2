//! What docs/architecture.md promises of the code: imports run in no circle, and everything has its budget.

#![allow(
    clippy::unwrap_used,
    reason = "clippy.toml allows it in tests, and does not know that all of this is one"
)]

mod budgets;
mod circles;
mod handlers;
mod imports;
mod paths;
mod source;
