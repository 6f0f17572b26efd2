//! The requirements that a proxy has for a token.

use std::borrow::Cow;
use std::sync::Arc;

use tollgate_core::{Audience, Environment, Scope};
use tollgate_guard::Requirement;
use tollgate_http::Problem;

use crate::error::Error;

/// A requirement, and the audience that challenges name.
#[derive(Debug, Clone, Default)]
pub(super) struct Required {
    pub(super) requirement: Arc<Requirement>,
    pub(super) audience: Option<String>,
}

impl Required {
    /// Makes a requirement from the values that are given.
    pub(super) fn new(scope: Option<Scope>, audience: Option<Audience>, env: Option<Environment>) -> Self {
        let mut requirement = Requirement::new();
        if let Some(scope) = scope {
            requirement = requirement.scope(scope);
        }
        if let Some(audience) = &audience {
            requirement = requirement.audience(audience.as_str());
        }
        if let Some(env) = env {
            requirement = requirement.environment(env);
        }
        let audience = audience.map(|audience| audience.to_string());
        Self { requirement: Arc::new(requirement), audience }
    }

    /// Reads `scope`, `audience` and `env`. A parameter that is unknown, repeated or unreadable is an error: a
    /// typing error must not lift a requirement. So is an unknown audience: with a mistyped one every token would be
    /// refused, and callers would throw away valid ones.
    pub(super) fn of_query(query: &str, is_known: impl Fn(&str) -> bool) -> Result<Self, Error> {
        let (mut scope, mut audience, mut env) = (None, None, None);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let is_first = match &*name {
                "scope" => scope.replace(read::<Scope>("scope", &value)?).is_none(),
                "audience" => audience.replace(read::<Audience>("audience", &value)?).is_none(),
                "env" => env.replace(read::<Environment>("env", &value)?).is_none(),
                _ => return Err(unclear(name, "is no parameter here: scope, audience and env are")),
            };
            if !is_first {
                return Err(unclear(name, "duplicate parameter"));
            }
        }
        if let Some(audience) = audience.as_ref().filter(|audience| !is_known(audience.as_str())) {
            return Err(unclear(
                "audience".into(),
                &format!("names no audience of this authority: {audience}"),
            ));
        }
        Ok(Self::new(scope, audience, env))
    }
}

fn read<T: std::str::FromStr<Err: std::fmt::Display>>(name: &'static str, value: &str) -> Result<T, Error> {
    if value.is_empty() {
        return Err(unclear(name.into(), "is empty"));
    }
    value.parse().map_err(|error| unclear(name.into(), &format!("can't be read: {error}")))
}

fn unclear(name: Cow<'_, str>, problem: &str) -> Error {
    Problem::new(name.into_owned(), problem.to_owned()).into()
}
