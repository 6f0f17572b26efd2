//! Random histories of two servers, a store and whoever administers it, each with a clock of its own that is wrong by up
//! to ten minutes and is set now and then; with servers that are cut off, end and start, and with lifetimes that change.
//!
//! No token is accepted by a server in touch with the store once an order that ends it was acknowledged and the change
//! log was read, and no good token is refused.

mod acceptance;
mod orders;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use tempfile::TempDir;
use tollgate_config::Config;
use tollgate_core::{ClientId, Environment, Generation, MerchantId, SecretId, Timestamp, TokenKind};
use tollgate_installation::Rotation;
use tollgate_keys::ClientSecret;
use tollgate_store::{Client, Merchant, Secret, Status, Store, Terms, Version};
use tollgate_store_sqlite::Sqlite;

use crate::call::{claims, refresh_id};
use crate::clock::ManualClock;
use crate::faults::Faults;
use crate::stage::{ACT, Credentials, NOW, Node, master_key, serve};

const HISTORIES: u32 = 5_000;
/// How wrong a clock may be, in seconds.
const WRONG: i64 = 600;
const IAT_LEEWAY: u64 = 5;
/// Access and refresh tokens.
const LIFETIMES: [(u64, u64); 3] = [(60, 120), (900, 86_400), (3_600, 7_200)];

/// Waiting takes no time here: for a look at the store before a refusal, above all.
#[tokio::test(start_paused = true)]
async fn an_order_holds_whatever_the_clocks_show() {
    check(1).await;
}

#[tokio::test(start_paused = true)]
async fn an_order_holds_whatever_the_clocks_show_in_other_histories() {
    check(2).await;
}

async fn check(seed: u64) {
    let mut world = World::new(seed).await;
    for number in 0..HISTORIES {
        world.history(number).await;
    }
    // Otherwise nothing would have been tried.
    let World { accepted, refused, .. } = world;
    assert!(
        accepted > 10 * u64::from(HISTORIES) && refused > 5 * u64::from(HISTORIES),
        "{accepted} {refused}"
    );
}

/// A token, and all that decides about it.
struct Token {
    kind: TokenKind,
    text: String,
    /// How many orders the server knew that issued it, or that issued the refresh token which it was made with.
    known: usize,
    refresh_id: String,
    id: String,
    issued_at: u64,
    expires_at: u64,
    revoked: bool,
}

/// What ends tokens of the one client of a history: all that were issued by a server which had not heard of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    DisableClient,
    EnableClient,
    DisableMerchant,
    EnableMerchant,
    RevokeSecret,
    DeleteClient,
    ReplaceKeys,
}

impl Order {
    fn ends_tokens(self) -> bool {
        !matches!(self, Self::EnableClient | Self::EnableMerchant)
    }
}

struct Machine {
    node: Node,
    faults: Faults,
    in_touch: bool,
    /// How many orders it has read.
    known: usize,
    /// How far its clock is ahead, in seconds.
    ahead: i64,
}

struct World {
    seed: u64,
    rng: StdRng,
    store: Arc<dyn Store>,
    machines: Vec<Machine>,
    config: Config,
    folder: TempDir,
    /// The right time.
    now: Timestamp,
    /// Of the history that runs.
    shop: Credentials,
    merchant: MerchantId,
    orders: Vec<Order>,
    tokens: Vec<Token>,
    told: Vec<String>,
    accepted: u64,
    refused: u64,
}

impl World {
    async fn new(seed: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = [
            ("TOLLGATE_LIMITS__AUTH_FAILURES", "1000000/s"),
            ("TOLLGATE_LIMITS__SOURCE_AUTH_FAILURES", "off"),
            ("TOLLGATE_TOKENS__STALE_AFTER", "60s"),
        ];
        let config = Config::dev("127.0.0.1:8080".parse().unwrap(), folder.path(), settings).unwrap();
        let path = folder.path().join("tollgate.db");
        let store: Arc<dyn Store> = Arc::new(Sqlite::open(&path).unwrap());
        let mut machines = Vec::new();
        for boot in [1, 2] {
            let (faults, clock) = (Faults::default(), ManualClock::of_machine(boot, NOW));
            let node = start(&config, &path, &faults, clock).await;
            machines.push(Machine { node, faults, in_touch: true, known: 0, ahead: 0 });
        }
        let nobody = Credentials {
            id: ClientId::from_bytes([0; 16]),
            secret: String::new(),
            secret_id: SecretId::from_bytes([0; 16]),
        };
        Self {
            seed,
            rng: StdRng::seed_from_u64(seed),
            store,
            machines,
            config,
            folder,
            now: NOW,
            shop: nobody,
            merchant: MerchantId::from_bytes([0; 16]),
            orders: Vec::new(),
            tokens: Vec::new(),
            told: Vec::new(),
            accepted: 0,
            refused: 0,
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("tollgate.db")
    }

    /// The right time, on a clock that is wrong by as much as one may be.
    fn somebodys_clock(&mut self) -> Timestamp {
        shifted(self.now, self.rng.random_range(-WRONG..=WRONG))
    }

    async fn history(&mut self, number: u32) {
        self.told = vec![format!("seed {}, history {number}", self.seed)];
        (self.orders, self.tokens) = (Vec::new(), Vec::new());
        for machine in &mut self.machines {
            machine.known = 0;
            machine.in_touch = true;
            machine.faults.cut_off(false);
        }
        self.create().await;
        self.after_a_second().await;
        for _ in 0..self.rng.random_range(6..16) {
            self.act().await;
            self.after_a_second().await;
            self.check_tokens().await;
        }
    }

    async fn create(&mut self) {
        let (merchant, id) = (MerchantId::random(&mut self.rng), ClientId::random(&mut self.rng));
        let value = ClientSecret::generate(Environment::Test, &mut self.rng).expose_secret().to_owned();
        let hash = master_key().secret_hasher().hash(id, value.as_bytes());
        let created_at = self.somebodys_clock();
        let secret = Secret {
            id: SecretId::random(&mut self.rng),
            hash,
            slow_hash: None,
            created_at,
            expires_at: None,
            revoked_at: None,
        };
        let shop = Merchant {
            id: merchant,
            name: "Shop".to_owned(),
            status: Status::Enabled,
            created_at,
            version: Version::default(),
        };
        self.store.create_merchant(&shop, &ACT).await.unwrap();
        let client = Client {
            id,
            merchant_id: Some(merchant),
            name: "till".to_owned(),
            environment: Environment::Test,
            scope: "payments:read".parse().unwrap(),
            addresses: Vec::new(),
            audiences: Vec::new(),
            status: Status::Enabled,
            merchant_status: Status::Enabled,
            generation: Generation::FIRST,
            merchant_generation: Generation::FIRST,
            created_at,
            version: Version::default(),
            terms: Terms::default(),
            secrets: vec![secret.clone()],
        };
        assert!(self.store.create_client(&client, &ACT).await.unwrap());
        (self.merchant, self.shop) = (merchant, Credentials { id, secret: value, secret_id: secret.id });
    }

    async fn act(&mut self) {
        let machine = self.rng.random_range(0..self.machines.len());
        match self.rng.random_range(0..100) {
            0..30 => self.log_in(machine).await,
            30..42 => self.refresh(machine).await,
            42..66 => self.order().await,
            66..72 => self.revoke(machine).await,
            72..80 => self.set_clock(machine),
            80..88 => {
                let time = Duration::from_secs(self.rng.random_range(0..1_200));
                self.pass(time);
            }
            88..92 => self.cut_off_or_reconnect(machine),
            92..96 => self.purge(machine).await,
            96..98 => self.restart(machine).await,
            _ => self.change_lifetimes().await,
        }
    }

    async fn log_in(&mut self, at: usize) {
        let reply = self.machines[at].node.grant(&self.shop).await;
        self.told.push(format!("log in at {at}: {}", reply.status()));
        let (machine, status) = (&self.machines[at], reply.status().as_u16());
        if machine.in_touch && machine.node.server.readiness().is_ok() {
            let expected = if self.may_log_in() { 200 } else { 401 };
            assert_eq!(status, expected, "{}: {:#?}", reply.text(), self.told);
        }
        if status == 200 {
            let (data, known) = (reply.data(), self.machines[at].known);
            for (kind, name) in [(TokenKind::Refresh, "refresh_token"), (TokenKind::Access, "access_token")] {
                self.note(kind, data[name].as_str().unwrap(), known);
            }
        }
    }

    async fn refresh(&mut self, at: usize) {
        let refresh: Vec<usize> =
            (0..self.tokens.len()).filter(|n| self.tokens[*n].kind == TokenKind::Refresh).collect();
        let Some(n) = refresh.choose(&mut self.rng).copied() else { return };
        let (text, known) = (self.tokens[n].text.clone(), self.tokens[n].known);
        let reply = self.machines[at].node.refresh(&text).await;
        self.told.push(format!("refresh {n} at {at}: {}", reply.status()));
        if reply.status() == 200 {
            self.note(TokenKind::Access, reply.data()["access_token"].as_str().unwrap(), known);
        }
    }

    fn note(&mut self, kind: TokenKind, text: &str, known: usize) {
        let claims = claims(text);
        let id = claims["jti"].as_str().unwrap().to_owned();
        let refresh_id = refresh_id(&claims);
        let revoked = self.tokens.iter().any(|token| token.revoked && token.id == refresh_id);
        self.tokens.push(Token {
            kind,
            text: text.to_owned(),
            known,
            refresh_id,
            id,
            issued_at: claims["iat"].as_u64().unwrap(),
            expires_at: claims["exp"].as_u64().unwrap(),
            revoked,
        });
    }

    fn set_clock(&mut self, at: usize) {
        let ahead = self.rng.random_range(-WRONG..=WRONG);
        self.told.push(format!("the clock of {at} is {ahead} s ahead"));
        self.machines[at].ahead = ahead;
        self.machines[at].node.clock.set(shifted(self.now, ahead));
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now.after(time);
        self.machines.iter().for_each(|machine| machine.node.clock.advance(time));
        self.told.push(format!("{time:?} pass"));
    }

    fn cut_off_or_reconnect(&mut self, at: usize) {
        let machine = &mut self.machines[at];
        machine.in_touch = !machine.in_touch;
        machine.faults.cut_off(!machine.in_touch);
        self.told.push(format!("{at} is in touch: {}", machine.in_touch));
    }

    async fn purge(&mut self, at: usize) {
        self.machines[at].node.installation.purge().await;
        self.told.push(format!("{at} purges"));
    }

    async fn restart(&mut self, at: usize) {
        let path = self.path();
        let machine = &mut self.machines[at];
        if machine.in_touch {
            machine.node.installation.leave().await;
            machine.node = start(&self.config, &path, &machine.faults, machine.node.clock.clone()).await;
            self.told.push(format!("{at} starts again"));
        }
    }

    async fn change_lifetimes(&mut self) {
        if self.machines.iter().any(|machine| !machine.in_touch) {
            return;
        }
        let (access, refresh) = *LIFETIMES.choose(&mut self.rng).unwrap();
        self.config.tokens.access_ttl = Duration::from_secs(access);
        self.config.tokens.refresh_ttl = Duration::from_secs(refresh);
        for machine in &self.machines {
            machine.node.installation.leave().await;
        }
        self.told.push(format!("tokens live for {access} s and {refresh} s"));
        for at in 0..self.machines.len() {
            self.restart(at).await;
        }
    }

    /// Every server in touch has read the change log since.
    async fn after_a_second(&mut self) {
        self.pass(Duration::from_secs(1));
        for machine in &mut self.machines {
            if machine.in_touch {
                machine.node.follow().await;
                machine.known = self.orders.len();
            }
        }
    }
}

async fn start(config: &Config, path: &std::path::Path, faults: &Faults, clock: Arc<ManualClock>) -> Node {
    let store = faults.in_front_of(Sqlite::open_existing(path).unwrap());
    let (server, installation, follower, operators) = serve(config, store, clock.clone()).await;
    let rotation = Rotation::new(installation.clone());
    Node { server, installation, follower, rotation, operators, clock }
}

fn shifted(time: Timestamp, seconds: i64) -> Timestamp {
    let by = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 { time.before(by) } else { time.after(by) }
}
