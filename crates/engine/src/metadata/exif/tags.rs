//! The tags that are read (CIPA DC-008, TIFF 6.0), under the names by which most tools know them.

/// A tag of a directory.
pub(super) struct Tag {
    pub number: u16,
    pub name: &'static str,
    pub kind: Kind,
}

/// What a tag's value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Integer,
    Number,
    /// So many of them, neither more nor less.
    Integers(usize),
    Numbers(usize),
    Text,
    /// Bytes that are a text if they can be printed, and a number if not.
    Code,
    /// A text behind the name of its character code.
    Comment,
    /// UTF-16, as Windows writes it.
    Wide,
}

pub(super) const EXIF_POINTER: u16 = 0x8769;
pub(super) const GPS_POINTER: u16 = 0x8825;
pub(super) const INTEROP_POINTER: u16 = 0xa005;

const fn tag(number: u16, name: &'static str, kind: Kind) -> Tag {
    Tag { number, name, kind }
}

use Kind::{Code, Comment, Integer, Integers, Number, Numbers, Text, Wide};

pub(super) const IMAGE: &[Tag] = &[
    tag(0x010e, "ImageDescription", Text),
    tag(0x010f, "Make", Text),
    tag(0x0110, "Model", Text),
    tag(0x0112, "Orientation", Integer),
    tag(0x011a, "XResolution", Number),
    tag(0x011b, "YResolution", Number),
    tag(0x0128, "ResolutionUnit", Integer),
    tag(0x0131, "Software", Text),
    tag(0x0132, "ModifyDate", Text),
    tag(0x013b, "Artist", Text),
    tag(0x013c, "HostComputer", Text),
    tag(0x0213, "YCbCrPositioning", Integer),
    tag(0x4746, "Rating", Integer),
    tag(0x4749, "RatingPercent", Integer),
    tag(0x8298, "Copyright", Text),
    tag(EXIF_POINTER, "ExifOffset", Integer),
    tag(GPS_POINTER, "GPSInfo", Integer),
    tag(0x9c9b, "XPTitle", Wide),
    tag(0x9c9c, "XPComment", Wide),
    tag(0x9c9d, "XPAuthor", Wide),
    tag(0x9c9e, "XPKeywords", Wide),
    tag(0x9c9f, "XPSubject", Wide),
];

pub(super) const THUMBNAIL: &[Tag] = &[
    tag(0x0103, "Compression", Integer),
    tag(0x0112, "Orientation", Integer),
    tag(0x011a, "XResolution", Number),
    tag(0x011b, "YResolution", Number),
    tag(0x0128, "ResolutionUnit", Integer),
    tag(0x0201, "ThumbnailOffset", Integer),
    tag(0x0202, "ThumbnailLength", Integer),
];

pub(super) const EXIF: &[Tag] = &[
    tag(0x829a, "ExposureTime", Number),
    tag(0x829d, "FNumber", Number),
    tag(0x8822, "ExposureProgram", Integer),
    tag(0x8827, "ISO", Integer),
    tag(0x8830, "SensitivityType", Integer),
    tag(0x8832, "RecommendedExposureIndex", Integer),
    tag(0x9000, "ExifVersion", Text),
    tag(0x9003, "DateTimeOriginal", Text),
    tag(0x9004, "CreateDate", Text),
    tag(0x9010, "OffsetTime", Text),
    tag(0x9011, "OffsetTimeOriginal", Text),
    tag(0x9012, "OffsetTimeDigitized", Text),
    tag(0x9102, "CompressedBitsPerPixel", Number),
    tag(0x9201, "ShutterSpeedValue", Number),
    tag(0x9202, "ApertureValue", Number),
    tag(0x9203, "BrightnessValue", Number),
    tag(0x9204, "ExposureCompensation", Number),
    tag(0x9205, "MaxApertureValue", Number),
    tag(0x9206, "SubjectDistance", Number),
    tag(0x9207, "MeteringMode", Integer),
    tag(0x9208, "LightSource", Integer),
    tag(0x9209, "Flash", Integer),
    tag(0x920a, "FocalLength", Number),
    tag(0x9286, "UserComment", Comment),
    tag(0x9290, "SubSecTime", Text),
    tag(0x9291, "SubSecTimeOriginal", Text),
    tag(0x9292, "SubSecTimeDigitized", Text),
    tag(0xa000, "FlashpixVersion", Text),
    tag(0xa001, "ColorSpace", Integer),
    tag(0xa002, "ExifImageWidth", Integer),
    tag(0xa003, "ExifImageHeight", Integer),
    tag(INTEROP_POINTER, "InteropOffset", Integer),
    tag(0xa20e, "FocalPlaneXResolution", Number),
    tag(0xa20f, "FocalPlaneYResolution", Number),
    tag(0xa210, "FocalPlaneResolutionUnit", Integer),
    tag(0xa215, "ExposureIndex", Number),
    tag(0xa217, "SensingMethod", Integer),
    tag(0xa300, "FileSource", Code),
    tag(0xa301, "SceneType", Code),
    tag(0xa401, "CustomRendered", Integer),
    tag(0xa402, "ExposureMode", Integer),
    tag(0xa403, "WhiteBalance", Integer),
    tag(0xa404, "DigitalZoomRatio", Number),
    tag(0xa405, "FocalLengthIn35mmFormat", Integer),
    tag(0xa406, "SceneCaptureType", Integer),
    tag(0xa407, "GainControl", Integer),
    tag(0xa408, "Contrast", Integer),
    tag(0xa409, "Saturation", Integer),
    tag(0xa40a, "Sharpness", Integer),
    tag(0xa40c, "SubjectDistanceRange", Integer),
    tag(0xa420, "ImageUniqueID", Text),
    tag(0xa430, "OwnerName", Text),
    tag(0xa431, "SerialNumber", Text),
    tag(0xa432, "LensInfo", Numbers(4)),
    tag(0xa433, "LensMake", Text),
    tag(0xa434, "LensModel", Text),
    tag(0xa435, "LensSerialNumber", Text),
];

pub(super) const GPS: &[Tag] = &[
    tag(0x0000, "GPSVersionID", Integers(4)),
    tag(0x0001, "GPSLatitudeRef", Text),
    tag(0x0002, "GPSLatitude", Numbers(3)),
    tag(0x0003, "GPSLongitudeRef", Text),
    tag(0x0004, "GPSLongitude", Numbers(3)),
    tag(0x0005, "GPSAltitudeRef", Integer),
    tag(0x0006, "GPSAltitude", Number),
    tag(0x0007, "GPSTimeStamp", Numbers(3)),
    tag(0x0008, "GPSSatellites", Text),
    tag(0x0009, "GPSStatus", Text),
    tag(0x000a, "GPSMeasureMode", Text),
    tag(0x000b, "GPSDOP", Number),
    tag(0x000c, "GPSSpeedRef", Text),
    tag(0x000d, "GPSSpeed", Number),
    tag(0x000e, "GPSTrackRef", Text),
    tag(0x000f, "GPSTrack", Number),
    tag(0x0010, "GPSImgDirectionRef", Text),
    tag(0x0011, "GPSImgDirection", Number),
    tag(0x0012, "GPSMapDatum", Text),
    tag(0x0017, "GPSDestBearingRef", Text),
    tag(0x0018, "GPSDestBearing", Number),
    tag(0x001b, "GPSProcessingMethod", Comment),
    tag(0x001d, "GPSDateStamp", Text),
    tag(0x001f, "GPSHPositioningError", Number),
];

pub(super) const INTEROP: &[Tag] = &[tag(0x0001, "InteropIndex", Text), tag(0x0002, "InteropVersion", Text)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tag_once_and_in_order() {
        for table in [IMAGE, THUMBNAIL, EXIF, GPS, INTEROP] {
            assert!(table.windows(2).all(|pair| pair[0].number < pair[1].number));
        }
    }
}
