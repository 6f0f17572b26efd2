//! `gcp:`

use serde_json::json;
use tollgate_secrets::{Reason, Refusal};

use crate::fakes::google::Google;
use crate::world::{World, read, refusal};

const REFERENCE: &str = "gcp:projects/p-1/secrets/s";

async fn on_a_machine() -> (World, Google) {
    let world = World::new();
    let google = Google::start(&world).await;
    (world, google)
}

async fn with_key() -> (World, Google) {
    let (world, google) = on_a_machine().await;
    world.set_to_file("GOOGLE_APPLICATION_CREDENTIALS", google.key_file().to_string());
    world.set("GCE_METADATA_HOST", "127.0.0.1:1");
    (world, google)
}

#[tokio::test]
async fn a_secret_is_read_anew_each_time_by_the_token_of_the_machine() {
    let (world, google) = on_a_machine().await;
    let source = world.open(REFERENCE).unwrap();
    assert_eq!(read(&*source).await.unwrap(), "canary-1");
    let rotated = b"canary-rotated\n".to_vec();
    google.state().secrets.insert("projects/p-1/secrets/s/versions/latest".to_owned(), rotated);
    assert_eq!(read(&*source).await.unwrap(), "canary-rotated");
    assert_eq!(google.state().issued, 1);
}

#[tokio::test]
async fn a_secret_is_read_by_the_key_of_a_service_account() {
    let (world, google) = with_key().await;
    let source = world.open(REFERENCE).unwrap();
    for _ in 0..3 {
        assert_eq!(read(&*source).await.unwrap(), "canary-1");
    }
    assert_eq!(google.state().issued, 1);
}

#[tokio::test]
async fn a_token_is_kept_until_a_minute_before_its_end() {
    let (world, google) = with_key().await;
    let source = world.open(REFERENCE).unwrap();
    for (after, issued) in [(0, 1), (3538, 1), (1, 2), (3538, 2), (100_000, 3)] {
        world.advance(after);
        assert_eq!(read(&*source).await.unwrap(), "canary-1");
        assert_eq!(google.state().issued, issued, "after {after}");
    }
}

#[tokio::test]
async fn a_token_that_is_refused_is_exchanged_once() {
    let (world, google) = on_a_machine().await;
    let source = world.open(REFERENCE).unwrap();
    assert_eq!(read(&*source).await.unwrap(), "canary-1");
    google.state().tokens.clear();
    assert_eq!(read(&*source).await.unwrap(), "canary-1");
    assert_eq!(google.state().counts(), (2, 3));
}

#[tokio::test]
async fn versions_locations_and_fields_are_named_by_the_reference() {
    let (world, google) = on_a_machine().await;
    let regional = "projects/p-1/locations/europe-west3/secrets/r/versions";
    google.state().secrets.extend([
        ("projects/p-1/secrets/s/versions/7".to_owned(), b"canary-7".to_vec()),
        (format!("{regional}/latest"), b"canary-regional".to_vec()),
        (format!("{regional}/8"), br#"{"id":8,"secret":"canary \u00e9\/+"}"#.to_vec()),
    ]);
    for (name, secret) in [
        ("projects/p-1/secrets/s/versions/7", "canary-7"),
        ("projects/p-1/locations/europe-west3/secrets/r", "canary-regional"),
        ("projects/p-1/locations/europe-west3/secrets/r/versions/8#secret", "canary é/+"),
    ] {
        assert_eq!(world.read(&format!("gcp:{name}")).await.unwrap(), secret);
    }
    for (field, word) in [("other", "no such field"), ("id", "a string")] {
        let error = world.error(&format!("gcp:{regional}/8#{field}")).await;
        assert!(error.to_string().contains(word), "{error}");
    }
    let error = world.error("gcp:projects/p-1/secrets/s#field").await;
    assert!(error.to_string().contains("not a JSON object"), "{error}");
}

#[tokio::test]
async fn a_damaged_secret_is_not_used() {
    let (world, google) = on_a_machine().await;
    google.state().damage = 1;
    let error = world.error(REFERENCE).await;
    assert!(matches!(error.reason(), Reason::Unexpected(_)), "{error:?}");
    assert!(error.to_string().contains("damaged"), "{error}");
    google.state().without_checksum = true;
    assert_eq!(world.read(REFERENCE).await.unwrap(), "canary-1");
}

#[tokio::test]
async fn what_is_no_text_is_no_secret() {
    let (world, google) = on_a_machine().await;
    for (payload, word) in [(&b"\xff\xfe"[..], "UTF-8"), (b"", "empty"), (b"\n", "empty")] {
        google.state().secrets.insert("projects/p-1/secrets/s/versions/latest".to_owned(), payload.to_vec());
        let error = world.error(REFERENCE).await;
        assert!(error.to_string().contains(word), "{error}");
    }
}

#[tokio::test]
async fn each_refusal_says_what_it_is() {
    let (world, google) = on_a_machine().await;
    let error = world.error("gcp:projects/p-1/secrets/nowhere").await;
    assert_eq!(refusal(&error), (Refusal::Absent, 404, Some("NOT_FOUND")));
    for (status, code, text, expected, word) in [
        (
            400,
            "FAILED_PRECONDITION",
            "Secret Version [x] is in DISABLED state.",
            Refusal::Absent,
            "disabled or destroyed",
        ),
        (
            403,
            "PERMISSION_DENIED",
            "Permission 'secretmanager.versions.access' denied",
            Refusal::Denied,
            "secretAccessor",
        ),
        (429, "RESOURCE_EXHAUSTED", "Quota exceeded", Refusal::Unavailable, "can't answer"),
        (503, "UNAVAILABLE", "The service is currently unavailable.", Refusal::Unavailable, "can't answer"),
        (400, "INVALID_ARGUMENT", "Invalid resource name", Refusal::Other, "can't answer"),
    ] {
        google.state().refuses = Some((status, code, text));
        let error = world.error(REFERENCE).await;
        assert_eq!(refusal(&error), (expected, status, Some(code)));
        assert!(error.to_string().contains(word), "{error}");
        assert_eq!(error.is_transient(), expected == Refusal::Unavailable);
    }
    google.state().refuses = Some((400, "canary in place of a code", ""));
    assert_eq!(refusal(&world.error(REFERENCE).await), (Refusal::Other, 400, None));
}

#[tokio::test]
async fn no_token_no_secret() {
    let (world, google) = with_key().await;
    for (status, code, expected) in [
        (400, "invalid_grant", Refusal::Denied),
        (401, "invalid_client", Refusal::Denied),
        (503, "backend_error", Refusal::Unavailable),
    ] {
        google.state().refuses_tokens = Some((status, code));
        assert_eq!(refusal(&world.error(REFERENCE).await), (expected, status, Some(code)));
    }
    assert_eq!(google.state().accesses, 0);
    google.state().refuses_tokens = None;
    // Another account, which the key is not of.
    let mut file = google.key_file();
    file["client_email"] = json!("other@p-1.iam.gserviceaccount.com");
    world.set_to_file("GOOGLE_APPLICATION_CREDENTIALS", file.to_string());
    assert_eq!(refusal(&world.error(REFERENCE).await), (Refusal::Denied, 400, Some("invalid_grant")));
}

#[tokio::test]
async fn credentials_of_another_kind_are_refused_by_name() {
    let (world, google) = with_key().await;
    for kind in
        ["external_account", "authorized_user", "impersonated_service_account", "gdch_service_account"]
    {
        world.set_to_file(
            "GOOGLE_APPLICATION_CREDENTIALS",
            json!({ "type": kind, "x": "canary" }).to_string(),
        );
        let error = world.error(REFERENCE).await;
        assert!(matches!(error.reason(), Reason::Unsupported(_)), "{error:?}");
    }
    let mut other_key = google.key_file();
    other_key["private_key"] = json!("-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----\n");
    for content in ["canary", "{}", r#"{"type":"service_account"}"#, &other_key.to_string()] {
        world.set_to_file("GOOGLE_APPLICATION_CREDENTIALS", content);
        let error = world.error(REFERENCE).await;
        assert!(error.to_string().contains("GOOGLE_APPLICATION_CREDENTIALS is not the file"), "{error}");
    }
    let mut elsewhere = google.key_file();
    elsewhere["token_uri"] = json!("http://tokens.example.com/token");
    world.set_to_file("GOOGLE_APPLICATION_CREDENTIALS", elsewhere.to_string());
    assert!(matches!(world.error(REFERENCE).await.reason(), Reason::Insecure { .. }));
    assert_eq!(google.state().counts(), (0, 0));
}

#[tokio::test]
async fn a_machine_without_a_metadata_server_says_so() {
    let (world, _google) = on_a_machine().await;
    world.set("GCE_METADATA_HOST", "127.0.0.1:1");
    let error = world.error(REFERENCE).await;
    assert!(matches!(error.reason(), Reason::Unreachable { .. }), "{error:?}");
    assert!(error.to_string().contains("127.0.0.1:1 can't be reached"), "{error}");
    world.set("GCE_METADATA_HOST", "metadata.example.com");
    assert!(matches!(world.error(REFERENCE).await.reason(), Reason::Insecure { .. }));
}
