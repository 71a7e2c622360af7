//! Making a rendition: admitted by cost, on a thread that may block, given up at the deadline.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use engine::{Budget, RenderError};
use transform::{Limits, Plan, SourceInfo};

use crate::admission::{Admission, AdmissionLimits};
use crate::cache::Rendition;
use crate::{DeliveryError, RenderSettings};

#[derive(Debug)]
pub(crate) struct Renderer {
    admission: Admission,
    settings: RenderSettings,
    max_pixels: u64,
}

impl Renderer {
    pub(crate) fn new(settings: RenderSettings, limits: &Limits) -> Self {
        let admission = Admission::new(AdmissionLimits {
            workers: settings.workers,
            memory_bytes: settings.memory_bytes,
            queue: settings.queue,
            wait: settings.wait,
        });
        Self {
            admission,
            settings,
            max_pixels: limits.source_pixels.max(limits.result_pixels),
        }
    }

    /// Does the plan. The source is read when it is this work's turn, so that what waits holds no memory.
    pub(crate) async fn render(
        &self,
        plan: Plan,
        info: &SourceInfo,
        source_bytes: u64,
        read: impl Future<Output = Result<Bytes, DeliveryError>>,
    ) -> Result<Rendition, DeliveryError> {
        let cost = engine::estimate(&plan, info);
        let bytes = cost.bytes.saturating_add(source_bytes);
        let permit = self.admission.admit(engine::Cost { bytes, ..cost }).await?;
        let source = read.await?;

        let given_up = Arc::new(AtomicBool::new(false));
        let (max_pixels, settings) = (self.max_pixels, self.settings);
        let flag = given_up.clone();
        let work = tokio::task::spawn_blocking(move || {
            // Held until the thread is really done, also when nobody waits for it any more.
            let _permit = permit;
            let budget = Budget {
                max_pixels,
                max_source_bytes: settings.max_source_bytes,
                max_output_bytes: settings.max_output_bytes,
                cancelled: Some(&flag),
                ..Budget::default()
            };
            engine::render(&source, &plan, &budget)
        });
        match tokio::time::timeout(self.settings.deadline, work).await {
            Ok(Ok(Ok(done))) => Ok(Rendition {
                format: done.format,
                size: done.size,
                bytes: Bytes::from(done.bytes),
            }),
            Ok(Ok(Err(error))) => Err(refusal(error, self.settings.deadline)),
            Ok(Err(panicked)) => Err(DeliveryError::internal("make the rendition", panicked)),
            Err(_elapsed) => {
                given_up.store(true, Ordering::Relaxed);
                Err(too_slow(self.settings.deadline))
            }
        }
    }

    /// Renderings that wait for their turn.
    pub(crate) fn waiting(&self) -> usize {
        self.admission.waiting()
    }
}

/// What the engine says, in words for the client. What is our fault stays with us.
fn refusal(error: RenderError, deadline: Duration) -> DeliveryError {
    match error {
        RenderError::Probe(_) | RenderError::Malformed { .. } | RenderError::Unsupported { .. } => {
            DeliveryError::Unsupported(error.to_string())
        }
        RenderError::OverBudget { .. } | RenderError::TooLargeForFormat { .. } => {
            DeliveryError::limit(error.to_string())
        }
        RenderError::Cancelled => too_slow(deadline),
        RenderError::Plan(_) | RenderError::Encode { .. } | RenderError::Internal(_) => {
            DeliveryError::internal("make the rendition", error)
        }
    }
}

fn too_slow(deadline: Duration) -> DeliveryError {
    DeliveryError::limit(format!("making this takes longer than the allowed {deadline:?}"))
}
