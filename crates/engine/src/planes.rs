use std::borrow::Cow;

use crate::RenderError;

/// Eight-bit samples of one component, in rows from the top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plane {
    pub width: u32,
    pub height: u32,
    /// Bytes from one row to the next: `width` or more. What is between belongs to nobody.
    pub stride: usize,
    pub values: Vec<u8>,
}

/// A picture in luma and, unless it is grey, blue and red difference: full range BT.601, as JFIF (ITU-T T.871) has it. A
/// sample of chroma lies in the middle of those of luma that it covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Planes {
    pub luma: Plane,
    /// Blue difference, red difference; both of the same size.
    pub chroma: Option<[Plane; 2]>,
    /// How many samples of luma a sample of chroma covers, across and down: 1, 2 or 4.
    pub sampling: (u32, u32),
}

/// Columns and rows of planes that are still to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sizes {
    pub luma: (u32, u32),
    /// Of each of the two; none if the picture is grey.
    pub chroma: Option<(u32, u32)>,
    /// As that of [`Planes`].
    pub sampling: (u32, u32),
}

impl Planes {
    /// An error, unless chroma is as large as luma and sampling say, and all values are there.
    pub fn check(&self) -> Result<(), RenderError> {
        let luma = &self.luma;
        let size = (
            luma.width.div_ceil(self.sampling.0),
            luma.height.div_ceil(self.sampling.1),
        );
        let mut chroma = self.chroma.iter().flatten();
        if luma.is_whole() && chroma.all(|plane| (plane.width, plane.height) == size && plane.is_whole()) {
            Ok(())
        } else {
            Err(RenderError::Internal(String::from("planes that do not fit together")))
        }
    }

    /// Bytes of memory.
    pub fn memory(&self) -> u64 {
        let chroma = self.chroma.iter().flatten();
        chroma.chain([&self.luma]).map(|plane| plane.values.len() as u64).sum()
    }
}

impl Plane {
    /// All zero, without room between rows.
    pub fn new(width: u32, height: u32) -> Self {
        Self {
            width,
            height,
            stride: width as usize,
            values: vec![0; width as usize * height as usize],
        }
    }

    /// True when there are as many values as its size and stride say.
    fn is_whole(&self) -> bool {
        self.stride >= self.width as usize && self.values.len() >= self.stride * self.height as usize
    }

    /// The same, or larger by repeating its last column and row.
    pub fn filled_up(&self, width: u32, height: u32) -> Cow<'_, Self> {
        if (width, height) == (self.width, self.height) {
            return Cow::Borrowed(self);
        }
        let mut result = Self::new(width, height);
        let rows: Vec<_> = self.rows().collect();
        for (y, to) in result.values.chunks_exact_mut(width as usize).enumerate() {
            let from = rows[y.min(rows.len() - 1)];
            for (x, to) in to.iter_mut().enumerate() {
                *to = from[x.min(from.len() - 1)];
            }
        }
        Cow::Owned(result)
    }

    /// The visible part of each row.
    pub fn rows(&self) -> impl Iterator<Item = &[u8]> {
        let width = self.width as usize;
        self.values
            .chunks(self.stride)
            .take(self.height as usize)
            .map(move |row| &row[..width])
    }
}
