//! Making a rendition: admitted by cost, on a thread that may block, given up at the deadline.

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use engine::{Budget, Cost, Effort, Fonts, Inputs, Light, Model, Models, RenderError};
use library::BlobId;
use tracing::Instrument as _;
use transform::{
    Accept, Context, Format, Hints, Limits, Output, OutputSettings, Plan, Size, SourceInfo, Transformation,
};

use crate::admission::{Admission, AdmissionLimits, Permit};
use crate::ai;
use crate::cache::Rendition;
use crate::decoded::DecodedSources;
use crate::stats::{self, TRACE};
use crate::{DeliveryError, RenderSettings, Settings};

#[derive(Debug)]
pub(crate) struct Renderer {
    admission: Admission,
    settings: RenderSettings,
    limits: Limits,
    fonts: Fonts,
    decoded: Arc<DecodedSources>,
    pace: Pace,
}

/// How long making takes on this machine, learnt from what was made: seconds for a megapixel of work, by format.
#[derive(Debug, Default)]
struct Pace(Mutex<HashMap<&'static str, f64>>);

impl Pace {
    /// Before anything was made: more than most machines need.
    const UNKNOWN: f64 = 0.3;
    /// How much the latest counts.
    const WEIGHT: f64 = 0.2;

    fn learn(&self, format: Format, megapixels: f64, took: Duration) {
        if megapixels < 0.01 {
            return;
        }
        let latest = took.as_secs_f64() / megapixels;
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let pace = known.entry(format.extension()).or_insert(latest);
        *pace += (latest - *pace) * Self::WEIGHT;
    }

    fn expected(&self, format: Format, megapixels: f64) -> Duration {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let pace = known.get(format.extension()).copied().unwrap_or(Self::UNKNOWN);
        Duration::try_from_secs_f64(pace * megapixels).unwrap_or(Duration::MAX)
    }
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
            pace: Pace::default(),
        }
    }

    /// How long a rendition will take once it is its turn, as far as what was made before tells: never longer than it may.
    pub(crate) fn expected(&self, task: &Task) -> Duration {
        let Output::Encoded(encoding) = task.plan.output else {
            return Duration::ZERO;
        };
        let megapixels = engine::estimate(&task.plan, &task.info).megapixels + task.cost.megapixels;
        self.pace
            .expected(encoding.format, megapixels)
            .min(self.settings.deadline)
    }

    /// Does the work. Files are read when it is its turn, so that what waits holds no memory.
    pub(crate) async fn render(
        &self,
        task: Task,
        read: impl Future<Output = Result<Files, DeliveryError>>,
    ) -> Result<Rendition, DeliveryError> {
        let cost = engine::estimate(&task.plan, &task.info);
        let megapixels = cost.megapixels + task.cost.megapixels;
        let permit = self
            .admission
            .admit(Cost {
                bytes: cost.bytes.saturating_add(task.cost.bytes),
                megapixels,
            })
            .instrument(tracing::debug_span!(target: TRACE, "queue"))
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
        let took = started.elapsed();
        stats::took(took);
        self.pace.learn(done.format, megapixels, took);
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
        let span = tracing::debug_span!(target: TRACE, "render");
        let work = tokio::task::spawn_blocking(move || {
            let _span = span.entered();
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
    DeliveryError::TooSlow(deadline)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_tells_what_making_takes() {
        let pace = Pace::default();
        let seconds = |format, megapixels| pace.expected(format, megapixels).as_secs_f64();
        assert_eq!(seconds(Format::Webp, 10.0), 3.0, "nothing is known yet");
        pace.learn(Format::Webp, 2.0, Duration::from_secs(1));
        assert_eq!(seconds(Format::Webp, 10.0), 5.0);
        pace.learn(Format::Webp, 2.0, Duration::from_secs(2));
        assert!(
            (seconds(Format::Webp, 10.0) - 6.0).abs() < 1e-9,
            "the latest counts a little"
        );
        pace.learn(Format::Webp, 0.0, Duration::from_secs(9));
        assert!(
            (seconds(Format::Webp, 10.0) - 6.0).abs() < 1e-9,
            "nothing was worked on"
        );
        assert_eq!(seconds(Format::Jpeg, 1.0), 0.3, "formats take their own time");
        assert_eq!(
            pace.expected(Format::Webp, f64::MAX),
            Duration::MAX,
            "and no number panics"
        );
    }
}
