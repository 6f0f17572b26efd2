//! Reads lists page by page.

use serde_json::Value;

use crate::error::OperatorError;

/// A page of a list.
#[derive(Debug)]
pub struct Page {
    /// The items on the page.
    pub items: Vec<Value>,
    /// The position after which the next page begins; `None` on the last page.
    pub next: Option<String>,
}

/// Returns the items of all pages. `page` reads the page after a position, or the first one.
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
