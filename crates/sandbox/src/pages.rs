//! The pages of the sandbox: what everything that people see in a browser has in common is [`tollgate_http::pages`].
//!
//! A page extends `templates/base.html`. What it loads beyond that is an [`asset`], embedded in the program.

pub(crate) mod asset;
pub(crate) mod start;
pub(crate) mod unknown;
