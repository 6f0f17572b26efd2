//! The server from outside: requests through the production router and store, on a clock that the tests set.

#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod admin;
mod administration;
mod agreement;
mod allocations;
mod at_once;
mod audit;
mod authentication;
mod authz;
mod background;
mod call;
mod canary;
mod clock;
mod console;
mod exchanges;
mod failing;
mod faults;
mod guard;
mod histories;
mod idempotency;
mod imported;
mod keys;
mod limits;
mod nodes;
mod oauth;
mod openapi;
mod page;
#[path = "../../../guard/tests/parity/table/mod.rs"]
mod parity;
mod payments;
mod playground;
mod properties;
mod proxies;
mod quiet;
mod reach;
mod reference;
mod refresh;
mod rekey;
mod revocation;
mod rollout;
#[path = "../../../cli/src/sandbox/wiring.rs"]
mod sandbox;
mod stage;
mod stale;
mod store_load;
mod surface;
mod suspension;
mod token;
mod traces;
mod written_log;
