//! Finds the existing object that a wanted one stands for: by its id, or else by its name.

use std::collections::{HashMap, HashSet};

use tollgate_core::{ClientId, MerchantId};
use tollgate_store::{Client, Merchant};

use super::wanted::{Found, Place, Wanted, WantedClient, WantedMerchant};

/// The object that a wanted one stands for.
pub(super) enum Match<'a, T, Id> {
    /// A new object, which gets this id.
    New(Id),
    /// An object that exists.
    Found(&'a T),
}

/// The name of a wanted merchant.
type MerchantName<'a> = &'a str;
type ClientName<'a> = (Option<MerchantId>, &'a str);

/// The existing objects, by id and by name, and which of them are wanted.
pub(super) struct Matching<'a> {
    merchants: HashMap<MerchantId, &'a Merchant>,
    named_merchants: HashMap<MerchantName<'a>, Vec<&'a Merchant>>,
    clients: HashMap<ClientId, &'a Client>,
    named_clients: HashMap<ClientName<'a>, Vec<&'a Client>>,
    wanted_merchants: HashMap<MerchantId, Place>,
    wanted_clients: HashMap<ClientId, Place>,
    /// Names that several wanted merchants have.
    ambiguous_merchants: HashSet<&'a str>,
    /// Names that several wanted clients of one merchant have, by the merchant's place.
    ambiguous_clients: HashSet<(Option<usize>, &'a str)>,
}

impl<'a> Matching<'a> {
    pub(super) fn new(wanted: &'a Wanted, found: &'a Found) -> Self {
        let (mut named_merchants, mut named_clients) = (HashMap::new(), HashMap::new());
        for merchant in &found.merchants {
            let named: &mut Vec<_> = named_merchants.entry(merchant.name.as_str()).or_default();
            named.push(merchant);
        }
        for client in &found.clients {
            let named: &mut Vec<_> =
                named_clients.entry((client.merchant_id, client.name.as_str())).or_default();
            named.push(client);
        }
        let of_merchants = wanted.merchants.iter().enumerate().flat_map(|(place, merchant)| {
            merchant.clients.iter().map(move |client| (Some(place), client.name.as_str()))
        });
        let of_operators = wanted.operators.iter().map(|client| (None, client.name.as_str()));
        Self {
            merchants: found.merchants.iter().map(|merchant| (merchant.id, merchant)).collect(),
            named_merchants,
            clients: found.clients.iter().map(|client| (client.id, client)).collect(),
            named_clients,
            wanted_merchants: HashMap::new(),
            wanted_clients: HashMap::new(),
            ambiguous_merchants: repeated(wanted.merchants.iter().map(|merchant| merchant.name.as_str())),
            ambiguous_clients: repeated(of_merchants.chain(of_operators)),
        }
    }

    /// Returns the merchant that a wanted one stands for, or why it can't be determined.
    pub(super) fn merchant(
        &mut self,
        place: Place,
        wanted: &WantedMerchant,
    ) -> Result<Match<'a, Merchant, MerchantId>, String> {
        let name = wanted.name.as_str();
        let found = match wanted.id {
            Some(id) => self.merchants.get(&id).copied(),
            None if self.ambiguous_merchants.contains(name) => return Err(SEVERAL_WANTED.to_owned()),
            None => match self.named_merchants.get(name).map_or(&[][..], Vec::as_slice) {
                [] => None,
                [one] => Some(*one),
                several => return Err(several_found("merchants", several.iter().map(|one| one.id))),
            },
        };
        let id = found.map(|found| found.id).or(wanted.id);
        let id = id.unwrap_or_else(|| MerchantId::random(&mut rand::rng()));
        match self.wanted_merchants.insert(id, place) {
            Some(other) => Err(format!("is merchant {id}, as {other} is")),
            None => Ok(found.map_or(Match::New(id), Match::Found)),
        }
    }

    /// Returns the client that a wanted one stands for, or why it can't be determined.
    pub(super) fn client(
        &mut self,
        place: Place,
        merchant: Option<MerchantId>,
        wanted: &WantedClient,
    ) -> Result<Match<'a, Client, ClientId>, String> {
        let name = wanted.name.as_str();
        let owner = if let Place::Client(merchant, _) = place { Some(merchant) } else { None };
        let found = match wanted.id {
            Some(id) => self.clients.get(&id).copied(),
            None if self.ambiguous_clients.contains(&(owner, name)) => return Err(SEVERAL_WANTED.to_owned()),
            None => match self.named_clients.get(&(merchant, name)).map_or(&[][..], Vec::as_slice) {
                [] => None,
                [one] => Some(*one),
                several => return Err(several_found("clients", several.iter().map(|one| one.id))),
            },
        };
        if let Some(found) = found {
            check_same(found, merchant, wanted)?;
        }
        let id = found.map(|found| found.id).or(wanted.id);
        let id = id.unwrap_or_else(|| ClientId::random(&mut rand::rng()));
        match self.wanted_clients.insert(id, place) {
            Some(other) => Err(format!("is client {id}, as {other} is")),
            None => Ok(found.map_or(Match::New(id), Match::Found)),
        }
    }

    /// Says whether a merchant is wanted.
    pub(super) fn has_merchant(&self, id: MerchantId) -> bool {
        self.wanted_merchants.contains_key(&id)
    }

    /// Says whether a client is wanted.
    pub(super) fn has_client(&self, id: ClientId) -> bool {
        self.wanted_clients.contains_key(&id)
    }
}

const SEVERAL_WANTED: &str = "another one has this name, too: give the id of each";

fn several_found<T: ToString>(what: &str, ids: impl Iterator<Item = T>) -> String {
    let ids: Vec<String> = ids.map(|id| id.to_string()).collect();
    format!("there are several {what} of this name, {}: give the id", ids.join(", "))
}

/// Refuses changes that can't be made to a client.
fn check_same(found: &Client, merchant: Option<MerchantId>, wanted: &WantedClient) -> Result<(), String> {
    if found.merchant_id != merchant {
        let of =
            found.merchant_id.map_or_else(|| "an operator's".to_owned(), |id| format!("of merchant {id}"));
        return Err(format!("client {} is {of}, and can't move", found.id));
    }
    match wanted.environment {
        Some(wanted) if wanted != found.environment => Err(format!(
            "client {} is of the environment {}, which can't be changed to {wanted}",
            found.id, found.environment
        )),
        _ => Ok(()),
    }
}

/// Returns the items that appear more than once.
fn repeated<T: Eq + std::hash::Hash + Copy>(items: impl Iterator<Item = T>) -> HashSet<T> {
    let (mut seen, mut repeated) = (HashSet::new(), HashSet::new());
    for item in items {
        if !seen.insert(item) {
            repeated.insert(item);
        }
    }
    repeated
}
