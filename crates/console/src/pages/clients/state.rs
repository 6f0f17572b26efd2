//! The page of a client, and the acts on the client as a whole.

use tollgate_admin::{AdminError, Operation, clients, tokens};
use tollgate_config::{Config, duration_text};
use tollgate_core::{Audience, ClientId};
use tollgate_server::error::Error;
use tollgate_store::{Client, Object, Status};

use crate::pages::act::{Ask, again, asked_before, done_or_asked, id, notice};
use crate::pages::page::{Cell, Fact, Link, Look, Page, Section, fact};
use crate::pages::paths::{self, CLIENTS as PATH};
use crate::pages::visit::{Outcome, Visit};
use crate::pages::whole::Act;
use crate::pages::{secrets, view};

pub(super) async fn show(visit: Visit) -> Outcome {
    let admin = visit.administration();
    let client = clients::find(&admin, visit.id("id")?).await?;
    let mut page =
        Page::new(visit.frame(), client.name.clone()).below(Link::new(PATH, "Clients", Look::Secondary));
    page.tag = Some(view::status(client.status));
    page.notice = notice(&visit)?;
    if client.status == Status::Enabled && client.merchant_status == Status::Disabled {
        page = page.lead("Its merchant is disabled, so it is refused.");
    }
    let change = Link::new(format!("{}/change", paths::client(client.id)), "Change", Look::Secondary);
    let mut links: Vec<_> = visit.may(Operation::UpdateClient).then_some(change).into_iter().collect();
    let acts = Act::of(client.status).into_iter().filter(|act| visit.may(operation(*act)));
    links.extend(acts.map(|act| act.link(path(act), &client.id)));
    let about = Section { facts: facts(&client, admin.config), links, ..Section::new("This client") };
    let secrets = secrets::of_client(&visit, &client, admin.now().await?).await?;
    Ok(page.section(about).section(secrets).response())
}

fn facts(client: &Client, config: &Config) -> Vec<Fact> {
    let terms = &client.terms;
    let lines = |items: Vec<String>, none| {
        if items.is_empty() {
            Cell::Nothing(none)
        } else {
            Cell::Many(items.into_iter().map(Cell::Code).collect())
        }
    };
    let ttl = |own: Option<_>, configured| view::text(duration_text(own.unwrap_or(configured)));
    let labels = terms.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let merchant = client.merchant_id.map_or(Cell::Nothing("every merchant: it is an operator's"), |id| {
        view::link(paths::merchant(id), id.to_string())
    });
    vec![
        id("Client id", &client.id),
        fact("Acts for", merchant),
        fact("Environment", view::text(client.environment.as_str())),
        fact("Scope", lines(client.scope.words().map(str::to_owned).collect(), "nothing")),
        fact("May call from", lines(client.addresses.iter().map(ToString::to_string).collect(), "anywhere")),
        fact("APIs", lines(client.audiences.iter().map(Audience::to_string).collect(), "the default one")),
        fact("Access tokens last", ttl(terms.access_ttl, config.tokens.access_ttl)),
        fact("Refresh tokens last", ttl(terms.refresh_ttl, config.tokens.refresh_ttl)),
        fact(
            "Quota of tokens",
            terms.quota.map_or(Cell::Nothing("none"), |quota| view::text(quota.to_string())),
        ),
        fact("Labels", lines(labels, "none")),
        fact("Created", view::time(client.created_at)),
    ]
}

/// Returns the path of the page that asks before an act.
pub(super) const fn path(act: Act) -> &'static str {
    match act {
        Act::Disable => "/console/clients/{id}/disable",
        Act::Enable => "/console/clients/{id}/enable",
        Act::Revoke => "/console/clients/{id}/revoke-tokens",
        Act::Delete => "/console/clients/{id}/delete",
    }
}

/// Returns the operation for an act.
pub(super) const fn operation(act: Act) -> Operation {
    match act {
        Act::Disable => Operation::DisableClient,
        Act::Enable => Operation::EnableClient,
        Act::Revoke => Operation::RevokeTokens,
        Act::Delete => Operation::DeleteClient,
    }
}

/// Returns what will happen, in words for people.
const fn lead(act: Act) -> &'static str {
    match act {
        Act::Disable => {
            "It is refused everywhere, and so is every token that it has, until it is enabled again."
        }
        Act::Enable => "It is accepted again. The tokens that it had stay refused.",
        Act::Revoke => "Every token that it has is refused. It can obtain new ones at once.",
        Act::Delete => {
            "It is deleted with its secrets, and every token that it has is refused. This can't be undone."
        }
    }
}

async fn ask_page(visit: &Visit, act: Act) -> Result<Page, Error> {
    let client = clients::find(&visit.administration(), visit.id("id")?).await?;
    let mut facts = vec![id("Client id", &client.id)];
    facts.extend(asked_before(visit, operation(act), &Object::Client(client.id)).await?);
    let ask = Ask {
        title: format!("{}: {}", act.button(), client.name),
        lead: lead(act),
        facts,
        button: act.button(),
        confirmation: matches!(act, Act::Delete).then_some("Delete it with its secrets"),
        above: paths::client(client.id),
    };
    Ok(ask.page(visit).below(Link::new(paths::client(client.id), client.name, Look::Secondary)))
}

pub(super) async fn ask(visit: Visit, act: Act) -> Outcome {
    Ok(ask_page(&visit, act).await?.response())
}

pub(super) async fn perform(visit: Visit, act: Act) -> Outcome {
    if matches!(act, Act::Delete)
        && let Err(error) = visit.form().check_confirmed()
    {
        return again(ask_page(&visit, act).await?, error);
    }
    let id = visit.id("id")?;
    let what = done_to(&visit, act, id).await?;
    Ok(act.done(what, &paths::client(id), PATH))
}

async fn done_to(visit: &Visit, act: Act, id: ClientId) -> Result<&'static str, AdminError> {
    let (admin, actor) = (visit.administration(), visit.actor());
    match act {
        Act::Disable => clients::disable(&admin, id, actor).await.map(|_| "disabled"),
        Act::Enable => clients::enable(&admin, id, actor).await.map(|_| "enabled"),
        Act::Revoke => tokens::revoke_all_of_client(&admin, id, actor).await.map(|()| "revoked-tokens"),
        Act::Delete => done_or_asked(clients::delete(&admin, id, None, actor).await, "deleted"),
    }
}
