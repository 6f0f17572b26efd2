//! The pages of merchants.

use tollgate_admin::merchants::{self, MerchantFilter, NewMerchant};
use tollgate_admin::{AdminError, Name, Operation, tokens};
use tollgate_core::MerchantId;
use tollgate_http::Problem;
use tollgate_server::error::Error;
use tollgate_store::{Merchant, Object};

use super::act::{Ask, again, asked, asked_before, done, done_or_asked, id, notice};
use super::clients;
use super::page::{Cell, Field, Form, Link, Look, Page, Section, Table, fact};
use super::paths::{self, MERCHANTS as PATH};
use super::routes::{Route, only};
use super::view::{self, STATUSES};
use super::visit::{Outcome, Visit, page};
use super::whole::Act;
use axum::routing::get;

/// The number of merchants on a page.
const LIMIT: u32 = 50;

/// Returns the routes of merchants.
pub(super) fn routes() -> Vec<Route> {
    let mut routes = vec![
        (PATH, only("GET, HEAD", get(page(Some(Operation::ListMerchants), list)))),
        ("/console/merchants/new", asked(Operation::CreateMerchant, new, create)),
        ("/console/merchants/{id}", only("GET, HEAD", get(page(Some(Operation::ShowMerchant), show)))),
        ("/console/merchants/{id}/rename", asked(Operation::RenameMerchant, rename, renamed)),
    ];
    routes.extend(Act::ALL.map(|act| {
        let ask = move |visit| ask(visit, act);
        (path(act), asked(operation(act), ask, move |visit| perform(visit, act)))
    }));
    routes
}

async fn list(visit: Visit) -> Outcome {
    let query = visit.query()?;
    let filter = MerchantFilter {
        name: query.given("name").map(str::to_owned),
        status: view::status_of(query.given("status"))?,
    };
    let after = query.parsed("after", "must be the id of a merchant")?;
    let found = merchants::search(&visit.administration(), &filter, after, LIMIT).await?;
    let rows = found.items.iter().map(row).collect();
    let mut table = Table::new(&["Name", "Status", "Id", "Created"], "No merchant is like that.", rows);
    table.first = after.map(|_| format!("{PATH}?{}", query.query_with("after", "")));
    table.next = found.next.map(|next| format!("{PATH}?{}", query.query_with("after", &next.to_string())));
    let form = Form::filter(PATH)
        .field(Field::line("name", "Name has", query.text("name")))
        .field(Field::choice("status", "Status", query.text("status"), &STATUSES));
    let section = Section { filter: Some(form), table: Some(table), ..Section::new("All merchants") };
    let mut page = Page::new(visit.frame(), "Merchants").lead("A merchant owns clients, and what they do.");
    page.notice = notice(&visit)?;
    if visit.may(Operation::CreateMerchant) {
        page.links.push(Link::new("/console/merchants/new", "New merchant", Look::Primary));
    }
    Ok(page.section(section).response())
}

fn row(merchant: &Merchant) -> Vec<Cell> {
    vec![
        view::link(paths::merchant(merchant.id), merchant.name.clone()),
        Cell::Tag(view::status(merchant.status)),
        view::code(&merchant.id),
        view::time(merchant.created_at),
    ]
}

async fn show(visit: Visit) -> Outcome {
    let merchant = merchants::find(&visit.administration(), visit.id("id")?).await?;
    let facts = vec![id("Merchant id", &merchant.id), fact("Created", view::time(merchant.created_at))];
    let mut page = Page::new(visit.frame(), merchant.name.clone()).below(above());
    page.tag = Some(view::status(merchant.status));
    page.notice = notice(&visit)?;
    let rename = Link::new(format!("{}/rename", paths::merchant(merchant.id)), "Rename", Look::Secondary);
    let mut links: Vec<_> = visit.may(Operation::RenameMerchant).then_some(rename).into_iter().collect();
    links.extend(
        Act::of(merchant.status)
            .into_iter()
            .filter(|act| visit.may(operation(*act)))
            .map(|act| act.link(path(act), &merchant.id)),
    );
    let about = Section { facts, links, ..Section::new("This merchant") };
    Ok(page.section(about).section(clients::of_merchant(&visit, merchant.id).await?).response())
}

fn above() -> Link {
    Link::new(PATH, "Merchants", Look::Secondary)
}

fn name_page(visit: &Visit, title: String, name: &str, button: &'static str, cancel: String) -> Page {
    let hint = "1 to 255 characters. Payment pages show it.";
    let form = Form::post(visit.path(), button, cancel)
        .field(Field::line("name", "Name", name).hint(hint).required())
        .field(Field::reason(visit.form().text("reason")));
    Page::new(visit.frame(), title)
        .below(above())
        .section(Section { form: Some(form), ..Section::new("What it is called") })
}

fn name_of(visit: &Visit) -> Result<Name, Error> {
    visit
        .form()
        .text("name")
        .parse()
        .map_err(|error: tollgate_admin::NameError| Problem::new("name", error.to_string()).into())
}

fn new_page(visit: &Visit) -> Page {
    name_page(visit, "New merchant".to_owned(), visit.form().text("name"), "Create", PATH.to_owned())
}

async fn new(visit: Visit) -> Outcome {
    Ok(new_page(&visit).response())
}

async fn create(visit: Visit) -> Outcome {
    let name = match name_of(&visit) {
        Ok(name) => name,
        Err(error) => return again(new_page(&visit), error),
    };
    let new = NewMerchant { id: None, name };
    let merchant = merchants::create(&visit.administration(), new, visit.actor()).await?;
    Ok(done(&paths::merchant(merchant.id), "created"))
}

async fn rename(visit: Visit) -> Outcome {
    let merchant = merchants::find(&visit.administration(), visit.id("id")?).await?;
    let title = format!("Rename {}", merchant.name);
    Ok(name_page(&visit, title, &merchant.name, "Rename", paths::merchant(merchant.id)).response())
}

async fn renamed(visit: Visit) -> Outcome {
    let id = visit.id("id")?;
    match name_of(&visit) {
        Ok(name) => {
            merchants::rename(&visit.administration(), id, name, None, visit.actor()).await?;
            Ok(done(&paths::merchant(id), "renamed"))
        }
        Err(error) => {
            let page = name_page(
                &visit,
                "Rename".to_owned(),
                visit.form().text("name"),
                "Rename",
                paths::merchant(id),
            );
            again(page, error)
        }
    }
}

/// Returns the path of the page that asks before an act.
const fn path(act: Act) -> &'static str {
    match act {
        Act::Disable => "/console/merchants/{id}/disable",
        Act::Enable => "/console/merchants/{id}/enable",
        Act::Revoke => "/console/merchants/{id}/revoke-tokens",
        Act::Delete => "/console/merchants/{id}/delete",
    }
}

/// Returns the operation for an act.
const fn operation(act: Act) -> Operation {
    match act {
        Act::Disable => Operation::DisableMerchant,
        Act::Enable => Operation::EnableMerchant,
        Act::Revoke => Operation::RevokeTokens,
        Act::Delete => Operation::DeleteMerchant,
    }
}

/// Returns what will happen, in words for people.
const fn lead(act: Act) -> &'static str {
    match act {
        Act::Disable => {
            "Every client of it is refused, and every token that they have, until it is enabled again."
        }
        Act::Enable => "Its clients are accepted again. The tokens that they had stay refused.",
        Act::Revoke => "Every token that its clients have is refused. They can obtain new ones at once.",
        Act::Delete => {
            "It is deleted with its clients and their secrets, and every token that they have is refused. This can't be undone."
        }
    }
}

async fn ask_page(visit: &Visit, act: Act) -> Result<Page, Error> {
    let merchant = merchants::find(&visit.administration(), visit.id("id")?).await?;
    let mut facts = vec![id("Merchant id", &merchant.id)];
    facts.extend(asked_before(visit, operation(act), &Object::Merchant(merchant.id)).await?);
    let ask = Ask {
        title: format!("{}: {}", act.button(), merchant.name),
        lead: lead(act),
        facts,
        button: act.button(),
        confirmation: matches!(act, Act::Delete).then_some("Delete it with everything that is its own"),
        above: paths::merchant(merchant.id),
    };
    Ok(ask.page(visit).below(Link::new(paths::merchant(merchant.id), merchant.name, Look::Secondary)))
}

async fn ask(visit: Visit, act: Act) -> Outcome {
    Ok(ask_page(&visit, act).await?.response())
}

async fn perform(visit: Visit, act: Act) -> Outcome {
    if matches!(act, Act::Delete)
        && let Err(error) = visit.form().check_confirmed()
    {
        return again(ask_page(&visit, act).await?, error);
    }
    let id = visit.id("id")?;
    let what = done_to(&visit, act, id).await?;
    Ok(act.done(what, &paths::merchant(id), PATH))
}

async fn done_to(visit: &Visit, act: Act, id: MerchantId) -> Result<&'static str, AdminError> {
    let (admin, actor) = (visit.administration(), visit.actor());
    match act {
        Act::Disable => merchants::disable(&admin, id, actor).await.map(|_| "disabled"),
        Act::Enable => merchants::enable(&admin, id, actor).await.map(|_| "enabled"),
        Act::Revoke => tokens::revoke_all_of_merchant(&admin, id, actor).await.map(|()| "revoked-tokens"),
        Act::Delete => done_or_asked(merchants::delete(&admin, id, None, actor).await, "deleted"),
    }
}
