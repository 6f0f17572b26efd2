//! Plans the import of another authority's clients.
//!
//! A plan is made from the old clients and the existing ones, and changes nothing. A client that was imported is recognized by its
//! id, or, if its old id was not a UUID and it has another one here, by the labels that it got: the next plan leaves it as it is.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use tollgate_core::{ClientId, Environment, MerchantId, Scope};
use tollgate_store::{Labels, Terms};

use super::apply::Found;
use super::clients::{NewClient, is_reserved};
use super::imported::ImportedSecrets;
use super::merchants::NewMerchant;
use super::{Deleted, Name};

/// The label that says where a client was imported from.
pub const SOURCE: &str = "imported-from";
/// The label that has the client's id there.
pub const ID: &str = "imported-id";

/// The words of a scope that are kept as they are.
const TAKEN: [&str; 2] = ["payments:read", "payments:write"];

/// Words that choose what an identity token says of a person, or what else is issued beside it (OpenID Connect Core §5.4, §11, and
/// the words that Keycloak creates in every realm). They allow nothing, and are dropped.
const WITHOUT_RIGHTS: [&str; 16] = [
    "acr",
    "address",
    "basic",
    "email",
    "microprofile-jwt",
    "offline",
    "offline_access",
    "openid",
    "organization",
    "phone",
    "profile",
    "role_list",
    "roles",
    "saml_organization",
    "service_account",
    "web-origins",
];

/// A client of another authority.
#[derive(Debug)]
pub struct OldClient {
    /// The id that it has there.
    pub id: String,
    /// Its name, for people.
    pub name: Name,
    /// The words of its scope there.
    pub scope: Vec<String>,
    /// Its merchant, by id or by name, if it is known.
    pub merchant: Option<String>,
    /// Its environment, if it is known.
    pub environment: Option<Environment>,
    /// The secrets that it uses there.
    pub secrets: ImportedSecrets,
}

/// How clients are imported.
#[derive(Debug)]
pub struct Rules {
    /// The name of the software that the clients come from.
    pub source: &'static str,
    /// The merchant of every client.
    pub merchant: Option<MerchantId>,
    /// Whether a merchant that doesn't exist is created.
    pub create_merchants: bool,
    /// The scope of every client, instead of its own.
    pub scope: Option<Scope>,
    /// The scopes that replace words of a client's own scope.
    pub words: BTreeMap<String, Scope>,
    /// The environment of clients whose environment isn't known.
    pub environment: Option<Environment>,
}

/// The outcome of the import for a client.
#[derive(Debug)]
pub enum Fate {
    /// It is created as this client.
    Create(Box<NewClient>),
    /// It was imported before, as the client with this id and of this merchant.
    Exists(ClientId, Option<MerchantId>),
    /// It isn't imported, for this reason.
    LeftOut(String),
}

/// The steps of an import.
#[derive(Debug, Default)]
pub struct Plan {
    /// The merchants that are created first.
    pub merchants: Vec<NewMerchant>,
    /// The outcome for each client, in the clients' order.
    pub fates: Vec<Fate>,
}

/// Makes the plan. `fits` says of a client whether it could be created. All questions that somebody must decide first are returned
/// together.
pub fn plan(
    old: Vec<OldClient>,
    rules: &Rules,
    found: &Found,
    fits: impl Fn(&NewClient) -> Result<(), String>,
) -> Result<Plan, Vec<String>> {
    let mut planning = Planning {
        rules,
        merchants: Merchants::new(found),
        existing: Existing::new(rules.source, found),
        deleted: &found.deleted,
        seen: HashSet::new(),
        obstacles: BTreeSet::new(),
    };
    let mut fates = Vec::new();
    for client in old {
        let fate = planning.fate(client);
        if let Fate::Create(new) = &fate
            && let Err(problem) = fits(new)
        {
            planning.obstacles.insert(problem);
        }
        fates.push(fate);
    }
    let Planning { merchants, obstacles, .. } = planning;
    if obstacles.is_empty() {
        Ok(Plan { merchants: merchants.new, fates })
    } else {
        Err(obstacles.into_iter().collect())
    }
}

struct Planning<'a> {
    rules: &'a Rules,
    merchants: Merchants<'a>,
    existing: Existing<'a>,
    deleted: &'a Deleted,
    seen: HashSet<String>,
    obstacles: BTreeSet<String>,
}

impl Planning<'_> {
    fn fate(&mut self, old: OldClient) -> Fate {
        if !self.seen.insert(old.id.to_ascii_lowercase()) {
            return Fate::LeftOut("it is there twice".to_owned());
        }
        if let Some((id, merchant)) = self.existing.find(&old.id) {
            return Fate::Exists(id, merchant);
        }
        if let Ok(id) = old.id.parse() {
            if is_reserved(id) {
                return Fate::LeftOut("its id is one that no client can have here".to_owned());
            }
            if let Err(deleted) = self.deleted.check_client(id) {
                return Fate::LeftOut(deleted.to_string());
            }
        }
        let labels = [(SOURCE.to_owned(), self.rules.source.to_owned()), (ID.to_owned(), old.id.clone())];
        let Ok(labels) = Labels::new(labels) else {
            return Fate::LeftOut("its id has more than 255 characters, or a control character".to_owned());
        };
        let scope = match &self.rules.scope {
            Some(scope) => scope.clone(),
            None => match self.scope(&old.scope) {
                Some(scope) => scope,
                None => return Fate::LeftOut(nothing_left(&old.scope)),
            },
        };
        let merchant_id = match self.merchants.of(&old, self.rules) {
            Ok(id) => id,
            Err(obstacle) => {
                self.obstacles.insert(obstacle);
                return Fate::LeftOut(String::new());
            }
        };
        Fate::Create(Box::new(NewClient {
            // If anybody could compute the new id from the old one, they could ask whether there is such a client.
            id: Some(old.id.parse().unwrap_or_else(|_| ClientId::random(&mut rand::rng()))),
            merchant_id: Some(merchant_id),
            name: old.name,
            environment: old.environment.or(self.rules.environment),
            scope,
            addresses: Vec::new(),
            audiences: Vec::new(),
            terms: Terms { labels, ..Terms::default() },
            secrets: old.secrets,
        }))
    }

    /// Translates a scope; `None` if nothing is left of it. A word that nobody has decided about is an obstacle.
    fn scope(&mut self, words: &[String]) -> Option<Scope> {
        let mut taken: Vec<&str> = Vec::new();
        for word in words {
            match self.rules.words.get(word) {
                Some(scope) => taken.extend(scope.words()),
                None if TAKEN.contains(&word.as_str()) => taken.push(word),
                None if WITHOUT_RIGHTS.contains(&word.as_str()) => {}
                None => drop(self.obstacles.insert(format!(
                    "the scope {word:?} means nothing here: say what it becomes by --map-scope {word}=SCOPE, or that it is \
                     dropped by --map-scope {word}="
                ))),
            }
        }
        let scope: Scope = taken.join(" ").parse().ok()?;
        (scope.words().next().is_some() || !self.obstacles.is_empty()).then_some(scope)
    }
}

fn nothing_left(words: &[String]) -> String {
    if words.is_empty() {
        "it has no scope: give all of them one by --scope".to_owned()
    } else {
        format!("nothing is left of its scope ({}): give all of them one by --scope", words.join(" "))
    }
}

/// The clients that exist in the store.
struct Existing<'a> {
    /// The merchant of each client.
    merchants: HashMap<ClientId, Option<MerchantId>>,
    imported: HashMap<&'a str, ClientId>,
}

impl<'a> Existing<'a> {
    fn new(source: &str, found: &'a Found) -> Self {
        let imported = found.clients.iter().filter_map(|client| {
            let labels = &client.terms.labels;
            let is_from_there = labels.get(SOURCE) == Some(source);
            Some((labels.get(ID).filter(|_| is_from_there)?, client.id))
        });
        let merchants = found.clients.iter().map(|client| (client.id, client.merchant_id));
        Self { merchants: merchants.collect(), imported: imported.collect() }
    }

    /// Finds the client that an old id has become, and its merchant.
    fn find(&self, old: &str) -> Option<(ClientId, Option<MerchantId>)> {
        let same = old.parse().ok().filter(|id| self.merchants.contains_key(id));
        let id = same.or_else(|| self.imported.get(old).copied())?;
        Some((id, *self.merchants.get(&id)?))
    }
}

/// The merchants that exist, and those that will be created.
struct Merchants<'a> {
    ids: HashSet<MerchantId>,
    deleted: &'a Deleted,
    named: HashMap<&'a str, Vec<MerchantId>>,
    new: Vec<NewMerchant>,
    drawn: HashMap<String, MerchantId>,
}

impl<'a> Merchants<'a> {
    fn new(found: &'a Found) -> Self {
        let mut named: HashMap<&str, Vec<MerchantId>> = HashMap::new();
        for merchant in &found.merchants {
            named.entry(&merchant.name).or_default().push(merchant.id);
        }
        let ids = found.merchants.iter().map(|merchant| merchant.id).collect();
        Self { ids, deleted: &found.deleted, named, new: Vec::new(), drawn: HashMap::new() }
    }

    /// Finds the merchant of a client, or says what somebody must do about it.
    fn of(&mut self, old: &OldClient, rules: &Rules) -> Result<MerchantId, String> {
        let text = match (rules.merchant, &old.merchant) {
            (Some(id), _) if self.ids.contains(&id) => return Ok(id),
            (Some(id), _) => {
                let unknown = || format!("there is no merchant {id}: `tollgate merchant list` shows them");
                return Err(self.deleted_or(id, unknown));
            }
            (None, Some(text)) => text.trim(),
            (None, None) => {
                return Err(format!(
                    "nothing says of which merchant {:?} is: name one for all by --merchant, or where the file says it by \
                     --merchant-from",
                    old.id
                ));
            }
        };
        if let Ok(id) = text.parse() {
            let unknown =
                || format!("there is no merchant {id}: `tollgate merchant create --id {id}` makes one");
            let is_here = self.ids.contains(&id);
            return is_here.then_some(id).ok_or_else(|| self.deleted_or(id, unknown));
        }
        match self.named.get(text).map(Vec::as_slice) {
            Some([id]) => Ok(*id),
            Some(_) => Err(format!("several merchants are called {text:?}: name one by its id")),
            None => self.drawn(text, rules),
        }
    }

    /// Says that a merchant was deleted, or else what `unknown` returns about a merchant that doesn't exist.
    fn deleted_or(&self, id: MerchantId, unknown: impl Fn() -> String) -> String {
        let check = self.deleted.check_merchant(id);
        check.err().map_or_else(unknown, |_| {
            format!(
                "the merchant {id} was deleted not long ago, and no other can have this id for now: name another one by --merchant"
            )
        })
    }

    fn drawn(&mut self, text: &str, rules: &Rules) -> Result<MerchantId, String> {
        if let Some(id) = self.drawn.get(text) {
            return Ok(*id);
        }
        if !rules.create_merchants {
            return Err(format!(
                "no merchant is called {text:?}: --create-merchants makes those that are missing"
            ));
        }
        let name: Name =
            text.parse().map_err(|error| format!("the name of a merchant, {text:?}, {error}"))?;
        let id = MerchantId::random(&mut rand::rng());
        self.drawn.insert(text.to_owned(), id);
        self.new.push(NewMerchant { id: Some(id), name });
        Ok(id)
    }
}
