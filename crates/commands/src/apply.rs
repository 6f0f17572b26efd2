//! `tollgate apply`: merchants and clients as a file says.

mod plan;

use std::collections::BTreeSet;

use tollgate_admin::apply::{Others, Plan, Step, Wanted};
use tollgate_admin::scopes;
use tollgate_client::Environment;
use tollgate_operator::Desk;
use tollgate_operator::apply::{self, Done, PlanError, SecretsTo};
use tollgate_store::Status;

use self::plan::{COLUMNS, shown, shown_before, shown_created};
use crate::args::ApplyArgs;
use crate::confirm::ask;
use crate::failure::Failure;
use crate::output::{Format, List};
use crate::progress::Progress;
use crate::{open, output, say};

pub(crate) async fn run(args: ApplyArgs, format: Format) -> Result<(), Failure> {
    let wanted = apply::read(&args.file)?;
    let desk = open::desk_to_plan(&args.on, args.dry_run, args.why.clone()).await?;
    let plan = planned(&desk, &wanted, &args).await?;
    warn_of_unknown(&wanted);
    if args.dry_run {
        return dry_run(&plan, format);
    }
    if plan.steps.is_empty() {
        say::note(&format!("nothing to do: {}", as_wanted(plan.unchanged)));
        return output::list(format, COLUMNS, &[]);
    }
    let creates = plan.steps.iter().any(|step| matches!(step, Step::CreateClient(_)));
    if creates && args.secrets_to.is_none() && !args.show_secrets {
        return Err(Failure::new(
            "there are clients to be created, and their secrets are shown once: say where to, by --secrets-to FILE or vault:MOUNT/PATH, or by \
             --show-secrets on standard output",
        ));
    }
    confirm(&plan, &args)?;
    let place = args.secrets_to.as_ref().filter(|_| creates);
    let mut secrets = place.map(|place| SecretsTo::open(place, Environment::process())).transpose()?;
    let progress = Progress::of(plan.steps.len());
    let list = List::start(format, COLUMNS)?;
    let mut work = Work { show_secrets: args.show_secrets, progress, list, done: 0 };
    let outcome = apply::carry_out(&desk, plan.steps, secrets.as_mut(), |done| work.say(done)).await;
    work.end(outcome, plan.unchanged, secrets)
}

async fn planned(desk: &Desk, wanted: &Wanted, args: &ApplyArgs) -> Result<Plan, Failure> {
    let others = if args.prune { Others::End } else { Others::Stay };
    apply::plan(desk, wanted, others).await.map_err(|error| match error {
        PlanError::EndsEverything => Failure::new(format!(
            "{} has no merchant, and --prune would delete all there are: nothing was done. `tollgate merchant delete` deletes one",
            args.file.display()
        )),
        PlanError::Misfits(misfits) => Failure::of_file(&args.file, &misfits),
        PlanError::Operator(error) => error.into(),
    })
}

fn dry_run(plan: &Plan, format: Format) -> Result<(), Failure> {
    let shown: Vec<_> = plan.steps.iter().map(|step| shown_before(step, &plan.drawn)).collect();
    output::list(format, COLUMNS, &shown)?;
    say::note(&format!("nothing was done; {} to do, {}", steps(plan.steps.len()), as_wanted(plan.unchanged)));
    Ok(())
}

/// Asks before something is ended that works.
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

/// Warns once of each scope that Tollgate doesn't require.
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

/// The output about the steps while they are taken.
struct Work {
    show_secrets: bool,
    progress: Progress,
    list: List,
    done: usize,
}

impl Work {
    fn say(&mut self, done: Done<'_>) -> Result<(), Failure> {
        self.progress.hide();
        match done {
            Done::Step(step) => {
                self.list.item(&shown(step))?;
                self.done += 1;
            }
            Done::Created(clients) => {
                for client in clients {
                    self.list.item(&shown_created(client, self.show_secrets))?;
                }
                self.done += clients.len();
            }
        }
        self.progress.show(self.done);
        Ok(())
    }

    /// Ends the list, and reports what was done. That stays done, even if the rest was stopped.
    fn end(
        self,
        outcome: Result<(), Failure>,
        unchanged: usize,
        secrets: Option<SecretsTo>,
    ) -> Result<(), Failure> {
        self.progress.hide();
        self.list.end()?;
        match &outcome {
            Ok(()) => say::note(&format!("{} done; {}", steps(self.done), as_wanted(unchanged))),
            Err(_) => say::note(&format!(
                "{} done: what was done stands, and another run does the rest",
                steps(self.done)
            )),
        }
        if let Some(place) = secrets.and_then(|secrets| secrets.end()) {
            say::note(&format!("the secrets of new clients are in {place}, and nowhere else"));
        }
        outcome
    }
}
