//! Acts that are asked for on a page of their own: what will happen, why it is done, and the button.

use axum::response::Response;
use axum::routing::{MethodRouter, get};
use std::sync::Arc;

use super::page::{Fact, Field, Form, Look, Page, Section, moved};
use super::routes::only;
use super::view;
use super::visit::{Outcome, Visit, page};
use crate::admin::Operation;
use crate::error::Error;
use crate::state::State;

/// What is asked before something is done.
pub(super) struct Ask {
    pub(super) title: String,
    /// What will happen.
    pub(super) lead: &'static str,
    pub(super) facts: Vec<Fact>,
    pub(super) button: &'static str,
    /// What must be ticked for what can't be undone.
    pub(super) confirmation: Option<&'static str>,
    /// Where to go back to.
    pub(super) above: String,
}

impl Ask {
    /// Makes the page.
    pub(super) fn page(self, visit: &Visit) -> Page {
        let Self { title, lead, facts, button, confirmation, above } = self;
        let mut form =
            Form::post(visit.path(), button, above).field(Field::reason(visit.form().text("reason")));
        if let Some(confirmation) = confirmation {
            form = form.field(Field::confirmation(confirmation));
            form.look = Look::Danger;
        }
        let section = Section { facts, form: Some(form), ..Section::new("Are you sure?") };
        Page::new(visit.frame(), title).lead(lead).section(section)
    }
}

/// The methods of a page that asks, and of the form that it has.
pub(super) fn asked<A, B>(
    operation: Operation,
    ask: impl Fn(Visit) -> A + Clone + Send + Sync + 'static,
    perform: impl Fn(Visit) -> B + Clone + Send + Sync + 'static,
) -> MethodRouter<Arc<State>>
where
    A: Future<Output = Outcome> + Send + 'static,
    B: Future<Output = Outcome> + Send + 'static,
{
    let operation = Some(operation);
    only("GET, HEAD, POST", get(page(operation, ask)).post(page(operation, perform)))
}

/// Leads to a page that says what was done.
pub(super) fn done(path: &str, what: &str) -> Response {
    moved(&format!("{path}?done={what}"))
}

/// What was just done, by the word in the query. Any other word says nothing.
pub(super) fn notice(visit: &Visit) -> Result<Option<&'static str>, Error> {
    let query = visit.query()?;
    let known = NOTICES.iter().find(|(word, _)| query.given("done") == Some(*word));
    Ok(known.map(|(_, text)| *text))
}

const NOTICES: [(&str, &str); 9] = [
    ("created", "It was created."),
    ("renamed", "It has its new name."),
    ("changed", "It was changed."),
    ("disabled", "It is disabled: it is refused everywhere, within a second."),
    ("enabled", "It is enabled again. The tokens of before stay refused."),
    ("deleted", "It was deleted."),
    ("revoked-tokens", "Every token of before is refused from now on."),
    ("revoked-secret", "The secret was revoked, and every token that was obtained with it."),
    ("unchanged", "Nothing was to be changed."),
];

/// Shows the form again with what is wrong in it, or says what else went wrong.
pub(super) fn again(page: Page, error: Error) -> Outcome {
    match error.problems() {
        Some(problems) => Ok(page.problems(&problems).response()),
        None => Err(error),
    }
}

/// Shows an id as a fact.
pub(super) fn id(name: &'static str, id: &impl ToString) -> Fact {
    super::page::fact(name, view::code(id))
}
