//! Tests of TLS: the protocol that it chooses, and the errors for unusable files.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::http2::{Sent, handshake, text};
use super::{LAST, Peer, Server, assert_refused, echo};
use crate::{Certificate, Limits, TlsError};

/// A new certificate for `localhost` in files.
struct Pair {
    _dir: TempDir,
    cert: PathBuf,
    key: PathBuf,
    roots: RootCertStore,
}

fn pair() -> Pair {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (cert, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    Pair { _dir: dir, cert, key, roots }
}

async fn start(pair: &Pair, limits: Limits) -> Server {
    let tls = Certificate::load(&pair.cert, &pair.key).unwrap().tls();
    Server::start_with(limits, Some(tls), tower::service_fn(echo)).await
}

async fn connect(server: &Server, pair: &Pair, alpn: &[&str]) -> TlsStream<TcpStream> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(pair.roots.clone())
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    let stream = TcpStream::connect(server.addr).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
}

#[tokio::test]
async fn a_client_that_knows_both_gets_http2() {
    let pair = pair();
    let server = start(&pair, Limits::default()).await;
    let stream = connect(&server, &pair, &["http/1.1", "h2"]).await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut sender, connection) = handshake(stream).await;
    tokio::spawn(connection);
    let request = http::Request::post("https://localhost/x").body(Sent::from("body")).unwrap();
    let response = sender.send_request(request).await.unwrap();
    assert_eq!(text(response).await, "POST https://localhost/x body");
}

#[tokio::test]
async fn others_get_http_1_1() {
    let pair = pair();
    let server = start(&pair, Limits::default()).await;
    for alpn in [&["http/1.1"][..], &[]] {
        let mut peer = Peer(connect(&server, &pair, alpn).await);
        assert!(peer.exchange(LAST).await.ends_with("GET /last "));
        let mut peer = Peer(connect(&server, &pair, alpn).await);
        assert_refused(&peer.exchange("nonsense\r\n\r\n").await, 400, "VALIDATION_ERROR");
    }
}

#[tokio::test]
async fn a_handshake_that_does_not_begin_is_not_waited_for() {
    let pair = pair();
    let limits = Limits { first_byte: Duration::from_millis(50), ..Limits::default() };
    let server = start(&pair, limits).await;
    assert_eq!(server.connect().await.rest().await, "");
}

#[test]
fn errors_name_the_file_and_the_remedy() {
    let (ours, other) = (pair(), pair());
    let missing = Path::new("/nowhere/cert.pem");
    let error = Certificate::load(missing, &ours.key).unwrap_err();
    assert!(matches!(error, TlsError::Certificate { .. }));
    assert!(error.to_string().contains("/nowhere/cert.pem"), "{error}");

    // A key file contains no certificate, and a certificate file no key.
    assert!(matches!(Certificate::load(&ours.key, &ours.key), Err(TlsError::Certificate { .. })));
    assert!(matches!(Certificate::load(&ours.cert, &ours.cert), Err(TlsError::Key { .. })));
    assert!(matches!(Certificate::load(&ours.cert, missing), Err(TlsError::Key { .. })));

    let error = Certificate::load(&ours.cert, &other.key).unwrap_err();
    assert!(matches!(error, TlsError::Pair { .. }));
    assert!(error.to_string().contains("issued for"), "{error}");
}

#[tokio::test]
async fn a_certificate_is_exchanged_while_it_is_served() {
    let (first, second) = (pair(), pair());
    let certificate = Certificate::load(&first.cert, &first.key).unwrap();
    let server =
        Server::start_with(Limits::default(), Some(certificate.tls()), tower::service_fn(echo)).await;
    let shown = |stream: &TlsStream<TcpStream>| stream.get_ref().1.peer_certificates().unwrap()[0].clone();
    let before = connect(&server, &first, &["http/1.1"]).await;
    let of_first = shown(&before);
    // A pair that does not fit leaves the old one in force.
    assert!(certificate.replace(&second.cert, &first.key).is_err());
    assert_eq!(shown(&connect(&server, &first, &["http/1.1"]).await), of_first);
    certificate.replace(&second.cert, &second.key).unwrap();
    assert_ne!(shown(&connect(&server, &second, &["http/1.1"]).await), of_first);
}
