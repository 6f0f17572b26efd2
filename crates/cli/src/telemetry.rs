//! Traces and metrics by OTLP, of a server and of the agent.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, StatusCode, Url};
use tollgate_admin::machine;
use tollgate_client::cause_of;
use tollgate_config::{Config, HeaderSource, ResourceAttribute, Sample};
use tollgate_operator::named_secret::{secret, sharing};
use tollgate_secrets::access::Sharing;
use tollgate_secrets::https;
use tollgate_server::Server;
use tollgate_telemetry::{Collector, Delivering, Identity, Sending, Signal, Telemetry, Undelivered};

use crate::args::TelemetryArgs;
use crate::failure::Failure;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a process that ends waits until what it has recorded is delivered.
const LAST_DELIVERY: Duration = Duration::from_secs(2);

/// Where it is sent, and what.
struct Settings<'a> {
    endpoint: &'a str,
    headers: &'a [HeaderSource],
    /// The share of traces that is recorded, where any are.
    sample: Option<Sample>,
    service_name: &'a str,
    attributes: &'a [ResourceAttribute],
    sharing: Sharing,
    /// The settings of endpoint and headers, as messages name them.
    names: [&'static str; 2],
}

/// Prepares to send. It fails where that could never succeed.
fn prepare(settings: &Settings<'_>) -> Result<Telemetry, Failure> {
    let collector = OverHttp::new(settings)?;
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

/// Has a server's requests recorded and its metrics sent, if it is configured to.
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

/// Says whether a server could send what it is configured to.
pub(crate) fn check(config: &Config) -> Result<(), Failure> {
    prepare_for_server(config).map(drop)
}

fn prepare_for_server(config: &Config) -> Result<Option<Telemetry>, Failure> {
    let settings = &config.telemetry;
    if settings.endpoint.is_empty() {
        return Ok(None);
    }
    prepare(&Settings {
        endpoint: &settings.endpoint,
        headers: &settings.headers,
        sample: settings.traces.then_some(settings.sample),
        service_name: &settings.service_name,
        attributes: &settings.attributes,
        sharing: sharing(config),
        names: ["telemetry.endpoint", "telemetry.headers"],
    })
    .map(Some)
}

/// Prepares to send what the agent records, if its arguments say where to.
pub(crate) fn of_agent(args: &TelemetryArgs) -> Result<Option<Telemetry>, Failure> {
    let Some(endpoint) = &args.otlp_endpoint else { return Ok(None) };
    let settings = Settings {
        endpoint,
        headers: &args.otlp_header,
        sample: Some(args.trace_sample.unwrap_or_default()),
        service_name: args.service_name.as_deref().unwrap_or("tollgate-agent"),
        attributes: &args.otlp_attribute,
        sharing: Sharing::Private,
        names: ["--otlp-endpoint", "--otlp-header"],
    };
    prepare(&settings).map(Some)
}

/// Waits until what was recorded is delivered, but not for long.
pub(crate) async fn end(delivering: Option<Delivering>) {
    if let Some(delivering) = delivering
        && !delivering.end(LAST_DELIVERY).await
    {
        tracing::warn!("the last traces and metrics could not be delivered in time");
    }
}

/// A collector that is reached over HTTP.
struct OverHttp {
    client: Client,
    endpoint: String,
    headers: Vec<HeaderSource>,
    sharing: Sharing,
    names: [&'static str; 2],
}

impl OverHttp {
    fn new(settings: &Settings<'_>) -> Result<Self, Failure> {
        let Settings { endpoint, headers, sharing, names, .. } = *settings;
        let url = Url::parse(endpoint);
        let url = url.map_err(|error| Failure::new(format!("{}: {endpoint}: {error}", names[0])))?;
        if url.scheme() == "http" && !https::is_loopback(&url) && !headers.is_empty() {
            return Err(Failure::new(format!(
                "{}: they would go to {endpoint} in the clear; use https, or send them from a collector on this machine",
                names[1]
            )));
        }
        let builder = https::client_for(&url).map_err(|error| {
            Failure::new(format!(
                "the system has no list of trusted authorities ({error}): install ca-certificates, or name a file of \
                 certificates by SSL_CERT_FILE"
            ))
        })?;
        let client = builder
            .connect_timeout(CONNECT_TIMEOUT)
            .user_agent(concat!("tollgate/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| Failure::new(cause_of(&error)))?;
        let (endpoint, headers) = (endpoint.to_owned(), headers.to_vec());
        let collector = Self { client, endpoint, headers, sharing, names };
        collector.headers()?;
        Ok(collector)
    }

    /// The headers with their values as they are now.
    fn headers(&self) -> Result<HeaderMap, Failure> {
        let mut headers = HeaderMap::new();
        for HeaderSource { name, value } in &self.headers {
            let text = secret(value, "the file of a header", self.names[1], self.sharing)?;
            let mut value = HeaderValue::from_str(text.trim_end_matches(['\r', '\n'])).map_err(|_| {
                Failure::new(format!("{}: the value of {name} does not fit in a header", self.names[1]))
            })?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        Ok(headers)
    }

    async fn post(&self, signal: Signal, body: Vec<u8>) -> Result<(), Undelivered> {
        let headers = self.headers().map_err(|failure| Undelivered::Later(failure.to_string()))?;
        let url = format!("{}{}", self.endpoint, signal.path());
        let sent = self.client.post(url).headers(headers).body(body).send().await;
        let answer = sent.map_err(|error| Undelivered::Later(cause_of(&error)))?;
        let said = |status: StatusCode| format!("{}{} answers {status}", self.endpoint, signal.path());
        match answer.status() {
            status if status.is_success() => Ok(()),
            // Those that the specification of OTLP/HTTP has repeated.
            status if matches!(status.as_u16(), 429 | 502..=504) => Err(Undelivered::Later(said(status))),
            status => Err(Undelivered::Refused(said(status))),
        }
    }
}

impl Collector for OverHttp {
    fn send(&self, signal: Signal, body: Vec<u8>) -> Sending<'_> {
        Box::pin(self.post(signal, body))
    }
}
