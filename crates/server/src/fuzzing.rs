//! Internal functions of this crate for the targets in `fuzz/`.

use tollgate_http::Problems;

use crate::oauth::parameters::{Parameters, Times, at_once, read_form};

/// Returns the parameters of a form in their order, and the names that are repeated; `None` if it is not a form.
pub fn form(body: &[u8]) -> Option<(Vec<(String, String)>, Vec<String>)> {
    let (mut problems, mut read) = (Problems::new(), Vec::new());
    read_form(body, &mut problems, |name, value| {
        read.push((name.to_owned(), value.into_owned()));
        Times::Once
    })
    .ok()?;
    Some((read, problems.iter().map(|problem| problem.field.clone()).collect()))
}

/// Returns the parameters of a token request in JSON, by the quick reader and by the strict one; each is `None` if anything is wrong.
pub fn parameters(body: &[u8]) -> (Option<String>, Option<String>) {
    let shown = |parameters: &Parameters<'_>| {
        let Parameters { grant_type, client_id, client_secret, scope, refresh_token } = parameters;
        format!("{grant_type:?} {client_id:?} {client_secret:?} {scope:?} {refresh_token:?}")
    };
    let mut problems = Problems::new();
    let document = Parameters::read_document(body, &mut problems).ok().filter(|_| problems.is_empty());
    (at_once(body).as_ref().map(shown), document.as_ref().map(shown))
}
