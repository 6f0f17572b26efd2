//! `tollgate client import`: clients of another authority, with their secrets.

use std::collections::HashMap;
use std::path::Path;

use serde_json::{Value, json};
use tollgate_admin::import::{Fate, Rules};
use tollgate_operator::Desk;
use tollgate_operator::import::{self, Done, Import, Imported, MapFile, PlanError, Reading};

use crate::args::ImportArgs;
use crate::failure::Failure;
use crate::output::{Format, List};
use crate::progress::Progress;
use crate::{open, say};

/// The columns of the list of clients.
const COLUMNS: &[(&str, usize)] =
    &[("act", 15), ("old_client_id", 36), ("client_id", 36), ("merchant_id", 36), ("reason", 0)];

pub(crate) async fn run(args: ImportArgs, format: Format) -> Result<(), Failure> {
    let merchant_from = args.merchant_from.as_deref();
    let how = Reading { source: args.from, merchant_from, optional_scopes: args.optional_scopes };
    let lines = import::read(&args.file, how)?;
    let desk = open::desk_to_plan(&args.on, args.dry_run, args.why.clone()).await?;
    let plan = import::plan(&desk, lines, &rules(&args)).await.map_err(|error| match error {
        PlanError::Obstacles(obstacles) => Failure::of_file(&args.file, &obstacles),
        PlanError::Operator(error) => error.into(),
    })?;
    if args.dry_run {
        return dry_run(&plan, format);
    }
    let renamed = plan.clients.iter().filter(|client| client.gets_another_id()).count();
    if renamed > 0 && args.map.is_none() {
        return Err(Failure::new(format!(
            "{renamed} clients have an id that is no UUID, and get another one: their owners must be told, so name a file for both \
             ids by --map FILE"
        )));
    }
    carry_out(&desk, plan, args.map.as_deref(), format).await
}

fn rules(args: &ImportArgs) -> Rules {
    Rules {
        source: args.from.name(),
        merchant: args.merchant,
        create_merchants: args.create_merchants,
        scope: args.scope.clone(),
        words: args.map_scope.iter().map(|becomes| (becomes.word.clone(), becomes.scope.clone())).collect(),
        environment: args.env,
    }
}

async fn carry_out(desk: &Desk, plan: Import, map: Option<&Path>, format: Format) -> Result<(), Failure> {
    let file = map.map(MapFile::new).transpose()?;
    let list = List::start(format, COLUMNS)?;
    let progress = Progress::of(plan.clients.len());
    let mut work = Work { list, progress, map: file, counts: Counts::default() };
    let outcome = import::carry_out(desk, plan, |done| work.say(done)).await;
    work.end(outcome, map)
}

/// Returns the printed form of a client.
fn shown(client: &Imported) -> Value {
    let (act, id, merchant, reason) = match &client.fate {
        Fate::Create(new) => ("client.create", new.id, new.merchant_id, None),
        Fate::Exists(id, merchant) => ("exists", Some(*id), *merchant, None),
        Fate::LeftOut(reason) => ("left out", None, None, Some(format!("{}: {reason}", client.at))),
    };
    json!({
        "act": act, "old_client_id": client.old_id, "client_id": id, "merchant_id": merchant, "reason": reason,
    })
}

fn dry_run(plan: &Import, format: Format) -> Result<(), Failure> {
    let mut list = List::start(format, COLUMNS)?;
    let drawn: HashMap<_, _> = plan.merchants.iter().map(|new| (new.id, &new.name)).collect();
    for new in &plan.merchants {
        list.item(&merchant(&json!(new.name.as_str()), &Value::Null))?;
    }
    let mut counts = Counts::default();
    for client in &plan.clients {
        counts.count(client);
        let mut shown = shown(client);
        if client.gets_another_id() {
            // The run that creates the client draws another id.
            shown["client_id"] = Value::Null;
        }
        if let Fate::Create(new) = &client.fate
            && let Some(merchant) = drawn.get(&new.merchant_id)
        {
            shown["merchant_id"] = Value::Null;
            shown["reason"] = json!(format!("of the new merchant {:?}", merchant.as_str()));
        }
        list.item(&shown)?;
    }
    list.end()?;
    say::note(&format!("nothing was done; {}", counts.said("to create")));
    Ok(())
}

/// Returns the printed form of a merchant that is created.
fn merchant(name: &Value, id: &Value) -> Value {
    json!({
        "act": "merchant.create", "old_client_id": null, "client_id": null, "merchant_id": id, "reason": name,
    })
}

/// How many clients were created, existed before, or were left out.
#[derive(Default)]
struct Counts {
    created: usize,
    exist: usize,
    left_out: usize,
    renamed: usize,
}

impl Counts {
    fn count(&mut self, client: &Imported) {
        match client.fate {
            Fate::Create(_) => self.created += 1,
            Fate::Exists(..) => self.exist += 1,
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

/// The output about an import while it is done.
struct Work<'a> {
    list: List,
    progress: Progress,
    map: Option<MapFile<'a>>,
    counts: Counts,
}

impl Work<'_> {
    fn say(&mut self, done: Done<'_>) -> Result<(), Failure> {
        let clients = match done {
            Done::Merchant(created) => {
                return self.list.item(&merchant(&created["name"], &created["merchant_id"])).map(drop);
            }
            Done::Clients(clients) => clients,
        };
        self.progress.hide();
        for client in clients {
            self.client(client)?;
        }
        self.progress.show(self.counts.created + self.counts.exist + self.counts.left_out);
        Ok(())
    }

    fn client(&mut self, client: &Imported) -> Result<(), Failure> {
        self.counts.count(client);
        if let Some(map) = &mut self.map {
            match &client.fate {
                Fate::Create(new) => map.add(&client.old_id, new.id, new.merchant_id),
                Fate::Exists(id, merchant) => map.add(&client.old_id, Some(*id), *merchant),
                Fate::LeftOut(_) => {}
            }
        }
        self.list.item(&shown(client)).map(drop)
    }

    /// Ends the list, and reports what was done. That stays done, even if the rest was stopped.
    fn end(self, outcome: Result<(), Failure>, map: Option<&Path>) -> Result<(), Failure> {
        self.progress.hide();
        self.list.end()?;
        let written = self.map.map_or(Ok(()), MapFile::write).map_err(Failure::from);
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
