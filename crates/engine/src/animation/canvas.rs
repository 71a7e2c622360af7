use transform::Rect;

use crate::picture::Picture;

/// What becomes of a frame's place before the next frame is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disposal {
    /// It stays.
    Keep,
    /// It becomes transparent.
    Clear,
    /// It becomes what it was before the frame.
    Restore,
}

/// What GIF and APNG draw their frames on.
#[derive(Debug)]
pub(crate) struct Canvas {
    picture: Picture,
    /// To be done before the next frame.
    disposal: Disposal,
    place: Rect,
    /// The pixels of `place` before the last frame, when they will be needed again.
    saved: Vec<u8>,
}

impl Canvas {
    /// Nothing on it: transparent, or black if it has no alpha.
    pub fn new(width: u32, height: u32, has_alpha: bool) -> Self {
        Self {
            picture: Picture::new(width, height, has_alpha),
            disposal: Disposal::Keep,
            place: Rect {
                x: 0,
                y: 0,
                width: 0,
                height: 0,
            },
            saved: Vec::new(),
        }
    }

    pub fn picture(&self) -> &Picture {
        &self.picture
    }

    /// Disposes of the last frame and draws the next. `draw` gets the part of each row that is on the canvas, from the
    /// top; a frame may stick out to the right and below.
    pub fn draw(&mut self, frame: Rect, disposal: Disposal, mut draw: impl FnMut(usize, &mut [u8])) {
        match self.disposal {
            Disposal::Keep => {}
            Disposal::Clear => self.rows(self.place, |_, row| row.fill(0)),
            Disposal::Restore => {
                let saved = std::mem::take(&mut self.saved);
                self.rows(self.place, |index, row| {
                    let start = index * row.len();
                    row.copy_from_slice(&saved[start..start + row.len()]);
                });
                self.saved = saved;
            }
        }
        let (width, height) = (self.picture.width, self.picture.height);
        let place = Rect {
            x: frame.x.min(width),
            y: frame.y.min(height),
            width: frame.width.min(width.saturating_sub(frame.x)),
            height: frame.height.min(height.saturating_sub(frame.y)),
        };
        self.place = place;
        self.disposal = disposal;
        if disposal == Disposal::Restore {
            let mut saved = std::mem::take(&mut self.saved);
            saved.clear();
            self.rows(place, |_, row| saved.extend_from_slice(row));
            self.saved = saved;
        }
        self.rows(place, |index, row| draw(index, row));
    }

    fn rows(&mut self, place: Rect, mut work: impl FnMut(usize, &mut [u8])) {
        if place.width == 0 {
            return;
        }
        let (channels, stride) = (self.picture.channels(), self.picture.stride());
        let columns = place.x as usize * channels..(place.x + place.width) as usize * channels;
        let rows = self.picture.pixels.chunks_exact_mut(stride);
        let rows = rows.skip(place.y as usize).take(place.height as usize);
        for (index, row) in rows.enumerate() {
            work(index, &mut row[columns.clone()]);
        }
    }
}
