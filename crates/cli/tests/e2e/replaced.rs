//! All servers of a store replaced behind `HAProxy`, by its recipe: callers wait, and no request fails.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::Command;

use crate::callers::{Called, Callers};
use crate::documented::{Machine, configured};
use crate::harness::{Api, PATIENCE, Process, Serve, eventually, finish};
use crate::kept::is_left_out;
use crate::postgres_server::Database;
use crate::proxies::{command, with};
use crate::upgrade::steps;

const RECIPE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../packaging/proxies/haproxy-tollgate.cfg");

/// A machine with a store that the program of before has made.
struct Replaced {
    machine: Machine,
    before: PathBuf,
    /// Where the store is, unless it is where the configuration says.
    url: Option<String>,
}

impl Replaced {
    fn program(&self, program: &PathBuf, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.machine.path("")).env_clear().args(args);
        command.args(["--config".into(), self.machine.path("etc/tollgate/tollgate.toml")]);
        command.envs(self.url.as_ref().map(|url| ("TOLLGATE_DATABASE__URL", url)));
        command
    }

    /// Makes a client, by the program of before.
    fn install(&self) -> (String, String) {
        let json = |args: &[&str]| {
            let args = [args, &["--format", "json"]].concat();
            finish(&mut self.program(&self.before, &args)).succeeded().json()
        };
        json(&["store", "migrate"]);
        let merchant = json(&["merchant", "create", "--name", "Shop"]);
        let merchant = merchant["merchant_id"].as_str().unwrap();
        let client = json(&["client", "create", "--merchant", merchant, "--name", "till"]);
        let text = |name: &str| client[name].as_str().unwrap().to_owned();
        (text("client_id"), text("client_secret"))
    }

    fn serve(&self, program: &PathBuf, listen: &str, admin: &str) -> Serve {
        let mut command = self.program(program, &["serve"]);
        command.envs([("TOLLGATE_LISTEN", listen), ("TOLLGATE_ADMIN_LISTEN", admin)]);
        Serve::run(Process::spawn(&mut command))
    }

    /// Starts the proxy in front of a server.
    fn proxy(&self, behind: &Serve) -> (Process, SocketAddr) {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let (api, admin) = (behind.api.0, behind.admin.0.port());
        let recipe = with(
            &fs::read_to_string(RECIPE).unwrap(),
            &[
                (
                    "bind :443 ssl crt /etc/haproxy/core.example.com.pem alpn h2,http/1.1",
                    &format!("bind {address}"),
                ),
                ("server one 127.0.0.1:8080", &format!("server one {api}")),
                ("port 9090", &format!("port {admin}")),
                ("server one-again 127.0.0.1:8080", &format!("server one-again {api}")),
            ],
        );
        let file = self.machine.path("haproxy.cfg");
        fs::write(&file, recipe).unwrap();
        let process = Process::spawn(&mut command("haproxy", &["-db", "-f", file.to_str().unwrap()]));
        eventually("HAProxy serves", PATIENCE, || {
            let answer = Api(address).request("GET", "/openapi.json", &[], "").ok()?;
            (answer.status == 200).then_some(())
        });
        (process, address)
    }

    /// Replaces the server by one of this program, by `steps`, while callers make so many rounds before and after.
    fn replace(&self, steps: &str, rounds: usize) -> Called {
        let (id, secret) = self.install();
        let old = self.serve(&self.before, "127.0.0.1:0", "127.0.0.1:0");
        let (_proxy, address) = self.proxy(&old);
        let (listen, admin) = (old.api.0.to_string(), old.admin.0.to_string());
        let callers = Callers::start(Api(address), &id, &secret);
        callers.call_on(rounds);
        old.process.signal("TERM");
        assert_eq!(old.process.finish().code, Some(0));
        let url = self.url.iter().map(|url| format!("export TOLLGATE_DATABASE__URL={url}\n"));
        self.machine.run(&url.chain([steps.to_owned()]).collect::<String>()).succeeded();
        let _new = self.serve(&this_program(), &listen, &admin);
        callers.call_on(rounds);
        callers.all_were_answered()
    }
}

fn this_program() -> PathBuf {
    env!("CARGO_BIN_EXE_tollgate").into()
}

/// The program of 0.1.0.
fn that_of_0_1_0() -> PathBuf {
    #[expect(clippy::disallowed_methods, reason = "it says where a program is and is no setting")]
    let program = std::env::var("PROGRAM_OF_0_1_0");
    program.expect("PROGRAM_OF_0_1_0 is the path of that program").into()
}

fn on_sqlite(before: PathBuf, rounds: usize) -> Called {
    Replaced { machine: configured(), before, url: None }.replace(&steps(), rounds)
}

fn on_postgres(before: PathBuf, rounds: usize) -> Called {
    let database = Database::create();
    let replaced = Replaced { machine: configured(), before, url: Some(database.url.clone()) };
    let steps = steps();
    let (copy, migrate) = steps.split_once('\n').unwrap();
    assert!(copy.starts_with("cp "), "{copy}");
    replaced.replace(&format!("pg_dump {} > dump.sql\n{migrate}", database.url), rounds)
}

#[test]
fn on_sqlite_no_request_fails_while_the_server_is_replaced_behind_haproxy() {
    if !is_left_out("haproxy", "TOLLGATE_TEST_PROXIES") {
        on_sqlite(this_program(), 5);
    }
}

#[test]
fn on_postgres_no_request_fails_while_the_server_is_replaced_behind_haproxy() {
    if !is_left_out("haproxy", "TOLLGATE_TEST_PROXIES") {
        on_postgres(this_program(), 5);
    }
}

#[test]
#[ignore = "it wants the program of 0.1.0"]
fn from_0_1_0_no_request_fails_behind_haproxy() {
    for (engine, Called { requests, longest }) in
        [("SQLite", on_sqlite(that_of_0_1_0(), 250)), ("PostgreSQL", on_postgres(that_of_0_1_0(), 250))]
    {
        println!("{engine}: {requests} requests, the longest took {longest:?}");
    }
}
