//! What a transformation of a file would come to and take, without carrying it out: planned from what the library knows of
//! the file.

use engine::{Bounds, Fonts};
use serde_json::{Value, json};
use transform::{
    Accept, Context, Format, Hints, Limits, Output, OutputSettings, Part, Plan, SourceInfo, Transformation,
};

/// The size, the format, the work and the memory of a rendition, or why they are not known. `file` is a file as the API shows
/// it. A client that takes JPEG and PNG alone is assumed, and a server with default settings: it may be another process, or another machine. Of an
/// animation, one frame.
pub fn of(parsed: &Transformation, file: &Value) -> Value {
    match planned(parsed, file) {
        Ok((plan, source, is_bound)) => {
            let cost = engine::estimate(&plan, &source);
            json!({
                "width": plan.size.width,
                "height": plan.size.height,
                "format": match &plan.output {
                    Output::Original => source.format.extension(),
                    Output::Encoded(encoding) => encoding.format.extension(),
                },
                "isOriginal": plan.output == Output::Original,
                "megapixels": (cost.megapixels * 100.0).round() / 100.0,
                "memoryBytes": cost.bytes,
                "isUpperBound": is_bound,
            })
        }
        Err(reason) => json!({ "unknown": reason }),
    }
}

fn planned(parsed: &Transformation, file: &Value) -> Result<(Plan, SourceInfo, bool), String> {
    let side = |name: &str| {
        file[name]
            .as_u64()
            .and_then(|n| u32::try_from(n).ok())
            .filter(|n| *n > 0)
    };
    let format = Format::of_mime(file["mime"].as_str().unwrap_or_default());
    let (Some(format), Some(width), Some(height)) = (format, side("width"), side("height")) else {
        return Err("the file is no picture whose size is known".to_owned());
    };
    if parsed.needs_model() {
        return Err("an operation of it needs a model, which takes its own time and may cost".to_owned());
    }
    let expanded = parsed.expand(|_| None).map_err(|error| error.to_string())?;
    let source = SourceInfo {
        has_alpha: file["hasAlpha"] == true,
        ..SourceInfo::new(format, width, height)
    };
    let limits = Limits::default();
    let context = Context {
        accept: Accept::default(),
        hints: Hints::default(),
        settings: OutputSettings::default(),
        limits: &limits,
        still: format.is_document(),
    };
    let fonts: Fonts = crate::fonts::load(None);
    // Facts about layers would take a look at each of their files.
    let (no_facts, no_font) = (|_: &str, _: &Part| None, |_: &str| None);
    let mut bounds = Bounds::new(&fonts, &no_facts, &no_font);
    let plan = transform::plan(&expanded, &source, &context, &mut bounds).map_err(|error| error.to_string())?;
    Ok((plan, source, bounds.asked_for_pixels()))
}

#[cfg(test)]
mod tests {
    use transform::Mode;

    use super::*;

    fn estimated(text: &str) -> Value {
        let file = json!({ "mime": "image/jpeg", "width": 4000, "height": 3000, "hasAlpha": false });
        of(&Transformation::parse(text, Mode::Lenient).unwrap(), &file)
    }

    #[test]
    fn sizes_and_work_grow_with_what_is_asked_for() {
        let (small, large) = (estimated("w-300"), estimated("w-3000"));
        assert_eq!(
            (&small["width"], &small["height"]),
            (&json!(300), &json!(225)),
            "{small}"
        );
        assert_eq!(
            (&small["format"], &small["isUpperBound"]),
            (&json!("jpg"), &json!(false))
        );
        let memory = |told: &Value| told["memoryBytes"].as_u64().unwrap();
        assert!(memory(&small) < memory(&large), "{small} {large}");
        assert!(
            small["megapixels"].as_f64().unwrap() >= 12.0,
            "all of the source is read: {small}"
        );
        assert_eq!(estimated("orig-true")["isOriginal"], true);
    }

    #[test]
    fn what_is_not_known_is_said() {
        for (text, word) in [
            ("e-bgremove", "model"),
            ("l-image,i-a.jpg,l-end", "a.jpg"),
            ("n-card", "card"),
        ] {
            let told = estimated(text);
            assert!(
                told["unknown"].as_str().is_some_and(|reason| reason.contains(word)),
                "{text}: {told}"
            );
        }
        let text = Transformation::parse("w-9", Mode::Lenient).unwrap();
        let photo = json!({ "mime": "image/heif", "width": 40, "height": 30 });
        assert_eq!(of(&text, &photo)["width"], 9, "another name of HEIC");
        assert!(of(&text, &json!({ "mime": "text/plain" }))["unknown"].is_string());
    }
}
