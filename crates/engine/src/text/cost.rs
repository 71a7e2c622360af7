//! What it takes to draw a glyph, found before it is drawn. A few hundred bytes of glyphs that are made of each other can
//! ask for years of work, and a font may come from anybody.

use std::collections::HashMap;

use skrifa::raw::TableProvider;
use skrifa::raw::tables::colr::{Colr, Paint};
use skrifa::raw::tables::glyf::{Glyf, Glyph};
use skrifa::raw::tables::loca::Loca;
use skrifa::{FontRef, GlyphId};

/// Points and steps that a glyph may take. The richest emoji take some ten thousand.
const MOST: u64 = 1 << 18;
/// How deep glyphs and paints may be nested.
const DEEPEST: u32 = 32;
/// What never ends costs.
const ENDLESS: u64 = u64::MAX;

/// The costs of a font's glyphs, as far as they were asked for.
pub(super) struct Costs<'a> {
    glyphs: Option<(Loca<'a>, Glyf<'a>)>,
    colors: Option<Colr<'a>>,
    outlines: HashMap<GlyphId, u64>,
    paints: HashMap<usize, u64>,
}

impl<'a> Costs<'a> {
    pub fn of(font: &FontRef<'a>) -> Self {
        Self {
            glyphs: font.loca(None).ok().zip(font.glyf().ok()),
            colors: font.colr().ok(),
            outlines: HashMap::new(),
            paints: HashMap::new(),
        }
    }

    /// True if the glyph's outline can be drawn in reasonable time.
    pub fn allow_outline(&mut self, id: GlyphId) -> bool {
        self.outline(id, 0) <= MOST
    }

    /// True if the glyph's drawing in colours can.
    pub fn allow_colors(&mut self, id: GlyphId) -> bool {
        self.colored(id, 0) <= MOST
    }

    fn outline(&mut self, id: GlyphId, depth: u32) -> u64 {
        if let Some(known) = self.outlines.get(&id) {
            return *known;
        }
        let Some((loca, glyf)) = &self.glyphs else { return 1 };
        if depth > DEEPEST {
            return ENDLESS;
        }
        let cost = match loca.get_glyf(id, glyf) {
            // read-fonts 0.41 panics on data without points.
            Ok(Some(Glyph::Simple(glyph))) if glyph.num_points() == 0 && !glyph.glyph_data().is_empty() => ENDLESS,
            Ok(Some(Glyph::Simple(glyph))) => 1 + glyph.num_points() as u64,
            Ok(Some(Glyph::Composite(glyph))) => {
                // Stands until the parts are known: a glyph that is a part of itself.
                self.outlines.insert(id, ENDLESS);
                let parts = glyph.component_glyphs_and_flags();
                parts.fold(1_u64, |sum, (part, _)| {
                    sum.saturating_add(self.outline(part.into(), depth + 1))
                })
            }
            _ => 1,
        };
        self.outlines.insert(id, cost);
        cost
    }

    fn colored(&mut self, id: GlyphId, depth: u32) -> u64 {
        let Some(colors) = self.colors.clone() else { return 1 };
        match colors.v1_base_glyph(id) {
            Ok(Some((paint, place))) => self.paint(&paint, place, depth),
            _ => match colors.v0_base_glyph(id) {
                Ok(Some(layers)) => layers.fold_cost(|layer| match colors.v0_layer(layer) {
                    Ok((glyph, _)) => self.outline(glyph.into(), 0),
                    Err(_) => 1,
                }),
                _ => 1,
            },
        }
    }

    /// `place` is where the paint stands in the font.
    fn paint(&mut self, paint: &Paint<'a>, place: usize, depth: u32) -> u64 {
        if let Some(known) = self.paints.get(&place) {
            return *known;
        }
        if depth > DEEPEST {
            return ENDLESS;
        }
        self.paints.insert(place, ENDLESS);
        let deeper = depth + 1;
        let mut below = |paint: Result<Paint<'a>, _>| -> u64 {
            paint.map_or(1, |paint| {
                let place = paint.offset_data().as_bytes().as_ptr() as usize;
                self.paint(&paint, place, deeper)
            })
        };
        let cost = match paint {
            Paint::ColrLayers(layers) => {
                let first = layers.first_layer_index() as usize;
                let range = first..first.saturating_add(usize::from(layers.num_layers()));
                range.fold_cost(
                    |layer| match self.colors.as_ref().map(|colors| colors.v1_layer(layer)) {
                        Some(Ok((paint, place))) => self.paint(&paint, place, deeper),
                        _ => 1,
                    },
                )
            }
            Paint::Solid(_)
            | Paint::VarSolid(_)
            | Paint::LinearGradient(_)
            | Paint::VarLinearGradient(_)
            | Paint::RadialGradient(_)
            | Paint::VarRadialGradient(_)
            | Paint::SweepGradient(_)
            | Paint::VarSweepGradient(_) => 1,
            // What is in a glyph's outline is looked at twice.
            Paint::Glyph(glyph) => {
                let inside = below(glyph.paint()).saturating_mul(2);
                inside.saturating_add(self.outline(glyph.glyph_id().into(), 0))
            }
            Paint::ColrGlyph(glyph) => self.colored(glyph.glyph_id().into(), deeper),
            Paint::Transform(paint) => below(paint.paint()),
            Paint::VarTransform(paint) => below(paint.paint()),
            Paint::Translate(paint) => below(paint.paint()),
            Paint::VarTranslate(paint) => below(paint.paint()),
            Paint::Scale(paint) => below(paint.paint()),
            Paint::VarScale(paint) => below(paint.paint()),
            Paint::ScaleAroundCenter(paint) => below(paint.paint()),
            Paint::VarScaleAroundCenter(paint) => below(paint.paint()),
            Paint::ScaleUniform(paint) => below(paint.paint()),
            Paint::VarScaleUniform(paint) => below(paint.paint()),
            Paint::ScaleUniformAroundCenter(paint) => below(paint.paint()),
            Paint::VarScaleUniformAroundCenter(paint) => below(paint.paint()),
            Paint::Rotate(paint) => below(paint.paint()),
            Paint::VarRotate(paint) => below(paint.paint()),
            Paint::RotateAroundCenter(paint) => below(paint.paint()),
            Paint::VarRotateAroundCenter(paint) => below(paint.paint()),
            Paint::Skew(paint) => below(paint.paint()),
            Paint::VarSkew(paint) => below(paint.paint()),
            Paint::SkewAroundCenter(paint) => below(paint.paint()),
            Paint::VarSkewAroundCenter(paint) => below(paint.paint()),
            Paint::Composite(both) => below(both.source_paint()).saturating_add(below(both.backdrop_paint())),
        };
        let cost = cost.saturating_add(1);
        self.paints.insert(place, cost);
        cost
    }
}

trait FoldCost {
    fn fold_cost(self, cost: impl FnMut(usize) -> u64) -> u64;
}

impl FoldCost for std::ops::Range<usize> {
    fn fold_cost(self, cost: impl FnMut(usize) -> u64) -> u64 {
        self.map(cost).fold(1, u64::saturating_add)
    }
}
