//! SVG by resvg: drawn at the size that is asked for. Nothing outside of the file is ever loaded, fonts of ours apart.

use std::sync::Arc;

use resvg::usvg::roxmltree::{Document, ParsingOptions};
use resvg::usvg::{self, Error, FontResolver, ImageHrefResolver, ImageKind, Options, Tree};
use resvg::{tiny_skia, usvg::fontdb};
use transform::{Format, Size};

use super::malformed;
use crate::RenderError;
use crate::picture::Picture;
use crate::probe::Header;
use crate::text::{FontFile, Fonts};

/// Elements, texts and comments of one drawing, entities written out.
const MAX_NODES: u32 = 500_000;
/// How deep elements may be inside each other: drawing them recurses.
const MAX_DEPTH: usize = 256;
/// Bytes that entities may stand for in all their places together.
const MAX_ENTITY_BYTES: usize = 16 << 20;
/// Columns times rows of a picture inside a drawing.
const MAX_PICTURE: u64 = 16_000_000;

pub(crate) fn draw(source: &[u8], size: Size, fonts: &Fonts) -> Result<Picture, RenderError> {
    let text = text(source);
    let document = parsed(&text)?;
    let tree = Tree::from_xmltree(&document, &options(fonts)).map_err(broken)?;

    let mut pixmap = tiny_skia::Pixmap::new(size.width, size.height)
        .ok_or_else(|| RenderError::Internal(String::from("no memory for a drawing")))?;
    let (across, down) = (
        size.width as f32 / tree.size().width(),
        size.height as f32 / tree.size().height(),
    );
    resvg::render(
        &tree,
        tiny_skia::Transform::from_scale(across, down),
        &mut pixmap.as_mut(),
    );
    let mut pixels = pixmap.take();
    super::unpremultiply(&mut pixels);
    Ok(Picture {
        width: size.width,
        height: size.height,
        has_alpha: true,
        pixels,
    })
}

/// The elements of a drawing, entities written out.
pub(crate) fn parsed(text: &str) -> Result<Document<'_>, RenderError> {
    if written_out(text) > MAX_ENTITY_BYTES {
        return Err(malformed(Format::Svg, "entities that stand for too much"));
    }
    let parsing = ParsingOptions {
        allow_dtd: true,
        nodes_limit: MAX_NODES,
        ..ParsingOptions::default()
    };
    let document =
        Document::parse_with_options(text, parsing).map_err(|error| malformed(Format::Svg, error.to_string()))?;
    let deepest = document
        .descendants()
        .filter(|node| !node.has_children())
        .map(|node| node.ancestors().take(MAX_DEPTH + 1).count());
    if deepest.max().unwrap_or(0) > MAX_DEPTH {
        return Err(malformed(Format::Svg, "elements too deep inside each other"));
    }
    Ok(document)
}

/// An upper bound for the bytes that all entities of a text become together, which the parser does not limit: each use of an entity
/// as long as the longest one, and one that holds another one beyond any limit.
fn written_out(text: &str) -> usize {
    let mut longest = 0;
    for declared in text.split("<!ENTITY").skip(1) {
        let Some(quote) = declared.find(['"', '\'']) else {
            continue;
        };
        let (mark, value) = declared[quote..].split_at(1);
        let value = value.split(mark).next().unwrap_or_default();
        // Characters by number are no entities, unless they make a new `&`.
        let nests = value.split('&').skip(1).any(|reference| {
            let number = reference.strip_prefix('#').and_then(|rest| rest.split(';').next());
            let number = number.and_then(|digits| match digits.strip_prefix('x') {
                Some(digits) => u32::from_str_radix(digits, 16).ok(),
                None => digits.parse().ok(),
            });
            number.is_none_or(|code| code == u32::from('&'))
        });
        if nests {
            return usize::MAX;
        }
        longest = longest.max(value.len());
    }
    longest.saturating_mul(text.matches('&').count())
}

/// UTF-8, or else Latin-1: what old drawing programs wrote.
pub(crate) fn text(source: &[u8]) -> std::borrow::Cow<'_, str> {
    match std::str::from_utf8(source) {
        Ok(text) => text.trim_start_matches('\u{feff}').into(),
        Err(_) => source.iter().map(|byte| char::from(*byte)).collect::<String>().into(),
    }
}

fn options(fonts: &Fonts) -> Options<'_> {
    Options {
        // The same as in the header.
        default_size: usvg::Size::from_wh(300.0, 150.0).unwrap_or(Options::default().default_size),
        font_family: String::from("serif"),
        image_href_resolver: ImageHrefResolver {
            resolve_data: Box::new(picture),
            // Neither files nor the network.
            resolve_string: Box::new(|_, _| None),
        },
        font_resolver: FontResolver {
            select_font: Box::new(|font, database| {
                let named = font.families().iter().map(|family| match family {
                    usvg::FontFamily::Named(name) => name.as_str(),
                    usvg::FontFamily::Serif => "ptserif",
                    usvg::FontFamily::Monospace => "ptmono",
                    usvg::FontFamily::Cursive | usvg::FontFamily::Fantasy => "lobster",
                    usvg::FontFamily::SansSerif => "opensans",
                });
                let italic = font.style() != usvg::FontStyle::Normal;
                let face = named
                    .filter_map(|name| fonts.file(known_as(name), font.weight() >= 600, italic))
                    .next()
                    .or_else(|| fonts.file("opensans", font.weight() >= 600, italic))?;
                load(database, face)
            }),
            select_fallback: Box::new(|letter, used, database| {
                let candidates = fonts.files_with(letter);
                candidates.into_iter().find_map(|face| {
                    let id = load(database, face)?;
                    (!used.contains(&id)).then_some(id)
                })
            }),
        },
        ..Options::default()
    }
}

/// What stands in for the fonts that every system had when the drawing was made.
fn known_as(name: &str) -> &str {
    match name.to_ascii_lowercase().as_str() {
        "times" | "times new roman" | "georgia" | "cambria" => "ptserif",
        "courier" | "courier new" | "consolas" | "menlo" | "monaco" => "ptmono",
        _ => name,
    }
}

/// The face's id in the drawing's own collection; loaded once.
fn load(database: &mut Arc<fontdb::Database>, face: FontFile) -> Option<fontdb::ID> {
    let place = |face: &FontFile| (**face).as_ref().as_ptr();
    let known = database.faces().find(|known| {
        let fontdb::Source::Binary(bytes) = &known.source;
        place(bytes) == place(&face)
    });
    if let Some(known) = known {
        return Some(known.id);
    }
    let ids = Arc::make_mut(database).load_font_source(fontdb::Source::Binary(face));
    ids.first().copied()
}

/// A picture that is written out inside the drawing.
fn picture(mime: &str, data: Arc<Vec<u8>>, options: &Options) -> Option<ImageKind> {
    if mime != "image/svg+xml"
        && let Ok(header) = Header::of(&data, &transform::Part::Default, crate::probe::Want::Facts)
    {
        if u64::from(header.info.width) * u64::from(header.info.height) > MAX_PICTURE {
            return None;
        }
        return match header.info.format {
            Format::Jpeg => Some(ImageKind::JPEG(data)),
            Format::Png => Some(ImageKind::PNG(data)),
            Format::Gif => Some(ImageKind::GIF(data)),
            Format::Webp => Some(ImageKind::WEBP(data)),
            _ => None,
        };
    }
    // A drawing inside a drawing may hold no further ones.
    let inner = Options {
        image_href_resolver: ImageHrefResolver {
            resolve_data: Box::new(|_, _, _| None),
            resolve_string: Box::new(|_, _| None),
        },
        default_size: options.default_size,
        ..Options::default()
    };
    let parsing = ParsingOptions {
        nodes_limit: MAX_NODES / 10,
        ..ParsingOptions::default()
    };
    let text = text(&data).into_owned();
    let document = Document::parse_with_options(&text, parsing).ok()?;
    Tree::from_xmltree(&document, &inner).ok().map(ImageKind::SVG)
}

fn broken(error: Error) -> RenderError {
    malformed(Format::Svg, error.to_string())
}
