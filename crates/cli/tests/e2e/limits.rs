//! What one source may take of a server.

use std::process::Command;

use crate::harness::{Connection, Dev};

/// The status that a caller with another address gets.
fn from_another_address(url: &str) -> String {
    let mut curl = Command::new("curl");
    curl.args([
        "-s",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        "--max-time",
        "30",
        "--interface",
        "127.0.0.2",
    ]);
    String::from_utf8(curl.arg(format!("{url}/healthz")).output().unwrap().stdout).unwrap()
}

#[test]
fn one_address_can_not_hold_all_connections() {
    let folder = tempfile::tempdir().unwrap();
    let limits = [("TOLLGATE_LIMITS__MAX_CONNECTIONS", "4"), ("TOLLGATE_LIMITS__SOURCE_CONNECTIONS", "50%")];
    let dev = Dev::start_with(&folder.path().join("data"), &limits);
    let mut held: Vec<_> = (0..2).map(|_| Connection::open(dev.api.0).unwrap()).collect();
    for connection in &mut held {
        assert_eq!(connection.request("GET", "/healthz", &[], "").unwrap().status, 200);
    }
    let refused = Connection::open(dev.api.0).unwrap().request("GET", "/healthz", &[], "").unwrap();
    assert_eq!(refused.status, 503);
    assert!(refused.body.contains("too many connections from your address"), "{}", refused.body);
    assert_eq!(from_another_address(&dev.base_url), "200");
    let metrics = held[0].request("GET", "/metrics", &[], "").unwrap().body;
    let counted = "tollgate_limit_exceeded_total{limit=\"source_connections\"} 1\n";
    assert!(metrics.contains(counted), "{metrics}");
}
