//! The files that layers and texts need beside the base picture: found, looked at, read.

use std::collections::HashMap;

use bytes::Bytes;
use library::BlobId;
use transform::{InputKind, Part, SourceInfo, Transformation};

use crate::access::{self, Right};
use crate::{DeliveryError, Shared, work};

/// What a transformation needs beside its base picture.
#[derive(Debug, Clone, Default)]
pub(crate) struct Inputs {
    pictures: Vec<Picture>,
    /// Font files by name. Read at once, since texts are measured for every plan.
    fonts: HashMap<String, Bytes>,
    /// What is behind each name: part of the rendition's key.
    contents: Vec<(String, String)>,
}

#[derive(Debug, Clone)]
struct Picture {
    name: String,
    part: Part,
    info: SourceInfo,
    blob: BlobId,
    bytes: u64,
}

/// A font has tens of thousands of glyphs at most.
const MAX_FONT_BYTES: u64 = 32 << 20;

impl Inputs {
    /// Finds all of them. One that is missing fails the request: a picture without its watermark is another picture.
    pub(crate) async fn find(
        shared: &Shared,
        transformation: &Transformation,
        right: Right,
        only_named: bool,
    ) -> Result<Self, DeliveryError> {
        let mut found = Self::default();
        for input in transformation.inputs() {
            let asset = shared
                .sources
                .find(input.path.as_str(), None)
                .await?
                .ok_or_else(|| DeliveryError::InputNotFound(input.path.as_str().to_owned()))?;
            access::check(&asset, right, only_named)?;
            let version = &asset.version;
            match input.kind {
                InputKind::Picture { stages, .. } if !stages.is_empty() => {
                    return Err(DeliveryError::Unavailable("an operation that needs a model"));
                }
                InputKind::Picture { part, .. } => {
                    let info = shared.sources.info(&asset, &part).await?;
                    found
                        .contents
                        .push((input.name.clone(), work::content(version.blob, &info)));
                    found.pictures.push(Picture {
                        name: input.name,
                        part,
                        info,
                        blob: version.blob,
                        bytes: version.size,
                    });
                }
                InputKind::Font => {
                    let bytes = shared.sources.read(version.blob, MAX_FONT_BYTES).await?;
                    found.contents.push((input.name.clone(), version.blob.to_string()));
                    found.fonts.insert(input.name, bytes);
                }
            }
        }
        Ok(found)
    }

    pub(crate) fn info(&self, name: &str, part: &Part) -> Option<SourceInfo> {
        let mut pictures = self.pictures.iter();
        pictures
            .find(|picture| picture.name == name && picture.part == *part)
            .map(|picture| picture.info)
    }

    pub(crate) fn font(&self, name: &str) -> Option<&[u8]> {
        self.fonts.get(name).map(AsRef::as_ref)
    }

    /// Names and what is behind them.
    pub(crate) fn contents(&self) -> &[(String, String)] {
        &self.contents
    }

    /// Bytes that reading them takes.
    pub(crate) fn bytes(&self) -> u64 {
        self.pictures.iter().map(|picture| picture.bytes).sum()
    }

    /// Pixels of all pictures, as a measure of the work that they add.
    pub(crate) fn megapixels(&self) -> f64 {
        let pixels = |picture: &Picture| f64::from(picture.info.width) * f64::from(picture.info.height);
        self.pictures.iter().map(pixels).sum::<f64>() / 1e6
    }

    /// All bytes, by name.
    pub(crate) async fn read(&self, shared: &Shared, max: u64) -> Result<HashMap<String, Bytes>, DeliveryError> {
        let mut files = self.fonts.clone();
        for picture in &self.pictures {
            if !files.contains_key(&picture.name) {
                files.insert(picture.name.clone(), shared.sources.read(picture.blob, max).await?);
            }
        }
        Ok(files)
    }
}
