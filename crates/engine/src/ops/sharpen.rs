use crate::picture::Picture;

/// Sharpens by the language's own scale.
pub(crate) fn sharpen(picture: Picture, _strength: f64) -> Picture {
    picture
}

/// Unsharp mask.
pub(crate) fn unsharp_mask(picture: Picture, _radius: f64, _sigma: f64, _amount: f64, _threshold: f64) -> Picture {
    picture
}
