//! Larger or better pictures, tile by tile, by networks laid out like Real-ESRGAN (Wang and others, 2021).

use std::sync::OnceLock;

use transform::{Rect, Size};

use super::network::Network;
use crate::budget::Light;
use crate::ops::resize::{Region, resize};
use crate::picture::Picture;
use crate::{Budget, RenderError};

/// Side of a tile where the network takes any: the planes inside such networks take hundreds of bytes a pixel of the result.
const TILE: usize = 160;
/// What neighbouring tiles share: a network sees about so far.
const OVERLAP: u32 = 12;
/// Pixels of the result around a tile that are scaled with it, so that the filter finds what it reaches for.
const MARGIN: u32 = 4;

#[derive(Debug)]
pub(super) struct Enlarger {
    network: Network,
    most_pixels: u64,
    same_size: bool,
    factor: OnceLock<u32>,
}

impl Enlarger {
    pub fn new(network: Network, most_pixels: u64) -> Self {
        Self {
            network,
            most_pixels,
            same_size: false,
            factor: OnceLock::new(),
        }
    }

    pub fn of_the_same_size(self) -> Self {
        Self {
            same_size: true,
            ..self
        }
    }

    pub fn enlarge(&self, picture: Picture, budget: &Budget) -> Result<Picture, RenderError> {
        let factor = self.factor()?;
        let (width, height) = (picture.width, picture.height);
        let pixels = f64::from(width) * f64::from(height);
        let scale = f64::from(factor).min((self.most_pixels as f64 / pixels).sqrt());
        let side = |length: u32| ((f64::from(length) * scale) as u32).max(1);
        let size = Size {
            width: side(width),
            height: side(height),
        };
        budget.check_pixels(size.width, size.height)?;
        let (tile_height, tile_width) = self.network.sides_or(TILE, TILE);
        let (columns, rows) = (
            Spans::new(width, size.width, tile_width).ok_or_else(|| self.too_small())?,
            Spans::new(height, size.height, tile_height).ok_or_else(|| self.too_small())?,
        );
        let mut result = Picture::new(size.width, size.height, false);
        for row in rows.all() {
            for column in columns.all() {
                budget.check_cancelled()?;
                let made = self.run(&picture, (&column, &row), (tile_height, tile_width), factor)?;
                let region = Region {
                    x: column.from * f64::from(factor),
                    y: row.from * f64::from(factor),
                    width: (column.to - column.from) * f64::from(factor),
                    height: (row.to - row.from) * f64::from(factor),
                };
                let scaled = Size {
                    width: column.result.1 - column.result.0 + column.before + column.after,
                    height: row.result.1 - row.result.0 + row.before + row.after,
                };
                let made = resize(&made, region, scaled, Light::Gamma)?;
                lay(&mut result, &made, &column, &row);
            }
        }
        if !picture.has_alpha {
            return Ok(result);
        }
        let whole = Rect {
            x: 0,
            y: 0,
            width,
            height,
        };
        let alpha = resize(&picture, Region::shrunk(whole, 1), size, Light::Gamma)?;
        let mut result = result.with_alpha();
        for (pixel, alpha) in result.pixels.chunks_exact_mut(4).zip(alpha.pixels.chunks_exact(4)) {
            pixel[3] = alpha[3];
        }
        Ok(result)
    }

    fn too_small(&self) -> RenderError {
        self.network.wrong("takes tiles that are too small to overlap")
    }

    /// How many times larger its results are: found by a look at one.
    fn factor(&self) -> Result<u32, RenderError> {
        if let Some(factor) = self.factor.get() {
            return Ok(*factor);
        }
        let (height, width) = self.network.sides_or(TILE, TILE);
        let grey = Picture {
            pixels: vec![128; width * height * 3],
            ..Picture::new(width as u32, height as u32, false)
        };
        let tile = Span::default();
        let (_, made) = self.planes(&grey, (&tile, &tile), (height, width))?;
        let factor = made.0 / height;
        if made != (height * factor, width * factor) || !(1..=8).contains(&factor) || (self.same_size && factor != 1) {
            let what = format!("makes {}x{} of {width}x{height} pixels", made.1, made.0);
            return Err(self.network.wrong(what));
        }
        Ok(*self.factor.get_or_init(|| factor as u32))
    }

    fn planes(
        &self,
        picture: &Picture,
        (column, row): (&Span, &Span),
        sides @ (height, width): (usize, usize),
    ) -> Result<(Vec<f32>, (usize, usize)), RenderError> {
        let channels = picture.channels();
        let mut input = Vec::with_capacity(3 * height * width);
        let within =
            |start: i64, offset: usize, length: u32| (start + offset as i64).clamp(0, i64::from(length) - 1) as usize;
        for channel in 0..3 {
            for y in 0..height {
                let line = within(row.start, y, picture.height) * picture.stride();
                for x in 0..width {
                    let at = line + within(column.start, x, picture.width) * channels + channel;
                    input.push(f32::from(picture.pixels[at]) / 255.0);
                }
            }
        }
        let output = self.network.run(input, sides)?.into_iter().next();
        let output = output.ok_or_else(|| self.network.wrong("gives no picture"))?;
        match output.shape[..] {
            [1, 3, height, width] if output.data.len() == 3 * height * width => Ok((output.data, (height, width))),
            _ => Err(self.network.wrong(format!("gives the shape {:?}", output.shape))),
        }
    }

    fn run(
        &self,
        picture: &Picture,
        at: (&Span, &Span),
        sides: (usize, usize),
        factor: u32,
    ) -> Result<Picture, RenderError> {
        let (planes, (height, width)) = self.planes(picture, at, sides)?;
        if (height, width) != (sides.0 * factor as usize, sides.1 * factor as usize) {
            return Err(self.network.wrong("makes tiles of different sizes"));
        }
        let mut made = Picture::new(width as u32, height as u32, false);
        for (channel, plane) in planes.chunks_exact(height * width).enumerate() {
            for (pixel, value) in made.pixels.chunks_exact_mut(3).zip(plane) {
                pixel[channel] = (value.clamp(0.0, 1.0) * 255.0).round() as u8;
            }
        }
        Ok(made)
    }
}

fn lay(result: &mut Picture, made: &Picture, column: &Span, row: &Span) {
    let width = (column.result.1 - column.result.0) as usize * 3;
    let (to_stride, from_stride) = (result.stride(), made.stride());
    for y in row.result.0..row.result.1 {
        let to = y as usize * to_stride + column.result.0 as usize * 3;
        let from = (y - row.result.0 + row.before) as usize * from_stride + column.before as usize * 3;
        result.pixels[to..to + width].copy_from_slice(&made.pixels[from..from + width]);
    }
}

/// How one axis is cut into tiles.
struct Spans {
    length: u32,
    result: u32,
    step: u32,
}

/// One tile on one axis.
#[derive(Debug, Default)]
struct Span {
    /// Where the tile begins on the source; beyond an edge the edge is repeated.
    start: i64,
    /// First pixel of the result that it gives, and the first that it does not.
    result: (u32, u32),
    /// Pixels of the result around those, for the filter.
    before: u32,
    after: u32,
    /// Where those, margins included, lie on the tile, in pixels of the source.
    from: f64,
    to: f64,
}

impl Spans {
    fn new(length: u32, result: u32, tile: usize) -> Option<Self> {
        let step = u32::try_from(tile).ok()?.checked_sub(2 * OVERLAP)?;
        (step >= 8).then_some(Self { length, result, step })
    }

    fn all(&self) -> impl Iterator<Item = Span> {
        let scale = f64::from(self.result) / f64::from(self.length);
        let on_result = move |at: u32| (f64::from(at) * scale).round() as u32;
        (0..self.length.div_ceil(self.step)).map(move |index| {
            let begin = index * self.step;
            let end = (begin + self.step).min(self.length);
            let result = (on_result(begin), on_result(end).min(self.result));
            let before = MARGIN.min(result.0);
            let after = MARGIN.min(self.result - result.1);
            let start = i64::from(begin) - i64::from(OVERLAP);
            let on_tile = |at: u32| f64::from(at) / scale - start as f64;
            Span {
                start,
                result,
                before,
                after,
                from: on_tile(result.0 - before),
                to: on_tile(result.1 + after),
            }
        })
    }
}
