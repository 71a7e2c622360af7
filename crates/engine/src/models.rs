//! Neural networks that an operator brings: ONNX files, run on the CPU. What each has to look like stands in
//! `docs/models.md`.

mod background;
mod detect;
mod enlarge;
mod faces;
mod network;
mod objects;

use std::sync::Arc;

use transform::{Encoding, Format, Part, Rect, Size, Subject};

use crate::execute::{Inputs, Rendition, Session, caught};
use crate::picture::Picture;
use crate::text::Fonts;
use crate::{Budget, Cost, RenderError, codecs};
use enlarge::Enlarger;
use network::Network;

/// What a model does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ModelKind {
    /// Tells the subject of a picture from its background.
    Background,
    /// Finds faces.
    Faces,
    /// Finds objects of the classes of COCO.
    Objects,
    /// Makes pictures larger.
    Upscale,
    /// Makes pictures better at the same size.
    Retouch,
}

impl ModelKind {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Background,
        Self::Faces,
        Self::Objects,
        Self::Upscale,
        Self::Retouch,
    ];

    /// The file in which it is looked for.
    pub const fn file_name(self) -> &'static str {
        match self {
            Self::Background => "background.onnx",
            Self::Faces => "faces.onnx",
            Self::Objects => "objects.onnx",
            Self::Upscale => "upscale.onnx",
            Self::Retouch => "retouch.onnx",
        }
    }
}

/// A model that is ready to work.
#[derive(Debug)]
pub struct Model {
    kind: ModelKind,
    bytes: u64,
    work: Work,
}

#[derive(Debug)]
enum Work {
    Background(Network),
    Faces(Network),
    Objects(Network),
    Enlarge(Enlarger),
}

/// Why a file is not the model that its name says.
#[derive(Debug, Clone, thiserror::Error)]
#[error("`{}` cannot be used: {what}", .kind.file_name())]
pub struct ModelError {
    kind: ModelKind,
    what: String,
}

/// The models that look for faces and objects while a plan is made.
#[derive(Debug, Clone, Default)]
pub struct Models {
    /// For faces.
    pub faces: Option<Arc<Model>>,
    /// For objects.
    pub objects: Option<Arc<Model>>,
}

/// Memory that a network takes beside its file and what [`Model::cost`] counts by size.
const WORKING_BYTES: u64 = 512 << 20;

/// A result of `e-upscale` has at most so many pixels.
const MOST_PIXELS: u64 = 16_000_000;

impl Model {
    /// Reads an ONNX file. The operator's own: its cost is not bounded, only its effect.
    pub fn load(kind: ModelKind, file: Vec<u8>) -> Result<Self, ModelError> {
        let bytes = file.len() as u64;
        let loaded = caught(|| Ok(Self::work(kind, file)));
        let work = loaded.unwrap_or_else(|panic| Err(panic.to_string()));
        let work = work.map_err(|what| ModelError { kind, what })?;
        Ok(Self { kind, bytes, work })
    }

    fn work(kind: ModelKind, file: Vec<u8>) -> Result<Work, String> {
        let network = Network::load(kind.file_name(), file)?;
        Ok(match kind {
            ModelKind::Background => Work::Background(network),
            ModelKind::Faces => Work::Faces(network),
            ModelKind::Objects => Work::Objects(network),
            ModelKind::Upscale => Work::Enlarge(Enlarger::new(network, MOST_PIXELS)),
            ModelKind::Retouch => Work::Enlarge(Enlarger::new(network, u64::MAX).of_the_same_size()),
        })
    }

    /// What it does.
    pub fn kind(&self) -> ModelKind {
        self.kind
    }

    /// What work on a picture of this size takes, for deciding what may run beside it.
    pub fn cost(&self, size: Size) -> Cost {
        let pixels = u64::from(size.width) * u64::from(size.height);
        let made = if self.kind == ModelKind::Upscale {
            MOST_PIXELS
        } else {
            pixels
        };
        Cost {
            // Networks do thousands of operations a pixel where filters do dozens: always dear.
            megapixels: 50.0 + (pixels + made) as f64 / 1e6,
            bytes: (pixels + made) * 8 + self.bytes * 2 + WORKING_BYTES,
        }
    }

    /// Works on a picture; the result is a PNG. Faces and objects are looked for by [`Models`], not by this.
    pub fn apply(&self, source: &[u8], budget: &Budget) -> Result<Rendition, RenderError> {
        caught(|| {
            let inputs = Inputs {
                source,
                decoded: None,
                files: &std::collections::HashMap::new(),
                fonts: &Fonts::bundled(),
                models: &Models::default(),
            };
            budget.check_source(source.len())?;
            let picture = Session::new(&inputs, budget).base(&Part::Default, &[], false, None)?;
            let picture = picture.pixels.into_rgb()?;
            let picture = match &self.work {
                Work::Background(network) => background::cut_out(network, picture, budget)?,
                Work::Enlarge(enlarger) => enlarger.enlarge(picture, budget)?,
                Work::Faces(_) | Work::Objects(_) => return Err(RenderError::Plan("a model that makes no pictures")),
            };
            budget.check_cancelled()?;
            let size = Size {
                width: picture.width,
                height: picture.height,
            };
            let bytes = codecs::encode(&picture, &PNG, &codecs::Attachments::default(), budget.effort)?;
            budget.check_output(bytes.len())?;
            Ok(Rendition {
                bytes,
                format: Format::Png,
                size,
                kept_original: false,
            })
        })
    }
}

const PNG: Encoding = Encoding {
    format: Format::Png,
    quality: 100,
    lossless: true,
    progressive: false,
    keep_profile: false,
    keep_metadata: false,
    density: None,
    keep_original_if_smaller: false,
};

impl Models {
    /// Pictures need not be larger than this to find something in them.
    pub(crate) const SIDE: u32 = 1024;

    /// True when something can look for this.
    pub(crate) fn know(&self, subject: &Subject) -> bool {
        match subject {
            Subject::Faces => self.faces.is_some(),
            Subject::Objects(_) => self.objects.is_some(),
        }
    }

    /// The rectangle around everything of this kind, on a picture of the size `full` that was scaled to `picture`.
    pub(crate) fn find(&self, picture: &Picture, full: Size, subject: &Subject) -> Result<Option<Rect>, RenderError> {
        let (model, names) = match subject {
            Subject::Faces => (&self.faces, &[][..]),
            Subject::Objects(names) => (&self.objects, names.as_slice()),
        };
        let boxes = match model.as_deref().map(|model| &model.work) {
            Some(Work::Faces(network)) => faces::find(network, picture)?,
            Some(Work::Objects(network)) => objects::find(network, picture, names)?,
            _ => return Ok(None),
        };
        Ok(detect::around(&boxes, full))
    }
}
