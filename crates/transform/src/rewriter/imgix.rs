//! imgix's URLs: a parameter of the query for each property, after its rendering reference.

use super::{Out, colour, decoded, format, number, ratio, size, white_pad, with, within, written};

/// What says nothing about the picture: the client library, the signature and its end.
const TECHNICAL: [&str; 4] = ["ixlib", "ixid", "s", "expires"];

/// Begin the names of parameters that have no counterpart here.
const UNKNOWN: &[&str] = &[
    "bg-",
    "blend",
    "border-",
    "bri",
    "ch",
    "chromasub",
    "colorquant",
    "colors",
    "con",
    "corner-radius",
    "cs",
    "dpi",
    "duotone",
    "exp",
    "facepad",
    "faceindex",
    "fill-",
    "fp-",
    "fps",
    "frame",
    "gam",
    "gif-q",
    "grid-",
    "high",
    "htn",
    "hue",
    "interval",
    "invert",
    "iptc",
    "jpg-progressive",
    "loop",
    "mark",
    "max-h",
    "max-w",
    "min-h",
    "min-w",
    "monochrome",
    "nr",
    "nrs",
    "object-",
    "pad",
    "palette",
    "pdf-",
    "prefix",
    "px",
    "rasterize-",
    "reverse",
    "sat",
    "sepia",
    "shad",
    "skip-",
    "svg-",
    "transparency",
    "trim-",
    "txt",
    "upscale-",
    "vib",
];

pub(super) fn rewrite(path: &str, pairs: &[(&str, &str)], out: &mut Out) {
    let values: Vec<(String, String)> = pairs
        .iter()
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect();
    let value = |name: &str| {
        let found = values.iter().rev().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    };
    let mut before = Vec::new();
    let mut step = fit(path, &value, out);
    for ((name, given), pair) in values.iter().zip(pairs) {
        if value(name).is_some_and(|last| last != given) {
            // The last one counts.
            continue;
        }
        let read = match name.as_str() {
            "fit" | "crop" | "ar" | "fill" | "fill-color" | "fill-colour" => Some(Vec::new()),
            "rect" => rectangle(given).map(|window| {
                before.extend(window);
                Vec::new()
            }),
            "trim" => matches!(given.as_str(), "auto" | "color").then(|| {
                before.push("t-true".to_owned());
                Vec::new()
            }),
            "dl" => {
                out.attach(given);
                Some(Vec::new())
            }
            name if TECHNICAL.contains(&name) => Some(Vec::new()),
            name => match parameter(name, given) {
                Known::As(parameters) => Some(parameters),
                Known::Not => None,
                Known::Nothing => {
                    out.query.push(written(pair));
                    Some(Vec::new())
                }
            },
        };
        match read {
            Some(parameters) => step.extend(parameters),
            None => out.ignore(format!("{name}={given}")),
        }
    }
    out.step(before);
    out.step(step);
}

/// What a parameter is.
enum Known {
    /// These of ours.
    As(Vec<String>),
    /// One of theirs that has no counterpart.
    Not,
    /// None of theirs: it may mean something to an origin.
    Nothing,
}

fn parameter(name: &str, value: &str) -> Known {
    let one = |parameter: Option<String>| parameter.map_or(Known::Not, |parameter| Known::As(vec![parameter]));
    match name {
        "w" | "h" | "dpr" => one(size(value).map(|size| with(name, size))),
        "q" => one(size(value).map(|quality| with("q", within(quality, 1.0, 100.0)))),
        "page" => one(size(value).map(|page| with("pg", page))),
        "fm" if value == "pjpg" => Known::As(vec!["f-jpg".to_owned(), "pr-true".to_owned()]),
        "fm" => one(format(value).map(str::to_owned)),
        "auto" => value
            .split(',')
            .map(|what| match what {
                "format" => Some("f-auto"),
                "enhance" => Some("e-contrast"),
                // What this server does anyway.
                "compress" => Some(""),
                _ => None,
            })
            .collect::<Option<Vec<_>>>()
            .map_or(Known::Not, |all| {
                Known::As(
                    all.into_iter()
                        .filter(|one| !one.is_empty())
                        .map(str::to_owned)
                        .collect(),
                )
            }),
        // Counter-clockwise there.
        "rot" => one(number(value).map(|degrees| with("rt", (360.0 - degrees) % 360.0))),
        "flip" => match value {
            "h" | "v" => Known::As(vec![format!("fl-{value}")]),
            "hv" | "vh" => Known::As(vec!["fl-h_v".to_owned()]),
            _ => Known::Not,
        },
        // Up to 2000 there, up to 100 here.
        "blur" => one(size(value).map(|strength| with("bl", within(strength / 20.0, 1.0, 100.0)))),
        "sharp" => one(size(value).map(|strength| with("e-sharpen", within(strength, 1.0, 100.0)))),
        "sat" if value == "-100" => Known::As(vec!["e-grayscale".to_owned()]),
        "bg" => one(paint(value).map(|colour| format!("bg-{colour}"))),
        "border" => one(value
            .split_once(',')
            .and_then(|(width, colour)| Some(format!("b-{}_{}", size(width)?, paint(colour)?)))),
        "border-radius" => one(radii(value)),
        "mask" if value == "ellipse" => Known::As(vec!["r-max".to_owned()]),
        "lossless" => match value {
            "1" | "true" => Known::As(vec!["lo-true".to_owned()]),
            _ => Known::As(Vec::new()),
        },
        "orient" | "mask" | "usm" | "usmrad" | "bg-remove" | "upscale" => match (name, value) {
            ("bg-remove", "true") => Known::As(vec!["e-bgremove".to_owned()]),
            ("upscale", "true") => Known::As(vec!["e-upscale".to_owned()]),
            _ => Known::Not,
        },
        other if UNKNOWN.iter().any(|begin| other.starts_with(begin)) => Known::Not,
        _ => Known::Nothing,
    }
}

/// How the picture comes into the box, what is kept of it, and what is around it.
fn fit<'a>(path: &str, value: &impl Fn(&str) -> Option<&'a str>, out: &mut Out) -> Vec<String> {
    let mut step = Vec::new();
    let both = value("w").is_some() && value("h").is_some();
    let fit = value("fit").unwrap_or("clip");
    let pads = matches!(fit, "fill" | "fillmax");
    match fit {
        "clip" if both => step.push("c-at_max_enlarge".to_owned()),
        "max" => step.push("c-at_max".to_owned()),
        "scale" if both => step.push("c-force".to_owned()),
        "min" => step.push("c-maintain_ratio_no_enlarge".to_owned()),
        "fill" => step.push("cm-pad_resize".to_owned()),
        "fillmax" => step.push("cm-pad_resize_no_enlarge".to_owned()),
        "facearea" => step.push("fo-face".to_owned()),
        "clip" | "scale" | "crop" => {}
        other => out.ignore(format!("fit={other}")),
    }
    if fit == "crop" || fit == "min" {
        if let Some(sides) = value("crop") {
            match focus(sides) {
                Some(focus) => step.push(format!("fo-{focus}")),
                None => out.ignore(format!("crop={sides}")),
            }
        }
        match value("ar").map(|given| (given, ratio(given))) {
            Some((_, Some(ratio))) if !both => step.push(ratio),
            Some((given, None)) => out.ignore(format!("ar={given}")),
            _ => {}
        }
    } else if let Some(given) = value("ar") {
        out.ignore(format!("ar={given}"));
    }
    if pads {
        let blurred = (value("fill") == Some("blur")).then(|| "bg-blurred".to_owned());
        let given = value("fill-color").or_else(|| value("fill-colour"));
        let solid = || given.and_then(paint).map(|colour| format!("bg-{colour}"));
        let own = || value("bg").is_none().then(|| white_pad(path)).flatten();
        step.extend(blurred.or_else(solid).or_else(own));
    }
    step
}

/// What is kept: a side, a corner, or what is found in the picture.
fn focus(crop: &str) -> Option<&'static str> {
    let parts: Vec<&str> = crop.split(',').collect();
    let has = |name: &str| parts.contains(&name);
    if parts
        .iter()
        .any(|part| !["top", "bottom", "left", "right", "faces", "edges", "entropy", "center"].contains(part))
    {
        return None;
    }
    Some(match (has("top"), has("bottom"), has("left"), has("right")) {
        _ if has("faces") => "face",
        _ if has("edges") || has("entropy") => "auto",
        (true, _, true, _) => "top_left",
        (true, _, _, true) => "top_right",
        (_, true, true, _) => "bottom_left",
        (_, true, _, true) => "bottom_right",
        (true, ..) => "top",
        (_, true, ..) => "bottom",
        (_, _, true, _) => "left",
        (_, _, _, true) => "right",
        _ => "center",
    })
}

/// `x,y,width,height` in pixels.
fn rectangle(value: &str) -> Option<Vec<String>> {
    let numbers = value.split(',').map(size).collect::<Option<Vec<_>>>()?;
    let [x, y, width, height] = numbers.as_slice() else {
        return None;
    };
    Some(vec![
        format!("x-{x}"),
        format!("y-{y}"),
        format!("w-{width}"),
        format!("h-{height}"),
        "cm-extract".to_owned(),
    ])
}

/// One radius, or those of the four corners.
fn radii(value: &str) -> Option<String> {
    let radii = value.split(',').map(size).collect::<Option<Vec<_>>>()?;
    match radii.as_slice() {
        [all] => Some(format!("r-{all}")),
        [a, b, c, d] => Some(format!("r-{a}_{b}_{c}_{d}")),
        _ => None,
    }
}

/// A colour; with alpha it is written first there.
fn paint(value: &str) -> Option<String> {
    let digits = value.strip_prefix('#').unwrap_or(value);
    let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    match digits.len() {
        4 if is_hex => colour(&format!("{}{}", &digits[1..], &digits[..1])),
        8 if is_hex => colour(&format!("{}{}", &digits[2..], &digits[..2])),
        _ => colour(digits),
    }
}
