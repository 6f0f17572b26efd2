//! Makes merchants and clients be as a file says.

mod file;
mod secrets_file;
mod secrets_place;
mod secrets_to;

use serde_json::Value;
use tollgate_admin::apply;
use tollgate_admin::apply::{Misfit, Others, Plan, Step, Wanted};
use tollgate_admin::clients::NewClient;

pub use self::file::read;
pub use self::secrets_place::SecretsPlace;
pub use self::secrets_to::SecretsTo;
use crate::desk::Desk;
use crate::error::OperatorError;

/// Why no plan could be made. Nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// No merchant is wanted, and the others were to be deleted: a file that would end everything is a mistake.
    #[error("no merchant is wanted, and all there are would be deleted")]
    EndsEverything,
    /// Some merchants or clients can't become as they are wanted.
    #[error("{} things can't become as they are wanted", .0.len())]
    Misfits(Vec<Misfit>),
    /// The existing merchants and clients can't be read.
    #[error(transparent)]
    Operator(#[from] OperatorError),
}

/// Makes the plan from the wanted objects and the existing ones. It changes nothing.
pub async fn plan(desk: &Desk, wanted: &Wanted, others: Others) -> Result<Plan, PlanError> {
    if others == Others::End && wanted.merchants.is_empty() {
        return Err(PlanError::EndsEverything);
    }
    let found = desk.found().await?;
    let fits =
        |client: &apply::WantedClient| desk.check_client(&client.scope, &client.audiences, &client.terms);
    apply::plan(wanted, &found, others, fits).map_err(PlanError::Misfits)
}

/// A part of the plan that was carried out.
#[derive(Debug, Clone, Copy)]
pub enum Done<'a> {
    /// A step was done that created no client.
    Step(&'a Step),
    /// Clients were created; each is shown with its secret, this once.
    Created(&'a [Value]),
}

/// Carries out the steps in their order, creates clients in batches, and reports each when it is done. `secrets` keeps the secrets
/// of new clients. A deletion that is impossible in the present state doesn't stop the others.
pub async fn carry_out<E: From<OperatorError>>(
    desk: &Desk,
    steps: Vec<Step>,
    secrets: Option<&mut SecretsTo>,
    done: impl FnMut(Done<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let mut work = Work { desk, secrets, done };
    let (mut new, mut refused): (Vec<NewClient>, Vec<OperatorError>) = Default::default();
    for step in steps {
        if let Step::CreateClient(client) = step {
            new.push(client);
            if new.len() == desk.at_once() {
                work.create(&std::mem::take(&mut new)).await?;
            }
            continue;
        }
        work.create(&std::mem::take(&mut new)).await?;
        match work.step(&step).await {
            Ok(()) => (work.done)(Done::Step(&step))?,
            Err(error) if is_deletion(&step) && error.is_of_one_act() => refused.push(error),
            Err(error) => return Err(error.into()),
        }
    }
    work.create(&new).await?;
    let count = refused.len();
    match refused.into_iter().next() {
        None => Ok(()),
        Some(first) => Err(OperatorError::NotNow { count, first: Box::new(first) }.into()),
    }
}

fn is_deletion(step: &Step) -> bool {
    matches!(step, Step::DeleteClient(_) | Step::DeleteMerchant(_))
}

/// The work of carrying out the steps.
struct Work<'a, F> {
    desk: &'a Desk,
    secrets: Option<&'a mut SecretsTo>,
    done: F,
}

impl<E: From<OperatorError>, F: FnMut(Done<'_>) -> Result<(), E>> Work<'_, F> {
    /// Creates clients. Their secrets are saved at once: a secret that is saved in vain does no harm, but a lost one would.
    async fn create(&mut self, new: &[NewClient]) -> Result<(), E> {
        if new.is_empty() {
            return Ok(());
        }
        let secrets = &mut self.secrets;
        let keep = async |created: &[Value]| match secrets {
            Some(secrets) => secrets.keep(created).await,
            None => Ok(()),
        };
        let created = self.desk.create_clients(new, keep).await?;
        (self.done)(Done::Created(&created))
    }

    async fn step(&self, step: &Step) -> Result<(), OperatorError> {
        let desk = self.desk;
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
}
