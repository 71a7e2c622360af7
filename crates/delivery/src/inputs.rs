//! The files that layers and texts need beside the base picture: found, looked at, read.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt, try_join_all};
use transform::{InputKind, Part, SourceInfo, Transformation};

use crate::access;
use crate::stages::{Chain, Place, Scope, Source};
use crate::{DeliveryError, Shared};

/// What a transformation needs beside its base picture.
#[derive(Debug, Clone, Default)]
pub(crate) struct Inputs {
    pictures: Vec<Picture>,
    /// Font files by name. Read at once, since texts are measured for every plan.
    fonts: HashMap<String, Bytes>,
    /// What is behind each name: part of the rendition's key.
    contents: Vec<(String, String)>,
    /// One of them is a private file.
    private: bool,
}

#[derive(Debug, Clone)]
struct Picture {
    name: String,
    part: Part,
    source: Origin,
}

/// Where a layer's picture comes from.
#[derive(Debug, Clone)]
enum Origin {
    /// It is there.
    There(Source),
    /// It has to be made first.
    Made(Arc<Chain>),
}

/// A font has tens of thousands of glyphs at most.
const MAX_FONT_BYTES: u64 = 32 << 20;

impl Inputs {
    /// Finds all of them. One that is missing fails the request: a picture without its watermark is another picture.
    pub(crate) fn find<'a>(
        shared: &'a Shared,
        transformation: &'a Transformation,
        scope: Scope,
    ) -> BoxFuture<'a, Result<Self, DeliveryError>> {
        async move {
            let mut found = Self::default();
            for input in transformation.inputs() {
                let asset = shared
                    .sources
                    .find(input.path.as_str(), None)
                    .await?
                    .ok_or_else(|| DeliveryError::InputNotFound(input.path.as_str().to_owned()))?;
                access::check(&asset, scope.right, scope.only_named)?;
                found.private |= asset.is_private;
                let version = &asset.version;
                let content = match input.kind {
                    InputKind::Picture { part, stages } => {
                        let first = stages.first().map(|stage| stage.before.part());
                        let source = Source {
                            at: Place::Blob(version.blob),
                            info: shared.sources.info(&asset, &first.unwrap_or(part.clone())).await?,
                            bytes: version.size,
                        };
                        let origin = if stages.is_empty() {
                            Origin::There(source)
                        } else {
                            Origin::Made(Arc::new(Chain::new(shared, source, stages, scope).await?))
                        };
                        let content = match &origin {
                            Origin::There(source) => source.name(),
                            Origin::Made(chain) => chain.name(),
                        };
                        found.pictures.push(Picture {
                            name: input.name.clone(),
                            part,
                            source: origin,
                        });
                        content
                    }
                    InputKind::Font => {
                        let bytes = shared.sources.read(version.blob, MAX_FONT_BYTES).await?;
                        found.fonts.insert(input.name.clone(), bytes);
                        version.blob.to_string()
                    }
                };
                found.contents.push((input.name, content));
            }
            Ok(found)
        }
        .boxed()
    }

    /// True when one of them, or of what they are made from, is a private file.
    pub(crate) fn are_private(&self) -> bool {
        let is_private = |picture: &Picture| matches!(&picture.source, Origin::Made(chain) if chain.is_of_private());
        self.private || self.pictures.iter().any(is_private)
    }

    /// True when some have to be made first.
    pub(crate) fn have_stages(&self) -> bool {
        self.pictures
            .iter()
            .any(|picture| matches!(picture.source, Origin::Made(_)))
    }

    /// Makes those that have to be made.
    pub(crate) async fn ready(mut self, shared: Arc<Shared>) -> Result<Self, DeliveryError> {
        let made = self.pictures.iter().map(|picture| {
            let (origin, shared) = (picture.source.clone(), shared.clone());
            async move {
                match origin {
                    Origin::There(source) => Ok(source),
                    Origin::Made(chain) => chain.run(shared).await,
                }
            }
        });
        let made = try_join_all(made).await?;
        for (picture, source) in self.pictures.iter_mut().zip(made) {
            picture.source = Origin::There(source);
        }
        Ok(self)
    }

    /// Those that are there.
    fn there(&self) -> impl Iterator<Item = (&Picture, &Source)> {
        self.pictures.iter().filter_map(|picture| match &picture.source {
            Origin::There(source) => Some((picture, source)),
            Origin::Made(_) => None,
        })
    }

    pub(crate) fn info(&self, name: &str, part: &Part) -> Option<SourceInfo> {
        let mut pictures = self.there();
        pictures
            .find(|(picture, _)| picture.name == name && picture.part == *part)
            .map(|(_, source)| source.info)
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
        self.there().map(|(_, source)| source.bytes).sum()
    }

    /// Pixels of all pictures, as a measure of the work that they add.
    pub(crate) fn megapixels(&self) -> f64 {
        let pixels = |source: &Source| f64::from(source.info.width) * f64::from(source.info.height);
        self.there().map(|(_, source)| pixels(source)).sum::<f64>() / 1e6
    }

    /// All bytes, by name.
    pub(crate) async fn read(&self, shared: &Shared, max: u64) -> Result<HashMap<String, Bytes>, DeliveryError> {
        let mut files = self.fonts.clone();
        for (picture, source) in self.there() {
            if !files.contains_key(&picture.name) {
                files.insert(picture.name.clone(), source.at.read(shared, max).await?);
            }
        }
        Ok(files)
    }
}
