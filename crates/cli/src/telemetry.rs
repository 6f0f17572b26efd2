//! Traces and metrics by OTLP, of a server and of the agent.

use std::sync::Arc;
use std::time::Duration;

use tollgate_admin::machine;
use tollgate_commands::Failure;
use tollgate_config::{Config, ResourceAttribute, Sample};
use tollgate_operator::collector::{CollectorError, HttpCollector, HttpCollectorSettings};
use tollgate_operator::named_secret::sharing;
use tollgate_secrets::access::Sharing;
use tollgate_server::Server;
use tollgate_telemetry::{Delivering, Identity, Telemetry};

use crate::args::TelemetryArgs;

/// How long a process that ends waits until the recorded data is delivered.
const LAST_DELIVERY: Duration = Duration::from_secs(2);

/// The collector, and the data to send.
struct Settings<'a> {
    collector: HttpCollectorSettings<'a>,
    /// The share of traces to record; `None` if none are recorded.
    sample: Option<Sample>,
    service_name: &'a str,
    attributes: &'a [ResourceAttribute],
}

/// Prepares to send. Fails if sending could never succeed.
fn prepare(settings: &Settings<'_>) -> Result<Telemetry, CollectorError> {
    let collector = HttpCollector::new(&settings.collector)?;
    let attributes = settings.attributes.iter().map(|one| (one.name.clone(), one.value.clone()));
    let identity = Identity {
        service_name: settings.service_name.to_owned(),
        version: env!("CARGO_PKG_VERSION"),
        instance: format!("{}/{}", machine(), std::process::id()),
        attributes: attributes.collect(),
    };
    let telemetry = Telemetry::new(identity, Arc::new(collector));
    Ok(match settings.sample {
        Some(sample) => telemetry.traces(sample.share()),
        None => telemetry,
    })
}

/// Starts to record a server's requests and to send its metrics, if that is configured.
pub(crate) fn of_server(config: &Config, server: &Arc<Server>) -> Result<Option<Delivering>, Failure> {
    let Some(mut telemetry) = prepare_for_server(config)? else { return Ok(None) };
    if config.telemetry.metrics {
        let server = server.clone();
        telemetry = telemetry.metrics(move || server.metrics());
    }
    let counts = telemetry.counts();
    let (traces, delivering) = telemetry.start();
    server.record(traces, counts);
    Ok(Some(delivering))
}

/// Checks whether a server could send to the configured collector.
pub(crate) fn check(config: &Config) -> Result<(), Failure> {
    prepare_for_server(config).map(drop)
}

fn prepare_for_server(config: &Config) -> Result<Option<Telemetry>, Failure> {
    let settings = &config.telemetry;
    if settings.endpoint.is_empty() {
        return Ok(None);
    }
    let telemetry = prepare(&Settings {
        collector: HttpCollectorSettings {
            endpoint: &settings.endpoint,
            headers: &settings.headers,
            sharing: sharing(config),
            names: ["telemetry.endpoint", "telemetry.headers"],
        },
        sample: settings.traces.then_some(settings.sample),
        service_name: &settings.service_name,
        attributes: &settings.attributes,
    })?;
    Ok(Some(telemetry))
}

/// Prepares to send the agent's traces and metrics, if its arguments name a collector.
pub(crate) fn of_agent(args: &TelemetryArgs) -> Result<Option<Telemetry>, Failure> {
    let Some(endpoint) = &args.otlp_endpoint else { return Ok(None) };
    let settings = Settings {
        collector: HttpCollectorSettings {
            endpoint,
            headers: &args.otlp_header,
            sharing: Sharing::Private,
            names: ["--otlp-endpoint", "--otlp-header"],
        },
        sample: Some(args.trace_sample.unwrap_or_default()),
        service_name: args.service_name.as_deref().unwrap_or("tollgate-agent"),
        attributes: &args.otlp_attribute,
    };
    prepare(&settings).map(Some).map_err(|error| match error {
        CollectorError::Url { .. } | CollectorError::InTheClear { .. } => {
            Failure::of_misuse(error.to_string())
        }
        error => error.into(),
    })
}

/// Waits until the recorded data is delivered, but not for long.
pub(crate) async fn end(delivering: Option<Delivering>) {
    if let Some(delivering) = delivering
        && !delivering.end(LAST_DELIVERY).await
    {
        tracing::warn!("the last traces and metrics could not be delivered in time");
    }
}
