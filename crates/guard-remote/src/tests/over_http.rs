//! Tests of calls over a real connection: where they go, and how much of an answer is read.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Mutex;

use super::*;

/// Answers each request with what `script` returns for its path.
fn serve(script: impl Fn(&str) -> String + Send + 'static) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let called = Arc::<Mutex<Vec<String>>>::default();
    let calls = called.clone();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let path = path(&stream);
            calls.lock().unwrap().push(path.clone());
            // A caller that has read enough has closed the connection.
            let _ = stream.write_all(script(&path).as_bytes());
        }
    });
    (url, called)
}

fn path(stream: &TcpStream) -> String {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let line = lines.next().unwrap_or_default();
    lines.take_while(|line| !line.is_empty()).for_each(drop);
    line.split(' ').nth(1).unwrap_or_default().to_owned()
}

fn answer(head: &str, body: &str) -> String {
    format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

/// Returns the first problem of a guard with this issuer.
async fn problem(issuer: &str) -> String {
    let verifier = RemoteVerifier::builder(issuer, AUDIENCE).without_revocations().start().unwrap();
    loop {
        if let Some(problem) = verifier.problem() {
            return problem.to_string();
        }
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (evil, called) = serve(|_| answer("200 OK", "{}"));
    let (issuer, _) = serve(move |_| answer(&format!("302 Found\r\nlocation: {evil}/metadata"), ""));
    assert!(problem(&issuer).await.contains("status 302"));
    assert!(called.lock().unwrap().is_empty());
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_to_its_end() {
    let endless = "a".repeat(600 * 1024);
    for head in ["HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n"] {
        let body = format!("{head}{endless}");
        let (issuer, _) = serve(move |_| body.clone());
        let problem = problem(&issuer).await;
        assert!(problem.contains("too long"), "{problem}");
    }
}

#[tokio::test]
async fn keys_come_over_a_connection_and_from_nowhere_else() {
    let key = key(1);
    let set = authority::published(std::slice::from_ref(&key)).to_string();
    let issuer = Arc::<Mutex<String>>::default();
    let name = issuer.clone();
    let (url, called) = serve(move |path| {
        let issuer = name.lock().unwrap().clone();
        match path {
            "/oauth2/jwks" => answer("200 OK", &set),
            _ => answer("200 OK", &format!(r#"{{"issuer":"{issuer}","jwks_uri":"{issuer}/oauth2/jwks"}}"#)),
        }
    });
    url.clone_into(&mut issuer.lock().unwrap());
    let verifier = RemoteVerifier::builder(url.as_str(), AUDIENCE).without_revocations().start().unwrap();
    verifier.ready().await;
    // The token was issued by another authority.
    let foreign = token(&key, tollgate_clock::SystemClock.now());
    assert_eq!(decide(&verifier, &foreign).await, refused(TokenError::Issuer));
    assert_eq!(*called.lock().unwrap(), ["/.well-known/oauth-authorization-server", "/oauth2/jwks"]);
}
