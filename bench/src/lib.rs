//! What the benchmarks share.

pub mod credentials;
pub mod figures;
pub mod message;
pub mod plain;
pub mod process;
pub mod stats;
