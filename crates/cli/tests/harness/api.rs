//! The Payment API as a merchant calls it.

use std::io;
use std::net::SocketAddr;

use serde_json::{Value, json};

use super::{Connection, Response};

pub(crate) const JSON: (&str, &str) = ("content-type", "application/json");
pub(crate) const CREATE: &str = "/api/v1/payment-requests:redirect";

/// Where the API is. Each call has a connection of its own.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Api(pub(crate) SocketAddr);

impl Api {
    pub(crate) fn request(
        self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> io::Result<Response> {
        Connection::open(self.0)?.request(method, path, headers, body)
    }

    pub(crate) fn get(self, path: &str) -> Response {
        self.request("GET", path, &[], "").unwrap()
    }

    /// Authenticates with a client's credentials.
    pub(crate) fn token(self, client_id: &str, client_secret: &str) -> Response {
        self.try_token(client_id, client_secret).unwrap()
    }

    /// Authenticates with a client's credentials; fails if the server dies meanwhile.
    pub(crate) fn try_token(self, client_id: &str, client_secret: &str) -> io::Result<Response> {
        let body = json!({ "client_id": client_id, "client_secret": client_secret }).to_string();
        self.request("POST", "/api/v1/oauth2/token", &[JSON], &body)
    }

    /// Obtains an access and a refresh token.
    pub(crate) fn tokens(self, client_id: &str, client_secret: &str) -> (String, String) {
        let data = self.token(client_id, client_secret).data();
        let token = |name: &str| data[name].as_str().unwrap().to_owned();
        (token("access_token"), token("refresh_token"))
    }

    pub(crate) fn refresh(self, refresh_token: &str) -> Response {
        let body = json!({ "refresh_token": refresh_token }).to_string();
        self.request("POST", "/api/v1/oauth2/refresh", &[JSON], &body).unwrap()
    }

    /// Lists payment requests.
    pub(crate) fn list(self, access_token: &str, query: &str) -> Response {
        self.try_list(access_token, query).unwrap()
    }

    /// Lists payment requests; fails if the server dies meanwhile.
    pub(crate) fn try_list(self, access_token: &str, query: &str) -> io::Result<Response> {
        let bearer = format!("Bearer {access_token}");
        let path = format!("/api/v1/payment-requests{query}");
        self.request("GET", &path, &[("authorization", &bearer)], "")
    }

    /// Every payment request of the merchant.
    pub(crate) fn list_all(self, access_token: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut query = "?limit=100".to_owned();
        loop {
            let page = self.list(access_token, &query).data();
            items.extend(page["items"].as_array().unwrap().iter().cloned());
            let Some(cursor) = page["next_cursor"].as_str() else { return items };
            query = format!("?limit=100&cursor={cursor}");
        }
    }

    /// Creates a payment request; fails if the server dies meanwhile.
    pub(crate) fn create(self, access_token: &str, key: &str, body: &str) -> io::Result<Response> {
        let bearer = format!("Bearer {access_token}");
        let headers = [("authorization", bearer.as_str()), JSON, ("idempotency-key", key)];
        self.request("POST", CREATE, &headers, body)
    }
}

/// The body of a payment request.
pub(crate) fn payment(reference: &str) -> String {
    json!({
        "amount": 1250,
        "currency": "EUR",
        "locale": "en-GB",
        "payment_reference": reference,
        "customer": { "name": "Ada Lovelace", "email": "ada@example.com" },
        "billing_address": {
            "address_line1": "12 St James Square", "city": "London", "postal_code": "SW1Y 4JH", "country": "GB",
        },
    })
    .to_string()
}
