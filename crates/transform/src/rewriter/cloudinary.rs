//! Cloudinary's URLs: `image/upload/<components>/v<version>/<file>`, each component of parameters `<key>_<value>` a step.
//! After its transformation reference.

use super::{Out, colour, decoded, format, number, ratio, size, white_pad, with, within};

const ASSET_TYPES: [&str; 3] = ["image", "video", "raw"];
const DELIVERY_TYPES: [&str; 5] = ["upload", "fetch", "private", "authenticated", "asset"];

/// Keys of parameters: what else looks like one is a folder.
const KEYS: [&str; 38] = [
    "a", "ac", "af", "ar", "b", "bo", "br", "c", "co", "cs", "d", "dl", "dn", "dpr", "du", "e", "eo", "f", "fl", "fn",
    "fps", "g", "h", "if", "ki", "l", "o", "pg", "q", "r", "so", "t", "u", "vc", "w", "x", "y", "z",
];

/// The path in this language; what is not a path of Cloudinary's stays as it is.
pub(super) fn rewrite(path: &str, preserve: bool, out: &mut Out) -> String {
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let [asset_type, delivery_type, rest @ ..] = segments.as_slice() else {
        return path.to_owned();
    };
    if !ASSET_TYPES.contains(asset_type) || !DELIVERY_TYPES.contains(delivery_type) {
        return path.to_owned();
    }
    let mut rest = rest;
    if let [first, more @ ..] = rest
        && first.starts_with("s--")
        && first.ends_with("--")
        && !more.is_empty()
    {
        // Their signature; ours is in the query.
        rest = more;
    }
    let mut components = Vec::new();
    while let [first, more @ ..] = rest
        && !more.is_empty()
        && let Some(component) = component(first)
    {
        components.push(component);
        rest = more;
    }
    if let [first, more @ ..] = rest
        && !more.is_empty()
        && is_version(first)
    {
        rest = more;
    }
    steps(&components, rest.last().unwrap_or(&""), out);
    let file = rest.join("/");
    match preserve && *delivery_type != "fetch" {
        true => format!("/{asset_type}/{delivery_type}/{file}"),
        false => format!("/{file}"),
    }
}

/// The parameters of a segment that is a component.
fn component(segment: &str) -> Option<Vec<(String, String)>> {
    segment
        .split(',')
        .map(|parameter| {
            let (key, value) = parameter.split_once('_').filter(|(_, value)| !value.is_empty())?;
            let is_known = KEYS.contains(&key) || key.starts_with('$');
            is_known.then(|| (key.to_owned(), decoded(value)))
        })
        .collect()
}

fn is_version(segment: &str) -> bool {
    segment
        .strip_prefix('v')
        .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

type Component = Vec<(String, String)>;

fn steps(components: &[Component], file: &str, out: &mut Out) {
    let has = |component: &Component, key: &str, value: &str| component.iter().any(|(k, v)| k == key && v == value);
    let mut left = components;
    while let [component, more @ ..] = left {
        left = more;
        // Layers and conditions stand over several components, to the one that ends them.
        let opens = component.iter().find_map(|(key, value)| match key.as_str() {
            "l" | "u" => Some((format!("{key}_{value}"), "fl", "layer_apply")),
            "if" => Some((format!("{key}_{value}"), "if", "end")),
            _ => None,
        });
        let Some((what, key, value)) = opens else {
            let step = step(component, file, out);
            out.step(step);
            continue;
        };
        out.ignore(what);
        let end = more.iter().position(|component| has(component, key, value));
        if let Some(end) = end.filter(|_| !has(component, key, value)) {
            left = &more[end + 1..];
        }
    }
}

fn step(component: &Component, file: &str, out: &mut Out) -> Vec<String> {
    let value = |key: &str| {
        component
            .iter()
            .find(|(known, _)| known == key)
            .map(|(_, value)| value.as_str())
    };
    let mut step = Vec::new();
    let both = value("w").is_some() && value("h").is_some();
    let mode = match value("c") {
        None | Some("scale") if both => "c-force",
        None | Some("scale" | "fill" | "thumb" | "auto" | "crop") => "",
        Some("lfill") => "c-maintain_ratio_no_enlarge",
        Some("fit") => "c-at_max_enlarge",
        Some("limit") => "c-at_max",
        Some("mfit") => "c-at_least",
        Some("pad") => "cm-pad_resize",
        Some("lpad") => "cm-pad_resize_no_enlarge",
        Some("mpad") => "cm-pad_extract_no_shrink",
        Some(other) => {
            out.ignore(format!("c_{other}"));
            ""
        }
    };
    let cuts = value("c") == Some("crop");
    if cuts {
        step.push("cm-extract".to_owned());
    } else if !mode.is_empty() {
        step.push(mode.to_owned());
    }
    if mode.starts_with("cm-pad") && value("b").is_none() {
        step.extend(white_pad(file));
    }
    for (key, value) in component {
        match parameter(component, key, value, cuts, out) {
            Some(parameters) => step.extend(parameters),
            None => out.ignore(format!("{key}_{value}")),
        }
    }
    step
}

/// What stands for a parameter; none if nothing does.
fn parameter(component: &Component, key: &str, value: &str, cuts: bool, out: &mut Out) -> Option<Vec<String>> {
    let gravity = component
        .iter()
        .find(|(known, _)| known == "g")
        .map(|(_, value)| value.as_str());
    let one = |parameter: String| Some(vec![parameter]);
    match key {
        "c" => Some(Vec::new()),
        "w" | "h" if value == "auto" => one(format!("{key}-auto")),
        "w" | "h" => size(value).and_then(|size| one(with(key, size))),
        "ar" => ratio(value).and_then(one),
        "g" => focus(value).map(|focus| focus.map(|side| format!("fo-{side}")).into_iter().collect()),
        "x" | "y" if cuts => {
            let place = size(value)?;
            match gravity {
                None | Some("north_west") => one(with(key, place)),
                Some("xy_center") => one(with(&format!("{key}c"), place)),
                Some(_) => None,
            }
        }
        "q" if value == "auto" || value == "auto:good" => Some(Vec::new()),
        "q" => size(value).and_then(|quality| one(with("q", within(quality, 1.0, 100.0)))),
        "f" => format(value).and_then(|format| one(format.to_owned())),
        "dpr" if value == "auto" => one("dpr-auto".to_owned()),
        "dpr" => size(value).and_then(|ratio| one(with("dpr", ratio))),
        "r" => radius(value).and_then(one),
        "a" => value.split('.').map(turn).collect(),
        "b" => background(value).and_then(one),
        "bo" => border(value).and_then(one),
        "o" => size(value).and_then(|opacity| one(with("o", within(opacity, 0.0, 100.0)))),
        "e" => effect(component, value).and_then(one),
        // Of `e_colorize`.
        "co" => Some(Vec::new()),
        "pg" | "dn" | "z" => size(value).and_then(|number| one(with(key, number))),
        "t" => is_name(value).then(|| vec![format!("n-{value}")]),
        "d" => {
            let path = value.replace(':', "@@");
            let is_path = path
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.@".contains(&byte));
            is_path.then(|| vec![format!("di-{path}")])
        }
        "fl" => value
            .split('.')
            .map(|flag| self::flag(flag, out))
            .collect::<Option<Vec<_>>>()
            .map(|all| all.concat()),
        _ => None,
    }
}

fn is_name(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// The side that is kept; `Some(None)` where another parameter says it.
fn focus(gravity: &str) -> Option<Option<&'static str>> {
    Some(Some(match gravity {
        "center" => "center",
        "north" => "top",
        "south" => "bottom",
        "west" => "left",
        "east" => "right",
        "north_west" => "top_left",
        "north_east" => "top_right",
        "south_west" => "bottom_left",
        "south_east" => "bottom_right",
        "face" | "faces" | "face:center" | "faces:center" | "face:auto" | "faces:auto" => "face",
        "custom" => "custom",
        "xy_center" => return Some(None),
        other if other == "auto" || other.starts_with("auto:") => "auto",
        _ => return None,
    }))
}

/// `max`, or one to four radii as CSS counts them.
fn radius(value: &str) -> Option<String> {
    if value == "max" {
        return Some("r-max".to_owned());
    }
    let radii = value.split(':').map(size).collect::<Option<Vec<_>>>()?;
    match radii.as_slice() {
        [all] => Some(format!("r-{all}")),
        [a, b] => Some(format!("r-{a}_{b}_{a}_{b}")),
        [a, b, c] => Some(format!("r-{a}_{b}_{c}_{b}")),
        [a, b, c, d] => Some(format!("r-{a}_{b}_{c}_{d}")),
        _ => None,
    }
}

fn turn(value: &str) -> Option<String> {
    match value {
        "hflip" => Some("fl-h".to_owned()),
        "vflip" => Some("fl-v".to_owned()),
        "exif" => Some("rt-auto".to_owned()),
        degrees => number(degrees).map(|degrees| with("rt", degrees)),
    }
}

/// `rgb:RRGGBB` or a name.
fn paint(value: &str) -> Option<String> {
    match value.strip_prefix("rgb:") {
        Some(digits) => colour(digits),
        None => value
            .bytes()
            .all(|byte| byte.is_ascii_alphabetic())
            .then(|| colour(value))?,
    }
}

fn background(value: &str) -> Option<String> {
    let (kind, _) = value.split_once(':').unwrap_or((value, ""));
    match kind {
        "auto" => Some("bg-dominant".to_owned()),
        "blurred" => Some("bg-blurred".to_owned()),
        _ => paint(value).map(|colour| format!("bg-{colour}")),
    }
}

/// `<width>px_solid_<colour>`
fn border(value: &str) -> Option<String> {
    let (width, colour) = value.split_once("px_solid_")?;
    Some(format!("b-{}_{}", size(width)?, paint(colour)?))
}

fn effect(component: &Component, value: &str) -> Option<String> {
    let (name, strength) = match value.split_once(':') {
        Some((name, strength)) => (name, Some(size(strength)?)),
        None => (value, None),
    };
    Some(match name {
        "grayscale" | "blackwhite" => "e-grayscale".to_owned(),
        // Up to 2000 there, up to 100 here.
        "blur" => with("bl", within(strength.unwrap_or(100.0) / 20.0, 1.0, 100.0)),
        "sharpen" | "unsharp_mask" => with("e-sharpen", within(strength.unwrap_or(100.0), 1.0, 100.0)),
        "auto_contrast" => "e-contrast".to_owned(),
        "trim" => with("t", within(strength.unwrap_or(10.0), 1.0, 99.0)),
        "colorize" => {
            let tint = component
                .iter()
                .find(|(key, _)| key == "co")
                .map(|(_, value)| paint(value));
            let tint = tint.unwrap_or_else(|| Some("black".to_owned()))?;
            format!(
                "e-colorize-co-{tint}_in-{}",
                within(strength.unwrap_or(100.0), 0.0, 100.0)
            )
        }
        "shadow" => "e-shadow".to_owned(),
        "dropshadow" => "e-dropshadow".to_owned(),
        "background_removal" | "bgremoval" => "e-bgremove".to_owned(),
        "upscale" => "e-upscale".to_owned(),
        _ => return None,
    })
}

fn flag(value: &str, out: &mut Out) -> Option<Vec<String>> {
    let (name, argument) = value.split_once(':').unwrap_or((value, ""));
    match name {
        "progressive" => Some(vec!["pr-true".to_owned()]),
        "force_strip" => Some(vec!["md-false".to_owned()]),
        "strip_profile" => Some(vec!["cp-false".to_owned()]),
        "attachment" => {
            out.attach(argument);
            Some(Vec::new())
        }
        // Every answer of this server may be cached for good.
        "immutable_cache" | "layer_apply" => Some(Vec::new()),
        _ => None,
    }
}
