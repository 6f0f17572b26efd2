//! What is behind each recipe, and who comes to it.

use std::fs;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::envoy::{self, ENVOY, ENVOY_BY_KEYS};
use super::recipes::{
    APACHE, CADDY, HAPROXY, NGINX, OAUTH2_PROXY, OAUTH2_PROXY_PROGRAM, caddy_requiring, haproxy_keys,
    nginx_requiring,
};
use super::tollgate::Tollgate;
use super::traefik::{TRAEFIK, traefik_requiring};
use super::{Guarded, Recipe};
use crate::harness::{PATIENCE, eventually, finish};
use crate::kept::is_left_out;

const PROXIES: &str = "TOLLGATE_TEST_PROXIES";
/// The one that no package has.
const TRAEFIK_ALONE: &str = "TOLLGATE_TEST_TRAEFIK";

fn holds(guarded: &mut Guarded<'_>) {
    guarded.holds();
}

/// Runs a recipe in a folder of its own, unless its program is left out.
fn run(program: &str, recipe: &Recipe, test: impl FnOnce(&mut Guarded<'_>)) {
    if !is_left_out(program, if program == "traefik" { TRAEFIK_ALONE } else { PROXIES }) {
        let folder = tempfile::tempdir().unwrap();
        test(&mut Guarded::start(folder.path(), recipe));
    }
}

#[test]
fn behind_nginx_only_whoever_may_comes_to_the_api() {
    run("nginx", &NGINX, holds);
}

#[test]
fn behind_caddy_only_whoever_may_comes_to_the_api() {
    run("caddy", &CADDY, holds);
}

#[test]
fn behind_haproxy_only_whoever_may_comes_to_the_api() {
    run("haproxy", &HAPROXY, holds);
}

#[test]
fn behind_apache_only_whoever_may_comes_to_the_api() {
    run("apache2", &APACHE, holds);
}

#[test]
fn behind_envoy_only_whoever_may_comes_to_the_api() {
    run(envoy::PROGRAM, &ENVOY, holds);
}

#[test]
fn behind_envoy_with_the_keys_only_whoever_may_comes_to_the_api() {
    run(envoy::PROGRAM, &ENVOY_BY_KEYS, holds);
}

#[test]
fn behind_traefik_only_whoever_may_comes_to_the_api() {
    run("traefik", &TRAEFIK, holds);
}

/// The key that replaces a compromised one is in force as soon as the files are, and so is its end.
#[test]
fn haproxy_follows_to_the_keys_that_are_exported() {
    run("haproxy", &HAPROXY, |guarded| {
        let status = |bearer: &str| guarded.call("GET /payments/1", &[bearer]).status().as_u16();
        let rotate = |args: &[&str]| {
            let args = [&["key", "rotate", "--algorithm", "ES256", "--format", "json"], args].concat();
            finish(&mut guarded.tollgate.admin(&args)).succeeded();
        };
        let keys =
            |reload: &str| finish(&mut haproxy_keys(guarded.folder, &["sh", "-c", reload])).succeeded();
        let key = |slot: u8| fs::read(guarded.folder.join(format!("keys/key-{slot}.pem"))).unwrap();
        let reload = format!("echo reloads; kill -USR2 {}", guarded.process.id());

        let old = guarded.bearer();
        assert_eq!((status(&old), keys(&reload).stdout.as_str()), (200, ""), "nothing has changed");
        assert_eq!(key(2), key(1));
        rotate(&[]);
        assert_eq!(keys(&reload).stdout, "reloads\n");
        assert_ne!(key(2), key(1), "the next key is there before it signs");
        assert_eq!(status(&old), 200);

        rotate(&["--compromised"]);
        let new = eventually("the new key signs", PATIENCE, || {
            let new = guarded.bearer();
            (status(&new) == 401).then_some(new)
        });
        keys(&reload);
        eventually("the new key counts, and the old one no more", PATIENCE, || {
            (status(&new) == 200 && status(&old) == 401).then_some(())
        });
    });
}

/// Its cache keeps what Tollgate has said for a second.
#[test]
fn behind_apache_a_revoked_token_is_refused_soon() {
    if is_left_out("apache2", PROXIES) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let guarded = Guarded::before(folder.path(), &APACHE, Tollgate::dev(folder.path(), &[]));
    let bearer = guarded.bearer();
    let status = || guarded.call("GET /payments/1", &[&bearer]).status().as_u16();
    assert_eq!(status(), 200);
    let (id, secret) = &guarded.tollgate.client;
    let basic = format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")));
    let token = bearer.rsplit_once(' ').unwrap().1;
    let form = ("content-type", "application/x-www-form-urlencoded");
    let headers = [("authorization", basic.as_str()), form];
    let revoked = guarded.tollgate.api.request("POST", "/oauth2/revoke", &headers, &format!("token={token}"));
    assert_eq!(revoked.unwrap().status, 200);
    eventually("the token is refused", Duration::from_secs(5), || (status() == 401).then_some(()));
}

const ROUTES: &str = r#"
[[authz.routes]]
path = "/payments/health"

[[authz.routes]]
method = "GET"
path = "/payments/{id}"
scope = "payments:read"

[[authz.routes]]
method = "POST"
path = "/payments/{id}"
scope = "payments:refund"
"#;

/// Which route is asked for is said by the proxy, never by the caller.
fn decides_by_the_table(program: &str, recipe: &Recipe) {
    run(program, &Recipe { settings: ROUTES, ..*recipe }, |guarded| {
        let bearer = guarded.bearer();
        let status = |line: &str, headers: &[&str]| {
            guarded.call(line, &[&[bearer.as_str(), "content-length: 0"], headers].concat()).status().as_u16()
        };
        assert_eq!((status("GET /payments/1", &[]), status("GET /payments/health", &[])), (200, 200));
        assert_eq!((status("POST /payments/1", &[]), status("GET /payments/1/x", &[])), (403, 403));
        guarded.forwarded();
        for forged in [
            "x-forwarded-uri: /payments/health",
            "x-original-uri: /payments/health",
            "x-original-url: /payments/health",
            "x_forwarded_uri: /payments/health",
            "x-forwarded-method: GET",
            "x-original-method: GET",
            "x-http-method-override: GET",
            "connection: close, x-forwarded-uri, x-forwarded-method",
            "connection: close, x-forwarded-uri\r\nx-original-uri: /payments/health",
            "forwarded: for=127.0.0.1;proto=https;host=other.example.com",
        ] {
            let status = status("POST /payments/1", &[forged]);
            assert!(matches!(status, 400 | 403), "{forged}: {status}");
        }
        assert_eq!(guarded.forwarded().len(), 0);
        for target in ["/payments/health/../1", "/payments/1?/payments/health", "/payments/1%3f/../health"] {
            let status = status(&format!("POST {target}"), &[]);
            // Where the proxy has put the path right, that is what was decided on.
            let is_open = |line: &str| line.starts_with("POST /payments/health ");
            let open = guarded.forwarded().iter().all(|arrived| is_open(&arrived.line));
            assert!(open && matches!(status, 200 | 400 | 403), "{target}: {status}");
        }
    });
}

#[test]
fn behind_nginx_a_caller_cant_choose_the_route_that_is_decided_on() {
    decides_by_the_table("nginx", &Recipe { configure: |parts| nginx_requiring("", parts), ..NGINX });
}

#[test]
fn behind_caddy_a_caller_cant_choose_the_route_that_is_decided_on() {
    decides_by_the_table("caddy", &Recipe { configure: |parts| caddy_requiring("", parts), ..CADDY });
}

#[test]
fn behind_traefik_a_caller_cant_choose_the_route_that_is_decided_on() {
    let recipe = Recipe { configure: |parts| traefik_requiring("", parts), ..TRAEFIK };
    decides_by_the_table("traefik", &recipe);
}

#[test]
fn behind_envoy_a_caller_cant_choose_the_route_that_is_decided_on() {
    decides_by_the_table(envoy::PROGRAM, &ENVOY);
}

/// It is built where go is: guarding/oauth2-proxy/install.
#[test]
fn behind_oauth2_proxy_only_a_good_token_comes_to_the_api() {
    if is_left_out(OAUTH2_PROXY_PROGRAM, PROXIES) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let tollgate = Tollgate::dev(folder.path(), &[("TOLLGATE_TOKENS__ALGORITHM", "ES256")]);
    Guarded::before(folder.path(), &OAUTH2_PROXY, tollgate).holds();
}
