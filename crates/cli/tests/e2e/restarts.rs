//! A supervisor that holds the sockets: while a server is restarted its callers wait, and nobody is refused.

use std::fs::File;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Command;

use crate::callers::Callers;
use crate::harness::{Api, Finished, Process, Serve, shell};

/// What systemd is to a service whose sockets it holds (`sd_listen_fds(3)`).
struct Supervisor(TcpListener);

impl Supervisor {
    fn listen() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    /// Starts the server of a folder with the socket, under a name.
    fn start(&self, folder: &Path, name: &str) -> Serve {
        Serve::run(started(&mut given(folder, name, 1), self.0.try_clone().unwrap()))
    }
}

/// A server that is given its standard input as file 3, and as many times more as there are names.
fn given(folder: &Path, names: &str, count: usize) -> Command {
    let script = r#"exec 3<&0 4<&0 </dev/null; LISTEN_PID=$$ exec "$TOLLGATE" serve --config tollgate.toml"#;
    let mut command = shell(folder, script);
    command.env("LISTEN_FDS", count.to_string()).env("LISTEN_FDNAMES", names);
    command
}

fn started(command: &mut Command, socket: impl Into<OwnedFd>) -> Process {
    Process::spawn_on(command, socket.into())
}

#[test]
fn a_server_that_is_restarted_again_and_again_fails_no_request() {
    let folder = tempfile::tempdir().unwrap();
    let (id, secret) = Serve::install(folder.path(), "");
    let supervisor = Supervisor::listen();
    let mut server = supervisor.start(folder.path(), "listen");
    assert_eq!(server.api.0, supervisor.address());
    let callers = Callers::start(server.api, &id, &secret);
    for _ in 0..4 {
        callers.call_on(5);
        server.process.signal("TERM");
        let ended = server.process.finish();
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
        assert!(ended.stdout.contains(r#""aborted":0"#), "{ended:?}");
        server = supervisor.start(folder.path(), "listen");
    }
    callers.call_on(5);
    callers.all_were_answered();
}

/// Nobody is served meanwhile, and whoever comes waits.
#[test]
fn whoever_comes_while_no_server_runs_is_served_by_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let (id, secret) = Serve::install(folder.path(), "");
    let supervisor = Supervisor::listen();
    let api = Api(supervisor.address());
    let waiting = std::thread::spawn(move || api.try_token(&id, &secret).unwrap().status);
    let server = supervisor.start(folder.path(), "listen");
    assert_eq!(waiting.join().unwrap(), 200);
    drop(server);
}

#[test]
fn the_socket_of_the_administration_is_given_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    Serve::install(folder.path(), "");
    let supervisor = Supervisor::listen();
    let server = supervisor.start(folder.path(), "admin_listen");
    assert_eq!(server.admin.0, supervisor.address());
    assert_ne!(server.api.0, supervisor.address());
    assert_eq!(server.admin.get("/readyz").status, 200);
}

#[test]
fn sockets_for_another_process_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    Serve::install(folder.path(), "");
    let supervisor = Supervisor::listen();
    let script = r#"exec 3<&0 </dev/null; LISTEN_PID=1 exec "$TOLLGATE" serve --config tollgate.toml"#;
    let mut command = shell(folder.path(), script);
    command.envs([("LISTEN_FDS", "1"), ("LISTEN_FDNAMES", "listen")]);
    let server = Serve::run(started(&mut command, supervisor.0.try_clone().unwrap()));
    assert_ne!(server.api.0, supervisor.address());
}

#[test]
fn a_socket_that_is_not_as_configured_ends_the_start_with_a_line_that_says_how() {
    let folder = tempfile::tempdir().unwrap();
    Serve::install(folder.path(), "");
    let supervisor = Supervisor::listen();
    let refused = |command: &mut Command, socket: OwnedFd, says: &str| {
        let Finished { code, stderr, .. } = started(command, socket).finish();
        assert_eq!((code, stderr.lines().count()), (Some(1), 1), "{stderr}");
        assert!(stderr.starts_with("tollgate: the supervisor's socket") && stderr.contains(says), "{stderr}");
    };
    let socket = || OwnedFd::from(supervisor.0.try_clone().unwrap());
    let serve = |names: &str, count| given(folder.path(), names, count);

    let elsewhere = format!("for `listen` is on {}, and `listen` is 127.0.0.1:7: make", supervisor.address());
    refused(serve("listen", 1).env("TOLLGATE_LISTEN", "127.0.0.1:7"), socket(), &elsewhere);
    refused(serve("listen", 1).env("TOLLGATE_LISTEN", "127.0.0.2:0"), socket(), "`listen` is 127.0.0.2:0");
    refused(&mut serve("tollgate.socket", 1), socket(), "\"tollgate.socket\" is for nothing");
    refused(&mut serve("listen:listen", 2), socket(), "\"listen\" is for nothing");
    let no_admin = [("TOLLGATE_ADMIN_LISTEN", "")];
    refused(serve("admin_listen", 1).envs(no_admin), socket(), "\"admin_listen\" is for nothing");
    refused(&mut serve("listen", 2), socket(), "invalid LISTEN_FDNAMES");
    let connected = TcpStream::connect(supervisor.address()).unwrap();
    refused(&mut serve("listen", 1), connected.into(), "listen: it does not listen");
    let file = File::open(folder.path().join("tollgate.toml")).unwrap();
    refused(&mut serve("listen", 1), file.into(), "listen: fd 3 is not a socket");
}
