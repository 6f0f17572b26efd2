//! `tollgate audit`: lists, verifies and exports the audit trail.

use std::io::{self, Write};
use std::path::Path;

use serde_json::json;
use tollgate_admin::audit::{self, Anchor};
use tollgate_core::Timestamp;
use tollgate_keys::TrailKey;
use tollgate_operator::trail::{self, Export, TrailError};
use tollgate_store::{Access, RecordFilter, RecordOrder};

use crate::actor::actor_because;
use crate::args::{AuditCommand, AuditListArgs, Since, StoreArgs, Why};
use crate::failure::Failure;
use crate::output::{self, Format, Reader};
use crate::{open, say};

/// How many records are read at a time.
const PAGE: u32 = 1_000;

pub(crate) async fn run(command: AuditCommand, format: Format) -> Result<(), Failure> {
    match command {
        AuditCommand::List(args) => list(args, format).await,
        AuditCommand::Verify { anchor, file: None, store } => verify(&store, anchor, format).await,
        AuditCommand::Verify { anchor, file: Some(file), store } => {
            let opened = open::installation(&store, Access::Read).await?;
            verify_file(&file, opened.unlocked.trail().key(), anchor, format)
        }
        AuditCommand::Export { after, why, store } => export(&store, after, why).await,
    }
}

async fn list(args: AuditListArgs, format: Format) -> Result<(), Failure> {
    let desk = open::desk_because(&args.on, Access::Change, args.why).await?;
    let now = desk.now().await?;
    let filter = RecordFilter {
        since: args.since.map(|since| time(since, now)),
        until: args.until.map(|until| time(until, now)),
        actor: args.actor,
        act: args.act,
        object: args.object,
        client: args.client,
        merchant: args.merchant,
    };
    let order = if args.reverse { RecordOrder::NewestFirst } else { RecordOrder::OldestFirst };
    let columns = &[
        ("seq", 7),
        ("at", 24),
        ("outcome", 7),
        ("act", 22),
        ("object", 44),
        ("actor", 32),
        ("source", 15),
        ("reason", 0),
    ];
    let mut left = args.limit;
    let page = async |after: Option<&str>| {
        let limit = left.unwrap_or(PAGE).min(PAGE);
        let mut page = desk.records(&filter, order, after, limit).await?;
        left = left.map(|left| left - limit);
        page.next = page.next.filter(|_| left != Some(0));
        Ok(page)
    };
    output::pages(format, columns, page).await
}

fn time(since: Since, now: Timestamp) -> Timestamp {
    match since {
        Since::At(at) => at,
        Since::Ago(ago) => now.before(ago),
    }
}

async fn verify(store: &StoreArgs, anchor: Option<Anchor>, format: Format) -> Result<(), Failure> {
    let opened = open::installation(store, Access::Read).await?;
    let verified = audit::verify(&opened.administration(), anchor).await?.map_err(TrailError::from)?;
    output::object(
        format,
        &json!({
            "whole": true,
            "records": verified.records,
            "since": verified.since.rfc3339(),
            "until": verified.until.rfc3339(),
            "purged": verified.purged,
            "anchor": verified.anchor.to_string(),
        }),
    )?;
    note_without(anchor);
    Ok(())
}

fn note_without(anchor: Option<Anchor>) {
    if anchor.is_none() {
        say::note(
            "without --anchor nobody can tell whether the newest records were cut off: keep the anchor elsewhere",
        );
    }
}

fn verify_file(file: &Path, key: &TrailKey, anchor: Option<Anchor>, format: Format) -> Result<(), Failure> {
    let found = trail::verify_file(file, key, anchor)?;
    output::object(
        format,
        &json!({
            "whole": true,
            "records": found.records,
            "first": found.behind.0.seq + 1,
            "since": found.since.rfc3339(),
            "until": found.until.rfc3339(),
            "behind": (found.behind.0.seq > 0).then(|| found.behind.to_string()),
            "anchor": found.anchor.to_string(),
        }),
    )?;
    if !found.is_from_the_beginning {
        say::note(&format!(
            "record {} is the first of the file, and nobody can tell by it whether the records before were cut off: see that the \
             file before it ends with the anchor `behind`",
            found.behind.0.seq + 1
        ));
    }
    note_without(anchor);
    Ok(())
}

/// Writes all records that exist when it begins, and prints the anchor of the last one. An export that isn't written to its end does
/// not count as exported.
async fn export(store: &StoreArgs, after: Option<u64>, why: Why) -> Result<(), Failure> {
    let opened = open::installation(store, Access::Change).await?;
    let by = actor_because(why);
    let mut export = Export::begin(opened.administration(), after, &by).await?;
    loop {
        let lines = export.page().await?;
        if lines.is_empty() {
            break;
        }
        for line in &lines {
            if output::json_line(line)? == Reader::Gone {
                return Ok(());
            }
        }
    }
    output::written(io::stdout().lock().flush())?;
    let anchor = export.end(&by).await?;
    say::plain(&format!("anchor: {anchor}\n"));
    Ok(())
}
