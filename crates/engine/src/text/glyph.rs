//! What a glyph looks like: an outline, or a picture of its own in a font with colours.

use std::collections::HashMap;

use parley::fontique::Blob;
use skrifa::bitmap::{BitmapGlyph, BitmapStrikes};
use skrifa::color::ColorGlyph;
use skrifa::instance::{LocationRef, Size};
use skrifa::outline::DrawSettings;
use skrifa::{FontRef, GlyphId, MetadataProvider};
use transform::Color;

use super::cost::Costs;
use super::layout::Run;
use super::raster::{Bounds, Outline};
use super::{bitmap, color};
use crate::picture::Picture;

/// The glyphs of one run's font and size that were needed so far.
pub(super) struct Glyphs<'a> {
    font: FontRef<'a>,
    size: f32,
    location: LocationRef<'a>,
    strikes: Option<BitmapStrikes<'a>>,
    shapes: HashMap<u32, Shape<'a>>,
    costs: Costs<'a>,
}

/// A glyph, with its origin at 0, 0.
pub(super) enum Shape<'a> {
    Outline(Outline),
    Bitmap(BitmapGlyph<'a>, Bounds),
    Colored(ColorGlyph<'a>, Bounds),
}

impl Shape<'_> {
    /// None if nothing is to be seen.
    pub fn bounds(&self) -> Option<Bounds> {
        match self {
            Self::Outline(outline) => outline.bounds(),
            Self::Bitmap(_, bounds) | Self::Colored(_, bounds) => Some(*bounds),
        }
    }
}

impl<'a> Glyphs<'a> {
    /// None if the font cannot be read, which its run rules out.
    pub fn of(run: &'a Run) -> Option<Self> {
        let font = FontRef::from_index(run.font.as_ref(), run.index).ok()?;
        Some(Self {
            size: run.size,
            location: LocationRef::new(&run.coordinates),
            strikes: Some(BitmapStrikes::new(&font)).filter(|strikes| !strikes.is_empty()),
            costs: Costs::of(&font),
            font,
            shapes: HashMap::new(),
        })
    }

    pub fn shape(&mut self, id: u32) -> &Shape<'a> {
        if !self.shapes.contains_key(&id) {
            let shape = self.look_up(GlyphId::new(id));
            self.shapes.insert(id, shape);
        }
        &self.shapes[&id]
    }

    /// A glyph that was looked at before, if there is anything to be seen of it.
    pub fn visible(&self, id: u32) -> Option<(&Shape<'a>, Bounds)> {
        let shape = self.shapes.get(&id)?;
        shape.bounds().map(|bounds| (shape, bounds))
    }

    fn look_up(&mut self, id: GlyphId) -> Shape<'a> {
        let size = Size::new(self.size);
        if self.costs.allow_colors(id)
            && let Some(glyph) = self.font.color_glyphs().get(id)
        {
            let bounds = color::bounds(&self.font, self.location, self.size, id, &glyph);
            return bounds.map_or_else(
                || Shape::Outline(Outline::default()),
                |bounds| Shape::Colored(glyph, bounds),
            );
        }
        if let Some(glyph) = self
            .strikes
            .as_ref()
            .and_then(|strikes| strikes.glyph_for_size(size, id))
            && let Some(bounds) = bitmap::bounds(&glyph, self.size, self.units_per_em())
        {
            return Shape::Bitmap(glyph, bounds);
        }
        let mut outline = Outline::default();
        // Asked first: even to look a glyph up takes time for all of its parts.
        if self.costs.allow_outline(id)
            && let Some(glyph) = self.font.outline_glyphs().get(id)
        {
            // A broken glyph is drawn as far as it can be read.
            let _ = glyph.draw(DrawSettings::unhinted(size, self.location), &mut outline);
            skrifa::outline::OutlinePen::close(&mut outline);
        }
        Shape::Outline(outline)
    }

    /// The picture of a glyph with colours, as large as its bounds, rounded up.
    pub fn picture(&self, shape: &Shape<'a>, text_color: Color) -> Option<Picture> {
        match shape {
            Shape::Outline(_) => None,
            Shape::Bitmap(glyph, bounds) => bitmap::picture(glyph, *bounds),
            Shape::Colored(glyph, bounds) => {
                color::picture(&self.font, self.location, self.size, glyph, *bounds, text_color)
            }
        }
    }

    fn units_per_em(&self) -> f32 {
        f32::from(self.font.metrics(Size::unscaled(), self.location).units_per_em)
    }
}

/// True when two runs take their glyphs from the same place.
pub(super) fn same(one: &Run, other: &Run) -> bool {
    let id = |font: &Blob<u8>| font.id();
    id(&one.font) == id(&other.font)
        && one.index == other.index
        && one.size == other.size
        && one.coordinates == other.coordinates
}
