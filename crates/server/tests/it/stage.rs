//! An installation in a folder of its own, on a clock that the test sets.

mod node;

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::Mutex;
use tollgate_admin::AuditTrail;
use tollgate_config::Config;
use tollgate_console::OperatorRoutes;
use tollgate_core::{ClientId, Clock, Environment, Generation, MerchantId, SecretId, Timestamp};
use tollgate_http::RequestBody;
use tollgate_installation::{Follower, Installation, Rotation};
use tollgate_keys::{ClientSecret, MasterKey};
use tollgate_server::{Mounted, Server};
use tollgate_store::{Act, Actor, Client, Draft, Merchant, Object, Secret, Status, Store, Terms, Version};
use tollgate_store_sqlite::Sqlite;

pub(crate) use self::node::Node;
use crate::call::{CREATE, Call, REFRESH, Reply, TOKEN};
use crate::clock::ManualClock;
use crate::sandbox::mounted;

/// The actor of what is not about actors.
pub(crate) static SYSTEM: Actor = Actor::system();

/// The act of what is not about acts.
pub(crate) static ACT: LazyLock<Act> = LazyLock::new(|| {
    let trail = AuditTrail::new(MASTER_KEY.parse::<MasterKey>().unwrap().trail_key());
    trail.act(Draft::new(NOW, SYSTEM.clone(), "test", Object::Store))
});

/// When every test begins: at a whole second.
pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_764_000_000);
/// Where requests come from unless the test says otherwise.
pub(crate) const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7));

const MASTER_KEY: &str = "f0e1d2c3b4a5968778695a4b3c2d1e0f00112233445566778899aabbccddee42";

/// A client as its owner knows it.
#[derive(Clone)]
pub(crate) struct Credentials {
    pub(crate) id: ClientId,
    pub(crate) secret: String,
    pub(crate) secret_id: SecretId,
}

impl Credentials {
    /// The body of a token request.
    pub(crate) fn body(&self) -> Value {
        json!({"grant_type": "client_credentials", "client_id": self.id, "client_secret": self.secret})
    }
}

/// What the token endpoint hands out.
#[derive(Clone)]
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
}

/// What a client of a test is like: of the shop, for the sandbox, allowed everything from everywhere.
pub(crate) struct Kind {
    pub(crate) merchant: Option<MerchantId>,
    pub(crate) environment: Environment,
    pub(crate) scope: &'static str,
    pub(crate) addresses: &'static [&'static str],
    pub(crate) audiences: &'static [&'static str],
    pub(crate) secret: Option<&'static str>,
}

/// A server, and what administers it.
pub(crate) struct Stage {
    pub(crate) server: Arc<Server>,
    pub(crate) installation: Arc<Installation>,
    follower: Mutex<Follower>,
    pub(crate) operators: OperatorRoutes,
    /// The same store as another process has it open.
    pub(crate) elsewhere: Arc<dyn Store>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) config: Config,
    pub(crate) merchant: MerchantId,
    pub(crate) rival_merchant: MerchantId,
    /// A client of `merchant`.
    pub(crate) shop: Credentials,
    /// A client of `rival_merchant`.
    pub(crate) rival: Credentials,
    rng: StdRng,
    folder: TempDir,
}

impl Stage {
    pub(crate) async fn open() -> Self {
        Self::with(&[], |store| Arc::new(store)).await
    }

    /// With settings, and with the server's store wrapped.
    pub(crate) async fn with(settings: &[(&str, &str)], wrap: impl FnOnce(Sqlite) -> Arc<dyn Store>) -> Self {
        Self::with_file("", settings, wrap).await
    }

    /// The same, with more settings as a file has them.
    pub(crate) async fn with_file(
        file: &str,
        settings: &[(&str, &str)],
        wrap: impl FnOnce(Sqlite) -> Arc<dyn Store>,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listen = "127.0.0.1:8080".parse().unwrap();
        let mut config = Config::dev(listen, folder.path(), settings.iter().copied()).unwrap();
        let path = folder.path().join("more.toml");
        std::fs::write(&path, file).unwrap();
        let none: [(&str, &str); 0] = [];
        config.authz.routes = Config::load(Some(&path), none).unwrap().authz.routes;
        let clock = ManualClock::at(NOW);
        let path = folder.path().join("tollgate.db");
        let (server, installation, follower, operators) =
            serve(&config, wrap(Sqlite::open(&path).unwrap()), clock.clone()).await;
        let elsewhere: Arc<dyn Store> = Arc::new(Sqlite::open_existing(&path).unwrap());
        let nobody = Credentials {
            id: ClientId::from_bytes([0; 16]),
            secret: String::new(),
            secret_id: SecretId::from_bytes([0; 16]),
        };
        let mut rng = StdRng::seed_from_u64(1);
        let mut stage = Self {
            server,
            installation,
            follower: Mutex::new(follower),
            operators,
            elsewhere,
            clock,
            config,
            merchant: MerchantId::random(&mut rng),
            rival_merchant: MerchantId::random(&mut rng),
            shop: nobody.clone(),
            rival: nobody,
            rng,
            folder,
        };
        stage.create_merchant(stage.merchant, "Shop").await;
        stage.create_merchant(stage.rival_merchant, "Rival").await;
        stage.shop = stage.client(stage.kind()).await;
        let rival = Kind { merchant: Some(stage.rival_merchant), ..stage.kind() };
        stage.rival = stage.client(rival).await;
        stage
    }

    /// Ends the server as it is, and starts another one on what it left.
    pub(crate) async fn restarted_with(self, settings: &[(&str, &str)]) -> Self {
        let listen = "127.0.0.1:8080".parse().unwrap();
        let config = Config::dev(listen, self.folder.path(), settings.iter().copied()).unwrap();
        self.installation.leave().await;
        Self { config, ..self }.restarted().await
    }

    pub(crate) async fn restarted(self) -> Self {
        let Self { server, installation, follower, operators, elsewhere, folder, .. } = self;
        drop((server, installation, follower, operators, elsewhere));
        let path = folder.path().join("tollgate.db");
        let store = Arc::new(Sqlite::open_existing(&path).unwrap());
        let (server, installation, follower, operators) =
            serve(&self.config, store, self.clock.clone()).await;
        let elsewhere: Arc<dyn Store> = Arc::new(Sqlite::open_existing(&path).unwrap());
        Self { server, installation, follower: Mutex::new(follower), operators, elsewhere, folder, ..self }
    }

    /// Where the store is.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("tollgate.db")
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Lets the server see what was written elsewhere.
    pub(crate) async fn follow(&self) {
        self.follower.lock().await.step().await.unwrap();
    }

    /// Lets the server delete what has expired, as it does once a minute.
    pub(crate) async fn purge(&self) {
        self.installation.purge().await;
    }

    /// Lets the server read the change log as it does every now and then, whether it can or not.
    pub(crate) async fn try_to_follow(&self) {
        self.follower.lock().await.step_or_warn().await;
    }

    /// Ends the stage, and leaves what runs a server.
    pub(crate) fn into_parts(self) -> (Arc<Server>, Follower, TempDir) {
        (self.server, self.follower.into_inner(), self.folder)
    }

    /// Lets time pass, in which the server goes on reading what was written elsewhere.
    pub(crate) async fn advance(&self, time: Duration) {
        self.clock.advance(time);
        self.follow().await;
    }

    /// Starts another server on the same store, with a clock of its own.
    pub(crate) async fn node(&self, clock: Arc<ManualClock>) -> Node {
        self.node_with(&self.config, clock).await
    }

    /// The same with another configuration.
    pub(crate) async fn node_with(&self, config: &Config, clock: Arc<ManualClock>) -> Node {
        let store = Arc::new(Sqlite::open_existing(&self.path()).unwrap());
        let (server, installation, follower, operators) = serve(config, store, clock.clone()).await;
        let rotation = Rotation::new(installation.clone());
        Node { server, installation, follower, rotation, operators, clock }
    }

    pub(crate) async fn create_merchant(&mut self, id: MerchantId, name: &str) {
        let merchant = Merchant {
            id,
            name: name.to_owned(),
            status: Status::Enabled,
            created_at: self.now(),
            version: Version::default(),
        };
        self.elsewhere.create_merchant(&merchant, &ACT).await.unwrap();
    }

    pub(crate) fn kind(&self) -> Kind {
        Kind {
            merchant: Some(self.merchant),
            environment: Environment::Test,
            scope: "payments:read payments:write",
            addresses: &[],
            audiences: &[],
            secret: None,
        }
    }

    /// Creates a client elsewhere, and lets the server see it.
    pub(crate) async fn client(&mut self, kind: Kind) -> Credentials {
        let credentials = self.unseen_client(kind).await;
        self.follow().await;
        credentials
    }

    /// Creates a client elsewhere.
    pub(crate) async fn unseen_client(&mut self, kind: Kind) -> Credentials {
        let id = ClientId::random(&mut self.rng);
        let (secret, value) = self.secret(id, kind.secret);
        let client = Client {
            id,
            merchant_id: kind.merchant,
            name: "a client".to_owned(),
            environment: kind.environment,
            scope: kind.scope.parse().unwrap(),
            addresses: kind.addresses.iter().map(|block| block.parse().unwrap()).collect(),
            audiences: kind.audiences.iter().map(|audience| audience.parse().unwrap()).collect(),
            status: Status::Enabled,
            merchant_status: Status::Enabled,
            generation: Generation::FIRST,
            merchant_generation: Generation::FIRST,
            created_at: self.now(),
            version: Version::default(),
            terms: Terms::default(),
            secrets: vec![secret.clone()],
        };
        assert!(self.elsewhere.create_client(&client, &ACT).await.unwrap());
        Credentials { id, secret: value, secret_id: secret.id }
    }

    /// Draws a secret for a client, or hashes the given one.
    pub(crate) fn secret(&mut self, client: ClientId, value: Option<&str>) -> (Secret, String) {
        let drawn = ClientSecret::generate(Environment::Test, &mut self.rng);
        let value = value.unwrap_or(drawn.expose_secret()).to_owned();
        let hash = master_key().secret_hasher().hash(client, value.as_bytes());
        let id = SecretId::random(&mut self.rng);
        (
            Secret { id, hash, slow_hash: None, created_at: self.now(), expires_at: None, revoked_at: None },
            value,
        )
    }

    pub(crate) async fn answer(&self, call: Call) -> Reply {
        self.answer_from(PEER, call).await
    }

    pub(crate) async fn answer_from(&self, peer: IpAddr, call: Call) -> Reply {
        answer(&self.server, peer, call.whole()).await
    }

    pub(crate) async fn answer_from_with(&self, peer: IpAddr, request: Request<impl RequestBody>) -> Reply {
        answer(&self.server, peer, request).await
    }

    pub(crate) async fn answer_to(&self, request: Request<impl RequestBody>) -> Reply {
        answer(&self.server, PEER, request).await
    }

    /// Obtains tokens.
    #[track_caller]
    pub(crate) fn tokens<'a>(&'a self, of: &Credentials) -> impl Future<Output = Tokens> + use<'a> {
        let call = Call::post(TOKEN).json(&of.body());
        async move {
            let data = self.answer(call).await.data();
            let token = |name: &str| data[name].as_str().unwrap().to_owned();
            Tokens { access: token("access_token"), refresh: token("refresh_token") }
        }
    }

    pub(crate) async fn refresh(&self, token: &str) -> Reply {
        self.answer(Call::post(REFRESH).json(&json!({"refresh_token": token}))).await
    }

    pub(crate) async fn list(&self, token: &str) -> Reply {
        self.answer(Call::get("/api/v1/payment-requests").bearer(token)).await
    }

    /// How many payment requests the shop has.
    pub(crate) async fn count(&self) -> usize {
        self.elsewhere
            .documents("payment request", self.merchant, Environment::Test, None, 1_000)
            .await
            .unwrap()
            .len()
    }
}

/// A payment that the sandbox takes.
pub(crate) fn payment() -> Value {
    json!({
        "customer": {"name": "Jo", "email": "jo@example.com"},
        "billing_address": {"address_line1": "1 High Street", "city": "Bath", "postal_code": "BA1 1AA", "country": "GB"},
        "amount": 1999,
        "currency": "GBP",
        "locale": "en-GB",
        "order_id": "order 7",
        "success_url_redirect": "https://shop.example/ok",
        "fail_url_redirect": "https://shop.example/failed"
    })
}

/// A request to create `payment`.
pub(crate) fn create(token: &str) -> Call {
    Call::post(CREATE).bearer(token).json(&payment())
}

/// The id in a `redirect_url`.
pub(crate) fn payment_id(created: &Reply) -> String {
    let data = created.data();
    let url = data["redirect_url"].as_str().unwrap();
    url.strip_prefix("http://127.0.0.1:8080/pay/").unwrap().to_owned()
}

pub(crate) fn master_key() -> MasterKey {
    MASTER_KEY.parse().unwrap()
}

pub(crate) async fn answer(server: &Server, peer: IpAddr, request: Request<impl RequestBody>) -> Reply {
    let (head, body) = server.handle(peer, request).await.into_parts();
    let body: Bytes = body.collect().await.unwrap().to_bytes();
    Reply(Response::from_parts(head, body))
}

pub(crate) async fn serve(
    config: &Config,
    store: Arc<dyn Store>,
    clock: Arc<ManualClock>,
) -> (Arc<Server>, Arc<Installation>, Follower, OperatorRoutes) {
    let installation = Installation::open(config.clone(), store, master_key(), clock).await.unwrap();
    let operators = OperatorRoutes::default();
    let server = Server::new(installation.clone(), true, |loopback| Mounted {
        operators: operators.mounted(config),
        ..mounted(&installation, loopback, true, |_| None)
    });
    (server, installation.clone(), Follower::new(installation), operators)
}
