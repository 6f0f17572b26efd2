//! The stores, as far as a client can see.

pub(crate) mod aws;
pub(crate) mod google;
pub(crate) mod vault;
