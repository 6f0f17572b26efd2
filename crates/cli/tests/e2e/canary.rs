//! Secrets stay where they belong, however much is logged and whatever goes wrong.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::harness::{Api, Dev, Finished, Process, Response, payment, tollgate};

#[test]
fn no_secret_appears_in_any_output_error_metric_or_file() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let dev = Dev::start_with(&data, &[("TOLLGATE_LOG__LEVEL", "trace")]);
    let secret = dev.client_secret().to_owned();
    let (access, refresh) = dev.tokens();
    let mut canaries = Canaries::default();
    canaries.add("the client secret", &secret);
    canaries.add("the access token", &access);
    canaries.add("the refresh token", &refresh);
    canaries.add_master_key(&data);

    let mut errors = refused_calls(dev.api, dev.client_id(), &secret, &access, &refresh);
    assert_eq!(dev.api.list(&access, "").status, 200);
    let renewed = dev.api.refresh(&refresh).data();
    canaries.add("the renewed token", renewed["access_token"].as_str().unwrap());
    revoke_and_ask(dev.api, dev.client_id(), &secret, renewed["access_token"].as_str().unwrap());
    for _ in 0..2 {
        let created = dev.api.create(&access, "canary", &payment("CANARY")).unwrap();
        assert_eq!(created.status, 201);
        let page = created.data()["redirect_url"].as_str().unwrap().replace(&dev.base_url, "");
        assert_eq!(dev.api.get(&page).status, 200);
    }
    let added = dev.admin(&["secret", "create", dev.client_id()]);
    let added = added["client_secret"].as_str().unwrap();
    canaries.add("the added secret", added);
    dev.admin(&["key", "rotate", "--compromised"]);
    let listed = [
        dev.admin(&["client", "list"]),
        dev.admin(&["client", "show", dev.client_id()]),
        dev.admin(&["secret", "list", dev.client_id()]),
        dev.admin(&["key", "list"]),
    ];
    let inspected = inspect(&data, &access);
    errors.push(dev.api.list(&access, "?limit=x"));

    canaries.look_in("the metrics", dev.api.get("/metrics").body.as_bytes());
    for error in &errors {
        assert!(error.status >= 400, "{error:?}");
        canaries.look_in("an error", format!("{error:?}").as_bytes());
    }
    for shown in &listed {
        canaries.look_in("a list", shown.to_string().as_bytes());
    }
    canaries.look_in("what `inspect` shows", format!("{inspected:?}").as_bytes());
    let process = Path::new("/proc").join(dev.process.id().to_string());
    canaries.look_in("its command line", &fs::read(process.join("cmdline")).unwrap());
    // Once while the write-ahead log is there, once when it has been moved into the store.
    canaries.look_in_folder(&data);
    dev.process.signal("TERM");
    let finished = dev.process.finish();
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert!(finished.stdout.contains("TRACE"), "it did log at trace: {finished:?}");
    canaries.look_in("its output", format!("{}{}", finished.stdout, finished.stderr).as_bytes());
    canaries.look_in_folder(&data);
    for name in ["credentials.json", "master.key"] {
        assert!(canaries.is_in(&fs::read(data.join(name)).unwrap()), "{name} has what is looked for");
    }
}

/// Everything that a caller may get wrong, with the secrets in the wrong places.
fn refused_calls(api: Api, id: &str, secret: &str, access: &str, refresh: &str) -> Vec<Response> {
    let json = ("content-type", "application/json");
    let form = ("content-type", "application/x-www-form-urlencoded");
    let bearer = format!("Bearer {access}");
    let basic = format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")));
    let bearer = ("authorization", bearer.as_str());
    let basic = ("authorization", basic.as_str());
    let token = |headers: &[(&str, &str)], body: &str| {
        api.request("POST", "/api/v1/oauth2/token", headers, body).unwrap()
    };
    let oauth = |path: &str, headers: &[(&str, &str)], body: &str| {
        api.request("POST", &format!("/oauth2/{path}"), headers, body).unwrap()
    };
    let create = |headers: &[(&str, &str)], body: &str| {
        api.request("POST", "/api/v1/payment-requests:redirect", headers, body).unwrap()
    };
    vec![
        token(&[json], &format!(r#"{{"client_id":"{id}","client_secret":"{secret}""#)),
        token(&[json], &format!(r#"{{"client_id":"{id}","client_secret":["{secret}"]}}"#)),
        token(&[json], &format!(r#"{{"client_id":"{secret}","client_secret":"{secret}"}}"#)),
        token(&[json], &format!(r#"{{"client_id":"{id}","client_secret":"{secret}x"}}"#)),
        token(
            &[json],
            &format!(r#"{{"client_id":"{id}","client_secret":"{secret}","grant_type":"{secret}"}}"#),
        ),
        token(&[json], &format!(r#"{{"client_id":"{id}","client_secret":"{secret}","scope":"{secret}"}}"#)),
        token(&[form], &format!("client_id={id}&client_secret={secret}&client_secret={secret}")),
        token(&[json, basic], &format!(r#"{{"client_id":"{id}","client_secret":"{secret}"}}"#)),
        token(&[json, basic, ("origin", "https://shop.example")], "{}"),
        token(&[("content-type", "text/plain")], secret),
        api.request("GET", &format!("/api/v1/oauth2/token?client_secret={secret}"), &[basic], "").unwrap(),
        oauth("token", &[form], &format!("grant_type={secret}&client_id={id}&client_secret={secret}")),
        oauth("token", &[form, basic], &format!("grant_type=client_credentials&client_secret={secret}")),
        oauth("token", &[form, basic], &format!("grant_type=client_credentials&scope={secret}")),
        oauth("token", &[form, basic], &format!("grant_type=refresh_token&refresh_token={access}")),
        oauth("introspect", &[form, bearer], &format!("token={access}")),
        oauth("introspect", &[form, basic], &format!("token={access}&token={refresh}")),
        oauth("revoke", &[form], &format!("token={refresh}&client_id={id}&client_secret={secret}x")),
        api.refresh(access),
        api.refresh(&format!("{refresh}x")),
        api.list(refresh, ""),
        api.list(&format!("{access}x"), ""),
        api.list(access, &format!("?cursor={access}")),
        api.get(&format!("/api/v1/payment-requests?access_token={access}")),
        api.request("GET", &format!("/api/v1/payment-requests/{access}"), &[bearer], "").unwrap(),
        api.get(&format!("/{access}")),
        api.get(&format!("/pay/{secret}")),
        api.request("GET", "/api/v1/payment-requests", &[basic], "").unwrap(),
        create(&[json, bearer], &payment("X").replace("EUR", access)),
        create(&[json, bearer], &payment(access)),
        create(&[json, bearer], &payment("X").replace("London", "").replace("GB", secret)),
        create(&[json, bearer], &format!("{{\"access_token\":\"{access}\"")),
        create(&[("content-type", access), bearer], "{}"),
    ]
}

/// Ends a token and asks what it is, as an OAuth client.
fn revoke_and_ask(api: Api, id: &str, secret: &str, token: &str) {
    let form = ("content-type", "application/x-www-form-urlencoded");
    let body = format!("token={token}&client_id={id}&client_secret={secret}");
    for path in ["/oauth2/introspect", "/oauth2/revoke", "/oauth2/introspect"] {
        assert_eq!(api.request("POST", path, &[form], &body).unwrap().status, 200, "{path}");
    }
}

/// What must not be found.
#[derive(Default)]
struct Canaries(Vec<(&'static str, Vec<u8>)>);

impl Canaries {
    fn add_master_key(&mut self, data: &Path) {
        let hex = fs::read_to_string(data.join("master.key")).unwrap();
        self.add("the master key", hex.trim());
        self.add_bytes("the master key's bytes", bytes_of(hex.trim()));
    }

    /// Adds a text that is secret. Of a token it is the signature: without it the rest is worth nothing.
    fn add(&mut self, what: &'static str, text: &str) {
        self.add_bytes(what, text.rsplit('.').next().unwrap().into());
        self.add_bytes(what, STANDARD.encode(text).trim_end_matches('=').into());
    }

    fn add_bytes(&mut self, what: &'static str, bytes: Vec<u8>) {
        assert!(bytes.len() >= 32, "{what} is too short to be told from chance");
        self.0.push((what, bytes));
    }

    fn look_in(&self, place: &str, bytes: &[u8]) {
        for (what, canary) in &self.0 {
            assert!(!is_within(bytes, canary), "{what} is in {place}: {}", String::from_utf8_lossy(bytes));
        }
    }

    fn is_in(&self, bytes: &[u8]) -> bool {
        self.0.iter().any(|(_, canary)| is_within(bytes, canary))
    }

    /// Looks in every file of a `dev` folder but those that are there to hold secrets.
    fn look_in_folder(&self, folder: &Path) {
        let files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(files.iter().any(|file| file.ends_with("tollgate.db")), "{files:?}");
        for file in files {
            if !file.ends_with("credentials.json") && !file.ends_with("master.key") {
                self.look_in(&file.display().to_string(), &fs::read(&file).unwrap());
            }
        }
    }
}

fn is_within(bytes: &[u8], canary: &[u8]) -> bool {
    bytes.windows(canary.len()).any(|window| window == canary)
}

fn bytes_of(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn inspect(data: &Path, token: &str) -> Finished {
    let mut command = tollgate(data, &["inspect", "--data", "."]);
    Process::spawn_with_input(&mut command, token).finish()
}
