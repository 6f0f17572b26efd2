//! Whoever has the database and not the key: what they do to the trail is found, and the first record that it concerns is named.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use rusqlite::{Connection, params};
use tollgate_admin::Administration;
use tollgate_admin::audit::{self, Anchor, Flaw};
use tollgate_keys::Link;
use tollgate_store::{Actor, Draft, Object, RecordFilter, RecordOrder, Trail};
use tollgate_store_sqlite::Sqlite;

use crate::stage::{NOW, SYSTEM, Stage};

/// How many records the trail has had that is tampered with. The first five were purged, which the last record says.
const RECORDS: u64 = 24;
const PURGED: u64 = 5;

/// What somebody does by SQL.
#[derive(Debug, Clone)]
enum Tampering {
    /// Writes something else into a column.
    Change { seq: u64, column: usize },
    /// Deletes some records in the middle.
    Remove { seq: u64, count: u64 },
    /// Deletes one, and moves those behind it up.
    RemoveAndCloseUp { seq: u64 },
    /// Makes room for another, and copies one there.
    Insert { seq: u64, of: u64 },
    /// Exchanges the contents of two, or all of them but their numbers.
    Exchange { one: u64, other: u64, with_links: bool },
    /// Deletes the newest, and lets the store say that they never were.
    CutOff { keep: u64, noted: bool },
    /// Deletes the oldest, and lets the store say that they were purged.
    Behead { through: u64 },
    /// Adds a record at the end, and lets the store say that it is the newest.
    Append { noted: bool },
}

const COLUMNS: [&str; 13] = [
    "at",
    "actor",
    "source",
    "act",
    "outcome",
    "object",
    "client_id",
    "merchant_id",
    "state_before",
    "state_after",
    "reason",
    "request_id",
    "mac",
];

fn tampering() -> impl Strategy<Value = Tampering> {
    let seq = || PURGED + 1..=RECORDS;
    prop_oneof![
        (seq(), 0..COLUMNS.len()).prop_map(|(seq, column)| Tampering::Change { seq, column }),
        (PURGED + 1..RECORDS, 1..6_u64).prop_map(|(seq, count)| Tampering::Remove { seq, count }),
        (PURGED + 1..RECORDS).prop_map(|seq| Tampering::RemoveAndCloseUp { seq }),
        (seq(), seq()).prop_map(|(seq, of)| Tampering::Insert { seq, of }),
        (PURGED + 1..RECORDS, 1..6_u64, any::<bool>()).prop_map(|(one, apart, with_links)| {
            Tampering::Exchange { one, other: (one + apart).min(RECORDS), with_links }
        }),
        (PURGED..RECORDS, any::<bool>()).prop_map(|(keep, noted)| Tampering::CutOff { keep, noted }),
        (PURGED + 1..RECORDS).prop_map(|through| Tampering::Behead { through }),
        any::<bool>().prop_map(|noted| Tampering::Append { noted }),
    ]
}

impl Tampering {
    fn apply(&self, db: &Connection) {
        let run = |sql: &str, values: &[&dyn rusqlite::ToSql]| db.execute(sql, values).unwrap();
        let note = |seq: u64| {
            run(
                "UPDATE installation SET audit_seq = ?1, audit_mac = (SELECT mac FROM audit WHERE seq = ?1)",
                &[&seq],
            )
        };
        match *self {
            Self::Change { seq, column } => change(db, seq, COLUMNS[column]),
            Self::Remove { seq, count } => {
                let last = (seq + count - 1).min(RECORDS - 1);
                run("DELETE FROM audit WHERE seq BETWEEN ?1 AND ?2", &[&seq, &last]);
            }
            Self::RemoveAndCloseUp { seq } => {
                run("DELETE FROM audit WHERE seq = ?1", &[&seq]);
                for later in seq + 1..=RECORDS {
                    run("UPDATE audit SET seq = seq - 1 WHERE seq = ?1", &[&later]);
                }
                note(RECORDS - 1);
            }
            Self::Insert { seq, of } => {
                for later in (seq..=RECORDS).rev() {
                    run("UPDATE audit SET seq = seq + 1 WHERE seq = ?1", &[&later]);
                }
                let of = if of >= seq { of + 1 } else { of };
                copy(db, of, seq);
                note(RECORDS + 1);
            }
            Self::Exchange { one, other, with_links } => exchange(db, one, other, with_links),
            Self::CutOff { keep, noted } => {
                run("DELETE FROM audit WHERE seq > ?1", &[&keep]);
                if noted {
                    run(
                        "UPDATE installation SET audit_seq = ?1, audit_mac = coalesce((SELECT mac FROM audit WHERE seq = ?1), purged_audit_mac)",
                        &[&keep],
                    );
                }
            }
            Self::Behead { through } => {
                run(
                    "UPDATE installation SET purged_audit = ?1, purged_audit_mac = (SELECT mac FROM audit WHERE seq = ?1)",
                    &[&through],
                );
                run("DELETE FROM audit WHERE seq <= ?1", &[&through]);
            }
            Self::Append { noted } => {
                copy(db, RECORDS, RECORDS + 1);
                if noted {
                    note(RECORDS + 1);
                }
            }
        }
    }

    /// The first record that is not as it was written.
    fn first(&self) -> u64 {
        match *self {
            // A copy of the one that was there is put before it; all the rest is moved.
            Self::Insert { seq, of } if seq == of => seq + 1,
            Self::Insert { seq, .. }
            | Self::Change { seq, .. }
            | Self::Remove { seq, .. }
            | Self::RemoveAndCloseUp { seq } => seq,
            Self::Exchange { one, .. } => one,
            Self::CutOff { keep, .. } => keep + 1,
            Self::Behead { .. } => PURGED + 1,
            Self::Append { .. } => RECORDS + 1,
        }
    }
}

fn change(db: &Connection, seq: u64, column: &str) {
    let value = match column {
        "at" => format!("{column} + 1"),
        "mac" => "randomblob(32)".to_owned(),
        "client_id" | "merchant_id" => "randomblob(16)".to_owned(),
        _ => format!("ifnull({column}, '') || 'x'"),
    };
    db.execute(&format!("UPDATE audit SET {column} = {value} WHERE seq = ?1"), [seq]).unwrap();
}

fn copy(db: &Connection, of: u64, to: u64) {
    let columns = COLUMNS.join(", ");
    let sql = format!("INSERT INTO audit (seq, {columns}) SELECT ?2, {columns} FROM audit WHERE seq = ?1");
    db.execute(&sql, params![of, to]).unwrap();
}

fn exchange(db: &Connection, one: u64, other: u64, with_links: bool) {
    let moved = &COLUMNS[..if with_links { 13 } else { 12 }];
    copy(db, one, 1_000);
    for (from, to) in [(other, one), (1_000, other)] {
        let sets: Vec<_> = moved
            .iter()
            .map(|column| format!("{column} = (SELECT {column} FROM audit WHERE seq = ?1)"))
            .collect();
        db.execute(&format!("UPDATE audit SET {} WHERE seq = ?2", sets.join(", ")), params![from, to])
            .unwrap();
    }
    db.execute("DELETE FROM audit WHERE seq = 1000", []).unwrap();
}

/// A whole trail in a file, and where it ends.
async fn whole(stage: &Stage, folder: &std::path::Path) -> (std::path::PathBuf, Anchor) {
    let path = folder.join("whole.db");
    let store = Sqlite::open(&path).unwrap();
    for number in 2..RECORDS {
        // No two are alike.
        let actor = Actor { why: Some(format!("ticket {number}")), ..Actor::system() };
        let record = Draft::new(NOW, actor, "test", Object::Store);
        let act = stage.installation.administration().unlocked.trail().act(record);
        store.record(&act).await.unwrap();
    }
    let page =
        store.records(&RecordFilter::default(), RecordOrder::OldestFirst, Some(PURGED - 1), 1).await.unwrap();
    let admin = Administration { store: &store, ..stage.installation.administration() };
    let through: Link = page[0].link;
    audit::purge_through(&admin, through, &SYSTEM).await.unwrap();
    let verified = audit::verify(&admin, None).await.unwrap().unwrap();
    assert_eq!((verified.purged, verified.anchor.0.seq), (PURGED, RECORDS));
    (path, verified.anchor)
}

async fn found(stage: &Stage, path: &std::path::Path, anchor: Option<Anchor>) -> Result<(), Flaw> {
    let store = Sqlite::open_to_read(path).unwrap();
    let admin = Administration { store: &store, ..stage.installation.administration() };
    audit::verify(&admin, anchor).await.unwrap().map(drop)
}

#[test]
fn of_1000_trails_that_were_tampered_with_every_one_is_found_and_the_right_record_is_named() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let stage = runtime.block_on(Stage::open());
    let (whole, anchor) = runtime.block_on(whole(&stage, folder.path()));
    let tampered = folder.path().join("tampered.db");
    let config = ProptestConfig {
        failure_persistence: None,
        // The same trails every time: what is found once is found again.
        rng_seed: RngSeed::Fixed(16),
        ..ProptestConfig::with_cases(1_000)
    };
    proptest!(config, |(with in tampering())| {
        std::fs::copy(&whole, &tampered).unwrap();
        with.apply(&Connection::open(&tampered).unwrap());
        let flaw = runtime.block_on(found(&stage, &tampered, Some(anchor))).unwrap_err();
        prop_assert_eq!(flaw.seq(), with.first(), "{:?}", flaw);
        // Here nobody needs the anchor to know that something is wrong: what was cut off has the record of the purge in it.
        let without = runtime.block_on(found(&stage, &tampered, None));
        prop_assert!(without.is_err());
    });
}
