//! Measures what reading a fresh token costs: the median, the tail, and the same with many threads.
//!
//! `cargo run --release -p tollgate-client --example read_path`

#![expect(clippy::disallowed_methods, reason = "it measures real time")]

use std::hint::black_box;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use tollgate_client::{Cached, Clock, Obtaining, Settings, Token, TokenSource};

const BATCH: u32 = 1_000;
const BATCHES: usize = 2_000;

struct Authority;

impl TokenSource for Authority {
    fn obtain<'a>(&'a self, clock: &'a dyn Clock) -> Obtaining<'a> {
        let token = Token::new(&"x".repeat(400), clock.now(), Duration::from_secs(900));
        Box::pin(async move { Ok(token.expect("it is a token")) })
    }
}

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
    let cached = {
        let _entered = runtime.enter();
        Cached::new(Authority, Settings::default())
    };
    runtime.block_on(cached.ready()).expect("there is a token");
    for threads in [1, 2, 16] {
        let barrier = Barrier::new(threads);
        let (batches, singles): (Vec<_>, Vec<_>) = thread::scope(|scope| {
            let run = || {
                barrier.wait();
                measure(&cached)
            };
            let running: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
            running.into_iter().map(|thread| thread.join().expect("it measures")).unzip()
        });
        let mut batches = batches.concat();
        let mut singles = singles.concat();
        batches.sort_unstable();
        singles.sort_unstable();
        println!(
            "{threads:>2} threads: median {} ns a read; single reads with the timer: p50 {} ns, p99 {} ns, p99.99 {} ns",
            at(&batches, 0.5) / u64::from(BATCH),
            at(&singles, 0.5),
            at(&singles, 0.99),
            at(&singles, 0.9999),
        );
    }
}

/// Batches of reads, and reads one by one, each in nanoseconds.
fn measure(cached: &Cached) -> (Vec<u64>, Vec<u64>) {
    let read = || black_box(cached.authorization().expect("there is a token"));
    let batch = || {
        timed(|| {
            for _ in 0..BATCH {
                drop(read());
            }
        })
    };
    let batches = (0..BATCHES).map(|_| batch()).collect();
    let singles = (0..BATCHES * 500).map(|_| timed(|| drop(read()))).collect();
    (batches, singles)
}

fn timed(work: impl FnOnce()) -> u64 {
    let began = Instant::now();
    work();
    u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "an index is far from the limits"
)]
fn at(sorted: &[u64], quantile: f64) -> u64 {
    sorted[((sorted.len() - 1) as f64 * quantile) as usize]
}
