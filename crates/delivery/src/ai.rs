//! Operations that need a model: who does them here, and what is kept of their work.

mod derived;
mod images;
mod models;
mod remove_bg;
mod results;
mod turns;

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use engine::{ModelKind, Models};
use moka::sync::Cache;
use secrecy::{ExposeSecret, SecretString};
use transform::parameters::AiOperation;
use transform::{
    Background, Encoding, Format, Layer, LayerSource, Mix, Op, Output, Part, Plan, Rect, Size, Transformation,
};

use crate::cache::Key;
use crate::coalesce::Coalescer;
use crate::render::Renderer;
use crate::service::{Http, Refusal};
use crate::settings::AiSettings;
use crate::stages::Source;
use crate::{DeliveryError, OpenError};

use derived::DerivedStore;
pub(crate) use derived::Facts;
use images::Images;
use models::ModelFolder;
use remove_bg::RemoveBg;
pub(crate) use results::Found;
use results::SharedResults;
use turns::Turns;

/// How long a failure is remembered: a service that is down, or a prompt that it refuses, is not asked at every request.
const FAILED_FOR: Duration = Duration::from_secs(30);

/// Pixels that sources of `e-retouch` and `e-upscale` stay below, and that their results have at most.
const MOST_PIXELS: u64 = 16_000_000;

/// Longest side of a picture that is sent to be edited: results are no larger.
const LONGEST_SENT: u32 = 1536;

/// How long a model may take: a large picture, tile by tile, on few cores.
const LONGEST: Duration = Duration::from_secs(600);

/// Where models are looked for, as an operator knows it.
const MODELS: &str = "the folder of the setting `models` (by default `models` in the data directory)";

/// Everything that operations need.
#[derive(Debug)]
pub(crate) struct Ai {
    folder: ModelFolder,
    remove_bg: Option<RemoveBg>,
    images: Option<Images>,
    http: Http,
    pub(crate) store: DerivedStore,
    /// Where servers keep results for each other.
    pub(crate) results: Option<SharedResults>,
    pub(crate) in_flight: Coalescer<Key, Source>,
    /// What failed a short while ago.
    pub(crate) failed: Cache<Key, DeliveryError>,
    pub(crate) wait: Duration,
    max_bytes: usize,
    /// Each takes all cores.
    model_turns: Turns,
    service_turns: Turns,
}

/// Who does an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Provider {
    Model(ModelKind),
    RemoveBg,
    Images,
}

/// A picture in a file.
pub(crate) struct File {
    pub(crate) size: Size,
    pub(crate) bytes: Bytes,
}

impl Ai {
    pub(crate) fn open(settings: &AiSettings, max_bytes: u64) -> Result<Self, OpenError> {
        let remove_bg = settings.remove_bg_key.clone().map(|key| RemoveBg {
            url: settings.remove_bg_url.clone(),
            key,
        });
        let images = settings.images.clone().map(|images| Images {
            url: images.url,
            bearer: images
                .key
                .as_ref()
                .map(|key| SecretString::from(format!("Bearer {}", key.expose_secret()))),
            key: images.key,
            model: images.model,
        });
        Ok(Self {
            folder: ModelFolder::open(&settings.models),
            remove_bg,
            images,
            http: Http::new().map_err(|error| OpenError::Http(Box::new(error)))?,
            store: DerivedStore::open(&settings.dir, settings.disk_bytes),
            results: settings
                .shared
                .as_ref()
                .map(|place| SharedResults::open(place, settings.disk_bytes, max_bytes))
                .transpose()?,
            in_flight: Coalescer::default(),
            failed: Cache::builder().max_capacity(10_000).time_to_live(FAILED_FOR).build(),
            wait: settings.wait,
            max_bytes: usize::try_from(max_bytes).unwrap_or(usize::MAX),
            model_turns: Turns::new(1, 8),
            service_turns: Turns::new(4, 32),
        })
    }

    pub(crate) fn has_remove_bg(&self) -> bool {
        self.remove_bg.is_some()
    }

    pub(crate) fn removes_backgrounds(&self) -> bool {
        self.provider(&AiOperation::RemoveBackground).is_some()
    }

    fn provider(&self, operation: &AiOperation) -> Option<Provider> {
        let model = |kind| self.folder.has(kind).then_some(Provider::Model(kind));
        let remove_bg = self.remove_bg.as_ref().map(|_| Provider::RemoveBg);
        let images = self.images.as_ref().map(|_| Provider::Images);
        match operation {
            AiOperation::RemoveBackground => model(ModelKind::Background).or(remove_bg),
            AiOperation::RemoveBackgroundExternal => remove_bg.or_else(|| model(ModelKind::Background)),
            AiOperation::ChangeBackground(_) | AiOperation::Edit(_) | AiOperation::Fill(_) | AiOperation::Variation => {
                images
            }
            AiOperation::Retouch => model(ModelKind::Retouch),
            AiOperation::Upscale => model(ModelKind::Upscale),
        }
    }

    /// Names who does an operation, so that another's results are others. Part of keys.
    pub(crate) async fn identity(&self, operation: &AiOperation) -> String {
        match self.provider(operation) {
            Some(Provider::Model(kind)) => self.digest(kind).await,
            Some(Provider::RemoveBg) => "remove.bg".to_owned(),
            Some(Provider::Images) => {
                let images = self.images.as_ref();
                images.map_or_else(String::new, |images| format!("{} {}", images.url, images.model))
            }
            None => "none".to_owned(),
        }
    }

    async fn digest(&self, kind: ModelKind) -> String {
        match self.folder.get(kind).await {
            Some(Ok(loaded)) => loaded.digest,
            Some(Err(_)) => "broken".to_owned(),
            None => "none".to_owned(),
        }
    }

    /// Names those who look for faces and objects in a transformation. Part of keys.
    pub(crate) async fn lookers(&self, transformation: &Transformation) -> Vec<(String, String)> {
        let mut names = Vec::new();
        for kind in lookers(transformation) {
            names.push((kind.file_name().to_owned(), self.digest(kind).await));
        }
        names
    }

    /// Those who look for faces and objects in a transformation, as far as they are there.
    pub(crate) async fn models(&self, transformation: &Transformation) -> Models {
        let mut models = Models::default();
        for kind in lookers(transformation) {
            let model = self
                .folder
                .get(kind)
                .await
                .and_then(Result::ok)
                .map(|loaded| loaded.model);
            match kind {
                ModelKind::Faces => models.faces = model,
                _ => models.objects = model,
            }
        }
        models
    }

    /// What cannot be looked for.
    pub(crate) async fn notices(&self, transformation: &Transformation) -> Vec<String> {
        let mut notices = Vec::new();
        for kind in lookers(transformation) {
            let what = match kind {
                ModelKind::Faces => "`fo-face`",
                _ => "focus on objects",
            };
            match self.folder.get(kind).await {
                Some(Ok(_)) => {}
                Some(Err(why)) => notices.push(format!("{what} behaves like `fo-auto`: {why}")),
                None => {
                    let file = kind.file_name();
                    notices.push(format!(
                        "{what} behaves like `fo-auto`: there is no `{file}` in {MODELS}"
                    ));
                }
            }
        }
        notices
    }

    /// Refuses what nobody does here, and what is too much, before anything is made for it.
    pub(crate) fn check(&self, operation: &AiOperation, size: Size) -> Result<(), DeliveryError> {
        if self.provider(operation).is_none() {
            return Err(not_set_up(operation));
        }
        let pixels = u64::from(size.width) * u64::from(size.height);
        if matches!(operation, AiOperation::Retouch | AiOperation::Upscale) && pixels >= MOST_PIXELS {
            let key = operation.key();
            return Err(DeliveryError::Limit {
                message: format!("`{key}` takes pictures below 16 megapixels: this one has {pixels} pixels"),
                hint: Some(format!("make it smaller first, as in `w-2000:{key}`")),
            });
        }
        Ok(())
    }

    /// Does an operation on a PNG. The result is a PNG too, and has been decoded once: it is sound.
    pub(crate) async fn run(
        &self,
        operation: &AiOperation,
        picture: File,
        renderer: &Renderer,
    ) -> Result<Bytes, DeliveryError> {
        match self.provider(operation) {
            Some(Provider::Model(kind)) => self.apply(kind, operation, picture, renderer).await,
            Some(Provider::RemoveBg) => self.cut_out(operation, picture, renderer).await,
            Some(Provider::Images) => self.edit(operation, picture, renderer).await,
            None => Err(not_set_up(operation)),
        }
    }

    async fn apply(
        &self,
        kind: ModelKind,
        operation: &AiOperation,
        picture: File,
        renderer: &Renderer,
    ) -> Result<Bytes, DeliveryError> {
        let loaded = self.folder.get(kind).await.ok_or_else(|| not_set_up(operation))?;
        let loaded = loaded.map_err(|why| failed(operation, why))?;
        let _turn = self.model_turns.take().await?;
        renderer.apply(loaded.model, picture, LONGEST).await
    }

    async fn cut_out(
        &self,
        operation: &AiOperation,
        picture: File,
        renderer: &Renderer,
    ) -> Result<Bytes, DeliveryError> {
        let Some(service) = &self.remove_bg else {
            return Err(not_set_up(operation));
        };
        let mut sent = (Format::Png, picture.bytes);
        if sent.1.len() > remove_bg::MAX_UPLOAD {
            sent = (
                Format::Jpeg,
                redo(renderer, &sent.1, None, plan(Vec::new(), picture.size, Format::Jpeg)).await?,
            );
        }
        let turn = self.service_turns.take().await?;
        let cut = service.cut_out(&self.http, sent, &[], self.max_bytes).await;
        drop(turn);
        let cut = cut.map_err(|refusal| failed(operation, refusal.message))?;
        let size = size_of(operation, &cut)?;
        redo(renderer, &cut, None, plan(Vec::new(), size, Format::Png)).await
    }

    /// Lets remove.bg cut out the subject of a picture, with the service's own options. `None` without a key.
    pub(crate) async fn remove_background(
        &self,
        picture: (Format, Bytes),
        options: &[(&'static str, String)],
    ) -> Option<Result<Bytes, Refusal>> {
        let service = self.remove_bg.as_ref()?;
        let turn = match self.service_turns.take().await {
            Ok(turn) => turn,
            Err(error) => return Some(Err(Refusal::passing(error.to_string(), None))),
        };
        let cut = service.cut_out(&self.http, picture, options, self.max_bytes).await;
        drop(turn);
        Some(cut)
    }

    async fn edit(&self, operation: &AiOperation, picture: File, renderer: &Renderer) -> Result<Bytes, DeliveryError> {
        let Some(service) = &self.images else {
            return Err(not_set_up(operation));
        };
        let canvas = service.canvas(picture.size);
        // What keeps its frame is laid on a canvas of the shape that comes back; what is made anew need not be.
        let framed = matches!(operation, AiOperation::ChangeBackground(_) | AiOperation::Fill(_));
        let (ops, sent_size, frame) = if framed {
            let fitted = fit(picture.size, canvas);
            let frame = Rect {
                x: (canvas.width - fitted.width) / 2,
                y: (canvas.height - fitted.height) / 2,
                width: fitted.width,
                height: fitted.height,
            };
            let pad = Op::Pad {
                canvas,
                x: frame.x as i32,
                y: frame.y as i32,
                background: Background::Transparent,
            };
            (vec![Op::Resize(fitted), pad], canvas, frame)
        } else {
            let most = Size {
                width: LONGEST_SENT.min(picture.size.width),
                height: LONGEST_SENT.min(picture.size.height),
            };
            let fitted = fit(picture.size, most);
            (
                vec![Op::Resize(fitted)],
                fitted,
                Rect {
                    x: 0,
                    y: 0,
                    width: fitted.width,
                    height: fitted.height,
                },
            )
        };
        let sent = redo(renderer, &picture.bytes, None, plan(ops, sent_size, Format::Png)).await?;
        let masked = matches!(operation, AiOperation::Fill(_));
        let words = images::words(operation);
        let turn = self.service_turns.take().await?;
        let made = service
            .edit(&self.http, sent, masked, &words, canvas, self.max_bytes)
            .await
            .map_err(|message| failed(operation, message))?;
        drop(turn);
        let size = size_of(operation, &made)?;
        if !framed {
            return redo(renderer, &made, None, plan(Vec::new(), size, Format::Png)).await;
        }
        // Servers may answer in another size than they were asked for.
        let part = scaled(frame, canvas, size);
        let mut ops = vec![Op::Crop(part)];
        let cropped = Size {
            width: part.width,
            height: part.height,
        };
        if !masked {
            let most = Size {
                width: cropped.width.min(picture.size.width),
                height: cropped.height.min(picture.size.height),
            };
            let result = fit(cropped, most);
            ops.push(Op::Resize(result));
            return redo(renderer, &made, None, plan(ops, result, Format::Png)).await;
        }
        // What was there stays as it was, to the pixel.
        ops.push(Op::Resize(picture.size));
        ops.push(Op::Layer(Box::new(Layer {
            source: LayerSource::Picture {
                input: ORIGINAL.to_owned(),
                part: Part::Default,
            },
            ops: Vec::new(),
            size: picture.size,
            x: 0,
            y: 0,
            mode: Mix::Over,
        })));
        redo(
            renderer,
            &made,
            Some(picture.bytes),
            plan(ops, picture.size, Format::Png),
        )
        .await
    }
}

const ORIGINAL: &str = "original";

/// The largest size of the same shape within another.
fn fit(picture: Size, within: Size) -> Size {
    let ratio = |within: u32, side: u32| f64::from(within) / f64::from(side.max(1));
    let scale = ratio(within.width, picture.width).min(ratio(within.height, picture.height));
    let side = |length: u32, most: u32| ((f64::from(length) * scale).round() as u32).clamp(1, most.max(1));
    Size {
        width: side(picture.width, within.width),
        height: side(picture.height, within.height),
    }
}

/// A rectangle of one canvas on another.
fn scaled(rect: Rect, from: Size, to: Size) -> Rect {
    let scale = |at: u32, from: u32, to: u32| (f64::from(at) * f64::from(to) / f64::from(from.max(1))).round() as u32;
    let (x, y) = (
        scale(rect.x, from.width, to.width).min(to.width.saturating_sub(1)),
        scale(rect.y, from.height, to.height).min(to.height.saturating_sub(1)),
    );
    Rect {
        x,
        y,
        width: scale(rect.width, from.width, to.width).clamp(1, (to.width - x).max(1)),
        height: scale(rect.height, from.height, to.height).clamp(1, (to.height - y).max(1)),
    }
}

/// A plan for an upright still.
fn plan(ops: Vec<Op>, size: Size, format: Format) -> Plan {
    Plan {
        part: Part::Default,
        animated: false,
        ops,
        size,
        output: Output::Encoded(Encoding {
            format,
            quality: 95,
            lossless: format == Format::Png,
            progressive: false,
            keep_profile: false,
            keep_metadata: false,
            density: None,
            keep_original_if_smaller: false,
        }),
    }
}

async fn redo(
    renderer: &Renderer,
    picture: &Bytes,
    original: Option<Bytes>,
    plan: Plan,
) -> Result<Bytes, DeliveryError> {
    let others: HashMap<String, Bytes> = original.map(|bytes| (ORIGINAL.to_owned(), bytes)).into_iter().collect();
    renderer.redo(picture.clone(), others, plan).await
}

/// What came back has to be a picture, and its header says how large.
fn size_of(operation: &AiOperation, picture: &[u8]) -> Result<Size, DeliveryError> {
    let probe = engine::probe_bytes(picture)
        .map_err(|_| failed(operation, "the service sent something that is not a picture".to_owned()))?;
    if !matches!(probe.info.format, Format::Png | Format::Webp | Format::Jpeg) || probe.info.orientation.swaps_sides() {
        return Err(failed(
            operation,
            "the service sent a picture of another kind than PNG".to_owned(),
        ));
    }
    Ok(Size {
        width: probe.info.width,
        height: probe.info.height,
    })
}

fn failed(operation: &AiOperation, message: String) -> DeliveryError {
    DeliveryError::Upstream {
        operation: operation.key(),
        message,
    }
}

fn not_set_up(operation: &AiOperation) -> DeliveryError {
    let file = |kind: ModelKind| format!("put `{}` into {MODELS}", kind.file_name());
    let instruction = match operation {
        AiOperation::RemoveBackground | AiOperation::RemoveBackgroundExternal => {
            format!(
                "{}, or set `removebg_key` to a key of remove.bg",
                file(ModelKind::Background)
            )
        }
        AiOperation::ChangeBackground(_) | AiOperation::Edit(_) | AiOperation::Fill(_) | AiOperation::Variation => {
            IMAGES.to_owned()
        }
        AiOperation::Retouch => file(ModelKind::Retouch),
        AiOperation::Upscale => file(ModelKind::Upscale),
    };
    DeliveryError::NotSetUp {
        operation: operation.key(),
        instruction,
    }
}

/// How to get a server for pictures by words.
const IMAGES: &str = "set `images_url` to a server that speaks OpenAI's images API, `images_model` to a model of it, \
                      and `images_key` if it needs a key";

/// The models that a transformation needs for its focus.
fn lookers(transformation: &Transformation) -> impl Iterator<Item = ModelKind> {
    let looks_for = transformation.looks_for();
    let faces = looks_for.faces.then_some(ModelKind::Faces);
    let objects = looks_for.objects.then_some(ModelKind::Objects);
    faces.into_iter().chain(objects)
}
