//! The pages of clients.

mod changes;
mod fields;
mod lists;
mod state;

use axum::routing::get;
use tollgate_admin::Operation;

use super::act::asked;
use super::paths::CLIENTS as PATH;
use super::routes::{Route, only};
use super::visit::page;
use super::whole::Act;

pub(super) use lists::of_merchant;

/// Returns the routes of clients.
pub(super) fn routes() -> Vec<Route> {
    let mut routes = vec![
        (PATH, only("GET, HEAD", get(page(Some(Operation::ListClients), lists::list)))),
        ("/console/clients/new", asked(Operation::CreateClient, changes::new, changes::create)),
        ("/console/clients/{id}", only("GET, HEAD", get(page(Some(Operation::ShowClient), state::show)))),
        ("/console/clients/{id}/change", asked(Operation::UpdateClient, changes::change, changes::changed)),
    ];
    routes.extend(Act::ALL.map(|act| {
        let ask = move |visit| state::ask(visit, act);
        (state::path(act), asked(state::operation(act), ask, move |visit| state::perform(visit, act)))
    }));
    routes
}
