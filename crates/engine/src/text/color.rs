//! Glyphs that are drawings in the font: COLR, with flat layers (version 0) or gradients and modes (version 1).

use skrifa::color::{Brush, ColorGlyph, ColorPainter, ColorStop, CompositeMode, Extend, Transform as Matrix};
use skrifa::instance::{LocationRef, Size};
use skrifa::metrics::BoundingBox;
use skrifa::outline::{DrawSettings, OutlineGlyphCollection, OutlinePen};
use skrifa::{FontRef, GlyphId, MetadataProvider};
use tiny_skia::{
    BlendMode, FillRule, GradientStop, LinearGradient, Mask, Paint, Path, PathBuilder, Pixmap, PixmapPaint, Point,
    RadialGradient, Rect, Shader, SpreadMode, SweepGradient, Transform,
};
use transform::Color;

use super::raster::Bounds;
use crate::budget::Light;
use crate::ops::resize::{Region, resize};
use crate::picture::Picture;

/// Longest side in which a glyph is drawn; larger ones are enlarged from that.
const LONGEST: f32 = 1024.0;
/// Pictures that may be open on top of each other. Known fonts use three; what a font asks for beyond is drawn flat.
const LAYERS: usize = 8;
/// Fills of one glyph. Known fonts use a few hundred; a font made to be slow loses what comes after.
const FILLS: usize = 4096;

/// The smallest rectangle that is known to hold the glyph, with its origin at 0, 0; y runs down.
pub(super) fn bounds(
    font: &FontRef<'_>,
    location: LocationRef<'_>,
    size: f32,
    id: GlyphId,
    glyph: &ColorGlyph<'_>,
) -> Option<Bounds> {
    if let Some(clip) = glyph.bounding_box(location, Size::new(size)) {
        return sound(Bounds {
            left: clip.x_min,
            top: -clip.y_max,
            right: clip.x_max,
            bottom: -clip.y_min,
        });
    }
    let units = f32::from(font.metrics(Size::unscaled(), location).units_per_em);
    let mut extent = Extent {
        outlines: font.outline_glyphs(),
        location,
        transforms: vec![Transform::from_scale(size / units, -size / units)],
        bounds: None,
        left: FILLS,
    };
    // A broken graph is drawn as far as it can be read.
    let _ = glyph.paint(location, &mut extent);
    if extent.bounds.is_none() {
        extent.push_clip_glyph(id);
    }
    extent.bounds.and_then(sound)
}

fn sound(bounds: Bounds) -> Option<Bounds> {
    let sides = [bounds.right - bounds.left, bounds.bottom - bounds.top];
    sides
        .iter()
        .all(|side| side.is_finite() && *side > 0.0)
        .then_some(bounds)
}

/// The glyph in the size of its bounds, rounded up.
pub(super) fn picture(
    font: &FontRef<'_>,
    location: LocationRef<'_>,
    size: f32,
    glyph: &ColorGlyph<'_>,
    bounds: Bounds,
    text_color: Color,
) -> Option<Picture> {
    let (across, down) = (bounds.right - bounds.left, bounds.bottom - bounds.top);
    let shrink = (LONGEST / across.max(down)).min(1.0);
    let drawn = Pixmap::new((across * shrink).ceil() as u32, (down * shrink).ceil() as u32)?;
    let whole = transform::Rect {
        x: 0,
        y: 0,
        width: drawn.width(),
        height: drawn.height(),
    };
    let scale = size * shrink / f32::from(font.metrics(Size::unscaled(), location).units_per_em);
    let mut painter = Painter {
        outlines: font.outline_glyphs(),
        location,
        palette: palette(font),
        text_color: tiny_skia::Color::from_rgba8(text_color.red, text_color.green, text_color.blue, 255),
        transforms: vec![Transform::from_row(
            scale,
            0.0,
            0.0,
            -scale,
            -bounds.left * shrink,
            -bounds.top * shrink,
        )],
        clips: Vec::new(),
        layers: vec![drawn],
        flat: 0,
        left: FILLS,
    };
    let _ = glyph.paint(location, &mut painter);
    while painter.layers.len() > 1 {
        painter.merge(BlendMode::SourceOver);
    }
    let drawn = painter.layers.pop()?;
    let picture = Picture {
        width: drawn.width(),
        height: drawn.height(),
        has_alpha: true,
        pixels: drawn.take_demultiplied(),
    };
    let full = transform::Size {
        width: across.ceil() as u32,
        height: down.ceil() as u32,
    };
    resize(&picture, Region::shrunk(whole, 1), full, Light::Gamma).ok()
}

fn palette(font: &FontRef<'_>) -> Vec<tiny_skia::Color> {
    let palettes = font.color_palettes();
    let palette = palettes.get(0);
    let colors = palette.as_ref().map(|palette| palette.colors()).unwrap_or_default();
    let convert = |color: &skrifa::color::Color| {
        tiny_skia::Color::from_rgba8(color.red(), color.green(), color.blue(), color.alpha())
    };
    colors.iter().map(convert).collect()
}

fn matrix(matrix: Matrix) -> Transform {
    Transform::from_row(matrix.xx, matrix.yx, matrix.xy, matrix.yy, matrix.dx, matrix.dy)
}

/// A glyph's outline in the font's units.
fn path(outlines: &OutlineGlyphCollection<'_>, location: LocationRef<'_>, id: GlyphId) -> Option<Path> {
    struct Pen(PathBuilder);
    impl OutlinePen for Pen {
        fn move_to(&mut self, x: f32, y: f32) {
            self.0.move_to(x, y);
        }
        fn line_to(&mut self, x: f32, y: f32) {
            self.0.line_to(x, y);
        }
        fn quad_to(&mut self, cx: f32, cy: f32, x: f32, y: f32) {
            self.0.quad_to(cx, cy, x, y);
        }
        fn curve_to(&mut self, cx0: f32, cy0: f32, cx1: f32, cy1: f32, x: f32, y: f32) {
            self.0.cubic_to(cx0, cy0, cx1, cy1, x, y);
        }
        fn close(&mut self) {
            self.0.close();
        }
    }
    let mut pen = Pen(PathBuilder::new());
    let settings = DrawSettings::unhinted(Size::unscaled(), location);
    outlines.get(id)?.draw(settings, &mut pen).ok()?;
    pen.0.finish()
}

/// Finds where a glyph paints, for fonts that do not say it: around all outlines that it uses.
struct Extent<'a> {
    outlines: OutlineGlyphCollection<'a>,
    location: LocationRef<'a>,
    transforms: Vec<Transform>,
    bounds: Option<Bounds>,
    left: usize,
}

impl ColorPainter for Extent<'_> {
    fn push_transform(&mut self, transform: Matrix) {
        let current = self.transforms.last().copied().unwrap_or_default();
        self.transforms.push(current.pre_concat(matrix(transform)));
    }

    fn pop_transform(&mut self) {
        self.transforms.pop();
    }

    fn push_clip_glyph(&mut self, id: GlyphId) {
        let Some(left) = self.left.checked_sub(1) else { return };
        self.left = left;
        let transform = self.transforms.last().copied().unwrap_or_default();
        let path = path(&self.outlines, self.location, id).and_then(|path| path.transform(transform));
        let around = path.map(|path| path.bounds()).map(|bounds| Bounds {
            left: bounds.left(),
            top: bounds.top(),
            right: bounds.right(),
            bottom: bounds.bottom(),
        });
        self.bounds = Bounds::around(self.bounds, around);
    }

    fn push_clip_box(&mut self, _: BoundingBox) {}
    fn pop_clip(&mut self) {}
    fn fill(&mut self, _: Brush<'_>) {}
    fn push_layer(&mut self, _: CompositeMode) {}
}

struct Painter<'a> {
    outlines: OutlineGlyphCollection<'a>,
    location: LocationRef<'a>,
    palette: Vec<tiny_skia::Color>,
    text_color: tiny_skia::Color,
    transforms: Vec<Transform>,
    /// None clips everything away.
    clips: Vec<Option<Mask>>,
    layers: Vec<Pixmap>,
    /// Layers beyond [`LAYERS`], which have no picture of their own.
    flat: usize,
    left: usize,
}

impl Painter<'_> {
    fn transform(&self) -> Transform {
        self.transforms.last().copied().unwrap_or_default()
    }

    fn push_clip(&mut self, path: Option<&Path>) {
        let transform = self.transform();
        let (width, height) = self
            .layers
            .last()
            .map_or((1, 1), |layer| (layer.width(), layer.height()));
        let clip = match (path, self.clips.last()) {
            (None, _) | (_, Some(None)) => None,
            (Some(path), Some(Some(outer))) => {
                let mut clip = outer.clone();
                clip.intersect_path(path, FillRule::Winding, true, transform);
                Some(clip)
            }
            (Some(path), None) => Mask::new(width, height).map(|mut clip| {
                clip.fill_path(path, FillRule::Winding, true, transform);
                clip
            }),
        };
        self.clips.push(clip);
    }

    /// What a brush paints; `transform` leads from its space to that of the path that it fills.
    fn shader(&self, brush: &Brush<'_>, transform: Transform) -> Option<Shader<'static>> {
        let stops = |stops: &[ColorStop]| -> Vec<GradientStop> {
            let stop = |stop: &ColorStop| GradientStop::new(stop.offset, self.color(stop.palette_index, stop.alpha));
            stops.iter().map(stop).collect()
        };
        let point = |point: &skrifa::raw::types::Point<f32>| Point::from_xy(point.x, point.y);
        match brush {
            Brush::Solid { palette_index, alpha } => Some(Shader::SolidColor(self.color(*palette_index, *alpha))),
            Brush::LinearGradient {
                p0,
                p1,
                color_stops,
                extend,
            } => LinearGradient::new(point(p0), point(p1), stops(color_stops), spread(*extend), transform),
            Brush::RadialGradient {
                c0,
                r0,
                c1,
                r1,
                color_stops,
                extend,
            } => {
                let (r0, r1) = (r0.max(0.0), r1.max(0.0));
                RadialGradient::new(
                    point(c0),
                    r0,
                    point(c1),
                    r1,
                    stops(color_stops),
                    spread(*extend),
                    transform,
                )
            }
            Brush::SweepGradient {
                c0,
                start_angle,
                end_angle,
                color_stops,
                extend,
            } => {
                // The angles are clockwise as seen, and y runs up in the font's space.
                let upside_down = Transform::from_row(1.0, 0.0, 0.0, -1.0, 0.0, 2.0 * c0.y);
                let transform = transform.pre_concat(upside_down);
                let (center, stops) = (point(c0), stops(color_stops));
                SweepGradient::new(center, *start_angle, *end_angle, stops, spread(*extend), transform)
            }
        }
    }

    fn color(&self, index: u16, alpha: f32) -> tiny_skia::Color {
        let known = self.palette.get(usize::from(index)).copied();
        let mut color = if index == 0xffff { Some(self.text_color) } else { known }.unwrap_or(tiny_skia::Color::BLACK);
        color.apply_opacity(alpha.clamp(0.0, 1.0));
        color
    }

    /// Fills a path as far as the clip lets it through; the whole picture if there is no path.
    fn paint(&mut self, path: Option<(&Path, Transform)>, shader: Shader<'_>) {
        let Some(left) = self.left.checked_sub(1) else { return };
        self.left = left;
        let clip = match self.clips.last() {
            Some(None) => return,
            Some(Some(mask)) => Some(mask),
            None => None,
        };
        let Some(layer) = self.layers.last_mut() else { return };
        let paint = Paint {
            shader,
            ..Paint::default()
        };
        match path {
            Some((path, transform)) => layer.fill_path(path, &paint, FillRule::Winding, transform, clip),
            None => {
                if let Some(whole) = Rect::from_xywh(0.0, 0.0, layer.width() as f32, layer.height() as f32) {
                    layer.fill_rect(whole, &paint, Transform::identity(), clip);
                }
            }
        }
    }

    fn merge(&mut self, mode: BlendMode) {
        if self.layers.len() < 2 {
            return;
        }
        let (Some(top), clip) = (self.layers.pop(), self.clips.last()) else {
            return;
        };
        let clip = match clip {
            Some(None) => return,
            Some(Some(mask)) => Some(mask),
            None => None,
        };
        let paint = PixmapPaint {
            blend_mode: mode,
            ..PixmapPaint::default()
        };
        if let Some(below) = self.layers.last_mut() {
            below.draw_pixmap(0, 0, top.as_ref(), &paint, Transform::identity(), clip);
        }
    }
}

impl ColorPainter for Painter<'_> {
    fn push_transform(&mut self, transform: Matrix) {
        self.transforms.push(self.transform().pre_concat(matrix(transform)));
    }

    fn pop_transform(&mut self) {
        self.transforms.pop();
    }

    fn push_clip_glyph(&mut self, id: GlyphId) {
        let path = path(&self.outlines, self.location, id);
        self.push_clip(path.as_ref());
    }

    fn push_clip_box(&mut self, clip: BoundingBox) {
        let around = Rect::from_ltrb(clip.x_min, clip.y_min, clip.x_max, clip.y_max);
        self.push_clip(around.map(PathBuilder::from_rect).as_ref());
    }

    fn pop_clip(&mut self) {
        self.clips.pop();
    }

    fn fill(&mut self, brush: Brush<'_>) {
        if let Some(shader) = self.shader(&brush, self.transform()) {
            self.paint(None, shader);
        }
    }

    fn fill_glyph(&mut self, id: GlyphId, brush_transform: Option<Matrix>, brush: Brush<'_>) {
        let transform = brush_transform.map_or_else(Transform::identity, matrix);
        let shader = self.shader(&brush, transform);
        if let (Some(path), Some(shader)) = (path(&self.outlines, self.location, id), shader) {
            self.paint(Some((&path, self.transform())), shader);
        }
    }

    fn push_layer(&mut self, _: CompositeMode) {
        let (width, height) = self
            .layers
            .last()
            .map_or((1, 1), |layer| (layer.width(), layer.height()));
        match Pixmap::new(width, height).filter(|_| self.layers.len() < LAYERS) {
            Some(layer) if self.flat == 0 => self.layers.push(layer),
            _ => self.flat += 1,
        }
    }

    fn pop_layer_with_mode(&mut self, mode: CompositeMode) {
        match self.flat.checked_sub(1) {
            Some(flat) => self.flat = flat,
            None => self.merge(blend(mode)),
        }
    }
}

fn spread(extend: Extend) -> SpreadMode {
    match extend {
        Extend::Repeat => SpreadMode::Repeat,
        Extend::Reflect => SpreadMode::Reflect,
        _ => SpreadMode::Pad,
    }
}

fn blend(mode: CompositeMode) -> BlendMode {
    match mode {
        CompositeMode::Clear => BlendMode::Clear,
        CompositeMode::Src => BlendMode::Source,
        CompositeMode::Dest => BlendMode::Destination,
        CompositeMode::SrcOver | CompositeMode::Unknown => BlendMode::SourceOver,
        CompositeMode::DestOver => BlendMode::DestinationOver,
        CompositeMode::SrcIn => BlendMode::SourceIn,
        CompositeMode::DestIn => BlendMode::DestinationIn,
        CompositeMode::SrcOut => BlendMode::SourceOut,
        CompositeMode::DestOut => BlendMode::DestinationOut,
        CompositeMode::SrcAtop => BlendMode::SourceAtop,
        CompositeMode::DestAtop => BlendMode::DestinationAtop,
        CompositeMode::Xor => BlendMode::Xor,
        CompositeMode::Plus => BlendMode::Plus,
        CompositeMode::Screen => BlendMode::Screen,
        CompositeMode::Overlay => BlendMode::Overlay,
        CompositeMode::Darken => BlendMode::Darken,
        CompositeMode::Lighten => BlendMode::Lighten,
        CompositeMode::ColorDodge => BlendMode::ColorDodge,
        CompositeMode::ColorBurn => BlendMode::ColorBurn,
        CompositeMode::HardLight => BlendMode::HardLight,
        CompositeMode::SoftLight => BlendMode::SoftLight,
        CompositeMode::Difference => BlendMode::Difference,
        CompositeMode::Exclusion => BlendMode::Exclusion,
        CompositeMode::Multiply => BlendMode::Multiply,
        CompositeMode::HslHue => BlendMode::Hue,
        CompositeMode::HslSaturation => BlendMode::Saturation,
        CompositeMode::HslColor => BlendMode::Color,
        CompositeMode::HslLuminosity => BlendMode::Luminosity,
    }
}
