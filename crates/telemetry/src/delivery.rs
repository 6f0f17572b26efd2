//! The task that delivers spans and metrics.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::InstrumentationScope;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider, SpanData};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, timeout};

use crate::counts::Counts;
use crate::encode::{self, Identity, SCOPE};
use crate::exposition::Families;
use crate::queue::Queue;
use crate::traces::Traces;

/// The most spans that are delivered together.
const BATCH: usize = 512;
/// How long a span waits for others at most.
const SPANS_EVERY: Duration = Duration::from_secs(5);
/// How often metrics are delivered.
const METRICS_EVERY: Duration = Duration::from_secs(60);
/// How long a delivery may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often a delivery is tried if the collector may take it later.
const ATTEMPTS: u32 = 3;
/// The pause before the second attempt; it doubles with each further attempt.
const PAUSE: Duration = Duration::from_secs(1);

/// The kind of data that is delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Traces, as spans.
    Traces,
    /// Metrics, with their current values.
    Metrics,
}

impl Signal {
    /// Returns the path below the endpoint (OTLP specification, OTLP/HTTP request).
    pub const fn path(self) -> &'static str {
        match self {
            Self::Traces => "/v1/traces",
            Self::Metrics => "/v1/metrics",
        }
    }
}

/// Why data was not delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Undelivered {
    /// The collector is unreachable or busy: it may take the data later.
    Later(String),
    /// The collector refuses the data.
    Refused(String),
}

impl Undelivered {
    fn text(&self) -> &str {
        match self {
            Self::Later(text) | Self::Refused(text) => text,
        }
    }
}

/// The future of a delivery.
pub type Sending<'a> = Pin<Box<dyn Future<Output = Result<(), Undelivered>> + Send + 'a>>;

/// Sends data to a collector.
pub trait Collector: Send + Sync {
    /// Sends a body, as `application/x-protobuf`, to the path of its signal.
    fn send(&self, signal: Signal, body: Vec<u8>) -> Sending<'_>;
}

/// A function that returns all metrics in the text format of Prometheus.
type Exposed = dyn Fn() -> String + Send + Sync;

/// The settings of what is delivered, and where.
pub struct Telemetry {
    identity: Identity,
    collector: Arc<dyn Collector>,
    /// The share of traces that is recorded; `None` records none, not even for callers that ask for it.
    share: Option<f64>,
    metrics: Option<Arc<Exposed>>,
    counts: Arc<Counts>,
}

impl Telemetry {
    /// Delivers to `collector`, as yet neither traces nor metrics.
    pub fn new(identity: Identity, collector: Arc<dyn Collector>) -> Self {
        Self { identity, collector, share: None, metrics: None, counts: Arc::default() }
    }

    /// Records this share of the traces that begin here, from 0 to 1, and those that trusted callers record.
    #[must_use]
    pub fn traces(mut self, share: f64) -> Self {
        self.share = Some(share.clamp(0.0, 1.0));
        self
    }

    /// Delivers the metrics that `exposed` returns, in the text format of Prometheus, once a minute.
    #[must_use]
    pub fn metrics(mut self, exposed: impl Fn() -> String + Send + Sync + 'static) -> Self {
        self.metrics = Some(Arc::new(exposed));
        self
    }

    /// Returns the counts of spans and deliveries.
    pub fn counts(&self) -> Arc<Counts> {
        self.counts.clone()
    }

    /// Starts to deliver, on the runtime of the caller. Returns traces if they were asked for.
    pub fn start(self) -> (Option<Traces>, Delivering) {
        let resource = self.identity.resource();
        let (queue, spans) = Queue::new(self.counts.clone());
        let (provider, traces) =
            self.share.map(|share| tracing(queue, share, &self.identity, &resource)).unzip();
        let (stop, stopped) = oneshot::channel();
        let delivery = Delivery {
            resource,
            version: self.identity.version,
            collector: self.collector,
            counts: self.counts,
            is_failing: false,
        };
        let task = tokio::spawn(delivery.run(spans, self.metrics, stopped));
        (traces, Delivering { stop, task, _provider: provider })
    }
}

fn tracing(
    queue: Queue,
    share: f64,
    identity: &Identity,
    resource: &Resource,
) -> (SdkTracerProvider, Traces) {
    let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(share)));
    let provider = SdkTracerProvider::builder()
        .with_span_processor(queue)
        .with_sampler(sampler)
        .with_resource(resource.clone())
        .build();
    let scope = InstrumentationScope::builder(SCOPE).with_version(identity.version).build();
    let tracer = provider.tracer_with_scope(scope);
    (provider, Traces::new(tracer, share))
}

/// The task that delivers.
#[must_use = "what waits is lost when it is dropped"]
pub struct Delivering {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
    /// The provider, which keeps the recording of spans going.
    _provider: Option<SdkTracerProvider>,
}

impl Delivering {
    /// Delivers the spans that still wait, and the metrics as they are now, within `patience`. Returns whether all of it was tried.
    pub async fn end(mut self, patience: Duration) -> bool {
        let _ = self.stop.send(());
        let ended = timeout(patience, &mut self.task).await.is_ok();
        self.task.abort();
        ended
    }
}

/// The state of the task, which makes one delivery at a time.
struct Delivery {
    resource: Resource,
    version: &'static str,
    collector: Arc<dyn Collector>,
    counts: Arc<Counts>,
    /// Whether the last delivery failed, which has been logged.
    is_failing: bool,
}

impl Delivery {
    async fn run(
        mut self,
        mut spans: mpsc::Receiver<SpanData>,
        exposed: Option<Arc<Exposed>>,
        mut stopped: oneshot::Receiver<()>,
    ) {
        let mut ticks = interval_at(Instant::now() + METRICS_EVERY, METRICS_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let is_last = tokio::select! {
                () = gather(&mut spans, &mut batch) => false,
                _ = ticks.tick() => {
                    self.deliver_metrics(exposed.as_deref(), ATTEMPTS).await;
                    continue;
                }
                _ = &mut stopped => true,
            };
            if is_last {
                break;
            }
            self.deliver_spans(&mut batch, ATTEMPTS).await;
        }
        // Each delivery is tried once: the process is about to end.
        loop {
            while batch.len() < BATCH
                && let Ok(span) = spans.try_recv()
            {
                batch.push(span);
            }
            if batch.is_empty() {
                break;
            }
            self.deliver_spans(&mut batch, 1).await;
        }
        self.deliver_metrics(exposed.as_deref(), 1).await;
    }

    async fn deliver_spans(&mut self, batch: &mut Vec<SpanData>, attempts: u32) {
        let body = encode::spans(batch, &self.resource);
        let is_done = self.deliver(Signal::Traces, body, attempts).await;
        self.counts.delivery(batch.len() as u64, is_done);
        batch.clear();
    }

    async fn deliver_metrics(&mut self, exposed: Option<&Exposed>, attempts: u32) {
        let Some(exposed) = exposed else { return };
        let metrics = Families::of(&exposed()).metrics(now());
        let body = encode::metrics(metrics, &self.resource, self.version);
        let is_done = self.deliver(Signal::Metrics, body, attempts).await;
        self.counts.delivery_of_metrics(is_done);
    }

    /// Delivers a body, and returns whether it was taken.
    async fn deliver(&mut self, signal: Signal, body: Vec<u8>, attempts: u32) -> bool {
        for attempt in 1..=attempts {
            let sent = timeout(PATIENCE, self.collector.send(signal, body.clone())).await;
            let sent = sent.unwrap_or_else(|_| Err(Undelivered::Later("it does not answer".to_owned())));
            let Err(error) = sent else {
                self.note(None);
                return true;
            };
            if matches!(error, Undelivered::Refused(_)) || attempt == attempts {
                self.note(Some(&error));
                return false;
            }
            sleep(PAUSE * (1 << (attempt - 1))).await;
        }
        false
    }

    /// Logs once that deliveries fail, and once that they succeed again.
    fn note(&mut self, error: Option<&Undelivered>) {
        if self.is_failing == error.is_some() {
            return;
        }
        self.is_failing = error.is_some();
        let Some(error) = error else { return tracing::info!("traces and metrics are delivered again") };
        tracing::warn!(reason = error.text(), "traces and metrics can't be delivered");
    }
}

/// Waits for a span, and then for others until there are enough, or it has waited long. If the wait is aborted, the gathered spans
/// stay in `batch`.
async fn gather(spans: &mut mpsc::Receiver<SpanData>, batch: &mut Vec<SpanData>) {
    if batch.is_empty() {
        match spans.recv().await {
            Some(span) => batch.push(span),
            // No spans are recorded.
            None => std::future::pending().await,
        }
    }
    let enough = async {
        while batch.len() < BATCH {
            match spans.recv().await {
                Some(span) => batch.push(span),
                None => return,
            }
        }
    };
    let _ = timeout(SPANS_EVERY, enough).await;
}

/// Returns the nanoseconds since 1970.
#[expect(clippy::disallowed_methods, reason = "the times of metrics are those of the machine")]
fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
