//! What an upload may ask to be done to its file: before it is stored, and right after.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use transform::{Mode, Transformation};

/// Most things that may be done after an upload.
pub const MOST_POST: usize = 5;
/// Longer than any transformation that is understood.
const LONGEST: usize = 8 << 10;

/// The parameter `transformation` of an upload, checked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UploadTransformation {
    /// Done before the file is stored: what is stored is the result.
    pub pre: Option<String>,
    /// Done afterwards, so that those who ask for it need not wait.
    #[serde(default)]
    pub post: Vec<Post>,
}

/// One thing that is done after an upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Post {
    /// A rendition.
    Transformation {
        /// In the language of URLs.
        value: String,
    },
    /// A video of an animation.
    GifToVideo {
        /// In the language of URLs.
        #[serde(skip_serializing_if = "Option::is_none")]
        value: Option<String>,
    },
    /// A still of what is not a picture.
    Thumbnail {
        /// In the language of URLs.
        #[serde(skip_serializing_if = "Option::is_none")]
        value: Option<String>,
    },
    /// Streams of several sizes.
    Abs {
        /// Such as `sr-240_360_480`.
        value: String,
        /// How they are played.
        protocol: Protocol,
    },
}

/// How streams of several sizes are played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// HTTP Live Streaming.
    Hls,
    /// Dynamic Adaptive Streaming over HTTP.
    Dash,
}

/// Which kind of file is transformed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Medium {
    /// A picture that is one picture.
    Still,
    /// A GIF, which may be animated.
    Gif,
    /// Moving pictures.
    Video,
    /// Pages or layers, of which pictures are made.
    Document,
    /// All else.
    Other,
}

impl Medium {
    /// By the type of the content.
    pub fn of(mime: &str) -> Self {
        match mime {
            "image/gif" => Self::Gif,
            "image/vnd.adobe.photoshop" | "application/pdf" | "application/postscript" | "application/illustrator" => {
                Self::Document
            }
            _ if mime.starts_with("image/") => Self::Still,
            _ if mime.starts_with("video/") => Self::Video,
            _ => Self::Other,
        }
    }
}

/// Why a transformation is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransformationError {
    /// It is not what the schema says.
    #[error("{field}: {reason}")]
    Malformed {
        /// Which part of it.
        field: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The file is neither a picture nor a video.
    #[error("the file is neither a picture nor a video")]
    NotMedia,
    /// Something is asked for that such a file cannot have.
    #[error("`{0}` does not fit the file")]
    DoesNotFit(&'static str),
    /// Something that needs video.
    #[error("video transformations are not available in this version: {0}")]
    Video(&'static str),
}

impl UploadTransformation {
    /// Reads and checks it.
    pub fn parse(value: Value) -> Result<Self, TransformationError> {
        let mut read: Self = serde_json::from_value(value).map_err(|error| TransformationError::Malformed {
            field: "transformation".to_owned(),
            reason: error.to_string(),
        })?;
        read.pre = read.pre.filter(|pre| !pre.trim().is_empty());
        if read.post.len() > MOST_POST {
            return Err(TransformationError::Malformed {
                field: "post".to_owned(),
                reason: format!(
                    "at most {MOST_POST} post-transformations are allowed, there are {}",
                    read.post.len()
                ),
            });
        }
        if let Some(pre) = &read.pre {
            understood("pre", pre)?;
        }
        for (at, post) in read.post.iter().enumerate() {
            let field = format!("post[{at}].value");
            match post {
                Post::Transformation { value } => understood(&field, value)?,
                Post::Thumbnail { value: Some(value) } => understood(&field, value)?,
                Post::Abs { value, .. } if value.trim().is_empty() => {
                    return Err(TransformationError::Malformed {
                        field,
                        reason: "is empty".to_owned(),
                    });
                }
                Post::Thumbnail { value: None } | Post::GifToVideo { .. } | Post::Abs { .. } => {}
            }
        }
        Ok(read)
    }

    /// True if it asks for nothing.
    pub fn is_empty(&self) -> bool {
        self.pre.is_none() && self.post.is_empty()
    }

    /// Passes if all of it can be done to such a file.
    pub fn check(&self, medium: Medium) -> Result<(), TransformationError> {
        if self.is_empty() {
            return Ok(());
        }
        match medium {
            Medium::Other => return Err(TransformationError::NotMedia),
            Medium::Document if self.pre.is_some() => return Err(TransformationError::NotMedia),
            Medium::Video if self.pre.is_some() => return Err(TransformationError::Video("pre")),
            _ => {}
        }
        for post in &self.post {
            let fits = match post {
                Post::Transformation { .. } => medium != Medium::Document,
                Post::GifToVideo { .. } => medium == Medium::Gif,
                Post::Thumbnail { .. } => matches!(medium, Medium::Video | Medium::Document),
                Post::Abs { .. } => medium == Medium::Video,
            };
            if !fits {
                return Err(TransformationError::DoesNotFit(post.name()));
            }
            if medium == Medium::Video || matches!(post, Post::GifToVideo { .. }) {
                return Err(TransformationError::Video(post.name()));
            }
        }
        Ok(())
    }
}

impl Post {
    /// Its `type`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Transformation { .. } => "transformation",
            Self::GifToVideo { .. } => "gif-to-video",
            Self::Thumbnail { .. } => "thumbnail",
            Self::Abs { .. } => "abs",
        }
    }
}

fn understood(field: &str, text: &str) -> Result<(), TransformationError> {
    let malformed = |reason: String| TransformationError::Malformed {
        field: field.to_owned(),
        reason,
    };
    if text.trim().is_empty() {
        return Err(malformed("is empty".to_owned()));
    }
    if text.len() > LONGEST {
        return Err(malformed(format!("is longer than {LONGEST} bytes")));
    }
    Transformation::parse(text, Mode::Lenient)
        .map(|_| ())
        .map_err(|error| malformed(error.message.clone()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_schema_is_closed() {
        for (value, good) in [
            (json!({}), true),
            (json!({"pre": null, "post": []}), true),
            (json!({"pre": "w-1200,h-1200,c-at_max,q-80"}), true),
            (
                json!({"pre": "w-100:rt-90", "post": [{"type": "transformation", "value": "w-400"}]}),
                true,
            ),
            (json!({"post": [{"type": "thumbnail"}, {"type": "gif-to-video"}]}), true),
            (
                json!({"post": [{"type": "thumbnail", "value": "w-150"}, {"type": "gif-to-video", "value": "q-90"}]}),
                true,
            ),
            (
                json!({"post": [{"type": "abs", "value": "sr-240_360", "protocol": "dash"}]}),
                true,
            ),
            (
                json!({"post": vec![json!({"type": "transformation", "value": "w-1"}); 5]}),
                true,
            ),
            (
                json!({"post": vec![json!({"type": "transformation", "value": "w-1"}); 6]}),
                false,
            ),
            (json!({"pre": 1}), false),
            (json!({"pre": ["w-1"]}), false),
            (json!({"post": {"type": "transformation", "value": "w-1"}}), false),
            (json!({"post": [{"type": "transformation"}]}), false),
            (json!({"post": [{"type": "transformation", "value": ""}]}), false),
            (
                json!({"post": [{"type": "transformation", "value": "w-1", "protocol": "hls"}]}),
                false,
            ),
            (json!({"post": [{"type": "abs", "value": "sr-240"}]}), false),
            (json!({"post": [{"type": "abs", "protocol": "hls"}]}), false),
            (
                json!({"post": [{"type": "abs", "value": "sr-240", "protocol": "rtmp"}]}),
                false,
            ),
            (json!({"post": [{"type": "resize", "value": "w-1"}]}), false),
            (json!({"post": [{"value": "w-1"}]}), false),
            (json!({"pre": "w-1", "mid": "w-2"}), false),
            (json!({"pre": "l-text,i-hello"}), false),
            (json!([]), false),
            (json!("w-100"), false),
        ] {
            assert_eq!(UploadTransformation::parse(value.clone()).is_ok(), good, "{value}");
        }
    }

    #[test]
    fn what_fits_which_file() {
        let post = |kind: &str| match kind {
            "abs" => json!({"post": [{"type": "abs", "value": "sr-240", "protocol": "hls"}]}),
            "pre" => json!({"pre": "w-10"}),
            kind => json!({"post": [{"type": kind, "value": "w-10"}]}),
        };
        let verdict = |kind: &str, mime: &str| {
            let read = UploadTransformation::parse(post(kind)).unwrap();
            match read.check(Medium::of(mime)) {
                Ok(()) => "fits",
                Err(TransformationError::NotMedia) => "not media",
                Err(TransformationError::DoesNotFit(_)) => "does not fit",
                Err(TransformationError::Video(_)) => "video",
                Err(TransformationError::Malformed { .. }) => "malformed",
            }
        };
        for (kind, mime, expected) in [
            ("pre", "image/jpeg", "fits"),
            ("pre", "image/gif", "fits"),
            ("pre", "video/mp4", "video"),
            ("pre", "application/pdf", "not media"),
            ("pre", "text/css", "not media"),
            ("transformation", "image/png", "fits"),
            ("transformation", "video/mp4", "video"),
            ("transformation", "audio/mpeg", "not media"),
            ("transformation", "application/pdf", "does not fit"),
            ("gif-to-video", "image/gif", "video"),
            ("gif-to-video", "image/png", "does not fit"),
            ("thumbnail", "application/pdf", "fits"),
            ("thumbnail", "image/jpeg", "does not fit"),
            ("thumbnail", "video/mp4", "video"),
            ("abs", "image/gif", "does not fit"),
            ("abs", "video/mp4", "video"),
            ("abs", "text/plain", "not media"),
        ] {
            assert_eq!(verdict(kind, mime), expected, "{kind} of {mime}");
        }
    }
}
