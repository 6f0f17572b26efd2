//! The pages and sections that list clients.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use tollgate_admin::clients::{self, ClientFilter};
use tollgate_admin::{AdminError, Operation, merchants};
use tollgate_core::MerchantId;
use tollgate_http::Problem;
use tollgate_server::error::Error;
use tollgate_store::{Client, Labels};

use crate::pages::act::notice;
use crate::pages::form::Fields;
use crate::pages::page::{Cell, Field, Form, Link, Look, Page, Section, Table};
use crate::pages::paths::{self, CLIENTS as PATH};
use crate::pages::view::{self, STATUSES};
use crate::pages::visit::{Outcome, Visit};

/// The number of clients on a page.
const LIMIT: u32 = 50;
/// The number of clients that are shown on the page of their merchant.
const A_FEW: u32 = 10;
const COLUMNS: [&str; 5] = ["Name", "Status", "Environment", "Acts for", "Id"];
const KINDS: [(&str, &str); 3] =
    [("", "any"), ("false", "a merchant"), ("true", "every merchant (operators)")];
const ENVIRONMENTS: [(&str, &str); 3] = [("", "any"), ("live", "live"), ("test", "test")];

pub(super) async fn list(visit: Visit) -> Outcome {
    let query = visit.query()?;
    let filter = filter(&query)?;
    let after = query.parsed("after", "must be the id of a client")?;
    let found = clients::search(&visit.administration(), &filter, after, LIMIT).await?;
    let merchants = merchants_of(&visit, &found.items).await?;
    let rows = found.items.iter().map(|client| row(client, &merchants)).collect();
    let mut table = Table::new(&COLUMNS, "No client is like that.", rows);
    table.first = after.map(|_| format!("{PATH}?{}", query.query_with("after", "")));
    table.next = found.next.map(|next| format!("{PATH}?{}", query.query_with("after", &next.to_string())));
    let section =
        Section { filter: Some(filter_form(&query)), table: Some(table), ..Section::new("All clients") };
    let lead = "A client is a program with an id and a secret. It obtains tokens by them.";
    let mut page = Page::new(visit.frame(), "Clients").lead(lead);
    page.notice = notice(&visit)?;
    if visit.may(Operation::CreateClient) {
        page.links.push(Link::new("/console/clients/new", "New client", Look::Primary));
    }
    Ok(page.section(section).response())
}

fn filter(query: &Fields) -> Result<ClientFilter, Error> {
    Ok(ClientFilter {
        merchant_id: query.parsed("merchant_id", "must be the id of a merchant")?,
        operator: query.parsed("operator", "must be true or false")?,
        name: query.given("name").map(str::to_owned),
        scope: query.parsed("scope", "must be words of a scope, separated by spaces")?,
        status: view::status_of(query.given("status"))?,
        environment: query.parsed("environment", "must be live or test")?,
        label: query.given("label").map(label).transpose()?,
        secret_last_used_before: None,
    })
}

/// Reads a label, `name` or `name=value`.
fn label(text: &str) -> Result<(String, Option<String>), Error> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (text, None),
    };
    let pair = (name.to_owned(), value.unwrap_or_default().to_owned());
    let wrong = |_| Problem::new("label", "must be the name of a label, or name=value");
    Labels::new([pair]).map_err(wrong)?;
    Ok((name.to_owned(), value.map(str::to_owned)))
}

fn filter_form(query: &Fields) -> Form {
    Form::filter(PATH)
        .field(Field::line("name", "Name has", query.text("name")))
        .field(Field::line("merchant_id", "Merchant id", query.text("merchant_id")))
        .field(Field::line("scope", "Scope has", query.text("scope")))
        .field(Field::line("label", "Label", query.text("label")))
        .field(Field::choice("operator", "Acts for", query.text("operator"), &KINDS))
        .field(Field::choice("status", "Status", query.text("status"), &STATUSES))
        .field(Field::choice("environment", "Environment", query.text("environment"), &ENVIRONMENTS))
}

/// Returns the names of the merchants that clients act for, as far as the user may see them.
async fn merchants_of(visit: &Visit, clients: &[Client]) -> Result<BTreeMap<MerchantId, String>, Error> {
    let mut names = BTreeMap::new();
    if !visit.may(Operation::ShowMerchant) {
        return Ok(names);
    }
    for id in clients.iter().filter_map(|client| client.merchant_id) {
        if let Entry::Vacant(name) = names.entry(id) {
            // A merchant may be deleted while the page is made.
            match merchants::find(&visit.administration(), id).await {
                Ok(merchant) => _ = name.insert(merchant.name),
                Err(AdminError::UnknownMerchant(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(names)
}

fn row(client: &Client, merchants: &BTreeMap<MerchantId, String>) -> Vec<Cell> {
    let acts_for = client.merchant_id.map_or(Cell::Nothing("every merchant"), |id| {
        view::link(paths::merchant(id), merchants.get(&id).cloned().unwrap_or_else(|| id.to_string()))
    });
    vec![
        view::link(paths::client(client.id), client.name.clone()),
        Cell::Tag(view::status(client.status)),
        view::text(client.environment.as_str()),
        acts_for,
        view::code(&client.id),
    ]
}

/// Returns the section with the clients of a merchant, as far as the user may see them.
pub(crate) async fn of_merchant(visit: &Visit, merchant: MerchantId) -> Result<Section, Error> {
    let mut section = Section::new("Its clients");
    if visit.may(Operation::CreateClient) {
        let new = format!("/console/clients/new?merchant_id={merchant}");
        section.links.push(Link::new(new, "New client", Look::Primary));
    }
    if !visit.may(Operation::ListClients) {
        return Ok(section);
    }
    let all = format!("{PATH}?merchant_id={merchant}");
    section.links.push(Link::new(all, "All its clients", Look::Secondary));
    let filter = ClientFilter { merchant_id: Some(merchant), ..ClientFilter::default() };
    let found = clients::search(&visit.administration(), &filter, None, A_FEW).await?;
    let merchants = merchants_of(visit, &found.items).await?;
    let rows = found.items.iter().map(|client| row(client, &merchants)).collect();
    let table = Table::new(&COLUMNS, "It has no client yet.", rows);
    Ok(Section { table: Some(table), ..section })
}
