//! Making clients and secrets.

use std::path::{Path, PathBuf};
use std::{fs, io};

use serde::{Deserialize, Serialize};
use tollgate_core::{
    ClientId, ClientSecret, Environment, Generation, MerchantId, Scope, SecretHasher, SecretId, Timestamp,
};
use tollgate_store::{Client, Secret, Status};
use zeroize::Zeroizing;

/// What a caller needs, in the file that `tollgate dev` writes. The file itself is a valid token request.
#[derive(Serialize, Deserialize)]
pub(crate) struct Credentials {
    pub(crate) base_url: String,
    pub(crate) merchant_id: MerchantId,
    pub(crate) client_id: ClientId,
    pub(crate) client_secret: String,
}

impl Credentials {
    /// Where the file is in a `dev` folder.
    pub(crate) fn path(data: &Path) -> PathBuf {
        data.join("credentials.json")
    }

    /// Reads the file in a `dev` folder.
    pub(crate) fn read(data: &Path) -> io::Result<Self> {
        let json = Zeroizing::new(fs::read(Self::path(data))?);
        // What the parser says might show a part of the secret.
        serde_json::from_slice(&json).map_err(|_| io::ErrorKind::InvalidData.into())
    }
}

/// A new client, and its secret.
pub(crate) struct NewClient {
    pub(crate) merchant_id: Option<MerchantId>,
    pub(crate) name: String,
    pub(crate) environment: Environment,
    pub(crate) scope: Scope,
    pub(crate) addresses: Vec<ipnet::IpNet>,
}

impl NewClient {
    /// Draws its id and its first secret.
    pub(crate) fn draw(self, hasher: &SecretHasher, now: Timestamp) -> (Client, ClientSecret) {
        let id = ClientId::random(&mut rand::rng());
        let (secret, value) = draw_secret(hasher, id, self.environment, now);
        let client = Client {
            id,
            merchant_id: self.merchant_id,
            name: self.name,
            environment: self.environment,
            scope: self.scope,
            addresses: self.addresses,
            status: Status::Enabled,
            merchant_status: Status::Enabled,
            generation: Generation::FIRST,
            merchant_generation: Generation::FIRST,
            created_at: now,
            secrets: vec![secret],
        };
        (client, value)
    }
}

/// Draws a secret for a client.
pub(crate) fn draw_secret(
    hasher: &SecretHasher,
    client: ClientId,
    environment: Environment,
    now: Timestamp,
) -> (Secret, ClientSecret) {
    let mut rng = rand::rng();
    let value = ClientSecret::generate(environment, &mut rng);
    let hash = hasher.hash(client, value.expose_secret().as_bytes());
    let secret =
        Secret { id: SecretId::random(&mut rng), hash, created_at: now, expires_at: None, revoked_at: None };
    (secret, value)
}
