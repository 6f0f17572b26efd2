//! The engine of a Tollgate store for many servers: PostgreSQL 15 or later, also behind a pooler in transaction mode.
//!
//! A method is one statement, or two if the second must see what the first waited for. They are sent in one round trip and
//! committed together. An engine that shards the tables could run every statement (`sharding.rs` in the tests): no guarantee
//! depends on an advisory lock, a session or a foreign key between shards. The statements are in the modules below, by
//! subject; `pool.rs` handles their failures.

mod address;
mod agreements;
mod begin;
mod changes;
mod clients;
mod clock;
mod column;
mod complete;
mod documents;
mod engine;
mod error;
mod group;
mod idempotency;
mod installation;
mod integrity;
mod keyed;
mod keys;
mod members;
mod merchants;
mod migrate;
mod pool;
mod purge;
mod secrets;
mod servers;
mod status;
#[cfg(test)]
mod tests;
mod time;
mod tls;
mod trail;
mod transfer;
mod uses;

pub use address::PostgresAddress;
pub use engine::Postgres;
pub use pool::PostgresOptions;
