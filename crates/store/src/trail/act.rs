//! An act: something that is done, with its records in the audit trail.

use std::sync::Arc;

use tollgate_core::{ClientId, MerchantId, Timestamp};
use tollgate_keys::{Link, TrailKey};

use super::object::Object;
use super::record::{Outcome, Record};

use crate::Actor;
/// The act that makes a store an installation.
const INSTALL: &str = "store.install";

/// A record before it has its place in the trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// When it is done, by the store's clock.
    pub at: Timestamp,
    /// Who does it, from where and why.
    pub actor: Actor,
    /// What is done, such as `client.disable`.
    pub act: &'static str,
    /// The outcome of the act.
    pub outcome: Outcome,
    /// The object that it is done to.
    pub object: Object,
    /// The client that it concerns, if it is not the object or the owner of it.
    pub client: Option<ClientId>,
    /// The merchant that it concerns, if it is not the object.
    pub merchant: Option<MerchantId>,
    /// The state before, as JSON, without secrets.
    pub before: Option<String>,
    /// The state afterwards, as JSON, without secrets.
    pub after: Option<String>,
}

impl Draft {
    /// Makes the record of an act that is done, as yet without the states before and after it.
    pub const fn new(at: Timestamp, actor: Actor, act: &'static str, object: Object) -> Self {
        let outcome = Outcome::Done;
        Self { at, actor, act, outcome, object, client: None, merchant: None, before: None, after: None }
    }

    /// Makes the record that a store became an installation, with which its trail begins.
    pub const fn install(at: Timestamp, actor: Actor) -> Self {
        Self::new(at, actor, INSTALL, Object::Store)
    }
}

/// Something that is done, and by whom: every method of the store that changes something for others takes one, and writes its
/// records with the change.
#[derive(Clone)]
pub struct Act {
    key: Arc<TrailKey>,
    first: Arc<Draft>,
    more: Arc<[Draft]>,
    on: Option<Link>,
}

impl Act {
    /// Makes an act that has one record, chained by `key`.
    pub fn new(key: Arc<TrailKey>, record: Draft) -> Self {
        Self { key, first: Arc::new(record), more: Arc::default(), on: None }
    }

    /// Adds more records to the act.
    #[must_use]
    pub fn with(mut self, more: impl IntoIterator<Item = Draft>) -> Self {
        self.more = self.more.iter().cloned().chain(more).collect();
        self
    }

    /// Allows the act only while `newest` is the newest record: the state before, which its records state, was read then and still
    /// holds. Otherwise the change fails with [`StoreError::Overtaken`](crate::StoreError::Overtaken).
    #[must_use]
    pub const fn on(mut self, newest: Link) -> Self {
        self.on = Some(newest);
        self
    }

    /// Returns who acts, and from where.
    pub fn actor(&self) -> &Actor {
        &self.first.actor
    }

    /// Says whether the act may be done when this record is the newest.
    pub fn may_follow(&self, newest: Link) -> bool {
        self.on.is_none_or(|on| on == newest)
    }

    /// Says whether the act may be done whichever record is the newest.
    pub const fn is_free(&self) -> bool {
        self.on.is_none()
    }

    /// Returns the records, chained behind `newest`. The first record of a trail says that it begins.
    pub fn records(&self, newest: Link) -> Vec<Record> {
        let begin = (newest == Link::START).then(|| self.beginning());
        let mut last = newest;
        let drafts = begin.iter().chain([&*self.first]).chain(&*self.more);
        let chained = drafts.map(|draft| {
            let mut record = record(draft);
            record.link = record.linked_to(last, &self.key);
            last = record.link;
            record
        });
        chained.collect()
    }

    fn beginning(&self) -> Draft {
        let Draft { at, actor, act, .. } = &*self.first;
        let since = if *act == INSTALL { "made" } else { "brought up to date" };
        Draft {
            after: Some(format!(r#"{{"since":"the store was {since}"}}"#)),
            ..Draft::new(*at, actor.clone(), "trail.begin", Object::Trail)
        }
    }
}

fn record(draft: &Draft) -> Record {
    let Draft { at, actor, act, outcome, object, client, merchant, before, after } = draft;
    Record {
        link: Link::START,
        at: *at,
        actor: actor.kind.to_string(),
        source: actor.from.clone(),
        act: (*act).to_owned(),
        outcome: outcome.as_str().to_owned(),
        object: object.to_string(),
        client_id: client.or(object.client_id()),
        merchant_id: merchant.or(object.merchant_id()),
        before: before.clone(),
        after: after.clone(),
        reason: actor.why.clone(),
        request_id: actor.request_id.clone(),
    }
}
