//! References: to parts of the same drawing, to pictures and fonts that are written out, and to nothing else.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use data_url::DataUrl;

use crate::RenderError;

/// What a reference is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// A part of the drawing, such as a gradient.
    Part,
    /// A picture that is shown.
    Picture,
    /// Something in a style: a part, a picture or a font.
    Style,
    /// A place to go to. Nothing is fetched before somebody clicks.
    Hyperlink,
}

/// What becomes of a reference.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// It stays.
    AsItIs,
    /// This stands in its place.
    As(String),
    /// It goes.
    Not,
}

/// Longer ones are cut from messages anyway; no scheme or type is nearly as long.
const LONGEST_HEAD: usize = 200;

/// Cleans a drawing, or says that there is none to be had.
type Clean<'a> = &'a mut dyn FnMut(&[u8]) -> Result<Option<String>, RenderError>;

/// Judges a reference. `clean` is for a drawing that is written out in it.
pub(super) fn kept(url: &str, purpose: Use, clean: Clean<'_>) -> Result<Kept, RenderError> {
    // Browsers pass over these at the ends and, but for the blank, within.
    let trimmed = url.trim_matches(|c: char| c <= ' ');
    if trimmed.starts_with('#') {
        return Ok(Kept::AsItIs);
    }
    let head: String = trimmed
        .chars()
        .filter(|c| !matches!(c, '\t' | '\n' | '\r'))
        .take(LONGEST_HEAD)
        .collect::<String>()
        .to_ascii_lowercase();
    if purpose == Use::Hyperlink {
        return Ok(if leads_to_a_page(&head) {
            Kept::AsItIs
        } else {
            Kept::Not
        });
    }
    if purpose == Use::Part || !head.starts_with("data:") {
        return Ok(Kept::Not);
    }
    let media_type = head["data:".len()..]
        .split([';', ','])
        .next()
        .unwrap_or_default()
        .trim();
    if media_type == "image/svg+xml" {
        let drawing = DataUrl::process(trimmed).ok().and_then(|url| url.decode_to_vec().ok());
        let Some((drawing, _)) = drawing else {
            return Ok(Kept::Not);
        };
        return Ok(clean(&drawing)?.map_or(Kept::Not, |cleaned| {
            Kept::As(format!("data:image/svg+xml;base64,{}", STANDARD.encode(cleaned)))
        }));
    }
    let is_picture = matches!(
        media_type,
        "image/png" | "image/jpeg" | "image/jpg" | "image/gif" | "image/webp" | "image/avif" | "image/bmp"
    );
    let is_font = media_type.starts_with("font/")
        || media_type.starts_with("application/font-")
        || media_type.starts_with("application/x-font")
        || matches!(
            media_type,
            "application/vnd.ms-fontobject" | "application/vnd.ms-opentype" | "application/octet-stream"
        );
    Ok(if is_picture || (is_font && purpose == Use::Style) {
        Kept::AsItIs
    } else {
        Kept::Not
    })
}

/// The schemes of links that people mean, and what has no scheme.
fn leads_to_a_page(head: &str) -> bool {
    let end = head.find([':', '/', '?', '#']);
    match end.map(|at| head.split_at(at)) {
        Some((scheme, rest)) if rest.starts_with(':') => matches!(scheme, "http" | "https" | "mailto" | "tel"),
        // What is cut off here may be a scheme.
        None => head.chars().count() < LONGEST_HEAD,
        Some(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(url: &str, purpose: Use) -> &'static str {
        match kept(url, purpose, &mut |_| Ok(Some("<svg/>".to_owned()))).unwrap() {
            Kept::AsItIs => "stays",
            Kept::As(_) => "changes",
            Kept::Not => "goes",
        }
    }

    #[test]
    fn references() {
        use Use::{Hyperlink, Part, Picture, Style};
        let cases = [
            ("#a", "stays stays stays stays"),
            (" \n#a", "stays stays stays stays"),
            ("", "goes goes goes stays"),
            ("a.svg", "goes goes goes stays"),
            ("a.svg#b", "goes goes goes stays"),
            ("//host/a", "goes goes goes stays"),
            ("https://host/a.png", "goes goes goes stays"),
            ("file:///etc/passwd", "goes goes goes goes"),
            ("javascript:alert(1)", "goes goes goes goes"),
            ("JaVaScRiPt:alert(1)", "goes goes goes goes"),
            (" \u{1}javascript:alert(1)", "goes goes goes goes"),
            ("java\nscript:alert(1)", "goes goes goes goes"),
            ("java\tscript\r:alert(1)", "goes goes goes goes"),
            ("vbscript:x", "goes goes goes goes"),
            ("blob:https://host/1", "goes goes goes goes"),
            ("data:text/html,<script>alert(1)</script>", "goes goes goes goes"),
            ("data:image/svg+xml,<svg/>", "goes changes changes goes"),
            ("DATA:image/SVG+xml;charset=utf-8,<svg/>", "goes changes changes goes"),
            ("da\nta:image/svg+xml,<svg/>", "goes changes changes goes"),
            ("data:image/svg+xml;base64,****", "goes goes goes goes"),
            ("data:image/png;base64,AAAA", "goes stays stays goes"),
            ("data:font/woff2;base64,AAAA", "goes goes stays goes"),
            ("data:application/x-font-ttf;base64,AAAA", "goes goes stays goes"),
            ("data:application/xhtml+xml,x", "goes goes goes goes"),
            ("data:,x", "goes goes goes goes"),
            ("mailto:a@b.example", "goes goes goes stays"),
        ];
        for (url, expected) in cases {
            let seen = [Part, Picture, Style, Hyperlink].map(|purpose| judged(url, purpose));
            assert_eq!(seen.join(" "), expected, "{url:?}");
        }
        let long = format!("{}:x", "j".repeat(300));
        assert_eq!(judged(&long, Hyperlink), "goes");
    }
}
