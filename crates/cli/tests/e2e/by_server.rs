//! Administration by a server, as an operator's client.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{Finished, Serve, fails, finish, is_misused, tollgate};

const NOBODY: &str = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff";
/// No URL that a token may be sent to.
const NO_URL: &str = "http://admin.example.com";
const EVERY_ROLE: &str = "admin:read admin:support admin:write admin:keys admin:audit";

/// A server, an operator's client, and a merchant with a client and a secret, as they are found in a table of commands.
struct Place {
    folder: TempDir,
    serve: Serve,
    operator: (String, String),
}

impl Place {
    fn open(scope: &str) -> Self {
        Self::with("", scope)
    }

    fn with(config: &str, scope: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Serve::write_config(folder.path(), config);
        Serve::make_store(folder.path());
        let operator = operator(folder.path(), scope);
        let serve = Serve::start(folder.path());
        Self { folder, serve, operator }
    }

    /// Runs a command on the store.
    fn on_store(&self, args: &[&str]) -> Finished {
        finish(&mut tollgate(self.folder.path(), args))
    }

    /// Runs a command by the server.
    fn by_server(&self, args: &[&str]) -> Finished {
        let server = format!("http://{}", self.serve.admin.0);
        let base = format!("http://{}", self.serve.api.0);
        let mut command = tollgate(self.folder.path(), &[args, &["--server", &server]].concat());
        let (id, secret) = &self.operator;
        finish(command.envs([
            ("TOLLGATE_BASE_URL", base.as_str()),
            ("TOLLGATE_CLIENT_ID", id),
            ("TOLLGATE_CLIENT_SECRET", secret),
        ]))
    }
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("no {name}: {value}")).to_owned()
}

fn operator(folder: &Path, scope: &str) -> (String, String) {
    let args = ["client", "create", "--operator", "--name", "desk", "--scope", scope, "--format", "json"];
    let created = finish(&mut tollgate(folder, &args)).succeeded().json();
    (text(&created, "client_id"), text(&created, "client_secret"))
}

/// A text without what is different each time.
fn shape(said: &str) -> String {
    let is_of_a_word = |c: char| c.is_ascii_alphanumeric() || "-_:.".contains(c);
    let mut shaped = String::new();
    let mut rest = said;
    while !rest.is_empty() {
        let end = rest.find(|c| !is_of_a_word(c)).unwrap_or(rest.len());
        let (word, more) = rest.split_at(end);
        let dashes = word.matches('-').count();
        shaped.push_str(match word {
            id if id.len() == 36 && dashes == 4 => "ID",
            time if time.len() == 20 && time.ends_with('Z') => "TIME",
            secret if secret.starts_with("tg_") => "SECRET",
            key if key.len() == 43 || key.len() == 86 => "KEY",
            word => word,
        });
        let first = more.chars().next().map_or(0, char::len_utf8);
        shaped.push_str(&more[..first]);
        rest = &more[first..];
    }
    shaped
}

/// What a command says of its work, but for which place it was done at.
fn outcome(done: &Finished) -> (Option<i32>, String, String) {
    let notes = done.notes.lines().filter(|line| !line.starts_with("note: acting on "));
    let said = notes.chain(done.stderr.lines()).collect::<Vec<_>>().join("\n");
    // Of a refusal the server adds the code and the request id, and a store where to look.
    let said = said.split(" (4").next().unwrap().split(": `tollgate").next().unwrap().to_owned();
    (done.code, sorted(&shape(&done.stdout)), shape(&said))
}

/// A list in an order that does not depend on ids.
fn sorted(said: &str) -> String {
    let mut parts: Vec<String> = match serde_json::from_str::<Vec<Value>>(said) {
        Ok(items) => items.iter().map(Value::to_string).collect(),
        Err(_) => said.lines().map(str::to_owned).collect(),
    };
    parts.sort();
    parts.join("\n")
}

/// Every command that has --server, in an order in which they can be run, with the names of what was created before.
const COMMANDS: &[&str] = &[
    "merchant create --name Kiosk",
    "merchant list",
    "merchant show {merchant}",
    "merchant rename {merchant} --name Stall",
    "client create --merchant {merchant} --name till --allow-from 192.0.2.0/24 --allow-from 10.0.0.1 --access-ttl 5m \
     --quota 30/min --label team=north --audience payment-api",
    "client create --operator --name guard --scope tollgate:verify --env live",
    "client list",
    "client list --merchant {merchant}",
    "client show {client}",
    "client update {client} --name web --scope payments:read --quota default --allow-from-anywhere",
    "client update {client} --label team=south --refresh-ttl 1h",
    "client disable {client}",
    "client enable {client}",
    "merchant disable {merchant}",
    "merchant enable {merchant}",
    "secret create {client} --old-expires-in 24h",
    "secret list {client}",
    "secret revoke {client} {secret}",
    "secret list {client}",
    "revoke --client {client}",
    "revoke --merchant {merchant}",
    "revoke --token-id Vb3L9RACLcjNhEcGzdRnXg",
    "key list",
    "key create --algorithm ES256",
    "key rotate --algorithm HS256",
    "key rotate --algorithm ES256 --compromised",
    "key export --public",
    "audit list --act merchant.rename --object merchant:{merchant}",
    "apply -f wanted.toml --dry-run",
    "apply -f wanted.toml --secrets-to secrets",
    "apply -f wanted.toml",
    "client import --from csv moved.csv --merchant {merchant} --dry-run",
    "client import --from csv moved.csv --merchant {merchant} --scope a:b",
    "client import --from csv moved.csv --merchant {merchant} --map map.csv",
    "client import --from csv moved.csv --merchant {merchant} --map map.csv",
    "client delete {client}",
    "merchant delete {merchant}",
    "merchant show {merchant}",
    "client show {client}",
    "client update {client} --name web",
    "secret list {client}",
    "secret create {client}",
    "merchant rename {merchant} --name x",
    "key create --algorithm HS256",
    "client create --merchant {merchant} --name till",
    "client create --operator --name x --scope admin:read --access-ttl 5h",
];

/// Runs every command, and returns what each has said.
fn run_all(place: &Place, run: impl Fn(&[&str]) -> Finished) -> Vec<(Option<i32>, String, String)> {
    let wanted = "[[merchants]]\nname = \"Stall\"\n[[merchants.clients]]\nname = \"web\"\nscope = \"payments:write\"\n\
                  labels = { team = \"south\" }\n[[merchants.clients]]\nname = \"new\"\nscope = \"payments:read\"\n\
                  status = \"disabled\"\n";
    fs::write(place.folder.path().join("wanted.toml"), wanted).unwrap();
    let moved = "client_id,secret,secret_hash,scope\nold-till,IEOHp0cJ7Xw4jv2kO9mA3zLq8RrTtYyU,,payments:read\n\
                 0191e0a1-5c3b-7def-8123-456789abcdef,,$2b$04$Sh2MGIWw806iKiJ.2K5YaejQXiY8f9apN0hH8hMb0MoF66V1fRv8y,payments:read\n\
                 short,x,,payments:read\n";
    fs::write(place.folder.path().join("moved.csv"), moved).unwrap();
    let (mut merchant, mut client, mut secret) = (String::new(), String::new(), String::new());
    let mut said = Vec::new();
    for template in COMMANDS {
        for format in ["text", "json"] {
            // What creates or ends something does so once.
            let repeats = [" list", " show", "export"].iter().any(|word| template.contains(word));
            if !repeats && format == "text" {
                continue;
            }
            let command = template.replace("{merchant}", &merchant).replace("{client}", &client);
            let command = command.replace("{secret}", &secret);
            let args: Vec<&str> = command.split_whitespace().chain(["--format", format]).collect();
            let done = run(&args);
            let created = done.code == Some(0) && command.contains(" create ");
            if created && command.starts_with("merchant") {
                merchant = text(&done.json(), "merchant_id");
            }
            if created && command.contains("--name till") {
                client = text(&done.json(), "client_id");
                secret = text(&done.json(), "secret_id");
            }
            let (code, stdout, stderr) = outcome(&done);
            // Who did it, and from where, is another one.
            let stdout = if command.starts_with("audit") {
                stdout.matches("merchant.rename").collect()
            } else {
                stdout
            };
            said.push((code, stdout, format!("{template}\n{stderr}")));
        }
    }
    said
}

#[test]
fn every_command_says_the_same_of_a_store_and_of_a_server() {
    let (store, server) = (Place::open(EVERY_ROLE), Place::open(EVERY_ROLE));
    let on_store = run_all(&store, |args| store.on_store(args));
    let by_server = run_all(&server, |args| server.by_server(args));
    for (on_store, by_server) in on_store.iter().zip(&by_server) {
        assert_eq!(by_server, on_store);
    }
    let failed: Vec<_> = on_store.iter().filter(|(code, ..)| *code != Some(0)).collect();
    assert_eq!(failed.len(), 13, "{failed:#?}");
    let kept = fs::read_to_string(server.folder.path().join("secrets")).unwrap();
    assert_eq!(kept.lines().count(), 1);
}

#[test]
fn a_command_says_which_server_it_acts_on_and_why_it_can_not() {
    let place = Place::open(EVERY_ROLE);
    let done = place.by_server(&["merchant", "create", "--name", "Shop", "--reason", "ticket 7 & more"]);
    let expected = format!("note: acting on the server at http://{}, as the client", place.serve.admin.0);
    assert!(done.notes.starts_with(&expected), "{done:?}");
    let records = place.on_store(&["audit", "list", "--act", "merchant.create", "--format", "json"]).json();
    assert_eq!(records[0]["reason"], "ticket 7 & more");
    assert_eq!(records[0]["actor"], format!("operator-client:{}", place.operator.0));

    let api = format!("http://{}", place.serve.api.0);
    let run = |server: &str, env: &[(&str, &str)]| {
        let mut command = tollgate(place.folder.path(), &["merchant", "list", "--server", server]);
        command.envs(env.iter().copied());
        if server.starts_with(NO_URL) { is_misused(&mut command) } else { fails(&mut command) }
    };
    let (id, secret) = (place.operator.0.as_str(), place.operator.1.as_str());
    let env =
        [("TOLLGATE_BASE_URL", api.as_str()), ("TOLLGATE_CLIENT_ID", id), ("TOLLGATE_CLIENT_SECRET", secret)];
    let admin = format!("http://{}", place.serve.admin.0);
    assert!(run(&admin, &env[..2]).contains("TOLLGATE_CLIENT_SECRET is not set"));
    assert!(run(NO_URL, &env).contains("--server: the URL must begin with https://"));
    assert_eq!(run(NO_URL, &[]), run(NO_URL, &env), "it is told of first");
    assert!(run(&api, &env).contains("(404 NOT_FOUND"));
    assert!(run("http://127.0.0.1:1", &env).contains("can't be reached"));
    let wrong = [env[0], env[1], ("TOLLGATE_CLIENT_SECRET", "wrong")];
    assert!(run(&admin, &wrong).contains("INVALID_CLIENT"), "{}", run(&admin, &wrong));
    for args in [["audit", "verify"], ["store", "check"], ["config", "adopt"]] {
        let done = place.by_server(&args);
        assert_eq!(done.code, Some(2), "a server has no such act: {done:?}");
    }
}

/// Every act, the role that it needs, and the command for it.
const ACTS: &[(&str, &str)] = &[
    ("admin:read", "merchant list"),
    ("admin:read", "merchant show {merchant}"),
    ("admin:write", "merchant create --name Kiosk"),
    ("admin:write", "merchant rename {merchant} --name Stall"),
    ("admin:support", "merchant disable {merchant}"),
    ("admin:support", "merchant enable {merchant}"),
    ("admin:read", "client list"),
    ("admin:read", "client show {client}"),
    ("admin:write", "client create --merchant {merchant} --name web"),
    ("admin:write", "client update {client} --name web"),
    ("admin:support", "client disable {client}"),
    ("admin:support", "client enable {client}"),
    ("admin:read", "secret list {client}"),
    ("admin:write", "secret create {client}"),
    ("admin:support", "secret revoke {client} {secret}"),
    ("admin:read", "key list"),
    ("admin:keys", "key create --algorithm EdDSA"),
    ("admin:keys", "key rotate --algorithm HS256"),
    ("admin:keys", "key rotate --algorithm EdDSA --compromised"),
    ("admin:support", "revoke --client {client}"),
    ("admin:audit", "audit list --limit 1"),
    ("admin:write", "client delete {client}"),
    ("admin:write", "merchant delete {merchant}"),
];

#[test]
fn each_role_allows_its_own_commands_and_no_others() {
    let mut place = Place::open("tollgate:verify");
    let merchant = text(
        &place.on_store(&["merchant", "create", "--name", "Shop", "--format", "json"]).succeeded().json(),
        "merchant_id",
    );
    let create = ["client", "create", "--merchant", &merchant, "--name", "till", "--scope", EVERY_ROLE];
    let client = place.on_store(&[&create[..], &["--format", "json"]].concat());
    // A merchant's client does not become an operator's by its scope.
    assert!(client.code == Some(0) && client.stderr.contains("admin:"), "it is warned of: {client:?}");
    let client = client.json();
    let merchants = (text(&client, "client_id"), text(&client, "client_secret"));
    let commands: Vec<(&str, String)> = ACTS
        .iter()
        .map(|(role, act)| {
            let act = act.replace("{merchant}", &merchant).replace("{client}", &merchants.0);
            (*role, act.replace("{secret}", &text(&client, "secret_id")))
        })
        .collect();
    let roles: Vec<(&str, (String, String))> =
        EVERY_ROLE.split(' ').map(|role| (role, operator(place.folder.path(), role))).collect();
    let guard = place.operator.clone();
    let nobodies = [("a merchant's client", merchants), ("an operator's client without a role", guard)];
    for (who, credentials) in nobodies.into_iter().chain(roles.clone()) {
        place.operator = credentials;
        for (role, command) in commands.iter().filter(|(role, _)| *role != who) {
            let refused = place.by_server(&command.split(' ').collect::<Vec<_>>());
            assert_eq!(
                (refused.code, refused.stdout.lines().count() <= 1),
                (Some(1), true),
                "{who}: {command}"
            );
            assert!(refused.stderr.contains("(403 FORBIDDEN"), "{who} did what needs {role}: {refused:?}");
        }
    }
    for (role, command) in &commands {
        place.operator = roles.iter().find(|(one, _)| one == role).unwrap().1.clone();
        let done = place.by_server(&command.split(' ').collect::<Vec<_>>());
        assert_eq!(done.code, Some(0), "{role}: {command}: {done:?}");
    }
    assert!(!place.on_store(&["merchant", "show", NOBODY]).stderr.is_empty());
}

#[test]
fn what_takes_two_people_is_done_when_the_second_asks_wherever_each_of_them_is() {
    let place = Place::with("admin.second_person_within = \"24h\"", EVERY_ROLE);
    let create = ["merchant", "create", "--format", "json", "--name"];
    let mut merchants = ["One", "Two", "Three"].map(|name| {
        text(&place.on_store(&[&create[..], &[name]].concat()).succeeded().json(), "merchant_id")
    });
    let delete = ["merchant", "delete", merchants[0].as_str(), "--yes"];
    for _ in 0..2 {
        let asked = place.by_server(&delete);
        assert_eq!(asked.code, Some(1));
        assert!(asked.stderr.contains("is done when another one asks for the same within 24h"), "{asked:?}");
    }
    place.on_store(&["merchant", "show", &merchants[0]]).succeeded();
    place.on_store(&delete).succeeded();

    // A run of `apply` asks for all that it would delete.
    merchants.sort();
    let wanted = "[[merchants]]\nname = \"Kept\"\n";
    fs::write(place.folder.path().join("wanted.toml"), wanted).unwrap();
    let prune = ["apply", "-f", "wanted.toml", "--prune", "--yes", "--format", "json"];
    let asked = place.on_store(&prune);
    assert_eq!(asked.code, Some(1), "{asked:?}");
    assert!(asked.stderr.contains("2 of these can't be done now: it takes two people"), "{asked:?}");
    assert_eq!(asked.json().as_array().unwrap().len(), 1, "the merchant that is wanted was created");
    let done = place.by_server(&prune).succeeded().json();
    assert_eq!(done.as_array().unwrap().len(), 2);
    let left = place.on_store(&["merchant", "list", "--format", "json"]).succeeded().json();
    assert_eq!((left.as_array().unwrap().len(), &left[0]["name"]), (1, &Value::from("Kept")));
}
