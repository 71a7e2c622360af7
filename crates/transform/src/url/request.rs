use super::{UrlError, under_endpoint};
use crate::{Mode, ParseError, ParseErrorKind, Transformation, decode};

/// What a delivery URL asks for, apart from its signature.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AssetRequest {
    /// Path of the asset under the endpoint: decoded, no slash at either end, no `.` or `..`.
    pub asset_path: String,
    /// Transformations in the path, as sent, without `tr:`. More than one is unusual.
    pub path_transformations: Vec<String>,
    /// The transformation in the query, as sent.
    pub query_transformation: Option<String>,
    /// What is wanted of the asset instead of the asset itself, in the order of the URL.
    pub markers: Vec<Marker>,
    /// True for a path behind `ik-seo`, already resolved in `asset_path`.
    pub seo: bool,
    /// To be saved instead of shown.
    pub attachment: Option<Attachment>,
    /// `ik-obj-version`: that stored version of the file.
    pub version: Option<String>,
    /// `ik-sanitizeSvg`: overrules the setting.
    pub sanitize_svg: Option<bool>,
    /// All other query parameters, as sent, but for the signature.
    pub rest: Vec<(String, String)>,
}

/// `ik-attachment=true`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attachment {
    /// `ik-attachment-filename`: the name to offer, without ending.
    pub filename: Option<String>,
}

/// A path segment that selects what is delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Marker {
    /// `ik-thumbnail.jpg`: a still.
    Thumbnail,
    /// `ik-video.mp4`: the source is a video whatever its ending.
    Video,
    /// `ik-gif-video.mp4`: an animation as a video.
    GifVideo,
    /// `ik-master.m3u8`: an HLS playlist.
    HlsMaster,
    /// `ik-master.mpd`: a DASH manifest.
    DashManifest,
    /// `ik-seek-thumbnail-track.vtt`: preview pictures of a seek bar.
    SeekThumbnails,
    /// `ik-gensubtitle.vtt`: subtitles made by a machine.
    Subtitles,
    /// `ik-gensubtitle.transcript`: words with their times.
    Transcript,
    /// `ik-genchapter.vtt`: a track of chapters.
    Chapters,
    /// `ik-genimg-prompt-<text>`: a picture made from a text.
    GeneratedImage {
        /// The text, decoded.
        prompt: String,
    },
    /// An absolute URL in place of a path. `asset_path` is empty.
    RemoteUrl {
        /// The URL, decoded.
        url: String,
    },
}

const SUFFIXES: [(&str, Marker); 9] = [
    ("ik-thumbnail.jpg", Marker::Thumbnail),
    ("ik-video.mp4", Marker::Video),
    ("ik-gif-video.mp4", Marker::GifVideo),
    ("ik-master.m3u8", Marker::HlsMaster),
    ("ik-master.mpd", Marker::DashManifest),
    ("ik-seek-thumbnail-track.vtt", Marker::SeekThumbnails),
    ("ik-gensubtitle.vtt", Marker::Subtitles),
    ("ik-gensubtitle.transcript", Marker::Transcript),
    ("ik-genchapter.vtt", Marker::Chapters),
];

impl AssetRequest {
    /// Reads a raw request target (path and query as on the wire) under the path of an endpoint.
    pub fn parse(raw_target: &str, endpoint_prefix: &str) -> Result<Self, UrlError> {
        let rest = under_endpoint(raw_target, endpoint_prefix)?;
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut request = Self::default();
        request.read_query(query);
        request.read_path(path)?;
        Ok(request)
    }

    /// The steps of the path, then those of the query. Empty when there are none.
    pub fn transformation(&self, mode: Mode) -> Result<Transformation, ParseError> {
        if let (Mode::Strict, Some(second)) = (mode, self.path_transformations.get(1)) {
            return Err(ParseError {
                kind: ParseErrorKind::Structure,
                span: 0..second.len(),
                text: second.clone(),
                message: "the path has a second transformation".to_owned(),
                hint: Some("join the steps of both with `:`".to_owned()),
            });
        }
        self.path_transformations
            .iter()
            .chain(&self.query_transformation)
            .try_fold(Transformation::default(), |all, text| {
                Ok(all.then(Transformation::parse(text, mode)?))
            })
    }

    fn read_path(&mut self, path: &str) -> Result<(), UrlError> {
        let mut segments = Vec::new();
        for segment in path.split('/').filter(|segment| !segment.is_empty()) {
            match segment.strip_prefix("tr:") {
                Some(transformation) => self.path_transformations.push(transformation.to_owned()),
                None => segments.push(segment),
            }
        }
        if let Some(url) = remote_url(&segments) {
            self.markers.push(Marker::RemoteUrl { url });
            return Ok(());
        }
        let mut segments = segments.into_iter().map(decoded).collect::<Result<Vec<_>, _>>()?;

        let mut suffixes = Vec::new();
        // A segment alone is an asset of that name.
        while segments.len() > 1
            && let Some(marker) = segments.last().and_then(|last| suffix(last))
        {
            segments.pop();
            suffixes.insert(0, marker);
        }
        if segments.first().is_some_and(|first| first == "ik-seo") {
            self.seo = true;
            segments.remove(0);
            segments = without_readable_name(segments)?;
        }
        if let Some(prompt) = segments
            .first()
            .and_then(|first| first.strip_prefix("ik-genimg-prompt-"))
        {
            self.markers.push(Marker::GeneratedImage {
                prompt: prompt.to_owned(),
            });
            segments.remove(0);
        }
        self.markers.extend(suffixes);
        if segments.is_empty() {
            return Err(UrlError::NoAsset);
        }
        self.asset_path = segments.join("/");
        Ok(())
    }

    fn read_query(&mut self, query: &str) {
        let mut filename = None;
        let mut attached = false;
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            match decode::percent(key).as_ref() {
                // The first one counts.
                "tr" if self.query_transformation.is_some() => {}
                "tr" => {
                    // Somebody pasted the path form.
                    let pasted = ["tr:", "tr%3A", "tr%3a"]
                        .iter()
                        .find_map(|prefix| value.strip_prefix(prefix));
                    self.query_transformation = Some(pasted.unwrap_or(value).to_owned());
                }
                "ik-s" | "ik-t" => {}
                "ik-attachment" => attached = value == "true",
                "ik-attachment-filename" => filename = Some(decode::percent(value).into_owned()),
                "ik-obj-version" => self.version = Some(decode::percent(value).into_owned()),
                "ik-sanitizeSvg" => self.sanitize_svg = value.parse().ok(),
                _ => self.rest.push((key.to_owned(), value.to_owned())),
            }
        }
        self.attachment = attached.then_some(Attachment {
            filename: filename.filter(|name| !name.is_empty()),
        });
    }
}

fn suffix(segment: &str) -> Option<Marker> {
    SUFFIXES
        .iter()
        .find(|(name, _)| *name == segment)
        .map(|(_, marker)| marker.clone())
}

/// `photos/cat/white-cat.jpg` is `photos/cat.jpg`.
fn without_readable_name(mut segments: Vec<String>) -> Result<Vec<String>, UrlError> {
    let name = segments.pop().ok_or(UrlError::MalformedSeo)?;
    let (_, ending) = name
        .rsplit_once('.')
        .filter(|(_, ending)| !ending.is_empty())
        .ok_or(UrlError::MalformedSeo)?;
    let last = segments.last_mut().ok_or(UrlError::MalformedSeo)?;
    last.push('.');
    last.push_str(ending);
    Ok(segments)
}

/// `https://…` raw, with its slashes collapsed, or percent-encoded.
fn remote_url(segments: &[&str]) -> Option<String> {
    let (first, rest) = segments.split_first()?;
    if matches!(*first, "https:" | "http:") {
        let rest: Vec<_> = rest.iter().map(|segment| decode::percent(segment)).collect();
        return Some(format!("{first}//{}", rest.join("/")));
    }
    let decoded = decode::percent(first);
    let is_url = decoded.starts_with("https://") || decoded.starts_with("http://");
    (is_url && rest.is_empty()).then(|| decoded.into_owned())
}

fn decoded(segment: &str) -> Result<String, UrlError> {
    let decoded = decode::percent(segment).into_owned();
    let what = match decoded.as_str() {
        "." | ".." => "a segment `.` or `..`",
        text if text.contains('/') => "an encoded slash",
        text if text.contains('\\') => "a backslash",
        text if text.contains('\0') => "a zero byte",
        _ => return Ok(decoded),
    };
    Err(UrlError::UnsafePath { what })
}
