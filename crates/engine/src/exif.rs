//! The one tag that changes how a picture looks. All else in EXIF is carried as it is.

use transform::Orientation;

const ORIENTATION: u16 = 0x0112;
const SHORT: u16 = 3;

/// The orientation that a TIFF structure states; upright when it states none or is broken.
pub(crate) fn orientation(exif: Option<&[u8]>) -> Orientation {
    let value = exif.and_then(|exif| {
        let (place, endian) = find(exif)?;
        endian.u16(exif, place)
    });
    Orientation::from_exif(value.unwrap_or(1))
}

/// Writes "upright" over the stated orientation, where there is one.
pub(crate) fn set_upright(exif: &mut [u8]) {
    if let Some((place, endian)) = find(exif)
        && let Some(value) = exif.get_mut(place..place + 2)
    {
        value.copy_from_slice(&match endian {
            Endian::Little => 1u16.to_le_bytes(),
            Endian::Big => 1u16.to_be_bytes(),
        });
    }
}

/// True for what begins as EXIF must. Anything else is not carried on: some encoders refuse it, and nobody can read it.
pub(crate) fn is_sound(exif: &[u8]) -> bool {
    exif.starts_with(b"II*\0") || exif.starts_with(b"MM\0*")
}

/// Where the tag's value is, among the entries of the first directory (IFD0).
fn find(exif: &[u8]) -> Option<(usize, Endian)> {
    let endian = match exif.get(..4)? {
        b"II*\0" => Endian::Little,
        b"MM\0*" => Endian::Big,
        _ => return None,
    };
    let directory = usize::try_from(endian.u32(exif, 4)?).ok()?;
    let entries = usize::from(endian.u16(exif, directory)?);
    (0..entries).find_map(|index| {
        let entry = directory.checked_add(2 + index * 12)?;
        let found = endian.u16(exif, entry)? == ORIENTATION && endian.u16(exif, entry + 2)? == SHORT;
        found.then_some((entry + 8, endian))
    })
}

#[derive(Clone, Copy)]
enum Endian {
    Little,
    Big,
}

impl Endian {
    fn u16(self, bytes: &[u8], at: usize) -> Option<u16> {
        let value = bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(match self {
            Self::Little => u16::from_le_bytes(value),
            Self::Big => u16::from_be_bytes(value),
        })
    }

    fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
        let value = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(match self {
            Self::Little => u32::from_le_bytes(value),
            Self::Big => u32::from_be_bytes(value),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tiff(big: bool, tag: u16, value: u16) -> Vec<u8> {
        let short = |v: u16| if big { v.to_be_bytes() } else { v.to_le_bytes() };
        let long = |v: u32| if big { v.to_be_bytes() } else { v.to_le_bytes() };
        let mut bytes = if big { b"MM\0*".to_vec() } else { b"II*\0".to_vec() };
        bytes.extend(long(8));
        bytes.extend(short(1));
        bytes.extend(short(tag));
        bytes.extend(short(SHORT));
        bytes.extend(long(1));
        bytes.extend(short(value));
        bytes.extend([0; 6]);
        bytes
    }

    #[test]
    fn both_byte_orders() {
        for big in [false, true] {
            let mut exif = tiff(big, ORIENTATION, 6);
            assert_eq!(orientation(Some(&exif)), Orientation::OnLeftSide);
            set_upright(&mut exif);
            assert_eq!(exif, tiff(big, ORIENTATION, 1));
        }
    }

    #[test]
    fn broken_or_absent_is_upright() {
        let whole = tiff(true, ORIENTATION, 6);
        for end in 0..whole.len() - 7 {
            assert_eq!(orientation(Some(&whole[..end])), Orientation::Upright, "cut at {end}");
        }
        assert_eq!(orientation(Some(&tiff(false, 0x010f, 6))), Orientation::Upright);
        assert_eq!(orientation(Some(&tiff(false, ORIENTATION, 9))), Orientation::Upright);
        assert_eq!(orientation(None), Orientation::Upright);
        assert!(is_sound(&whole) && !is_sound(b"Exif\0\0MM\0*"));
    }
}
