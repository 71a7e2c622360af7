use transform::Color;

use crate::picture::Picture;

/// Luminance only.
pub(crate) fn grayscale(picture: Picture) -> Picture {
    picture
}

/// Spreads the used range of intensities over the full range.
pub(crate) fn stretch_contrast(picture: Picture) -> Picture {
    picture
}

/// Tints.
pub(crate) fn colorize(picture: Picture, _color: Color, _intensity: f64) -> Picture {
    picture
}

/// Replaces a colour, keeping the shading.
pub(crate) fn replace_color(picture: Picture, _from: Option<Color>, _to: Color, _tolerance: f64) -> Picture {
    picture
}

/// Multiplies alpha.
pub(crate) fn opacity(picture: Picture, _factor: f64) -> Picture {
    picture
}
