//! The parameters of a request's query.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use http::request::Parts;
use tollgate_admin::Reason;
use tollgate_http::{Problem, Problems};
use tollgate_server::error::Error;

use super::cursor::Cursor;

/// The parameters of a request's query, each of which may appear once. An unknown one is a problem, too: a caller who
/// mistypes `cursor` would read the first page for ever.
pub(super) struct Query {
    parameters: BTreeMap<String, String>,
    problems: Problems,
    /// The filters, as text: a cursor is valid only for the list and the filters that it was made for.
    filters: String,
}

/// The part of a list that is shown.
pub(super) struct Listing<K> {
    /// The most items on the page.
    pub(super) limit: u32,
    /// The position after which the page begins; `None` for the first page.
    pub(super) after: Option<K>,
    /// The list and the filters that a cursor to the next page is valid for.
    pub(super) of: String,
}

/// The number of items on a page, unless the caller asks for another.
const DEFAULT_LIMIT: u32 = 50;
/// The most items on a page.
const MAX_LIMIT: u32 = 1_000;

impl Query {
    pub(super) fn of(head: &Parts) -> Self {
        let (mut parameters, mut problems) = (BTreeMap::new(), Problems::new());
        for (name, value) in form_urlencoded::parse(head.uri.query().unwrap_or_default().as_bytes()) {
            if parameters.insert(name.clone().into_owned(), value.into_owned()).is_some() {
                problems.push(Problem::new(name, "duplicate parameter"));
            }
        }
        Self { parameters, problems, filters: String::new() }
    }

    /// Takes the reason for a change, which is the only parameter that a change has.
    pub(super) fn reason(mut self) -> Result<Option<Reason>, Error> {
        let reason = self.take("reason");
        self.end()?;
        Ok(reason)
    }

    /// Takes the value of a filter, if it is given.
    pub(super) fn filter<T: FromStr>(&mut self, name: &'static str) -> Option<T>
    where
        T::Err: Display,
    {
        if let Some(text) = self.parameters.get(name) {
            self.filters.extend([name, "=", &text.len().to_string(), ":", text, ";"]);
        }
        self.take(name)
    }

    /// Takes the parameters that every list has, after the filters were taken.
    pub(super) fn listing<K: Cursor>(mut self, list: &'static str) -> Result<Listing<K>, Error> {
        let of = format!("{list};{}", self.filters);
        let limit = self.take::<Limit>("limit").map_or(DEFAULT_LIMIT, |Limit(limit)| limit);
        let after = match self.parameters.remove("cursor").map(|text| K::read(&text, &of)) {
            None => None,
            Some(Some(after)) => Some(after),
            Some(None) => {
                let text =
                    "must be the next_cursor of an earlier answer to the same list with the same filters";
                self.problems.push(Problem::new("cursor", text));
                None
            }
        };
        self.end()?;
        Ok(Listing { limit, after, of })
    }

    /// Refuses parameters that were not taken or are wrong.
    pub(super) fn end(self) -> Result<(), Error> {
        let Self { parameters, mut problems, .. } = self;
        for name in parameters.into_keys() {
            problems.push(Problem::new(name, "unknown parameter"));
        }
        Ok(problems.or(Some(()))?)
    }

    fn take<T: FromStr>(&mut self, name: &'static str) -> Option<T>
    where
        T::Err: Display,
    {
        match self.parameters.remove(name)?.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.problems.push(Problem::new(name, error.to_string()));
                None
            }
        }
    }
}

struct Limit(u32);

impl FromStr for Limit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = Some(text).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        match digits.and_then(|digits| digits.parse().ok()) {
            Some(limit @ 1..=MAX_LIMIT) => Ok(Self(limit)),
            _ => Err(format!("must be an integer from 1 to {MAX_LIMIT}")),
        }
    }
}
