//! Tests of durability, group commit, and of what remains when something fails.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tollgate_core::Environment;
use tollgate_store::{
    Begun, ChangeLog, Documents, Idempotency, Measured, Merchants, Operation, Position, Queued, StoreError,
};

use super::{
    Fixture, KIND, NOW, SYSTEM, answer, beside, child, document, fixture, given_path, lease, merchant, raw,
};
use crate::Sqlite;
use crate::writer::Durability;

type Asked<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Asks for everything while another program holds the write lock, so that the writer takes together whatever it has not
/// taken yet; then frees the lock and waits for the answers.
async fn behind_a_lock<T>(path: &Path, mut asked: Vec<Asked<'_, T>>) -> Vec<Result<T, StoreError>> {
    let lock = raw(path);
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    for one in &mut asked {
        assert!(one.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    lock.execute_batch("ROLLBACK").unwrap();
    let mut answers = Vec::new();
    for one in asked {
        answers.push(one.await);
    }
    answers
}

/// Counts the commits in the WAL: the last frame of each has the size of the database in its header.
fn commits(path: &Path) -> usize {
    let wal = fs::read(beside(path, "-wal")).unwrap();
    let Some((header, frames)) = wal.split_at_checked(32) else { return 0 };
    frames
        .chunks_exact(24 + 4096)
        .take_while(|frame| frame[8..16] == header[16..24])
        .filter(|frame| frame[4..8] != [0; 4])
        .count()
}

#[tokio::test]
async fn only_leases_may_be_lost_in_a_power_cut() {
    let Fixture { store, _folder, .. } = fixture();
    let pragma = |durability, name| {
        store.write(durability, move |connection| {
            connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0))
        })
    };
    assert_eq!(pragma(Durability::Power, "synchronous").await.unwrap(), 2);
    assert_eq!(pragma(Durability::Process, "synchronous").await.unwrap(), 1);
    assert_eq!(pragma(Durability::Power, "synchronous").await.unwrap(), 2);
    assert_eq!(pragma(Durability::Power, "foreign_keys").await.unwrap(), 1);
    let mode: String = store
        .write(Durability::Power, |connection| {
            connection.pragma_query_value(None, "journal_mode", |row| row.get(0))
        })
        .await
        .unwrap();
    assert_eq!(mode, "wal");
}

#[tokio::test]
async fn what_waits_is_committed_together() {
    let Fixture { store, path, _folder } = fixture();
    let before = commits(&path);
    let merchants: Vec<_> = (0..64).map(merchant).collect();
    let answers = behind_a_lock(
        &path,
        merchants.iter().map(|merchant| store.create_merchant(merchant, &SYSTEM)).collect(),
    )
    .await;
    assert!(answers.iter().all(Result::is_ok));
    let took = commits(&path) - before;
    assert!((1..=2).contains(&took), "{took} commits of 64 jobs");
    assert_eq!(store.merchants(None, 100).await.unwrap().len(), 64);
}

#[tokio::test]
async fn a_job_that_fails_takes_only_itself_back() {
    let Fixture { store, path, _folder } = fixture();
    let merchants = [9, 1, 1, 2, 9, 3].map(merchant);
    let answers = behind_a_lock(
        &path,
        merchants.iter().map(|merchant| store.create_merchant(merchant, &SYSTEM)).collect(),
    )
    .await;
    assert_eq!(answers.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, true, false, true, false, true]);
    assert_eq!(store.merchants(None, 100).await.unwrap(), [1, 2, 3, 9].map(merchant));
}

#[tokio::test]
async fn within_a_commit_the_later_see_the_earlier() {
    let Fixture { store, path, _folder } = fixture();
    let (mine, other) = (lease(1), lease(1));
    let (request, kept) = (document(1), answer());
    let begun = async |lease| store.begin(lease, NOW).await.map(|begun| format!("{begun:?}"));
    let created = async || {
        let created = store.complete(&mine, &kept, &request).await?;
        Ok(created.to_string())
    };
    let decoy = merchant(1);
    let asked: Vec<Asked<'_, String>> = vec![
        Box::pin(async { store.create_merchant(&decoy, &SYSTEM).await.map(|()| String::new()) }),
        Box::pin(begun(&mine)),
        Box::pin(begun(&other)),
        Box::pin(created()),
        Box::pin(begun(&other)),
        Box::pin(created()),
    ];
    let answers: Vec<_> = behind_a_lock(&path, asked).await.into_iter().map(Result::unwrap).collect();
    let in_progress = format!("{:?}", Begun::InProgress { until: mine.until });
    let answered = format!("{:?}", Begun::Answered(kept.clone()));
    assert_eq!(answers[1..], ["Fresh", &in_progress, "true", &answered, "false"]);
}

#[tokio::test]
async fn more_than_can_wait_is_refused_at_once() {
    let Fixture { store, path, _folder } = fixture();
    let lock = raw(&path);
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    let merchants: Vec<_> = (0..5000).map(merchant).collect();
    let mut asked: Vec<_> =
        merchants.iter().map(|merchant| store.create_merchant(merchant, &SYSTEM)).collect();
    let refused = asked.iter_mut().any(|one| {
        let polled = one.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        matches!(polled, Poll::Ready(Err(StoreError::Unavailable(_))))
    });
    assert!(refused);
    assert_eq!(store.merchants(None, 1).await.unwrap(), [], "reads don't wait for it");
    lock.execute_batch("ROLLBACK").unwrap();
}

#[tokio::test]
async fn a_full_disk_is_unavailable_until_there_is_room() {
    let Fixture { store, _folder, .. } = fixture();
    let room = |pages: u32| {
        store.write(Durability::Process, move |connection| {
            connection.pragma_update_and_check(None, "max_page_count", pages, |row| row.get::<_, u32>(0))
        })
    };
    let filled = room(1).await.unwrap();
    let mut number = 0;
    let error = loop {
        number += 1;
        assert_eq!(store.begin(&lease(number), NOW).await.unwrap(), Begun::Fresh);
        match store.complete(&lease(number), &answer(), &document(number)).await {
            Ok(created) => assert!(created),
            Err(error) => break error,
        }
        room(filled + 8).await.unwrap();
    };
    assert!(matches!(&error, StoreError::Unavailable(text) if text.contains("full")), "{error}");

    assert_eq!(store.document(KIND, document(number).id).await.unwrap(), None);
    let until = lease(number).until;
    assert_eq!(store.begin(&lease(number), NOW).await.unwrap(), Begun::InProgress { until });
    assert_eq!(
        store.documents(KIND, merchant(1).id, Environment::Test, None, 1000).await.unwrap().len(),
        number as usize - 1
    );

    room(1_000_000).await.unwrap();
    assert!(store.complete(&lease(number), &answer(), &document(number)).await.unwrap());
    assert_eq!(store.begin(&lease(number), NOW).await.unwrap(), Begun::Answered(answer()));
}

#[tokio::test]
async fn a_job_that_panics_is_rolled_back_and_the_store_goes_on() {
    let Fixture { store, _folder, .. } = fixture();
    let died = store
        .write(Durability::Power, |connection| -> rusqlite::Result<()> {
            connection.execute("DELETE FROM installation", [])?;
            panic!("as a bug would")
        })
        .await;
    assert!(matches!(died, Err(StoreError::Unavailable(_))));
    let died = store.read(|_| -> rusqlite::Result<()> { panic!("as a bug would") }).await;
    assert!(matches!(died, Err(StoreError::Unavailable(_))));
    store.create_merchant(&merchant(1), &SYSTEM).await.unwrap();
    assert_eq!(store.merchant(merchant(1).id).await.unwrap(), Some(merchant(1)));
    assert_eq!(store.changes_since(Position::START, 2).await.unwrap().unwrap().len(), 1);
}

#[tokio::test]
async fn a_connection_that_failed_is_not_used_again() {
    let Fixture { store, path, _folder } = fixture();
    store.create_merchant(&merchant(1), &SYSTEM).await.unwrap();
    // A statement that fails as a failed `fsync` does: at once for every caller that waits for the commit.
    let failed = store
        .write(Durability::Power, |connection| {
            connection.execute_batch("CREATE TEMP TABLE mark (x); ROLLBACK")
        })
        .await;
    assert!(matches!(failed, Err(StoreError::Unavailable(_))), "{failed:?}");
    let marked = store
        .write(Durability::Power, |connection| {
            connection.query_row("SELECT count(*) FROM temp.sqlite_schema", [], |row| row.get::<_, u32>(0))
        })
        .await;
    assert_eq!(marked.unwrap(), 0);
    assert_eq!(commits(&path), 0, "the log was emptied first");
    assert_eq!(store.merchant(merchant(1).id).await.unwrap(), Some(merchant(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_share_a_store() {
    let Fixture { store, path, _folder } = fixture();
    let stores = [Arc::new(store), Arc::new(Sqlite::open(&path).unwrap())];
    stores[0].create_merchant(&merchant(1), &SYSTEM).await.unwrap();
    assert_eq!(stores[1].merchant(merchant(1).id).await.unwrap(), Some(merchant(1)));
    stores[1]
        .set_merchant_status(merchant(1).id, tollgate_store::Status::Disabled, NOW, &SYSTEM)
        .await
        .unwrap();
    assert_eq!(stores[0].last_change().await.unwrap().seq, 3);

    let begun: Vec<_> = (0..50)
        .map(|number| {
            let store = Arc::clone(&stores[number % 2]);
            tokio::spawn(async move { store.begin(&lease(7), NOW).await.unwrap() == Begun::Fresh })
        })
        .collect();
    let mut fresh = 0;
    for begun in begun {
        fresh += usize::from(begun.await.unwrap());
    }
    assert_eq!(fresh, 1);
}

#[tokio::test]
async fn a_killed_process_leaves_what_it_acknowledged_and_nothing_half_done() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tollgate.db");
    let program = std::env::current_exe().unwrap();
    let mut writer = child(&program, "tests::commits::child_writes_until_killed", &path, |_| {});
    let acknowledged = BufReader::new(writer.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok)
        .filter_map(|line| line.strip_prefix("done ")?.parse::<u32>().ok())
        .find(|number| *number >= 200)
        .unwrap();
    writer.kill().unwrap();
    writer.wait().unwrap();

    let store = Sqlite::open_existing(&path).unwrap();
    for number in 1..=acknowledged {
        assert_eq!(store.begin(&lease(number), NOW).await.unwrap(), Begun::Answered(answer()));
        assert_eq!(store.document(KIND, document(number).id).await.unwrap(), Some(document(number)));
    }
    for number in acknowledged + 1..acknowledged + 1000 {
        let answered = matches!(store.begin(&lease(number), NOW).await.unwrap(), Begun::Answered(_));
        assert_eq!(store.document(KIND, document(number).id).await.unwrap().is_some(), answered);
    }
}

#[tokio::test]
#[ignore = "run by another test in another process"]
async fn child_writes_until_killed() {
    let store = Sqlite::open(&given_path()).unwrap();
    for number in 1.. {
        store.begin(&lease(number), NOW).await.unwrap();
        store.complete(&lease(number), &answer(), &document(number)).await.unwrap();
        println!("done {number}");
    }
}

#[tokio::test]
async fn what_waits_for_the_writer_is_counted_and_for_how_long() {
    let Fixture { store, _folder, .. } = fixture();
    let (started, busy) = std::sync::mpsc::channel();
    let (go, going) = std::sync::mpsc::channel::<()>();
    let waited = || store.measures().waits().buckets().iter().sum::<u64>();
    let done = || store.measures().durations(Operation::Write).buckets().iter().sum::<u64>();
    let (waited_before, done_before) = (waited(), done());
    let mut first: Asked<'_, ()> = Box::pin(store.write(Durability::Process, move |_| {
        started.send(()).unwrap();
        going.recv().unwrap();
        Ok(())
    }));
    let mut context = Context::from_waker(Waker::noop());
    assert!(first.as_mut().poll(&mut context).is_pending());
    busy.recv().unwrap();
    let mut behind: Vec<Asked<'_, ()>> =
        (0..3).map(|_| Box::pin(store.write(Durability::Process, |_| Ok(()))) as Asked<'_, ()>).collect();
    for one in &mut behind {
        assert!(one.as_mut().poll(&mut context).is_pending());
    }
    let writer = store.queued().into_iter().find(|queued| queued.queue == "writer");
    assert_eq!(writer, Some(Queued { queue: "writer", waiting: 3, limit: 4096 }));
    go.send(()).unwrap();
    first.await.unwrap();
    for one in behind {
        one.await.unwrap();
    }
    assert_eq!((waited() - waited_before, done() - done_before), (4, 4));
    assert_eq!(store.measures().failures(Operation::Write), 0);
}
