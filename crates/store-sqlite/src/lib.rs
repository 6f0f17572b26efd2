//! The embedded engine of a Tollgate store: one SQLite file, one thread that writes, a few that read.
//!
//! Methods queue a closure and wait for its answer, so that no task ever blocks on the disk. The closures are in the modules
//! below, by subject.

mod agreements;
mod backup;
mod changes;
mod clients;
mod column;
mod damage;
mod documents;
mod engine;
mod error;
mod idempotency;
mod installation;
mod integrity;
mod job;
mod keys;
mod leftover;
mod log_size;
mod merchants;
mod open;
mod place;
mod purge;
mod queue;
mod reader;
mod secrets;
mod servers;
mod serving;
mod status;
#[cfg(test)]
mod tests;
mod time;
mod trail;
mod transfer;
mod uses;
mod writer;

pub use backup::Backup;
pub use engine::Sqlite;
