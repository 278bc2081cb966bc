//! W3C trace context in and out, and spans for the collector where one is configured.
//!
//! Without a collector nothing is made up: a caller's context is written to the log and handed on as it came.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::{SpanKind, Status, TraceContextExt, Tracer as _, TracerProvider as _};
use opentelemetry::{Context, KeyValue, Value};
use opentelemetry_otlp::{ExporterBuildError, Protocol, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider};

use super::spans::{Fates, Outbox, SpanCounts};

/// Makes spans, or hands on those of others. Cloning shares it.
#[derive(Clone, Default)]
pub struct Tracing {
    collector: Option<Collector>,
}

#[derive(Clone)]
struct Collector {
    tracer: SdkTracer,
    provider: SdkTracerProvider,
    fates: Arc<Fates>,
}

/// Where a request stands in its trace. Cloning shares its span.
#[derive(Clone, Default)]
pub struct Trace(Option<Context>);

/// What a span tells: names as OpenTelemetry's conventions have them.
pub type Attribute = (&'static str, Value);

/// The collector's patience with one batch is its own; ours ends here, also when the process does.
const PATIENCE: Duration = Duration::from_secs(5);

impl Tracing {
    /// Spans go to the collector at this base URL (OTLP over HTTP, `/v1/traces` below it).
    pub(super) fn to(endpoint: &str) -> Result<Self, ExporterBuildError> {
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
            .with_timeout(PATIENCE)
            .build()?;
        let fates = Arc::<Fates>::default();
        let resource = Resource::builder()
            .with_service_name("sluice")
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let provider = SdkTracerProvider::builder()
            .with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOn)))
            .with_span_processor(Outbox::new(exporter, Arc::clone(&fates)))
            .with_resource(resource)
            .build();
        let tracer = provider.tracer("sluice");
        Ok(Self { collector: Some(Collector { tracer, provider, fates }) })
    }

    /// A request that came with this `traceparent`.
    pub fn request(&self, parent: Option<&str>, name: impl FnOnce() -> String) -> Trace {
        let parent = parent.and_then(extracted);
        match &self.collector {
            None => Trace(parent),
            Some(collector) => collector.span(name(), SpanKind::Server, &parent.unwrap_or_default()),
        }
    }

    /// A call that is made because of a request.
    pub fn call(&self, because_of: &Trace, name: &'static str) -> Trace {
        match &self.collector {
            None => because_of.clone(),
            Some(collector) => {
                collector.span(name.to_owned(), SpanKind::Client, &because_of.0.clone().unwrap_or_default())
            }
        }
    }

    /// What became of the spans so far; `None` without a collector.
    pub fn counts(&self) -> Option<SpanCounts> {
        self.collector.as_ref().map(|collector| collector.fates.counts())
    }

    /// Sends what still waits, for a few seconds at most. Whether it arrives does not matter to the exit code.
    pub(super) fn end(&self) {
        if let Some(Collector { provider, .. }) = &self.collector
            && let Err(error) = provider.shutdown_with_timeout(PATIENCE)
        {
            tracing::debug!(%error, "some spans did not reach the collector");
        }
    }
}

impl Collector {
    fn span(&self, name: String, kind: SpanKind, parent: &Context) -> Trace {
        let span = self.tracer.span_builder(name).with_kind(kind).start_with_context(&self.tracer, parent);
        Trace(Some(parent.with_span(span)))
    }
}

impl Trace {
    /// The id of the trace in 32 hexadecimal digits, where there is one.
    pub fn id(&self) -> Option<String> {
        self.0.as_ref().map(|context| context.span().span_context().trace_id().to_string())
    }

    /// The `traceparent` that hands it on to the vendor. No `tracestate`: a call is shared, and its first asker's would
    /// reach the vendor on everybody's call, at any size.
    pub fn parent(&self) -> Option<String> {
        let span = self.0.as_ref()?.span();
        let of = span.span_context();
        Some(format!("00-{}-{}-{:02x}", of.trace_id(), of.span_id(), of.trace_flags().to_u8()))
    }

    /// Ends its span. `failed` where it did not bring what it was for.
    pub fn end<A>(&self, attributes: impl FnOnce() -> A, failed: Option<&'static str>)
    where
        A: IntoIterator<Item = Attribute>,
    {
        let Some(context) = &self.0 else { return };
        let span = context.span();
        if span.is_recording() {
            span.set_attributes(attributes().into_iter().map(|(key, value)| KeyValue::new(key, value)));
            if let Some(why) = failed {
                span.set_status(Status::error(why));
            }
            span.end();
        }
    }
}

/// The header, as the library wants it shown.
struct Shown<'a>(&'a str);

impl Extractor for Shown<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        (key == "traceparent").then_some(self.0)
    }

    fn keys(&self) -> Vec<&str> {
        vec!["traceparent"]
    }
}

/// The caller's context; `None` where it is not one.
fn extracted(traceparent: &str) -> Option<Context> {
    let context = TraceContextPropagator::new().extract_with_context(&Context::new(), &Shown(traceparent));
    context.span().span_context().is_valid().then_some(context)
}

impl fmt::Debug for Tracing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracing").field("exports", &self.collector.is_some()).finish()
    }
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Trace").field(&self.id()).finish()
    }
}
