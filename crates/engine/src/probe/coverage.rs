/// Finds out whether any frame of an animation may show something transparent, from the places of its frames.
#[derive(Debug, Default)]
pub(crate) struct Coverage {
    begun: bool,
    /// Some pixel of the canvas may be transparent before the next frame.
    gaps: bool,
    /// The same before the last frame, which may be taken back.
    before: bool,
    disposal: Disposed,
    /// Some frame shows something transparent.
    pub has_gaps: bool,
}

/// What becomes of a frame before the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Disposed {
    #[default]
    Kept,
    Cleared,
    Restored,
}

impl Coverage {
    /// The next frame: whether it covers the whole canvas, whether pixels of it may let through what is behind, and what
    /// becomes of it.
    pub fn frame(&mut self, covers: bool, lets_through: bool, disposal: Disposed) {
        let gaps = match self.disposal {
            _ if !self.begun => true,
            Disposed::Kept => self.gaps,
            Disposed::Cleared => true,
            Disposed::Restored => self.before,
        };
        self.begun = true;
        self.before = gaps;
        self.gaps = gaps && (lets_through || !covers);
        self.has_gaps |= self.gaps;
        self.disposal = disposal;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Disposed::{Cleared, Kept, Restored};

    #[test]
    fn gaps_are_found() {
        type Frames<'a> = &'a [(bool, bool, Disposed)];
        let cases: [(Frames, bool); 8] = [
            (&[(true, false, Kept)], false),
            (&[(false, false, Kept)], true),
            (&[(true, true, Kept)], true),
            (&[(true, false, Kept), (false, true, Kept)], false),
            (&[(true, false, Cleared), (true, false, Kept)], false),
            (&[(true, false, Cleared), (false, false, Kept)], true),
            (
                &[(true, false, Kept), (true, true, Restored), (false, true, Kept)],
                false,
            ),
            (&[(true, false, Restored), (true, true, Kept)], true),
        ];
        for (frames, expected) in cases {
            let mut coverage = Coverage::default();
            for (covers, lets_through, disposal) in frames {
                coverage.frame(*covers, *lets_through, *disposal);
            }
            assert_eq!(coverage.has_gaps, expected, "{frames:?}");
        }
    }
}
