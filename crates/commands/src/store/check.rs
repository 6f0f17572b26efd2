//! `tollgate store check`: checks whether the store is damaged.

use serde_json::json;
use tollgate_admin::check::{self, Checked};
use tollgate_operator::opening;
use tollgate_store::Access;

use crate::args::StoreArgs;
use crate::failure::Failure;
use crate::output::Format;
use crate::{open, output};

/// Checks everything and prints it, part by part. Fails if something is wrong.
pub(super) async fn run(args: &StoreArgs, format: Format) -> Result<(), Failure> {
    let config = open::target(args)?.config;
    let master_keys = opening::master_keys(&config)?;
    let store = opening::store(&config, Access::Read).await?;
    let parts = check::check(store.as_ref(), &master_keys).await?;
    let shown =
        |Checked { part, rows, problem }: &Checked| json!({ "part": part, "rows": rows, "problem": problem });
    let shown: Vec<_> = parts.iter().map(shown).collect();
    output::list(format, &[("part", 48), ("rows", 10), ("problem", 0)], &shown)?;
    let wrong: Vec<_> = parts.iter().filter(|checked| checked.problem.is_some()).collect();
    match wrong.first() {
        None => Ok(()),
        Some(first) => Err(Failure::new(format!(
            "the store is not whole: {} problems, the first in {}: restore a backup",
            wrong.len(),
            first.part
        ))),
    }
}
