//! The form of a client: the same fields as the API has, read by the same code.

use serde_json::{Map, Value, json};
use tollgate_admin::clients::NewClient;
use tollgate_config::{Config, duration_text};
use tollgate_core::Audience;
use tollgate_http::fields::read;
use tollgate_http::{Problem, Problems};
use tollgate_store::{Client, ClientUpdate};

use crate::api::clients::ClientBody;
use crate::pages::form::Fields;
use crate::pages::page::{Field, Form};

/// The values in the fields of the form.
#[derive(Default)]
pub(super) struct Values {
    kind: String,
    merchant_id: String,
    name: String,
    environment: String,
    scope: String,
    allow_from: String,
    audiences: String,
    access_ttl: String,
    refresh_ttl: String,
    quota: String,
    labels: String,
    reason: String,
}

impl Values {
    /// Returns the values for a new client, of the merchant in the query if there is one.
    pub(super) fn new(query: &Fields) -> Self {
        Self {
            kind: "merchant".to_owned(),
            merchant_id: query.text("merchant_id").to_owned(),
            scope: "payments:read payments:write".to_owned(),
            ..Self::default()
        }
    }

    /// Returns the values of an existing client.
    pub(super) fn of(client: &Client) -> Self {
        let lines = |items: &mut dyn Iterator<Item = String>| items.collect::<Vec<_>>().join("\n");
        let terms = &client.terms;
        Self {
            kind: if client.merchant_id.is_some() { "merchant" } else { "operator" }.to_owned(),
            merchant_id: client.merchant_id.map(|id| id.to_string()).unwrap_or_default(),
            name: client.name.clone(),
            environment: client.environment.to_string(),
            scope: client.scope.to_string(),
            allow_from: lines(&mut client.addresses.iter().map(ToString::to_string)),
            audiences: lines(&mut client.audiences.iter().map(Audience::to_string)),
            access_ttl: terms.access_ttl.map(duration_text).unwrap_or_default(),
            refresh_ttl: terms.refresh_ttl.map(duration_text).unwrap_or_default(),
            quota: terms.quota.map(|quota| quota.to_string()).unwrap_or_default(),
            labels: lines(&mut terms.labels.iter().map(|(name, value)| format!("{name}={value}"))),
            reason: String::new(),
        }
    }

    /// Returns the values that were sent.
    pub(super) fn sent(form: &Fields) -> Self {
        let text = |name| form.text(name).to_owned();
        Self {
            kind: text("kind"),
            merchant_id: text("merchant_id"),
            name: text("name"),
            environment: text("environment"),
            scope: text("scope"),
            allow_from: text("allow_from"),
            audiences: text("audiences"),
            access_ttl: text("access_ttl"),
            refresh_ttl: text("refresh_ttl"),
            quota: text("quota"),
            labels: text("labels"),
            reason: text("reason"),
        }
    }

    /// Returns the values with those of the client where they can't be changed.
    pub(super) fn of_kind(self, client: &Client) -> Self {
        let Self { kind, merchant_id, environment, .. } = Self::of(client);
        Self { kind, merchant_id, environment, ..self }
    }

    /// Adds the fields of a new client.
    pub(super) fn fields_of_new(&self, form: Form, config: &Config) -> Form {
        let kinds = [("merchant", "one merchant"), ("operator", "every merchant (an operator)")];
        let default = if config.sandbox { "test, the default here" } else { "live, the default here" };
        let environments = [("", default), ("live", "live"), ("test", "test")];
        let form = form.field(Field::choice("kind", "Acts for", &self.kind, &kinds)).field(
            Field::line("merchant_id", "Merchant id", &self.merchant_id).hint("Empty for an operator."),
        );
        let environment = Field::choice("environment", "Environment", &self.environment, &environments);
        self.fields(form.field(environment), config)
    }

    /// Adds the fields that can be changed.
    pub(super) fn fields(&self, form: Form, config: &Config) -> Form {
        let (tokens, known) = (&config.tokens, known_audiences(config));
        let ttl = |longest| format!("Such as 5m, and at most {}; empty for that.", duration_text(longest));
        form.field(Field::line("name", "Name", &self.name).required())
            .field(
                Field::line("scope", "Scope", &self.scope)
                    .hint("The most that its tokens may allow; words separated by spaces."),
            )
            .field(
                Field::lines("allow_from", "May call from", &self.allow_from)
                    .hint("A network such as 192.0.2.0/24 or an address in each line; empty for anywhere."),
            )
            .field(
                Field::lines("audiences", "APIs", &self.audiences)
                    .hint(format!("What its tokens may be for, one in each line, the default first: {known}. Empty for the first of these.")),
            )
            .field(Field::line("access_ttl", "Access tokens last", &self.access_ttl).hint(ttl(tokens.access_ttl)))
            .field(
                Field::line("refresh_ttl", "Refresh tokens last", &self.refresh_ttl).hint(ttl(tokens.refresh_ttl)),
            )
            .field(Field::line("quota", "Quota of tokens", &self.quota).hint("Such as 600/h; empty for any number."))
            .field(Field::lines("labels", "Labels", &self.labels).hint("name=value in each line."))
            .field(Field::reason(&self.reason))
    }

    /// Reads the values as the API would.
    pub(super) fn read(&self) -> Result<NewClient, Problems> {
        let mut problems = Problems::new();
        let mut members = Map::new();
        let merchant = match self.kind.as_str() {
            "merchant" => json!(self.merchant_id),
            "operator" if self.merchant_id.is_empty() => Value::Null,
            "operator" => {
                let text = "must be empty for an operator, which acts for every merchant";
                problems.push(Problem::new("merchant_id", text));
                Value::Null
            }
            _ => {
                problems.push(Problem::new("kind", "must be merchant or operator"));
                Value::Null
            }
        };
        members.insert("merchant_id".to_owned(), merchant);
        members.insert("name".to_owned(), json!(self.name));
        members.insert("scope".to_owned(), json!(self.scope));
        members.insert("allow_from".to_owned(), lines(&self.allow_from));
        members.insert("audiences".to_owned(), lines(&self.audiences));
        members.insert("labels".to_owned(), labels(&self.labels, &mut problems));
        for (name, text) in [
            ("environment", &self.environment),
            ("access_ttl", &self.access_ttl),
            ("refresh_ttl", &self.refresh_ttl),
            ("quota", &self.quota),
        ] {
            if !text.is_empty() {
                members.insert(name.to_owned(), json!(text));
            }
        }
        match read(Value::Object(members).to_string().as_bytes()) {
            Ok(ClientBody(new)) => problems.or(Some(new)),
            Err(others) => Err(problems.and(others)),
        }
    }
}

/// Returns the update of a client to everything that the form has.
pub(super) fn update(read: NewClient) -> ClientUpdate {
    let terms = read.terms;
    ClientUpdate {
        name: Some(read.name.into()),
        scope: Some(read.scope),
        addresses: Some(read.addresses),
        audiences: Some(read.audiences),
        access_ttl: Some(terms.access_ttl),
        refresh_ttl: Some(terms.refresh_ttl),
        quota: Some(terms.quota),
        labels: Some(terms.labels),
    }
}

fn known_audiences(config: &Config) -> String {
    let further = config.audiences.iter().map(|further| further.name.to_string());
    std::iter::once(config.tokens.audience.clone()).chain(further).collect::<Vec<_>>().join(", ")
}

fn lines(text: &str) -> Value {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect()
}

fn labels(text: &str, problems: &mut Problems) -> Value {
    let mut labels = Map::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let Some((name, value)) = line.split_once('=') else {
            problems.push(Problem::new("labels", format!("must be name=value in each line, not {line}")));
            continue;
        };
        if labels.insert(name.trim().to_owned(), json!(value.trim())).is_some() {
            problems.push(Problem::new("labels", format!("must have {} once", name.trim())));
        }
    }
    Value::Object(labels)
}
