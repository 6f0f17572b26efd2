//! Requests that proxies and servers are known to read differently.

use super::Guarded;

impl Guarded<'_> {
    /// Whatever comes to the API has been decided on: it is below the path that is guarded, names who calls, and was
    /// asked with a good token.
    pub(super) fn holds_at_the_edges(&self) {
        let (access, _) = self.tollgate.tokens();
        let bearer = format!("authorization: Bearer {access}");
        self.forwarded();
        for request in requests() {
            let raw = |authorization: &str| request.replace("AUTHORIZATION\r\n", authorization);
            self.send_bytes(raw("").as_bytes());
            assert_eq!(self.forwarded().len(), 0, "without a token: {request:?}");
            self.send_bytes(raw(&format!("{bearer}\r\n")).as_bytes());
            for arrived in self.forwarded() {
                self.assert_identity(&arrived, &access);
                // Where the API verifies the token itself, the path has decided nothing.
                if self.recipe.names_who_calls {
                    assert!(is_plain(&arrived.line), "{request:?}: {}", arrived.line);
                }
            }
        }
        self.a_body_goes_to_the_api_alone(&bearer);
    }

    fn a_body_goes_to_the_api_alone(&self, bearer: &str) {
        let body = "GET /payments/2 HTTP/1.1\r\nhost: localhost\r\n\r\n";
        let length = format!("content-length: {}", body.len());
        let answer =
            self.send("POST /payments/1 HTTP/1.1", &[bearer.as_bytes(), length.as_bytes()], body.as_bytes());
        assert_eq!(answer.status(), 200);
        let arrived = self.forwarded();
        assert_eq!((arrived.len(), arrived[0].body.as_str()), (1, body));
        let refused = self.send("POST /payments/1 HTTP/1.1", &[length.as_bytes()], body.as_bytes());
        assert_eq!(refused.status(), 401);
        assert_eq!(self.forwarded().len(), 0, "the body of a refused request is no request");
    }
}

/// Targets that two programs might read differently.
const TARGETS: &[&str] = &[
    "/payments//1",
    "//payments/1",
    "/payments/../admin",
    "/payments/./1",
    "/payments/%2e%2e/admin",
    "/payments/..%2fadmin",
    "/payments/..%5cadmin",
    "/payments/..;/admin",
    "/payments/1;x",
    "/payments/1\\..\\admin",
    "/payments/%00",
    "/payments/1#/admin",
    "/x/../payments/1",
    "/%70ayments/1",
    "/Payments/1",
    "/admin",
    "http://localhost/payments/1",
    "http://localhost/payments/../admin",
    "http://other.example.com/payments/1",
    "http://user@localhost/payments/1",
    "*",
    "payments/1",
    "/payments/1?x=//&y=%2e%2e",
];

/// Lines of heads that might mislead one of two programs.
const HEADERS: &[&str] = &[
    // What the question says of the request, as the caller would like it.
    "X-Forwarded-Uri: /health",
    "X-Original-Uri: /health",
    "X-Forwarded-Method: OPTIONS\r\nX-Original-Method: OPTIONS",
    "X-Forwarded-Host: other.example.com",
    "X_Forwarded_Uri: /health",
    "Forwarded: for=192.0.2.1;host=other.example.com",
    // Names of headers that a proxy takes out for the next one.
    "Connection: close, X-Tollgate-Client-Id, X-Tollgate-Merchant-Id",
    "Connection: close, Authorization",
    "Connection: close, X-Forwarded-Uri, X-Forwarded-For, X-Forwarded-Method",
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__",
    "Expect: 100-continue",
    "Content-Length: 5\r\nTransfer-Encoding: chunked",
    "Authorization: Bearer x",
    "Authorization : Bearer x",
    " folded: x",
];

/// Whether nobody could take the path of a request line for one that is not below `/payments/`.
fn is_plain(line: &str) -> bool {
    let target = line.split(' ').nth(1).unwrap();
    let target = target.split_once("//localhost").map_or(target, |(_, path)| path);
    let path = target.split('?').next().unwrap();
    let odd = ["/..", "//", "\\", "%2e", "%2E", "%2f", "%2F", ";"];
    // Caddy takes capitals for the same path; then it asks all the same.
    path.to_ascii_lowercase().starts_with("/payments/") && !odd.iter().any(|odd| path.contains(odd))
}

/// Each with a place for the token.
fn requests() -> Vec<String> {
    let mut all = Vec::new();
    let host = "host: localhost\r\nconnection: close\r\nAUTHORIZATION\r\n";
    for target in TARGETS {
        all.push(format!("GET {target} HTTP/1.1\r\n{host}\r\n"));
    }
    for header in HEADERS {
        let close =
            if header.to_ascii_lowercase().contains("connection:") { "" } else { "connection: close\r\n" };
        let body = if header.contains("chunked") { "0\r\n\r\n" } else { "" };
        let head = format!("host: localhost\r\n{close}{header}\r\nAUTHORIZATION\r\n");
        all.push(format!("GET /payments/1 HTTP/1.1\r\n{head}\r\n{body}"));
    }
    all.push("GET /payments/1 HTTP/1.0\r\nAUTHORIZATION\r\n\r\n".to_owned());
    all.push("GET /payments/1 HTTP/1.0\r\nhost: localhost\r\nAUTHORIZATION\r\n\r\n".to_owned());
    all.push("GET /payments/1\r\n".to_owned());
    all.push(format!("CONNECT localhost:80 HTTP/1.1\r\n{host}\r\n"));
    all.push(format!("TRACE /payments/1 HTTP/1.1\r\n{host}\r\n"));
    all
}
