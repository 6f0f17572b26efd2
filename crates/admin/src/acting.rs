//! How an act is done: prepared on the audit trail as it stands, and done only if it still stands so.
//!
//! Whoever prepares an act reads the newest record first, and what is to be changed after that. Every act adds a record, so what was
//! read is still so as long as no other record has come; and what the record says of before is what was there.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use tollgate_core::{MerchantId, Timestamp};
use tollgate_keys::Link;
use tollgate_store::{Act, Actor, ActorKind, Draft, Object, Outcome, Status, StoreError};

use super::{AdminError, Administration, recorded};
use crate::trail::AuditTrail;

/// For how long an act is tried again that acts of other processes overtake.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest pause before that.
const PAUSE: Duration = Duration::from_millis(20);

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Order {
    act: &'static str,
    object: Object,
    merchant: Option<MerchantId>,
}

impl Order {
    /// To do something to something.
    pub(super) const fn new(act: &'static str, object: Object) -> Self {
        Self { act, object, merchant: None }
    }

    /// Which concerns a merchant.
    pub(super) const fn merchant(mut self, merchant: Option<MerchantId>) -> Self {
        self.merchant = merchant;
        self
    }
}

/// An attempt to do what is asked for.
pub(super) struct Attempt {
    trail: AuditTrail,
    actor: Actor,
    order: Order,
    /// The time by the store's clock.
    pub(super) now: Timestamp,
    /// The newest record when it began.
    newest: Link,
}

impl Attempt {
    /// The number of the newest record when it began: whatever is recorded later has a greater one.
    pub(super) const fn begun_behind(&self) -> u64 {
        self.newest.seq
    }

    /// What is asked for, as the trail calls it.
    pub(super) const fn what(&self) -> &'static str {
        self.order.act
    }

    /// Returns what the act is on.
    pub(super) const fn object(&self) -> &Object {
        &self.order.object
    }

    /// Returns who acts.
    pub(super) const fn by(&self) -> &ActorKind {
        &self.actor.kind
    }

    /// Lets the act concern a merchant, which was not known before.
    pub(super) fn of(mut self, merchant: Option<MerchantId>) -> Self {
        self.order.merchant = self.order.merchant.or(merchant);
        self
    }

    /// The act of making something that is as `after` says.
    pub(super) fn makes(&self, after: &Value) -> Act {
        self.act(Draft { after: Some(after.to_string()), ..self.draft() })
    }

    /// The act of changing something: the record has the members that differ. `null` is what was not there.
    pub(super) fn changes(&self, before: &Value, after: &Value) -> Act {
        let (before, after) = differing(before, after);
        let before = (!before.is_null()).then(|| before.to_string());
        self.act(Draft { before, after: Some(after.to_string()), ..self.draft() })
    }

    /// Something that happens and changes nothing.
    pub(super) fn happens(&self, outcome: Outcome, what: &Value) -> Act {
        self.act(Draft { outcome, after: Some(what.to_string()), ..self.draft() })
    }

    /// The act of enabling or disabling something.
    pub(super) fn sets(&self, before: Status, after: Status) -> Act {
        let status = |status| json!({ "status": recorded::status(status) }).to_string();
        self.act(Draft { before: Some(status(before)), after: Some(status(after)), ..self.draft() })
    }

    /// The act of deleting something, and what else is to be said of it.
    pub(super) fn deletes(&self, before: &Value, what: Option<&Value>) -> Act {
        let after = what.map(Value::to_string);
        self.act(Draft { before: Some(before.to_string()), after, ..self.draft() })
    }

    /// Asking for an act on `object`, which is not done yet.
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
    /// Does what is asked for by `attempt`, again where another act came first. A refusal is recorded.
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

/// Leaves only the members that are not the same.
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
