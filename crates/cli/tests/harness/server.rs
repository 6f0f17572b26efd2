//! Running servers, and the commands that administer them.

use std::fs::{self, File};
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tollgate_keys::MasterKey;

use super::{Api, Process, finish, tollgate};

/// `tollgate dev` on a port that the system chose, with its data in a folder.
pub(crate) struct Dev {
    pub(crate) process: Process,
    pub(crate) api: Api,
    /// What it said of itself before the calls to paste.
    pub(crate) base_url: String,
    /// Its `credentials.json`.
    pub(crate) credentials: Value,
    data: PathBuf,
}

impl Dev {
    pub(crate) fn start(data: &Path) -> Self {
        Self::start_with(data, &[])
    }

    /// Starts it with settings in its environment.
    pub(crate) fn start_with(data: &Path, env: &[(&str, &str)]) -> Self {
        Self::start_at(data, "127.0.0.1:0", env)
    }

    /// Starts it on an address.
    pub(crate) fn start_at(data: &Path, listen: &str, env: &[(&str, &str)]) -> Self {
        let args = ["dev", "--listen", listen, "--data", data.to_str().unwrap()];
        let mut command = tollgate(data.parent().unwrap(), &args);
        let process = Process::spawn(command.envs(env.iter().copied()));
        let base_url = process.wait_for(|said| {
            // The calls to paste are the last that it says; the listener was bound before the first.
            said.split_once("echo '3.")?.1.contains("\n\n").then_some(())?;
            let (base_url, _) = said.split_once("Tollgate is up at ")?.1.split_once(' ')?;
            Some(base_url.to_owned())
        });
        let address = base_url.strip_prefix("http://").unwrap().parse().unwrap();
        let credentials = serde_json::from_slice(&fs::read(data.join("credentials.json")).unwrap()).unwrap();
        Self { process, api: Api(address), base_url, credentials, data: data.to_owned() }
    }

    pub(crate) fn client_id(&self) -> &str {
        self.credentials["client_id"].as_str().unwrap()
    }

    pub(crate) fn merchant_id(&self) -> &str {
        self.credentials["merchant_id"].as_str().unwrap()
    }

    pub(crate) fn client_secret(&self) -> &str {
        self.credentials["client_secret"].as_str().unwrap()
    }

    /// An access and a refresh token of the demo client.
    pub(crate) fn tokens(&self) -> (String, String) {
        self.api.tokens(self.client_id(), self.client_secret())
    }

    /// Administers it by a command that prints JSON.
    pub(crate) fn admin(&self, args: &[&str]) -> Value {
        let data = ["--data", self.data.to_str().unwrap(), "--format", "json"];
        finish(&mut tollgate(self.data.parent().unwrap(), &[args, &data].concat())).succeeded().json()
    }
}

/// `tollgate serve` with a configuration file in a folder.
pub(crate) struct Serve {
    pub(crate) process: Process,
    pub(crate) api: Api,
    pub(crate) admin: Api,
}

impl Serve {
    /// Starts it with what [`Serve::install`] made.
    pub(crate) fn start(folder: &Path) -> Self {
        Self::run(Process::spawn(&mut tollgate(folder, &["serve", "--config", "tollgate.toml"])))
    }

    /// Waits until a process that has been started serves.
    pub(crate) fn run(process: Process) -> Self {
        let (api, admin) = process.wait_for(|said| {
            let line = said.lines().find(|line| line.contains(r#""msg":"serving""#))?;
            let line: Value = serde_json::from_str(line).ok()?;
            let address = |name: &str| line[name].as_str()?.parse::<SocketAddr>().ok();
            Some((address("listen")?, address("admin_listen")?))
        });
        Self { process, api: Api(api), admin: Api(admin) }
    }

    /// Writes a configuration with `more` in it, and makes its store and a merchant with a client, by the commands that
    /// an operator uses. Returns the client's id and secret.
    pub(crate) fn install(folder: &Path, more: &str) -> (String, String) {
        Self::write_config(folder, more);
        Self::make_store(folder);
        let run = |args: &[&str]| {
            finish(&mut tollgate(folder, &[args, &["--format", "json"]].concat())).succeeded().json()
        };
        let merchant = run(&["merchant", "create", "--name", "Shop"]);
        let merchant = merchant["merchant_id"].as_str().unwrap();
        let client = run(&["client", "create", "--merchant", merchant, "--name", "till"]);
        let text = |name: &str| client[name].as_str().unwrap().to_owned();
        (text("client_id"), text("client_secret"))
    }

    /// Makes the store that the configuration in the folder names.
    pub(crate) fn make_store(folder: &Path) {
        finish(&mut tollgate(folder, &["store", "migrate", "--config", "tollgate.toml"])).succeeded();
    }

    /// Writes `tollgate.toml` (the sandbox, ports that the system chooses, a store in the folder unless `more` names
    /// another, and `more`) and a master key.
    pub(crate) fn write_config(folder: &Path, more: &str) {
        write_master_key(&folder.join("master.key"));
        let config = r#"
            listen = "127.0.0.1:0"
            admin_listen = "127.0.0.1:0"
            public_url = "https://pay.example.com"
            master_key = "file:master.key"
            sandbox = true
        "#;
        let store = if more.contains("database.url") { "" } else { r#"database.url = "sqlite:tollgate.db""# };
        fs::write(folder.join("tollgate.toml"), format!("{config}\n{store}\n{more}\n")).unwrap();
    }
}

/// Writes a master key, unless there is one.
pub(crate) fn write_master_key(path: &Path) {
    let mut options = File::options();
    if let Ok(mut file) = options.write(true).create_new(true).mode(0o600).open(path) {
        file.write_all(MasterKey::generate(&mut rand::rng()).expose_hex().as_bytes()).unwrap();
    }
}
