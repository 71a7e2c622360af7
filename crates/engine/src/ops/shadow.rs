use crate::picture::Picture;

/// A soft shadow below what is not transparent.
pub(crate) fn shadow(picture: Picture, _sigma: f64, _strength: f64, _x: i32, _y: i32) -> Picture {
    picture
}

/// A shadow on the ground.
pub(crate) fn drop_shadow(picture: Picture, _azimuth: f64, _elevation: f64, _strength: f64) -> Picture {
    picture
}
