//! Whether the time of a refused token request tells why it was refused: samples of every kind of request, interleaved, in
//! process through the real server.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use clap::Parser;
use http::Request;
use http_body_util::Full;
use rand::seq::SliceRandom;
use serde::Serialize;
use tollgate_admin::clients;
use tollgate_bench::credentials::{self, Credentials};
use tollgate_bench::message;
use tollgate_bench::stats::{Moments, median, welch_t};
use tollgate_clock::SystemClock;
use tollgate_config::{Config, LogFormat, LogLevel};
use tollgate_core::ClientId;
use tollgate_installation::Installation;
use tollgate_keys::MasterKey;
use tollgate_server::{Mounted, Server};
use tollgate_store::Actor;
use tollgate_store_sqlite::Sqlite;
use tracing_subscriber::layer::SubscriberExt;

#[derive(Debug, Parser)]
#[command(about = "Times every kind of token request and prints the means as JSON")]
struct Args {
    /// A folder of `seed` with two clients or more.
    #[arg(long, value_name = "DIR")]
    data: std::path::PathBuf,
    /// How many samples of each kind.
    #[arg(long, default_value_t = 200_000)]
    samples: usize,
}

/// A kind of request.
struct Kind {
    name: &'static str,
    status: u16,
    body: Bytes,
}

/// What was found about a kind.
#[derive(Serialize)]
struct Row {
    name: &'static str,
    /// In nanoseconds, of the samples below the 99th percentile: what lies beyond is the machine's.
    mean: f64,
    median: f64,
    /// The mean in terms of that of `wrong secret`.
    ratio: f64,
    /// Against `wrong secret`.
    welch_t: f64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let args = Args::parse();
    let clients = credentials::read(&args.data.join("clients.txt"), 2).expect("the folder is one of seed's");
    let (server, installation) = server(&args.data).await;
    let disabled: ClientId = clients[1].client_id.parse().expect("it is an id");
    clients::disable(&installation.administration(), disabled, &Actor::system())
        .await
        .expect("the store takes writes");
    installation.registry().learn_ids().await.expect("the store can be read");
    tracing::subscriber::set_global_default(
        tracing_subscriber::registry().with(tollgate_log::filter(LogLevel::Info)).with(tollgate_log::layer(
            LogFormat::Json,
            |line, _| {
                std::hint::black_box(line);
            },
        )),
    )
    .expect("there is no other");

    let kinds = kinds(&clients[0], &clients[1]);
    let mut samples: Vec<Vec<f64>> = kinds.iter().map(|_| Vec::with_capacity(args.samples)).collect();
    let mut order: Vec<usize> = (0..kinds.len()).collect();
    for round in 0..args.samples + args.samples / 10 {
        order.shuffle(&mut rand::rng());
        for kind in &order {
            let nanos = sample(&server, &kinds[*kind]).await;
            // The first tenth warms up.
            if round >= args.samples / 10 {
                samples[*kind].push(nanos);
            }
        }
    }
    println!("{}", serde_json::to_string(&rows(&kinds, samples)).expect("figures serialise"));
}

async fn server(data: &Path) -> (Arc<Server>, Arc<Installation>) {
    // So many failures would be throttled; and nothing follows the change log here.
    let environment = [
        ("TOLLGATE_LIMITS__AUTH_FAILURES", "80000000/d"),
        ("TOLLGATE_LIMITS__SOURCE_AUTH_FAILURES", "off"),
        ("TOLLGATE_TOKENS__WHEN_STALE", "serve"),
    ];
    let listen = (Ipv4Addr::LOCALHOST, 0).into();
    let config = Config::dev(listen, data, environment).expect("the configuration is valid");
    let key = std::fs::read_to_string(data.join("master.key")).expect("the folder has a key");
    let key: MasterKey = key.parse().expect("it is a key");
    let store = Arc::new(Sqlite::open_existing(&data.join("tollgate.db")).expect("the folder has a store"));
    let opened = Installation::open(config, store, key, Arc::new(SystemClock)).await;
    let installation = opened.expect("the store is an installation");
    (Server::new(installation.clone(), false, |_| Mounted::default()), installation)
}

fn kinds(good: &Credentials, disabled: &Credentials) -> Vec<Kind> {
    let wrong = Credentials { client_secret: good.client_secret.chars().rev().collect(), ..good.clone() };
    let unknown =
        Credentials { client_id: "5c0f7d4e-0000-4000-8000-1234567890ab".to_owned(), ..good.clone() };
    let no_uuid =
        Credentials { client_id: "a-client-id-that-is-not-a-uuid-12345".to_owned(), ..good.clone() };
    [
        ("wrong secret", 401, &wrong),
        ("unknown client", 401, &unknown),
        ("disabled client", 401, disabled),
        ("no UUID", 401, &no_uuid),
        ("right secret", 200, good),
    ]
    .into_iter()
    .map(|(name, status, credentials)| {
        let request = message::token(credentials);
        let body_at = memchr::memmem::find(&request, b"\r\n\r\n").expect("a request has a head") + 4;
        Kind { name, status, body: Bytes::copy_from_slice(&request[body_at..]) }
    })
    .collect()
}

/// The time from a request to its answer, in nanoseconds.
async fn sample(server: &Server, kind: &Kind) -> f64 {
    let request = Request::post("/api/v1/oauth2/token")
        .header("content-type", "application/json")
        .body(Full::new(kind.body.clone()))
        .expect("the request is valid");
    let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let start = Instant::now();
    let response = server.handle(peer, request).await;
    let took = start.elapsed();
    assert_eq!(response.status(), kind.status, "{}", kind.name);
    took.as_nanos() as f64
}

fn rows(kinds: &[Kind], samples: Vec<Vec<f64>>) -> Vec<Row> {
    let found: Vec<(Moments, f64)> = samples
        .into_iter()
        .map(|mut samples| {
            samples.sort_by(f64::total_cmp);
            samples.truncate(samples.len() * 99 / 100);
            let mut moments = Moments::default();
            for nanos in &samples {
                moments.add(*nanos);
            }
            (moments, median(samples))
        })
        .collect();
    let reference = found[0].0;
    kinds
        .iter()
        .zip(&found)
        .map(|(kind, (moments, median))| Row {
            name: kind.name,
            mean: moments.mean(),
            median: *median,
            ratio: moments.mean() / reference.mean(),
            welch_t: welch_t(moments, &reference),
        })
        .collect()
}
