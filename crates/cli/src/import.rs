//! `tollgate client import`: clients of another authority, with their secrets.

mod file;
mod map_file;

use std::path::Path;

use serde_json::{Value, json};
use tollgate_admin::clients::NewClient;
use tollgate_admin::import::{self, Fate, Plan, Rules};
use tollgate_admin::merchants::NewMerchant;
use tollgate_core::ClientId;
use tollgate_store::Access;

use self::file::Line;
use self::map_file::MapFile;
use crate::args::{Format, ImportArgs};
use crate::desk::Desk;
use crate::failure::Failure;
use crate::output::List;
use crate::progress::Progress;
use crate::say;

/// The columns of the list of clients.
const COLUMNS: &[(&str, usize)] =
    &[("act", 15), ("old_client_id", 36), ("client_id", 36), ("merchant_id", 36), ("reason", 0)];

pub(crate) async fn run(args: ImportArgs, format: Format) -> Result<(), Failure> {
    let lines = file::read(&args)?;
    let access = if args.dry_run { Access::Read } else { Access::Change };
    let desk = Desk::open_because(&args.on, access, args.why.clone()).await?;
    let (ids, planned) = planned(&desk, lines, &args).await?;
    let Plan { merchants, fates } = planned;
    let clients: Vec<Client> = ids.into_iter().zip(fates).map(|(old, fate)| Client { old, fate }).collect();
    if args.dry_run {
        return dry_run(&clients, merchants.iter().map(|merchant| merchant.name.as_str()), format);
    }
    let renamed = clients.iter().filter(|client| client.gets_another_id()).count();
    if renamed > 0 && args.map.is_none() {
        return Err(Failure::new(format!(
            "{renamed} clients have an id that is no UUID, and get another one: their owners must be told, so name a file for both \
             ids by --map FILE"
        )));
    }
    let list = List::start(format, COLUMNS)?;
    let progress = Progress::of(clients.len());
    let map = args.map.as_deref().map(MapFile::new);
    let mut work = Work { desk, list, progress, map, counts: Counts::default() };
    let outcome = work.carry_out(merchants, clients).await;
    work.end(outcome, args.map.as_deref())
}

/// Reads what is here, and makes the plan. What the file itself leaves out stands in the plan as it stands in the file.
async fn planned(desk: &Desk, lines: Vec<Line>, args: &ImportArgs) -> Result<(Vec<Old>, Plan), Failure> {
    let found = desk.found().await?;
    let rules = Rules {
        source: args.from.name(),
        merchant: args.merchant,
        create_merchants: args.create_merchants,
        scope: args.scope.clone(),
        words: args.map_scope.iter().map(|becomes| (becomes.word.clone(), becomes.scope.clone())).collect(),
        environment: args.env,
    };
    let (mut olds, mut readable, mut left_out) = (Vec::new(), Vec::new(), Vec::new());
    for (place, Line { at, id, client }) in lines.into_iter().enumerate() {
        olds.push(Old { at, id });
        match client {
            Ok(client) => readable.push(client),
            Err(reason) => left_out.push((place, Fate::LeftOut(reason))),
        }
    }
    let plan = import::plan(readable, &rules, &found, |new| {
        desk.check_client(&new.scope, &new.audiences, &new.terms)
    })
    .map_err(|obstacles| Failure::of_file(&args.file, &obstacles))?;
    let Plan { merchants, mut fates } = plan;
    // By ascending places, so that each comes to stand where it was.
    for (place, fate) in left_out {
        fates.insert(place, fate);
    }
    Ok((olds, Plan { merchants, fates }))
}

/// Where a client stands in the file, and the id that it has there.
struct Old {
    at: String,
    id: String,
}

struct Client {
    old: Old,
    fate: Fate,
}

impl Client {
    fn gets_another_id(&self) -> bool {
        matches!(self.fate, Fate::Create(_)) && self.old.id.parse::<ClientId>().is_err()
    }

    /// Returns it as it is printed.
    fn shown(&self) -> Value {
        let (act, id, merchant, reason) = match &self.fate {
            Fate::Create(new) => ("client.create", new.id, new.merchant_id, None),
            Fate::Exists(id) => ("exists", Some(*id), None, None),
            Fate::LeftOut(reason) => ("left out", None, None, Some(format!("{}: {reason}", self.old.at))),
        };
        json!({
            "act": act, "old_client_id": self.old.id, "client_id": id, "merchant_id": merchant, "reason": reason,
        })
    }
}

fn dry_run<'a>(
    clients: &[Client],
    merchants: impl Iterator<Item = &'a str>,
    format: Format,
) -> Result<(), Failure> {
    let mut list = List::start(format, COLUMNS)?;
    for name in merchants {
        list.item(&merchant(name, &Value::Null))?;
    }
    let mut counts = Counts::default();
    for client in clients {
        counts.count(client);
        let mut shown = client.shown();
        if client.gets_another_id() {
            // It is drawn anew for the run that creates it.
            shown["client_id"] = Value::Null;
        }
        list.item(&shown)?;
    }
    list.end()?;
    say::note(&format!("nothing was done; {}", counts.said("to create")));
    Ok(())
}

/// Returns a merchant that is created as it is printed.
fn merchant(name: &str, id: &Value) -> Value {
    json!({
        "act": "merchant.create", "old_client_id": null, "client_id": null, "merchant_id": id, "reason": name,
    })
}

/// How many clients were created, and how many not.
#[derive(Default)]
struct Counts {
    created: usize,
    exist: usize,
    left_out: usize,
    renamed: usize,
}

impl Counts {
    fn count(&mut self, client: &Client) {
        match client.fate {
            Fate::Create(_) => self.created += 1,
            Fate::Exists(_) => self.exist += 1,
            Fate::LeftOut(_) => self.left_out += 1,
        }
        self.renamed += usize::from(client.gets_another_id());
    }

    fn said(&self, done: &str) -> String {
        format!(
            "{} clients {done}, {} are here already, {} left out",
            self.created, self.exist, self.left_out
        )
    }
}

/// The import as it is done.
struct Work<'a> {
    desk: Desk,
    list: List,
    progress: Progress,
    map: Option<MapFile<'a>>,
    counts: Counts,
}

impl Work<'_> {
    /// Creates the merchants and then the clients, many at once, and says of each in the order of the file what became of it.
    async fn carry_out(&mut self, merchants: Vec<NewMerchant>, clients: Vec<Client>) -> Result<(), Failure> {
        for new in merchants {
            let name = new.name.clone();
            let created = self.desk.create_merchant(new).await?;
            self.list.item(&merchant(name.as_str(), &created["merchant_id"]))?;
        }
        let at_once = self.desk.at_once().max(1);
        let mut clients = clients.into_iter().peekable();
        while clients.peek().is_some() {
            let mut part: Vec<Client> = Vec::new();
            let mut new: Vec<NewClient> = Vec::new();
            for client in clients.by_ref() {
                if let Fate::Create(client) = &client.fate {
                    new.push((**client).clone());
                }
                part.push(client);
                if new.len() == at_once {
                    break;
                }
            }
            self.desk.create_clients(&new, async |_| Ok(())).await?;
            self.progress.hide();
            for client in &part {
                self.done(client)?;
            }
            self.progress.show(self.counts.created + self.counts.exist + self.counts.left_out);
        }
        Ok(())
    }

    fn done(&mut self, client: &Client) -> Result<(), Failure> {
        self.counts.count(client);
        if let Some(map) = &mut self.map {
            match &client.fate {
                Fate::Create(new) => map.add(&client.old.id, new.id, new.merchant_id),
                Fate::Exists(id) => map.add(&client.old.id, Some(*id), None),
                Fate::LeftOut(_) => {}
            }
        }
        self.list.item(&client.shown()).map(drop)
    }

    /// Ends the list, and says what was done. What was done stands, whatever has stopped the rest.
    fn end(self, outcome: Result<(), Failure>, map: Option<&Path>) -> Result<(), Failure> {
        self.progress.hide();
        self.list.end()?;
        let written = self.map.map_or(Ok(()), MapFile::write);
        say::note(&self.counts.said("created"));
        if outcome.is_err() {
            say::note("what was done stands, and another run does the rest");
        }
        if let (Some(path), true) = (map, self.counts.renamed > 0) {
            say::note(&format!(
                "{} of them had an id that is no UUID, and have another one: tell their owners, {} has both",
                self.counts.renamed,
                path.display()
            ));
        }
        outcome.and(written)
    }
}
