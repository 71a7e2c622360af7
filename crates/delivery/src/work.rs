//! Stored bytes or a rendition? And the rendition, wherever it comes from.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use library::{Asset, FileType, MediaFacts};
use tracing::Instrument as _;
use transform::parameters::AskedFormat;
use transform::{Accept, Context, Format, Output, RenditionKey, Stages, Transformation, content_dpr};

use crate::access::Right;
use crate::asked::Asked;
use crate::cache::{Key, Rendition, Tier};
use crate::coalesce::Role;
use crate::inputs::Inputs;
use crate::purge::{OLDEST_RENDITION, Purgeable};
use crate::render::{Files, Task};
use crate::shared::Found;
use crate::stages::{self, Chain, Place, Scope, Source};
use crate::stats::{self, TRACE};
use crate::{DeliveryError, ServedFrom, Shared};

/// How the bytes of an answer are come by.
pub(crate) enum Work {
    /// As stored.
    Stored {
        /// Why a transformation has no effect, if there is one.
        notice: Option<String>,
        /// A client that accepts other formats might get a rendition.
        negotiated: bool,
    },
    /// Looked up or made.
    Rendition(Box<Job>),
    /// The client has what would have to be made.
    Known { key: Key, of_private: bool },
    /// Not yet: a model is at work.
    Preparing,
}

impl Work {
    /// True for the stored file although a transformation was asked for: that has no effect on it.
    pub(crate) fn is_untouched(&self) -> bool {
        match self {
            Self::Stored { notice, .. } => notice.is_some(),
            Self::Rendition(job) => job.format == Format::Svg,
            Self::Known { .. } | Self::Preparing => false,
        }
    }

    /// True if a layer is a private file.
    pub(crate) fn is_of_private(&self) -> bool {
        match self {
            Self::Rendition(job) => job.of_private,
            Self::Known { of_private, .. } => *of_private,
            Self::Stored { .. } | Self::Preparing => false,
        }
    }
}

/// A rendition: its name, and all that it takes to make it.
#[derive(Clone)]
pub(crate) struct Job {
    pub(crate) key: Key,
    /// By what purges know the file.
    pub(crate) of: Arc<Purgeable>,
    pub(crate) format: Format,
    pub(crate) content_dpr: Option<f64>,
    /// It stands in for a better one that is still being made: not to be kept for long.
    pub(crate) stands_in: bool,
    /// A layer of it is a private file.
    pub(crate) of_private: bool,
    /// What could not be done as asked.
    pub(crate) notices: Vec<String>,
    /// The format was our choice, and takes long.
    patient: bool,
    how: How,
}

#[derive(Clone)]
enum How {
    /// It is here already.
    Made(Rendition, ServedFrom),
    Make(Recipe),
}

#[derive(Clone)]
struct Rendering {
    task: Task,
    source: Place,
    inputs: Inputs,
}

#[derive(Clone)]
enum Recipe {
    /// A picture by a plan.
    Rendered(Box<Rendering>),
    /// A drawing of so many bytes without what would run or be fetched.
    Cleaned { source: Place, size: u64 },
}

/// Decides without reading more than headers and fonts, and without making more than the pictures of models.
///
/// `known` tells whether the client has what is under a key, `path` is that by which purges know the asset.
pub(crate) async fn decide(
    shared: &Arc<Shared>,
    asked: &Asked,
    asset: &Asset,
    path: &str,
    right: Right,
    context: &Context<'_>,
    known: &(dyn Fn(&Key) -> bool + Sync),
) -> Result<Work, DeliveryError> {
    let transformation = &asked.transformation;
    let version = &asset.version;
    let format = Format::of_mime(&version.media.mime);
    if transformation.is_original() {
        if format == Some(Format::Svg) && asked.clean_svg == Some(true) {
            return Ok(cleaned(asset, path, None));
        }
        return Ok(Work::Stored {
            notice: None,
            negotiated: false,
        });
    }
    let Some(format) = format else {
        return unreadable(asked, &version.media);
    };
    if let Some(notice) = as_stored(asked, format) {
        if format == Format::Svg && asked.clean_svg.unwrap_or(shared.settings.clean_svg) {
            return Ok(cleaned(asset, path, notice));
        }
        return Ok(Work::Stored {
            notice,
            negotiated: false,
        });
    }
    let scope = Scope {
        right,
        only_named: asked.only_named,
        hints: context.hints,
        still: context.still,
    };
    let mut inputs = Inputs::find(shared, transformation, scope).await?;
    let of_private = inputs.are_private();
    let mut contents = inputs.contents().to_vec();
    contents.extend(shared.ai.lookers(transformation).await);
    for operation in transformation.operations() {
        contents.push((operation.key().to_owned(), shared.ai.identity(&operation).await));
    }
    let mut source = Source {
        at: Place::Blob(version.blob),
        info: shared.sources.info(asset, &transformation.part()).await?,
        bytes: version.size,
    };
    let key = Key::of(&RenditionKey::new(&source.name(), transformation, context, &contents))?;
    let of = Arc::new(Purgeable::new(asset, path));
    let notices = shared.ai.notices(transformation).await;
    let mut last = Cow::Borrowed(transformation);
    if transformation.needs_model() || inputs.have_stages() {
        // What is made of pictures that are not there any more is still what was asked for.
        if known(&key) {
            return Ok(Work::Known { key, of_private });
        }
        if let Some((rendition, from)) = at_hand(shared, &key, &of).await {
            return Ok(Work::Rendition(Box::new(Job {
                key,
                of,
                format: rendition.format,
                content_dpr: None,
                stands_in: false,
                of_private,
                notices,
                patient: false,
                how: How::Made(rendition, from),
            })));
        }
        let (parts, chain) = stages(shared, transformation, source, scope, context).await?;
        if transformation.needs_model() {
            inputs = Inputs::find(shared, &parts, scope).await?;
        }
        let made = async { tokio::try_join!(chain.run(shared.clone()), inputs.ready(shared.clone())) };
        match tokio::time::timeout(shared.ai.wait, made).await {
            Ok(made) => (source, inputs) = made?,
            Err(_elapsed) => return Ok(Work::Preparing),
        }
        last = Cow::Owned(parts);
    }
    let models = shared.ai.models(&last).await;
    let task = stages::task(shared, &last, &source, &inputs, models, context)?;
    let format = match task.plan.output {
        Output::Encoded(encoding) => encoding.format,
        // What a model made, untouched.
        Output::Original if matches!(source.at, Place::Derived(_)) => Format::Png,
        Output::Original => {
            return Ok(Work::Stored {
                notice: None,
                negotiated: transformation.depends_on_accept(&context.settings),
            });
        }
    };
    Ok(Work::Rendition(Box::new(Job {
        key,
        of,
        format,
        content_dpr: content_dpr(&last, &task.plan, &context.hints),
        stands_in: false,
        of_private,
        notices,
        patient: format == Format::Avif && last.asked_format() != Some(AskedFormat::Exactly(Format::Avif)),
        how: How::Make(Recipe::Rendered(Box::new(Rendering {
            task,
            source: source.at,
            inputs,
        }))),
    })))
}

/// A drawing as it is stored, but for what a browser would run or fetch.
fn cleaned(asset: &Asset, path: &str, notice: Option<String>) -> Work {
    let version = &asset.version;
    Work::Rendition(Box::new(Job {
        key: Key::of_cleaned(&version.blob),
        of: Arc::new(Purgeable::new(asset, path)),
        format: Format::Svg,
        content_dpr: None,
        stands_in: false,
        of_private: false,
        notices: notice.into_iter().collect(),
        patient: false,
        how: How::Make(Recipe::Cleaned {
            source: Place::Blob(version.blob),
            size: version.size,
        }),
    }))
}

/// The parts of a transformation between which models work: the last one, and the way there.
async fn stages(
    shared: &Arc<Shared>,
    transformation: &Transformation,
    source: Source,
    scope: Scope,
    context: &Context<'_>,
) -> Result<(Transformation, Arc<Chain>), DeliveryError> {
    let nothing = Inputs::default();
    let settled = transformation.settle(source.info.upright(), |steps| {
        stages::size_after(shared, steps, &source, &nothing, context)
    })?;
    let Stages { stages, last } = settled.stages();
    let chain = Chain::new(shared, source, stages, scope).await?;
    Ok((last, Arc::new(chain)))
}

/// Files that are delivered as they are unless a picture of them is asked for in so many words, and what is said of a
/// transformation that then has no effect.
fn as_stored(asked: &Asked, format: Format) -> Option<Option<String>> {
    let transformation = &asked.transformation;
    let drawn = match format {
        // Negotiation never turns a drawing into pixels.
        Format::Svg => {
            asked.still
                || matches!(transformation.asked_format(), Some(AskedFormat::Exactly(asked)) if asked != Format::Svg)
        }
        Format::Pdf | Format::Psd => asked.still,
        _ => true,
    };
    if drawn {
        return None;
    }
    let notice = match format {
        Format::Svg => "transformations have no effect on SVG without a format of pixels such as `f-png`",
        _ => "transformations have no effect on a document; pictures of its pages are at `/ik-thumbnail.jpg`",
    };
    Some((!transformation.is_empty()).then(|| notice.to_owned()))
}

/// What the engine does not read is delivered as it is, and a transformation of it has no effect. Not so for pictures:
/// who asks for a thumbnail should not get 50 megabytes of something else.
fn unreadable(asked: &Asked, media: &MediaFacts) -> Result<Work, DeliveryError> {
    let (mime, transformation) = (&media.mime, &asked.transformation);
    if asked.still {
        return Err(DeliveryError::Unavailable("a still of this kind of file"));
    }
    if media.file_type == FileType::Image && !transformation.is_empty() {
        return Err(DeliveryError::Unsupported(format!("{mime} cannot be transformed")));
    }
    let notice = (!transformation.is_empty()).then(|| format!("transformations have no effect on {mime}"));
    Ok(Work::Stored {
        notice,
        negotiated: false,
    })
}

/// A rendition in a format that is slow to make and that nobody asked for by name gets a limited time. Past it the answer
/// is the next best format, while the better one is finished for those who come later.
pub(crate) async fn in_time(
    shared: &Arc<Shared>,
    asked: &Asked,
    asset: &Asset,
    path: &str,
    right: Right,
    context: &Context<'_>,
    mut job: Box<Job>,
) -> Result<Work, DeliveryError> {
    if !job.patient {
        return Ok(Work::Rendition(job));
    }
    let wait = shared.settings.render.avif_wait;
    if let Ok(made) = tokio::time::timeout(wait, rendition(shared, (*job).clone())).await {
        let (rendition, from) = made?;
        job.how = How::Made(rendition, from);
        return Ok(Work::Rendition(job));
    }
    let context = Context {
        accept: Accept {
            avif: false,
            ..context.accept
        },
        ..*context
    };
    let mut work = decide(shared, asked, asset, path, right, &context, &|_| false).await?;
    if let Work::Rendition(job) = &mut work {
        job.stands_in = true;
    }
    Ok(work)
}

/// From the cache, from the one who is making it, or made.
pub(crate) async fn rendition(shared: &Arc<Shared>, job: Job) -> Result<(Rendition, ServedFrom), DeliveryError> {
    let recipe = match job.how {
        How::Made(rendition, from) => return Ok((rendition, from)),
        How::Make(recipe) => recipe,
    };
    let (key, of) = (job.key, job.of);
    if let Some(found) = at_hand(shared, &key, &of).await {
        return Ok(found);
    }
    if let Some(error) = shared.refused.get(&key) {
        return Err(error);
    }
    let counters = &shared.counters;
    loop {
        let making = make(shared.clone(), key, of.clone(), recipe.clone());
        match shared.in_flight.run(key, making).await {
            // Somebody else began before a purge: what came of it is for those who asked then.
            (Role::Follower, Ok((rendition, _))) if !is_current(shared, &rendition, &of) => {}
            (Role::Follower, made) => {
                let (rendition, _) = made?;
                counters.coalesced.count();
                return Ok((rendition, ServedFrom::Coalesced));
            }
            (Role::Leader, Ok((rendition, Some(tier)))) => return Ok((rendition, found_in(shared, tier))),
            (Role::Leader, made) => {
                counters.misses.count();
                return Ok((made?.0, ServedFrom::Render));
            }
        }
    }
}

/// From the cache, if it is there and may be served.
pub(crate) async fn at_hand(shared: &Shared, key: &Key, of: &Purgeable) -> Option<(Rendition, ServedFrom)> {
    let (rendition, tier) = kept(shared, key, of).await?;
    Some((rendition, found_in(shared, tier)))
}

/// The bytes, if they are in memory and need not be made better.
pub(crate) fn in_memory(shared: &Shared, key: &Key, of: &Purgeable) -> Option<Bytes> {
    let rendition = shared.cache.in_memory(key)?;
    if rendition.hasty || !is_current(shared, &rendition, of) {
        return None;
    }
    found_in(shared, Tier::Memory);
    Some(rendition.bytes)
}

fn found_in(shared: &Shared, tier: Tier) -> ServedFrom {
    let counters = &shared.counters;
    let (from, counter) = match tier {
        Tier::Memory => (ServedFrom::Memory, &counters.hits_memory),
        Tier::Disk => (ServedFrom::Disk, &counters.hits_disk),
        Tier::Shared => (ServedFrom::Shared, &counters.hits_shared),
    };
    counter.count();
    from
}

/// What was made in haste is made anew once there is time.
async fn kept(shared: &Shared, key: &Key, of: &Purgeable) -> Option<(Rendition, Tier)> {
    let span = tracing::debug_span!(target: TRACE, "cache", found = tracing::field::Empty);
    let found = shared.cache.get(key).instrument(span.clone()).await;
    span.record("found", found.as_ref().map_or("nowhere", |(_, tier)| tier.name()));
    let found = found?;
    if !is_current(shared, &found.0, of) {
        return None;
    }
    (!found.0.hasty || shared.renderer.is_loaded()).then_some(found)
}

/// Neither too old nor purged.
fn is_current(shared: &Shared, rendition: &Rendition, of: &Purgeable) -> bool {
    let made_ms = rendition.made_ms;
    made_ms.saturating_add(OLDEST_MS) >= now_ms() && !shared.purges.have_any(of, made_ms)
}

const OLDEST_MS: u64 = OLDEST_RENDITION.as_secs() * 1000;

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

async fn make(
    shared: Arc<Shared>,
    key: Key,
    of: Arc<Purgeable>,
    recipe: Recipe,
) -> Result<(Rendition, Option<Tier>), DeliveryError> {
    // Somebody may have finished it between our look and our turn.
    if let Some((rendition, tier)) = kept(&shared, &key, &of).await {
        return Ok((rendition, Some(tier)));
    }
    let mut claim = None;
    if let Some(tier) = &shared.tier {
        let cost = match &recipe {
            Recipe::Rendered(rendering) => shared.renderer.expected(&rendering.task),
            // Done in less time than asking takes.
            Recipe::Cleaned { .. } => Duration::ZERO,
        };
        let usable = |rendition: &Rendition| is_current(&shared, rendition, &of);
        let span = tracing::debug_span!(target: TRACE, "shared cache");
        let looking = tier.get_or_claim(shared.sources.library(), &key, cost, usable);
        match looking.instrument(span).await {
            Found::There(rendition) => {
                shared.cache.insert(key, rendition.clone());
                return Ok((rendition, Some(Tier::Shared)));
            }
            Found::Absent(ours) => claim = ours,
        }
    }
    // A purge that comes while it is made is for it, too.
    let made_ms = now_ms();
    let max = shared.settings.render.max_source_bytes;
    let (source, made) = match recipe {
        Recipe::Rendered(rendering) => {
            let Rendering { task, source, inputs } = *rendering;
            let read = async {
                Ok::<_, DeliveryError>(Files {
                    source: source.read(&shared, max).await?,
                    others: inputs.read(&shared, max).await?,
                })
            };
            let read = read.instrument(tracing::debug_span!(target: TRACE, "read source"));
            let made = shared.renderer.render(task, read).await;
            (source, made)
        }
        Recipe::Cleaned { source, size } => {
            let read = source.read(&shared, max);
            let read = read.instrument(tracing::debug_span!(target: TRACE, "read source"));
            let made = shared.renderer.clean_svg(size, read).await;
            (source, made)
        }
    };
    match made {
        Ok(rendition) => {
            let rendition = Rendition { made_ms, ..rendition };
            shared.counters.renders.count();
            stats::rendered(rendition.format.extension());
            shared.cache.insert(key, rendition.clone());
            if let Some(tier) = &shared.tier {
                tier.put(&key, &rendition, claim);
            }
            Ok((rendition, None))
        }
        Err(error) => {
            shared.counters.render_errors.count();
            if error.is_lasting() {
                shared.refused.insert(key, error.clone());
            }
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                source = source.name(),
                "no rendition"
            );
            Err(error)
        }
    }
}
