//! `aws:`

use tollgate_secrets::{Reason, Refusal};

use crate::fakes::aws::{ARN, Aws, KEY, KEY_ID, ROLE};
use crate::world::{World, read, refusal};

async fn without_credentials() -> (World, Aws) {
    let world = World::new();
    let aws = Aws::start(&world).await;
    (world, aws)
}

async fn with_keys() -> (World, Aws) {
    let (world, aws) = without_credentials().await;
    world.set("AWS_ACCESS_KEY_ID", KEY_ID);
    world.set("AWS_SECRET_ACCESS_KEY", KEY);
    (world, aws)
}

#[tokio::test]
async fn a_secret_is_read_anew_each_time_by_the_keys_of_the_environment() {
    let (world, aws) = with_keys().await;
    let source = world.open("aws:plain").unwrap();
    assert_eq!(read(&*source).await.unwrap(), "canary-1");
    let rotated = serde_json::json!({ "SecretString": "canary-rotated \"é\"" });
    aws.state().secrets.insert("plain".to_owned(), rotated);
    assert_eq!(read(&*source).await.unwrap(), "canary-rotated \"é\"");
    // New keys in the environment count at once.
    aws.state()
        .keys
        .insert("AKIDOTHER".to_owned(), ("canary-other".to_owned(), Some("canary-session".to_owned())));
    world.set("AWS_ACCESS_KEY_ID", "AKIDOTHER");
    world.set("AWS_SECRET_ACCESS_KEY", "canary-other");
    world.set("AWS_SESSION_TOKEN", "canary-session");
    assert_eq!(read(&*source).await.unwrap(), "canary-rotated \"é\"");
}

#[tokio::test]
async fn fields_binaries_and_arns_are_read() {
    let (world, aws) = with_keys().await;
    world.unset("AWS_REGION");
    assert_eq!(world.read(&format!("aws:{ARN}#client_secret")).await.unwrap(), "canary-field");
    assert!(world.error("aws:plain").await.to_string().contains("AWS_REGION is not set"));
    world.set("AWS_DEFAULT_REGION", "eu-west-1");
    assert_eq!(world.read("aws:binary").await.unwrap(), "canary-binary");
    assert_eq!(world.read("aws:prod/tollgate#client_secret").await.unwrap(), "canary-field");
    assert!(world.error("aws:prod/tollgate#port").await.to_string().contains("a string"));
    assert!(world.error("aws:plain#port").await.to_string().contains("not a JSON object"));
    aws.state().secrets.insert("plain".to_owned(), serde_json::json!({}));
    assert!(matches!(world.error("aws:plain").await.reason(), Reason::Unexpected(_)));
}

#[tokio::test]
async fn a_wrong_key_region_or_clock_is_refused_as_aws_does() {
    let (world, aws) = with_keys().await;
    world.set("AWS_SECRET_ACCESS_KEY", "canary-wrong");
    let error = world.error("aws:plain").await;
    assert_eq!(refusal(&error), (Refusal::Denied, 400, Some("InvalidSignatureException")));
    assert!(error.to_string().contains("AWS_SECRET_ACCESS_KEY and the clock"), "{error}");
    world.set("AWS_SECRET_ACCESS_KEY", KEY);
    world.set("AWS_REGION", "us-east-1");
    assert_eq!(refusal(&world.error("aws:plain").await).2, Some("InvalidSignatureException"));
    world.set("AWS_REGION", "eu-west-1");
    world.set("AWS_ACCESS_KEY_ID", "AKIDUNKNOWN");
    assert_eq!(refusal(&world.error("aws:plain").await).2, Some("UnrecognizedClientException"));
    world.unset("AWS_SECRET_ACCESS_KEY");
    assert!(world.error("aws:plain").await.to_string().contains("AWS_SECRET_ACCESS_KEY is not set"));
    assert_eq!(aws.state().reads, 3);
}

#[tokio::test]
async fn an_instance_gets_credentials_for_its_role() {
    let (world, aws) = without_credentials().await;
    let source = world.open("aws:plain").unwrap();
    assert_eq!(read(&*source).await.unwrap(), "canary-1");
    assert_eq!(
        aws.state().paths,
        [
            "PUT /latest/api/token",
            "GET /latest/meta-data/iam/security-credentials/",
            "GET /latest/meta-data/iam/security-credentials/tollgate-role",
            "POST /",
        ]
    );
    aws.state().has_role = false;
    let error = world.error("aws:plain").await;
    assert_eq!(refusal(&error), (Refusal::Absent, 404, None));
    assert!(error.to_string().contains("attach a role"), "{error}");
    world.set("AWS_EC2_METADATA_DISABLED", "TRUE");
    assert!(world.error("aws:plain").await.to_string().contains("AWS_ACCESS_KEY_ID is not set"));
}

#[tokio::test]
async fn credentials_are_kept_until_five_minutes_before_their_end() {
    let (world, aws) = without_credentials().await;
    let source = world.open("aws:plain").unwrap();
    for (after, issued) in [(0, 1), (3299, 1), (1, 2), (3299, 2), (100_000, 3)] {
        world.advance(after);
        assert_eq!(read(&*source).await.unwrap(), "canary-1");
        assert_eq!(aws.state().issued, issued, "after {after}");
    }
}

#[tokio::test]
async fn credentials_that_are_refused_are_exchanged_once() {
    let (world, aws) = without_credentials().await;
    let source = world.open("aws:plain").unwrap();
    assert_eq!(read(&*source).await.unwrap(), "canary-1");
    aws.state().keys.clear();
    assert_eq!(read(&*source).await.unwrap(), "canary-1");
    assert_eq!(aws.state().counts(), (2, 3));
    aws.state().refuses = Some((400, "ExpiredTokenException"));
    assert_eq!(refusal(&read(&*source).await.unwrap_err()).2, Some("ExpiredTokenException"));
    assert_eq!(aws.state().counts(), (3, 5));
}

#[tokio::test]
async fn a_container_gets_credentials_for_its_token() {
    let (world, aws) = without_credentials().await;
    world.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{}/container", aws.server.url()));
    let error = world.error("aws:plain").await;
    assert_eq!(refusal(&error), (Refusal::Other, 400, None));
    world.set("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Basic canary-container-token");
    assert_eq!(world.read("aws:plain").await.unwrap(), "canary-1");
    // The file counts before the variable, and is read anew: pods exchange it.
    aws.state().container_token = "canary-from-a-file".to_owned();
    world.set_to_file("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "canary-from-a-file\n");
    assert_eq!(world.read("aws:plain").await.unwrap(), "canary-1");
    world.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://credentials.example.com/");
    assert!(matches!(world.error("aws:plain").await.reason(), Reason::Insecure { .. }));
}

#[tokio::test]
async fn a_web_identity_gets_credentials_for_its_role() {
    let (world, aws) = without_credentials().await;
    world.set_to_file("AWS_WEB_IDENTITY_TOKEN_FILE", "canary.old.identity");
    assert!(world.error("aws:plain").await.to_string().contains("AWS_ROLE_ARN is not set"));
    world.set("AWS_ROLE_ARN", ROLE);
    let error = world.error("aws:plain").await;
    assert_eq!(refusal(&error), (Refusal::Denied, 400, Some("InvalidIdentityToken")));
    world.set_to_file("AWS_WEB_IDENTITY_TOKEN_FILE", "canary.web.identity\n");
    let source = world.open("aws:plain").unwrap();
    for _ in 0..2 {
        assert_eq!(read(&*source).await.unwrap(), "canary-1");
    }
    assert_eq!(aws.state().issued, 1);
    world.set("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/other");
    assert_eq!(refusal(&world.error("aws:plain").await), (Refusal::Denied, 403, Some("AccessDenied")));
}

#[tokio::test]
async fn keys_of_the_environment_count_before_everything_else_and_profiles_are_refused() {
    let (world, aws) = with_keys().await;
    world.set("AWS_PROFILE", "payments");
    world.set_to_file("AWS_WEB_IDENTITY_TOKEN_FILE", "canary.web.identity");
    assert_eq!(world.read("aws:plain").await.unwrap(), "canary-1");
    world.unset("AWS_ACCESS_KEY_ID");
    let error = world.error("aws:plain").await;
    assert!(matches!(error.reason(), Reason::Unsupported(_)), "{error:?}");
    assert_eq!(aws.state().issued, 0);
}

#[tokio::test]
async fn each_refusal_says_what_it_is() {
    let (world, aws) = with_keys().await;
    let error = world.error("aws:nowhere").await;
    assert_eq!(refusal(&error), (Refusal::Absent, 400, Some("ResourceNotFoundException")));
    for (status, code, expected, word) in [
        (400, "InvalidRequestException", Refusal::Absent, "deletion"),
        (400, "AccessDeniedException", Refusal::Denied, "GetSecretValue"),
        (400, "DecryptionFailure", Refusal::Denied, "kms:Decrypt"),
        (400, "ThrottlingException", Refusal::Unavailable, "try again"),
        (500, "InternalServiceError", Refusal::Unavailable, "try again"),
        (500, "com.amazonaws.secretsmanager#InternalServiceError", Refusal::Unavailable, "try again"),
        (400, "ValidationException", Refusal::Other, "refuses"),
    ] {
        aws.state().refuses = Some((status, code));
        let error = world.error("aws:plain").await;
        let code = code.rsplit('#').next();
        assert_eq!(refusal(&error), (expected, status, code));
        assert!(error.to_string().contains(word), "{error}");
    }
    aws.state().refuses = Some((500, "canary in place of a code"));
    assert_eq!(refusal(&world.error("aws:plain").await), (Refusal::Unavailable, 500, None));
}

#[tokio::test]
async fn the_own_address_of_a_service_counts_before_the_common_one() {
    let (world, aws) = with_keys().await;
    world.set("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
    world.set("AWS_ENDPOINT_URL_SECRETS_MANAGER", aws.server.url());
    assert_eq!(world.read("aws:plain").await.unwrap(), "canary-1");
    world.set("AWS_ENDPOINT_URL_SECRETS_MANAGER", "127.0.0.1");
    assert!(world.error("aws:plain").await.to_string().contains("AWS_ENDPOINT_URL_SECRETS_MANAGER is not"));
}
