use super::gaussian::{Rows, gaussian, gaussian_within};
use super::tone::luma;
use crate::picture::Picture;

/// Sharpens by the language's own scale, 1 to 100: an unsharp mask with a standard deviation of one pixel, whose amount
/// grows in proportion. 10 adds a quarter of the detail once more, 100 two and a half times all of it.
pub(crate) fn sharpen(picture: Picture, strength: f64) -> Picture {
    let amount = strength.clamp(0.0, 100.0) * 0.025;
    unsharp_mask(picture, 0.0, 1.0, amount, 0.0)
}

/// Unsharp mask: adds `amount` times the difference from the blurred picture wherever that is at least `threshold` of the
/// full range. A kernel reaches `radius` pixels, or as far as `sigma` needs if that is 0.
///
/// It is the luma that is compared and the same difference is added to red, green and blue, so that edges between
/// colours get no fringes. Alpha stays; what is transparent has no say.
pub(crate) fn unsharp_mask(mut picture: Picture, radius: f64, sigma: f64, amount: f64, threshold: f64) -> Picture {
    if [amount, sigma].iter().any(|value| value.is_nan() || *value <= 0.0) {
        return picture;
    }
    let (width, height) = (picture.width as usize, picture.height as usize);
    let radius = if radius > 0.0 {
        radius.ceil() as usize
    } else {
        usize::MAX
    };
    let stride = picture.stride();
    let has_alpha = picture.has_alpha;
    let mut mask = Mask {
        pixels: picture.pixels.as_mut_slice(),
        stride,
        amount: amount.min(1000.0) as f32,
        threshold: (threshold * 255.0) as f32,
    };
    match (has_alpha, radius) {
        (false, usize::MAX) => gaussian::<1>(&mut Opaque(mask), width, height, sigma),
        (false, radius) => gaussian_within::<1>(&mut Opaque(mask), width, height, sigma, radius),
        (true, usize::MAX) => gaussian::<2>(&mut mask, width, height, sigma),
        (true, radius) => gaussian_within::<2>(&mut mask, width, height, sigma, radius),
    }
    picture
}

struct Mask<'a> {
    pixels: &'a mut [u8],
    stride: usize,
    amount: f32,
    threshold: f32,
}

impl Mask<'_> {
    /// How much is added to a pixel.
    #[inline(always)]
    fn change(&self, pixel: &[u8], blurred: f32) -> f32 {
        let difference = luma(pixel) - blurred;
        if difference.abs() < self.threshold {
            0.0
        } else {
            difference * self.amount
        }
    }
}

#[inline(always)]
fn add(pixel: &mut [u8], change: f32) {
    for channel in &mut pixel[..3] {
        *channel = super::blur::to_byte((f32::from(*channel) + change).clamp(0.0, 255.0));
    }
}

/// Luma alone.
struct Opaque<'a>(Mask<'a>);

impl Rows for Opaque<'_> {
    #[inline(always)]
    fn read(&self, y: usize, row: &mut [f32]) {
        let pixels = &self.0.pixels[y * self.0.stride..][..row.len() * 3];
        for (to, pixel) in row.iter_mut().zip(pixels.chunks_exact(3)) {
            *to = luma(pixel);
        }
    }

    #[inline(always)]
    fn write(&mut self, y: usize, row: &[f32]) {
        let start = y * self.0.stride;
        for (at, blurred) in row.iter().enumerate() {
            let at = start + at * 3;
            let change = self.0.change(&self.0.pixels[at..at + 3], *blurred);
            add(&mut self.0.pixels[at..at + 3], change);
        }
    }
}

/// Luma times alpha, and alpha.
impl Rows for Mask<'_> {
    #[inline(always)]
    fn read(&self, y: usize, row: &mut [f32]) {
        let pixels = &self.pixels[y * self.stride..][..row.len() * 2];
        for (to, pixel) in row.chunks_exact_mut(2).zip(pixels.chunks_exact(4)) {
            let alpha = f32::from(pixel[3]) / 255.0;
            to[0] = luma(pixel) * alpha;
            to[1] = alpha;
        }
    }

    #[inline(always)]
    fn write(&mut self, y: usize, row: &[f32]) {
        let start = y * self.stride;
        for (at, blurred) in row.chunks_exact(2).enumerate() {
            let at = start + at * 4;
            if self.pixels[at + 3] > 0 {
                let change = self.change(&self.pixels[at..at + 4], blurred[0] / blurred[1]);
                add(&mut self.pixels[at..at + 4], change);
            }
        }
    }
}
