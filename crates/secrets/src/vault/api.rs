//! The HTTP API of Vault, as this process reaches it.

use std::path::Path;

use reqwest::{Method, RequestBuilder, Url};

use crate::http::{self, Http};
use crate::{Environment, Reason, Secret, file, payload};

/// The HTTP API of Vault.
pub(super) struct Api {
    pub(super) environment: Environment,
    pub(super) http: Http,
}

impl Api {
    /// Returns the token that was given to this process, if there is one. A file is read each time, because Vault's agent replaces
    /// the token there.
    pub(super) async fn given_token(&self) -> Result<Option<Secret>, Reason> {
        if let Some(token) = self.environment.variable("VAULT_TOKEN") {
            return payload::text(token).map(Some);
        }
        match self.environment.variable("VAULT_TOKEN_FILE") {
            Some(path) => {
                payload::pick(&file::read(Path::new(&path), self.environment.sharing()).await?, None)
                    .map(Some)
            }
            None => Ok(None),
        }
    }

    /// Starts a request to a path below `/v1/`, in the namespace of the environment.
    pub(super) fn request(
        &self,
        method: Method,
        path: &str,
        token: Option<&Secret>,
    ) -> Result<RequestBuilder, Reason> {
        let address =
            self.environment.required("VAULT_ADDR", "is not set: set it to the address of Vault")?;
        let mut url: Url = http::address("VAULT_ADDR", &address)?;
        url.path_segments_mut()
            .expect("an address with http or https has a path")
            .pop_if_empty()
            .push("v1")
            .extend(path.split('/'));
        // Vault's agent may require this header, against forged requests.
        let mut request = self.http.request(method, url)?.header("x-vault-request", "true");
        if let Some(namespace) = self.environment.variable("VAULT_NAMESPACE") {
            request = request.header("x-vault-namespace", namespace);
        }
        if let Some(token) = token {
            request = request.header("x-vault-token", http::sensitive(token.expose_secret())?);
        }
        Ok(request)
    }
}
