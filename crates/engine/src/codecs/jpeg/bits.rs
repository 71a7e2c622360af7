//! Entropy-coded data (ITU-T T.81, F.2.2.5): bits without the zeros that are stuffed behind 0xFF.

/// Bytes that a coding unit may take: ten blocks of 64 coefficients, of sixteen bits of code and fifteen of value each,
/// and the eight that are read at once.
const RESERVE: usize = 10 * 64 * 4 + 8;
const WINDOW: usize = 16 << 10;
/// Eight bytes may be read from any place of the window.
pub(super) type Window = [u8; WINDOW + 8];

/// The data of a scan, of which a window is made ready to be read.
pub(super) struct Data<'a> {
    source: &'a [u8],
    /// The first byte that is not in the window yet.
    next: usize,
    pub window: Box<Window>,
    /// Where the data in the window end. Zeros follow.
    end: usize,
    /// True when a marker, or the end of the file, comes behind the window.
    closed: bool,
    /// Up to where a coding unit may begin without a look at what is left.
    easy: usize,
}

/// Bits that come next, and where more are. Small, so that it lives in registers.
#[derive(Clone, Copy)]
pub(super) struct Cursor {
    /// The next bits, first bit highest. Behind `count` of them there may be more, which are true as well.
    pub buffer: u64,
    count: u32,
    at: usize,
}

impl<'a> Data<'a> {
    pub fn new(source: &'a [u8], start: usize) -> Self {
        Self {
            source,
            next: start,
            window: Box::new([0; WINDOW + 8]),
            end: 0,
            closed: false,
            easy: 0,
        }
    }

    pub fn start(&mut self) -> Cursor {
        self.end = 0;
        self.closed = false;
        let cursor = Cursor {
            buffer: 0,
            count: 0,
            at: 0,
        };
        self.fill(cursor)
    }

    /// To be called before each coding unit: makes sure that there is something to read, zeros if nothing else.
    /// Nothing, when more was read than there is.
    #[inline(always)]
    pub fn ready(&mut self, cursor: Cursor) -> Option<Cursor> {
        if cursor.at <= self.easy {
            return Some(cursor);
        }
        self.refresh(cursor)
    }

    #[cold]
    #[inline(never)]
    fn refresh(&mut self, cursor: Cursor) -> Option<Cursor> {
        if !self.closed {
            return Some(self.fill(cursor));
        }
        (!self.is_past_end(cursor)).then_some(cursor)
    }

    /// True when bits were read that the data do not have.
    pub fn is_past_end(&self, cursor: Cursor) -> bool {
        cursor.at * 8 > self.end * 8 + cursor.count as usize
    }

    fn fill(&mut self, mut cursor: Cursor) -> Cursor {
        // A cursor may have gone up to eight bytes beyond the end.
        let from = cursor.at.min(self.end);
        let beyond = cursor.at - from;
        self.window.copy_within(from..self.end, 0);
        self.end -= from;
        cursor.at = beyond;
        const FULL: usize = WINDOW - RESERVE - 8;
        while self.end < FULL {
            let rest = self.source.get(self.next..).unwrap_or(&[]);
            let rest = &rest[..rest.len().min(FULL - self.end)];
            let plain = memchr::memchr(0xff, rest).unwrap_or(rest.len());
            self.window[self.end..self.end + plain].copy_from_slice(&rest[..plain]);
            self.end += plain;
            self.next += plain;
            match self.source.get(self.next..) {
                Some([0xff, 0, ..]) => {
                    self.window[self.end] = 0xff;
                    self.end += 1;
                    self.next += 2;
                }
                // Any number of them may stand before a marker, or before a stuffed zero.
                Some([0xff, 0xff, ..]) => self.next += 1,
                Some([byte, ..]) if *byte != 0xff => {}
                _ => {
                    self.closed = true;
                    break;
                }
            }
        }
        self.window[self.end..].fill(0);
        self.easy = if self.closed { self.end } else { self.end - RESERVE };
        cursor
    }

    /// Goes over a restart marker of this number (0 to 7), which must come next.
    pub fn restart(&mut self, mut cursor: Cursor, number: u8) -> Option<Cursor> {
        if !self.closed {
            cursor = self.fill(cursor);
        }
        let left = (self.end * 8 + cursor.count as usize).checked_sub(cursor.at * 8)?;
        if !self.closed || left >= 8 || self.source.get(self.next..self.next + 2)? != [0xff, 0xd0 + number] {
            return None;
        }
        self.next += 2;
        Some(self.start())
    }
}

impl Cursor {
    /// Makes the buffer hold at least 56 bits.
    #[inline(always)]
    pub fn refill(&mut self, window: &Window) {
        // `Data::ready` left RESERVE bytes behind the cursor, more than a coding unit takes, so that the mask changes
        // nothing; it shows the compiler that there is nothing to check.
        let at = self.at & (WINDOW - 1);
        let bytes = window[at..at + 8].try_into().unwrap_or([0; 8]);
        self.buffer |= u64::from_be_bytes(bytes) >> self.count;
        self.at += ((63 - self.count) >> 3) as usize;
        self.count |= 56;
    }

    /// Passes over this many of the bits that the buffer holds.
    #[inline(always)]
    pub fn consume(&mut self, bits: u32) {
        self.buffer <<= bits;
        self.count = self.count.wrapping_sub(bits);
    }
}
