//! Stored bytes or a rendition? And the rendition, wherever it comes from.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use library::{Asset, FileType, MediaFacts};
use transform::parameters::AskedFormat;
use transform::{Accept, Context, Format, Output, RenditionKey, Stages, Transformation, content_dpr};

use crate::access::Right;
use crate::asked::Asked;
use crate::cache::{Key, Rendition, Tier};
use crate::coalesce::Role;
use crate::inputs::Inputs;
use crate::purge::OLDEST_RENDITION;
use crate::render::{Files, Task};
use crate::stages::{self, Chain, Place, Scope, Source};
use crate::{DeliveryError, ServedFrom, Shared, stats};

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
    Known(Key),
    /// Not yet: a model is at work.
    Preparing,
}

/// A rendition: its name, and all that it takes to make it.
#[derive(Clone)]
pub(crate) struct Job {
    pub(crate) key: Key,
    /// Of the file, for purges are by path.
    pub(crate) path: Arc<str>,
    pub(crate) format: Format,
    pub(crate) content_dpr: Option<f64>,
    /// It stands in for a better one that is still being made: not to be kept for long.
    pub(crate) stands_in: bool,
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
    Make(Box<Recipe>),
}

#[derive(Clone)]
struct Recipe {
    task: Task,
    source: Place,
    inputs: Inputs,
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
    if transformation.is_original() {
        return Ok(Work::Stored {
            notice: None,
            negotiated: false,
        });
    }
    let version = &asset.version;
    let Some(format) = readable(&version.media.mime) else {
        return unreadable(asked, &version.media);
    };
    if let Some(notice) = as_stored(asked, format) {
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
    let path: Arc<str> = path.into();
    let notices = shared.ai.notices(transformation).await;
    let mut last = Cow::Borrowed(transformation);
    if transformation.needs_model() || inputs.have_stages() {
        // What is made of pictures that are not there any more is still what was asked for.
        if known(&key) {
            return Ok(Work::Known(key));
        }
        if let Some((rendition, from)) = at_hand(shared, &key, &path).await {
            return Ok(Work::Rendition(Box::new(Job {
                key,
                path,
                format: rendition.format,
                content_dpr: None,
                stands_in: false,
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
        path,
        format,
        content_dpr: content_dpr(&last, &task.plan, &context.hints),
        stands_in: false,
        notices,
        patient: format == Format::Avif && last.asked_format() != Some(AskedFormat::Exactly(Format::Avif)),
        how: How::Make(Box::new(Recipe {
            task,
            source: source.at,
            inputs,
        })),
    })))
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

const READABLE: [Format; 13] = [
    Format::Jpeg,
    Format::Png,
    Format::Webp,
    Format::Avif,
    Format::Gif,
    Format::Tiff,
    Format::Bmp,
    Format::Ico,
    Format::Jxl,
    Format::Heic,
    Format::Psd,
    Format::Svg,
    Format::Pdf,
];

/// The format of a picture that the engine reads, by the type that was found in the content when it came.
fn readable(mime: &str) -> Option<Format> {
    let mime = match mime {
        "image/heif" => "image/heic",
        "image/vnd.microsoft.icon" => "image/x-icon",
        "application/postscript" | "application/illustrator" => "application/pdf",
        mime => mime,
    };
    READABLE.into_iter().find(|format| format.mime() == mime)
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
        How::Make(recipe) => *recipe,
    };
    let (key, path) = (job.key, job.path);
    if let Some(found) = at_hand(shared, &key, &path).await {
        return Ok(found);
    }
    let counters = &shared.counters;
    match shared.in_flight.run(key, make(shared.clone(), key, path, recipe)).await {
        (Role::Follower, made) => {
            let (rendition, _) = made?;
            counters.coalesced.count();
            Ok((rendition, ServedFrom::Coalesced))
        }
        (Role::Leader, Ok((rendition, Some(tier)))) => Ok((rendition, found_in(shared, tier))),
        (Role::Leader, made) => {
            counters.misses.count();
            Ok((made?.0, ServedFrom::Render))
        }
    }
}

/// From the cache, if it is there and may be served.
pub(crate) async fn at_hand(shared: &Shared, key: &Key, path: &str) -> Option<(Rendition, ServedFrom)> {
    let (rendition, tier) = kept(shared, key, path).await?;
    Some((rendition, found_in(shared, tier)))
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
async fn kept(shared: &Shared, key: &Key, path: &str) -> Option<(Rendition, Tier)> {
    let found = shared.cache.get(key).await?;
    if !is_current(shared, &found.0, path) {
        return None;
    }
    (!found.0.hasty || shared.renderer.is_loaded()).then_some(found)
}

/// Neither too old nor purged.
fn is_current(shared: &Shared, rendition: &Rendition, path: &str) -> bool {
    let made_ms = rendition.made_ms;
    made_ms.saturating_add(OLDEST_MS) >= now_ms() && !shared.purges.have(path, made_ms)
}

const OLDEST_MS: u64 = OLDEST_RENDITION.as_secs() * 1000;

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

async fn make(
    shared: Arc<Shared>,
    key: Key,
    path: Arc<str>,
    recipe: Recipe,
) -> Result<(Rendition, Option<Tier>), DeliveryError> {
    // Somebody may have finished it between our look and our turn.
    if let Some((rendition, tier)) = kept(&shared, &key, &path).await {
        return Ok((rendition, Some(tier)));
    }
    if let Some(tier) = &shared.tier
        && let Some(rendition) = tier.get(&key).await
        && is_current(&shared, &rendition, &path)
    {
        shared.cache.insert(key, rendition.clone());
        return Ok((rendition, Some(Tier::Shared)));
    }
    // A purge that comes while it is made is for it, too.
    let made_ms = now_ms();
    let Recipe { task, source, inputs } = recipe;
    let max = shared.settings.render.max_source_bytes;
    let read = async {
        Ok(Files {
            source: source.read(&shared, max).await?,
            others: inputs.read(&shared, max).await?,
        })
    };
    match shared.renderer.render(task, read).await {
        Ok(rendition) => {
            let rendition = Rendition { made_ms, ..rendition };
            shared.counters.renders.count();
            stats::rendered(rendition.format.extension());
            shared.cache.insert(key, rendition.clone());
            if let Some(tier) = &shared.tier {
                tier.put(&key, &rendition);
            }
            Ok((rendition, None))
        }
        Err(error) => {
            shared.counters.render_errors.count();
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                source = source.name(),
                "no rendition"
            );
            Err(error)
        }
    }
}
