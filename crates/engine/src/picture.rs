use crate::RenderError;

/// Pixels in rows from the top, eight bits a channel: red, green, blue, and straight (not premultiplied) alpha where
/// there is any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Picture {
    pub width: u32,
    pub height: u32,
    pub has_alpha: bool,
    pub pixels: Vec<u8>,
}

impl Picture {
    /// All zero: black, or transparent.
    pub fn new(width: u32, height: u32, has_alpha: bool) -> Self {
        let channels = if has_alpha { 4 } else { 3 };
        let pixels = vec![0; width as usize * height as usize * channels];
        Self {
            width,
            height,
            has_alpha,
            pixels,
        }
    }

    pub fn channels(&self) -> usize {
        if self.has_alpha { 4 } else { 3 }
    }

    /// Bytes from one row to the next.
    pub fn stride(&self) -> usize {
        self.width as usize * self.channels()
    }

    pub fn rows(&self) -> std::slice::ChunksExact<'_, u8> {
        self.pixels.chunks_exact(self.stride())
    }

    /// True when nothing of it is transparent.
    pub fn is_opaque(&self) -> bool {
        // Whole rows at once are found far faster than the first transparent pixel.
        !self.has_alpha
            || self
                .rows()
                .all(|row| row.chunks_exact(4).fold(255, |least, pixel| least & pixel[3]) == 255)
    }

    /// The same with an alpha channel, opaque if there was none.
    pub fn with_alpha(self) -> Self {
        if self.has_alpha {
            return self;
        }
        let mut result = Self::new(self.width, self.height, true);
        for (to, from) in result.pixels.chunks_exact_mut(4).zip(self.pixels.chunks_exact(3)) {
            to[..3].copy_from_slice(from);
            to[3] = 255;
        }
        result
    }

    /// The same without an alpha channel: what it hid shows.
    pub fn without_alpha(self) -> Self {
        if !self.has_alpha {
            return self;
        }
        let mut result = Self::new(self.width, self.height, false);
        for (to, from) in result.pixels.chunks_exact_mut(3).zip(self.pixels.chunks_exact(4)) {
            to.copy_from_slice(&from[..3]);
        }
        result
    }
}

/// The strides and counts that C codecs take are `int`s.
pub(crate) fn c_int(value: usize) -> Result<i32, RenderError> {
    i32::try_from(value).map_err(|_| RenderError::Internal(format!("{value} is too large for a codec")))
}
