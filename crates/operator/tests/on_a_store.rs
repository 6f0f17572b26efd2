//! What operators do, on a store of their own.

#![allow(
    clippy::unwrap_used,
    reason = "clippy.toml allows it in tests, and does not know that all of this is one"
)]

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};

use rusqlite::Connection;
use serde_json::Value;
use tempfile::TempDir;
use tollgate_admin::apply::{Others, Step};
use tollgate_admin::audit::Flaw;
use tollgate_admin::import::Rules;
use tollgate_admin::merchants::{self, NewMerchant};
use tollgate_config::Config;
use tollgate_operator::apply::{self, Done, PlanError, SecretsPlace, SecretsTo};
use tollgate_operator::import::{self, Reading, Source};
use tollgate_operator::trail::{Export, TrailError, verify_file};
use tollgate_operator::{Desk, DevFolder, DevFolderError, Opened, OperatorError, own_now, private_file};
use tollgate_secrets::Environment;
use tollgate_store::{Access, Actor, ActorKind};

const WANTED: &str = r#"
[[merchants]]
name = "Shop"
[[merchants.clients]]
name = "till"
scope = "payments:read"
[[merchants.clients]]
name = "office"
scope = "payments:read payments:write"
"#;

fn operator() -> Actor {
    Actor::new(ActorKind::CommandLine { user: "ada".to_owned(), host: "desk".to_owned() })
}

/// Makes an installation in a folder, and opens it.
async fn installed(folder: &TempDir) -> Opened {
    let dev = DevFolder::at(folder.path());
    let _alone = dev.make().unwrap();
    dev.make_master_key().unwrap();
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let config = Config::dev(listen, folder.path(), std::iter::empty::<(String, String)>()).unwrap();
    Opened::open(config, Access::Create, Some((&operator(), own_now().unwrap()))).await.unwrap()
}

/// Writes a file into a folder, and returns its path.
fn file(folder: &TempDir, name: &str, text: &str) -> std::path::PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, text).unwrap();
    path
}

#[tokio::test]
async fn what_a_file_wants_is_done_once_and_its_secrets_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::on_store(installed(&folder).await, operator());
    let wanted = apply::read(&file(&folder, "wanted.toml", WANTED)).unwrap();
    let kept = folder.path().join("secrets.jsonl");
    let place: SecretsPlace = kept.display().to_string().parse().unwrap();
    let mut secrets = SecretsTo::open(&place, Environment::process()).unwrap();

    let plan = apply::plan(&desk, &wanted, Others::Stay).await.unwrap();
    let mut done: Vec<String> = Vec::new();
    let carried_out = apply::carry_out(&desk, plan.steps, Some(&mut secrets), |step| {
        done.push(match step {
            Done::Step(Step::CreateMerchant(new)) => new.name.as_str().to_owned(),
            Done::Step(step) => panic!("{step:?}"),
            Done::Created(clients) => clients.iter().map(|client| client["name"].as_str().unwrap()).collect(),
        });
        Ok::<_, OperatorError>(())
    });
    carried_out.await.unwrap();
    assert_eq!(done, ["Shop", "tilloffice"]);
    assert_eq!(secrets.end().unwrap(), kept.display().to_string());

    let lines = fs::read_to_string(&kept).unwrap();
    let names: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["name"].take()).collect();
    assert_eq!(names, ["till", "office"]);
    let again = apply::plan(&desk, &wanted, Others::End).await.unwrap();
    assert_eq!((again.steps.len(), again.unchanged), (0, 3));
}

#[tokio::test]
async fn whoever_is_told_what_was_done_can_stop_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::on_store(installed(&folder).await, operator());
    let wanted = apply::read(&file(&folder, "wanted.toml", WANTED)).unwrap();
    let plan = apply::plan(&desk, &wanted, Others::Stay).await.unwrap();
    let stopped = apply::carry_out(&desk, plan.steps, None, |_| Err(OperatorError::Unreadable)).await;
    assert!(matches!(stopped, Err(OperatorError::Unreadable)));
    let rest = apply::plan(&desk, &wanted, Others::Stay).await.unwrap();
    assert_eq!((rest.steps.len(), rest.unchanged), (2, 1));
}

#[tokio::test]
async fn an_empty_file_ends_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::on_store(installed(&folder).await, operator());
    let wanted = apply::read(&file(&folder, "wanted.toml", "")).unwrap();
    let plan = apply::plan(&desk, &wanted, Others::End).await;
    assert!(matches!(plan, Err(PlanError::EndsEverything)));
    assert!(apply::plan(&desk, &wanted, Others::Stay).await.unwrap().steps.is_empty());
}

#[tokio::test]
async fn what_an_import_leaves_out_keeps_its_place_among_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::on_store(installed(&folder).await, operator());
    let rows = "client_id,secret,merchant,scope\n\
                a,0123456789abcdef,Shop,payments:read\nb,,Shop,payments:read\nc,0123456789abcdef,Shop,payments:read\n";
    let how = Reading { source: Source::Csv, merchant_from: None, optional_scopes: false };
    let lines = import::read(&file(&folder, "old.csv", rows), how).unwrap();
    let rules = Rules {
        source: Source::Csv.name(),
        merchant: None,
        create_merchants: true,
        scope: None,
        words: std::collections::BTreeMap::new(),
        environment: None,
    };
    let plan = import::plan(&desk, lines, &rules).await.unwrap();
    let mut told: Vec<(String, bool)> = Vec::new();
    let carried_out = import::carry_out(&desk, plan, |done| {
        if let import::Done::Clients(clients) = done {
            told.extend(clients.iter().map(|client| (client.old_id.clone(), client.gets_another_id())));
        }
        Ok::<_, OperatorError>(())
    });
    carried_out.await.unwrap();
    assert_eq!(told, [("a", true), ("b", false), ("c", true)].map(|(id, gets)| (id.to_owned(), gets)));
    assert_eq!(desk.clients(None, None).await.unwrap().items.len(), 2);
}

#[tokio::test]
async fn a_file_that_holds_something_else_is_not_replaced_by_the_credentials_of_the_demo_client() {
    let folder = tempfile::tempdir().unwrap();
    let opened = installed(&folder).await;
    let make =
        async || DevFolder::at(folder.path()).make_credentials(&opened.administration(), &operator()).await;
    let another = r#"{"type":"service_account","client_id":"another's"}"#;
    let path = folder.path().join("credentials.json");
    assert!(private_file::create(&path, another.as_bytes()).unwrap());
    let refused = make().await.err().unwrap();
    assert!(matches!(refused, DevFolderError::NoCredentials { .. }), "{refused}");
    assert_eq!(fs::read_to_string(&path).unwrap(), another);
    let merchants = merchants::list(&opened.administration(), None, 1).await.unwrap();
    assert_eq!(merchants.len(), 0, "nothing was done");
    fs::write(&path, "").unwrap();
    let made = make().await.ok().unwrap().client_id;
    assert_eq!(make().await.ok().unwrap().client_id, made);
}

#[tokio::test]
async fn an_export_is_verified_by_its_anchor_and_without_its_last_line_refused() {
    let folder = tempfile::tempdir().unwrap();
    let opened = installed(&folder).await;
    let lines = exported(&opened).await.unwrap();
    let key = opened.unlocked.trail().key();
    let whole = verify_file(&file(&folder, "whole", &lines.concat()), key, None).unwrap();
    assert_eq!(whole.records, lines.len() as u64);
    let cut = file(&folder, "cut", &lines[..lines.len() - 1].concat());
    let verified = verify_file(&cut, key, Some(whole.anchor));
    assert!(
        matches!(verified, Err(TrailError::Flaw(Flaw::CutOff(seq))) if seq == whole.records),
        "{verified:?}"
    );
}

#[tokio::test]
async fn a_line_of_an_export_that_says_more_less_or_otherwise_than_was_recorded_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let opened = installed(&folder).await;
    let name = "Zo\u{eb} \u{202e}\u{7f}\u{1f980}\\";
    let by = Actor { why: Some(name.to_owned()), ..operator() };
    let new = NewMerchant { id: None, name: "Shop".parse().unwrap() };
    merchants::create(&opened.administration(), new, &by).await.unwrap();
    let lines = exported(&opened).await.unwrap();
    let key = opened.unlocked.trail().key();
    let place = lines.iter().position(|line| line.contains("merchant.create")).unwrap();
    let verified = |line: String| {
        let mut lines = lines.clone();
        lines[place] = line;
        verify_file(&file(&folder, "export", &lines.concat()), key, None)
    };
    let line = &lines[place];
    let as_the_command_writes = line.replace('\u{202e}', "\\u202e").replace('\u{7f}', "\\u007f");
    for same in [line.clone(), as_the_command_writes, line.replace('\n', "\r\n")] {
        assert!(verified(same.clone()).is_ok(), "{same}");
    }
    let with = |old: &str, new: &str| {
        let changed = line.replacen(old, new, 1);
        assert_ne!(&changed, line);
        changed
    };
    for other in [
        with("{", "{\"actor\":\"command-line:eve@x\","),
        with("{", "{\"approved\":true,"),
        with("\"after\":{", "\"after\":{\"name\":\"Another\","),
        with("\"source\":", "\"sourse\":"),
        with("\"request_id\":null,", ""),
        with("Z\",\"actor\"", "9Z\",\"actor\""),
        with("{", "{ "),
        line.replace("Shop", "\\u0053hop"),
        line.to_uppercase(),
    ] {
        let found = verified(other.clone());
        assert!(
            matches!(found, Err(TrailError::NotARecord { line, .. }) if line == place + 1),
            "{other}: {found:?}"
        );
    }
    let wrong = if line.contains("\"link_before\":\"0") { "1" } else { "0" };
    let start = line.find("\"link_before\":\"").unwrap() + 15;
    let found = verified([&line[..start], wrong, &line[start + 1..]].concat());
    assert!(
        matches!(found, Err(TrailError::Flaw(Flaw::Changed(seq))) if seq == place as u64 + 1),
        "{found:?}"
    );
    fs::write(folder.path().join("export"), b"\xff\n").unwrap();
    let found = verify_file(&folder.path().join("export"), key, None);
    assert!(matches!(found, Err(TrailError::NotARecord { line: 1, .. })), "{found:?}");
}

#[tokio::test]
async fn an_export_ends_where_records_are_gone_and_later_ones_follow() {
    let folder = tempfile::tempdir().unwrap();
    let opened = installed(&folder).await;
    let mut export = Export::begin(opened.administration(), None, &operator()).await.unwrap();
    let store = Connection::open(folder.path().join("tollgate.db")).unwrap();
    store.execute("DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)", []).unwrap();
    let new = NewMerchant { id: None, name: "Shop".parse().unwrap() };
    merchants::create(&opened.administration(), new, &operator()).await.unwrap();
    while !export.page().await.unwrap().is_empty() {}
    let ended = export.end(&operator()).await;
    assert!(matches!(ended, Err(TrailError::Flaw(Flaw::CutOff(_)))), "{ended:?}");
}

/// Exports the whole trail, and returns its lines.
async fn exported(opened: &Opened) -> Result<Vec<String>, TrailError> {
    let mut export = Export::begin(opened.administration(), None, &operator()).await?;
    let mut lines = Vec::new();
    loop {
        let page = export.page().await?;
        if page.is_empty() {
            break;
        }
        lines.extend(page.iter().map(|line| format!("{line}\n")));
    }
    export.end(&operator()).await?;
    Ok(lines)
}
