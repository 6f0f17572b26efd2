//! The steps of a plan as they are printed.

use serde_json::{Value, json};
use tollgate_admin::apply::{Drawn, Step};
use tollgate_store::Status;

/// The columns of the list of steps.
pub(super) const COLUMNS: &[(&str, usize)] =
    &[("act", 16), ("merchant_id", 36), ("client_id", 36), ("name", 24), ("changes", 0)];

/// Returns the printed form of a planned step: without the ids that were drawn for this plan.
pub(super) fn shown_before(step: &Step, drawn: &Drawn) -> Value {
    let mut shown = shown(step);
    let (merchant, client) = match step {
        Step::CreateMerchant(new) => (new.id, None),
        Step::CreateClient(new) => (new.merchant_id, new.id),
        Step::SetMerchantStatus(id, ..) => (Some(*id), None),
        Step::SetClientStatus(id, merchant, ..) => (*merchant, Some(*id)),
        Step::RenameMerchant(..)
        | Step::UpdateClient(..)
        | Step::DeleteClient(_)
        | Step::DeleteMerchant(_) => (None, None),
    };
    if merchant.is_some_and(|id| drawn.merchants.contains(&id)) {
        shown["merchant_id"] = Value::Null;
    }
    if client.is_some_and(|id| drawn.clients.contains(&id)) {
        shown["client_id"] = Value::Null;
    }
    shown
}

/// Returns the printed form of a step that was done.
pub(super) fn shown(step: &Step) -> Value {
    let (act, merchant, client, name) = match step {
        Step::CreateMerchant(new) => ("merchant.create", json!(new.id), Value::Null, new.name.as_str()),
        Step::RenameMerchant(merchant, name) => {
            ("merchant.rename", json!(merchant.id), Value::Null, name.as_str())
        }
        Step::CreateClient(new) => {
            ("client.create", json!(new.merchant_id), json!(new.id), new.name.as_str())
        }
        Step::UpdateClient(client, _) => {
            ("client.update", json!(client.merchant_id), json!(client.id), client.name.as_str())
        }
        Step::SetMerchantStatus(id, name, status) => {
            let act = if *status == Status::Enabled { "merchant.enable" } else { "merchant.disable" };
            (act, json!(id), Value::Null, name.as_str())
        }
        Step::SetClientStatus(id, merchant, name, status) => {
            let act = if *status == Status::Enabled { "client.enable" } else { "client.disable" };
            (act, json!(merchant), json!(id), name.as_str())
        }
        Step::DeleteClient(client) => {
            ("client.delete", json!(client.merchant_id), json!(client.id), client.name.as_str())
        }
        Step::DeleteMerchant(merchant) => {
            ("merchant.delete", json!(merchant.id), Value::Null, merchant.name.as_str())
        }
    };
    json!({
        "act": act, "merchant_id": merchant, "client_id": client, "name": name, "changes": step.changes(),
    })
}

/// Returns the printed form of a client's creation, with its secret if that is asked for.
pub(super) fn shown_created(client: &Value, with_secret: bool) -> Value {
    let mut shown = json!({
        "act": "client.create",
        "merchant_id": client["merchant_id"],
        "client_id": client["client_id"],
        "name": client["name"],
        "changes": null,
    });
    if with_secret {
        shown["client_secret"] = client["client_secret"].clone();
    }
    shown
}
