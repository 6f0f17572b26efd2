//! Arguments whose values can be judged only when something else is known: they are wrong usage as all others.

use std::fs;

use crate::caller::caller;
use crate::harness::{Serve, is_misused, tollgate};

const MERCHANT: &str = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff";

#[test]
fn an_argument_that_is_wrong_beside_others_is_wrong_usage() {
    let folder = tempfile::tempdir().unwrap();
    Serve::install(folder.path(), "");
    fs::write(folder.path().join("wanted.txt"), "").unwrap();
    let create = ["client", "create", "--merchant", MERCHANT, "--name", "till"];
    let twice = ["--label", "a=1", "--label", "a=2"];
    for (args, says) in [
        (&[&create[..], &twice].concat()[..], "--label: "),
        (&[&["client", "update", MERCHANT][..], &twice].concat(), "--label: "),
        (&["apply", "-f", "wanted.txt"], "wanted.txt: its name must end in "),
        (&["store", "verify", "--to", "postgres://u:canary@127.0.0.1/t"], "--to has a password in it"),
    ] {
        let said = is_misused(&mut tollgate(folder.path(), args));
        assert!(said.contains(says) && !said.contains("canary"), "{said}");
    }
}

#[test]
fn an_argument_that_does_not_go_with_the_base_url_is_wrong_usage() {
    let folder = tempfile::tempdir().unwrap();
    for (args, says) in [
        (&["call", "GET", "https://elsewhere.example/"][..], "PATH leads away from http://127.0.0.1:1"),
        (&["call", "GET", "/../up"], "PATH leads away"),
        (&["token", "--allow-http-to", "http://a.example"], "--allow-http-to: "),
        (&["agent", "--upstream", "core.example.com"], "core.example.com: "),
        (
            &["agent", "--otlp-endpoint", "http://a.example", "--otlp-header", "x=env:X"],
            "--otlp-header: they would go to http://a.example in the clear",
        ),
        (&["merchant", "list", "--server", "127.0.0.1:9090"], "--server: this must be an absolute https URL"),
    ] {
        let mut command = caller(folder.path(), args, "http://127.0.0.1:1/base", "shop", "a secret");
        let said = is_misused(&mut command);
        assert!(said.contains(says), "{args:?}: {said}");
    }
}
