//! Lists, a part at a time.

use serde_json::Value;

/// A page of a list.
#[derive(Debug)]
pub struct Page {
    /// What is on it.
    pub items: Vec<Value>,
    /// After what the next one begins; `None` on the last.
    pub next: Option<String>,
}
