//! The way of a finished span to the collector: a bounded outbox that never blocks, and a count of every fate.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, Span, SpanData, SpanExporter, SpanProcessor};

/// Spans that may wait. What comes on top is dropped, and counted.
const ROOM: usize = 2048;

/// What became of spans.
#[derive(Debug, Default)]
pub(super) struct Fates {
    waiting: AtomicU64,
    exported: AtomicU64,
    failed: AtomicU64,
    dropped: AtomicU64,
}

/// How many spans reached the collector, and how many did not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpanCounts {
    /// The collector has them.
    pub exported: u64,
    /// They were sent, and the collector did not take them.
    pub failed: u64,
    /// There was no room for them.
    pub dropped: u64,
}

/// Takes finished spans as long as there is room.
#[derive(Debug)]
pub(super) struct Outbox {
    batches: BatchSpanProcessor,
    fates: Arc<Fates>,
}

/// The exporter, counted.
#[derive(Debug)]
struct Counted<E> {
    exporter: E,
    fates: Arc<Fates>,
}

impl Fates {
    pub(super) fn counts(&self) -> SpanCounts {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        SpanCounts { exported: of(&self.exported), failed: of(&self.failed), dropped: of(&self.dropped) }
    }
}

impl Outbox {
    pub(super) fn new(exporter: impl SpanExporter + 'static, fates: Arc<Fates>) -> Self {
        // Room to spare: this outbox turns away before the library, which would not tell how many.
        let config = BatchConfigBuilder::default().with_max_queue_size(ROOM * 2).build();
        let exporter = Counted { exporter, fates: Arc::clone(&fates) };
        Self { batches: BatchSpanProcessor::builder(exporter).with_batch_config(config).build(), fates }
    }
}

impl SpanProcessor for Outbox {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.batches.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        if self.fates.waiting.fetch_add(1, Ordering::Relaxed) >= ROOM as u64 {
            self.fates.waiting.fetch_sub(1, Ordering::Relaxed);
            self.fates.dropped.fetch_add(1, Ordering::Relaxed);
        } else {
            self.batches.on_end(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.batches.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.batches.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.batches.set_resource(resource);
    }
}

impl<E: SpanExporter> SpanExporter for Counted<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let size = batch.len() as u64;
        self.fates.waiting.fetch_sub(size, Ordering::Relaxed);
        let result = self.exporter.export(batch).await;
        let fate = if result.is_ok() { &self.fates.exported } else { &self.fates.failed };
        fate.fetch_add(size, Ordering::Relaxed);
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}
