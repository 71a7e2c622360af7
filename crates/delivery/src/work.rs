//! Stored bytes or a rendition? And the rendition, wherever it comes from.

use std::sync::Arc;

use library::{Asset, BlobId, FileType, MediaFacts};
use transform::parameters::AskedFormat;
use transform::{Accept, Context, Format, Output, Part, Rect, RenditionKey, SourceInfo, content_dpr};

use crate::access::Right;
use crate::asked::Asked;
use crate::cache::{Key, Rendition, Tier};
use crate::coalesce::Role;
use crate::inputs::Inputs;
use crate::render::{Files, Task};
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
}

/// A rendition: its name, and all that it takes to make it.
#[derive(Clone)]
pub(crate) struct Job {
    pub(crate) key: Key,
    pub(crate) format: Format,
    pub(crate) content_dpr: Option<f64>,
    /// It stands in for a better one that is still being made: not to be kept for long.
    pub(crate) stands_in: bool,
    task: Task,
    inputs: Inputs,
    blob: BlobId,
    /// The format was our choice, and takes long.
    patient: bool,
    /// It is here already.
    made: Option<(Rendition, ServedFrom)>,
}

/// Decides without reading more than headers and fonts.
pub(crate) async fn decide(
    shared: &Shared,
    asked: &Asked,
    asset: &Asset,
    right: Right,
    context: &Context<'_>,
) -> Result<Work, DeliveryError> {
    let transformation = &asked.transformation;
    if transformation.is_original() {
        return Ok(Work::Stored {
            notice: None,
            negotiated: false,
        });
    }
    if transformation.needs_model() {
        return Err(DeliveryError::Unavailable("an operation that needs a model"));
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
    let part = transformation.part();
    let info = shared.sources.info(asset, &part).await?;
    let inputs = Inputs::find(shared, transformation, right, asked.only_named).await?;

    let fonts = &shared.settings.fonts;
    let (facts, font) = (
        |name: &str, part: &Part| inputs.info(name, part),
        |name: &str| inputs.font(name),
    );
    let mut bounds = engine::Bounds::new(fonts, &facts, &font);
    let plan = transform::plan(transformation, &info, context, &mut bounds)?;
    let measured = bounds.asked_for_pixels();
    let Output::Encoded(encoding) = plan.output else {
        return Ok(Work::Stored {
            notice: None,
            negotiated: transformation.depends_on_accept(&context.settings),
        });
    };
    let source = content(version.blob, &info);
    let key = Key::of(&RenditionKey::new(&source, transformation, context, inputs.contents()))?;
    let task = Task {
        measured,
        transformation: transformation.clone(),
        info,
        accept: context.accept,
        hints: context.hints,
        output: context.settings,
        still: context.still,
        blob: Some(version.blob),
        cost: engine::Cost {
            megapixels: inputs.megapixels(),
            bytes: version.size.saturating_add(inputs.bytes()),
        },
        plan,
    };
    Ok(Work::Rendition(Box::new(Job {
        key,
        format: encoding.format,
        content_dpr: content_dpr(transformation, &task.plan, &context.hints),
        stands_in: false,
        patient: encoding.format == Format::Avif
            && transformation.asked_format() != Some(AskedFormat::Exactly(Format::Avif)),
        made: None,
        task,
        inputs,
        blob: version.blob,
    })))
}

/// Names what a picture is made from: its bytes, and the area of interest that is stored beside them.
pub(crate) fn content(blob: BlobId, info: &SourceInfo) -> String {
    match info.focus {
        Some(Rect { x, y, width, height }) => format!("{blob} {x},{y},{width},{height}"),
        None => blob.to_string(),
    }
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
    right: Right,
    context: &Context<'_>,
    mut job: Box<Job>,
) -> Result<Work, DeliveryError> {
    if !job.patient {
        return Ok(Work::Rendition(job));
    }
    let wait = shared.settings.render.avif_wait;
    if let Ok(made) = tokio::time::timeout(wait, rendition(shared, (*job).clone())).await {
        job.made = Some(made?);
        return Ok(Work::Rendition(job));
    }
    let context = Context {
        accept: Accept {
            avif: false,
            ..context.accept
        },
        ..*context
    };
    let mut work = decide(shared, asked, asset, right, &context).await?;
    if let Work::Rendition(job) = &mut work {
        job.stands_in = true;
    }
    Ok(work)
}

/// From the cache, from the one who is making it, or made.
pub(crate) async fn rendition(shared: &Arc<Shared>, job: Job) -> Result<(Rendition, ServedFrom), DeliveryError> {
    if let Some(made) = job.made {
        return Ok(made);
    }
    let counters = &shared.counters;
    let (key, from) = (job.key, |tier| match tier {
        Tier::Memory => (ServedFrom::Memory, &counters.hits_memory),
        Tier::Disk => (ServedFrom::Disk, &counters.hits_disk),
    });
    let (rendition, (from, counter)) = if let Some((rendition, tier)) = kept(shared, &key).await {
        (rendition, from(tier))
    } else {
        match shared.in_flight.run(key, make(shared.clone(), job)).await {
            (Role::Follower, made) => (made?.0, (ServedFrom::Coalesced, &counters.coalesced)),
            (Role::Leader, Ok((rendition, Some(tier)))) => (rendition, from(tier)),
            (Role::Leader, made) => {
                counters.misses.count();
                return Ok((made?.0, ServedFrom::Render));
            }
        }
    };
    counter.count();
    Ok((rendition, from))
}

/// What was made in haste is made anew once there is time.
async fn kept(shared: &Shared, key: &Key) -> Option<(Rendition, Tier)> {
    let found = shared.cache.get(key).await?;
    (!found.0.hasty || shared.renderer.is_loaded()).then_some(found)
}

async fn make(shared: Arc<Shared>, job: Job) -> Result<(Rendition, Option<Tier>), DeliveryError> {
    // Somebody may have finished it between our look and our turn.
    if let Some((rendition, tier)) = kept(&shared, &job.key).await {
        return Ok((rendition, Some(tier)));
    }
    let max = shared.settings.render.max_source_bytes;
    let read = async {
        Ok(Files {
            source: shared.sources.read(job.blob, max).await?,
            others: job.inputs.read(&shared, max).await?,
        })
    };
    match shared.renderer.render(job.task, read).await {
        Ok(rendition) => {
            shared.counters.renders.count();
            shared.cache.insert(job.key, rendition.clone());
            Ok((rendition, None))
        }
        Err(error) => {
            shared.counters.render_errors.count();
            tracing::debug!(error = &error as &dyn std::error::Error, blob = %job.blob, "no rendition");
            Err(error)
        }
    }
}
