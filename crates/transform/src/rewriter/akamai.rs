//! Akamai's URLs: `imwidth`, `imheight`, `imdensity`, `impolicy`, and `im` with transformations one after the other,
//! `im=Resize,width=300;Rotate=90`, after the reference of its Image and Video Manager.

use super::{Out, colour, decoded, number, ratio, size, with, within, written};

pub(super) fn rewrite(pairs: &[(&str, &str)], out: &mut Out) {
    let mut shrunk = Vec::new();
    for pair in pairs {
        let (name, value) = (decoded(pair.0), decoded(pair.1));
        let read = match name.as_str() {
            "im" => {
                for transformation in value.split(';').filter(|one| !one.trim().is_empty()) {
                    match step(transformation.trim()) {
                        Some(parameters) => out.step(parameters),
                        None => out.ignore(transformation.trim()),
                    }
                }
                continue;
            }
            "imwidth" => size(&value).map(|size| shrunk.push(with("w", size))),
            "imheight" => size(&value).map(|size| shrunk.push(with("h", size))),
            "imdensity" => size(&value).map(|density| shrunk.push(with("dpr", density))),
            "impolicy" => {
                let is_name =
                    !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
                is_name.then(|| out.step(vec![format!("n-{value}")]))
            }
            _ => {
                out.query.push(written(pair));
                continue;
            }
        };
        if read.is_none() {
            out.ignore(format!("{name}={value}"));
        }
    }
    if !shrunk.is_empty() {
        // Pictures are never enlarged for a width.
        shrunk.push("c-at_max".to_owned());
        out.step(shrunk);
    }
}

/// A transformation's arguments: what stands behind its `=`, in parentheses or not, and the named ones.
struct Arguments<'a> {
    plain: Vec<&'a str>,
    named: Vec<(&'a str, &'a str)>,
}

impl<'a> Arguments<'a> {
    fn named(&self, name: &str) -> Option<&'a str> {
        self.named
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| *value)
    }

    /// By name, or by place.
    fn get(&self, name: &str, at: usize) -> Option<&'a str> {
        self.named(name).or_else(|| self.plain.get(at).copied())
    }

    /// The same as a size; an error for one that is none.
    fn size(&self, name: &str, at: usize) -> Result<Option<f64>, ()> {
        self.get(name, at).map(|text| size(text).ok_or(())).transpose()
    }
}

/// `Name`, `Name=value`, `Name=(value,value)`, with `,name=value` behind it.
fn read(text: &str) -> Option<(&str, Arguments<'_>)> {
    let end = text.find(['=', ',']).unwrap_or(text.len());
    let (name, mut rest) = text.split_at(end);
    let mut arguments = Arguments {
        plain: Vec::new(),
        named: Vec::new(),
    };
    if let Some(value) = rest.strip_prefix('=') {
        let (value, behind) = one(value)?;
        arguments.plain = value.split(',').map(str::trim).collect();
        rest = behind;
    }
    while let Some(more) = rest.strip_prefix(',') {
        let end = more.find(['=', ',']).unwrap_or(more.len());
        let (name, behind) = more.split_at(end);
        let (value, behind) = match behind.strip_prefix('=') {
            Some(value) => one(value)?,
            None => ("", behind),
        };
        arguments.named.push((name.trim(), value.trim()));
        rest = behind;
    }
    rest.is_empty().then_some((name.trim(), arguments))
}

/// A value and what is behind it.
fn one(text: &str) -> Option<(&str, &str)> {
    match text.strip_prefix('(') {
        Some(inner) => inner.split_once(')'),
        None => Some(text.split_at(text.find(',').unwrap_or(text.len()))),
    }
}

/// A transformation as a step; none if there is none like it.
fn step(text: &str) -> Option<Vec<String>> {
    let (name, arguments) = read(text)?;
    let mut step = Vec::new();
    let mut sides = |arguments: &Arguments| {
        let (width, height) = (arguments.size("width", 0).ok()?, arguments.size("height", 1).ok()?);
        step.extend(width.map(|width| with("w", width)));
        step.extend(height.map(|height| with("h", height)));
        (width.is_some() || height.is_some()).then_some(width.is_some() && height.is_some())
    };
    match name.to_ascii_lowercase().as_str() {
        "resize" => {
            let both = sides(&arguments)?;
            let never_larger = arguments.named("type") == Some("downsize");
            let strategy = match (arguments.named("aspect"), never_larger) {
                (None | Some("fit"), false) if both => Some("c-at_max_enlarge"),
                (None | Some("fit"), false) => None,
                (None | Some("fit"), true) => Some("c-at_max"),
                (Some("fill"), false) => Some("c-at_least"),
                (Some("ignore"), false) => Some("c-force"),
                _ => return None,
            };
            step.extend(strategy.map(str::to_owned));
        }
        "crop" => match arguments.named("rect") {
            Some(rect) => {
                let numbers = rect
                    .split(',')
                    .map(|text| size(text.trim()))
                    .collect::<Option<Vec<_>>>()?;
                let [x, y, width, height] = numbers.as_slice() else {
                    return None;
                };
                let window = [("x", x), ("y", y), ("w", width), ("h", height)];
                step.extend(window.map(|(key, number)| with(key, *number)));
                step.push("cm-extract".to_owned());
            }
            None => {
                sides(&arguments)?;
                step.push("cm-extract".to_owned());
                match (arguments.size("xPosition", 2), arguments.size("yPosition", 3)) {
                    (Ok(x), Ok(y)) => {
                        step.extend(x.map(|x| with("x", x)));
                        step.extend(y.map(|y| with("y", y)));
                    }
                    _ => return None,
                }
                if let Some(gravity) = arguments.named("gravity") {
                    step.push(format!("fo-{}", focus(gravity)?));
                }
            }
        },
        "fitandfill" => {
            sides(&arguments)?;
            step.extend(["cm-pad_resize", "bg-blurred"].map(str::to_owned));
        }
        "smartcrop" | "featurecrop" | "facecrop" => {
            sides(&arguments)?;
            let focus = match name.eq_ignore_ascii_case("facecrop") {
                true => "fo-face",
                false => "fo-auto",
            };
            step.push(focus.to_owned());
        }
        "aspectcrop" => {
            let (width, height) = (arguments.get("width", 0)?, arguments.get("height", 1)?);
            // The largest window of that shape.
            let shape = ratio(&format!("{width}:{height}"))?;
            step.extend([shape, "w-iw".to_owned(), "c-maintain_ratio_no_enlarge".to_owned()]);
        }
        "rotate" => step.push(with("rt", number(arguments.get("degrees", 0)?)?)),
        "mirror" => {
            let is = |name: &str| arguments.named(name).is_some_and(|value| value != "false");
            step.push(match (is("horizontal"), is("vertical")) {
                (true, true) => "fl-h_v".to_owned(),
                (true, false) => "fl-h".to_owned(),
                (false, true) => "fl-v".to_owned(),
                (false, false) => return None,
            });
        }
        "grayscale" => step.push("e-grayscale".to_owned()),
        "blur" => {
            let strength = arguments.size("sigma", 0).ok()?.unwrap_or(2.0);
            step.push(with("bl", within(strength, 1.0, 100.0)));
        }
        "unsharpmask" => step.push("e-sharpen".to_owned()),
        "opacity" => {
            let opacity = size(arguments.get("opacity", 0)?)?;
            step.push(with("o", within(opacity * 100.0, 0.0, 100.0)));
        }
        "backgroundcolor" => {
            let colour = colour(arguments.get("color", 0)?.trim_start_matches('#'))?;
            step.push(format!("bg-{colour}"));
        }
        "trim" => step.push("t-true".to_owned()),
        _ => return None,
    }
    Some(step)
}

fn focus(gravity: &str) -> Option<&'static str> {
    Some(match gravity.to_ascii_lowercase().as_str() {
        "center" => "center",
        "north" => "top",
        "south" => "bottom",
        "west" => "left",
        "east" => "right",
        "northwest" => "top_left",
        "northeast" => "top_right",
        "southwest" => "bottom_left",
        "southeast" => "bottom_right",
        _ => return None,
    })
}
