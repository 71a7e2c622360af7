//! What a URL asks for, as types. After this nobody sees its text again.

use transform::{AssetRequest, Attachment, Marker, Transformation};

use crate::{DeliveryError, Settings, access};

/// A request target, understood.
pub(crate) struct Asked {
    pub(crate) path: String,
    /// The token of an older version.
    pub(crate) version: Option<String>,
    pub(crate) attachment: Option<Attachment>,
    /// With names replaced by what stands under them.
    pub(crate) transformation: Transformation,
    /// Nothing but names was asked for.
    pub(crate) only_named: bool,
    /// The first frame of an animation instead of all of it.
    pub(crate) still: bool,
    /// What had no effect.
    pub(crate) notices: Vec<String>,
}

/// Longer than anything that client libraries write; the language's own limit is the same.
const LONGEST_TARGET: usize = 8 * 1024;

impl Asked {
    pub(crate) fn read(target: &str, settings: &Settings) -> Result<Self, DeliveryError> {
        if target.len() > LONGEST_TARGET {
            return Err(DeliveryError::bad(format!(
                "the URL is longer than {LONGEST_TARGET} bytes"
            )));
        }
        let url = AssetRequest::parse(target, &settings.endpoint)?;
        let still = still(&url.markers)?;
        let written = url.transformation(settings.mode)?;
        let only_named = access::only_named(&written);
        // No names are stored in this version; the built-in ones are found without a look-up.
        let transformation = written.expand(|_| None)?;
        let mut notices: Vec<String> = transformation.ignored.iter().map(ToString::to_string).collect();
        if url.sanitize_svg == Some(true) {
            notices.push("`ik-sanitizeSvg`: SVG is delivered as stored, in a sandbox without scripts".to_owned());
        }
        Ok(Self {
            path: url.asset_path,
            version: url.version,
            attachment: url.attachment,
            transformation,
            only_named,
            still,
            notices,
        })
    }
}

/// Whether the markers ask for a still. The others belong to parts of the language that this version does not have.
fn still(markers: &[Marker]) -> Result<bool, DeliveryError> {
    let missing = match markers {
        [] => return Ok(false),
        [Marker::Thumbnail] => return Ok(true),
        [Marker::Thumbnail, ..] => "a marker behind `ik-thumbnail.jpg`",
        [Marker::RemoteUrl { .. }, ..] => "delivery of remote URLs",
        [Marker::GeneratedImage { .. }, ..] => "making pictures from text",
        [Marker::Video | Marker::GifVideo, ..] => "video",
        [Marker::HlsMaster | Marker::DashManifest, ..] => "adaptive streaming",
        [Marker::SeekThumbnails, ..] => "the track of preview pictures",
        [Marker::Subtitles | Marker::Transcript | Marker::Chapters, ..] => "making subtitles and chapters",
    };
    Err(DeliveryError::Unavailable(missing))
}
