//! Nobody looks into a process that holds secrets, and it answers for itself when all its connections are used.

use std::fs;
use std::os::unix::fs::MetadataExt;

use crate::harness::{Connection, Dev, PATIENCE, Process, Serve, eventually, shell, tollgate};

/// A line of a file of a process.
fn line(id: u32, file: &str, start: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{id}/{file}")).unwrap();
    text.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{start}: {text}")).to_owned()
}

/// The soft and the hard limit.
fn limits(id: u32, name: &str) -> (String, String) {
    let line = line(id, "limits", name);
    let mut words = line[name.len()..].split_whitespace().map(str::to_owned);
    (words.next().unwrap(), words.next().unwrap())
}

#[test]
fn no_core_is_dumped_and_the_files_are_those_of_the_hard_limit() {
    let folder = tempfile::tempdir().unwrap();
    let dev = Dev::start(&folder.path().join("data"));
    Serve::install(folder.path(), "");
    let serve = Serve::start(folder.path());
    let agent =
        Process::spawn(&mut tollgate(folder.path(), &["agent", "--data", "data", "--listen", "127.0.0.1:0"]));
    agent.wait_for(|said| said.contains("serving").then_some(()));
    for id in [dev.process.id(), serve.process.id(), agent.id()] {
        assert_eq!(limits(id, "Max core file size"), ("0".to_owned(), "0".to_owned()));
        let (soft, hard) = limits(id, "Max open files");
        assert_eq!(soft, hard);
        // Where it may lock any amount, it does; the limit alone does not tell, as root may in spite of it.
        let (soft, _) = limits(id, "Max locked memory");
        let locked = line(id, "status", "VmLck:");
        assert!(soft != "unlimited" || !locked.contains(" 0 kB"), "{locked}");
    }
}

#[test]
fn the_memory_of_a_server_belongs_to_root_whoever_runs_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    Serve::install(path, "");
    let serve = if fs::metadata(path).unwrap().uid() == 0 {
        for name in ["tollgate.db", "master.key", "tollgate.toml", "."] {
            std::os::unix::fs::chown(path.join(name), Some(crate::secret_files::USER), None).unwrap();
        }
        let serve = tollgate(path, &["serve", "--config", "tollgate.toml"]);
        Serve::run(Process::spawn(&mut crate::secret_files::as_another(&serve, path)))
    } else {
        Serve::start(path)
    };
    // The system gives the files of a process that can't be traced to root (proc(5)).
    let id = serve.process.id();
    let runs_as = line(id, "status", "Uid:");
    assert!(!runs_as.split_whitespace().any(|uid| uid == "0"), "{runs_as}");
    assert_eq!(fs::metadata(format!("/proc/{id}/mem")).unwrap().uid(), 0);
}

#[test]
fn the_admin_listener_answers_when_all_connections_are_used() {
    let folder = tempfile::tempdir().unwrap();
    Serve::install(folder.path(), "");
    let script = "ulimit -Sn 128; ulimit -Hn 300; exec $TOLLGATE serve --config tollgate.toml";
    let serve = Serve::run(Process::spawn(&mut shell(folder.path(), script)));
    let said = serve.process.wait_for(|said| {
        said.lines().find(|line| line.contains("beyond the limit of open files")).map(str::to_owned)
    });
    assert!(said.contains(r#""configured":10000,"possible":150,"open_files":300"#), "{said}");
    assert_eq!(limits(serve.process.id(), "Max open files"), ("300".to_owned(), "300".to_owned()));
    let held: Vec<Connection> = (0..250).map(|_| Connection::open(serve.api.0).unwrap()).collect();
    eventually("all connections are used", PATIENCE, || {
        let metrics = serve.admin.get("/metrics").body;
        metrics.contains("\ntollgate_connections 150\n").then_some(())
    });
    assert_eq!(serve.admin.get("/readyz").status, 200);
    drop(held);
}
