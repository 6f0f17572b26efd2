//! What is compressed for who takes it so, and what never is.

use std::path::Path;

use crate::harness::{CREATE, Dev, JSON, finish, payment, shell};

const TAKES: (&str, &str) = ("accept-encoding", "gzip, br");

/// Asks for a path with and without compression, by curl: whether it is compressed, what it depends on, and the lengths.
fn asked(folder: &Path, url: &str) -> (bool, Option<String>, usize, usize) {
    let script = format!(
        "curl -sS -D headers -o compressed -H 'Accept-Encoding: gzip' '{url}' && curl -sS -o plain '{url}' &&
         if grep -qi '^content-encoding: gzip' headers; then gunzip -c <compressed; else cat compressed; fi | cmp - plain"
    );
    finish(&mut shell(folder, &script)).succeeded();
    let read = |file: &str| std::fs::read(folder.join(file)).unwrap();
    let headers = String::from_utf8(read("headers")).unwrap().to_lowercase();
    let header = |name: &str| {
        headers.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).map(str::to_owned)
    };
    let compressed = header("content-encoding").is_some_and(|coding| coding == "gzip");
    (compressed, header("vary"), read("compressed").len(), read("plain").len())
}

#[test]
fn what_is_the_same_for_everybody_is_sent_compressed_to_who_takes_it() {
    let folder = tempfile::tempdir().unwrap();
    let dev = Dev::start(&folder.path().join("data"));
    let page = dev.api.get("/docs").body + &dev.api.get("/playground").body;
    let assets = page.split("=\"").skip(1).filter_map(|part| part.split('"').next());
    let assets: Vec<_> = assets.filter(|path| path.starts_with("/assets/")).collect();
    assert!(assets.len() > 5, "{assets:?}");
    for path in [&["/docs", "/openapi.json", "/favicon.ico"][..], &assets].concat() {
        let (compressed, vary, short, long) = asked(folder.path(), &format!("{}{path}", dev.base_url));
        assert!(compressed && short < long, "{path}: {short} of {long}");
        assert_eq!(vary.as_deref(), Some("accept-encoding"), "{path}");
    }
    let (_, _, short, long) = asked(folder.path(), &format!("{}/docs", dev.base_url));
    assert!(short < long / 4, "{short} of {long}");
}

#[test]
fn each_form_of_the_description_has_a_tag_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let dev = Dev::start(&folder.path().join("data"));
    let plain = dev.api.get("/openapi.json");
    let tag = plain.header("etag").unwrap().to_owned();
    let of_gzip = format!("\"{}-gzip\"", tag.trim_matches('"'));
    let ask = |headers: &[(&str, &str)]| dev.api.request("GET", "/openapi.json", headers, "").unwrap();
    assert_eq!(ask(&[("if-none-match", &tag)]).status, 304);
    assert_eq!(ask(&[("if-none-match", &of_gzip)]).status, 200);
    let known = ask(&[("if-none-match", &of_gzip), TAKES]);
    assert_eq!((known.status, known.header("etag")), (304, Some(of_gzip.as_str())));
    assert_eq!((known.header("vary"), known.header("content-encoding")), (Some("Accept-Encoding"), None));
}

/// The length of a compressed answer tells of what is in it (BREACH).
#[test]
fn nothing_with_a_secret_or_a_part_of_the_request_is_compressed() {
    let folder = tempfile::tempdir().unwrap();
    let dev = Dev::start(&folder.path().join("data"));
    let (access, refresh) = dev.tokens();
    let bearer = format!("Bearer {access}");
    let client =
        format!(r#"{{"client_id":"{}","client_secret":"{}"}}"#, dev.client_id(), dev.client_secret());
    let again = format!(r#"{{"refresh_token":"{refresh}"}}"#);
    let created = dev.api.create(&access, "k", &payment("P1")).unwrap().data();
    let page = created["redirect_url"].as_str().unwrap().strip_prefix(&dev.base_url).unwrap();
    let html = ("accept", "text/html");
    for (method, path, headers, body) in [
        ("POST", "/api/v1/oauth2/token", vec![JSON], client.as_str()),
        ("POST", "/api/v1/oauth2/refresh", vec![JSON], &again),
        ("POST", CREATE, vec![JSON, ("authorization", &bearer)], &payment("P2")),
        ("GET", "/api/v1/payment-requests", vec![("authorization", &bearer)], ""),
        ("GET", "/playground", vec![html], ""),
        ("GET", page, vec![html], ""),
        ("GET", "/nothing?q=reflected", vec![html], ""),
        ("GET", "/", vec![html], ""),
    ] {
        let answer = dev.api.request(method, path, &[&headers[..], &[TAKES]].concat(), body).unwrap();
        assert_eq!(answer.header("content-encoding"), None, "{path}");
        assert!(!answer.body.is_empty(), "{path}");
    }
}
