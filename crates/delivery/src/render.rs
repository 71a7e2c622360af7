//! Making a rendition: admitted by cost, on a thread that may block, given up at the deadline.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use engine::{Budget, Cost, Effort, Fonts, Inputs, Light, Model, Models, RenderError};
use library::BlobId;
use transform::{Accept, Context, Format, Hints, Limits, OutputSettings, Plan, Size, SourceInfo, Transformation};

use crate::admission::{Admission, AdmissionLimits, Permit};
use crate::ai;
use crate::cache::Rendition;
use crate::decoded::DecodedSources;
use crate::{DeliveryError, RenderSettings, Settings, stats};

#[derive(Debug)]
pub(crate) struct Renderer {
    admission: Admission,
    settings: RenderSettings,
    limits: Limits,
    fonts: Fonts,
    decoded: Arc<DecodedSources>,
}

/// What is to be made. All that the work needs, and nothing that refers to the request that caused it.
#[derive(Debug, Clone)]
pub(crate) struct Task {
    /// The decided work, or a bound for it if `measured`.
    pub(crate) plan: Plan,
    /// The plan depends on pixels: it is decided anew once they are there.
    pub(crate) measured: bool,
    pub(crate) transformation: Transformation,
    pub(crate) info: SourceInfo,
    pub(crate) accept: Accept,
    pub(crate) hints: Hints,
    pub(crate) output: OutputSettings,
    pub(crate) still: bool,
    /// What looks for faces and objects.
    pub(crate) models: Models,
    /// The base picture's source, where it is a stored file.
    pub(crate) blob: Option<BlobId>,
    /// Bytes and megapixels of all files together.
    pub(crate) cost: Cost,
}

/// The bytes of all files.
pub(crate) struct Files {
    pub(crate) source: Bytes,
    pub(crate) others: HashMap<String, Bytes>,
}

impl Renderer {
    pub(crate) fn new(settings: &Settings) -> Self {
        let render = settings.render;
        let admission = Admission::new(AdmissionLimits {
            workers: render.workers,
            memory_bytes: render.memory_bytes,
            queue: render.queue,
            wait: render.wait,
        });
        Self {
            admission,
            settings: render,
            limits: settings.limits,
            fonts: settings.fonts.clone(),
            decoded: Arc::new(DecodedSources::new(render.source_cache_bytes)),
        }
    }

    /// Does the work. Files are read when it is its turn, so that what waits holds no memory.
    pub(crate) async fn render(
        &self,
        task: Task,
        read: impl Future<Output = Result<Files, DeliveryError>>,
    ) -> Result<Rendition, DeliveryError> {
        let cost = engine::estimate(&task.plan, &task.info);
        let permit = self
            .admission
            .admit(Cost {
                bytes: cost.bytes.saturating_add(task.cost.bytes),
                megapixels: cost.megapixels + task.cost.megapixels,
            })
            .await?;
        let files = read.await?;
        // Who waits now will be glad of a quicker answer.
        let effort = if self.is_loaded() {
            Effort::Load
        } else {
            Effort::Leisure
        };

        // What has nothing to do now may help. It is not held for that: who comes next need not wait for it.
        let helpers = self.admission.idle().min(1);

        let (limits, fonts, decoded) = (self.limits, self.fonts.clone(), self.decoded.clone());
        let light = if task.output.linear_light {
            Light::Linear
        } else {
            Light::Gamma
        };
        let started = Instant::now();
        let done = self
            .on_a_thread(permit, self.settings.deadline, move |budget| {
                let budget = Budget {
                    effort,
                    light,
                    helpers,
                    ..*budget
                };
                make(&task, &files, &fonts, &limits, &decoded, &budget)
            })
            .await?;
        stats::took(started.elapsed());
        Ok(Rendition {
            format: done.format,
            size: done.size,
            hasty: effort == Effort::Load,
            // Who asked knows when it began.
            made_ms: 0,
            bytes: Bytes::from(done.bytes),
        })
    }

    /// Takes out of a drawing of so many bytes what a browser would run or fetch.
    pub(crate) async fn clean_svg(
        &self,
        size: u64,
        read: impl Future<Output = Result<Bytes, DeliveryError>>,
    ) -> Result<Rendition, DeliveryError> {
        let cost = Cost {
            // Its elements take several times their text.
            bytes: size.saturating_mul(12),
            // About as long as decoding a picture whose pixels take as many bytes.
            megapixels: size as f64 / 4e6,
        };
        let permit = self.admission.admit(cost).await?;
        let source = read.await?;
        let work = move |budget: &Budget| Ok(engine::clean_svg(&source, budget)?);
        let cleaned = self.on_a_thread(permit, self.settings.deadline, work).await?;
        Ok(Rendition {
            format: Format::Svg,
            // Nobody asks how large a drawing is before it is drawn.
            size: Size { width: 0, height: 0 },
            hasty: false,
            made_ms: 0,
            bytes: Bytes::from(cleaned),
        })
    }

    /// Does a plan that needs no decisions, on files that are at hand.
    pub(crate) async fn redo(
        &self,
        source: Bytes,
        others: HashMap<String, Bytes>,
        plan: Plan,
    ) -> Result<Bytes, DeliveryError> {
        let probed = engine::probe_bytes(&source).map_err(|error| refusal(&Arc::new(error.into()), Duration::ZERO))?;
        let cost = engine::estimate(&plan, &probed.info);
        let permit = self.admission.admit(cost).await?;
        let fonts = self.fonts.clone();
        let done = self
            .on_a_thread(permit, self.settings.deadline, move |budget| {
                let files = others
                    .iter()
                    .map(|(name, bytes)| (name.clone(), bytes.as_ref()))
                    .collect();
                let inputs = Inputs {
                    source: &source,
                    decoded: None,
                    files: &files,
                    fonts: &fonts,
                    models: &Models::default(),
                };
                Ok(engine::render_with(&inputs, &plan, budget)?)
            })
            .await?;
        Ok(Bytes::from(done.bytes))
    }

    /// Lets a model work on a picture. It has no more cores than there are, so it takes its turn like everybody.
    pub(crate) async fn apply(
        &self,
        model: Arc<Model>,
        picture: ai::File,
        deadline: Duration,
    ) -> Result<Bytes, DeliveryError> {
        let permit = self.admission.admit(model.cost(picture.size)).await?;
        let work = move |budget: &Budget| Ok(model.apply(&picture.bytes, budget)?);
        let done = self.on_a_thread(permit, deadline, work).await?;
        Ok(Bytes::from(done.bytes))
    }

    /// Work that holds a thread, until its deadline. What it may cost is said to it.
    async fn on_a_thread<T: Send + 'static>(
        &self,
        permit: Permit,
        deadline: Duration,
        work: impl FnOnce(&Budget) -> Result<T, Arc<RenderError>> + Send + 'static,
    ) -> Result<T, DeliveryError> {
        let given_up = Arc::new(AtomicBool::new(false));
        let (limits, settings, flag) = (self.limits, self.settings, given_up.clone());
        let work = tokio::task::spawn_blocking(move || {
            // Held until the thread is really done, also when nobody waits for it any more.
            let _permit = permit;
            let budget = Budget {
                max_pixels: limits.source_pixels.max(limits.result_pixels),
                max_source_bytes: settings.max_source_bytes,
                max_output_bytes: settings.max_output_bytes,
                cancelled: Some(&flag),
                max_frames_pixels: limits.animation_pixels,
                ..Budget::default()
            };
            work(&budget)
        });
        match tokio::time::timeout(deadline, work).await {
            Ok(Ok(Ok(done))) => Ok(done),
            Ok(Ok(Err(error))) => Err(refusal(&error, deadline)),
            Ok(Err(panicked)) => Err(DeliveryError::internal("make the rendition", panicked)),
            Err(_elapsed) => {
                given_up.store(true, Ordering::Relaxed);
                Err(too_slow(deadline))
            }
        }
    }

    /// Renderings that wait for their turn.
    pub(crate) fn waiting(&self) -> usize {
        self.admission.waiting()
    }

    /// True when so many wait that each should be quick.
    pub(crate) fn is_loaded(&self) -> bool {
        self.waiting() > 2 * self.settings.workers
    }

    /// Bytes of decoded sources in memory.
    pub(crate) fn decoded_bytes(&self) -> u64 {
        self.decoded.memory_bytes()
    }
}

fn make(
    task: &Task,
    files: &Files,
    fonts: &Fonts,
    limits: &Limits,
    decoded: &DecodedSources,
    budget: &Budget,
) -> Result<engine::Rendition, Arc<RenderError>> {
    let others = files
        .others
        .iter()
        .map(|(name, bytes)| (name.clone(), bytes.as_ref()))
        .collect();
    let mut inputs = Inputs {
        source: &files.source,
        decoded: None,
        files: &others,
        fonts,
        models: &task.models,
    };
    if task.measured {
        let context = Context {
            accept: task.accept,
            hints: task.hints,
            settings: task.output,
            limits,
            still: task.still,
        };
        let planner =
            |measure: &mut dyn transform::Measure| transform::plan(&task.transformation, &task.info, &context, measure);
        return Ok(engine::render_measured(&inputs, planner, budget)?.0);
    }
    let at_hand = task
        .blob
        .and_then(|blob| decoded.get(blob, &files.source, &task.plan, &task.info, budget))
        .transpose()?;
    inputs.decoded = at_hand.as_deref();
    Ok(engine::render_with(&inputs, &task.plan, budget)?)
}

/// What the engine says, in words for the client. What is our fault stays with us.
fn refusal(error: &Arc<RenderError>, deadline: Duration) -> DeliveryError {
    match &**error {
        RenderError::Probe(_) | RenderError::Malformed { .. } | RenderError::Unsupported { .. } => {
            DeliveryError::Unsupported(error.to_string())
        }
        RenderError::OverBudget { .. } | RenderError::TooLargeForFormat { .. } => {
            DeliveryError::limit(error.to_string())
        }
        RenderError::Unplannable(error) => DeliveryError::from(error.clone()),
        RenderError::Model { file, what } => DeliveryError::Upstream {
            operation: file,
            message: what.clone(),
        },
        RenderError::Layer(error) => DeliveryError::bad(error.to_string()),
        RenderError::Cancelled => too_slow(deadline),
        RenderError::Plan(_) | RenderError::Encode { .. } | RenderError::Internal(_) => {
            DeliveryError::internal("make the rendition", error.clone())
        }
    }
}

fn too_slow(deadline: Duration) -> DeliveryError {
    DeliveryError::limit(format!("making this takes longer than the allowed {deadline:?}"))
}
