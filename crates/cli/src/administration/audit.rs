//! `tollgate audit`.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

use serde_json::{Value, json};
use tollgate_core::{Link, Timestamp, TrailKey};
use tollgate_operator::view;
use tollgate_server::admin::Administration;
use tollgate_server::admin::audit::{self, Anchor, Chain, Flaw, Line};
use tollgate_store::{Access, RecordFilter, RecordOrder};

use crate::actor::actor_because;
use crate::args::{AuditCommand, AuditListArgs, Format, Since, StoreArgs, Why};
use crate::failure::Failure;
use crate::output::{self, List, Reader};
use crate::{open, say};

/// How many records are read at once.
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
    let mut page = desk.records(&filter, order, None, left.unwrap_or(PAGE).min(PAGE)).await?;
    let mut list = List::start(format, columns)?;
    loop {
        for record in &page.items {
            if list.item(record)? == Reader::Gone {
                return Ok(());
            }
        }
        left = left.map(|left| left.saturating_sub(PAGE));
        let limit = left.unwrap_or(PAGE).min(PAGE);
        match page.next {
            Some(next) if limit > 0 => page = desk.records(&filter, order, Some(&next), limit).await?,
            _ => return list.end(),
        }
    }
}

fn time(since: Since, now: Timestamp) -> Timestamp {
    match since {
        Since::At(at) => at,
        Since::Ago(ago) => now.before(ago),
    }
}

async fn verify(store: &StoreArgs, anchor: Option<Anchor>, format: Format) -> Result<(), Failure> {
    let opened = open::installation(store, Access::Read).await?;
    let verified = audit::verify(&opened.administration(), anchor).await?.map_err(flawed)?;
    output::object(
        format,
        &json!({
            "whole": true,
            "records": verified.records,
            "since": view::time(verified.since),
            "until": view::time(verified.until),
            "purged": verified.purged,
            "anchor": verified.anchor.to_string(),
        }),
    )?;
    if anchor.is_none() {
        say::note(
            "without --anchor nobody can tell whether the newest records were cut off: keep the anchor elsewhere",
        );
    }
    Ok(())
}

fn flawed(flaw: Flaw) -> Failure {
    Failure::new(format!("the audit trail is not whole: {flaw}"))
}

/// Verifies what an export has written: each line by itself, and that each follows the one before it.
fn verify_file(file: &Path, key: &TrailKey, anchor: Option<Anchor>, format: Format) -> Result<(), Failure> {
    let unreadable = |error: io::Error| Failure::new(format!("{} can't be read: {error}", file.display()));
    let lines = BufReader::new(File::open(file).map_err(unreadable)?).lines();
    let (mut chain, mut count): (Option<Chain<'_>>, u64) = (None, 0);
    let mut last = Link::START;
    let mut is_anchored = anchor.is_none();
    for (place, line) in lines.enumerate() {
        let line = line.map_err(unreadable)?;
        let parsed = serde_json::from_str::<Value>(&line).ok();
        let Some(Line { before, record }) = parsed.and_then(|line| Line::from_json(&line).ok()) else {
            return Err(Failure::new(format!(
                "line {} of {} is not a record as `tollgate audit export` writes it",
                place + 1,
                file.display()
            )));
        };
        let chain = chain.get_or_insert_with(|| Chain::behind(before, key));
        chain.next(&record).map_err(flawed)?;
        is_anchored |= anchor == Some(Anchor(record.link));
        (last, count) = (record.link, count + 1);
    }
    let chain = chain.ok_or_else(|| Failure::new(format!("{} has no records", file.display())))?;
    let end = chain.end(last).map_err(flawed)?;
    if let Some(Anchor(link)) = anchor.filter(|_| !is_anchored) {
        let flaw = if link.seq > end.seq { Flaw::CutOff(end.seq + 1) } else { Flaw::Replaced(link.seq) };
        return Err(flawed(flaw));
    }
    output::object(format, &json!({ "whole": true, "records": count, "anchor": Anchor(end).to_string() }))
}

/// Writes all records that there are when it begins, and says where they end. What was not written to the end, or is not whole, does
/// not count as exported.
async fn export(store: &StoreArgs, after: Option<u64>, why: Why) -> Result<(), Failure> {
    let opened = open::installation(store, Access::Change).await?;
    let (admin, by) = (opened.administration(), actor_because(why));
    audit::start_export(&admin, after, &by).await?;
    let newest = admin.store.trail().await?.newest;
    let begin = begin(&admin, after).await?;
    let mut chain = Chain::behind(begin, opened.unlocked.trail().key());
    let (mut before, mut flaw) = (begin, None);
    while before.seq < newest.seq {
        let page = audit::export_page(&admin, Some(before.seq), PAGE).await?;
        if page.is_empty() {
            break;
        }
        for record in page.into_iter().take_while(|record| record.link.seq <= newest.seq) {
            // A flaw keeps nobody from seeing the rest.
            flaw = flaw.or_else(|| chain.next(&record).err());
            let line = Line { before, record };
            if output::json_line(&line.to_json())? == Reader::Gone {
                return Ok(());
            }
            before = line.record.link;
        }
    }
    output::written(io::stdout().lock().flush())?;
    let end = flaw.map_or_else(|| chain.end(newest), Err).map_err(flawed)?;
    audit::end_export(&admin, after, end, &by).await?;
    say::plain(&format!("anchor: {}\n", Anchor(end)));
    Ok(())
}

/// Returns the link behind which an export begins.
async fn begin(admin: &Administration<'_>, after: Option<u64>) -> Result<Link, Failure> {
    let purged = admin.store.trail().await?.purged;
    match after {
        None | Some(0) => Ok(purged),
        Some(seq) if seq == purged.seq => Ok(purged),
        Some(seq) => {
            let page = audit::export_page(admin, Some(seq - 1), 1).await?;
            let found = page.first().filter(|record| record.link.seq == seq);
            found.map(|record| record.link).ok_or_else(|| Failure::new(format!("there is no record {seq}")))
        }
    }
}
