//! How an act is done: it is prepared on the audit trail as it stands, and done only if the trail still stands so.
//!
//! An act is prepared by reading the newest record first, and then what is to be changed. Every act adds a record, so what was
//! read still holds as long as no other record was added, and the state before the change is recorded correctly.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use tollgate_core::{MerchantId, Timestamp};
use tollgate_keys::Link;
use tollgate_store::{Act, Actor, ActorKind, Draft, Object, Outcome, Status, StoreError};

use super::{AdminError, Administration, recorded};
use crate::trail::AuditTrail;

/// How long an act is tried again when acts of other processes come first.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest pause before an act is tried again.
const PAUSE: Duration = Duration::from_millis(20);

/// An act that somebody asks for, and its object.
#[derive(Debug, Clone)]
pub struct Order {
    act: &'static str,
    object: Object,
    merchant: Option<MerchantId>,
}

impl Order {
    /// Orders an act on an object.
    pub(super) const fn new(act: &'static str, object: Object) -> Self {
        Self { act, object, merchant: None }
    }

    /// Names the merchant that the act concerns.
    pub(super) const fn merchant(mut self, merchant: Option<MerchantId>) -> Self {
        self.merchant = merchant;
        self
    }
}

/// An attempt to carry out an order.
pub(super) struct Attempt {
    trail: AuditTrail,
    actor: Actor,
    order: Order,
    /// The time by the store's clock.
    pub(super) now: Timestamp,
    /// The newest record when the attempt began.
    newest: Link,
}

impl Attempt {
    /// Returns the number of the newest record when the attempt began: later records have greater numbers.
    pub(super) const fn begun_behind(&self) -> u64 {
        self.newest.seq
    }

    /// Returns the name of the act in the trail.
    pub(super) const fn what(&self) -> &'static str {
        self.order.act
    }

    /// Returns the object of the act.
    pub(super) const fn object(&self) -> &Object {
        &self.order.object
    }

    /// Returns the kind of actor.
    pub(super) const fn by(&self) -> &ActorKind {
        &self.actor.kind
    }

    /// Sets the merchant that the act concerns, if it was not known before.
    pub(super) fn of(mut self, merchant: Option<MerchantId>) -> Self {
        self.order.merchant = self.order.merchant.or(merchant);
        self
    }

    /// Makes the act of creating something whose state is then `after`.
    pub(super) fn makes(&self, after: &Value) -> Act {
        self.act(Draft { after: Some(after.to_string()), ..self.draft() })
    }

    /// Makes the act of changing something: the record has the members that differ. A member that did not exist before is `null`.
    pub(super) fn changes(&self, before: &Value, after: &Value) -> Act {
        let (before, after) = differing(before, after);
        let before = (!before.is_null()).then(|| before.to_string());
        self.act(Draft { before, after: Some(after.to_string()), ..self.draft() })
    }

    /// Makes the act of recording something that happens without changing anything.
    pub(super) fn happens(&self, outcome: Outcome, what: &Value) -> Act {
        self.act(Draft { outcome, after: Some(what.to_string()), ..self.draft() })
    }

    /// Makes the act of enabling or disabling something.
    pub(super) fn sets(&self, before: Status, after: Status) -> Act {
        let status = |status| json!({ "status": recorded::status(status) }).to_string();
        self.act(Draft { before: Some(status(before)), after: Some(status(after)), ..self.draft() })
    }

    /// Makes the act of deleting something, with further details in `what`.
    pub(super) fn deletes(&self, before: &Value, what: Option<&Value>) -> Act {
        let after = what.map(Value::to_string);
        self.act(Draft { before: Some(before.to_string()), after, ..self.draft() })
    }

    /// Makes the act of asking for an act on `object`, which is not done yet.
    pub(super) fn asks(&self, object: &Object, what: &Value) -> Act {
        let (outcome, after) = (Outcome::Asked, Some(what.to_string()));
        self.act(Draft { outcome, after, object: object.clone(), ..self.draft() })
    }

    /// Makes the record of something else that the same act does.
    pub(super) fn also(&self, act: &'static str, object: Object) -> Draft {
        Draft { merchant: self.order.merchant, ..Draft::new(self.now, self.actor.clone(), act, object) }
    }

    fn act(&self, draft: Draft) -> Act {
        self.trail.act(draft).on(self.newest)
    }

    fn draft(&self) -> Draft {
        let Order { act, object, merchant } = self.order.clone();
        Draft { merchant, ..Draft::new(self.now, self.actor.clone(), act, object) }
    }
}

impl Administration<'_> {
    /// Carries out an order by `attempt`, and again if another act came first. A refusal is recorded.
    pub(super) async fn act<T, F>(
        &self,
        actor: &Actor,
        order: Order,
        attempt: impl Fn(Attempt) -> F,
    ) -> Result<T, AdminError>
    where
        F: Future<Output = Result<T, AdminError>>,
    {
        let _turn = self.unlocked.trail().turn().await?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let newest = self.store.trail().await?.newest;
            let now = self.now().await?;
            let (trail, actor_now) = (self.unlocked.trail().clone(), actor.clone());
            let begun = Attempt { trail, actor: actor_now, order: order.clone(), now, newest };
            match attempt(begun).await {
                Err(AdminError::Store(StoreError::Overtaken)) if Instant::now() < deadline => {
                    sleep(rand::random_range(Duration::ZERO..PAUSE)).await;
                }
                Err(refusal) if refusal.is_refusal() => break self.refused(actor, order, now, refusal).await,
                outcome => break outcome,
            }
        }
    }

    async fn refused<T>(
        &self,
        actor: &Actor,
        order: Order,
        now: Timestamp,
        refusal: AdminError,
    ) -> Result<T, AdminError> {
        let Order { act, object, merchant } = order;
        let after = json!({ "refused": refusal.to_string() }).to_string();
        let record = Draft {
            outcome: Outcome::Refused,
            merchant,
            after: Some(after),
            ..Draft::new(now, actor.clone(), act, object)
        };
        self.store.record(&self.unlocked.trail().act(record)).await?;
        Err(refusal)
    }
}

/// Keeps only the members that differ.
pub(super) fn differing(before: &Value, after: &Value) -> (Value, Value) {
    let (Value::Object(before), Value::Object(after)) = (before, after) else {
        return (before.clone(), after.clone());
    };
    let other_than = |one: &serde_json::Map<String, Value>, other: &serde_json::Map<String, Value>| {
        let members = one.iter().filter(|(name, value)| other.get(*name) != Some(value));
        Value::Object(members.map(|(name, value)| (name.clone(), value.clone())).collect())
    };
    (other_than(before, after), other_than(after, before))
}
