//! The scenarios of `packages/scenarios` as they are played in this language. One JSON object a line, on both sides.
//!
//! Time is tokio's, paused: it goes on when everybody waits for it, and not between two commands, because nothing runs
//! then. Calls go over real HTTP, during which [it stands](standing).

use std::collections::BTreeMap;
use std::future::ready;
use std::io::{BufRead, stderr, stdin};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tollgate_client::Cached;

use crate::clock::{Steps, standing};
use crate::described::Described;

/// What the scenarios are played with.
pub(crate) trait Played: Clone + Send + Sync + 'static {
    /// Sets it up, outside of the runtime: what is made there begins with the first call, as the scenarios do.
    fn new(described: Described, runtime: &Runtime) -> Self;

    /// Makes one call.
    fn call(&self, call: &Call) -> impl Future<Output = Outcome> + Send;

    /// Its tokens.
    fn cached(&self) -> &Cached;

    /// All that can be printed of it.
    fn shown(&self) -> String;
}

/// How one call ended: a status, or the kind of an error.
pub(crate) struct Outcome {
    pub(crate) kind: String,
    pub(crate) error: Option<Value>,
}

impl Outcome {
    pub(crate) fn of(kind: impl Into<String>) -> Self {
        Self { kind: kind.into(), error: None }
    }
}

/// A command.
#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "lowercase")]
enum Command {
    New(New),
    Call(Call),
    Storm { n: usize },
    Advance { monotonic: f64, wall: f64 },
    Settle,
    Show,
}

/// Who calls, and how.
#[derive(Deserialize)]
pub(crate) struct New {
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) face: String,
    pub(crate) variant: String,
    pub(crate) callback: bool,
}

/// The same call, several times at once.
#[derive(Deserialize, Clone)]
pub(crate) struct Call {
    n: usize,
    hold: bool,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) body: Option<String>,
    #[serde(default)]
    pub(crate) stream: bool,
}

/// What the commands are about.
struct Driver<P> {
    steps: Steps,
    played: Option<P>,
}

/// Plays what standard input says.
pub(crate) fn play<P: Played>() {
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(stderr)
        .with_ansi(false)
        .init();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let mut driver = Driver::<P> { steps: Steps::default(), played: None };
    for line in stdin().lock().lines() {
        say(&driver.play(&runtime, serde_json::from_str(&line.unwrap()).unwrap()));
    }
}

impl<P: Played> Driver<P> {
    fn play(&mut self, runtime: &Runtime, command: Command) -> Value {
        match command {
            Command::New(new) => self.prepare(runtime, new),
            Command::Call(call) => runtime.block_on(self.call(&call)),
            Command::Storm { n } => runtime.block_on(self.storm(n)),
            Command::Advance { monotonic, wall } => {
                self.steps.add(monotonic, wall);
                json!({})
            }
            // The clock goes on for this only when nobody has anything to do.
            Command::Settle => runtime.block_on(async {
                self.steps.take().await;
                sleep(Duration::from_millis(1)).await;
                json!({})
            }),
            Command::Show => runtime.block_on(async { json!({ "shown": self.played().shown() }) }),
        }
    }

    fn prepare(&mut self, runtime: &Runtime, new: New) -> Value {
        self.played = None;
        self.steps = runtime.block_on(async { Steps::default() });
        match runtime.block_on(Described::by(new, self.steps.clock())) {
            Ok(described) => self.played = Some(P::new(described, runtime)),
            Err(error) => return json!({ "error": "configuration", "text": format!("{error} {error:?}") }),
        }
        json!({})
    }

    async fn call(&mut self, call: &Call) -> Value {
        self.steps.take().await;
        // So that the clock stands when the first requests are under way.
        standing(ready(())).await;
        let began = Instant::now();
        let one = || {
            let (played, call) = (self.played().clone(), call.clone());
            async move { played.call(&call).await }
        };
        let found = together(call.n, call.hold, one).await;
        let slept = began.elapsed().as_secs_f64();
        let failed = found.iter().find_map(|outcome| outcome.error.clone());
        json!({ "outcomes": counted(&found), "slept": slept, "errors": failed.into_iter().collect::<Vec<_>>() })
    }

    async fn storm(&mut self, n: usize) -> Value {
        self.steps.take().await;
        let cached = self.played().cached().clone();
        let used = cached.ready().await.unwrap().generation();
        let one = move || {
            let cached = cached.clone();
            async move { Outcome::of(if cached.refused(used).await.is_some() { "renewed" } else { "none" }) }
        };
        json!({ "outcomes": counted(&together(n, true, one).await) })
    }

    fn played(&self) -> &P {
        self.played.as_ref().expect("the first command makes one")
    }
}

/// Does it n times at once, and says when all have begun.
async fn together<F>(n: usize, hold: bool, one: impl Fn() -> F) -> Vec<Outcome>
where
    F: Future<Output = Outcome> + Send + 'static,
{
    let (begun, mut all_begun) = mpsc::channel::<()>(1);
    let mut callers = JoinSet::new();
    for _ in 0..n {
        let (begun, call) = (begun.clone(), one());
        callers.spawn(async move {
            drop(begun);
            call.await
        });
    }
    drop(begun);
    if hold {
        all_begun.recv().await;
        say(&json!({ "started": true }));
    }
    callers.join_all().await
}

fn counted(found: &[Outcome]) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for outcome in found {
        *counts.entry(outcome.kind.as_str()).or_default() += 1;
    }
    counts
}

fn say(answer: &Value) {
    println!("{answer}");
}
