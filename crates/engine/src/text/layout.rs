//! From a text to glyphs at places: bidirectional order, shaping, fallback, line breaking, alignment.

use parley::fontique::Blob;
use parley::{
    Alignment, AlignmentOptions, FontFamily, FontFamilyName, Layout, LayoutContext, LineHeight, OverflowWrap,
    PositionedLayoutItem, StyleProperty,
};
use skrifa::instance::NormalizedCoord;
use transform::{Text, TextAlign};

use super::fonts::{Chosen, style, weight};
use super::script;

/// Glyphs of one font, in pixels from the top left of the first line; y runs down.
pub(super) struct Run {
    pub font: Blob<u8>,
    /// Which font of a collection.
    pub index: u32,
    /// Of a variable font.
    pub coordinates: Vec<NormalizedCoord>,
    pub size: f32,
    pub glyphs: Vec<Glyph>,
    pub line: usize,
    pub metrics: Strike,
}

/// A glyph on its baseline.
#[derive(Clone, Copy)]
pub(super) struct Glyph {
    pub id: u32,
    pub x: f32,
    pub y: f32,
    pub advance: f32,
}

/// Where a line through the letters goes.
#[derive(Clone, Copy)]
pub(super) struct Strike {
    pub baseline: f32,
    /// Of its top edge, above the baseline.
    pub offset: f32,
    pub thickness: f32,
}

/// Sets a text.
pub(super) fn set(text: &Text, fonts: &mut Chosen, room: &mut LayoutContext<()>) -> Vec<Run> {
    let words = clean(&text.text);
    let mut builder = room.ranged_builder(&mut fonts.context, &words, 1.0, true);
    builder.push_default(StyleProperty::FontFamily(stack(&fonts.families)));
    builder.push_default(StyleProperty::FontSize(text.size as f32));
    builder.push_default(StyleProperty::FontWeight(weight(text.bold)));
    builder.push_default(StyleProperty::FontStyle(style(text.italic)));
    builder.push_default(StyleProperty::OverflowWrap(OverflowWrap::Anywhere));
    if let Some(height) = text.line_height {
        builder.push_default(StyleProperty::LineHeight(LineHeight::Absolute(height as f32)));
    }
    if fonts.has_emoji {
        for range in script::emoji(&words) {
            builder.push(StyleProperty::FontFamily(stack(&fonts.emoji)), range);
        }
    }
    let mut layout: Layout<()> = builder.build(&words);
    layout.break_all_lines(text.wrap.map(|width| width.max(1) as f32));
    let alignment = match text.align {
        TextAlign::Left => Alignment::Left,
        TextAlign::Center => Alignment::Center,
        TextAlign::Right => Alignment::Right,
    };
    let options = AlignmentOptions {
        align_when_overflowing: true,
        ..AlignmentOptions::default()
    };
    layout.align(alignment, options);
    runs(&layout)
}

fn stack(families: &[String]) -> FontFamily<'_> {
    let names: Vec<FontFamilyName<'_>> = families.iter().map(|name| FontFamilyName::named(name)).collect();
    FontFamily::List(names.into())
}

fn runs(layout: &Layout<()>) -> Vec<Run> {
    let mut runs = Vec::new();
    for (number, line) in layout.lines().enumerate() {
        for item in line.items() {
            let PositionedLayoutItem::GlyphRun(set) = item else {
                continue;
            };
            let (run, metrics) = (set.run(), set.run().font_metrics());
            let glyphs = set.positioned_glyphs().map(|glyph| Glyph {
                id: glyph.id,
                x: glyph.x,
                y: glyph.y,
                advance: glyph.advance,
            });
            let coordinates = run.normalized_coords().iter();
            runs.push(Run {
                font: run.font().data.clone(),
                index: run.font().index,
                coordinates: coordinates
                    .map(|value| NormalizedCoord::from_bits(value.to_bits()))
                    .collect(),
                size: run.font_size(),
                glyphs: glyphs.collect(),
                line: number,
                metrics: Strike {
                    baseline: set.baseline(),
                    offset: metrics.strikethrough_offset,
                    thickness: metrics.strikethrough_size,
                },
            });
        }
    }
    runs
}

/// Every kind of line break becomes `\n` and a tabulator blanks; no other control character has a meaning.
fn clean(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut before = ' ';
    for letter in text.chars() {
        match letter {
            '\n' if before == '\r' => {}
            '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => clean.push('\n'),
            '\t' => clean.push_str("    "),
            letter if letter.is_control() => {}
            letter => clean.push(letter),
        }
        before = letter;
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::clean;

    #[test]
    fn control_characters_are_breaks_blanks_or_nothing() {
        assert_eq!(clean("a\r\nb\rc\u{2028}d"), "a\nb\nc\nd");
        assert_eq!(clean("\u{0}x\u{7f}\u{9f}\ty\u{1b}"), "x    y");
        assert_eq!(clean("e\u{301} \u{200d}"), "e\u{301} \u{200d}");
    }
}
