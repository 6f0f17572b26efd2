//! How a server ends.

use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::{Connection, Dev, PATIENCE, Process, Serve, eventually, payment, tollgate};

/// A request whose body has come as far as this.
pub(crate) fn half_sent(serve: &Serve, access: &str, body: &str) -> Connection {
    let mut connection = Connection::open(serve.api.0).unwrap();
    let head = format!(
        "POST /api/v1/payment-requests:redirect HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\
         content-type: application/json\r\nauthorization: Bearer {access}\r\nexpect: 100-continue\r\n\r\n",
        body.len()
    );
    connection.write(&head).unwrap();
    // The server asks for the body once it has the request in hand.
    assert_eq!(connection.interim().unwrap(), 100);
    connection.write(&body[..10]).unwrap();
    connection
}

#[test]
fn sigterm_turns_readiness_off_and_finishes_what_is_under_way() {
    let folder = tempfile::tempdir().unwrap();
    let (client_id, client_secret) = Serve::install(folder.path(), "");
    let serve = Serve::start(folder.path());
    let (access, _) = serve.api.tokens(&client_id, &client_secret);
    assert_eq!(serve.admin.get("/readyz").status, 200);
    let body = payment("DRAIN");
    let mut under_way = half_sent(&serve, &access, &body);

    serve.process.signal("TERM");
    let refusal = eventually("it is not ready", PATIENCE, || {
        let answer = serve.admin.get("/readyz");
        (answer.status != 200).then_some(answer)
    });
    assert_eq!(refusal.error(), (503, "UNAVAILABLE".to_owned()));
    assert_eq!(serve.admin.get("/healthz").status, 200, "the process is still up");

    under_way.write(&body[10..]).unwrap();
    let answer = under_way.answer().unwrap();
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.header("connection"), Some("close"));
    assert!(under_way.has_ended());
    let finished = serve.process.finish();
    assert_eq!((finished.code, finished.stderr.as_str()), (Some(0), ""), "{finished:?}");
}

#[test]
fn what_outlasts_the_grace_is_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let (client_id, client_secret) = Serve::install(folder.path(), r#"shutdown.grace = "1s""#);
    let serve = Serve::start(folder.path());
    let (access, _) = serve.api.tokens(&client_id, &client_secret);
    let mut under_way = half_sent(&serve, &access, &payment("STUCK"));
    serve.process.signal("TERM");
    let finished = serve.process.finish();
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert!(under_way.has_ended());
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let (client_id, client_secret) = Serve::install(folder.path(), r#"shutdown.grace = "1h""#);
    for signals in [["TERM", "TERM"], ["INT", "TERM"]] {
        let serve = Serve::start(folder.path());
        let (access, _) = serve.api.tokens(&client_id, &client_secret);
        let mut under_way = half_sent(&serve, &access, &payment("STUCK"));
        serve.process.signal(signals[0]);
        serve.process.wait_for(|said| said.contains(r#""msg":"draining""#).then_some(()));
        serve.process.signal(signals[1]);
        let finished = serve.process.finish();
        assert_eq!(finished.code, Some(1), "{finished:?}");
        assert!(finished.stderr.starts_with("tollgate: ended at once by a second signal"), "{finished:?}");
        assert!(under_way.has_ended());
    }
}

#[test]
fn readiness_goes_off_before_the_listener_closes() {
    let folder = tempfile::tempdir().unwrap();
    let (client_id, client_secret) = Serve::install(folder.path(), r#"shutdown.lame_duck = "1h""#);
    let serve = Serve::start(folder.path());
    serve.process.signal("TERM");
    eventually("it is not ready", PATIENCE, || (serve.admin.get("/readyz").status == 503).then_some(()));
    // New connections are served: the load balancer has not noticed yet.
    serve.api.tokens(&client_id, &client_secret);
    serve.process.signal("TERM");
    assert_eq!(serve.process.finish().code, Some(1));
}

#[test]
fn the_listener_closes_when_the_lame_duck_time_is_over() {
    let folder = tempfile::tempdir().unwrap();
    Serve::install(folder.path(), r#"shutdown.lame_duck = "200ms""#);
    let serve = Serve::start(folder.path());
    serve.process.signal("TERM");
    let finished = serve.process.finish();
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert!(
        finished.stdout.contains("not ready, and going on until a load balancer has noticed"),
        "{finished:?}"
    );
}

#[test]
fn an_idle_connection_does_not_hold_the_end_up() {
    let folder = tempfile::tempdir().unwrap();
    Serve::write_config(folder.path(), "");
    Serve::make_store(folder.path());
    let serve = Serve::start(folder.path());
    let mut idle = Connection::open(serve.api.0).unwrap();
    assert_eq!(idle.request("GET", "/", &[], "").unwrap().status, 404);
    serve.process.signal("TERM");
    assert!(idle.has_ended());
    assert_eq!(serve.process.finish().code, Some(0));
}

#[test]
fn sigint_ends_dev() {
    let folder = tempfile::tempdir().unwrap();
    let dev = Dev::start(&folder.path().join("data"));
    dev.process.signal("INT");
    let finished = dev.process.finish();
    assert_eq!((finished.code, finished.stderr.as_str()), (Some(0), ""), "{finished:?}");
}

/// What systemd is, to a service that tells it how it is.
struct Supervisor(UnixDatagram, PathBuf);

impl Supervisor {
    fn listen(folder: &Path) -> Self {
        let path = folder.join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(socket, path)
    }

    fn started(&self, command: &mut Command) -> Process {
        Process::spawn(command.env("NOTIFY_SOCKET", &self.1).env("WATCHDOG_USEC", "20000"))
    }

    /// The next that it is told, beside that the process runs.
    fn told(&self) -> String {
        loop {
            let told = self.next();
            if told != "WATCHDOG=1" {
                return told;
            }
        }
    }

    fn next(&self) -> String {
        let mut buffer = [0; 1024];
        let length = self.0.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap().trim_end().to_owned()
    }
}

#[test]
fn a_supervisor_is_told_when_it_serves_that_it_runs_and_when_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    Serve::install(folder.path(), "");
    let supervisor = Supervisor::listen(folder.path());
    let process = supervisor.started(&mut tollgate(folder.path(), &["serve", "--config", "tollgate.toml"]));
    assert_eq!(supervisor.told(), "READY=1\nSTATUS=serving");
    let serve = Serve::run(process);
    assert_eq!(serve.admin.get("/readyz").status, 200);
    for _ in 0..3 {
        assert_eq!(supervisor.next(), "WATCHDOG=1");
    }
    serve.process.signal("TERM");
    assert_eq!(supervisor.told(), "STOPPING=1");
    assert_eq!(serve.process.finish().code, Some(0));
}

#[test]
fn a_supervisor_does_not_wait_for_a_store_that_is_away() {
    let folder = tempfile::tempdir().unwrap();
    Serve::write_config(folder.path(), "");
    let supervisor = Supervisor::listen(folder.path());
    let away = ("TOLLGATE_DATABASE__URL", "postgres://tollgate@127.0.0.1:1/tollgate");
    let mut command = tollgate(folder.path(), &["serve", "--config", "tollgate.toml"]);
    let process = supervisor.started(command.envs([away]));
    assert_eq!(supervisor.told(), "READY=1\nSTATUS=not ready: the store can't be reached");
    process.signal("TERM");
    assert_eq!(supervisor.told(), "STOPPING=1");
}
