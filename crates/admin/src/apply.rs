//! Plans the steps that make merchants and clients as somebody wants them.
//!
//! A plan is made from the wanted objects and the existing ones, and changes nothing. It is carried out one step after the
//! other; if that is interrupted, the next plan has the remaining steps.

mod matching;
#[cfg(test)]
pub(super) mod tests;
mod wanted;

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use serde_json::{Value, json};
use tollgate_core::{ClientId, MerchantId};
use tollgate_store::{Client, ClientUpdate, Merchant, Status};

use self::matching::{Match, Matching};
pub use self::wanted::{Found, Place, Wanted, WantedClient, WantedMerchant};
use super::acting::differing;
use super::clients::{NewClient, updated};
use super::imported::ImportedSecrets;
use super::merchants::NewMerchant;
use super::{AdminError, Administration, Deleted, Name, recorded};

/// What happens to existing objects that are not wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Others {
    /// They stay as they are.
    Stay,
    /// They end: merchants with their clients, and operators' clients if any operator's client is wanted.
    End,
}

/// A step towards the wanted state.
#[derive(Debug, Clone)]
pub enum Step {
    /// Creates a merchant.
    CreateMerchant(NewMerchant),
    /// Renames a merchant.
    RenameMerchant(Merchant, Name),
    /// Creates a client.
    CreateClient(NewClient),
    /// Changes a client.
    UpdateClient(Box<Client>, Box<ClientUpdate>),
    /// Enables or disables a merchant.
    SetMerchantStatus(MerchantId, Name, Status),
    /// Enables or disables a client.
    SetClientStatus(ClientId, Option<MerchantId>, Name, Status),
    /// Deletes a client.
    DeleteClient(Box<Client>),
    /// Deletes a merchant with its clients.
    DeleteMerchant(Merchant),
}

impl Step {
    /// Says whether the step ends something that works: it disables or deletes an object.
    pub fn ends_something(&self) -> bool {
        matches!(
            self,
            Self::DeleteClient(_)
                | Self::DeleteMerchant(_)
                | Self::SetMerchantStatus(_, _, Status::Disabled)
                | Self::SetClientStatus(_, _, _, Status::Disabled)
        )
    }

    /// Returns what the step changes, as members `before` and `after`; `null` if there was nothing before, or is nothing after.
    pub fn changes(&self) -> Value {
        let (before, after) = match self {
            Self::RenameMerchant(merchant, name) => {
                (json!({ "name": merchant.name }), json!({ "name": name.as_str() }))
            }
            Self::UpdateClient(client, update) => {
                differing(&recorded::client(client), &recorded::changed(client, &updated(client, update)))
            }
            Self::SetMerchantStatus(_, _, status) | Self::SetClientStatus(_, _, _, status) => {
                let before = if *status == Status::Enabled { Status::Disabled } else { Status::Enabled };
                let shown = |status| json!({ "status": recorded::status(status) });
                (shown(before), shown(*status))
            }
            Self::CreateMerchant(_)
            | Self::CreateClient(_)
            | Self::DeleteClient(_)
            | Self::DeleteMerchant(_) => return Value::Null,
        };
        json!({ "before": before, "after": after })
    }
}

/// The steps to the wanted state, in order.
#[derive(Debug, Default)]
pub struct Plan {
    /// The steps, in the order in which they are taken.
    pub steps: Vec<Step>,
    /// How many merchants and clients are already as they are wanted.
    pub unchanged: usize,
    /// The ids in the steps that were drawn for this plan: another plan draws others.
    pub drawn: Drawn,
}

/// Ids that were drawn for new objects.
#[derive(Debug, Default)]
pub struct Drawn {
    /// The ids of new merchants.
    pub merchants: HashSet<MerchantId>,
    /// The ids of new clients.
    pub clients: HashSet<ClientId>,
}

/// The reason why an object can't become as it is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// The wanted object, shown as a path such as `merchants[0].clients[2]`.
    pub place: Place,
    /// The problem, in words for people.
    pub problem: String,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.problem)
    }
}

/// Reads the existing merchants and clients.
pub async fn find(admin: &Administration<'_>) -> Result<Found, AdminError> {
    const PAGE: u32 = 1_000;
    let mut found = Found::default();
    loop {
        let after = found.merchants.last().map(|last| last.id);
        let page = admin.store.merchants(after, PAGE).await?;
        if page.is_empty() {
            break;
        }
        found.merchants.extend(page);
    }
    loop {
        let after = found.clients.last().map(|last| last.id);
        let page = admin.store.clients(None, after, PAGE).await?;
        if page.is_empty() {
            break;
        }
        found.clients.extend(page);
    }
    found.deleted = Deleted::at(admin, admin.now().await?).await?;
    Ok(found)
}

/// Makes the plan. `fits` says of a client whether it could be created; all problems are returned together.
pub fn plan(
    wanted: &Wanted,
    found: &Found,
    others: Others,
    fits: impl Fn(&WantedClient) -> Result<(), String>,
) -> Result<Plan, Vec<Misfit>> {
    let mut planning = Planning {
        matching: Matching::new(wanted, found),
        deleted: &found.deleted,
        phases: BTreeMap::new(),
        unchanged: 0,
        drawn: Drawn::default(),
        misfits: Vec::new(),
        fits,
    };
    for (place, merchant) in wanted.merchants.iter().enumerate() {
        let id = planning.merchant(Place::Merchant(place), merchant);
        for (client, wanted) in merchant.clients.iter().enumerate() {
            planning.client(Place::Client(place, client), id, wanted);
        }
    }
    for (place, client) in wanted.operators.iter().enumerate() {
        planning.client(Place::Operator(place), None, client);
    }
    if others == Others::End {
        planning.end_others(found, !wanted.operators.is_empty());
    }
    planning.end()
}

/// A kind of step: the steps of a kind are done together, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    CreateMerchants,
    RenameMerchants,
    CreateClients,
    UpdateClients,
    SetStatuses,
    Delete,
}

struct Planning<'a, F> {
    matching: Matching<'a>,
    deleted: &'a Deleted,
    phases: BTreeMap<Phase, Vec<Step>>,
    unchanged: usize,
    drawn: Drawn,
    misfits: Vec<Misfit>,
    fits: F,
}

impl<F: Fn(&WantedClient) -> Result<(), String>> Planning<'_, F> {
    fn step(&mut self, phase: Phase, step: Step) {
        self.phases.entry(phase).or_default().push(step);
    }

    fn misfit(&mut self, place: Place, problem: impl Into<String>) {
        self.misfits.push(Misfit { place, problem: problem.into() });
    }

    /// Plans a merchant, without its clients. Returns the id that it has or will have.
    fn merchant(&mut self, place: Place, wanted: &WantedMerchant) -> Option<MerchantId> {
        let (id, status, is_changed) = match self.matching.merchant(place, wanted) {
            Err(problem) => {
                self.misfit(place, problem);
                return None;
            }
            Ok(Match::New(id)) => {
                if let Err(deleted) = self.deleted.check_merchant(id) {
                    self.misfit(place, deleted.to_string());
                }
                self.drawn.merchants.extend(Some(id).filter(|_| wanted.id.is_none()));
                let new = NewMerchant { id: Some(id), name: wanted.name.clone() };
                self.step(Phase::CreateMerchants, Step::CreateMerchant(new));
                (id, Status::Enabled, true)
            }
            Ok(Match::Found(merchant)) => {
                let is_renamed = merchant.name != wanted.name.as_str();
                if is_renamed {
                    let step = Step::RenameMerchant(merchant.clone(), wanted.name.clone());
                    self.step(Phase::RenameMerchants, step);
                }
                (merchant.id, merchant.status, is_renamed)
            }
        };
        let is_set = wanted.status.filter(|wanted| *wanted != status);
        if let Some(status) = is_set {
            self.step(Phase::SetStatuses, Step::SetMerchantStatus(id, wanted.name.clone(), status));
        }
        self.unchanged += usize::from(!is_changed && is_set.is_none());
        Some(id)
    }

    /// Plans a client of a merchant or of an operator. The id of a merchant with a problem is unknown.
    fn client(&mut self, place: Place, merchant: Option<MerchantId>, wanted: &WantedClient) {
        if let Err(problem) = (self.fits)(wanted) {
            self.misfit(place, problem);
        }
        if merchant.is_none() && !matches!(place, Place::Operator(_)) {
            return;
        }
        let (id, status, is_changed) = match self.matching.client(place, merchant, wanted) {
            Err(problem) => return self.misfit(place, problem),
            Ok(Match::New(id)) => {
                if let Err(deleted) = self.deleted.check_client(id) {
                    self.misfit(place, deleted.to_string());
                }
                self.drawn.clients.extend(Some(id).filter(|_| wanted.id.is_none()));
                self.step(Phase::CreateClients, Step::CreateClient(new_client(id, merchant, wanted)));
                (id, Status::Enabled, true)
            }
            Ok(Match::Found(client)) => {
                let update = difference(client, wanted);
                let is_changed = update != ClientUpdate::default();
                if is_changed {
                    let step = Step::UpdateClient(Box::new(client.clone()), Box::new(update));
                    self.step(Phase::UpdateClients, step);
                }
                (client.id, client.status, is_changed)
            }
        };
        let is_set = wanted.status.filter(|wanted| *wanted != status);
        if let Some(status) = is_set {
            self.step(Phase::SetStatuses, Step::SetClientStatus(id, merchant, wanted.name.clone(), status));
        }
        self.unchanged += usize::from(!is_changed && is_set.is_none());
    }

    /// Plans to delete the objects that are not wanted. The clients of a merchant go with it.
    fn end_others(&mut self, found: &Found, with_operators: bool) {
        for client in &found.clients {
            let goes = client.merchant_id.map_or(with_operators, |id| self.matching.has_merchant(id));
            if goes && !self.matching.has_client(client.id) {
                self.step(Phase::Delete, Step::DeleteClient(Box::new(client.clone())));
            }
        }
        for merchant in &found.merchants {
            if !self.matching.has_merchant(merchant.id) {
                self.step(Phase::Delete, Step::DeleteMerchant(merchant.clone()));
            }
        }
    }

    fn end(self) -> Result<Plan, Vec<Misfit>> {
        if !self.misfits.is_empty() {
            return Err(self.misfits);
        }
        let steps = self.phases.into_values().flatten().collect();
        Ok(Plan { steps, unchanged: self.unchanged, drawn: self.drawn })
    }
}

fn new_client(id: ClientId, merchant_id: Option<MerchantId>, wanted: &WantedClient) -> NewClient {
    NewClient {
        id: Some(id),
        merchant_id,
        name: wanted.name.clone(),
        environment: wanted.environment,
        scope: wanted.scope.clone(),
        addresses: wanted.addresses.clone(),
        audiences: wanted.audiences.clone(),
        terms: wanted.terms.clone(),
        secrets: ImportedSecrets::default(),
    }
}

/// Returns the update that makes a client as it is wanted.
fn difference(client: &Client, wanted: &WantedClient) -> ClientUpdate {
    fn unless_same<T: PartialEq + Clone>(found: &T, wanted: &T) -> Option<T> {
        (found != wanted).then(|| wanted.clone())
    }
    let (found, terms) = (&client.terms, &wanted.terms);
    ClientUpdate {
        name: (client.name != wanted.name.as_str()).then(|| wanted.name.as_str().to_owned()),
        scope: unless_same(&client.scope, &wanted.scope),
        addresses: unless_same(&client.addresses, &wanted.addresses),
        audiences: unless_same(&client.audiences, &wanted.audiences),
        access_ttl: unless_same(&found.access_ttl, &terms.access_ttl),
        refresh_ttl: unless_same(&found.refresh_ttl, &terms.refresh_ttl),
        quota: unless_same(&found.quota, &terms.quota),
        labels: unless_same(&found.labels, &terms.labels),
    }
}
