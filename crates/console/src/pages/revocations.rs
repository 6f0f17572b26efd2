//! The page of the revocations in force.

use axum::routing::get;
use tollgate_admin::Operation;
use tollgate_admin::tokens::{self, Listed};
use tollgate_core::{Generation, Revoked, TokenId};
use tollgate_http::Problem;

use super::act::{again, asked, done, notice};
use super::page::{Cell, Field, Form, Link, Look, Page, Section, Table};
use super::routes::{Route, only};
use super::visit::{Outcome, Visit, page};
use super::{paths, view};

const PATH: &str = "/console/revocations";
const NEW: &str = "/console/revocations/new";
/// The number of revocations on a page.
const LIMIT: u32 = 100;
const COLUMNS: [&str; 4] = ["What", "Id", "Which tokens", "Remembered until"];

/// Returns the routes of revocations.
pub(super) fn routes() -> Vec<Route> {
    vec![
        (PATH, only("GET, HEAD", get(page(Some(Operation::ListRevocations), list)))),
        (NEW, asked(Operation::RevokeTokens, ask, revoke)),
    ]
}

async fn list(visit: Visit) -> Outcome {
    let query = visit.query()?;
    let after: Option<u64> = query.parsed("after", "must be the number of a revocation")?;
    let found = tokens::list(&visit.administration(), after.unwrap_or_default(), LIMIT).await?;
    let mut table = Table::new(&COLUMNS, "Nothing is revoked.", found.iter().map(row).collect());
    table.first = after.map(|_| PATH.to_owned());
    let is_full = found.len() == LIMIT as usize;
    table.next = found.last().filter(|_| is_full).map(|last| format!("{PATH}?after={}", last.seq));
    let lead =
        "What ends tokens before their time. It is remembered for as long as any token lives that it ends.";
    let mut page = Page::new(visit.frame(), "Revocations").lead(lead);
    page.notice = notice(&visit)?;
    if visit.may(Operation::RevokeTokens) {
        page.links.push(Link::new(NEW, "Revoke a token", Look::Secondary));
    }
    Ok(page.section(Section { table: Some(table), ..Section::new("In force") }).response())
}

fn row(listed: &Listed) -> Vec<Cell> {
    let before = |generation: Generation| match generation {
        Generation::END => view::text("all: it was deleted"),
        generation => view::text(format!("of before generation {}", generation.number())),
    };
    let (what, id, which) = match listed.revocation.subject {
        Revoked::Token(id) => ("a token", view::code(&id), view::text("this one, and those made with it")),
        Revoked::Secret(id) => ("a secret", view::code(&id), view::text("all that were obtained with it")),
        Revoked::Client(id, generation) => {
            ("a client", view::link(paths::client(id), id.to_string()), before(generation))
        }
        Revoked::Merchant(id, generation) => {
            ("a merchant", view::link(paths::merchant(id), id.to_string()), before(generation))
        }
    };
    vec![view::text(what), id, which, view::time(listed.revocation.expires_at)]
}

fn ask_page(visit: &Visit) -> Page {
    let hint = "Its claim jti. That of a refresh token ends the access tokens that were made with it.";
    let form = Form::post(NEW, "Revoke", PATH)
        .field(Field::line("token_id", "Token id", visit.form().text("token_id")).hint(hint).required())
        .field(Field::reason(visit.form().text("reason")));
    Page::new(visit.frame(), "Revoke a token")
        .below(Link::new(PATH, "Revocations", Look::Secondary))
        .lead("All tokens of a client or a merchant are revoked on its page.")
        .section(Section { form: Some(form), ..Section::new("Which token") })
}

async fn ask(visit: Visit) -> Outcome {
    Ok(ask_page(&visit).response())
}

async fn revoke(visit: Visit) -> Outcome {
    let Ok(id) = visit.form().text("token_id").parse::<TokenId>() else {
        let problem =
            Problem::new("token_id", "must be the claim jti of a token: 22 characters of base64url");
        return again(ask_page(&visit), problem.into());
    };
    tokens::revoke(&visit.administration(), id, visit.actor()).await?;
    Ok(done(PATH, "revoked-token"))
}
