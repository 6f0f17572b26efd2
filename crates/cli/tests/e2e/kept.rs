//! A connection that is kept while requests on it are refused before their bodies were read.

use std::process::Command;

use crate::harness::Serve;

/// Python's client writes the head and the body apart, and loses a request whose connection ends without a word.
const REFUSED: &str = r#"
import collections, http.client, sys
connection = http.client.HTTPConnection(sys.argv[1], timeout=60)
seen, sockets = collections.Counter(), set()
for _ in range(1000):
    try:
        connection.request("POST", "/api/v1/payment-requests:redirect", b"x" * 2048,
                           {"Authorization": "Bearer refused", "Content-Type": "application/json"})
        sockets.add(connection.sock.getsockname())
        answer = connection.getresponse()
        answer.read()
        seen[answer.status] += 1
    except (http.client.HTTPException, OSError) as error:
        seen[type(error).__name__] += 1
        connection.close()
print(dict(seen), len(sockets))
"#;

#[test]
fn of_1000_refused_requests_on_a_kept_connection_none_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    Serve::install(folder.path(), "");
    let serve = Serve::start(folder.path());
    let python = Command::new("python3").args(["-c", REFUSED, &serve.api.0.to_string()]).output().unwrap();
    let said = String::from_utf8_lossy(&python.stdout);
    assert_eq!(said, "{401: 1000} 1\n", "{}", String::from_utf8_lossy(&python.stderr));
}
