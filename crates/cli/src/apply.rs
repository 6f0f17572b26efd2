//! `tollgate apply`: merchants and clients as a file says.

mod file;
mod plan;
mod secrets_file;
mod secrets_to;

use std::collections::BTreeSet;

use serde_json::Value;
use tollgate_admin::apply::{self, Others, Plan, Step, Wanted};
use tollgate_admin::clients::NewClient;
use tollgate_admin::scopes;
use tollgate_store::{Access, Status};

use self::plan::{COLUMNS, shown, shown_before, shown_created};
use self::secrets_to::SecretsTo;
use crate::args::{ApplyArgs, Format};
use crate::confirm::ask;
use crate::desk::Desk;
use crate::failure::Failure;
use crate::output::List;
use crate::progress::Progress;
use crate::say;

pub(crate) async fn run(args: ApplyArgs, format: Format) -> Result<(), Failure> {
    let wanted = file::read(&args.file)?;
    let access = if args.dry_run { Access::Read } else { Access::Change };
    let desk = Desk::open_because(&args.on, access, args.why.clone()).await?;
    let plan = planned(&desk, &wanted, &args).await?;
    warn_of_unknown(&wanted);
    if args.dry_run {
        return dry_run(&plan, format);
    }
    if plan.steps.is_empty() {
        say::note(&format!("nothing to do: {}", as_wanted(plan.unchanged)));
        return List::start(format, COLUMNS)?.end();
    }
    let creates = plan.steps.iter().any(|step| matches!(step, Step::CreateClient(_)));
    if creates && args.secrets_to.is_none() && !args.show_secrets {
        return Err(Failure::new(
            "there are clients to be created, and their secrets are shown once: say where to, by --secrets-to FILE or vault:MOUNT/PATH, or by \
             --show-secrets on standard output",
        ));
    }
    confirm(&plan, &args)?;
    let secrets = args.secrets_to.as_ref().filter(|_| creates).map(SecretsTo::open).transpose()?;
    let progress = Progress::of(plan.steps.len());
    let list = List::start(format, COLUMNS)?;
    let mut work = Work { desk, secrets, show_secrets: args.show_secrets, progress, list, done: 0 };
    let outcome = work.carry_out(plan.steps).await;
    work.end(outcome, plan.unchanged)
}

/// Makes the plan of what is wanted and what there is. Refuses a file that would end everything by mistake.
async fn planned(desk: &Desk, wanted: &Wanted, args: &ApplyArgs) -> Result<Plan, Failure> {
    if args.prune && wanted.merchants.is_empty() {
        return Err(Failure::new(format!(
            "{} has no merchant, and --prune would delete all there are: nothing was done. `tollgate merchant delete` deletes one",
            args.file.display()
        )));
    }
    let found = desk.found().await?;
    let others = if args.prune { Others::End } else { Others::Stay };
    apply::plan(wanted, &found, others, |client| {
        desk.check_client(&client.scope, &client.audiences, &client.terms)
    })
    .map_err(|misfits| Failure::of_file(&args.file, &misfits))
}

fn dry_run(plan: &Plan, format: Format) -> Result<(), Failure> {
    let mut list = List::start(format, COLUMNS)?;
    for step in &plan.steps {
        list.item(&shown_before(step, &plan.drawn))?;
    }
    list.end()?;
    say::note(&format!("nothing was done; {} to do, {}", steps(plan.steps.len()), as_wanted(plan.unchanged)));
    Ok(())
}

/// Asks before anything ends that works.
fn confirm(plan: &Plan, args: &ApplyArgs) -> Result<(), Failure> {
    let count = |is: fn(&Step) -> bool| plan.steps.iter().filter(|step| is(step)).count();
    let ends = count(Step::ends_something);
    if ends == 0 || !args.confirm.asks() {
        return Ok(());
    }
    ask(&format!(
        "Delete {} merchants with all that is theirs and {} clients, disable {}, and refuse every token they have?",
        count(|step| matches!(step, Step::DeleteMerchant(_))),
        count(|step| matches!(step, Step::DeleteClient(_))),
        count(|step| matches!(
            step,
            Step::SetMerchantStatus(_, _, Status::Disabled)
                | Step::SetClientStatus(_, _, _, Status::Disabled)
        )),
    ))
}

/// Warns of each scope that nothing here asks for, once.
fn warn_of_unknown(wanted: &Wanted) {
    let clients = wanted.merchants.iter().flat_map(|merchant| &merchant.clients).chain(&wanted.operators);
    let unknown: BTreeSet<String> = clients
        .flat_map(|client| scopes::unknown(&client.scope))
        .map(|unknown| unknown.to_string())
        .collect();
    for unknown in unknown {
        say::warning(&unknown);
    }
}

fn steps(count: usize) -> String {
    if count == 1 { "1 step".to_owned() } else { format!("{count} steps") }
}

fn as_wanted(unchanged: usize) -> String {
    format!("{unchanged} merchants and clients are as the file says already")
}

/// The steps as they are done.
struct Work {
    desk: Desk,
    secrets: Option<SecretsTo>,
    show_secrets: bool,
    progress: Progress,
    list: List,
    done: usize,
}

impl Work {
    /// Does the steps in their order, those that create clients many at once. A deletion that can't be done as things are stops
    /// no other.
    async fn carry_out(&mut self, steps: Vec<Step>) -> Result<(), Failure> {
        let (mut new, mut refused): (Vec<NewClient>, Vec<Failure>) = Default::default();
        for step in steps {
            if let Step::CreateClient(client) = step {
                new.push(client);
                if new.len() == self.desk.at_once() {
                    self.create(&std::mem::take(&mut new)).await?;
                }
                continue;
            }
            self.create(&std::mem::take(&mut new)).await?;
            if let Err(failure) = self.step(&step).await {
                let is_deletion = matches!(step, Step::DeleteClient(_) | Step::DeleteMerchant(_));
                if !is_deletion || !failure.is_of_one_act() {
                    return Err(failure);
                }
                refused.push(failure);
                continue;
            }
            self.progress.hide();
            self.list.item(&shown(&step))?;
            self.count(1);
        }
        self.create(&new).await?;
        let Some(first) = refused.first() else { return Ok(()) };
        Err(Failure::new(format!("{} of these can't be done now: {first}", refused.len())))
    }

    /// Creates clients. Their secrets are kept at once: one that is kept for nothing does no harm, and one that is lost would.
    async fn create(&mut self, new: &[NewClient]) -> Result<(), Failure> {
        if new.is_empty() {
            return Ok(());
        }
        let secrets = &mut self.secrets;
        let keep = async |created: &[Value]| match secrets {
            Some(secrets) => secrets.keep(created).await,
            None => Ok(()),
        };
        let created = self.desk.create_clients(new, keep).await?;
        self.progress.hide();
        for client in &created {
            self.list.item(&shown_created(client, self.show_secrets))?;
        }
        self.count(created.len());
        Ok(())
    }

    async fn step(&self, step: &Step) -> Result<(), Failure> {
        let desk = &self.desk;
        match step {
            Step::CreateMerchant(new) => drop(desk.create_merchant(new.clone()).await?),
            Step::RenameMerchant(merchant, name) => {
                drop(desk.rename_merchant(merchant.id, name.clone()).await?);
            }
            Step::UpdateClient(client, update) => drop(desk.update_client(client.id, update).await?),
            Step::SetMerchantStatus(id, _, status) => drop(desk.set_merchant_status(*id, *status).await?),
            Step::SetClientStatus(id, _, _, status) => drop(desk.set_client_status(*id, *status).await?),
            Step::DeleteClient(client) => drop(desk.delete_client(client.id).await?),
            Step::DeleteMerchant(merchant) => drop(desk.delete_merchant(merchant.id).await?),
            Step::CreateClient(_) => unreachable!("they are created many at once"),
        }
        Ok(())
    }

    fn count(&mut self, done: usize) {
        self.done += done;
        self.progress.show(self.done);
    }

    /// Ends the list, and says what was done. What was done stands, whatever has stopped the rest.
    fn end(self, outcome: Result<(), Failure>, unchanged: usize) -> Result<(), Failure> {
        self.progress.hide();
        self.list.end()?;
        match &outcome {
            Ok(()) => say::note(&format!("{} done; {}", steps(self.done), as_wanted(unchanged))),
            Err(_) => say::note(&format!(
                "{} done: what was done stands, and another run does the rest",
                steps(self.done)
            )),
        }
        if let Some(place) = self.secrets.and_then(|secrets| secrets.end()) {
            say::note(&format!("the secrets of new clients are in {place}, and nowhere else"));
        }
        outcome
    }
}
