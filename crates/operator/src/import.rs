//! Imports clients of another authority, with their secrets.

mod csv;
mod file;
mod hydra;
mod json;
mod keycloak;
mod line;
mod map_file;

use serde_json::Value;
use tollgate_admin::clients::NewClient;
use tollgate_admin::import;
use tollgate_admin::import::{Fate, Rules};
use tollgate_admin::merchants::NewMerchant;
use tollgate_core::ClientId;

pub use self::file::{Reading, Source, read};
pub use self::line::Line;
pub use self::map_file::MapFile;
use crate::desk::Desk;
use crate::error::OperatorError;

/// A plan of the import.
#[derive(Debug)]
pub struct Import {
    /// The merchants that are created first.
    pub merchants: Vec<NewMerchant>,
    /// The outcome for each client, in the order of the file.
    pub clients: Vec<Imported>,
}

/// A client of the file, and its outcome.
#[derive(Debug)]
pub struct Imported {
    /// Its place in the file, such as `clients[3]` or `line 4`.
    pub at: String,
    /// The id that it has there; empty if it has none.
    pub old_id: String,
    /// The outcome of the import for it.
    pub fate: Fate,
}

impl Imported {
    /// Says whether it is created under another id than it had: an id that is not a UUID can't be kept.
    pub fn gets_another_id(&self) -> bool {
        matches!(self.fate, Fate::Create(_)) && self.old_id.parse::<ClientId>().is_err()
    }
}

/// Why no plan could be made. Nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// Questions that somebody must decide first.
    #[error("{} things must be decided first", .0.len())]
    Obstacles(Vec<String>),
    /// The existing merchants and clients can't be read.
    #[error(transparent)]
    Operator(#[from] OperatorError),
}

/// Reads the existing merchants and clients, and makes the plan. Clients that the file itself leaves out are in the plan, in their place.
pub async fn plan(desk: &Desk, lines: Vec<Line>, rules: &Rules) -> Result<Import, PlanError> {
    let found = desk.found().await?;
    let (mut places, mut readable, mut left_out) = (Vec::new(), Vec::new(), Vec::new());
    for (place, Line { at, id, client }) in lines.into_iter().enumerate() {
        places.push((at, id));
        match client {
            Ok(client) => readable.push(client),
            Err(reason) => left_out.push((place, Fate::LeftOut(reason))),
        }
    }
    let fits = |new: &NewClient| desk.check_client(&new.scope, &new.audiences, &new.terms);
    let planned = import::plan(readable, rules, &found, fits).map_err(PlanError::Obstacles)?;
    let mut fates = planned.fates;
    // By ascending places, so that each ends up where it was.
    for (place, fate) in left_out {
        fates.insert(place, fate);
    }
    let clients = places.into_iter().zip(fates);
    let clients = clients.map(|((at, old_id), fate)| Imported { at, old_id, fate }).collect();
    Ok(Import { merchants: planned.merchants, clients })
}

/// A part of the import that was carried out.
#[derive(Debug, Clone, Copy)]
pub enum Done<'a> {
    /// A merchant was created; this is how it is shown.
    Merchant(&'a Value),
    /// The next clients of the file; those to be created were.
    Clients(&'a [Imported]),
}

/// Creates the merchants and then the clients, in batches, and reports in the order of the file what was done.
pub async fn carry_out<E: From<OperatorError>>(
    desk: &Desk,
    import: Import,
    mut done: impl FnMut(Done<'_>) -> Result<(), E>,
) -> Result<(), E> {
    for new in import.merchants {
        done(Done::Merchant(&desk.create_merchant(new).await?))?;
    }
    let mut rest = &import.clients[..];
    while !rest.is_empty() {
        let created = rest.iter().enumerate().filter(|(_, client)| matches!(client.fate, Fate::Create(_)));
        // Up to the last client of the next batch.
        let end = created.map(|(place, _)| place + 1).nth(desk.at_once() - 1).unwrap_or(rest.len());
        let (part, others) = rest.split_at(end);
        let new = part.iter().filter_map(|client| match &client.fate {
            Fate::Create(new) => Some((**new).clone()),
            Fate::Exists(..) | Fate::LeftOut(_) => None,
        });
        desk.create_clients(&new.collect::<Vec<_>>(), async |_| Ok(())).await?;
        done(Done::Clients(part))?;
        rest = others;
    }
    Ok(())
}
