//! What operators install: alerts and dashboard, units of systemd, and the scripts of the package.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;
use serde_json::Value;

use crate::documented::blocks;
use crate::harness::{Api, Connection, Finished, Process, Serve, finish, shell, tollgate, write_master_key};
use crate::kept::is_left_out;
use crate::tls::{TLS, make_certificate};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn packaging(file: &str) -> PathBuf {
    root().join("packaging").join(file)
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// The names of metrics in a text.
fn metrics_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let named = words.filter(|word| word.starts_with("tollgate_") || word.starts_with("process_"));
    named.map(str::to_owned).collect()
}

/// What there is besides where the store is PostgreSQL.
const OF_POSTGRESQL: [&str; 2] = ["tollgate_store_connections", "tollgate_store_connections_limit"];

/// A server that has all there is to measure.
fn measured(folder: &Path) -> Serve {
    make_certificate(folder);
    // Nobody is there: metrics say so, too.
    let telemetry = "[telemetry]\nendpoint = \"http://127.0.0.1:9\"\n";
    Serve::install(folder, &format!("audit.stream = \"file:audit.jsonl\"\n{TLS}\n{telemetry}"));
    Serve::start(folder)
}

#[test]
fn the_alerts_hold_in_their_tests_and_each_has_a_runbook() {
    if is_left_out("promtool", "TOLLGATE_TEST_MONITORING") {
        return;
    }
    for args in [["check", "rules", "alerts.yml"], ["test", "rules", "alerts.test.yml"]] {
        let output =
            Command::new("promtool").current_dir(packaging("monitoring")).args(args).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
    let rules = read("packaging/monitoring/alerts.yml");
    let alerts: Vec<_> = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    let runbooks = read("docs/runbooks.md");
    let sections: Vec<_> = runbooks.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    assert_eq!(alerts, sections);
    let tests = read("packaging/monitoring/alerts.test.yml");
    for alert in alerts {
        assert!(rules.contains(&format!("docs/runbooks.md#{}\n", alert.to_lowercase())), "{alert}");
        assert!(tests.contains(&format!("alertname: {alert}\n")), "{alert} has no test");
    }
}

#[test]
fn alerts_and_dashboard_ask_for_metrics_that_there_are_and_the_page_lists_them_all() {
    let folder = tempfile::tempdir().unwrap();
    let serve = measured(folder.path());
    let metrics = serve.admin.get("/metrics").body;
    let families = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    let families: BTreeSet<_> = families.chain(OF_POSTGRESQL).map(str::to_owned).collect();
    for file in ["alerts.yml", "dashboard.json"] {
        let asked = metrics_in(&fs::read_to_string(packaging("monitoring").join(file)).unwrap());
        let unknown: Vec<_> = asked
            .iter()
            .filter(|name| !families.contains(name.strip_suffix("_bucket").unwrap_or(name)))
            .collect();
        assert!(unknown.is_empty(), "{file}: {unknown:?}");
    }
    let page = read("docs/operations.md");
    let (_, section) = page.split_once("\n## Metrics\n").unwrap();
    let listed = section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let listed: BTreeSet<_> = listed.map(str::to_owned).filter(|name| !name.contains(' ')).collect();
    let missing: Vec<_> = families.difference(&listed).collect();
    assert!(missing.is_empty(), "docs/operations.md lacks {missing:?}");
    let expiry =
        metrics.lines().find_map(|line| line.strip_prefix("tollgate_certificate_expiry_timestamp_seconds "));
    let expiry: u64 = expiry.unwrap().parse().unwrap();
    let until = "openssl x509 -enddate -noout -in cert.pem | cut -d= -f2 | date -u -f - +%s";
    let until = finish(&mut crate::harness::shell(folder.path(), until)).succeeded().stdout;
    assert_eq!(until.trim(), expiry.to_string());
}

#[test]
fn metrics_are_well_formed_in_both_formats() {
    if is_left_out("promtool", "TOLLGATE_TEST_MONITORING") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let serve = measured(folder.path());
    let plain = serve.admin.get("/metrics");
    assert_eq!(plain.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let mut promtool = Command::new("promtool");
    let mut promtool = promtool.args(["check", "metrics"]).stdin(Stdio::piped()).spawn().unwrap();
    promtool.stdin.take().unwrap().write_all(plain.body.as_bytes()).unwrap();
    assert!(promtool.wait().unwrap().success());

    let asked = [("accept", "application/openmetrics-text; version=1.0.0,text/plain;q=0.5")];
    let open = request(serve.admin, &asked);
    assert_eq!(open.0, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert!(open.1.ends_with("# EOF\n"));
    assert!(open.1.contains("# TYPE tollgate_requests counter\n"), "{}", open.1);
    assert!(open.1.contains("tollgate_requests_total{"));
}

/// The type and the text of the metrics.
fn request(api: Api, headers: &[(&str, &str)]) -> (String, String) {
    let mut connection = Connection::open(api.0).unwrap();
    let answer = connection.request("GET", "/metrics", headers, "").unwrap();
    (answer.header("content-type").unwrap().to_owned(), answer.body)
}

/// How exposed systemd finds a service, from 0 to 10.
#[test]
fn the_units_of_systemd_are_sound_and_expose_little() {
    if is_left_out("systemd-analyze", "TOLLGATE_TEST_SYSTEMD") {
        return;
    }
    for unit in ["tollgate.service", "tollgate-agent.service"] {
        let path = packaging("systemd").join(unit);
        let mut analyze = Command::new("systemd-analyze");
        let output = analyze.args(["security", "--offline=true", "--no-pager"]).arg(&path).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let (_, level) = said.split_once("Overall exposure level for").expect("it says so");
        let level: f32 = level.split_whitespace().nth(1).unwrap().parse().unwrap();
        assert!(level <= 1.5, "{unit}: {level}\n{said}");
        let verified = Command::new("systemd-analyze").arg("verify").arg(&path).output().unwrap();
        let said = String::from_utf8_lossy(&verified.stderr);
        // The program and its pages are not installed here.
        let odd: Vec<_> = said
            .lines()
            .filter(|line| !line.contains("/usr/bin/tollgate") && !line.contains("man "))
            .collect();
        assert!(odd.is_empty(), "{unit}: {odd:?}");
        let started = fs::read_to_string(&path).unwrap();
        let (_, arguments) = started.split_once("ExecStart=/usr/bin/tollgate ").unwrap();
        let command = arguments.split_whitespace().next().unwrap();
        let help = finish(&mut tollgate(&root(), &[command, "--help"])).succeeded().stdout;
        let line = arguments.lines().next().unwrap();
        for option in line.split(' ').filter(|word| word.starts_with("--")) {
            assert!(help.contains(option) || option == "--format", "{unit}: {option}");
        }
    }
}

/// Two units that listen for one server, each for a setting; the first where the package has the setting, too.
#[test]
fn the_sockets_of_systemd_are_named_as_settings_and_where_the_configuration_has_them() {
    let folder = tempfile::tempdir().unwrap();
    let block = &blocks("### A systemd unit", "ini")[0];
    let admin = folder.path().join("tollgate-admin.socket");
    fs::write(&admin, block).unwrap();
    let config = read("packaging/tollgate.toml");
    let default = read("crates/config/src/config.default.toml");
    for (unit, key, settings) in [
        (read("packaging/systemd/tollgate.socket"), "listen", &config),
        (block.clone(), "admin_listen", &default),
    ] {
        let value =
            |name: &str| unit.lines().find_map(|line| line.strip_prefix(&format!("{name}="))).unwrap();
        assert_eq!(value("FileDescriptorName"), key);
        assert!(settings.contains(&format!("\n{key} = \"{}\"", value("ListenStream"))), "{unit}");
    }
    if is_left_out("systemd-analyze", "TOLLGATE_TEST_SYSTEMD") {
        return;
    }
    for file in ["tollgate.service", "tollgate.socket"] {
        fs::copy(packaging("systemd").join(file), folder.path().join(file)).unwrap();
    }
    for file in ["tollgate.socket", "tollgate-admin.socket"] {
        let verified =
            Command::new("systemd-analyze").arg("verify").arg(folder.path().join(file)).output().unwrap();
        let said = String::from_utf8_lossy(&verified.stderr);
        // The program and its pages are not installed here.
        let odd: Vec<_> = said
            .lines()
            .filter(|line| !line.contains("/usr/bin/tollgate") && !line.contains("man "))
            .collect();
        assert!(odd.is_empty(), "{file}: {odd:?}");
    }
}

#[test]
fn the_package_makes_a_master_key_once_and_leaves_it_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let run = |script: &str, what: &str| {
        let mut sh = Command::new("sh");
        let output =
            sh.arg(packaging("deb").join(script)).arg(what).env("DPKG_ROOT", folder.path()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let key = folder.path().join("etc/tollgate/master.key");
    assert!(run("postinst", "configure").contains("Keep a copy"));
    let made = fs::read_to_string(&key).unwrap();
    assert!(made.len() == 64 && made.bytes().all(|byte| byte.is_ascii_hexdigit()), "{made}");
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    // An upgrade.
    assert_eq!(run("postinst", "configure"), "");
    assert!(run("postrm", "purge").contains("are left"));
    assert_eq!(fs::read_to_string(&key).unwrap(), made);
}

#[test]
fn the_configuration_of_the_package_is_safe() {
    let folder = tempfile::tempdir().unwrap();
    write_master_key(&folder.path().join("master.key"));
    let config = packaging("tollgate.toml");
    let mut check = tollgate(folder.path(), &["config", "check", "--config", config.to_str().unwrap()]);
    let checked = finish(check.env("TOLLGATE_MASTER_KEY", "file:master.key")).succeeded();
    assert!(checked.stdout.contains("https://tollgate.example.com"), "{checked:?}");

    // What it says is to be done before the first start, but for the user.
    let text = fs::read_to_string(&config).unwrap();
    let as_user = "#   runuser -u tollgate -- tollgate ";
    let steps: Vec<_> = text.lines().filter_map(|line| line.strip_prefix(as_user)).collect();
    assert_eq!(steps, ["store migrate --config /etc/tollgate/tollgate.toml"]);
    let mut migrate = tollgate(folder.path(), &["store", "migrate", "--config", config.to_str().unwrap()]);
    migrate.env("TOLLGATE_MASTER_KEY", "file:master.key");
    finish(migrate.env("TOLLGATE_DATABASE__URL", "sqlite:tollgate.db")).succeeded();
    assert!(folder.path().join("tollgate.db").exists());
}

/// What a chart makes of settings, or why it refuses.
fn rendered(settings: &[&str]) -> Finished {
    let mut helm = Command::new("helm");
    helm.args(["template", "production", "--kube-version", "1.31.0"]).arg(packaging("helm/tollgate"));
    finish(helm.args(settings.iter().flat_map(|setting| ["--set-json", setting])))
}

#[test]
fn the_chart_refers_to_secrets_and_its_configuration_is_safe() {
    if is_left_out("helm", "TOLLGATE_TEST_HELM") {
        return;
    }
    let needed = [
        "publicUrl=\"https://pay.example.com\"",
        "database.url=\"postgres://tollgate@db/tollgate?sslmode=disable\"",
        "masterKey.secretName=\"tollgate-master-key\"",
        "database.passwordSecret.name=\"tollgate-database\"",
        "trustedProxies=[\"10.0.0.0/8\"]",
        "config={\"tokens\":{\"algorithm\":\"ES256\"}}",
    ];
    finish(
        Command::new("helm")
            .args(["lint", "--strict"])
            .arg(packaging("helm/tollgate"))
            .args(needed.iter().flat_map(|setting| ["--set-json", setting])),
    )
    .succeeded();
    for left_out in &needed[..4] {
        let others: Vec<&str> = needed.into_iter().filter(|setting| setting != left_out).collect();
        assert!(rendered(&others).code != Some(0), "{left_out}");
    }
    let text = rendered(&needed).succeeded().stdout;
    let documents: Vec<Value> = yaml_serde::Deserializer::from_str(&text)
        .map(|document| Value::deserialize(document).unwrap())
        .collect();
    let find = |kind: &str| documents.iter().find(|document| document["kind"] == kind).unwrap();
    let pod = &find("Deployment")["spec"]["template"]["spec"];
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(pod["containers"][0]["securityContext"]["readOnlyRootFilesystem"], true);
    let from: Vec<_> = pod["volumes"][1]["projected"]["sources"].as_array().unwrap().iter().collect();
    assert_eq!(
        from.iter().map(|source| &source["secret"]["name"]).collect::<Vec<_>>(),
        ["tollgate-master-key", "tollgate-database"]
    );
    for kind in ["Service", "PodDisruptionBudget", "NetworkPolicy"] {
        find(kind);
    }

    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("master.key");
    fs::write(&key, "0f1e2d3c4b5a69788796a5b4c3d2e1f00112233445566778899aabbccddeeff0").unwrap();
    fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    let config = find("ConfigMap")["data"]["tollgate.toml"].as_str().unwrap();
    let config = config
        .replace("/etc/tollgate/secrets/master.key", key.to_str().unwrap())
        .replace("/etc/tollgate/secrets/database.password", key.to_str().unwrap());
    fs::write(folder.path().join("tollgate.toml"), &config).unwrap();
    let checked =
        finish(&mut tollgate(folder.path(), &["config", "check", "--config", "tollgate.toml"])).succeeded();
    assert!(checked.stdout.contains("https://pay.example.com") && config.contains("ES256"), "{checked:?}");
}

#[test]
fn the_compose_file_starts_as_its_head_says_with_its_settings_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let text = read("packaging/container/compose.yaml");
    let head: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("#   ")).collect();
    assert_eq!(head.len(), 3, "{head:?}");
    finish(&mut shell(folder.path(), &format!("umask 077; {}", head.join(" && ")))).succeeded();

    let compose: Value = yaml_serde::from_str(&text).unwrap();
    let services = &compose["services"];
    // Nobody but this machine reaches what is spoken without TLS.
    for (name, service) in services.as_object().unwrap() {
        let ports = service["ports"].as_array().into_iter().flatten();
        assert!(ports.clone().all(|port| port.as_str().unwrap().starts_with("127.0.0.1:")), "{name}");
    }
    let settings = services["migrate"]["<<"]["environment"].as_object().unwrap();
    let run = |args: &[&str], others: &[(&str, &str)]| {
        let mut command = tollgate(folder.path(), args);
        // Where the secrets are mounted, and a port that is free: in the container all are.
        let here = |value: &Value| {
            value.as_str().unwrap().replace("/run/secrets/", "secrets/").replace(":8080", ":0")
        };
        command.envs(settings.iter().map(|(name, value)| (name, here(value))));
        command.env("TOLLGATE_ADMIN_LISTEN", "127.0.0.1:0").envs(others.iter().copied());
        command
    };
    let checked = finish(&mut run(&["config", "check"], &[]));
    assert_eq!(checked.code, Some(0), "{checked:?}");
    assert!(checked.stderr.starts_with("warning: listen_allow_remote: "), "{checked:?}");

    let sqlite = [("TOLLGATE_DATABASE__URL", "sqlite:tollgate.db"), ("TOLLGATE_DATABASE__PASSWORD", "")];
    let words = |service: &str| {
        let words = services[service]["command"].as_array().unwrap();
        words.iter().map(|word| word.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let started = |service: &str| {
        let words = words(service);
        run(&words.iter().map(String::as_str).collect::<Vec<_>>(), &sqlite)
    };
    finish(&mut started("migrate")).succeeded();
    let serve = Serve::run(Process::spawn(&mut started("tollgate")));
    let shop = ["merchant", "create", "--name", "Example Shop"];
    assert!(finish(&mut run(&shop, &sqlite)).succeeded().stdout.contains("Example Shop"));
    assert_eq!(serve.admin.get("/readyz").status, 200);

    // Without the setting nothing starts, as before.
    let refused = finish(run(&["serve"], &sqlite).env("TOLLGATE_LISTEN_ALLOW_REMOTE", "false"));
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.starts_with("tollgate: unsafe: listen: 0.0.0.0:0 is reachable"), "{refused:?}");
}

#[test]
fn image_chart_description_and_packages_are_of_this_version() {
    let version = env!("CARGO_PKG_VERSION");
    let chart = read("packaging/helm/tollgate/Chart.yaml");
    assert!(chart.contains(&format!("\nversion: {version}\nappVersion: {version}\n")), "{chart}");
    let compose = read("packaging/container/compose.yaml");
    assert!(compose.contains(&format!("image: tollgate:{version}\n")), "{compose}");
    assert!(read("docs/openapi.yaml").contains(&format!("\n  version: {version}\n")));
    // The packages for other languages have the same version.
    for (file, line) in [
        ("packages/node/package.json", format!("\"version\": \"{version}\",")),
        ("packages/java/pom.xml", format!("<version>{version}</version>")),
        ("packages/java/README.md", format!("<version>{version}</version>")),
        ("packages/python/src/tollgate_client/__init__.py", format!("__version__ = \"{version}\"")),
    ] {
        assert!(read(file).contains(&line), "{file}: {line}");
    }
    let latest = read("CHANGELOG.md");
    let latest = latest.lines().find(|line| line.starts_with("## ")).unwrap();
    assert!(latest == "## Unreleased" || latest.starts_with(&format!("## {version} (20")), "{latest}");
}
