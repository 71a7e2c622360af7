use crate::{Format, Rect};

/// What the planner needs to know of a source: found by a look at its header, before any pixel is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceInfo {
    /// By content, never by name.
    pub format: Format,
    /// Columns as stored, before `orientation` is applied. At least 1.
    pub width: u32,
    /// Rows as stored, before `orientation` is applied. At least 1.
    pub height: u32,
    /// How the stored pixels have to be turned to stand upright.
    pub orientation: Orientation,
    /// True when some pixel may be transparent (the header declares alpha).
    pub has_alpha: bool,
    /// Frames of an animation; 1 for a still.
    pub frames: u32,
    /// Pages of a document, layers of a layered file; 1 for everything else.
    pub pages: u32,
    /// Dots per inch that the file states; for a document and a vector picture, those at which `width` and `height` are
    /// counted.
    pub density: u32,
    /// Quality (1 to 100) with which a lossy source was encoded, where its tables tell.
    pub quality: Option<u8>,
    /// The area of interest that is stored with the file, in upright pixels.
    pub focus: Option<Rect>,
}

impl SourceInfo {
    /// A still, upright, opaque picture of this size: to be filled in.
    pub const fn new(format: Format, width: u32, height: u32) -> Self {
        Self {
            format,
            width,
            height,
            orientation: Orientation::Upright,
            has_alpha: false,
            frames: 1,
            pages: 1,
            density: Self::DENSITY,
            quality: None,
            focus: None,
        }
    }

    /// Dots per inch of a source that states none.
    pub const DENSITY: u32 = 72;

    /// Width and height as a viewer sees the picture: swapped when the orientation lies on its side.
    pub fn upright(&self) -> (u32, u32) {
        if self.orientation.swaps_sides() {
            (self.height, self.width)
        } else {
            (self.width, self.height)
        }
    }
}

/// The eight values of the EXIF `Orientation` tag (CIPA DC-008, tag 0x0112): how stored rows and columns map to an
/// upright picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Orientation {
    /// 1: stored as seen.
    #[default]
    Upright,
    /// 2: mirrored left to right.
    MirroredHorizontally,
    /// 3: turned by half.
    UpsideDown,
    /// 4: mirrored top to bottom.
    MirroredVertically,
    /// 5: mirrored left to right, then turned 270 degrees clockwise.
    Transposed,
    /// 6: has to be turned 90 degrees clockwise.
    OnLeftSide,
    /// 7: mirrored left to right, then turned 90 degrees clockwise.
    Transversed,
    /// 8: has to be turned 270 degrees clockwise.
    OnRightSide,
}

impl Orientation {
    /// From the tag's number; anything outside 1 to 8 is [`Orientation::Upright`], as cameras mean it.
    pub fn from_exif(value: u16) -> Self {
        match value {
            2 => Self::MirroredHorizontally,
            3 => Self::UpsideDown,
            4 => Self::MirroredVertically,
            5 => Self::Transposed,
            6 => Self::OnLeftSide,
            7 => Self::Transversed,
            8 => Self::OnRightSide,
            _ => Self::Upright,
        }
    }

    /// The tag's number, 1 to 8.
    pub fn to_exif(self) -> u16 {
        match self {
            Self::Upright => 1,
            Self::MirroredHorizontally => 2,
            Self::UpsideDown => 3,
            Self::MirroredVertically => 4,
            Self::Transposed => 5,
            Self::OnLeftSide => 6,
            Self::Transversed => 7,
            Self::OnRightSide => 8,
        }
    }

    /// True when applying it exchanges width and height.
    pub fn swaps_sides(self) -> bool {
        self.to_exif() >= 5
    }
}
