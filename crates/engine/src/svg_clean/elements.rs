//! Which elements and attributes a cleaned drawing may have.

/// What an element is, as far as cleaning is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Drawn, or describes how. Its references are to parts of the drawing.
    Shape,
    /// Shows a picture.
    Picture,
    /// Leads elsewhere when somebody clicks on it.
    Link,
    /// Changes an attribute with time.
    Animation,
    /// Holds a style sheet.
    Style,
    /// Holds words about the drawing, and nothing else.
    Words,
}

/// SVG 1.1 and 2 without `script`, `handler`, `listener`, `foreignObject`, the elements of HTML, and those that are
/// references and nothing else (`color-profile`, `cursor`, `font-face-uri`).
const SHAPES: &[&str] = &[
    "altGlyph",
    "altGlyphDef",
    "altGlyphItem",
    "circle",
    "clipPath",
    "defs",
    "ellipse",
    "feBlend",
    "feColorMatrix",
    "feComponentTransfer",
    "feComposite",
    "feConvolveMatrix",
    "feDiffuseLighting",
    "feDisplacementMap",
    "feDistantLight",
    "feDropShadow",
    "feFlood",
    "feFuncA",
    "feFuncB",
    "feFuncG",
    "feFuncR",
    "feGaussianBlur",
    "feMerge",
    "feMergeNode",
    "feMorphology",
    "feOffset",
    "fePointLight",
    "feSpecularLighting",
    "feSpotLight",
    "feTile",
    "feTurbulence",
    "filter",
    "font",
    "font-face",
    "font-face-name",
    "font-face-src",
    "g",
    "glyph",
    "glyphRef",
    "hatch",
    "hatchpath",
    "hkern",
    "line",
    "linearGradient",
    "marker",
    "mask",
    "mesh",
    "meshgradient",
    "meshpatch",
    "meshrow",
    "missing-glyph",
    "mpath",
    "path",
    "pattern",
    "polygon",
    "polyline",
    "radialGradient",
    "rect",
    "solidcolor",
    "stop",
    "svg",
    "switch",
    "symbol",
    "text",
    "textPath",
    "tref",
    "tspan",
    "use",
    "view",
    "vkern",
];

pub(super) fn kind(name: &str) -> Option<Kind> {
    Some(match name {
        "image" | "feImage" => Kind::Picture,
        "a" => Kind::Link,
        "animate" | "animateColor" | "animateMotion" | "animateTransform" | "set" | "discard" => Kind::Animation,
        "style" => Kind::Style,
        "title" | "desc" => Kind::Words,
        name if SHAPES.binary_search(&name).is_ok() => Kind::Shape,
        _ => return None,
    })
}

/// Attributes that fetch, run or lead somewhere: of SVG, and of HTML for those who put a drawing into a page. (`href` is judged by
/// its own rules; handlers begin with `on`.)
const REFUSED: &[&str] = &[
    "action",
    "archive",
    "attributionsrc",
    "background",
    "base",
    "cite",
    "classid",
    "code",
    "codebase",
    "content",
    "contentscripttype",
    "contentstyletype",
    "data",
    "download",
    "dynsrc",
    "externalresourcesrequired",
    "form",
    "formaction",
    "http-equiv",
    "integrity",
    "longdesc",
    "lowsrc",
    "manifest",
    "nonce",
    "ping",
    "poster",
    "profile",
    "referrerpolicy",
    "rel",
    "sandbox",
    "src",
    "srcdoc",
    "srcset",
    "usemap",
    "xmlns",
];

/// True for an attribute without a namespace that may stay, its value cleaned like a style.
pub(super) fn may_stay(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    !lower.starts_with("on") && !lower.contains(':') && REFUSED.binary_search(&lower.as_str()).is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_can_be_searched() {
        assert!(SHAPES.is_sorted() && REFUSED.is_sorted());
        assert_eq!(kind("rect"), Some(Kind::Shape));
        for name in [
            "script",
            "SCRIPT",
            "foreignObject",
            "handler",
            "iframe",
            "embed",
            "metadata",
            "font-face-uri",
            "",
        ] {
            assert_eq!(kind(name), None, "{name}");
        }
        assert!(may_stay("fill") && may_stay("data-name") && may_stay("opacity"));
        for name in ["onload", "ONLOAD", "onx", "src", "SrcDoc", "a:b"] {
            assert!(!may_stay(name), "{name}");
        }
    }
}
