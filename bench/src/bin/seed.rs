//! Makes a folder like that of `tollgate dev` with any number of clients in it, and a file of their credentials.

use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use clap::Parser;
use rand::seq::SliceRandom;
use tollgate_admin::{AuditTrail, NewKey, new_signing_key};
use tollgate_bench::credentials::{self, Credentials};
use tollgate_clock::SystemClock;
use tollgate_core::{
    Audience, ClientId, Clock, Environment, Generation, MerchantId, Scope, SecretId, Timestamp,
};
use tollgate_keys::{ClientSecret, MasterKey, SecretHasher};
use tollgate_store::{
    Act, Actor, Client, Clients as _, Draft, Installation as _, Merchant, Merchants as _, Object, Secret,
    Status, StoreError, Terms, Version,
};
use tollgate_store_sqlite::Sqlite;

/// Clients of one merchant.
const CLIENTS: usize = 100;
/// Clients that are under way at once: they share transactions, and the store's queue has room for them.
const AT_ONCE: usize = 2048;

#[derive(Debug, Parser)]
#[command(about = "Makes a store with many clients in it")]
struct Args {
    /// The folder, which must not hold a store yet.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// How many clients.
    #[arg(long, default_value_t = 1)]
    clients: usize,
    /// An API that their tokens may be for, the first unless they ask for another; without any, the default one.
    #[arg(long = "audience", value_name = "NAME")]
    audiences: Vec<Audience>,
    /// The most their tokens may allow.
    #[arg(long, default_value = "payments:read payments:write")]
    scope: Scope,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let args = Args::parse();
    let started = Instant::now();
    let now = SystemClock.now();
    std::fs::create_dir_all(&args.data)?;
    let master_key = MasterKey::generate(&mut rand::rng());
    let mut file = std::fs::File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(args.data.join("master.key"))?;
    io::Write::write_all(&mut file, master_key.expose_hex().as_bytes())?;

    let store = Arc::new(Sqlite::open(&args.data.join("tollgate.db")).map_err(io::Error::other)?);
    let new = NewKey::hs256(now, now);
    let key = new_signing_key(&master_key, new).await.map_err(io::Error::other)?;
    let act = seeding(&master_key, now);
    store.install(&master_key.check_value(), &key, &act).await.map_err(io::Error::other)?;
    let (clients, mut credentials) = draw(&args, &master_key.secret_hasher(), now);
    fill(&store, clients, now, &act).await.map_err(io::Error::other)?;
    // Whoever takes the first of them must not find neighbours in the store.
    credentials.shuffle(&mut rand::rng());
    credentials::write(&args.data.join("clients.txt"), &credentials)?;
    eprintln!("{} clients in {:.1} s", args.clients, started.elapsed().as_secs_f64());
    Ok(())
}

/// Draws clients in the order of their ids, which the store takes fastest.
fn draw(args: &Args, hasher: &SecretHasher, now: Timestamp) -> (Vec<Client>, Vec<Credentials>) {
    let count = args.clients;
    let mut rng = rand::rng();
    let mut ids: Vec<ClientId> = (0..count).map(|_| ClientId::random(&mut rng)).collect();
    ids.sort_unstable();
    let mut merchants: Vec<MerchantId> =
        (0..count.div_ceil(CLIENTS)).map(|_| MerchantId::random(&mut rng)).collect();
    merchants.sort_unstable();
    ids.iter()
        .enumerate()
        .map(|(at, id)| {
            let value = ClientSecret::generate(Environment::Test, &mut rng);
            let secret = Secret {
                id: SecretId::random(&mut rng),
                hash: hasher.hash(*id, value.expose_secret().as_bytes()),
                slow_hash: None,
                created_at: now,
                expires_at: None,
                revoked_at: None,
            };
            let client = Client {
                id: *id,
                merchant_id: Some(merchants[at / CLIENTS]),
                name: format!("client {at}"),
                environment: Environment::Test,
                scope: args.scope.clone(),
                addresses: Vec::new(),
                audiences: args.audiences.clone(),
                status: Status::Enabled,
                merchant_status: Status::Enabled,
                generation: Generation::FIRST,
                merchant_generation: Generation::FIRST,
                created_at: now,
                version: Version::default(),
                terms: Terms::default(),
                secrets: vec![secret],
            };
            let credentials =
                Credentials { client_id: id.to_string(), client_secret: value.expose_secret().to_owned() };
            (client, credentials)
        })
        .unzip()
}

/// The act that every change is recorded as.
fn seeding(master_key: &MasterKey, now: Timestamp) -> Act {
    AuditTrail::new(master_key.trail_key()).act(Draft::new(now, Actor::system(), "seed", Object::Store))
}

async fn fill(
    store: &Arc<Sqlite>,
    clients: Vec<Client>,
    now: Timestamp,
    act: &Act,
) -> Result<(), StoreError> {
    let mut writes = tokio::task::JoinSet::new();
    let mut last = None;
    for client in clients {
        if client.merchant_id != last {
            last = client.merchant_id;
            let id = last.expect("every client drawn has a merchant");
            let merchant = Merchant {
                id,
                name: format!("Merchant {id}"),
                status: Status::Enabled,
                created_at: now,
                version: Version::default(),
            };
            let (store, act) = (store.clone(), act.clone());
            // The store takes writes in the order in which they are asked for, so its clients come behind it.
            writes.spawn(async move { store.create_merchant(&merchant, &act).await });
        }
        let (store, act) = (store.clone(), act.clone());
        writes.spawn(async move { store.create_client(&client, &act).await.map(|created| assert!(created)) });
        while writes.len() >= AT_ONCE {
            if let Some(written) = writes.join_next().await {
                written.expect("no write panics")?;
            }
        }
    }
    while let Some(written) = writes.join_next().await {
        written.expect("no write panics")?;
    }
    Ok(())
}
