//! Administration of merchants, clients, secrets and signing keys. A running server sees a change within a second.

pub(crate) mod audit;
pub(crate) mod clients;
pub(crate) mod console;
pub(crate) mod keys;
pub(crate) mod merchants;
pub(crate) mod secrets;
pub(crate) mod tokens;
