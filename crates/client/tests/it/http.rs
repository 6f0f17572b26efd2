//! Client credentials over real HTTP.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tollgate_client::{
    ClientAuthentication, ClientCredentials, Clock, Dialect, Fault, ObtainError, SystemClock, TokenSource,
};

use crate::authority::{TestClock, seconds};
use crate::issuer::{Issuer, Kept};
use crate::server::{Reply, Seen, Server};

async fn obtain(credentials: &ClientCredentials) -> Result<String, ObtainError> {
    credentials.obtain(&SystemClock::new()).await.map(|token| token.expose_token().to_owned())
}

/// Why no token is obtained from a server that answers like this.
async fn error(reply: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> ObtainError {
    let server = Server::start(reply);
    let dialect = Dialect::payment_api(&server.url()).unwrap();
    let credentials = ClientCredentials::builder(dialect, Kept::new("client"), Kept::new("secret-1"));
    obtain(&credentials.timeout(Duration::from_millis(300)).build().unwrap()).await.unwrap_err()
}

async fn fault(reply: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Fault {
    match error(reply).await {
        ObtainError::Transient { fault, .. } => fault,
        other => panic!("{other} is not transient"),
    }
}

#[tokio::test]
async fn the_secret_comes_first_and_the_refresh_token_after_it() {
    let issuer = Issuer::start();
    let credentials = issuer.credentials();
    for expected in ["access-s1", "access-r1", "access-r2"] {
        assert_eq!(obtain(&credentials).await.unwrap(), expected);
    }
    assert_eq!((issuer.id.reads(), issuer.secret.reads()), (1, 1));
    let bodies: Vec<_> = issuer.server.seen().into_iter().map(|seen| seen.body).collect();
    assert_eq!(
        bodies,
        [
            r#"{"grant_type":"client_credentials","client_id":"client","client_secret":"secret-1"}"#,
            r#"{"refresh_token":"refresh-1"}"#,
            r#"{"refresh_token":"refresh-1"}"#,
        ]
    );
}

#[tokio::test]
async fn the_life_of_a_token_counts_from_when_it_was_asked_for() {
    let clock = TestClock::new();
    let before = clock.now();
    let token = Issuer::start().credentials().obtain(&clock).await.unwrap();
    assert_eq!(token.lifetime(), seconds(900));
    assert!(token.expires().monotonic >= before.monotonic + seconds(900));
    assert!(token.expires().monotonic < clock.now().monotonic + seconds(900));
}

#[tokio::test]
async fn a_refresh_token_with_less_than_one_life_left_gives_way_to_the_secret() {
    let (issuer, clock) = (Issuer::start(), TestClock::new());
    let credentials = issuer.credentials();
    for (step, granted) in [(0, (1, 0)), (24 * 3_600 - 910, (1, 1)), (20, (2, 1)), (3_600, (2, 2))] {
        clock.step(step);
        credentials.obtain(&clock).await.unwrap();
        assert_eq!(issuer.granted(), granted, "after another {step} s");
    }
}

#[tokio::test]
async fn a_refused_refresh_token_gives_way_to_the_secret_at_once() {
    let issuer = Issuer::start();
    let credentials = issuer.credentials();
    obtain(&credentials).await.unwrap();
    issuer.known.lock().unwrap().refresh_token = None;
    assert_eq!(obtain(&credentials).await.unwrap(), "access-s2");
    assert_eq!(issuer.server.seen().len(), 3);
    assert_eq!(obtain(&credentials).await.unwrap(), "access-r1");
}

#[tokio::test]
async fn a_rotated_secret_is_read_anew_and_tried_at_once() {
    for standard in [false, true] {
        let issuer = Issuer::start();
        let url = format!("{}/oauth2/token", issuer.server.url());
        let credentials = if standard {
            issuer.credentials_on(Dialect::standard(&url, ClientAuthentication::Basic).unwrap())
        } else {
            issuer.credentials()
        };
        obtain(&credentials).await.unwrap();
        issuer.rotate("secret-2");
        issuer.known.lock().unwrap().id = "client-2".to_owned();
        issuer.id.set("client-2");
        issuer.secret.set("secret-2");
        assert_eq!(obtain(&credentials).await.unwrap(), "access-s2");
        assert_eq!((issuer.id.reads(), issuer.secret.reads()), (2, 2));
    }
}

#[tokio::test]
async fn an_unchanged_secret_is_refused_once_an_attempt() {
    let issuer = Issuer::start();
    issuer.secret.set("wrong");
    let credentials = issuer.credentials();
    for calls in 1..=3 {
        let error = obtain(&credentials).await.unwrap_err();
        let ObtainError::RefusedClient(refusal) = error else { panic!("{error}") };
        assert_eq!((refusal.status, refusal.code), (401, Some("INVALID_CLIENT")));
        assert_eq!(refusal.request_id.as_deref(), Some("req-1"));
        assert_eq!(issuer.server.seen().len(), calls);
    }
    issuer.secret.set("secret-1");
    obtain(&credentials).await.unwrap();
}

#[tokio::test]
async fn a_refresh_endpoint_that_fails_does_not_keep_the_secret_from_its_turn() {
    let n = AtomicUsize::new(0);
    let server = Server::start(move |seen| {
        if seen.target.ends_with("/refresh") {
            return Reply::json(500, "{}");
        }
        let n = n.fetch_add(1, Ordering::SeqCst);
        Reply::json(
            200,
            &format!(
                r#"{{"data":{{"access_token":"a{n}","refresh_token":"r","token_type":"Bearer","expires_in":900}}}}"#
            ),
        )
    });
    let dialect = Dialect::payment_api(&server.url()).unwrap();
    let credentials =
        ClientCredentials::builder(dialect, Kept::new("client"), Kept::new("s")).build().unwrap();
    assert_eq!(obtain(&credentials).await.unwrap(), "a0");
    obtain(&credentials).await.unwrap_err();
    assert_eq!(obtain(&credentials).await.unwrap(), "a1");
}

#[tokio::test]
async fn a_standard_endpoint_gets_the_client_by_basic_or_in_the_body() {
    for (authentication, basic) in [(ClientAuthentication::Basic, true), (ClientAuthentication::Post, false)]
    {
        let issuer = Issuer::start();
        // What form-encoding is for: a colon would end the id, a percent sign would begin an escape.
        let (id, secret) = ("a:b c", "100%+ü:&=");
        issuer.id.set(id);
        issuer.secret.set(secret);
        id.clone_into(&mut issuer.known.lock().unwrap().id);
        secret.clone_into(&mut issuer.known.lock().unwrap().secret);
        let url = format!("{}/oauth2/token", issuer.server.url());
        let credentials = issuer.credentials_on(Dialect::standard(&url, authentication).unwrap());
        for expected in ["access-s1", "access-r1", "access-r2"] {
            assert_eq!(obtain(&credentials).await.unwrap(), expected);
        }
        let seen = issuer.server.seen();
        assert!(seen.iter().all(|seen| seen.header("authorization").is_some() == basic));
        assert!(
            seen.iter().all(|seen| seen.header("content-type") == Some("application/x-www-form-urlencoded"))
        );
        assert!(seen.iter().all(|seen| seen.body.contains("client_secret") != basic));
    }
}

#[tokio::test]
async fn scopes_are_asked_for_where_they_are_set() {
    let issuer = Issuer::start();
    let url = format!("{}/oauth2/token", issuer.server.url());
    let faces = [
        (Dialect::payment_api(&issuer.server.url()).unwrap(), r#""scope":"a b""#),
        (Dialect::standard(&url, ClientAuthentication::Basic).unwrap(), "scope=a+b"),
    ];
    for (n, (dialect, expected)) in faces.into_iter().enumerate() {
        let credentials =
            ClientCredentials::builder(dialect, issuer.id.clone(), issuer.secret.clone()).scope("a b");
        obtain(&credentials.build().unwrap()).await.unwrap();
        assert!(issuer.server.seen()[n].body.contains(expected));
    }
}

#[tokio::test]
async fn an_answer_without_refresh_token_or_life_is_taken_for_five_minutes() {
    let server = Server::start(|_| Reply::json(200, r#"{"access_token":"abc","token_type":"Bearer"}"#));
    let dialect = Dialect::standard(&server.url(), ClientAuthentication::Basic).unwrap();
    let credentials =
        ClientCredentials::builder(dialect, Kept::new("client"), Kept::new("s")).build().unwrap();
    for calls in 1..=2 {
        let token = credentials.obtain(&SystemClock::new()).await.unwrap();
        assert_eq!(token.lifetime(), seconds(300));
        assert_eq!(server.seen().len(), calls);
        assert!(server.seen()[calls - 1].body.starts_with("grant_type=client_credentials"));
    }
}

#[tokio::test]
async fn what_may_pass_is_transient_and_the_pause_that_is_asked_for_is_kept() {
    for (status, headers, expected) in [
        (429, &[("retry-after", "7")][..], Some(7)),
        (503, &[("retry-after", "120")], Some(120)),
        (
            503,
            &[("date", "Sun, 06 Nov 1994 08:49:37 GMT"), ("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT")],
            Some(30),
        ),
        (503, &[("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT")], Some(0)),
        (503, &[("retry-after", "soon")], None),
        (500, &[], None),
        (404, &[], None),
        (400, &[], None),
    ] {
        let error = error(move |_| Reply::new(status, headers, "{}")).await;
        let ObtainError::Transient { fault: Fault::Status(refusal), retry_after } = error else {
            panic!("{error}")
        };
        assert_eq!((refusal.status, retry_after), (status, expected.map(seconds)));
    }
}

#[tokio::test]
async fn what_is_said_about_the_client_is_a_refusal_of_it() {
    for (status, body, code) in [
        (401, "<html>", None),
        (403, r#"{"error":{"code":"FORBIDDEN"}}"#, Some("FORBIDDEN")),
        (400, r#"{"error":{"code":"VALIDATION_ERROR"}}"#, Some("VALIDATION_ERROR")),
    ] {
        let error = error(move |_| Reply::json(status, body)).await;
        let ObtainError::RefusedClient(refusal) = error else { panic!("{error}") };
        assert_eq!((refusal.status, refusal.code), (status, code));
    }
}

#[tokio::test]
async fn what_is_no_token_response_is_transient() {
    for body in [
        "",
        "<html>maintenance</html>",
        "{}",
        r#"{"success":true,"data":{}}"#,
        r#"{"success":true,"data":{"access_token":"","token_type":"Bearer","expires_in":900}}"#,
        r#"{"success":true,"data":{"access_token":"a b","token_type":"Bearer","expires_in":900}}"#,
        r#"{"success":true,"data":{"access_token":"abc","token_type":"mac","expires_in":900}}"#,
        r#"{"success":true,"data":{"access_token":"abc","token_type":"Bearer","expires_in":-1}}"#,
        r#"{"success":true,"data":{"access_token":"abc","token_type":"Bearer","expires_in":"soon"}}"#,
        // The other dialect's answer.
        r#"{"access_token":"abc","token_type":"Bearer","expires_in":900}"#,
    ] {
        assert_eq!(fault(move |_| Reply::new(200, &[], body)).await, Fault::Malformed, "{body}");
    }
}

#[tokio::test]
async fn an_answer_has_a_bound() {
    let granted = r#"{"data":{"access_token":"abc","token_type":"Bearer","expires_in":900},"x":""#;
    let body = |length: usize| format!("{granted}{}\"}}", "x".repeat(length - granted.len() - 2));
    let (longest, too_long) = (body(64 * 1024), body(64 * 1024 + 1));
    assert_eq!(fault(move |_| Reply::json(200, &too_long)).await, Fault::TooLong);
    let server = Server::start(move |_| Reply::json(200, &longest));
    let dialect = Dialect::payment_api(&server.url()).unwrap();
    let credentials = ClientCredentials::builder(dialect, Kept::new("client"), Kept::new("s"));
    obtain(&credentials.build().unwrap()).await.unwrap();
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let other = Server::start(|_| Reply::json(200, "{}"));
    let location = other.url();
    let fault = fault(move |_| Reply::new(307, &[("location", &location)], "")).await;
    let Fault::Status(refusal) = fault else { panic!("{fault}") };
    assert_eq!(refusal.status, 307);
    assert!(other.seen().is_empty());
}

#[tokio::test]
async fn a_torn_answer_is_a_broken_connection() {
    let torn = b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"data\":{\"access_token\":\"abc\"".to_vec();
    let fault = fault(move |_| Reply::Bytes(torn.clone())).await;
    assert!(matches!(fault, Fault::Unreachable(_)), "{fault}");
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up() {
    assert_eq!(fault(|_| Reply::Silence).await, Fault::Timeout);
}

#[tokio::test]
async fn what_prevents_a_connection_is_told_in_the_words_of_the_system_or_of_tls() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let plain = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        std::io::Write::write_all(&mut listener.accept().unwrap().0, b"HTTP/1.1 400 x")
    });
    for (url, words) in [
        (format!("http://{nobody}"), "Connection refused"),
        (format!("https://{plain}"), "it doesn't speak TLS at this port"),
    ] {
        let dialect = Dialect::payment_api(&url).unwrap();
        let credentials = ClientCredentials::builder(dialect, Kept::new("client"), Kept::new("s"));
        let error = obtain(&credentials.build().unwrap()).await.unwrap_err().to_string();
        let begins = format!("no token from the authority: it can't be reached ({words}");
        assert!(error.starts_with(&begins), "{error}");
    }
}
