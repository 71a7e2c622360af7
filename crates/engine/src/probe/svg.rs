//! The size of an SVG drawing, from its root element alone.

use transform::Format;

use super::Header;
use super::reader::{Reader, Stop};
use crate::ProbeError;

/// Bytes within which the root element's tag ends. Drawing programs put declarations and comments before it.
const LOOK_AT: u64 = 64 << 10;
/// The longest side that a drawing has by itself. Plans and maps count in thousandths of millimetres; drawn larger
/// they are when that is asked for.
const NATURAL_SIDE: f64 = 8192.0;
/// What CSS gives an element that says nothing (CSS 2.2, 10.3.2).
const DEFAULT_SIZE: (f64, f64) = (300.0, 150.0);
/// CSS counts 96 pixels in an inch.
const DENSITY: u32 = 96;

/// True when the first element is `svg`: there is no magic number.
pub(crate) fn is_svg(head: &[u8]) -> bool {
    root(&String::from_utf8_lossy(head)).is_some()
}

pub(super) fn read(reader: &mut Reader) -> Result<Header, ProbeError> {
    let broken = |stop: Stop| stop.of(Format::Svg);
    let bytes = reader.block(reader.left().min(LOOK_AT)).map_err(broken)?;
    let text = String::from_utf8_lossy(&bytes);
    let (width, height) = root(&text).map_or(DEFAULT_SIZE, size);
    let scale = (NATURAL_SIDE / width.max(height)).min(1.0);
    let side = |length: f64| ((length * scale).round() as u32).max(1);
    let mut header = Header::new(Format::Svg, side(width), side(height));
    header.info.has_alpha = true;
    header.info.density = DENSITY;
    Ok(header)
}

/// The attributes of the root element, if that is `svg`, whatever its prefix.
fn root(text: &str) -> Option<&str> {
    let mut rest = text.trim_start_matches('\u{feff}').trim_start();
    loop {
        let end = if rest.starts_with("<?") {
            "?>"
        } else if rest.starts_with("<!--") {
            "-->"
        } else if rest.starts_with("<!") {
            // Declarations of entities stand between brackets.
            match (rest.find('['), rest.find('>')) {
                (Some(bracket), Some(end)) if bracket < end && rest.starts_with("<!DOCTYPE") => "]>",
                _ => ">",
            }
        } else {
            break;
        };
        let (before, after) = rest.split_once(end).or_else(|| {
            // White space may stand between the bracket and the end.
            (end == "]>").then(|| rest.split_once(']').and_then(|(_, after)| after.split_once('>')))?
        })?;
        debug_assert!(!before.is_empty() || end == "]>");
        rest = after.trim_start();
    }
    let (name, attributes) = rest
        .strip_prefix('<')?
        .split_at_checked(rest[1..].find(|c: char| c.is_whitespace() || c == '>' || c == '/')?)?;
    let local = name.rsplit(':').next()?;
    (local == "svg").then_some(attributes)
}

/// Width and height of a drawing in CSS pixels: as it states them, or else from its view box.
fn size(attributes: &str) -> (f64, f64) {
    let (mut width, mut height, mut view_box) = (None, None, None);
    let mut rest = attributes;
    loop {
        rest = rest.trim_start();
        if rest.starts_with('>') || rest.starts_with('/') {
            break;
        }
        let Some((name, after)) = rest.split_once('=') else {
            break;
        };
        let after = after.trim_start();
        let Some(quote) = after.chars().next().filter(|quote| matches!(quote, '"' | '\'')) else {
            break;
        };
        let Some((value, after)) = after[1..].split_once(quote) else {
            break;
        };
        match name.trim_end() {
            "width" => width = length(value),
            "height" => height = length(value),
            "viewBox" => view_box = self::view_box(value),
            _ => {}
        }
        rest = after;
    }
    match (width, height, view_box) {
        (Some(width), Some(height), _) => (width, height),
        (Some(width), None, Some((w, h))) => (width, width * h / w),
        (None, Some(height), Some((w, h))) => (height * w / h, height),
        (None, None, Some(size)) => size,
        (width, height, None) => (width.unwrap_or(DEFAULT_SIZE.0), height.unwrap_or(DEFAULT_SIZE.1)),
    }
}

/// In CSS pixels; none for percentages, which have nothing to be a part of.
fn length(text: &str) -> Option<f64> {
    let text = text.trim();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == '%');
    // `1e3` ends in a digit, so that only a unit was cut off.
    let number: f64 = digits.trim().parse().ok()?;
    let unit = match &text[digits.len()..] {
        "" | "px" => 1.0,
        "pt" => 96.0 / 72.0,
        "pc" => 16.0,
        "mm" => 96.0 / 25.4,
        "cm" => 96.0 / 2.54,
        "in" => 96.0,
        "em" | "rem" => 16.0,
        "ex" => 8.0,
        _ => return None,
    };
    let pixels = number * unit;
    (pixels.is_finite() && pixels > 0.0).then_some(pixels)
}

fn view_box(text: &str) -> Option<(f64, f64)> {
    let mut numbers = text
        .split(|c: char| c.is_whitespace() || c == ',')
        .filter(|part| !part.is_empty())
        .map(|part| part.parse::<f64>().ok().filter(|number| number.is_finite()));
    let (_, _, width, height) = (numbers.next()??, numbers.next()??, numbers.next()??, numbers.next()??);
    (width > 0.0 && height > 0.0).then_some((width, height))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        let cases = [
            (r#"<svg width="40" height="30"/>"#, (40.0, 30.0)),
            (r#"<svg width='1in' height='72pt' viewBox="0 0 5 5">"#, (96.0, 96.0)),
            (r#"<svg viewBox="-5,-5 20 10">"#, (20.0, 10.0)),
            (r#"<svg width="50" viewBox="0 0 20 10">"#, (50.0, 25.0)),
            (r#"<svg width="100%" height="100%" viewBox="0 0 20 10">"#, (20.0, 10.0)),
            (r#"<svg width="1e2" height="2e1px">"#, (100.0, 20.0)),
            (r#"<svg width="-3" height="nan">"#, (300.0, 150.0)),
            ("<svg>", (300.0, 150.0)),
            (
                "\u{feff}<?xml version='1.0'?>\n<!-- <svg width='1'> --><!DOCTYPE svg PUBLIC 'a' 'b' [\n<!ENTITY ns 'http://x'>\n] >\n\
                 <s:svg xmlns:s='&ns;' height='7' width='8'>",
                (8.0, 7.0),
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(root(text).map(size), Some(expected), "{text}");
        }
        for text in [
            "<svgfont>",
            "hello",
            "<html><svg width='1'/></html>",
            "<!-- <svg/> ",
            "<",
        ] {
            assert!(root(text).is_none(), "{text}");
        }
    }
}
