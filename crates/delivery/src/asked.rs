//! What a URL asks for, as types. After this nobody sees its text again.

use std::borrow::Cow;

use library::{Account, UrlEndpoint};
use serde_json::Value;
use transform::{AssetRequest, Attachment, Marker, Mode, Rewriter, Rewritten, Transformation};

use crate::access::Right;
use crate::{DeliveryError, Settings, access};

/// A request target, understood.
pub(crate) struct Asked {
    /// Below its endpoint, decoded, without a slash before it. Empty where `url` is there.
    pub(crate) path: String,
    /// A whole URL in place of a path, for an endpoint with a web proxy.
    pub(crate) url: Option<String>,
    /// Parameters that are not ours, as they came: for origins.
    pub(crate) query: String,
    /// The token of an older version.
    pub(crate) version: Option<String>,
    pub(crate) attachment: Option<Attachment>,
    /// With names replaced by what stands under them.
    pub(crate) transformation: Transformation,
    /// Nothing but names was asked for.
    pub(crate) only_named: bool,
    /// The first frame of an animation instead of all of it.
    pub(crate) still: bool,
    /// Whether SVG is to be cleaned; `None` leaves it to the settings.
    pub(crate) clean_svg: Option<bool>,
    /// What had no effect.
    pub(crate) notices: Vec<String>,
}

/// Longer than anything that client libraries write; the language's own limit is the same.
const LONGEST_TARGET: usize = 8 * 1024;

impl Asked {
    /// `endpoint` is the path of the URL endpoint that the target belongs to; `rewriting` may say whose URLs those below it are.
    pub(crate) fn read(
        target: &str,
        settings: &Settings,
        account: &Account,
        endpoint: &str,
        rewriting: Option<&UrlEndpoint>,
    ) -> Result<Self, DeliveryError> {
        if target.len() > LONGEST_TARGET {
            return Err(DeliveryError::bad(format!(
                "the URL is longer than {LONGEST_TARGET} bytes"
            )));
        }
        let rewritten = rewriting
            .and_then(rewriter)
            .map(|rewriter| rewrite(rewriter, target, endpoint, settings.mode))
            .transpose()?;
        let target = rewritten.as_ref().map_or(target, |rewritten| rewritten.below.as_str());
        let url = AssetRequest::parse(target, endpoint)?;
        let remote = remote(&url.markers);
        let still = still(if remote.is_some() { &[] } else { &url.markers })?;
        let written = url.transformation(settings.mode)?;
        let only_named = access::only_named(&written);
        let transformation = expand(&written, account)?;
        let mut notices: Vec<String> = transformation.ignored.iter().map(ToString::to_string).collect();
        notices.extend(
            rewritten
                .iter()
                .flat_map(|rewritten| rewritten.ignored.iter().map(|what| no_counterpart(what))),
        );
        let query = url.rest.iter().filter(|(name, _)| !name.starts_with("ik-"));
        let query: Vec<String> = query
            .map(|(name, value)| {
                if value.is_empty() {
                    name.clone()
                } else {
                    format!("{name}={value}")
                }
            })
            .collect();
        Ok(Self {
            url: remote,
            query: query.join("&"),
            path: url.asset_path,
            version: url.version,
            attachment: url.attachment,
            transformation,
            only_named,
            still,
            clean_svg: url.sanitize_svg,
            notices,
        })
    }

    /// Only who has a key may have SVG as it is: a link that anybody can write must not undo what keeps others from harm.
    pub(crate) fn keep_svg_clean(&mut self, right: Right) {
        if self.clean_svg == Some(false) && right == Right::Anybody {
            self.clean_svg = None;
            self.notices.push("`ik-sanitizeSvg=false` needs a signature".to_owned());
        }
    }
}

/// What an endpoint's `urlRewriter` says, in the API's words.
pub(crate) fn rewriter(endpoint: &UrlEndpoint) -> Option<Rewriter> {
    let said = endpoint.url_rewriter.as_ref()?;
    match said.get("type")?.as_str()? {
        "CLOUDINARY" => Some(Rewriter::Cloudinary {
            preserve_delivery_types: said
                .get("preserveAssetDeliveryTypes")
                .and_then(Value::as_bool)
                .unwrap_or(false),
        }),
        "IMGIX" => Some(Rewriter::Imgix),
        "AKAMAI" => Some(Rewriter::Akamai),
        _ => None,
    }
}

/// The target in this server's own language.
fn rewrite(rewriter: Rewriter, target: &str, endpoint: &str, mode: Mode) -> Result<Rewritten, DeliveryError> {
    let below = target.strip_prefix(endpoint).unwrap_or(target);
    let mut rewritten = rewriter.rewrite(below);
    match rewritten.ignored.first() {
        Some(first) if mode == Mode::Strict => Err(DeliveryError::bad(no_counterpart(first))),
        _ => {
            rewritten.below.insert_str(0, endpoint);
            Ok(rewritten)
        }
    }
}

/// A target in this server's own language, for who counts what is asked for.
pub fn own_target<'a>(target: &'a str, account_path: &str, account: &Account) -> Cow<'a, str> {
    let (path, endpoint) = endpoint(target, account_path, account);
    let rewritten = endpoint
        .and_then(rewriter)
        .map(|rewriter| rewrite(rewriter, target, &path, Mode::Lenient));
    match rewritten {
        Some(Ok(rewritten)) => Cow::Owned(rewritten.below),
        _ => Cow::Borrowed(target),
    }
}

fn no_counterpart(what: &str) -> String {
    let what: String = what.chars().take(100).collect();
    format!("`{what}`: the URL endpoint's rewriter has no counterpart for it")
}

/// Puts what stands under names in their place.
pub(crate) fn expand(written: &Transformation, account: &Account) -> Result<Transformation, DeliveryError> {
    Ok(written.expand(|name| {
        let named = account.named_transformation(name).filter(|named| named.is_enabled)?;
        Some(named.transformation.clone())
    })?)
}

/// The path of the endpoint that a target belongs to, and the endpoint. The longest prefix wins; the account's own path has the default one.
pub(crate) fn endpoint<'a>(
    target: &str,
    account_path: &str,
    account: &'a Account,
) -> (String, Option<&'a UrlEndpoint>) {
    let below = target.strip_prefix(account_path).unwrap_or_default();
    let first = below
        .trim_start_matches('/')
        .split(['/', '?'])
        .next()
        .unwrap_or_default();
    match account.url_endpoint(first).filter(|_| !first.is_empty()) {
        Some(endpoint) => (format!("{account_path}/{first}"), Some(endpoint)),
        None => (account_path.to_owned(), account.url_endpoint("")),
    }
}

/// The URL that stands in place of a path.
fn remote(markers: &[Marker]) -> Option<String> {
    match markers {
        [Marker::RemoteUrl { url }] => Some(url.clone()),
        _ => None,
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
