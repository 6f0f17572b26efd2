//! The file of another authority's clients.

use std::fs;
use std::path::Path;
use std::str::FromStr;

use zeroize::Zeroizing;

use super::line::Line;
use super::{csv, hydra, keycloak};
use crate::file_error::FileError;

/// The software that wrote a file of clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Keycloak: an export of a realm, or an array of its clients.
    Keycloak,
    /// Ory Hydra: rows of its table of clients.
    Hydra,
    /// Any other software, as CSV.
    Csv,
}

impl Source {
    /// Every kind of source.
    pub const ALL: [Self; 3] = [Self::Keycloak, Self::Hydra, Self::Csv];

    /// Returns the name, as the command line and labels have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Keycloak => "keycloak",
            Self::Hydra => "hydra",
            Self::Csv => "csv",
        }
    }
}

impl FromStr for Source {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|source| source.name() == text).ok_or("expected keycloak, hydra or csv")
    }
}

/// Options for reading a file.
#[derive(Debug, Clone, Copy)]
pub struct Reading<'a> {
    /// The software that wrote it.
    pub source: Source,
    /// The member or the column that names a client's merchant, if there is one.
    pub merchant_from: Option<&'a str>,
    /// Whether Keycloak's optional client scopes are imported as well.
    pub optional_scopes: bool,
}

/// Reads a file. The error concerns all of it.
pub fn read(file: &Path, how: Reading<'_>) -> Result<Vec<Line>, FileError> {
    let text = fs::read_to_string(file).map(Zeroizing::new);
    let text = text.map_err(|error| FileError::unreadable(file, error))?;
    // Some programs write a byte order mark before the text.
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let lines = match how.source {
        Source::Keycloak => keycloak::read(text, how.merchant_from, how.optional_scopes),
        Source::Hydra => hydra::read(text, how.merchant_from),
        Source::Csv => csv::read(text, how.merchant_from),
    };
    lines.map_err(|problem| FileError::wrong(file, problem))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tollgate_admin::import::OldClient;

    use super::*;

    /// Returns the ids of the clients that are imported, and why the others are left out.
    fn outcomes(lines: &[Line]) -> Vec<String> {
        let outcome = |line: &Line| match &line.client {
            Ok(client) => client.id.clone(),
            Err(reason) => format!("{} {}: {reason}", line.at, line.id),
        };
        lines.iter().map(outcome).collect()
    }

    fn of(line: &Line) -> &OldClient {
        line.client.as_ref().unwrap()
    }

    fn keycloak_client(change: &Value) -> Value {
        let mut client = json!({
            "id": "5f0c1a52-7d0e-4c1b-9a55-0b3f1f6f2c11", "clientId": "shop-till", "name": "Till", "enabled": true,
            "clientAuthenticatorType": "client-secret", "secret": "IEOHp0cJ7Xw4jv2kO9mA3zLq8RrTtYyU",
            "serviceAccountsEnabled": true, "publicClient": false, "bearerOnly": false, "protocol": "openid-connect",
            "attributes": {"merchant": "Shop", "client.secret.creation.time": "1700000000"},
            "defaultClientScopes": ["web-origins", "payments:read"], "optionalClientScopes": ["payments:write"],
        });
        for (name, value) in change.as_object().unwrap() {
            client[name] = value.clone();
        }
        client
    }

    #[test]
    fn of_an_export_of_keycloak_confidential_clients_with_service_accounts_are_taken() {
        let clients = [
            json!({}),
            json!({"name": "${client_account}"}),
            json!({"enabled": false}),
            json!({"publicClient": true}),
            json!({"bearerOnly": true}),
            json!({"serviceAccountsEnabled": false}),
            json!({"protocol": "saml"}),
            json!({"clientAuthenticatorType": "client-jwt"}),
            json!({"secret": null}),
            json!({"secret": "**********"}),
            json!({"secret": "${vault.till}"}),
            json!({"secret": "short"}),
            json!({"clientId": null}),
        ];
        let clients: Vec<Value> = clients.each_ref().map(keycloak_client).into();
        let export = json!({"realm": "shops", "clients": clients}).to_string();
        let lines = keycloak::read(&export, Some("attributes.merchant"), false).unwrap();
        assert_eq!(
            outcomes(&lines),
            [
                "shop-till",
                "shop-till",
                "clients[2] shop-till: it is disabled",
                "clients[3] shop-till: it is public, and has no secret",
                "clients[4] shop-till: it only takes tokens (bearerOnly)",
                "clients[5] shop-till: it has no service account (serviceAccountsEnabled), so it obtains no tokens by itself",
                "clients[6] shop-till: its protocol is saml",
                "clients[7] shop-till: it authenticates by client-jwt, not by a secret",
                "clients[8] shop-till: the export has no secret of it",
                "clients[9] shop-till: its secret is masked: `kc.sh export` writes it, the export of the admin console does not",
                "clients[10] shop-till: its secret is a reference to a vault",
                "clients[11] shop-till: its secret must have 16 to 512 characters, all of them visible ASCII or spaces",
                "clients[12] : it has no clientId",
            ]
        );
        let (named, unnamed) = (of(&lines[0]), of(&lines[1]));
        assert_eq!((named.name.as_str(), unnamed.name.as_str()), ("Till", "shop-till"));
        assert_eq!(
            (named.merchant.as_deref(), named.scope.join(" ")),
            (Some("Shop"), "web-origins payments:read".to_owned())
        );
        let all = keycloak::read(&export, None, true).unwrap();
        assert_eq!((of(&all[0]).scope.len(), &of(&all[0]).merchant), (3, &None));
        let (realms, array) = (json!([{"clients": clients}, {"clients": []}]), json!(clients));
        for (other, at) in [(realms, "[0].clients[2]"), (array, "[2]")] {
            assert_eq!(keycloak::read(&other.to_string(), None, false).unwrap()[2].at, at);
        }
        assert!(
            keycloak::read("{}", None, false).is_err() && keycloak::read("clients", None, false).is_err()
        );
    }

    #[test]
    fn what_decides_and_cant_be_read_is_not_taken_for_what_is_not_there() {
        for (change, reason) in [
            (json!({"enabled": "false"}), "its enabled is neither true nor false"),
            (json!({"publicClient": 1}), "its publicClient is neither true nor false"),
            (json!({"bearerOnly": "yes"}), "its bearerOnly is neither true nor false"),
            (json!({"serviceAccountsEnabled": []}), "its serviceAccountsEnabled is neither true nor false"),
            (json!({"protocol": ["saml"]}), "its protocol is no text"),
            (
                json!({"clientAuthenticatorType": {"client-jwt": true}}),
                "its clientAuthenticatorType is no text",
            ),
        ] {
            let export = json!({"clients": [keycloak_client(&change)]}).to_string();
            let lines = keycloak::read(&export, None, false).unwrap();
            assert_eq!(outcomes(&lines), [format!("clients[0] shop-till: {reason}")]);
        }
    }

    const HASH: &str =
        "$pbkdf2-sha256$i=25000,l=32$1jP+5Zxpxgtee/iPxGgOzw$QJxzfvdbHYBpydCbHoFg3GJEqMFULwskiuqiJctoYpI";

    #[test]
    fn of_the_rows_of_hydra_those_that_obtain_tokens_by_a_secret_are_taken() {
        let row = |change: &Value| {
            let mut row = json!({
                "id": "0191e0a1-5c3b-7def-8123-456789abcdef", "client_name": "", "client_secret": HASH,
                "scope": "payments:read offline", "owner": "Shop", "grant_types": ["client_credentials"],
                "token_endpoint_auth_method": "client_secret_basic", "metadata": {"merchant": {"id": 7}},
            });
            for (name, value) in change.as_object().unwrap() {
                row[name] = value.clone();
            }
            row
        };
        let rows = [
            json!({}),
            // As columns of version 1 hold them, and as JSON in a text.
            json!({"grant_types": "authorization_code|client_credentials", "metadata": "{\"merchant\":{\"id\":[\"x\"]}}"}),
            json!({"grant_types": "[\"client_credentials\"]", "client_secret": "$2a$10$o6hx.Wog/wvFSkT/Bp/6DOxCtLRTDj7lm9on9suF/WaCGNVHbkfL6"}),
            json!({"grant_types": ["authorization_code", "refresh_token"]}),
            json!({"token_endpoint_auth_method": "private_key_jwt"}),
            json!({"client_secret": ""}),
            json!({"client_secret": "$argon2id$v=19$m=32,t=2,p=4$c2FsdA$aGFzaA"}),
            json!({"id": null}),
            json!({"token_endpoint_auth_method": ["private_key_jwt"]}),
        ];
        let rows: Vec<Value> = rows.each_ref().map(row).into();
        let array = json!(rows).to_string();
        let lines = hydra::read(&array, Some("metadata.merchant.id")).unwrap();
        let id = "0191e0a1-5c3b-7def-8123-456789abcdef";
        assert_eq!(
            outcomes(&lines),
            [
                id.to_owned(),
                id.to_owned(),
                id.to_owned(),
                format!(
                    "[3] {id}: its grant types (authorization_code refresh_token) are without client_credentials"
                ),
                format!("[4] {id}: it authenticates by private_key_jwt, not by a secret"),
                format!("[5] {id}: it has no client_secret"),
                format!(
                    "[6] {id}: its hash must be a hash by bcrypt ($2a$, $2b$, $2y$) or by PBKDF2 ($pbkdf2-sha256$, $pbkdf2-sha512$)"
                ),
                "[7] : it has no id".to_owned(),
                format!("[8] {id}: its token_endpoint_auth_method is no text"),
            ]
        );
        let merchants: Vec<_> = lines[..2].iter().map(|line| of(line).merchant.as_deref()).collect();
        assert_eq!((merchants, of(&lines[0]).name.as_str()), (vec![Some("7"), Some("x")], id));
        let each: Vec<String> = rows.iter().map(Value::to_string).collect();
        assert_eq!(outcomes(&hydra::read(&each.join("\n"), None).unwrap()), outcomes(&lines));
        assert!(hydra::read("{\"items\":[]}", None).unwrap_err().contains("hydra list clients"));
        assert!(hydra::read("7", None).is_err() && hydra::read("[", None).is_err());
    }

    #[test]
    fn a_csv_file_has_a_secret_or_a_hash_in_each_line() {
        let file = format!(
            "client_id,name,secret,secret_hash,scope,merchant,environment\n\
             a,\"Till, north\",0123456789abcdef,,payments:read payments:write,Shop,live\n\
             b,,,{},,,\n\
             ,x,0123456789abcdef,,,,\n\
             c,,0123456789abcdef,\"{HASH}\",,,\n\
             d,,,,,,\n\
             e,,0123456789abcdef,,,,prod\n\
             f,,\"a \"\"secret\"\" of\ntwo lines\",,,,\n",
            format_args!("\"{HASH}\"")
        );
        let lines = csv::read(&file, None).unwrap();
        assert_eq!(
            outcomes(&lines),
            [
                "a",
                "b",
                "line 4 : it has no client_id",
                "line 5 c: it has a secret and a hash: leave out one of them",
                "line 6 d: it has no secret",
                "line 7 e: an environment is `test` or `live`",
                "line 8 f: its secret must have 16 to 512 characters, all of them visible ASCII or spaces",
            ]
        );
        let (a, b) = (of(&lines[0]), of(&lines[1]));
        assert_eq!((a.name.as_str(), a.scope.len(), a.merchant.as_deref()), ("Till, north", 2, Some("Shop")));
        assert_eq!((b.name.as_str(), b.scope.len(), b.merchant.as_deref()), ("b", 0, None));
        for (file, said) in [
            ("client_id,name\na,b\n", "secret_hash"),
            ("name,secret\na,b\n", "client_id"),
            ("client_id,secret,secret\n", "two columns are called secret"),
            ("client_id,secret\na,b,c\n", "record 1"),
        ] {
            assert!(csv::read(file, None).unwrap_err().contains(said), "{file}");
        }
        assert!(csv::read("client_id,secret\n", Some("owner")).unwrap_err().contains("owner"));
        assert_eq!(
            of(&csv::read("client_id,secret,owner\na,0123456789abcdef,Shop\n", Some("owner")).unwrap()[0])
                .merchant
                .as_deref(),
            Some("Shop")
        );
    }
}
