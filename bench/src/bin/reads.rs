//! What reading a fresh token costs the caller: the median, the tail, and the same with more threads than cores.

use std::hint::black_box;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use allocation_counter::measure;
use clap::Parser;
use serde::Serialize;
use tollgate_client::{Cached, Clock, Obtaining, Settings, Token, TokenSource};

#[derive(Debug, Parser)]
#[command(about = "Times reads of a fresh token and prints the figures as JSON")]
struct Args {
    /// How many reads one by one in each thread.
    #[arg(long, default_value_t = 1_000_000)]
    reads: usize,
}

/// What was found with so many threads; times in nanoseconds.
#[derive(Serialize)]
struct Row {
    threads: usize,
    /// Of reads in batches, so that the timer counts for nothing.
    median: f64,
    /// Of single reads, with the timer around them.
    p99: u64,
    p9999: u64,
    /// Of one read.
    allocations: u64,
}

const BATCH: u32 = 1_000;

/// Stands for an authority.
struct Authority;

impl TokenSource for Authority {
    fn obtain<'a>(&'a self, clock: &'a dyn Clock) -> Obtaining<'a> {
        let token = Token::new(&"x".repeat(400), clock.now(), Duration::from_secs(900));
        Box::pin(async move { Ok(token.expect("it is a token")) })
    }
}

fn main() {
    let args = Args::parse();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
    let cached = {
        let _entered = runtime.enter();
        Cached::new(Authority, Settings::default())
    };
    runtime.block_on(cached.ready()).expect("there is a token");
    let rows: Vec<Row> = [1, 2, 16].into_iter().map(|threads| row(&cached, threads, args.reads)).collect();
    println!("{}", serde_json::to_string(&rows).expect("figures serialise"));
}

fn row(cached: &Cached, threads: usize, reads: usize) -> Row {
    let barrier = Barrier::new(threads);
    let (batches, singles): (Vec<_>, Vec<_>) = thread::scope(|scope| {
        let run = || {
            barrier.wait();
            time(cached, reads)
        };
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
        running.into_iter().map(|thread| thread.join().expect("it measures")).unzip()
    });
    let (mut batches, mut singles) = (batches.concat(), singles.concat());
    batches.sort_unstable();
    singles.sort_unstable();
    let median = at(&batches, 1, 2) as f64 / f64::from(BATCH);
    let allocations = measure(|| drop(read(cached))).count_total;
    Row { threads, median, p99: at(&singles, 99, 100), p9999: at(&singles, 9_999, 10_000), allocations }
}

/// Batches of reads, and reads one by one.
fn time(cached: &Cached, reads: usize) -> (Vec<u64>, Vec<u64>) {
    let batch = || timed(|| (0..BATCH).for_each(|_| drop(read(cached))));
    let batches = (0..reads / BATCH as usize * 2).map(|_| batch()).collect();
    let singles = (0..reads).map(|_| timed(|| drop(read(cached)))).collect();
    (batches, singles)
}

fn read(cached: &Cached) -> tollgate_client::Authorization {
    black_box(cached.authorization().expect("there is a token"))
}

fn timed(work: impl FnOnce()) -> u64 {
    let began = Instant::now();
    work();
    u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// What is at this part of a sorted sample.
fn at(sorted: &[u64], part: usize, of: usize) -> u64 {
    sorted[(sorted.len() - 1) * part / of]
}
