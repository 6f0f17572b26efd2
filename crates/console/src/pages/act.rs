//! Pages that ask before an act is done: they say what will happen, ask for a reason, and have a button.

use tollgate_admin::{AdminError, Operation, second};
use tollgate_server::error::Error;

use axum::response::Response;
use axum::routing::{MethodRouter, get};
use std::sync::Arc;
use tollgate_store::Object;

use super::page::{Cell, Fact, Field, Form, Look, Page, Section, moved};
use super::routes::only;
use super::shared::Console;
use super::view;
use super::visit::{Outcome, Visit, page};

/// The question before an act.
pub(super) struct Ask {
    pub(super) title: String,
    /// What will happen, in words for people.
    pub(super) lead: &'static str,
    pub(super) facts: Vec<Fact>,
    pub(super) button: &'static str,
    /// The label of a box that must be ticked; `None` for an act that can be undone.
    pub(super) confirmation: Option<&'static str>,
    /// The path of the page to go back to.
    pub(super) above: String,
}

impl Ask {
    /// Makes the page that asks.
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

/// Returns the handlers of a page that asks, and of its form.
pub(super) fn asked<A, B>(
    operation: Operation,
    ask: impl Fn(Visit) -> A + Clone + Send + Sync + 'static,
    perform: impl Fn(Visit) -> B + Clone + Send + Sync + 'static,
) -> MethodRouter<Arc<Console>>
where
    A: Future<Output = Outcome> + Send + 'static,
    B: Future<Output = Outcome> + Send + 'static,
{
    let operation = Some(operation);
    only("GET, HEAD, POST", get(page(operation, ask)).post(page(operation, perform)))
}

/// Tells the user that the act was done, or that a second person must ask for it, too.
pub(super) fn done_or_asked(
    outcome: Result<(), AdminError>,
    done: &'static str,
) -> Result<&'static str, AdminError> {
    match outcome {
        Ok(()) => Ok(done),
        Err(AdminError::SecondPerson { .. }) => Ok(ASKED),
        Err(error) => Err(error),
    }
}

/// Shows who has already asked for an act that takes two people.
pub(super) async fn asked_before(
    visit: &Visit,
    operation: Operation,
    object: &Object,
) -> Result<Vec<Fact>, AdminError> {
    let admin = visit.administration();
    let asked = second::waiting(&admin, operation.name(), object, admin.now().await?).await?;
    let facts = asked.into_iter().flat_map(|asked| {
        let why = asked.why.map(|why| super::page::fact("Because", view::text(why)));
        let by = super::page::fact("Asked for by", Cell::Code(asked.by));
        [Some(by), why, Some(super::page::fact("Waits for another person until", view::time(asked.until)))]
    });
    Ok(facts.flatten().collect())
}

/// Redirects to a page that says what was done.
pub(super) fn done(path: &str, what: &str) -> Response {
    moved(&format!("{path}?done={what}"))
}

/// Returns what was just done, from a word in the query. Other words have no effect.
pub(super) fn notice(visit: &Visit) -> Result<Option<&'static str>, Error> {
    let query = visit.query()?;
    let known = NOTICES.iter().find(|(word, _)| query.given("done") == Some(*word));
    Ok(known.map(|(_, text)| *text))
}

/// The word for an act that waits for a second person.
pub(super) const ASKED: &str = "asked";

const NOTICES: [(&str, &str); 12] = [
    ("created", "It was created."),
    ("renamed", "It has its new name."),
    ("changed", "It was changed."),
    ("disabled", "It is disabled: it is refused everywhere, within a second."),
    ("enabled", "It is enabled again. The tokens of before stay refused."),
    ("deleted", "It was deleted."),
    (ASKED, "You have asked for it. It is done when another person asks for the same."),
    ("revoked-tokens", "Every token of before is refused from now on."),
    ("revoked-secret", "The secret was revoked, and every token that was obtained with it."),
    ("revoked-token", "The token was revoked, and those that were made with it."),
    ("added", "The key was added. It signs once everybody can know it."),
    ("replaced", "A new key signs now. Every token of the others is refused."),
];

/// Shows the form again with its problems, or returns any other error.
pub(super) fn again(page: Page, error: Error) -> Outcome {
    match error.problems() {
        Some(problems) => Ok(page.problems(&problems).response()),
        None => Err(error),
    }
}

/// Shows an id as a fact of the page.
pub(super) fn id(name: &'static str, id: &impl ToString) -> Fact {
    super::page::fact(name, view::code(id))
}
