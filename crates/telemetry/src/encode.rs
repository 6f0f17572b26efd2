//! Encodes spans and metrics in the messages of OTLP.

use opentelemetry::KeyValue;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::metrics::v1::{Metric, ResourceMetrics, ScopeMetrics};
use opentelemetry_proto::tonic::resource::v1;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanData;
use prost::Message as _;

/// The name of the instrumentation scope of spans and metrics.
pub(crate) const SCOPE: &str = "tollgate";

/// The identity of the sender.
#[derive(Debug, Clone)]
pub struct Identity {
    /// `service.name`: the name of the service.
    pub service_name: String,
    /// `service.version`: the version of the program.
    pub version: &'static str,
    /// `service.instance.id`, which tells instances with the same name apart.
    pub instance: String,
    /// Further attributes of the resource.
    pub attributes: Vec<(String, String)>,
}

impl Identity {
    /// Returns the identity as a resource. None of it comes from the machine or its environment.
    pub(crate) fn resource(&self) -> Resource {
        let own = [
            KeyValue::new("service.name", self.service_name.clone()),
            KeyValue::new("service.version", self.version),
            KeyValue::new("service.instance.id", self.instance.clone()),
        ];
        let further = self.attributes.iter().map(|(name, value)| KeyValue::new(name.clone(), value.clone()));
        Resource::builder_empty().with_attributes(own.into_iter().chain(further)).build()
    }
}

/// Returns the body that delivers spans.
pub(crate) fn spans(spans: &[SpanData], resource: &Resource) -> Vec<u8> {
    let resource = ResourceAttributesWithSchema::from(resource);
    let resource_spans = group_spans_by_resource_and_scope(spans.to_vec(), &resource);
    ExportTraceServiceRequest { resource_spans }.encode_to_vec()
}

/// Returns the body that delivers metrics.
pub(crate) fn metrics(metrics: Vec<Metric>, resource: &Resource, version: &str) -> Vec<u8> {
    let attributes = ResourceAttributesWithSchema::from(resource).attributes.0;
    let scope = InstrumentationScope {
        name: SCOPE.to_owned(),
        version: version.to_owned(),
        ..InstrumentationScope::default()
    };
    let scope_metrics = vec![ScopeMetrics { scope: Some(scope), metrics, ..ScopeMetrics::default() }];
    let resource = v1::Resource { attributes, ..v1::Resource::default() };
    let resource_metrics =
        vec![ResourceMetrics { resource: Some(resource), scope_metrics, ..ResourceMetrics::default() }];
    ExportMetricsServiceRequest { resource_metrics }.encode_to_vec()
}
