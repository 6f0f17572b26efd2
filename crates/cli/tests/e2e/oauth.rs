//! The endpoints of the standards, as a person meets them with curl.

use std::path::Path;

use serde_json::{Value, json};

use crate::harness::{Dev, finish, shell};

#[test]
fn a_token_is_obtained_by_curl_looked_at_revoked_and_then_refused_by_the_guard() {
    let folder = tempfile::tempdir().unwrap();
    let dev = Dev::start(&folder.path().join("data"));
    let curl = Curl { folder: folder.path(), base_url: &dev.base_url };
    // Read from a file, so that the secret stands on no command line.
    let client = format!("user = \"{}:{}\"\n", dev.client_id(), dev.client_secret());
    std::fs::write(folder.path().join("client"), client).unwrap();

    let metadata = curl.json("/.well-known/oauth-authorization-server", "");
    assert_eq!(metadata["issuer"], dev.base_url);
    let path = |name: &str| metadata[name].as_str().unwrap().strip_prefix(&dev.base_url).unwrap();
    assert_eq!(curl.json(path("jwks_uri"), ""), json!({"keys": []}));

    let granted = curl.json(path("token_endpoint"), "-K client -d grant_type=client_credentials");
    assert_eq!(granted["scope"], "payments:read payments:write");
    let token = granted["access_token"].as_str().unwrap();
    let ask = || curl.json(path("introspection_endpoint"), &format!("-K client -d token={token}"));
    let list = || curl.run("/api/v1/payment-requests", &format!("-H 'Authorization: Bearer {token}'"));
    assert_eq!(list().0, 200);
    let said = ask();
    assert_eq!((&said["active"], &said["token_type"]), (&json!(true), &json!("Bearer")));
    assert_eq!(said["client_id"], dev.client_id());

    let revoked = curl.run(path("revocation_endpoint"), &format!("-K client -d token={token}"));
    assert_eq!(revoked, (200, "{}".to_owned()));
    assert_eq!(ask(), json!({"active": false}));
    let (status, refused) = list();
    let refused: Value = serde_json::from_str(&refused).unwrap();
    assert_eq!((status, &refused["error"]["code"]), (401, &json!("INVALID_TOKEN")));

    let renewed =
        format!("-K client -d grant_type=refresh_token -d refresh_token={}", text(&granted["refresh_token"]));
    let renewed = curl.json(path("token_endpoint"), &renewed);
    assert_eq!(renewed["refresh_token"], granted["refresh_token"]);
    assert_eq!(dev.api.list(text(&renewed["access_token"]), "").status, 200);
    assert_eq!(curl.run(path("token_endpoint"), "-d grant_type=client_credentials").0, 401);
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

struct Curl<'a> {
    folder: &'a Path,
    base_url: &'a str,
}

impl Curl<'_> {
    /// Calls with the given arguments; returns status and body.
    fn run(&self, path: &str, arguments: &str) -> (u16, String) {
        let script = format!("curl -sS -w '\\n%{{http_code}}' {arguments} {}{path}", self.base_url);
        let answer = finish(&mut shell(self.folder, &script)).succeeded().stdout;
        let (body, status) = answer.rsplit_once('\n').unwrap();
        (status.parse().unwrap(), body.to_owned())
    }

    /// Calls, and reads a success.
    fn json(&self, path: &str, arguments: &str) -> Value {
        let (status, body) = self.run(path, arguments);
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    }
}
