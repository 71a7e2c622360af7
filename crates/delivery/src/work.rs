//! Stored bytes or a rendition? And the rendition, wherever it comes from.

use std::borrow::Cow;
use std::sync::Arc;

use library::{Asset, BlobId, FileType, MediaFacts};
use transform::parameters::AskedFormat;
use transform::{Context, Format, Mode, Output, Plan, RenditionKey, SourceInfo, Transformation, content_dpr};

use crate::asked::Asked;
use crate::cache::{Key, Rendition, Tier};
use crate::coalesce::Role;
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
pub(crate) struct Job {
    pub(crate) key: Key,
    pub(crate) format: Format,
    pub(crate) content_dpr: Option<f64>,
    plan: Plan,
    info: SourceInfo,
    blob: BlobId,
    source_bytes: u64,
}

/// Decides without reading more than a header.
pub(crate) async fn decide(
    shared: &Shared,
    asked: &Asked,
    asset: &Asset,
    context: &Context<'_>,
) -> Result<Work, DeliveryError> {
    if asked.transformation.is_original() {
        return Ok(Work::Stored {
            notice: None,
            negotiated: false,
        });
    }
    let version = &asset.version;
    if !is_readable(&version.media.mime) {
        return unreadable(asked, &version.media);
    }
    let mut info = shared.sources.info(version).await?;
    let mut source = version.blob.to_string();
    let mut transformation = Cow::Borrowed(&asked.transformation);
    if asked.still && info.frames > 1 {
        source.push_str(" still");
        info.frames = 1;
    }
    let mut plan = transform::plan(&transformation, &info, context)?;
    if asked.still && info.format == Format::Gif && plan.output == Output::Original {
        // A GIF is left alone where nothing better is accepted, but its bytes are no still.
        transformation = Cow::Owned(
            transformation
                .into_owned()
                .then(Transformation::parse("f-png", Mode::Strict)?),
        );
        plan = transform::plan(&transformation, &info, context)?;
    }
    let Output::Encoded(encoding) = plan.output else {
        return Ok(Work::Stored {
            notice: None,
            negotiated: transformation.depends_on_accept(&context.settings),
        });
    };
    Ok(Work::Rendition(Box::new(Job {
        key: Key::of(&RenditionKey::new(&source, &transformation, context))?,
        format: encoding.format,
        content_dpr: content_dpr(&transformation, &plan, &context.hints),
        plan,
        info,
        blob: version.blob,
        source_bytes: version.size,
    })))
}

/// True for pictures that the engine reads, by the type that was found in the content when it came.
fn is_readable(mime: &str) -> bool {
    [Format::Jpeg, Format::Png, Format::Webp, Format::Avif, Format::Gif]
        .iter()
        .any(|format| format.mime() == mime)
}

/// What the engine does not read is delivered as it is, and a transformation of it has no effect. Not so for pictures:
/// who asks for a thumbnail should not get 50 megabytes of something else.
fn unreadable(asked: &Asked, media: &MediaFacts) -> Result<Work, DeliveryError> {
    let (mime, transformation) = (&media.mime, &asked.transformation);
    if asked.still {
        return Err(DeliveryError::Unavailable("a still of this kind of file"));
    }
    if mime == "image/svg+xml" {
        if matches!(transformation.asked_format(), Some(AskedFormat::Exactly(_))) {
            return Err(DeliveryError::Unsupported(
                "SVG cannot be turned into pixels in this version".to_owned(),
            ));
        }
    } else if media.file_type == FileType::Image && !transformation.is_empty() {
        return Err(DeliveryError::Unsupported(format!(
            "{mime} cannot be transformed in this version"
        )));
    }
    let notice = (!transformation.is_empty()).then(|| format!("transformations have no effect on {mime}"));
    Ok(Work::Stored {
        notice,
        negotiated: false,
    })
}

/// From the cache, from the one who is making it, or made.
pub(crate) async fn rendition(shared: &Arc<Shared>, job: Job) -> Result<(Rendition, ServedFrom), DeliveryError> {
    let counters = &shared.counters;
    let (key, from) = (job.key, |tier| match tier {
        Tier::Memory => (ServedFrom::Memory, &counters.hits_memory),
        Tier::Disk => (ServedFrom::Disk, &counters.hits_disk),
    });
    let (rendition, (from, counter)) = if let Some((rendition, tier)) = shared.cache.get(&key).await {
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

async fn make(shared: Arc<Shared>, job: Job) -> Result<(Rendition, Option<Tier>), DeliveryError> {
    // Somebody may have finished it between our look and our turn.
    if let Some((rendition, tier)) = shared.cache.get(&job.key).await {
        return Ok((rendition, Some(tier)));
    }
    let read = shared.sources.read(job.blob, shared.settings.render.max_source_bytes);
    match shared
        .renderer
        .render(job.plan, &job.info, job.source_bytes, read)
        .await
    {
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
