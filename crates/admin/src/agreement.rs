//! The agreement of the servers that share a store: what their tokens say and how long they last. A server with another
//! configuration would issue tokens that the others refuse, and refuse theirs, so it does neither.
//!
//! The agreement is recorded in the store. When it changes, the one before still counts for a while: servers are
//! restarted one after the other, and tokens that were issued before are still valid.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tollgate_config::{Config, duration_text};
use tollgate_core::{Accepted, Timestamp};
use tollgate_store::{Act, Adoption, Agreement, Agreements, StoreError};

/// How soon every server knows of a new key that may sign, and of a new agreement. A server that has not read the change log
/// for this long doesn't call a signature wrong, because a key that it doesn't know may have made it.
pub const KEYS_KNOWN_WITHIN: Duration = Duration::from_secs(5);

/// How long servers with the configuration of the agreement before go on, so that there is time to restart them all.
pub const ROLLOUT: Duration = Duration::from_secs(24 * 60 * 60);

/// How much longer than its lifetime a token may count, because of leeway and clocks that differ.
const MARGIN: Duration = Duration::from_secs(120);

/// The terms that servers must have in common. Members that a newer version adds are ignored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// `public_url`: the issuer of the tokens.
    pub issuer: String,
    /// `tokens.audience`: the default audience of the tokens.
    pub audience: String,
    /// The name of the algorithm that signs access tokens.
    pub algorithm: String,
    /// `tokens.access_ttl`: the lifetime of access tokens, in seconds.
    pub access_ttl: u64,
    /// `tokens.refresh_ttl`: the lifetime of refresh tokens, in seconds.
    pub refresh_ttl: u64,
    /// `audiences`: the further audiences, sorted by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub audiences: Vec<AudienceTerms>,
}

/// The terms for a further audience that servers must have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AudienceTerms {
    /// The name of the audience.
    pub name: String,
    /// The name of the algorithm that signs its access tokens.
    pub algorithm: String,
    /// The lifetime of its access tokens, in seconds.
    pub access_ttl: u64,
}

impl Terms {
    /// Returns the terms of a configuration.
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

    /// Returns the terms as JSON, as they are recorded.
    pub fn text(&self) -> String {
        serde_json::to_string(self).expect("texts and numbers serialise")
    }

    /// Reads terms that were recorded; `None` if this version can't read them.
    pub fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// Names the terms that differ, for people.
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

    /// Returns how long after its issue a token by these terms may count.
    fn last(&self) -> Duration {
        let further = self.audiences.iter().map(|further| further.access_ttl).max().unwrap_or_default();
        let longest = self.access_ttl.max(self.refresh_ttl).max(further);
        Duration::from_secs(longest).saturating_add(MARGIN)
    }

    /// Returns the issuers and audiences of tokens by these terms.
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

    /// Lists the names of audiences, for people.
    fn listed(audiences: &[Self]) -> String {
        let each = |of: &Self| format!("{} ({}, {} s)", of.name, of.algorithm, of.access_ttl);
        let listed: Vec<_> = audiences.iter().map(each).collect();
        if listed.is_empty() { "none".to_owned() } else { listed.join(", ") }
    }
}

/// An agreement with its terms as this version understands them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    terms: Option<Terms>,
    kept: Agreement,
}

impl Record {
    /// Says whether it was recorded long enough ago for every server that is in touch to have read it. The first agreement was
    /// read by each server when it started.
    fn is_heard_of(&self, now: Timestamp) -> bool {
        self.kept.seq == 1 || now >= self.kept.adopted_at.after(KEYS_KNOWN_WITHIN)
    }

    /// Returns when servers may no longer serve by it; `None` if it is the current agreement.
    fn serves_until(&self) -> Option<Timestamp> {
        self.kept.superseded_at.map(|at| at.after(ROLLOUT))
    }
}

/// How a server's configuration relates to the agreements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// The configuration has the terms of the current agreement.
    Agreed,
    /// The configuration has the terms of an agreement that was replaced, which counts until this time.
    Replaced(Timestamp),
    /// The configuration's terms were agreed on so recently that other servers may not know of them yet.
    Early,
    /// No agreement has been recorded.
    Unrecorded,
    /// The configuration differs from the agreement, as the text says.
    Differs(String),
}

/// The agreements that were recorded, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Records(Vec<Record>);

impl Records {
    /// Reads the agreements from the store.
    pub async fn read(store: &dyn Agreements) -> Result<Self, StoreError> {
        let kept = store.agreements().await?;
        Ok(Self(kept.into_iter().map(|kept| Record { terms: Terms::read(&kept.terms), kept }).collect()))
    }

    /// Returns the current agreement.
    pub fn current(&self) -> Option<&Record> {
        self.0.first()
    }

    /// Says whether these are the terms of the current agreement.
    pub fn agree_on(&self, terms: &Terms) -> bool {
        self.current().is_some_and(|current| current.terms.as_ref() == Some(terms))
    }

    /// Says whether the newest agreement of `earlier` is among these.
    pub fn go_on_from(&self, earlier: &Self) -> bool {
        earlier.current().is_none_or(|known| {
            let is_it = |record: &Record| {
                (record.kept.seq, record.kept.adopted_at) == (known.kept.seq, known.kept.adopted_at)
            };
            self.0.iter().any(is_it)
        })
    }

    /// Returns the adoption of these terms, which succeeds unless another one comes first.
    pub fn succeeded_by(&self, terms: &Terms, by: &str, at: Timestamp) -> Adoption {
        let predecessor = self.current().map(|current| current.kept.seq);
        Adoption { predecessor, terms: terms.text(), by: by.to_owned(), at }
    }

    /// Returns how a server with these terms relates to the agreements when the store's clock shows `now`. A server that is `alone` waits
    /// for nobody.
    pub fn standing(&self, own: &Terms, now: Timestamp, alone: bool) -> Standing {
        let Some(current) = self.current() else { return Standing::Unrecorded };
        let in_force = |record: &&Record| {
            record.terms.as_ref() == Some(own) && record.serves_until().is_none_or(|until| now < until)
        };
        let mut own_records = self.0.iter().filter(in_force);
        let Some(newest) = own_records.clone().next() else {
            return Standing::Differs(explained(own, current));
        };
        // Terms that counted before are known to every server.
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

/// The result of adopting a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adopted {
    /// The terms that had been agreed on, if they were others.
    pub before: Option<Terms>,
    /// When servers with those terms stop serving.
    pub serve_until: Timestamp,
}

/// Records the terms of a configuration as what the servers of a store agree on. Returns `None` if they agree on them already. The act's
/// record states the terms before and afterwards.
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
