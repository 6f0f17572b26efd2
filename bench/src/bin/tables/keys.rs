//! Idempotency keys in PostgreSQL: what one costs when there are ten million, and what their expiry costs.

use std::io;
use std::time::{Duration, Instant, SystemTime};

use rand::RngExt;
use tollgate_bench::stats::percentile;
use tollgate_core::{Environment, MerchantId, PaymentRequestId, Timestamp};
use tollgate_store::{
    Answer, Begun, Document, Idempotency as _, IdempotencyScope, Lease, Purge as _, StoreError,
};
use tollgate_store_postgres::{Postgres, PostgresOptions};

use crate::document::{count, table};
use crate::postgres_server::{Database, Server};
use crate::servers::Setup;

const ROUTE: &str = "POST /api/v1/payment-requests:redirect";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Keys that are added by one statement.
const AT_ONCE: u64 = 250_000;

pub(crate) fn run(setup: &Setup) -> io::Result<Vec<(&'static str, String)>> {
    let (sizes, samples) =
        if setup.quick { ([0, 20_000, 200_000], 200) } else { ([0, 1_000_000, 10_000_000], 3_000) };
    let server = Server::start(
        "-c listen_addresses= -c fsync=on -c shared_buffers=1GB -c max_wal_size=4GB -c checkpoint_timeout=15min",
        |_| {},
    );
    let database = server.database();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let found = runtime.block_on(measure(&database, &sizes, samples)).map_err(io::Error::other)?;
    Ok(vec![("keys", found)])
}

async fn measure(database: &Database, sizes: &[u64], samples: usize) -> Result<String, StoreError> {
    let store = Postgres::open(PostgresOptions {
        address: database.url.parse().expect("it is the test server's own"),
        pool_size: 10,
        connect_timeout: Duration::from_secs(5),
        statement_timeout: Duration::from_secs(600),
    })
    .await?;
    let now = now();
    let (mut rows, mut filled) = (Vec::new(), 0);
    for &size in sizes {
        fill(database, filled, size, now);
        filled = size;
        // What the fill left to be done is not a key's.
        database.psql("VACUUM (ANALYZE) idempotency_keys");
        database.psql("CHECKPOINT");
        let [begun, completed, repeated] = sample(&store, samples, now).await?;
        let mut row = vec![count(size as f64), database.psql(SIZE)];
        for times in [begun, completed, repeated] {
            row.extend([percentile(&times, 50), percentile(&times, 99)].map(|time| format!("{time:.2} ms")));
        }
        eprintln!("  {}", row.join(", "));
        rows.push(row);
    }
    // The database's clock has a say in what has expired, so it is the keys that grow old.
    database.psql("UPDATE idempotency_keys SET until = 0");
    database.psql("VACUUM (FULL, ANALYZE) idempotency_keys");
    let started = Instant::now();
    while store.purge(now).await? > 0 {}
    let expired = started.elapsed();
    let left = database.psql("SELECT count(*) FROM idempotency_keys");
    assert_eq!(left, "0", "all have expired");
    let head = [
        "keys in the table",
        "table and indexes",
        "taking a key, p50",
        "p99",
        "creating under it, p50",
        "p99",
        "repeating, p50",
        "p99",
    ];
    let expiry = format!("{:.2} s", expired.as_secs_f64());
    let expiry = [vec![format!("expiry of {} keys, all of it", count(filled as f64)), expiry]];
    Ok(format!("{}\n{}", table(&head, &rows), table(&["", ""], &expiry)))
}

const SIZE: &str = "SELECT pg_size_pretty(pg_total_relation_size('idempotency_keys'))";

/// Adds answered keys of a thousand merchants, as a day of requests would leave them.
fn fill(database: &Database, from: u64, to: u64, now: Timestamp) {
    let until = now.after(DAY).millis();
    for first in (from..to).step_by(usize::try_from(AT_ONCE).expect("it is small")) {
        let last = to.min(first + AT_ONCE) - 1;
        database.psql(&format!(
            "INSERT INTO idempotency_keys
                 (merchant_id, environment, route, key, owner, fingerprint, until, status, body)
             SELECT md5((n % 1000)::text)::uuid, 'test', '{ROUTE}', gen_random_uuid()::text,
                 gen_random_uuid(), sha256(n::text::bytea), {until} + n / 1000, 201,
                 convert_to('{{\"success\":true,\"data\":{{\"redirect_url\":\"https://core.example.com/pay/'
                     || gen_random_uuid() || '\"}}}}', 'UTF8')
             FROM generate_series({first}, {last}) n"
        ));
    }
}

/// Takes keys, creates under them, and repeats, one after the other. The times of each, in milliseconds.
async fn sample(store: &Postgres, samples: usize, now: Timestamp) -> Result<[Vec<f64>; 3], StoreError> {
    let mut times = [(); 3].map(|()| Vec::with_capacity(samples));
    for _ in 0..samples {
        let (first, repeat) = leases(now);
        let payment = payment(first.scope.merchant_id, now);
        let answer = Answer { status: 201, body: vec![b'x'; 110], expires_at: now.after(DAY) };
        let started = Instant::now();
        assert_eq!(store.begin(&first, now).await?, Begun::Fresh);
        times[0].push(millis_since(started));
        let started = Instant::now();
        assert!(store.complete(&first, &answer, &payment).await?);
        times[1].push(millis_since(started));
        let started = Instant::now();
        assert_eq!(store.begin(&repeat, now).await?, Begun::Answered(answer));
        times[2].push(millis_since(started));
    }
    Ok(times)
}

/// The leases of a request and of its repeat, under a new key of any merchant.
fn leases(now: Timestamp) -> (Lease, Lease) {
    let mut rng = rand::rng();
    let scope = IdempotencyScope {
        merchant_id: MerchantId::random(&mut rng),
        environment: Environment::Test,
        route: ROUTE,
        key: PaymentRequestId::random(&mut rng).to_string(),
    };
    let until = now.after(Duration::from_secs(30));
    let mut lease = || Lease { scope: scope.clone(), fingerprint: [7; 32], owner: rng.random(), until };
    (lease(), lease())
}

fn payment(merchant_id: MerchantId, now: Timestamp) -> Document {
    Document {
        kind: "payment request",
        id: rand::rng().random(),
        merchant_id,
        environment: Environment::Test,
        body: "x".repeat(400),
        state: "pending".to_owned(),
        created_at: now,
        expires_at: now.after(Duration::from_secs(900)),
        changed_at: None,
    }
}

fn millis_since(started: Instant) -> f64 {
    started.elapsed().as_secs_f64() * 1e3
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("the clock is set");
    Timestamp::from_seconds(since.as_secs())
}
