//! The binary as its users meet it: started in a folder of its own, spoken to over HTTP, by its command line and by
//! signals.
//!
//! Waiting is asking again until a deadline that only a bug reaches.

#![allow(
    clippy::unwrap_used,
    reason = "clippy.toml allows it in tests, and does not know that all of this is one"
)]

mod agent;
mod agent_settings;
mod agreement;
mod apply;
mod audiences;
mod audit;
mod by_server;
mod call;
mod caller;
mod callers;
mod canary;
mod changes;
mod commands;
mod compression;
mod config_check;
mod console;
mod crash;
mod dependencies;
mod dependents;
mod dev;
mod documented;
mod examples;
mod failures;
mod first_programs;
mod full_disk;
mod guarding;
mod hardening;
#[allow(unused_imports, reason = "the cluster test uses more of it")]
#[path = "../harness/mod.rs"]
mod harness;
mod health;
mod import;
mod inspect;
mod kept;
mod limits;
mod network;
mod nodes;
mod oauth;
mod openapi;
mod output;
mod packaging;
mod playground;
mod postgres;
#[allow(dead_code, reason = "the tests of the store use more of it")]
#[path = "../../../store-postgres/src/tests/server.rs"]
mod postgres_server;
mod proxies;
mod races;
mod readme;
mod reload;
mod remote_guards;
mod replaced;
mod restarts;
mod rolling;
mod rust_libraries;
mod secret_files;
mod signals;
mod signing_in;
mod snippets;
mod store_file;
mod telemetry;
mod terminal;
mod tls;
mod transfer;
mod upgrade;
mod upkeep;
mod usage;
mod verifiers;
mod waiting;
mod which_installation;
