//! HTTPS and HTTP/2, as curl speaks them.

use std::path::Path;

use crate::harness::{Dev, Serve, fails, finish, shell, tollgate};

pub(crate) const TLS: &str = "tls.cert = \"cert.pem\"\ntls.key = \"key.pem\"";

#[test]
fn https_is_served_over_http_1_and_http_2() {
    let folder = tempfile::tempdir().unwrap();
    make_certificate(folder.path());
    let (client_id, client_secret) = Serve::install(folder.path(), TLS);
    let serve = Serve::start(folder.path());
    let body = format!(r#"{{"client_id":"{client_id}","client_secret":"{client_secret}"}}"#);
    std::fs::write(folder.path().join("body.json"), body).unwrap();
    let url = format!("https://{}/api/v1/oauth2/token", serve.api.0);
    for (option, version) in [("--http1.1", "1.1"), ("--http2", "2"), ("--tls-max 1.2 --http2", "2")] {
        let call =
            format!("--cacert cert.pem {option} -H 'Content-Type: application/json' -d @body.json {url}");
        assert_eq!(curl(folder.path(), &call), format!("200 {version}"), "{option}");
    }
    let plain = finish(&mut shell(folder.path(), &format!("curl -sS http://{}/", serve.api.0)));
    assert_ne!(plain.code, Some(0), "plain HTTP is not answered: {plain:?}");
}

#[test]
fn http_2_is_served_in_the_clear_to_those_who_know() {
    let folder = tempfile::tempdir().unwrap();
    let dev = Dev::start(&folder.path().join("data"));
    let url = format!("{}/api/v1/oauth2/token", dev.base_url);
    let call = format!("-H 'Content-Type: application/json' -d @data/credentials.json {url}");
    assert_eq!(curl(folder.path(), &format!("--http2-prior-knowledge {call}")), "200 2");
    assert_eq!(curl(folder.path(), &format!("--http1.1 {call}")), "200 1.1");
}

#[test]
fn a_certificate_that_cannot_be_served_is_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    make_certificate(folder.path());
    Serve::write_config(folder.path(), TLS);
    Serve::make_store(folder.path());
    for (script, file) in [
        ("mv key.pem other.pem", "key.pem"),
        ("echo nothing > key.pem", "key.pem"),
        ("openssl ecparam -name prime256v1 -genkey -noout -out key.pem", "key.pem"),
        ("mv other.pem key.pem; rm cert.pem", "cert.pem"),
    ] {
        finish(&mut shell(folder.path(), script)).succeeded();
        let said = fails(&mut tollgate(folder.path(), &["serve", "--config", "tollgate.toml"]));
        assert!(said.contains(file), "{script}: {said}");
    }
}

/// Calls by curl; returns the answer's status and its version of HTTP.
fn curl(folder: &Path, call: &str) -> String {
    let script = format!("curl -sS -o /dev/null -w '%{{http_code}} %{{http_version}}' {call}");
    finish(&mut shell(folder, &script)).succeeded().stdout
}

pub(crate) fn make_certificate(folder: &Path) {
    let script = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem \
                  -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 2>openssl.log || cat openssl.log >&2";
    finish(&mut shell(folder, script)).succeeded();
}
