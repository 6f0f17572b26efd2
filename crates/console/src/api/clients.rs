//! The handlers of `/admin/v1/clients`.

use std::time::Duration;

use serde::Serialize;
use tollgate_admin::Name;
use tollgate_admin::clients::{self, ClientFilter, CreatedClient, NewClient};
use tollgate_core::{Audience, ClientId, Environment, MerchantId, Scope};
use tollgate_http::Problems;
use tollgate_http::fields::{Fields, FromFields, read_in_part};
use tollgate_store::{ClientUpdate, Quota, Terms};

use super::call::{Call, Outcome};
use super::listing::Query;
use super::values::{
    GivenSecrets, LabelObject, LabelText, Length, Network, Part, StatusText, Text, Texts, Time,
};
use super::view::{self, ClientView, CreatedClientView};
use super::{once, paths};
use tollgate_server::error::Error;

/// The route of a new client, for which idempotency keys are unique.
const CREATE: &str = "POST /admin/v1/clients";

/// A client to be created, from a JSON object.
pub(crate) struct ClientBody(pub(crate) NewClient);

impl FromFields for ClientBody {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        InPart::from_fields(fields)?.new.map(Self)
    }
}

/// A client to be created, as far as it can be read: settings that the configuration restricts are checked whatever is wrong with the
/// rest.
struct InPart {
    audiences: Vec<Audience>,
    access_ttl: Option<Duration>,
    refresh_ttl: Option<Duration>,
    new: Option<NewClient>,
}

impl FromFields for InPart {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let id = fields.optional::<Text<ClientId>>("client_id");
        // An operator's client must say `null`, so that a merchant's client doesn't become one by a missing member.
        let merchant_id = fields.nullable::<Text<MerchantId>>("merchant_id");
        let name = fields.required::<Text<Name>>("name");
        let environment = fields.optional::<Text<Environment>>("environment");
        let scope = fields.required::<Text<Scope>>("scope");
        let addresses = fields.optional::<Texts<Network>>("allow_from");
        let audiences = fields.optional("audiences").map(|Texts(audiences)| audiences).unwrap_or_default();
        let terms = Terms {
            access_ttl: fields.optional::<Text<Length>>("access_ttl").map(|Text(Length(ttl))| ttl),
            refresh_ttl: fields.optional::<Text<Length>>("refresh_ttl").map(|Text(Length(ttl))| ttl),
            quota: fields.optional::<Text<Quota>>("quota").map(|Text(quota)| quota),
            labels: fields.optional("labels").map(|LabelObject(labels)| labels).unwrap_or_default(),
        };
        let secrets = fields.optional("secrets").map(|GivenSecrets(secrets)| secrets);
        let (access_ttl, refresh_ttl) = (terms.access_ttl, terms.refresh_ttl);
        let new = match (merchant_id, name, scope) {
            (Some(merchant_id), Some(Text(name)), Some(Text(scope))) => Some(NewClient {
                id: id.map(|Text(id)| id),
                merchant_id: merchant_id.map(|Text(id)| id),
                name,
                environment: environment.map(|Text(environment)| environment),
                scope,
                addresses: networks(addresses).unwrap_or_default(),
                audiences: audiences.clone(),
                terms,
                secrets: secrets.unwrap_or_default(),
            }),
            _ => None,
        };
        Some(Self { audiences, access_ttl, refresh_ttl, new })
    }
}

/// Reads a client to be created, or returns everything that is wrong with it.
fn read_new(call: &Call, body: &[u8]) -> Result<NewClient, Problems> {
    let (read, problems) = read_in_part::<InPart>(body)?;
    let Some(InPart { audiences, access_ttl, refresh_ttl, new }) = read else { return problems.or(None) };
    problems.and(misfits(call, &audiences, access_ttl, refresh_ttl)).or(new)
}

/// Lists the problems of a client's tokens with the configuration.
fn misfits(
    call: &Call,
    audiences: &[Audience],
    access: Option<Duration>,
    refresh: Option<Duration>,
) -> Problems {
    let found = clients::misfits(&call.administration(), audiences, access, refresh);
    let problems = found.into_iter().filter_map(|error| Some(Error::Admin(error).problems()?.into_owned()));
    problems.fold(Problems::new(), Problems::and)
}

fn networks(given: Option<Texts<Network>>) -> Option<Vec<ipnet::IpNet>> {
    given.map(|Texts(networks)| networks.into_iter().map(|Network(network)| network).collect())
}

/// The changes to a client, from a JSON object.
struct Changes(ClientUpdate);

impl FromFields for Changes {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let length =
            |given: Option<Option<Text<Length>>>| given.map(|given| given.map(|Text(Length(length))| length));
        Some(Self(ClientUpdate {
            name: fields.given::<Text<Name>>("name").map(|Text(name)| name.into()),
            scope: fields.given::<Text<Scope>>("scope").map(|Text(scope)| scope),
            addresses: networks(fields.given("allow_from")),
            audiences: fields.given::<Texts<Audience>>("audiences").map(|Texts(audiences)| audiences),
            access_ttl: length(fields.clearable("access_ttl")),
            refresh_ttl: length(fields.clearable("refresh_ttl")),
            quota: fields.clearable::<Text<Quota>>("quota").map(|given| given.map(|Text(quota)| quota)),
            labels: fields.given("labels").map(|LabelObject(labels)| labels),
        }))
    }
}

/// Reads the changes to a client, or returns everything that is wrong with them.
fn read_changes(call: &Call) -> Result<ClientUpdate, Error> {
    let (read, problems) = read_in_part::<Changes>(call.body()?)?;
    let Some(Changes(update)) = read else { return Ok(problems.or(None)?) };
    let audiences = update.audiences.as_deref().unwrap_or_default();
    let wrong = misfits(call, audiences, update.access_ttl.flatten(), update.refresh_ttl.flatten());
    Ok(problems.and(wrong).or(Some(update))?)
}

fn filter(query: &mut Query) -> ClientFilter {
    ClientFilter {
        merchant_id: query.filter("merchant_id"),
        operator: query.filter("operator"),
        name: query.filter::<Part>("name").map(|Part(text)| text),
        scope: query.filter("scope"),
        status: query.filter::<StatusText>("status").map(|StatusText(status)| status),
        environment: query.filter("environment"),
        label: query.filter::<LabelText>("label").map(|LabelText(label)| label),
        secret_last_used_before: query.filter::<Time>("secret_last_used_before").map(|Time(time)| time),
    }
}

pub(super) async fn list(call: Call) -> Outcome {
    let mut query = call.query();
    let filter = filter(&mut query);
    let listing = query.listing(paths::CLIENTS)?;
    let admin = call.administration();
    let now = admin.now().await?;
    let found = clients::search(&admin, &filter, listing.after, listing.limit).await?;
    Ok(view::page(&found, &listing, |client| ClientView::of(client, now)))
}

pub(super) async fn post(call: Call) -> Outcome {
    call.refuse_condition()?;
    let scope = once::scope(&call, CREATE)?;
    let body = call.body()?;
    let new = match read_new(&call, body) {
        Ok(new) => new,
        Err(problems) => return Err(once::refuse(&call, scope.as_ref(), problems.into()).await),
    };
    let shown = |created: &CreatedClient| view::success(&CreatedClientView::of(created));
    once::create(&call, scope, body, &clients::Identified::from(new), shown).await
}

pub(super) async fn show(call: Call) -> Outcome {
    call.query().end()?;
    let admin = call.administration();
    let client = clients::find(&admin, call.id("id")?).await?;
    Ok(view::shown_in(client.version, &ClientView::of(&client, admin.now().await?)))
}

pub(super) async fn patch(call: Call) -> Outcome {
    let id = call.id("id")?;
    let update = read_changes(&call)?;
    let admin = call.administration();
    let client = clients::update(&admin, id, &update, call.only()?.as_deref(), call.actor()).await?;
    Ok(view::shown_in(client.version, &ClientView::of(&client, admin.now().await?)))
}

pub(super) async fn disable(call: Call) -> Outcome {
    call.refuse_condition()?;
    call.refuse_body()?;
    let admin = call.administration();
    let client = clients::disable(&admin, call.id("id")?, call.actor()).await?;
    Ok(view::shown_in(client.version, &ClientView::of(&client, admin.now().await?)))
}

pub(super) async fn enable(call: Call) -> Outcome {
    call.refuse_condition()?;
    call.refuse_body()?;
    let admin = call.administration();
    let client = clients::enable(&admin, call.id("id")?, call.actor()).await?;
    Ok(view::shown_in(client.version, &ClientView::of(&client, admin.now().await?)))
}

pub(super) async fn delete(call: Call) -> Outcome {
    #[derive(Serialize)]
    struct Deleted {
        client_id: ClientId,
        status: &'static str,
    }
    call.refuse_body()?;
    let (id, admin) = (call.id("id")?, call.administration());
    clients::delete(&admin, id, call.only()?.as_deref(), call.actor()).await?;
    Ok(view::shown(&Deleted { client_id: id, status: "deleted" }))
}
