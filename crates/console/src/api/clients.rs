//! `/admin/v1/clients`.

use serde::Serialize;
use tollgate_admin::Name;
use tollgate_admin::clients::{self, ClientFilter, CreatedClient, NewClient};
use tollgate_core::{Audience, ClientId, Environment, MerchantId, Scope};
use tollgate_http::fields::{Fields, FromFields, read};
use tollgate_store::{ClientUpdate, Quota, Terms};

use super::call::{Call, Outcome};
use super::listing::Query;
use super::values::{
    GivenSecrets, LabelObject, LabelText, Length, Network, Part, StatusText, Text, Texts, Time,
};
use super::view::{self, ClientView, CreatedClientView};
use super::{once, paths};

/// Its route, as idempotency keys count for it.
const CREATE: &str = "POST /admin/v1/clients";

/// A client that is to be created, as a JSON object says it.
pub(crate) struct ClientBody(pub(crate) NewClient);

impl FromFields for ClientBody {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let id = fields.optional::<Text<ClientId>>("client_id");
        // `null` for an operator's client must be said, so that no merchant's becomes one by a member that was left out.
        let merchant_id = fields.nullable::<Text<MerchantId>>("merchant_id");
        let name = fields.required::<Text<Name>>("name");
        let environment = fields.optional::<Text<Environment>>("environment");
        let scope = fields.required::<Text<Scope>>("scope");
        let addresses = fields.optional::<Texts<Network>>("allow_from");
        let audiences = fields.optional::<Texts<Audience>>("audiences");
        let terms = Terms {
            access_ttl: fields.optional::<Text<Length>>("access_ttl").map(|Text(Length(ttl))| ttl),
            refresh_ttl: fields.optional::<Text<Length>>("refresh_ttl").map(|Text(Length(ttl))| ttl),
            quota: fields.optional::<Text<Quota>>("quota").map(|Text(quota)| quota),
            labels: fields.optional("labels").map(|LabelObject(labels)| labels).unwrap_or_default(),
        };
        let secrets = fields.optional("secrets").map(|GivenSecrets(secrets)| secrets);
        Some(Self(NewClient {
            id: id.map(|Text(id)| id),
            merchant_id: merchant_id?.map(|Text(id)| id),
            name: name?.0,
            environment: environment.map(|Text(environment)| environment),
            scope: scope?.0,
            addresses: networks(addresses).unwrap_or_default(),
            audiences: audiences.map(|Texts(audiences)| audiences).unwrap_or_default(),
            terms,
            secrets: secrets.unwrap_or_default(),
        }))
    }
}

fn networks(given: Option<Texts<Network>>) -> Option<Vec<ipnet::IpNet>> {
    given.map(|Texts(networks)| networks.into_iter().map(|Network(network)| network).collect())
}

/// What is to be different about a client.
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
    let new = match read::<ClientBody>(body) {
        Ok(ClientBody(new)) => new,
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
    let Changes(update) = call.read()?;
    let admin = call.administration();
    let client = clients::update(&admin, id, &update, call.only()?.as_deref(), call.actor()).await?;
    Ok(view::shown_in(client.version, &ClientView::of(&client, admin.now().await?)))
}

pub(super) async fn disable(call: Call) -> Outcome {
    call.refuse_condition()?;
    let admin = call.administration();
    let client = clients::disable(&admin, call.id("id")?, call.actor()).await?;
    Ok(view::shown_in(client.version, &ClientView::of(&client, admin.now().await?)))
}

pub(super) async fn enable(call: Call) -> Outcome {
    call.refuse_condition()?;
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
    let (id, admin) = (call.id("id")?, call.administration());
    clients::delete(&admin, id, call.only()?.as_deref(), call.actor()).await?;
    Ok(view::shown(&Deleted { client_id: id, status: "deleted" }))
}
