//! Who calls: `tollgate token`, by the environment, by references, by a folder of `tollgate dev`.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::harness::{Dev, Fake, Serve, fails, finish, shell, tollgate};

#[test]
fn without_a_word_the_client_of_the_dev_folder_here_calls() {
    let folder = tempfile::tempdir().unwrap();
    let dev = Dev::start(&folder.path().join(".tollgate"));
    let token = finish(&mut tollgate(folder.path(), &["token"])).succeeded().stdout;
    assert_eq!(token.lines().count(), 1, "{token}");
    assert_eq!(dev.api.list(token.trim_end(), "").status, 200);

    let json = finish(&mut tollgate(folder.path(), &["token", "--format", "json"])).succeeded().json();
    assert_eq!(json["token_type"], "Bearer");
    assert_eq!(json["expires_in"], 900);
    assert_eq!(dev.api.list(json["access_token"].as_str().unwrap(), "").status, 200);
    assert_eq!(json.as_object().unwrap().len(), 3, "{json}");
}

#[test]
fn each_variable_is_a_value_or_says_where_it_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let dev = Dev::start(&folder.path().join("data"));
    let token = |url: &str, id: &str, secret: &str| {
        let mut command = caller(folder.path(), &["token"], url, id, secret);
        finish(command.env("KEPT_ID", dev.client_id())).succeeded().stdout
    };
    let file = |name: &str, content: &str| {
        let path = folder.path().join(name);
        fs::write(&path, format!("{content}\n")).unwrap();
        if name == "secret" {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        }
        format!("file:{}", path.display())
    };
    let (url, secret) = (file("url", &dev.base_url), file("secret", dev.client_secret()));
    for token in [
        token(&dev.base_url, dev.client_id(), dev.client_secret()),
        token(&format!("{}/", dev.base_url), "env:KEPT_ID", &secret),
        token(&url, dev.client_id(), &secret),
    ] {
        assert_eq!(dev.api.list(token.trim_end(), "").status, 200);
    }
}

#[test]
fn a_folder_that_is_named_wins_over_the_environment_and_that_over_the_folder_here() {
    let folder = tempfile::tempdir().unwrap();
    let _here = Dev::start(&folder.path().join(".tollgate"));
    let named = Dev::start(&folder.path().join("named"));
    let args = ["token", "--data", "named"];
    let token = finish(&mut caller(folder.path(), &args, "https://nowhere.invalid", "x", "y")).succeeded();
    assert_eq!(named.api.list(token.stdout.trim_end(), "").status, 200);

    let mut command = tollgate(folder.path(), &["token"]);
    let said = fails(command.env("TOLLGATE_CLIENT_ID", "x"));
    contains(&said, &["TOLLGATE_BASE_URL is not set", "file:…", "--data DIR"]);
}

#[test]
fn whatever_keeps_a_token_away_is_one_line_that_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let dev = Dev::start(&folder.path().join("data"));
    let secret = dev.client_secret();
    let said = |url: &str, id: &str, secret: &str| {
        let said = fails(&mut caller(folder.path(), &["token"], url, id, secret));
        assert!(!said.contains(secret), "{said}");
        said
    };
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nobody = format!("http://{nobody}");
    contains(&said(&nobody, "x", secret), &["Connection refused", &nobody, "check"]);
    let wrong = format!("{secret}x");
    contains(&said(&dev.base_url, dev.client_id(), &wrong), &["401 INVALID_CLIENT", "request id", "check"]);
    contains(&said(&dev.base_url, "no-such-client", secret), &["401 INVALID_CLIENT", "check its id"]);
    let elsewhere = format!("{}/elsewhere", dev.base_url);
    contains(&said(&elsewhere, dev.client_id(), secret), &["404 NOT_FOUND", &elsewhere, "base URL"]);
    contains(&said("http://core.example.com", "x", secret), &["TOLLGATE_BASE_URL", "must begin with https"]);
    contains(&said("core.example.com", "x", secret), &["TOLLGATE_BASE_URL", "absolute https URL"]);
    let tls = dev.base_url.replace("http:", "https:");
    contains(&said(&tls, dev.client_id(), secret), &["doesn't speak TLS at this port", &tls, "check"]);
    contains(&said(&dev.base_url, "vault:x", secret), &["TOLLGATE_CLIENT_ID", "vault:"]);
    let absent = fails(&mut caller(folder.path(), &["token"], &dev.base_url, "x", "file:/no/such/file"));
    contains(&absent, &["file:/no/such/file", "can't be read", "check that it exists"]);

    contains(&fails(&mut tollgate(folder.path(), &["token", "--data", "x"])), &["x/credentials.json"]);
    let finished = finish(&mut tollgate(folder.path(), &["token", secret]));
    assert_eq!(finished.code, Some(2), "no secret is taken from arguments");
}

#[test]
fn advice_fits_what_went_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let at = |status: u16| {
        let fake = Fake::refusing(status);
        fails(&mut caller(folder.path(), &["token"], &fake.url, "x", "y"))
    };
    let many = at(429);
    assert!(many.contains("429") && many.contains("wait a minute") && !many.contains("base URL"), "{many}");
    contains(&at(308), &["308", "redirects are not followed"]);
    contains(&at(404), &["404", "is the base URL of a Payment API"]);

    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut through = caller(folder.path(), &["token"], "https://pay.example.com", "x", "y");
    let said = fails(through.env("HTTPS_PROXY", format!("http://{nobody}")));
    contains(&said, &["HTTPS_PROXY names a proxy", "check that the proxy is up"]);
    assert!(!said.contains("is its base URL"), "{said}");
}

#[test]
fn a_certificate_of_an_unknown_authority_is_said_to_be_that() {
    let folder = tempfile::tempdir().unwrap();
    let script = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=ca \
                      -keyout ca.key -out ca.pem
                  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=api -keyout key.pem -out api.csr
                  echo subjectAltName=IP:127.0.0.1 > api.ext
                  openssl x509 -req -in api.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile api.ext \
                      -out cert.pem";
    assert_eq!(finish(&mut shell(folder.path(), script)).code, Some(0));
    let (id, secret) = Serve::install(folder.path(), crate::tls::TLS);
    let serve = Serve::start(folder.path());
    let url = format!("https://{}", serve.api.0);
    let mut token = caller(folder.path(), &["token"], &url, &id, &secret);
    let said = fails(token.env("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt"));
    contains(&said, &["UnknownIssuer", "SSL_CERT_FILE"]);
    assert!(!said.contains("that it is up"), "{said}");
    // Of two places one can't be read, and the certificate in question may have been there.
    token.env("SSL_CERT_FILE", "gone.pem").env("SSL_CERT_DIR", "/etc/ssl/certs");
    contains(&fails(&mut token), &["UnknownIssuer", "SSL_CERT_FILE names \"gone.pem\", which can't be read"]);
    let mut trusting = caller(folder.path(), &["token"], &url, &id, &secret);
    finish(trusting.env("SSL_CERT_FILE", folder.path().join("ca.pem"))).succeeded();
}

#[test]
fn a_server_with_the_certificate_of_a_ca_is_told_from_one_that_is_down() {
    let folder = tempfile::tempdir().unwrap();
    let script = "exec 2>openssl.log
                  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=api \
                      -addext subjectAltName=IP:127.0.0.1 -keyout key.pem -out cert.pem";
    finish(&mut shell(folder.path(), script)).succeeded();
    let (id, secret) = Serve::install(folder.path(), crate::tls::TLS);
    let serve = Serve::start(folder.path());
    let url = format!("https://{}", serve.api.0);
    for args in [&["token"][..], &["merchant", "list", "--server", &url]] {
        let mut command = caller(folder.path(), args, &url, &id, &secret);
        let said = fails(command.env("SSL_CERT_FILE", folder.path().join("cert.pem")));
        contains(&said, &["its certificate is one of a CA (CA:TRUE)", "CA:FALSE", &url]);
        assert!(!said.contains("that it is up"), "{said}");
    }
}

#[test]
fn credentials_that_are_damaged_are_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    fs::set_permissions(&data, fs::Permissions::from_mode(0o700)).unwrap();
    fs::write(data.join("credentials.json"), r#"{"client_id":"canary","client_secret":"canary""#).unwrap();
    let said = fails(&mut tollgate(folder.path(), &["token", "--data", "data"]));
    contains(&said, &["data/credentials.json", "invalid data", "tollgate dev"]);
    assert!(!said.contains("canary"), "{said}");
}

/// A command of a client that the environment describes.
pub(crate) fn caller(folder: &Path, args: &[&str], url: &str, id: &str, secret: &str) -> Command {
    let mut command = tollgate(folder, args);
    command.env("TOLLGATE_BASE_URL", url).env("TOLLGATE_CLIENT_ID", id).env("TOLLGATE_CLIENT_SECRET", secret);
    command
}

fn contains(said: &str, parts: &[&str]) {
    assert!(parts.iter().all(|part| said.contains(part)), "{parts:?} in: {said}");
}
