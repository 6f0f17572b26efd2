//! HTTP/1.1 messages as bytes: requests built beforehand, answers parsed as far as their length.

use std::net::SocketAddr;

use memchr::memmem;

use crate::credentials::Credentials;

const TOKEN: &str = "/api/v1/oauth2/token";
const REFRESH: &str = "/api/v1/oauth2/refresh";
const CREATE: &str = "/api/v1/payment-requests:redirect";
const LIST: &str = "/api/v1/payment-requests";
const OAUTH_TOKEN: &str = "/oauth2/token";
const REVOKE: &str = "/oauth2/revoke";
/// A path whose handler does nothing, on servers of these benchmarks.
const EMPTY: &str = "/empty";

/// Stands in a request where `load` writes a number, another one in each request.
pub const NUMBER: &[u8; 16] = b"################";

/// Asks for tokens.
pub fn token(client: &Credentials) -> Vec<u8> {
    let Credentials { client_id, client_secret } = client;
    post(
        TOKEN,
        "",
        &format!(
            r#"{{"grant_type":"client_credentials","client_id":"{client_id}","client_secret":"{client_secret}"}}"#
        ),
    )
}

/// Asks for an access token of an audience, at the endpoint of RFC 6749.
pub fn token_for(client: &Credentials, audience: &str) -> Vec<u8> {
    let Credentials { client_id, client_secret } = client;
    let body = format!(
        "grant_type=client_credentials&client_id={client_id}&client_secret={client_secret}&audience={audience}"
    );
    form(OAUTH_TOKEN, &body)
}

/// Asks for a document.
pub fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\n{COMMON}\r\n").into_bytes()
}

/// Asks for the next access token.
pub fn refresh(refresh_token: &str) -> Vec<u8> {
    post(REFRESH, "", &format!(r#"{{"refresh_token":"{refresh_token}"}}"#))
}

/// Calls a guarded handler that does nothing.
pub fn guarded(access_token: &str) -> Vec<u8> {
    format!("GET {EMPTY} HTTP/1.1\r\n{COMMON}Authorization: Bearer {access_token}\r\n\r\n").into_bytes()
}

/// Asks the sandbox for payment requests, of which there are none.
pub fn list(access_token: &str) -> Vec<u8> {
    format!("GET {LIST} HTTP/1.1\r\n{COMMON}Authorization: Bearer {access_token}\r\n\r\n").into_bytes()
}

/// Is admitted by the guard, and refused by what is behind it.
pub fn refused(access_token: &str) -> Vec<u8> {
    format!("GET {LIST}?limit=x HTTP/1.1\r\n{COMMON}Authorization: Bearer {access_token}\r\n\r\n")
        .into_bytes()
}

/// Ends a token of the client's.
pub fn revoke(client: &Credentials, token: &str) -> Vec<u8> {
    let Credentials { client_id, client_secret } = client;
    form(REVOKE, &format!("client_id={client_id}&client_secret={client_secret}&token={token}"))
}

/// Creates a payment request under an idempotency key of its own.
pub fn create(access_token: &str) -> Vec<u8> {
    let number = String::from_utf8_lossy(NUMBER);
    let headers = format!("Authorization: Bearer {access_token}\r\nIdempotency-Key: {number}\r\n");
    post(CREATE, &headers, PAYMENT)
}

/// Creates a payment request by an agent at this address, which adds token and key.
pub fn forwarded(agent: SocketAddr) -> Vec<u8> {
    let length = PAYMENT.len();
    format!(
        "POST {CREATE} HTTP/1.1\r\nHost: {agent}\r\nUser-Agent: tollgate-bench\r\nAccept: application/json\r\n\
         X-Tollgate-Agent: 1\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{PAYMENT}"
    )
    .into_bytes()
}

/// A payment request.
const PAYMENT: &str = concat!(
    r#"{"amount":1250,"currency":"EUR","locale":"en-GB","payment_reference":"ORDER1","#,
    r#""customer":{"name":"Ada Lovelace","email":"ada@example.com"},"#,
    r#""billing_address":{"address_line1":"12 St James Square","city":"London","postal_code":"SW1Y 4JH","country":"GB"}}"#
);

/// The headers that every request has.
const COMMON: &str = "Host: 127.0.0.1:8080\r\nUser-Agent: tollgate-bench\r\nAccept: application/json\r\n";

fn form(path: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\n{COMMON}Content-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

fn post(path: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\n{COMMON}{headers}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// The head of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The HTTP status.
    pub status: u16,
    /// Where the body begins.
    pub body_at: usize,
    /// The length of head and body.
    pub len: usize,
}

/// Reads the head at the front of `bytes`; `None` while it is not whole.
///
/// A body without `Content-Length` counts as empty: no server that is measured sends one.
pub fn head(bytes: &[u8]) -> Option<Head> {
    let end = memmem::find(bytes, b"\r\n\r\n")?;
    let status = digits(bytes.get(9..12)?);
    let length =
        memmem::find(&bytes[..end], b"\r\ncontent-length: ").map_or(0, |at| digits(&bytes[at + 18..]));
    Some(Head { status: u16::try_from(status).unwrap_or(0), body_at: end + 4, len: end + 4 + length })
}

fn digits(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|b| b.is_ascii_digit()).fold(0, |n, b| n * 10 + usize::from(b - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_tells_the_length_of_the_answer() {
        let answer = b"HTTP/1.1 401 Unauthorized\r\ncontent-type: a\r\ncontent-length: 12\r\ndate: x\r\n\r\nhello, world";
        assert_eq!(head(answer), Some(Head { status: 401, body_at: answer.len() - 12, len: answer.len() }));
        assert_eq!(head(&answer[..30]), None);
        assert_eq!(
            head(b"HTTP/1.1 204 No Content\r\n\r\n"),
            Some(Head { status: 204, body_at: 27, len: 27 })
        );
    }
}
