//! What the command line changes, a running server counts within a second.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;

use tempfile::TempDir;

use crate::harness::{Dev, PATIENCE, Response, SEEN_WITHIN, eventually};

#[test]
fn a_disabled_client_is_refused_and_enabled_again_it_is_accepted() {
    let (_folder, dev) = dev();
    let (access, refresh) = dev.tokens();
    assert_eq!(dev.admin(&["client", "disable", dev.client_id()])["status"], "disabled");
    refused_soon("the access token", "INVALID_TOKEN", || dev.api.list(&access, ""));
    refused_soon("the refresh token", "INVALID_TOKEN", || dev.api.refresh(&refresh));
    refused_soon("the secret", "INVALID_CLIENT", || dev.api.token(dev.client_id(), dev.client_secret()));

    assert_eq!(dev.admin(&["client", "enable", dev.client_id()])["status"], "enabled");
    accepted_soon("the secret", || dev.api.token(dev.client_id(), dev.client_secret()));
    assert_eq!(dev.api.list(&access, "").status, 401, "a token from before stays refused");
    assert_eq!(dev.api.refresh(&refresh).status, 401, "a token from before stays refused");
    let (access, refresh) = dev.tokens();
    assert_eq!(dev.api.list(&access, "").status, 200);
    assert_eq!(dev.api.refresh(&refresh).status, 200);
}

/// However soon after it was disabled: what is issued once the order has returned is good.
#[test]
fn tokens_that_are_issued_after_enabling_stay_good() {
    let (_folder, dev) = dev();
    for (what, id) in [("client", dev.client_id()), ("merchant", dev.merchant_id())] {
        // A server that has the client in memory, as it was before.
        dev.tokens();
        dev.admin(&[what, "disable", id]);
        dev.admin(&[what, "enable", id]);
        let issued: Vec<_> = (0..20).map(|_| dev.tokens()).collect();
        // Something else that is changed later, and is seen: by then the log has been read as far.
        let created = dev.admin(&["secret", "create", dev.client_id()]);
        let secret = created["client_secret"].as_str().unwrap();
        accepted_soon("the new secret", || dev.api.token(dev.client_id(), secret));
        for (access, refresh) in &issued {
            assert_eq!(dev.api.list(access, "").status, 200);
            assert_eq!(dev.api.refresh(refresh).status, 200);
        }
    }
}

#[test]
fn a_disabled_merchant_takes_its_clients_with_it_until_it_is_enabled_again() {
    let (_folder, dev) = dev();
    let merchant = dev.credentials["merchant_id"].as_str().unwrap();
    let (access, refresh) = dev.tokens();
    assert_eq!(dev.admin(&["merchant", "disable", merchant])["status"], "disabled");
    refused_soon("the access token", "INVALID_TOKEN", || dev.api.list(&access, ""));
    refused_soon("the refresh token", "INVALID_TOKEN", || dev.api.refresh(&refresh));
    refused_soon("the secret", "INVALID_CLIENT", || dev.api.token(dev.client_id(), dev.client_secret()));

    assert_eq!(dev.admin(&["merchant", "enable", merchant])["status"], "enabled");
    accepted_soon("the secret", || dev.api.token(dev.client_id(), dev.client_secret()));
    assert_eq!(dev.api.list(&access, "").status, 401, "a token from before stays refused");
    assert_eq!(dev.api.refresh(&refresh).status, 401, "a token from before stays refused");
}

#[test]
fn revoked_tokens_are_refused_and_those_obtained_later_are_good() {
    let (_folder, dev) = dev();
    for (which, id) in [("--client", dev.client_id()), ("--merchant", dev.merchant_id())] {
        let (access, refresh) = dev.tokens();
        assert_eq!(dev.admin(&["revoke", which, id, "--reason", "leaked"])["status"], "revoked");
        refused_soon("the access token", "INVALID_TOKEN", || dev.api.list(&access, ""));
        assert_eq!(dev.api.refresh(&refresh).status, 401, "{which}");
        let (access, refresh) = dev.tokens();
        assert_eq!(dev.api.list(&access, "").status, 200, "{which}");
        assert_eq!(dev.api.refresh(&refresh).status, 200, "{which}");
    }
}

#[test]
fn a_quota_counts_on_a_running_server_and_its_end_does_too() {
    let (_folder, dev) = dev();
    let obtain = || dev.api.token(dev.client_id(), dev.client_secret());
    dev.admin(&["client", "update", dev.client_id(), "--quota", "1/d"]);
    eventually("a token beyond the quota is refused", SEEN_WITHIN, || (obtain().status == 429).then_some(()));
    dev.admin(&["client", "update", dev.client_id(), "--quota", "default"]);
    accepted_soon("the secret", obtain);
}

#[test]
fn a_deleted_client_is_refused() {
    let (_folder, dev) = dev();
    let (access, refresh) = dev.tokens();
    assert_eq!(dev.admin(&["client", "delete", dev.client_id()])["status"], "deleted");
    refused_soon("the access token", "INVALID_TOKEN", || dev.api.list(&access, ""));
    refused_soon("the refresh token", "INVALID_TOKEN", || dev.api.refresh(&refresh));
    refused_soon("the secret", "INVALID_CLIENT", || dev.api.token(dev.client_id(), dev.client_secret()));
}

#[test]
fn a_new_client_is_accepted() {
    let (_folder, dev) = dev();
    let merchant = dev.admin(&["merchant", "create", "--name", "Second Shop"]);
    let merchant = merchant["merchant_id"].as_str().unwrap();
    let client = dev.admin(&["client", "create", "--merchant", merchant, "--name", "till"]);
    let text = |name: &str| client[name].as_str().unwrap();
    accepted_soon("the secret", || dev.api.token(text("client_id"), text("client_secret")));
}

#[test]
fn an_old_secret_works_until_it_expires_and_the_new_one_works_beside_it() {
    let (_folder, dev) = dev();
    let created = dev.admin(&["secret", "create", dev.client_id(), "--old-expires-in", "1h"]);
    let new = created["client_secret"].as_str().unwrap();
    accepted_soon("the new secret", || dev.api.token(dev.client_id(), new));
    assert_eq!(dev.api.token(dev.client_id(), dev.client_secret()).status, 200, "the old one still counts");

    let (_, refresh) = dev.tokens();
    let created = dev.admin(&["secret", "create", dev.client_id(), "--old-expires-in", "0s"]);
    let newest = created["client_secret"].as_str().unwrap();
    refused_soon("the first secret", "INVALID_CLIENT", || {
        dev.api.token(dev.client_id(), dev.client_secret())
    });
    refused_soon("the second secret", "INVALID_CLIENT", || dev.api.token(dev.client_id(), new));
    accepted_soon("the newest secret", || dev.api.token(dev.client_id(), newest));
    let what = "the refresh token of an expired secret";
    refused_soon(what, "INVALID_TOKEN", || dev.api.refresh(&refresh));
}

#[test]
fn a_revoked_secret_takes_its_own_tokens_with_it_and_no_others() {
    let (_folder, dev) = dev();
    let first = dev.admin(&["secret", "list", dev.client_id()])[0]["secret_id"].clone();
    let (access, refresh) = dev.tokens();
    let created = dev.admin(&["secret", "create", dev.client_id()]);
    let new = created["client_secret"].as_str().unwrap();
    accepted_soon("the new secret", || dev.api.token(dev.client_id(), new));
    let (new_access, new_refresh) = dev.api.tokens(dev.client_id(), new);

    dev.admin(&["secret", "revoke", dev.client_id(), first.as_str().unwrap()]);
    refused_soon("its access token", "INVALID_TOKEN", || dev.api.list(&access, ""));
    refused_soon("its refresh token", "INVALID_TOKEN", || dev.api.refresh(&refresh));
    refused_soon("the secret", "INVALID_CLIENT", || dev.api.token(dev.client_id(), dev.client_secret()));
    assert_eq!(dev.api.list(&new_access, "").status, 200);
    assert_eq!(dev.api.refresh(&new_refresh).status, 200);
    assert_eq!(dev.api.token(dev.client_id(), new).status, 200);
}

#[test]
fn a_key_rotation_refuses_no_valid_token() {
    let (_folder, dev) = dev();
    let (old_access, old_refresh) = dev.tokens();
    let rotated = AtomicBool::new(false);
    thread::scope(|scope| {
        // Everything that a merchant does, all through the rotation and once after it.
        let merchant = scope.spawn(|| {
            let mut last = false;
            while !last {
                last = rotated.load(SeqCst);
                let (access, refresh) = dev.tokens();
                assert_eq!(dev.api.list(&access, "").status, 200);
                assert_eq!(dev.api.refresh(&refresh).status, 200);
                assert_eq!(dev.api.list(&old_access, "").status, 200);
                assert_eq!(dev.api.refresh(&old_refresh).status, 200);
            }
        });
        let new = dev.admin(&["key", "rotate"]);
        eventually("the new key signs", PATIENCE, || {
            let keys = dev.admin(&["key", "list"]);
            let keys = keys.as_array().unwrap();
            assert_eq!(keys.len(), 2, "{keys:?}");
            let phase = &keys.iter().find(|key| key["key_id"] == new["key_id"]).unwrap()["phase"];
            assert!(merchant.is_finished() || ["next", "active"].contains(&phase.as_str().unwrap()));
            (merchant.is_finished() || phase == "active").then_some(())
        });
        rotated.store(true, SeqCst);
        merchant.join().unwrap();
    });
}

#[test]
fn a_compromised_key_takes_every_token_with_it() {
    let (_folder, dev) = dev();
    let (access, refresh) = dev.tokens();
    dev.admin(&["key", "rotate", "--compromised"]);
    refused_soon("the access token", "INVALID_TOKEN", || dev.api.list(&access, ""));
    refused_soon("the refresh token", "INVALID_TOKEN", || dev.api.refresh(&refresh));
    let (access, refresh) = dev.tokens();
    assert_eq!(dev.api.list(&access, "").status, 200);
    assert_eq!(dev.api.refresh(&refresh).status, 200);
}

fn dev() -> (TempDir, Dev) {
    let folder = tempfile::tempdir().unwrap();
    let dev = Dev::start(&folder.path().join("data"));
    (folder, dev)
}

fn refused_soon(what: &str, code: &str, call: impl Fn() -> Response) {
    let refused = eventually(&format!("{what} is refused"), SEEN_WITHIN, || {
        let answer = call();
        (answer.status != 200).then_some(answer)
    });
    assert_eq!(refused.error(), (401, code.to_owned()), "{what}");
}

fn accepted_soon(what: &str, call: impl Fn() -> Response) {
    eventually(&format!("{what} is accepted"), SEEN_WITHIN, || (call().status == 200).then_some(()));
}
