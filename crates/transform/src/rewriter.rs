//! URLs of other services, put into this language: what a URL endpoint's rewriter does, so that pages keep their URLs when their pictures move here.
//!
//! Text becomes other text, which is then read as every URL is. What has no counterpart here is named. A URL that speaks this language already is left alone.

mod akamai;
mod cloudinary;
mod imgix;

#[cfg(test)]
mod tests;

use crate::decode;

/// Whose URLs they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rewriter {
    /// Cloudinary: transformations in the path, behind `image/upload`.
    Cloudinary {
        /// Files lie below `image/upload` here, too; otherwise those segments are left out of their paths.
        preserve_delivery_types: bool,
    },
    /// imgix: a parameter of the query for each property.
    Imgix,
    /// Akamai Image and Video Manager: `im`, `imwidth` and `impolicy` in the query.
    Akamai,
}

/// A URL in this language.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rewritten {
    /// Path and query below the endpoint, as on the wire.
    pub below: String,
    /// What has no counterpart, as it was written.
    pub ignored: Vec<String>,
}

impl Rewriter {
    /// Rewrites what stands below an endpoint, path and query as on the wire.
    pub fn rewrite(self, below: &str) -> Rewritten {
        let (path, query) = below.split_once('?').unwrap_or((below, ""));
        let pairs: Vec<(&str, &str)> = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .collect();
        let is_ours =
            pairs.iter().any(|(name, _)| *name == "tr") || path.split('/').any(|part| part.starts_with("tr:"));
        if is_ours {
            return Rewritten {
                below: below.to_owned(),
                ignored: Vec::new(),
            };
        }
        let mut out = Out::default();
        let path = match self {
            Self::Cloudinary {
                preserve_delivery_types,
            } => {
                out.query.extend(pairs.iter().map(written));
                cloudinary::rewrite(path, preserve_delivery_types, &mut out)
            }
            Self::Imgix => {
                imgix::rewrite(path, &pairs, &mut out);
                path.to_owned()
            }
            Self::Akamai => {
                akamai::rewrite(&pairs, &mut out);
                path.to_owned()
            }
        };
        out.finish(&path)
    }
}

/// What a rewriter has found so far.
#[derive(Debug, Default)]
struct Out {
    /// Steps of parameters.
    steps: Vec<Vec<String>>,
    /// Of the query, but for transformations.
    query: Vec<String>,
    ignored: Vec<String>,
}

impl Out {
    /// A step, unless nothing is in it.
    fn step(&mut self, parameters: Vec<String>) {
        if !parameters.is_empty() {
            self.steps.push(parameters);
        }
    }

    fn ignore(&mut self, what: impl Into<String>) {
        self.ignored.push(what.into());
    }

    /// To be saved rather than shown, under this name or the file's own.
    fn attach(&mut self, name: &str) {
        self.query.push("ik-attachment=true".to_owned());
        let is_plain = name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        if !name.is_empty() && is_plain {
            self.query.push(format!("ik-attachment-filename={name}"));
        }
    }

    fn finish(self, path: &str) -> Rewritten {
        let mut query = self.query;
        if !self.steps.is_empty() {
            let steps: Vec<String> = self.steps.iter().map(|step| step.join(",")).collect();
            query.insert(0, format!("tr={}", steps.join(":")));
        }
        let below = match query.is_empty() {
            true => path.to_owned(),
            false => format!("{path}?{}", query.join("&")),
        };
        Rewritten {
            below,
            ignored: self.ignored,
        }
    }
}

/// A pair as it stood in the query.
fn written((name, value): &(&str, &str)) -> String {
    match value.is_empty() {
        true => (*name).to_owned(),
        false => format!("{name}={value}"),
    }
}

/// A number as those services write them: digits and a point, a minus before them.
fn number(text: &str) -> Option<f64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_one = (1..=10).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    is_one.then(|| text.parse().ok()).flatten()
}

/// The same, not below zero.
fn size(text: &str) -> Option<f64> {
    number(text).filter(|number| *number >= 0.0)
}

/// A number within bounds, rounded.
fn within(number: f64, least: f64, most: f64) -> f64 {
    number.round().clamp(least, most)
}

/// `key-number`, a minus written as `N`.
fn with(key: &str, number: f64) -> String {
    match number < 0.0 {
        true => format!("{key}-N{}", -number),
        false => format!("{key}-{number}"),
    }
}

/// A colour: a name, or three or six digits, or with an alpha behind them, four or eight, which is a percentage here.
fn colour(text: &str) -> Option<String> {
    let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match text.len() {
        3 | 6 if is_hex => Some(text.to_ascii_uppercase()),
        4 if is_hex => {
            let doubled: String = text.chars().flat_map(|digit| [digit, digit]).collect();
            colour(&doubled)
        }
        8 if is_hex => {
            let (solid, alpha) = text.split_at(6);
            let alpha = f64::from(u8::from_str_radix(alpha, 16).ok()?) / 255.0 * 100.0;
            let solid = solid.to_ascii_uppercase();
            Some(match within(alpha, 0.0, 100.0) {
                // Two digits can't say it, and need not.
                100.0 => solid,
                alpha => format!("{solid}{alpha:02}"),
            })
        }
        1..=30 if text.bytes().all(|byte| byte.is_ascii_alphabetic()) => Some(text.to_ascii_lowercase()),
        _ => None,
    }
}

/// A format that can be asked for.
fn format(text: &str) -> Option<&'static str> {
    Some(match text {
        "auto" => "f-auto",
        "jpg" | "jpeg" => "f-jpg",
        "png" => "f-png",
        "webp" => "f-webp",
        "avif" => "f-avif",
        "gif" => "f-gif",
        _ => return None,
    })
}

/// `ar-W-H` of `W:H` or a number.
fn ratio(text: &str) -> Option<String> {
    match text.split_once(':') {
        Some((width, height)) => {
            let (width, height) = (size(width)?, size(height)?);
            (width > 0.0 && height > 0.0).then(|| format!("ar-{width}-{height}"))
        }
        None => size(text)
            .filter(|ratio| *ratio > 0.0)
            .map(|ratio| format!("ar-{ratio}")),
    }
}

/// The colour of a pad where a service has white and this one has black: of sources without transparency, as far as their names tell.
fn white_pad(path: &str) -> Option<String> {
    let ending = path
        .rsplit_once('.')
        .map_or("", |(_, ending)| ending)
        .to_ascii_lowercase();
    let may_be_transparent = ["png", "webp", "gif", "avif", "svg", "psd", "tif", "tiff"].contains(&ending.as_str());
    (!may_be_transparent).then(|| "bg-FFFFFF".to_owned())
}

fn decoded(text: &str) -> String {
    decode::percent(text).into_owned()
}
