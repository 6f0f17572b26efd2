//! What a running server reads anew, and that nothing ends by it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::json;

use crate::harness::{Dev, PATIENCE, Process, Serve, eventually, finish, shell, tollgate};
use crate::signals::half_sent;
use crate::tls::make_certificate;

const ANEW: &str = "SIGHUP: configuration, secrets and certificate were read anew";

fn says(process: &Process, what: &str) -> String {
    process.wait_for(|said| said.lines().find(|line| line.contains(what)).map(str::to_owned))
}

#[test]
fn what_can_change_counts_at_once_and_what_cannot_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let (client_id, client_secret) = Serve::install(path, "");
    let serve = Serve::start(path);
    let (access, _) = serve.api.tokens(&client_id, &client_secret);
    let body = crate::harness::payment("RELOAD");
    let mut under_way = half_sent(&serve, &access, &body);
    let wrong = || serve.api.token(&client_id, "wrong").status;
    assert_eq!((wrong(), wrong()), (401, 401));

    Serve::write_config(
        path,
        "[limits]\nauth_failures = \"1/h\"\n[log]\nlevel = \"error\"\n[tokens]\naudience = \"another\"\n",
    );
    serve.process.signal("HUP");
    let line = says(&serve.process, ANEW);
    assert!(line.contains(r#""changed":"limits.auth_failures, log.level""#), "{line}");
    let line = says(&serve.process, "count after a restart only");
    assert!(line.contains(r#""settings":"tokens.audience""#), "{line}");
    assert_eq!((wrong(), wrong()), (429, 429), "what failed before counts by the new rate");

    under_way.write(&body[10..]).unwrap();
    assert_eq!(under_way.answer().unwrap().status, 201, "what was under way was not touched");
    assert_eq!(serve.api.list(&access, "").status, 200, "the audience is what it was");
    Serve::write_config(path, "");
    serve.process.signal("HUP");
    let back = |said: &str| (said.matches(ANEW).count() == 2).then_some(());
    serve.process.wait_for(back);
    serve.api.tokens(&client_id, &client_secret);
    // Four were logged: the first, the two with a wrong secret, and this one. The two at the level between were not.
    let issued = |said: &str| said.lines().filter(|line| line.contains(r#"oauth2/token","status":"#)).count();
    serve.process.wait_for(|said| (issued(said) == 4).then_some(()));
    assert!(!serve.process.said().contains(r#""status":201"#));
}

#[test]
fn a_file_that_the_environment_names_is_read_again_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let (client_id, _) = Serve::install(path, "");
    let mut command = tollgate(path, &["serve"]);
    let serve = Serve::run(Process::spawn(command.env("TOLLGATE_CONFIG", "tollgate.toml")));
    let wrong = || serve.api.token(&client_id, "wrong").status;
    assert_eq!((wrong(), wrong()), (401, 401));
    Serve::write_config(path, "limits.auth_failures = \"1/h\"\n");
    serve.process.signal("HUP");
    let line = says(&serve.process, ANEW);
    assert!(line.contains(r#""changed":"limits.auth_failures""#), "{line}");
    assert_eq!((wrong(), wrong()), (429, 429));
}

#[test]
fn a_proxy_is_trusted_from_the_next_request_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    Serve::install(path, "");
    let run = |args: &[&str]| finish(&mut tollgate(path, &[args, &["--format", "json"]].concat())).json();
    let merchant = run(&["merchant", "list"])[0]["merchant_id"].as_str().unwrap().to_owned();
    let new =
        ["client", "create", "--merchant", &merchant, "--name", "till 2", "--allow-from", "203.0.113.0/24"];
    let client = run(&new);
    let serve = Serve::start(path);
    let token = || {
        let headers = [crate::harness::JSON, ("x-forwarded-for", "203.0.113.7")];
        let credentials =
            json!({ "client_id": client["client_id"], "client_secret": client["client_secret"] });
        let token = "/api/v1/oauth2/token";
        serve.api.request("POST", token, &headers, &credentials.to_string()).unwrap().status
    };
    assert_eq!(token(), 403, "whoever is no proxy says nothing about others");
    Serve::write_config(path, "trusted_proxies = [\"127.0.0.1\"]");
    serve.process.signal("HUP");
    assert!(says(&serve.process, ANEW).contains(r#""changed":"trusted_proxies""#));
    assert_eq!(token(), 200);
}

#[test]
fn a_configuration_or_a_secret_that_cannot_be_read_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let (client_id, client_secret) = Serve::install(path, "");
    let serve = Serve::start(path);
    let config = fs::read_to_string(path.join("tollgate.toml")).unwrap();
    for (broken, said) in [
        (format!("{config}\n[log]\nlevle = \"debug\"\n"), "did you mean log.level"),
        (config.replace("https://pay", "http://pay"), "is not https"),
    ] {
        fs::write(path.join("tollgate.toml"), broken).unwrap();
        serve.process.signal("HUP");
        let line = says(&serve.process, said);
        assert!(line.contains("nothing has changed") && line.contains(r#""level":"ERROR""#), "{line}");
    }
    fs::write(path.join("tollgate.toml"), config).unwrap();
    fs::rename(path.join("master.key"), path.join("gone")).unwrap();
    serve.process.signal("HUP");
    says(&serve.process, "the master key can't be read anew");
    crate::harness::write_master_key(&path.join("master.key"));
    serve.process.signal("HUP");
    says(&serve.process, "the master key is another one, and counts after a restart only");
    serve.api.tokens(&client_id, &client_secret);
    assert_eq!(serve.admin.get("/readyz").status, 200);
}

#[test]
fn a_renewed_certificate_is_served_without_a_signal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    make_certificate(path);
    Serve::install(path, "tls.cert = \"cert.pem\"\ntls.key = \"key.pem\"");
    let serve = Serve::start(path);
    let fetch = |roots: &str| {
        let url = format!("https://{}/.well-known/oauth-authorization-server", serve.api.0);
        finish(&mut shell(path, &format!("curl -sS -o answer --cacert {roots} {url}"))).code
    };
    finish(&mut shell(path, "cp cert.pem old.pem")).succeeded();
    assert_eq!(fetch("old.pem"), Some(0));
    // A certificate without its key is not served; the one before is.
    fs::create_dir(path.join("new")).unwrap();
    make_certificate(&path.join("new"));
    fs::rename(path.join("new/cert.pem"), path.join("cert.pem")).unwrap();
    says(&serve.process, "the certificate can't be loaded anew, and the one before is served on");
    assert_eq!(fetch("old.pem"), Some(0));
    fs::rename(path.join("new/key.pem"), path.join("key.pem")).unwrap();
    says(&serve.process, "the certificate was loaded anew");
    assert_eq!(fetch("cert.pem"), Some(0));
    assert_ne!(fetch("old.pem"), Some(0));
}

#[test]
fn dev_and_a_server_that_waits_for_its_store_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let dev = Dev::start(&folder.path().join("data"));
    dev.process.signal("HUP");
    says(&dev.process, "SIGHUP: the settings of dev are its arguments and environment");
    dev.tokens();

    Serve::write_config(
        folder.path(),
        "database.url = \"postgres://tollgate@127.0.0.1:1/tollgate?sslmode=disable\"\n",
    );
    let waiting = Process::spawn(&mut tollgate(folder.path(), &["serve", "--config", "tollgate.toml"]));
    says(&waiting, "not ready until it can be");
    waiting.signal("HUP");
    waiting.signal("TERM");
    let finished = waiting.finish();
    assert_eq!(finished.code, Some(0), "it was not SIGHUP that ended it: {finished:?}");
}

#[test]
fn the_agent_reads_its_secret_anew_and_keeps_its_token_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let dev = Dev::start(&path.join("data"));
    let secret = path.join("secret");
    write_secret(&secret, dev.client_secret());
    let mut command = tollgate(path, &["agent", "--token-file", "token"]);
    command.env("TOLLGATE_BASE_URL", &dev.base_url).env("TOLLGATE_CLIENT_ID", dev.client_id());
    command.env("TOLLGATE_CLIENT_SECRET", format!("file:{}", secret.display()));
    let agent = Process::spawn(&mut command);
    let token = || fs::read_to_string(path.join("token")).ok();
    let first = eventually("there is a token file", PATIENCE, token);
    agent.signal("HUP");
    assert!(says(&agent, "SIGHUP: id and secret were read anew").contains("changed=false"));
    write_secret(&secret, "another");
    agent.signal("HUP");
    agent.wait_for(|said| said.contains("changed=true").then_some(()));
    fs::remove_file(&secret).unwrap();
    agent.signal("HUP");
    says(&agent, "SIGHUP: id and secret can't be read anew, and those before are used on");
    assert_eq!(token().as_deref(), Some(&*first));
    agent.signal("TERM");
    assert_eq!(agent.finish().code, Some(0));
    assert_eq!(token(), None);
}

#[test]
fn an_agent_that_is_ended_at_once_takes_its_token_file_along() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let dev = Dev::start(&path.join("data"));
    let agent = Process::spawn(&mut tollgate(path, &["agent", "--data", "data", "--token-file", "token"]));
    eventually("there is a token file", PATIENCE, || path.join("token").exists().then_some(()));
    drop(dev);
    agent.signal("TERM");
    agent.signal("INT");
    agent.finish();
    assert!(!path.join("token").exists());
}

fn write_secret(path: &Path, secret: &str) {
    // A file that is there keeps its mode.
    let _ = fs::remove_file(path);
    fs::write(path, "").unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(path, secret).unwrap();
}
