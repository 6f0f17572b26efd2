//! The pages of clients' secrets.

use std::time::Duration;

use tollgate_admin::secrets::{self, CreatedSecret, Identified, SecretStatus};
use tollgate_admin::{AdminError, Operation, clients as client_acts};
use tollgate_config::parse_lifetime;
use tollgate_core::{ClientId, SecretId, Timestamp};
use tollgate_http::Problem;
use tollgate_server::error::Error;
use tollgate_store::{Client, Secret, SecretUses};

use super::act::{Ask, again, asked, done, id};
use super::page::{Cell, Field, Form, Link, Look, Page, Section, Table, Tag};
use super::routes::Route;
use super::shown_once::{self, Shown, once};
use super::visit::{Outcome, Visit};
use super::{paths, view};

/// The route of a new secret, for which idempotency keys are unique.
const CREATE: &str = "POST /console/clients/{id}/secrets/new";
/// How long the other secrets may stay valid while a new one is rolled out.
const OVERLAPS: [(&str, &str); 6] = [
    ("", "as long as they would"),
    ("1h", "for an hour"),
    ("24h", "for a day"),
    ("7d", "for a week"),
    ("30d", "for 30 days"),
    ("1s", "not at all"),
];
const COLUMNS: [&str; 6] = ["Id", "Status", "Created", "Last used", "Used from", "Expires"];

/// Returns the routes of secrets.
pub(super) fn routes() -> Vec<Route> {
    vec![
        ("/console/clients/{id}/secrets/new", asked(Operation::CreateSecret, new, create)),
        ("/console/clients/{id}/secrets/{secret_id}/revoke", asked(Operation::RevokeSecret, ask, revoke)),
    ]
}

/// Returns the section with the secrets of a client, as far as the user may see them.
pub(super) async fn of_client(visit: &Visit, client: &Client, now: Timestamp) -> Result<Section, Error> {
    let lead = "When a secret was last used is known within a minute. One that was imported has the name of its slow hash until it is \
                used."
        .to_owned();
    let mut section = Section { lead, ..Section::new("Its secrets") };
    if visit.may(Operation::CreateSecret) {
        let new = format!("{}/secrets/new", paths::client(client.id));
        section.links.push(Link::new(new, "New secret", Look::Primary));
    }
    let uses = secrets::uses(&visit.administration(), client.id).await?;
    let may_revoke = visit.may(Operation::RevokeSecret);
    let rows = client.secrets.iter().map(|secret| row(client.id, secret, &uses, now, may_revoke));
    section.table =
        Some(Table::new(&COLUMNS, "It has no secret, so it can't obtain tokens by one.", rows.collect()));
    Ok(section)
}

fn row(
    client: ClientId,
    secret: &Secret,
    uses: &[SecretUses],
    now: Timestamp,
    may_revoke: bool,
) -> Vec<Cell> {
    let status = SecretStatus::at(now, secret);
    let tag = match status {
        SecretStatus::Active => Tag { text: "active", is_good: true },
        SecretStatus::Expired => Tag { text: "expired", is_good: false },
        SecretStatus::Revoked => Tag { text: "revoked", is_good: false },
    };
    let used = uses.iter().find(|used| used.secret == secret.id);
    let sources =
        used.map(|used| used.sources.iter().map(|(source, _)| Cell::Code(source.clone())).collect());
    let expires = match secret.revoked_at {
        Some(at) => Cell::Many(vec![Cell::Nothing("revoked"), view::time(at)]),
        None => view::maybe_time(secret.expires_at, "never"),
    };
    let end = if may_revoke && status == SecretStatus::Active {
        let path = format!("{}/secrets/{}/revoke", paths::client(client), secret.id);
        Cell::Many(vec![expires, view::link(path, format!("Revoke {}", short(secret.id)))])
    } else {
        expires
    };
    vec![
        view::code(&secret.id),
        match &secret.slow_hash {
            None => Cell::Tag(tag),
            Some(slow) => Cell::Many(vec![Cell::Tag(tag), Cell::Nothing(slow.name())]),
        },
        view::time(secret.created_at),
        view::maybe_time(used.map(|used| used.last_at), "not yet"),
        sources.map_or(Cell::Nothing("nowhere"), Cell::Many),
        end,
    ]
}

/// Returns the beginning of an id, which tells a client's few secrets apart.
fn short(id: SecretId) -> String {
    id.to_string().chars().take(8).collect()
}

async fn new_page(visit: &Visit) -> Result<Page, Error> {
    let client = client_acts::find(&visit.administration(), visit.id("id")?).await?;
    let above = paths::client(client.id);
    let others = visit.form().text("others_expire_in");
    let form = Form::post(visit.path(), "Create", above.clone())
        .field(Field::choice("others_expire_in", "The other secrets stay good", others, &OVERLAPS))
        .field(Field::reason(visit.form().text("reason")))
        .field(once());
    let section = Section { form: Some(form), ..Section::new("The new secret") };
    Ok(Page::new(visit.frame(), format!("New secret for {}", client.name))
        .below(Link::new(above, client.name, Look::Secondary))
        .lead("Both are good until the client has the new one. It is shown once and not kept.")
        .section(section))
}

async fn new(visit: Visit) -> Outcome {
    Ok(new_page(&visit).await?.response())
}

async fn create(visit: Visit) -> Outcome {
    let others = match others_expire_in(&visit) {
        Ok(others) => others,
        Err(error) => return again(new_page(&visit).await?, error),
    };
    let client: ClientId = visit.id("id")?;
    let shown = |created: &CreatedSecret| Shown {
        client_id: client.to_string(),
        secret_id: created.secret.id.to_string(),
        client_secret: created.value.expose_secret().to_owned(),
    };
    let content = visit.form().query_with("once", "").into_bytes();
    let new = Identified::new(client, others);
    shown_once::create(&visit, CREATE, "The secret was created", content, &new, shown).await
}

fn others_expire_in(visit: &Visit) -> Result<Option<Duration>, Error> {
    let wrong = || Problem::new("others_expire_in", "must be a time such as 24h, and at most 3650d");
    Ok(visit.form().given("others_expire_in").map(parse_lifetime).transpose().map_err(|_| wrong())?)
}

async fn ask(visit: Visit) -> Outcome {
    let (client, secret): (ClientId, SecretId) = (visit.id("id")?, visit.id("secret_id")?);
    let found = client_acts::find(&visit.administration(), client).await?;
    if found.secrets.iter().all(|one| one.id != secret) {
        return Err(AdminError::UnknownSecret { client, secret }.into());
    }
    let ask = Ask {
        title: format!("Revoke a secret of {}", found.name),
        lead: "It is refused from now on, and so is every token that was obtained with it. This can't be undone.",
        facts: vec![id("Secret id", &secret), id("Client id", &client)],
        button: "Revoke",
        confirmation: None,
        above: paths::client(client),
    };
    Ok(ask.page(&visit).below(Link::new(paths::client(client), found.name, Look::Secondary)).response())
}

async fn revoke(visit: Visit) -> Outcome {
    let client = visit.id("id")?;
    secrets::revoke(&visit.administration(), client, visit.id("secret_id")?, visit.actor()).await?;
    Ok(done(&paths::client(client), "revoked-secret"))
}
