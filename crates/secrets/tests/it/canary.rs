//! Nothing of what is secret shows in an error or in a log, however much is logged.

use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, OnceLock};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::fakes::aws::{Aws, KEY, KEY_ID, ROLE};
use crate::fakes::google::Google;
use crate::fakes::vault::{ROLE as APPROLE, ROOT, Vault};
use crate::key;
use crate::server::{Server, answer};
use crate::world::{self, World};

/// Everything that was logged, by `tracing` and by `log`, at every level.
#[derive(Clone, Default)]
struct Everything(Arc<Mutex<String>>);

struct Writer<'a>(&'a mut String);

impl Visit for Writer<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
}

impl Subscriber for Everything {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let text = &mut *self.0.lock().unwrap();
        write!(text, "\n{}", span.metadata().target()).unwrap();
        span.record(&mut Writer(text));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut Writer(&mut self.0.lock().unwrap()));
    }

    fn event(&self, event: &Event<'_>) {
        let text = &mut *self.0.lock().unwrap();
        write!(text, "\n{}", event.metadata().target()).unwrap();
        event.record(&mut Writer(text));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

impl log::Log for Everything {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        writeln!(self.0.lock().unwrap(), "\n{} {}", record.target(), record.args()).unwrap();
    }

    fn flush(&self) {}
}

/// Logs of the whole process, so of all tests that run in it: more to look at, and all their secrets are canaries.
fn everything() -> &'static Everything {
    static EVERYTHING: OnceLock<Everything> = OnceLock::new();
    EVERYTHING.get_or_init(|| {
        let everything = Everything::default();
        tracing::subscriber::set_global_default(everything.clone()).unwrap();
        log::set_boxed_logger(Box::new(everything.clone())).unwrap();
        log::set_max_level(log::LevelFilter::Trace);
        everything
    })
}

/// Reads, and keeps what an error shows.
async fn read(world: &World, reference: &str, shown: &mut String) -> bool {
    let Err(error) = world.read(reference).await else { return true };
    writeln!(shown, "{error} {error:?} {:?}", std::error::Error::source(&error)).unwrap();
    false
}

#[tokio::test]
async fn no_secret_shows_in_an_error_or_a_log() {
    let everything = everything();
    let mut shown = String::new();
    through_vault(&mut shown).await;
    through_google(&mut shown).await;
    through_aws(&mut shown).await;
    through_files(&mut shown).await;

    let logged = everything.0.lock().unwrap().clone();
    assert!(logged.contains("hyper_util::client"), "the stack below logs: {logged}");
    let key = &key::PRIVATE[40..80];
    for text in [&*shown, &*logged] {
        for canary in ["canary", "Y2FuYXJ5", key] {
            let found = text
                .find(canary)
                .map(|at| text[at.saturating_sub(200)..].chars().take(400).collect::<String>());
            assert_eq!(found, None);
        }
    }
}

async fn through_vault(shown: &mut String) {
    let vault = Vault::start().await;
    let world = World::new();
    world.set("VAULT_ADDR", vault.server.url());
    world.set("VAULT_ROLE_ID", APPROLE);
    world.set("VAULT_SECRET_ID", "canary-secret-id-1");
    assert!(read(&world, "vault:secret/tollgate#client_secret", shown).await);
    for refusal in ["vault:secret/tollgate#port", "vault:secret/x#y", "vault:x/y#z"] {
        assert!(!read(&world, refusal, shown).await);
    }
    world.set("VAULT_SECRET_ID", "canary-wrong");
    assert!(!read(&world, "vault:secret/tollgate#client_secret", shown).await);
    // A token that can't be a header's value.
    world.set("VAULT_TOKEN", format!("{ROOT}\u{7f}\ncanary"));
    assert!(!read(&world, "vault:secret/tollgate#client_secret", shown).await);
    world.set("VAULT_TOKEN", ROOT);
    for (status, body) in [
        (200, "canary"),
        (200, r#"{"data":{"data":{"x":1,"y":"canary"}}}"#),
        (500, r#"{"errors":["canary"]}"#),
    ] {
        let server = Server::start(move |_| answer(status, "application/json", body)).await;
        world.set("VAULT_ADDR", server.url());
        assert!(!read(&world, "vault:secret/tollgate#x", shown).await);
    }
    // An address with a password, where nobody listens.
    world.set("VAULT_ADDR", "http://canary:canary@127.0.0.1:1");
    assert!(!read(&world, "vault:secret/tollgate#x", shown).await);
    world.set("VAULT_ADDR", "http://canary:canary@vault.example.com");
    assert!(!read(&world, "vault:secret/tollgate#x", shown).await);
    world.set("VAULT_ADDR", "canary://");
    assert!(!read(&world, "vault:secret/tollgate#x", shown).await);
}

async fn through_google(shown: &mut String) {
    let world = World::new();
    let google = Google::start(&world).await;
    assert!(read(&world, "gcp:projects/p-1/secrets/s", shown).await);
    world.set_to_file("GOOGLE_APPLICATION_CREDENTIALS", google.key_file().to_string());
    assert!(read(&world, "gcp:projects/p-1/secrets/s", shown).await);
    assert!(!read(&world, "gcp:projects/p-1/secrets/s#field", shown).await);
    google.state().damage = 1;
    assert!(!read(&world, "gcp:projects/p-1/secrets/s", shown).await);
    google.state().refuses = Some((403, "PERMISSION_DENIED", "canary"));
    assert!(!read(&world, "gcp:projects/p-1/secrets/s", shown).await);
    google.state().refuses_tokens = Some((400, "invalid_grant"));
    assert!(!read(&world, "gcp:projects/p-1/secrets/s", shown).await);
    world.set_to_file("GOOGLE_APPLICATION_CREDENTIALS", format!("{}canary", google.key_file()));
    assert!(!read(&world, "gcp:projects/p-1/secrets/s", shown).await);
}

async fn through_aws(shown: &mut String) {
    let world = World::new();
    let aws = Aws::start(&world).await;
    assert!(read(&world, "aws:plain", shown).await);
    world.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{}/container", aws.server.url()));
    assert!(!read(&world, "aws:plain", shown).await);
    world.set("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Basic canary-container-token");
    assert!(read(&world, "aws:plain", shown).await);
    world.set_to_file("AWS_WEB_IDENTITY_TOKEN_FILE", "canary.web.identity");
    world.set("AWS_ROLE_ARN", ROLE);
    assert!(read(&world, "aws:plain", shown).await);
    world.set_to_file("AWS_WEB_IDENTITY_TOKEN_FILE", "canary.other");
    assert!(!read(&world, "aws:plain", shown).await);
    world.set("AWS_ACCESS_KEY_ID", KEY_ID);
    world.set("AWS_SECRET_ACCESS_KEY", "canary-wrong");
    assert!(!read(&world, "aws:plain", shown).await);
    world.set("AWS_SECRET_ACCESS_KEY", KEY);
    assert!(read(&world, "aws:binary", shown).await);
    for refusal in ["aws:plain#x", "aws:prod/tollgate#port", "aws:nowhere"] {
        assert!(!read(&world, refusal, shown).await);
    }
}

async fn through_files(shown: &mut String) {
    let world = World::new();
    let no_text = world.file("no text", b"canary\xff");
    assert!(!read(&world, &format!("file:{}", no_text.display()), shown).await);
    #[cfg(unix)]
    of_everybody(&world, shown).await;
    world.set("NAME", "canary\n\n");
    assert!(read(&world, "env:NAME", shown).await);
    assert!(read(&world, "canary", shown).await);
    for reference in ["canary", "env:NAME"] {
        writeln!(shown, "{:?}", tollgate_secrets::Reference::parse(reference)).unwrap();
    }
    writeln!(shown, "{:?}", tollgate_secrets::Reference::parse("vault:canary")).unwrap();
}

/// A file that every user may read is not read until it is said that they are nobody.
#[cfg(unix)]
async fn of_everybody(world: &World, shown: &mut String) {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = |path: &std::path::Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let path = world.file("secret", b"canary");
    mode(&path, 0o604);
    mode(path.parent().unwrap(), 0o755);
    let source = world.open(&format!("file:{}", path.display())).unwrap();
    for switch in ["", "false", "yes"] {
        world.set("TOLLGATE_WORLD_READABLE_SECRETS", switch);
        let error = world::read(&*source).await.unwrap_err();
        assert!(error.to_string().contains("can be read by others (mode 0604): chmod 600 it"), "{error}");
        writeln!(shown, "{error} {error:?}").unwrap();
    }
    world.set("TOLLGATE_WORLD_READABLE_SECRETS", "true");
    assert_eq!(world::read(&*source).await.unwrap(), "canary");
}
