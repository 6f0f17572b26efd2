//! Client credentials by another way than HTTP.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use tollgate_client::{
    ClientAuthentication, ClientCredentials, Clock as _, Dialect, Fault, ObtainError, Sending, SystemClock,
    TokenSource, Transport,
};

use crate::issuer::Kept;

/// Answers what its script says, and keeps what was asked.
#[derive(Clone)]
struct Script {
    answer: fn(&str) -> Result<(u16, &'static str), Fault>,
    asked: Arc<Mutex<Vec<Request<Bytes>>>>,
}

impl Script {
    fn new(answer: fn(&str) -> Result<(u16, &'static str), Fault>) -> Self {
        Self { answer, asked: Arc::default() }
    }

    /// What was asked: the URI and the body.
    fn asked(&self) -> Vec<(String, String)> {
        let asked = self.asked.lock().unwrap();
        let text = |body: &Bytes| String::from_utf8(body.to_vec()).unwrap();
        asked.iter().map(|request| (request.uri().to_string(), text(request.body()))).collect()
    }

    fn credentials(&self, dialect: Dialect) -> ClientCredentials {
        let credentials = ClientCredentials::builder(dialect, Kept::new("client"), Kept::new("secret-1"));
        credentials.transport(self.clone()).build().unwrap()
    }
}

impl Transport for Script {
    fn send(&self, request: Request<Bytes>) -> Sending<'_> {
        let answer = (self.answer)(request.uri().path());
        self.asked.lock().unwrap().push(request);
        Box::pin(async move {
            let (status, body) = answer?;
            let mut response = Response::new(Bytes::from_static(body.as_bytes()));
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            Ok(response)
        })
    }
}

const GRANTED: &str =
    r#"{"success":true,"data":{"access_token":"access","refresh_token":"refresh","expires_in":900}}"#;

#[tokio::test]
async fn token_calls_go_by_the_transport_that_was_given() {
    let script = Script::new(|path| match path {
        "/base/api/v1/oauth2/token" => Ok((200, GRANTED)),
        _ => Ok((401, r#"{"success":false,"error":{"code":"INVALID_TOKEN","message":""}}"#)),
    });
    // Nobody listens there.
    let credentials = script.credentials(Dialect::payment_api("https://nowhere.invalid/base").unwrap());
    let clock = SystemClock::new();
    let before = clock.now();
    for _ in 0..2 {
        let token = credentials.obtain(&clock).await.unwrap();
        assert_eq!(token.expose_token(), "access");
        assert!(token.sent().monotonic >= before.monotonic);
    }
    let base = "https://nowhere.invalid/base/api/v1/oauth2";
    let secret = r#"{"grant_type":"client_credentials","client_id":"client","client_secret":"secret-1"}"#;
    let expected = [
        (format!("{base}/token"), secret.to_owned()),
        (format!("{base}/refresh"), r#"{"refresh_token":"refresh"}"#.to_owned()),
        (format!("{base}/token"), secret.to_owned()),
    ];
    assert_eq!(script.asked(), expected);
}

#[tokio::test]
async fn what_a_transport_says_is_judged_as_over_http() {
    let dialect = || Dialect::standard("https://nowhere.invalid/token", ClientAuthentication::Basic).unwrap();
    let error =
        async |answer| Script::new(answer).credentials(dialect()).obtain(&SystemClock::new()).await.err();
    let refused = error(|_| Ok((401, r#"{"error":"invalid_client"}"#))).await;
    let Some(ObtainError::RefusedClient(refusal)) = refused else { panic!("{refused:?}") };
    assert_eq!((refusal.status, refusal.code), (401, Some("invalid_client")));
    for (answer, expected) in [
        ((|_| Err(Fault::Timeout)) as fn(&str) -> _, Fault::Timeout),
        (|_| Ok((200, "no token")), Fault::Malformed),
    ] {
        let came = error(answer).await;
        let Some(ObtainError::Transient { fault, .. }) = came else { panic!("{came:?}") };
        assert_eq!(fault, expected);
    }
}
