/// What one request may cost. Read once at the start and handed down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most pixels that a source may have to be decoded. Default 100 million.
    pub source_pixels: u64,
    /// Most pixels that the result of any operation may have. Default 100 million.
    pub result_pixels: u64,
    /// Most pixels that all frames of an animation may have together, before and after. Default 100 million.
    pub animation_pixels: u64,
    /// Longest side that the result of any operation may have. Default 65,535, which is all that JPEG can say.
    pub result_side: u32,
}

impl Limits {
    /// Longest transformation text that is read, in bytes as sent.
    pub const TEXT_BYTES: usize = 8 * 1024;
    /// Most steps of a transformation, those inside blocks included.
    pub const STEPS: usize = 20;
    /// Most layers of a transformation.
    pub const LAYERS: usize = 20;
    /// Deepest nesting of `l-…` and `if-…` blocks.
    pub const NESTING: usize = 3;
    /// A requested side above this is ignored, as if it were absent.
    pub const REQUESTED_SIDE: u32 = 65_535;

    /// Small enough for a test to reach each limit with small numbers.
    pub fn for_testing() -> Self {
        Self {
            source_pixels: 4_000_000,
            result_pixels: 1_000_000,
            animation_pixels: 4_000_000,
            result_side: 4_000,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            source_pixels: 100_000_000,
            result_pixels: 100_000_000,
            animation_pixels: 100_000_000,
            result_side: 65_535,
        }
    }
}
