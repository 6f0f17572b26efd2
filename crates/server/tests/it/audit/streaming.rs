//! Streaming: nothing is left out, and what is repeated can be told.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tollgate_admin::audit::{self, Line};
use tollgate_server::Streaming;

use super::{everything, newest};
use crate::clock::ManualClock;
use crate::stage::{ACT, SYSTEM, Stage};

async fn streaming_to(target: &str) -> (Stage, Streaming) {
    let stage = Stage::with(&[("TOLLGATE_AUDIT__STREAM", target)], |store| std::sync::Arc::new(store)).await;
    let streaming = Streaming::new(stage.installation.clone()).unwrap();
    (stage, streaming)
}

async fn streaming() -> (Stage, Streaming, TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let (stage, streaming) = streaming_to(&format!("file:{}", path.display())).await;
    (stage, streaming, folder, path)
}

fn lines(path: &Path) -> Vec<Line> {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.ends_with('\n'));
    text.lines().map(|line| Line::from_json(&serde_json::from_str(line).unwrap()).unwrap()).collect()
}

fn numbers(path: &Path) -> Vec<u64> {
    lines(path).iter().map(|line| line.record.link.seq).collect()
}

async fn up_to_the_newest(stage: &Stage) -> Vec<u64> {
    (1..=newest(stage).await).collect()
}

#[tokio::test]
async fn every_record_is_streamed_once_as_an_export_has_it() {
    let (stage, mut streaming, _folder, path) = streaming().await;
    streaming.step().await.unwrap();
    stage.elsewhere.record(&ACT).await.unwrap();
    streaming.step().await.unwrap();
    streaming.step().await.unwrap();
    let streamed: Vec<_> = lines(&path).into_iter().map(|line| line.record).collect();
    assert_eq!(streamed, everything(&stage).await);
    assert_eq!(stage.elsewhere.streamed().await.unwrap(), newest(&stage).await);
    let metrics = stage.answer(crate::call::Call::get("/metrics")).await;
    let metrics = metrics.text();
    assert!(metrics.contains("\ntollgate_audit_unstreamed_records 0\n"), "{metrics}");
}

/// The process may die at any place between writing and noting that it has.
#[tokio::test]
async fn what_a_crash_cuts_off_is_streamed_again_and_what_it_leaves_is_not_repeated() {
    let (stage, mut streaming, _folder, path) = streaming().await;
    for _ in 0..5 {
        stage.elsewhere.record(&ACT).await.unwrap();
    }
    streaming.step().await.unwrap();
    let (whole, expected) = (fs::read(&path).unwrap(), up_to_the_newest(&stage).await);
    let db = rusqlite::Connection::open(stage.path()).unwrap();
    for length in (0..whole.len()).step_by(97).chain([whole.len() - 1, whole.len()]) {
        fs::write(&path, &whole[..length]).unwrap();
        db.execute("UPDATE installation SET streamed_audit = 0", []).unwrap();
        stage.clock.advance(Duration::from_secs(20));
        Streaming::new(stage.installation.clone()).unwrap().step().await.unwrap();
        assert_eq!(numbers(&path), expected, "cut off at {length}");
    }
}

#[tokio::test]
async fn whoever_rotates_the_file_finds_the_next_record_in_a_new_one() {
    let (stage, mut streaming, folder, path) = streaming().await;
    streaming.step().await.unwrap();
    let rotated = folder.path().join("audit.jsonl.1");
    fs::rename(&path, &rotated).unwrap();
    stage.elsewhere.record(&ACT).await.unwrap();
    streaming.step().await.unwrap();
    assert_eq!([numbers(&rotated), numbers(&path)].concat(), up_to_the_newest(&stage).await);
}

#[tokio::test]
async fn what_cannot_be_written_waits_and_is_not_deleted_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("not/yet/audit.jsonl");
    let (stage, mut streaming) = streaming_to(&format!("file:{}", path.display())).await;
    let failed = streaming.step().await.unwrap_err().to_string();
    assert!(failed.contains("not/yet/audit.jsonl"), "{failed}");
    let mut config = stage.config.clone();
    config.audit.keep = Duration::from_secs(1);
    let admin = stage.installation.administration();
    let admin = tollgate_admin::Administration { config: &config, ..admin };
    let far = tollgate_core::Timestamp::MAX;
    assert_eq!(audit::purge(&admin, far, &SYSTEM).await.unwrap(), 0);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    streaming.step().await.unwrap();
    assert_eq!(numbers(&path), up_to_the_newest(&stage).await);
}

#[tokio::test]
async fn of_two_servers_one_streams_until_its_lease_ends() {
    let (stage, mut first, _folder, path) = streaming().await;
    let node = stage.node(stage.clock.clone()).await;
    let mut second = Streaming::new(node.installation.clone()).unwrap();
    first.step().await.unwrap();
    let streamed = numbers(&path);
    stage.elsewhere.record(&ACT).await.unwrap();
    second.step().await.unwrap();
    assert_eq!(numbers(&path), streamed, "the first leads");
    stage.clock.advance(Duration::from_secs(16));
    second.step().await.unwrap();
    assert_eq!(numbers(&path), up_to_the_newest(&stage).await);
}

#[tokio::test]
async fn a_server_whose_clock_is_set_back_asks_again_whether_it_leads() {
    let (stage, mut first, _folder, _path) = streaming().await;
    first.step().await.unwrap();
    assert_eq!(stage.installation.unstreamed(), Some(0));
    let node = stage.node(ManualClock::of_machine(2, stage.now().after(Duration::from_secs(16)))).await;
    Streaming::new(node.installation.clone()).unwrap().step().await.unwrap();
    assert_eq!(node.installation.unstreamed(), Some(0), "the lease of the first has ended");
    stage.clock.set(stage.now().before(Duration::from_secs(60 * 60)));
    first.step().await.unwrap();
    assert_eq!(stage.installation.unstreamed(), None);
}

/// Reads a connection to its end, and returns the messages in it.
async fn received(listener: &TcpListener) -> Vec<String> {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    let (mut rest, mut messages) = (text.as_str(), Vec::new());
    while let Some((length, behind)) = rest.split_once(' ') {
        let (message, behind) = behind.split_at(length.parse().unwrap());
        messages.push(message.to_owned());
        rest = behind;
    }
    messages
}

#[tokio::test]
async fn a_syslog_receiver_gets_each_record_as_a_message() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (stage, mut streaming) = streaming_to(&format!("syslog:{}", listener.local_addr().unwrap())).await;
    let (messages, streamed) = tokio::join!(received(&listener), streaming.step());
    streamed.unwrap();
    assert_eq!(messages.len() as u64, newest(&stage).await);
    for (number, message) in (1..).zip(&messages) {
        let parts: Vec<_> = message.splitn(8, ' ').collect();
        let [version, at, _host, app, _process, act, data, record] = parts[..] else { panic!("{message}") };
        assert_eq!((version, app, data), ("<109>1", "tollgate", "-"));
        let record: Value = serde_json::from_str(record).unwrap();
        assert_eq!(
            (&record["seq"], &record["at"], &record["act"]),
            (&number.into(), &at.into(), &act.into())
        );
    }
    assert_eq!(stage.elsewhere.streamed().await.unwrap(), messages.len() as u64);
}

/// That the system has taken what was sent says nothing: whoever was to read it may have died.
#[tokio::test]
async fn what_a_syslog_receiver_did_not_read_is_sent_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (stage, mut streaming) = streaming_to(&format!("syslog:{}", listener.local_addr().unwrap())).await;
    let dies = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_exact(&mut [0; 10]).await.unwrap();
    };
    let ((), streamed) = tokio::join!(dies, streaming.step());
    streamed.unwrap_err();
    assert_eq!(stage.elsewhere.streamed().await.unwrap(), 0);
    let (messages, streamed) = tokio::join!(received(&listener), streaming.step());
    streamed.unwrap();
    assert_eq!(messages.len() as u64, newest(&stage).await);
}
