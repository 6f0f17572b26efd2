//! Lists, a part at a time.

use serde_json::Value;

use crate::error::OperatorError;

/// A page of a list.
#[derive(Debug)]
pub struct Page {
    /// What is on it.
    pub items: Vec<Value>,
    /// After what the next one begins; `None` on the last.
    pub next: Option<String>,
}

/// Returns what is on all pages. `page` reads the one after what it is given, or the first one.
pub(crate) async fn all(
    page: impl AsyncFn(Option<&str>) -> Result<Page, OperatorError>,
) -> Result<Vec<Value>, OperatorError> {
    let Page { mut items, mut next } = page(None).await?;
    while let Some(after) = next {
        let further = page(Some(&after)).await?;
        items.extend(further.items);
        next = further.next;
    }
    Ok(items)
}
