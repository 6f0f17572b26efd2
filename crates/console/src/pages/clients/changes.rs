//! The pages that create and change clients.

use tollgate_admin::clients::{self, CreatedClient, Identified};
use tollgate_server::error::Error;
use tollgate_store::Version;

use super::fields::{Values, update};
use crate::pages::act::{again, done};
use crate::pages::page::{Field, Form, Link, Look, Page, Section};
use crate::pages::paths::{self, CLIENTS as PATH};
use crate::pages::shown_once::{self, Shown, once};
use crate::pages::visit::{Outcome, Visit};

/// The route of a new client, for which idempotency keys are unique.
const CREATE: &str = "POST /console/clients/new";

pub(super) async fn new(visit: Visit) -> Outcome {
    let values = Values::new(&visit.query()?);
    Ok(new_page(&visit, &values).response())
}

fn new_page(visit: &Visit, values: &Values) -> Page {
    let form =
        values.fields_of_new(Form::post("/console/clients/new", "Create", PATH), visit.state().config());
    let section = Section { form: Some(form.field(once())), ..Section::new("What it is like") };
    Page::new(visit.frame(), "New client")
        .below(Link::new(PATH, "Clients", Look::Secondary))
        .lead("It gets a secret, which is shown once and not kept.")
        .section(section)
}

pub(super) async fn create(visit: Visit) -> Outcome {
    let values = Values::sent(visit.form());
    let new = match values.read() {
        Ok(new) => Identified::from(new),
        Err(problems) => return again(new_page(&visit, &values), problems.into()),
    };
    let content = visit.form().query_with("once", "").into_bytes();
    let created = shown_once::create(&visit, CREATE, "The client was created", content, &new, shown).await;
    match created {
        Err(error) => again(new_page(&visit, &values), error),
        created => created,
    }
}

fn shown(created: &CreatedClient) -> Shown {
    let client = &created.client;
    Shown {
        client_id: client.id.to_string(),
        secret_id: client.secrets.first().map(|secret| secret.id.to_string()).unwrap_or_default(),
        client_secret: created.expose_secret().unwrap_or_default().to_owned(),
    }
}

pub(super) async fn change(visit: Visit) -> Outcome {
    let client = clients::find(&visit.administration(), visit.id("id")?).await?;
    let version = client.version.number().to_string();
    change_page(&visit, &Values::of(&client), client.name.clone(), version).map(|page| page.response())
}

fn change_page(visit: &Visit, values: &Values, name: String, version: String) -> Result<Page, Error> {
    let path = paths::client(visit.id("id")?);
    let form = values.fields(Form::post(visit.path(), "Change", path.clone()), visit.state().config());
    let form = form.field(Field::hidden("version", version));
    let section = Section { form: Some(form), ..Section::new("What is different") };
    Ok(Page::new(visit.frame(), format!("Change {name}"))
        .below(Link::new(path, name, Look::Secondary))
        .lead("Tokens that it has keep their scope, their API and their lifetime until they expire.")
        .section(section))
}

pub(super) async fn changed(visit: Visit) -> Outcome {
    let (id, admin) = (visit.id("id")?, visit.administration());
    let version =
        visit.form().parsed::<u64>("version", "must be that of the client")?.ok_or(Error::NoSuchThing)?;
    let client = clients::find(&admin, id).await?;
    let values = Values::sent(visit.form()).of_kind(&client);
    let page = || change_page(&visit, &values, client.name.clone(), version.to_string());
    let new = match values.read() {
        Ok(new) => new,
        Err(problems) => return again(page()?, problems.into()),
    };
    let only = [Version::from_number(version)];
    match clients::update(&admin, id, &update(new), Some(&only), visit.actor()).await {
        Ok(_) => Ok(done(&paths::client(id), "changed")),
        Err(error) => again(page()?, error.into()),
    }
}
