//! Work in stages: what is done to a picture before a model sees it, and what the model makes of it.

use std::sync::Arc;

use bytes::Bytes;
use engine::Models;
use futures::future::{BoxFuture, FutureExt};
use library::BlobId;
use sha2::{Digest, Sha256};
use tracing::Instrument as _;
use transform::{
    Accept, Context, Format, Hints, OutputSettings, Rect, RenditionKey, Size, SourceInfo, Stage, Transformation,
};

use crate::access::Right;
use crate::ai::{Facts, File, Found};
use crate::cache::Key;
use crate::inputs::Inputs;
use crate::render::{Files, Task};
use crate::stats::{self, TRACE};
use crate::{DeliveryError, Shared};

/// A picture that work begins with.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) at: Place,
    pub(crate) info: SourceInfo,
    pub(crate) bytes: u64,
}

impl Source {
    /// Names what a picture is made from: its bytes, and the area of interest that is stored beside them.
    pub(crate) fn name(&self) -> String {
        match self.info.focus {
            Some(Rect { x, y, width, height }) => format!("{} {x},{y},{width},{height}", self.at.name()),
            None => self.at.name(),
        }
    }
}

/// Where a picture lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// A stored file.
    Blob(BlobId),
    /// What a model made.
    Derived(Key),
}

impl Place {
    /// Names the content.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Blob(blob) => blob.to_string(),
            Self::Derived(key) => hex::encode(key.0),
        }
    }

    pub(crate) fn blob(&self) -> Option<BlobId> {
        match self {
            Self::Blob(blob) => Some(*blob),
            Self::Derived(_) => None,
        }
    }

    pub(crate) async fn read(&self, shared: &Shared, max: u64) -> Result<Bytes, DeliveryError> {
        match self {
            Self::Blob(blob) => shared.sources.read(*blob, max).await,
            Self::Derived(key) => shared.ai.store.read(*key).await,
        }
    }
}

/// What of a request concerns all parts of its transformation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope {
    pub(crate) right: Right,
    pub(crate) only_named: bool,
    pub(crate) hints: Hints,
    pub(crate) still: bool,
}

/// Stages on the way from a source to the picture that the rest of the work begins with.
#[derive(Debug)]
pub(crate) struct Chain {
    source: Source,
    links: Vec<Link>,
    scope: Scope,
}

#[derive(Debug)]
struct Link {
    stage: Stage,
    inputs: Inputs,
    key: Key,
}

/// Part of the key of everything that models make. To be raised when it is prepared for them in another way.
const VERSION: &str = "tintype-derived-1";

impl Chain {
    /// Names all results without making any.
    pub(crate) async fn new(
        shared: &Shared,
        source: Source,
        stages: Vec<Stage>,
        scope: Scope,
    ) -> Result<Self, DeliveryError> {
        let mut links: Vec<Link> = Vec::with_capacity(stages.len());
        let settings = preparing(&shared.settings.output);
        for stage in stages {
            let inputs = Inputs::find(shared, &stage.before, scope).await?;
            let before = match links.last() {
                Some(link) => Place::Derived(link.key).name(),
                // Where the area of interest does not count, a model is not asked again when it changes.
                None if stage.before.canonical().contains("custom") => source.name(),
                None => source.at.name(),
            };
            let context = context(shared, scope, &settings);
            let mut contents = inputs.contents().to_vec();
            contents.extend(shared.ai.lookers(&stage.before).await);
            let before = RenditionKey::new(&before, &stage.before, &context, &contents);
            let identity = shared.ai.identity(&stage.operation).await;
            let named = format!("{VERSION}\n{before}\n{}\n{identity}", stage.operation);
            links.push(Link {
                stage,
                inputs,
                key: Key(Sha256::digest(named).into()),
            });
        }
        Ok(Self { source, links, scope })
    }

    /// Names the last result.
    pub(crate) fn name(&self) -> String {
        match self.links.last() {
            Some(link) => Place::Derived(link.key).name(),
            None => self.source.at.name(),
        }
    }

    /// True when a layer on the way is a private file.
    pub(crate) fn is_of_private(&self) -> bool {
        self.links.iter().any(|link| link.inputs.are_private())
    }

    /// The last result, kept or made. Once it is begun it goes on, whether somebody waits or not.
    pub(crate) async fn run(self: Arc<Self>, shared: Arc<Shared>) -> Result<Source, DeliveryError> {
        let all = self.links.len();
        self.first(shared, all).await
    }

    /// The source after so many stages.
    fn first(self: Arc<Self>, shared: Arc<Shared>, count: usize) -> BoxFuture<'static, Result<Source, DeliveryError>> {
        async move {
            let Some(last) = count.checked_sub(1) else {
                return Ok(self.source.clone());
            };
            let key = self.links[last].key;
            if let Some(facts) = shared.ai.store.find(key).await {
                return Ok(self.derived(key, facts));
            }
            if let Some(error) = shared.ai.failed.get(&key) {
                return Err(error);
            }
            let work = {
                let (chain, shared) = (self.clone(), shared.clone());
                async move {
                    let made = chain.clone().make(&shared, last).await;
                    match &made {
                        Ok(_) | Err(DeliveryError::Overloaded { .. }) => {}
                        Err(error) => {
                            tracing::debug!(error = error as &dyn std::error::Error, "a model gave no result");
                            shared.ai.failed.insert(key, error.clone());
                        }
                    }
                    made
                }
            };
            shared.ai.in_flight.run(key, work).await.1
        }
        .boxed()
    }

    async fn make(self: Arc<Self>, shared: &Arc<Shared>, at: usize) -> Result<Source, DeliveryError> {
        let Link { stage, inputs, key } = &self.links[at];
        // Somebody may have finished it between our look and our turn.
        if let Some(facts) = shared.ai.store.find(*key).await {
            return Ok(self.derived(*key, facts));
        }
        // And another server may have paid for it.
        let mut claim = None;
        if let Some(results) = &shared.ai.results {
            let span = tracing::debug_span!(target: TRACE, "shared results");
            match results
                .get_or_claim(shared.sources.library(), key)
                .instrument(span)
                .await
            {
                Found::There(bytes) => {
                    stats::ai_result("shared");
                    let facts = shared.ai.store.keep(*key, bytes).await?;
                    return Ok(self.derived(*key, facts));
                }
                Found::Absent(ours) => claim = ours,
            }
        }
        let source = self.clone().first(shared.clone(), at).await?;
        let inputs = inputs.clone().ready(shared.clone()).await?;
        let settings = preparing(&shared.settings.output);
        let context = context(shared, self.scope, &settings);
        let models = shared.ai.models(&stage.before).await;
        let task = task(shared, &stage.before, &source, &inputs, models, &context)?;
        if !task.measured {
            shared.ai.check(&stage.operation, task.plan.size)?;
        }
        let max = shared.settings.render.max_source_bytes;
        let read = async {
            Ok(Files {
                source: source.at.read(shared, max).await?,
                others: inputs.read(shared, max).await?,
            })
        };
        let before = shared.renderer.render(task, read).await?;
        shared.ai.check(&stage.operation, before.size)?;
        let picture = File {
            size: before.size,
            bytes: before.bytes,
        };
        let result = shared.ai.run(&stage.operation, picture, &shared.renderer).await;
        let result = result.inspect_err(|_| stats::ai_result("error"))?;
        stats::ai_result("made");
        // Before it is kept here: if the disk is full it was not paid for in vain.
        if let Some(results) = &shared.ai.results {
            results.put(key, result.clone(), claim).await;
        }
        let facts = shared.ai.store.keep(*key, result).await?;
        Ok(self.derived(*key, facts))
    }

    /// What a model makes of a photograph is a photograph: negotiation treats it as it would have treated the source, where
    /// that can hold it.
    fn derived(&self, key: Key, facts: Facts) -> Source {
        let mut info = facts.info;
        if self.source.info.format == Format::Jpeg && !info.has_alpha {
            info.format = Format::Jpeg;
        }
        if (info.width, info.height) == self.source.info.upright() {
            info.focus = self.source.info.focus;
        }
        Source {
            at: Place::Derived(key),
            info,
            bytes: facts.bytes,
        }
    }
}

/// How pictures are prepared for models: what concerns encoding does not count.
fn preparing(settings: &OutputSettings) -> OutputSettings {
    OutputSettings {
        auto_orient: settings.auto_orient,
        linear_light: settings.linear_light,
        ..OutputSettings::default()
    }
}

fn context<'a>(shared: &'a Shared, scope: Scope, settings: &'a OutputSettings) -> Context<'a> {
    Context {
        accept: Accept::default(),
        hints: scope.hints,
        settings: *settings,
        limits: &shared.settings.limits,
        still: scope.still,
    }
}

/// All that it takes to make a rendition of a source.
pub(crate) fn task(
    shared: &Shared,
    transformation: &Transformation,
    source: &Source,
    inputs: &Inputs,
    models: Models,
    context: &Context<'_>,
) -> Result<Task, DeliveryError> {
    let (facts, font) = (
        |name: &str, part: &transform::Part| inputs.info(name, part),
        |name: &str| inputs.font(name),
    );
    let mut bounds = engine::Bounds::new(&shared.settings.fonts, &facts, &font);
    let plan = transform::plan(transformation, &source.info, context, &mut bounds)?;
    Ok(Task {
        models,
        measured: bounds.asked_for_pixels(),
        transformation: transformation.clone(),
        info: source.info,
        accept: context.accept,
        hints: context.hints,
        output: context.settings,
        still: context.still,
        blob: source.at.blob(),
        cost: engine::Cost {
            megapixels: inputs.megapixels(),
            bytes: source.bytes.saturating_add(inputs.bytes()),
        },
        plan,
    })
}

/// The size that steps lead to, as far as headers tell.
pub(crate) fn size_after(
    shared: &Shared,
    transformation: &Transformation,
    source: &Source,
    inputs: &Inputs,
    context: &Context<'_>,
) -> Result<(u32, u32), DeliveryError> {
    let Size { width, height } = task(shared, transformation, source, inputs, Models::default(), context)?
        .plan
        .size;
    Ok((width, height))
}
