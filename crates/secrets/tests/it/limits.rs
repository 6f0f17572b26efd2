//! What no store can make a client do.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tollgate_secrets::Reason;

use crate::server::{Server, answer};
use crate::world::World;

const REFERENCE: &str = "vault:secret/tollgate#x";

fn at(address: &str) -> World {
    let world = World::new();
    world.set("VAULT_ADDR", address);
    world.set("VAULT_TOKEN", "canary-token");
    world
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let requests = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&requests);
    let server = Server::start(move |request| {
        counted.fetch_add(1, Ordering::Relaxed);
        let mut redirect = answer(302, "text/plain", "");
        redirect
            .headers_mut()
            .insert("location", format!("http://{}/", request.header("host").unwrap()).parse().unwrap());
        redirect
    })
    .await;
    let error = at(&server.url()).error(REFERENCE).await;
    assert!(matches!(error.reason(), Reason::Refused { status: 302, .. }), "{error:?}");
    assert_eq!(requests.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn an_answer_of_more_than_64_kib_is_not_read() {
    let server = Server::start(|_| answer(200, "application/json", "x".repeat(65 * 1024))).await;
    let error = at(&server.url()).error(REFERENCE).await;
    assert!(error.to_string().contains("64 KiB"), "{error}");
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_no_answer() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 4096]).await.unwrap();
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"data\":{\"data\":{\"x\":\"canary\"";
        tokio::io::AsyncWriteExt::write_all(&mut stream, head).await.unwrap();
    });
    let error = at(&format!("http://{address}")).error(REFERENCE).await;
    assert!(matches!(error.reason(), Reason::Unreachable { .. }), "{error:?}");
    assert!(error.is_transient());
    server.await.unwrap();
}

#[tokio::test]
async fn a_store_that_is_silent_is_given_up_after_five_seconds() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let world = at(&format!("http://{}", listener.local_addr().unwrap()));
    let source = world.open(REFERENCE).unwrap();
    tokio::time::pause();
    let start = tokio::time::Instant::now();
    let error = source.read().await.err().unwrap();
    assert!(matches!(error.reason(), Reason::Unreachable { .. }), "{error:?}");
    assert!(error.to_string().contains("within 5 s"), "{error}");
    assert_eq!(start.elapsed().as_secs(), 5);
}
