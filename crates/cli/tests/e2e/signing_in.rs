//! Signing in to the console by an OpenID provider that others wrote.

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::documented::blocks_of;
use crate::harness::{Serve, finish, shell, tollgate};

const OPERATIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operations.md");
/// With characters that form encoding changes.
pub(crate) const SECRET: &str = "s%2B ecret:&=";

/// The provider. It ends when this is dropped.
pub(crate) struct Provider {
    node: Child,
    pub(crate) url: String,
}

impl Provider {
    pub(crate) fn start() -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("oidc");
        let install = concat!(env!("CARGO_MANIFEST_DIR"), "/../client/tests/oidc/install");
        let status = Command::new(install).arg(&folder).status().unwrap();
        assert!(status.success(), "npm can install it: scripts/test installs npm");
        let mut node = Command::new("node")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/signing_in/provider.mjs"))
            .arg(folder.join("node_modules"))
            .env("CLIENT_SECRET", SECRET)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node can be run: scripts/test installs it");
        let mut url = String::new();
        BufReader::new(node.stdout.take().unwrap()).read_line(&mut url).unwrap();
        assert!(url.starts_with("http://"), "the provider did not start: {url}");
        Self { node, url: url.trim_end().to_owned() }
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        // It fails only if the process has ended already.
        let _ = self.node.kill();
        self.node.wait().unwrap();
    }
}

/// Where the provider sends people back to.
const CALLBACK: &str = "http://127.0.0.1:9/console/sign-in/oidc/callback";

/// A server that is configured as the manual says, but for where things are.
fn serve(folder: &Path, issuer: &str) -> Serve {
    let [block] = &blocks_of(OPERATIONS, "#### By an OpenID provider", "toml")[..] else {
        panic!("there is one configuration")
    };
    let secret = folder.join("oidc.secret");
    fs::write(&secret, SECRET.to_owned() + "\n").unwrap();
    fs::set_permissions(&secret, Permissions::from_mode(0o600)).unwrap();
    let config = block
        .replace("https://login.example.com/realms/staff", issuer)
        .replace("https://admin.example.com:9090", "http://127.0.0.1:9")
        .replace("/etc/tollgate/oidc.secret", secret.to_str().unwrap());
    Serve::write_config(folder, &config);
    Serve::make_store(folder);
    Serve::start(folder)
}

/// A browser that loads pages with its cookies, follows redirects, and finds the console where it says that it is.
struct Curl<'a> {
    folder: &'a Path,
    serve: &'a Serve,
}

impl Curl<'_> {
    /// Where it ends, with which status, and what is there.
    fn load(&self, url: &str) -> (String, String) {
        let admin = self.serve.admin.0;
        let command = format!(
            "curl -sSL -b jar -c jar --connect-to 127.0.0.1:9:{admin} -w '\\n%{{http_code}} %{{url_effective}}' '{url}'"
        );
        let said = finish(&mut shell(self.folder, &command)).succeeded().stdout;
        let (page, end) = said.rsplit_once('\n').unwrap();
        (end.split('?').next().unwrap().to_owned(), page.to_owned())
    }

    /// Signs in as somebody, and returns where that ends.
    fn sign_in(&self, who: &str) -> (String, String) {
        let _ = fs::remove_file(self.folder.join("jar"));
        let (_, page) = self.load("http://127.0.0.1:9/console/sign-in");
        let begin = attribute(&page, "<a class=\"button primary\" href=\"");
        let (end, page) = self.load(&begin);
        let (provider, _) = end.split_once("/who/").unwrap_or_else(|| panic!("{end}: {page}"));
        let (_, provider) = provider.split_once(' ').unwrap();
        let uid = attribute(&page, "<a href=\"/who/");
        self.load(&format!("{provider}/who/{}/{who}", uid.split('/').next().unwrap()))
    }
}

/// The value behind a text, up to the next quotation mark.
fn attribute(html: &str, before: &str) -> String {
    let (_, rest) = html.split_once(before).unwrap_or_else(|| panic!("no {before} in {html}"));
    rest.split('"').next().unwrap().to_owned()
}

#[test]
fn people_sign_in_by_a_provider_as_the_manual_says_and_their_groups_say_what_they_may_do() {
    let folder = tempfile::tempdir().unwrap();
    let provider = Provider::start();
    let serve = serve(folder.path(), &provider.url);
    let curl = Curl { folder: folder.path(), serve: &serve };

    let (end, page) = curl.sign_in("ada");
    assert_eq!(end, format!("200 {CALLBACK}"), "{page}");
    let (end, page) = curl.load("http://127.0.0.1:9/console");
    assert_eq!(end, "200 http://127.0.0.1:9/console");
    assert!(
        page.contains("ada") && page.contains("/console/merchants") && !page.contains("/console/audit"),
        "{page}"
    );
    let (end, page) = curl.sign_in("bob");
    assert_eq!(end, format!("403 {CALLBACK}"));
    assert!(page.contains("none of your groups has a role"), "{page}");
    let (end, page) = curl.sign_in("nobody");
    assert_eq!(end, format!("403 {CALLBACK}"));
    assert!(page.contains("you cancelled"), "{page}");

    let list = ["audit", "list", "--act", "console.sign-in", "--config", "tollgate.toml", "--format", "json"];
    let trail = finish(&mut tollgate(folder.path(), &list)).succeeded().stdout;
    for part in [
        "console:ada",
        "console:bob",
        "admin:read admin:support",
        "\"subject\":\"ada\"",
        "no group has a role",
    ] {
        assert!(trail.contains(part), "{part}: {trail}");
    }
    drop(provider);
    let (end, page) = curl.load("http://127.0.0.1:9/console/sign-in/oidc");
    assert_eq!(end, "503 http://127.0.0.1:9/console/sign-in/oidc");
    assert!(page.contains("Meanwhile a link signs you in"), "{page}");
    serve.process.signal("TERM");
    let log = serve.process.finish().stdout;
    assert!(log.contains("the discovery document can't be had: it can't be reached"), "{log}");
    for secret in [SECRET, "code=", "state="] {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
}

#[test]
fn the_secret_is_read_again_for_each_sign_in_and_one_that_is_away_keeps_no_server_from_starting() {
    let folder = tempfile::tempdir().unwrap();
    let provider = Provider::start();
    let running = serve(folder.path(), &provider.url);
    let secret = folder.path().join("oidc.secret");
    let curl = Curl { folder: folder.path(), serve: &running };
    fs::write(&secret, "another secret").unwrap();
    let (end, _) = curl.sign_in("ada");
    assert!(end.starts_with("503 "), "{end}");
    fs::remove_file(&secret).unwrap();
    let (end, _) = curl.sign_in("ada");
    assert!(end.starts_with("503 "), "{end}");
    running.process.signal("TERM");
    let log = running.process.finish().stdout;
    assert!(log.contains("with status 401 and the error invalid_client"), "{log}");
    assert!(log.contains("oidc.secret can't be read"), "{log}");

    let again = Serve::start(folder.path());
    fs::write(&secret, SECRET).unwrap();
    fs::set_permissions(&secret, Permissions::from_mode(0o600)).unwrap();
    let (end, page) = Curl { folder: folder.path(), serve: &again }.sign_in("ada");
    assert!(end.starts_with("200 "), "{end}: {page}");
}
