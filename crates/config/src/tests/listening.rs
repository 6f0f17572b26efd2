//! Tests of the addresses where a server may listen.

use super::{load, unsafe_keys};

#[test]
fn without_tls_other_machines_are_listened_to_only_where_that_is_allowed_and_callers_are_on_this_one() {
    let plain = "master_key = \"env:KEY\"\nlisten = \"0.0.0.0:1\"\n";
    let allowed = format!("{plain}listen_allow_remote = true\n");
    let on_loopback = |content: &str| format!("{content}public_url = \"http://127.0.0.1:1\"");
    assert_eq!(unsafe_keys(&on_loopback(plain)), ["listen"]);
    assert_eq!(unsafe_keys(&on_loopback(&allowed)), [""; 0]);
    let warnings = load(on_loopback(&allowed)).unwrap().warnings();
    assert!(warnings.len() == 1 && warnings[0].starts_with("listen_allow_remote: "), "{warnings:?}");
    // Callers on other machines would still send their secrets without encryption.
    assert_eq!(unsafe_keys(&format!("{allowed}public_url = \"http://10.0.0.1:1\"")), ["public_url"]);
    assert_eq!(unsafe_keys(&allowed), ["public_url"]);
}

#[test]
fn where_nothing_is_exposed_the_permission_is_not_mentioned() {
    for safe in ["listen = \"127.0.0.1:1\"", "tls = {cert = \"c\", key = \"k\"}"] {
        let config = load(format!("listen_allow_remote = true\n{safe}")).unwrap();
        assert_eq!(config.warnings(), [""; 0], "{safe}");
    }
}
