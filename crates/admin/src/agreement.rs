//! What the servers that share a store agree on: what their tokens say and how long they last. One that is configured
//! otherwise would issue tokens that the others refuse, and refuse theirs, so it does neither.
//!
//! What they agree on is recorded in the store. When it is changed, what was before still counts for a while: servers are
//! restarted one after the other, and tokens last.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tollgate_config::{Config, duration_text};
use tollgate_core::{Accepted, Timestamp};
use tollgate_store::{Act, Adoption, Agreement, Agreements, StoreError};

/// How soon every server knows of a new key that may sign, and of what was agreed on: one that has not read the change log
/// for so long takes no signature for a wrong one, because a key that it doesn't know may have made it.
pub const KEYS_KNOWN_WITHIN: Duration = Duration::from_secs(5);

/// For how long servers go on that are configured as it was agreed before, so that there is time to restart them all.
pub const ROLLOUT: Duration = Duration::from_secs(24 * 60 * 60);

/// How much longer than its lifetime a token may count: leeway, and clocks that differ.
const MARGIN: Duration = Duration::from_secs(120);

/// What servers must have in common. What a newer version adds is not looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// `public_url`: the issuer of the tokens.
    pub issuer: String,
    /// `tokens.audience`.
    pub audience: String,
    /// What access tokens are signed with.
    pub algorithm: String,
    /// `tokens.access_ttl`, in seconds.
    pub access_ttl: u64,
    /// `tokens.refresh_ttl`, in seconds.
    pub refresh_ttl: u64,
    /// `audiences`, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub audiences: Vec<AudienceTerms>,
}

/// What servers must have in common of a further audience.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AudienceTerms {
    /// Its name.
    pub name: String,
    /// What its access tokens are signed with.
    pub algorithm: String,
    /// The lifetime of its access tokens, in seconds.
    pub access_ttl: u64,
}

impl Terms {
    /// Of a configuration.
    pub fn of(config: &Config) -> Self {
        Self {
            issuer: config.public_url.clone(),
            audience: config.tokens.audience.clone(),
            algorithm: config.tokens.algorithm.to_string(),
            access_ttl: config.tokens.access_ttl.as_secs(),
            refresh_ttl: config.tokens.refresh_ttl.as_secs(),
            audiences: AudienceTerms::of(config),
        }
    }

    /// As they are recorded.
    pub fn text(&self) -> String {
        serde_json::to_string(self).expect("texts and numbers serialise")
    }

    /// As they were recorded; `None` if this version can't read them.
    pub fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// Names what differs, for people.
    fn differences(&self, agreed: &Self) -> String {
        let seconds = |seconds: u64| duration_text(Duration::from_secs(seconds));
        [
            ("public_url", self.issuer.clone(), agreed.issuer.clone()),
            ("tokens.audience", self.audience.clone(), agreed.audience.clone()),
            ("tokens.algorithm", self.algorithm.clone(), agreed.algorithm.clone()),
            ("tokens.access_ttl", seconds(self.access_ttl), seconds(agreed.access_ttl)),
            ("tokens.refresh_ttl", seconds(self.refresh_ttl), seconds(agreed.refresh_ttl)),
            ("audiences", AudienceTerms::listed(&self.audiences), AudienceTerms::listed(&agreed.audiences)),
        ]
        .into_iter()
        .filter(|(_, own, agreed)| own != agreed)
        .map(|(name, own, agreed)| format!("{name} is {own} here and {agreed} on the others"))
        .collect::<Vec<_>>()
        .join(", ")
    }

    /// How long after its issue a token of theirs may count.
    fn last(&self) -> Duration {
        let further = self.audiences.iter().map(|further| further.access_ttl).max().unwrap_or_default();
        let longest = self.access_ttl.max(self.refresh_ttl).max(further);
        Duration::from_secs(longest).saturating_add(MARGIN)
    }

    /// The issuers and audiences of their tokens.
    fn pairs(&self) -> impl Iterator<Item = Accepted> {
        let pair = |audience: &str, is_other_api| Accepted {
            issuer: self.issuer.clone(),
            audience: audience.to_owned(),
            is_other_api,
        };
        std::iter::once(pair(&self.audience, false))
            .chain(self.audiences.iter().map(move |further| pair(&further.name, true)))
    }
}

impl AudienceTerms {
    fn of(config: &Config) -> Vec<Self> {
        let mut audiences: Vec<_> = config
            .audiences
            .iter()
            .filter_map(|further| config.access_tokens(further.name.as_str()))
            .map(|tokens| Self {
                name: tokens.audience.to_owned(),
                algorithm: tokens.algorithm.to_string(),
                access_ttl: tokens.lifetime.as_secs(),
            })
            .collect();
        audiences.sort();
        audiences
    }

    /// Names them, for people.
    fn listed(audiences: &[Self]) -> String {
        let each = |of: &Self| format!("{} ({}, {} s)", of.name, of.algorithm, of.access_ttl);
        let listed: Vec<_> = audiences.iter().map(each).collect();
        if listed.is_empty() { "none".to_owned() } else { listed.join(", ") }
    }
}

/// An agreement as this version understands it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    terms: Option<Terms>,
    kept: Agreement,
}

impl Record {
    /// Says whether it was recorded long enough ago for every server that is in touch to have read it. Of the first they
    /// have read when they started.
    fn is_heard_of(&self, now: Timestamp) -> bool {
        self.kept.seq == 1 || now >= self.kept.adopted_at.after(KEYS_KNOWN_WITHIN)
    }

    /// When it counts no more for servers; `None` if it still is what is agreed on.
    fn serves_until(&self) -> Option<Timestamp> {
        self.kept.superseded_at.map(|at| at.after(ROLLOUT))
    }
}

/// Where a server stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It is configured as the servers have agreed.
    Agreed,
    /// It is configured as they had agreed before, which counts until then.
    Replaced(Timestamp),
    /// What it is configured to was agreed on so lately that other servers may not have heard of it.
    Early,
    /// Nothing has been recorded.
    Unrecorded,
    /// It is configured otherwise; says how.
    Differs(String),
}

/// All that has been agreed on, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Records(Vec<Record>);

impl Records {
    /// Reads them.
    pub async fn read(store: &dyn Agreements) -> Result<Self, StoreError> {
        let kept = store.agreements().await?;
        Ok(Self(kept.into_iter().map(|kept| Record { terms: Terms::read(&kept.terms), kept }).collect()))
    }

    /// What is agreed on now.
    pub fn current(&self) -> Option<&Record> {
        self.0.first()
    }

    /// Says whether these are the terms that are agreed on now.
    pub fn agree_on(&self, terms: &Terms) -> bool {
        self.current().is_some_and(|current| current.terms.as_ref() == Some(terms))
    }

    /// Says whether what was agreed on at last in `earlier` is among these.
    pub fn go_on_from(&self, earlier: &Self) -> bool {
        earlier.current().is_none_or(|known| {
            let is_it = |record: &Record| {
                (record.kept.seq, record.kept.adopted_at) == (known.kept.seq, known.kept.adopted_at)
            };
            self.0.iter().any(is_it)
        })
    }

    /// What lets these terms follow, if nothing else has meanwhile.
    pub fn succeeded_by(&self, terms: &Terms, by: &str, at: Timestamp) -> Adoption {
        let predecessor = self.current().map(|current| current.kept.seq);
        Adoption { predecessor, terms: terms.text(), by: by.to_owned(), at }
    }

    /// Where a server with these terms stands when the store's clock shows `now`. One that is `alone` waits for nobody.
    pub fn standing(&self, own: &Terms, now: Timestamp, alone: bool) -> Standing {
        let Some(current) = self.current() else { return Standing::Unrecorded };
        let in_force = |record: &&Record| {
            record.terms.as_ref() == Some(own) && record.serves_until().is_none_or(|until| now < until)
        };
        let mut own_records = self.0.iter().filter(in_force);
        let Some(newest) = own_records.clone().next() else {
            return Standing::Differs(explained(own, current));
        };
        // What counted before already is not news to anybody.
        let is_known = alone || own_records.any(|record| record.is_heard_of(now));
        match newest.serves_until() {
            _ if !is_known => Standing::Early,
            None => Standing::Agreed,
            Some(until) => Standing::Replaced(until),
        }
    }

    /// Returns the issuers and audiences that are accepted when the store's clock shows `now`, beside these terms' own
    /// default audience.
    pub fn accepted(&self, own: &Terms, now: Timestamp) -> Vec<Accepted> {
        let is_own = |pair: &Accepted| pair.issuer == own.issuer && pair.audience == own.audience;
        let mut accepted: Vec<_> = own.pairs().filter(|pair| pair.is_other_api).collect();
        for record in &self.0 {
            let Some(terms) = &record.terms else { continue };
            let counts = record.serves_until().is_none_or(|until| now < until.after(terms.last()));
            for pair in terms.pairs().filter(|pair| counts && !is_own(pair)) {
                let is_known =
                    |known: &Accepted| known.issuer == pair.issuer && known.audience == pair.audience;
                if !accepted.iter().any(is_known) {
                    accepted.push(pair);
                }
            }
        }
        accepted
    }
}

fn explained(own: &Terms, current: &Record) -> String {
    let what = match &current.terms {
        Some(agreed) => own.differences(agreed),
        None => "what the servers of this store agreed on was recorded by a newer version".to_owned(),
    };
    let at = current.kept.adopted_at.rfc3339();
    format!(
        "{what} (recorded {at} by {}): configure this server as the others, or let all agree on what it has by `tollgate \
         config adopt`",
        current.kept.adopted_by
    )
}

/// What became of adopting a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adopted {
    /// What had been agreed on, if that was something else.
    pub before: Option<Terms>,
    /// Until when servers with that go on.
    pub serve_until: Timestamp,
}

/// Lets the servers of a store agree on what a configuration says. `None` if they do already. `act` says it of what was agreed on
/// before, and of what is from now on.
pub(crate) async fn adopt(
    store: &dyn Agreements,
    config: &Config,
    by: &str,
    now: Timestamp,
    act: impl Fn(Option<&Terms>, &Terms) -> Act,
) -> Result<Option<Adopted>, StoreError> {
    let own = Terms::of(config);
    let records = Records::read(store).await?;
    if records.agree_on(&own) {
        return Ok(None);
    }
    let before = records.current().and_then(|current| current.terms.clone());
    if store.adopt(&records.succeeded_by(&own, by, now), &act(before.as_ref(), &own)).await? {
        return Ok(Some(Adopted { before, serve_until: now.after(ROLLOUT) }));
    }
    Err(StoreError::Overtaken)
}

/// Returns the issuers and audiences that a server with this configuration would accept beside its own default audience.
pub async fn accepted(
    store: &dyn Agreements,
    config: &Config,
    now: Timestamp,
) -> Result<Vec<Accepted>, StoreError> {
    Ok(Records::read(store).await?.accepted(&Terms::of(config), now))
}
