//! Several servers on one PostgreSQL, and what it takes to reach it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::thread;

use tempfile::TempDir;

use crate::harness::{PATIENCE, SEEN_WITHIN, Serve, eventually, fails, finish, payment, tollgate};
use crate::postgres_server::{Database, Server};

#[test]
fn a_secret_revoked_by_the_command_line_is_refused_by_every_server_within_a_second() {
    let (folder, _database, client_id, client_secret) = installed();
    let servers = [Serve::start(folder.path()), Serve::start(folder.path())];
    let tokens = servers.each_ref().map(|server| server.api.tokens(&client_id, &client_secret));
    for (access, refresh) in &tokens {
        for server in &servers {
            assert_eq!(server.api.list(access, "").status, 200, "each counts the other's tokens");
            assert_eq!(server.api.refresh(refresh).status, 200);
        }
    }
    let secret = admin(folder.path(), &["secret", "list", &client_id])[0]["secret_id"].clone();
    admin(folder.path(), &["secret", "revoke", &client_id, secret.as_str().unwrap()]);
    eventually("the tokens and the secret are refused", SEEN_WITHIN, || {
        let refused = servers.iter().all(|server| {
            let api = server.api;
            tokens.iter().all(|(access, refresh)| {
                api.list(access, "").status == 401 && api.refresh(refresh).status == 401
            }) && api.token(&client_id, &client_secret).status == 401
        });
        refused.then_some(())
    });
}

#[test]
fn of_two_servers_that_are_given_the_same_key_at_once_one_creates() {
    let (folder, _database, client_id, client_secret) = installed();
    let servers = [Serve::start(folder.path()), Serve::start(folder.path())];
    let (access, _) = servers[0].api.tokens(&client_id, &client_secret);
    for number in 0..20 {
        let key = format!("key{number}");
        let answers = thread::scope(|scope| {
            let create = |server: &Serve| {
                let (api, access, key) = (server.api, access.clone(), key.clone());
                scope.spawn(move || api.create(&access, &key, &payment(&key)).unwrap())
            };
            let calls = servers.each_ref().map(create);
            calls.map(|call| call.join().unwrap())
        });
        assert!(answers.iter().any(|answer| answer.status == 201), "{answers:?}");
        let created: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
        assert!(created.iter().all(|answer| answer.body == created[0].body), "{answers:?}");
        let others = answers.iter().filter(|answer| answer.status != 201);
        assert!(others.into_iter().all(|answer| answer.error().1 == "IDEMPOTENT_REQUEST_IN_PROGRESS"));
    }
    assert_eq!(servers[1].api.list_all(&access).len(), 20);
}

/// Its own are free when it starts again, as nobody else can hold them.
#[test]
fn what_a_server_held_when_it_was_killed_is_free_when_it_starts_again_alone() {
    let (folder, database, client_id, client_secret) = installed();
    let mut servers = vec![Serve::start(folder.path())];
    let (access, _) = servers[0].api.tokens(&client_id, &client_secret);
    for others in [0, 1] {
        servers.extend((0..others).map(|_| Serve::start(folder.path())));
        let key = format!("key{others}");
        assert_eq!(servers[0].api.create(&access, &key, &payment(&key)).unwrap().status, 201);
        servers[0].process.kill();
        // As if it had been killed just before the transaction that creates.
        database.psql(
            "UPDATE idempotency_keys SET status = NULL, body = NULL, owner = gen_random_uuid(), until = taken_at + 300000",
        );
        servers[0] = Serve::start(folder.path());
        let status = servers[0].api.create(&access, &key, &payment(&key)).unwrap().status;
        assert_eq!(status, if others == 0 { 201 } else { 409 }, "beside {others} others");
    }
}

/// A standby takes over that had not heard of the newest changes, and their numbers are given to others.
#[test]
fn a_server_that_followed_a_history_that_is_gone_hears_of_what_happened_in_the_other() {
    let (folder, gone, lasting, lasting_secret) = installed();
    let merchant = admin(folder.path(), &["merchant", "list"])[0]["merchant_id"].as_str().unwrap().to_owned();
    let other = admin(folder.path(), &["client", "create", "--merchant", &merchant, "--name", "other"]);
    let [other, other_secret] = ["client_id", "client_secret"].map(|name| other[name].as_str().unwrap());
    let history = gone.copy();
    let disable = ["client", "disable", &lasting, "--config", "tollgate.toml"];
    finish(tollgate(folder.path(), &disable).env("TOLLGATE_DATABASE__URL", &history.url)).succeeded();

    let server = Serve::start(folder.path());
    let (access, _) = server.api.tokens(&lasting, &lasting_secret);
    let (refused, _) = server.api.tokens(other, other_secret);
    admin(folder.path(), &["client", "disable", other]);
    eventually("it has followed as far as the other history goes", SEEN_WITHIN, || {
        (server.api.list(&refused, "").status == 401).then_some(())
    });
    Database::exchange(&gone, &history);
    eventually("what is disabled in the history that lasts is refused", PATIENCE, || {
        let statuses =
            (server.api.token(&lasting, &lasting_secret).status, server.api.list(&access, "").status);
        (statuses == (401, 401)).then_some(())
    });
    assert_eq!(server.api.list(&refused, "").status, 401, "what was revoked stays so");
}

#[test]
fn it_is_reached_by_tls_with_a_password_that_nothing_shows() {
    const PASSWORD: &str = "CANARY-geheim-4711";
    let folder = tempfile::tempdir().unwrap();
    let server = guarded_server(folder.path());
    let database = server.database();
    database.psql(&format!(
        "CREATE ROLE guarded LOGIN PASSWORD '{PASSWORD}'; GRANT ALL ON SCHEMA public TO guarded"
    ));
    let place = database.url.rsplit_once(':').unwrap().1.to_owned();
    let url = |host: &str, ca: &str| {
        format!(
            "postgres://guarded@{host}:{place}?sslmode=verify-full&sslrootcert={}/{ca}",
            folder.path().display()
        )
    };
    private(&folder.path().join("password"), &format!("{PASSWORD}\n"));
    private(&folder.path().join("wrong"), "CANARY-falsch-4711");
    let password = r#"database.password = "file:password""#;
    let config = |url: &str, password: &str| traced_config(folder.path(), url, password);

    config(&url("127.0.0.1", "ca.pem"), password);
    Serve::make_store(folder.path());
    let mut said =
        finish(&mut tollgate(folder.path(), &["merchant", "create", "--name", "Shop"])).succeeded().stdout;
    let serving = Serve::start(folder.path());
    assert_eq!(database.psql("SELECT count(*) > 0 FROM pg_stat_ssl NATURAL JOIN pg_stat_activity WHERE ssl AND usename = 'guarded'"), "t");
    serving.process.signal("TERM");
    let ended = serving.process.finish();
    assert_eq!(ended.code, Some(0));
    said += &(ended.stdout + &ended.stderr);
    said += &finish(&mut tollgate(folder.path(), &["config", "check"])).stdout;

    let wrong = r#"database.password = "file:wrong""#;
    let plain = format!("postgres://guarded@127.0.0.1:{place}?sslmode=disable");
    let missing = format!("{}_missing", database.url);
    for (url, password, what) in [
        (url("127.0.0.1", "ca.pem"), wrong, "refused the user guarded or its password"),
        (url("127.0.0.1", "ca.pem"), "", "password"),
        (url("127.0.0.1", "other.pem"), password, "invalid peer certificate"),
        (url("localhost", "ca.pem"), password, "certificate"),
        (url("127.0.0.1", "missing.pem"), password, "missing.pem"),
        (plain, password, "refused the user guarded"),
        (missing, "", "has no database"),
    ] {
        config(&url, password);
        let error = fails(&mut tollgate(folder.path(), &["merchant", "list", "--config", "tollgate.toml"]));
        assert!(error.contains(what), "{url}: {error}");
        said += &error;
    }
    config(&format!("postgres://guarded:{PASSWORD}@127.0.0.1:{place}"), "");
    let checked = finish(&mut tollgate(folder.path(), &["config", "check", "--config", "tollgate.toml"]));
    assert!(checked.stdout.contains("postgres://guarded:***@127.0.0.1:"), "{checked:?}");
    said += &(checked.stdout + &checked.stderr);
    assert!(said.contains("TRACE") || said.contains("\"level\":\"INFO\""), "it did log: {said}");
    assert!(!said.contains("CANARY"), "{said}");
}

fn traced_config(folder: &Path, url: &str, password: &str) {
    Serve::write_config(folder, &format!("log.level = \"trace\"\ndatabase.url = \"{url}\"\n{password}"));
}

/// A folder with a configuration for a database of its own, and a client in it.
fn installed() -> (TempDir, Database, String, String) {
    let (folder, database) = (tempfile::tempdir().unwrap(), Database::create());
    let (id, secret) = Serve::install(folder.path(), &format!("database.url = \"{}\"", database.url));
    (folder, database, id, secret)
}

fn admin(folder: &Path, args: &[&str]) -> serde_json::Value {
    let options = ["--config", "tollgate.toml", "--format", "json"];
    finish(&mut tollgate(folder, &[args, &options].concat())).succeeded().json()
}

/// A server that wants TLS and a password of everybody but its administrator.
fn guarded_server(folder: &Path) -> Server {
    let script = "for name in ca other; do
             openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=$name \
                 -keyout $name.key -out $name.pem
         done
         openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=db -keyout server.key -out server.csr
         echo subjectAltName=IP:127.0.0.1 > server.ext
         openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile server.ext -out server.crt";
    let made = Command::new("sh").current_dir(folder).args(["-e", "-c", script]).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    Server::start("-c listen_addresses=127.0.0.1 -c ssl=on", |data| {
        fs::copy(folder.join("server.crt"), data.join("server.crt")).unwrap();
        let key = data.join("server.key");
        private(&key, &fs::read_to_string(folder.join("server.key")).unwrap());
        let owner = std::os::unix::fs::MetadataExt::uid(&fs::metadata(data).unwrap());
        std::os::unix::fs::chown(&key, Some(owner), None).unwrap();
        fs::write(
            data.join("pg_hba.conf"),
            "local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n",
        )
        .unwrap();
    })
}

fn private(path: &Path, content: &str) {
    fs::write(path, content).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}
