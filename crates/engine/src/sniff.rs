/// The media type of a file by the bytes it begins with: pictures, video, audio, documents, archives, fonts and more.
/// A few kilobytes are enough. `None` for plain text and for what nobody knows.
///
/// This names a file; it does not promise that the rest of it is sound.
pub fn sniff(head: &[u8]) -> Option<&'static str> {
    // `infer` knows AVIF only with its usual first brand; files of many sequences and tools put another one first.
    if crate::probe::avif::is_avif(head) {
        return Some("image/avif");
    }
    if crate::probe::svg::is_svg(head) {
        return Some("image/svg+xml");
    }
    infer::get(head).map(|kind| kind.mime_type())
}

#[cfg(test)]
mod tests {
    use super::sniff;

    #[test]
    fn kinds() {
        let cases: &[(&[u8], Option<&str>)] = &[
            (b"\xff\xd8\xff\xe0\0\x10JFIF", Some("image/jpeg")),
            (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", Some("image/png")),
            (b"GIF89a\x01\0\x01\0", Some("image/gif")),
            (b"RIFF\x24\0\0\0WEBPVP8 ", Some("image/webp")),
            (b"\0\0\0\x1cftypavif\0\0\0\0mif1avifmiaf", Some("image/avif")),
            (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf", Some("image/avif")),
            (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", Some("video/mp4")),
            (b"%PDF-1.7\n", Some("application/pdf")),
            (b"PK\x03\x04\x14\0\0\0", Some("application/zip")),
            (b"ID3\x03\0", Some("audio/mpeg")),
            (b"wOF2\0\x01\0\0", Some("application/font-woff")),
            (
                b"\xef\xbb\xbf<?xml version='1.0'?><!-- a --><svg xmlns='x'/>",
                Some("image/svg+xml"),
            ),
            (b"<svgfont>", None),
            (b"hello, world", None),
            (b"", None),
        ];
        for (head, expected) in cases {
            assert_eq!(sniff(head), *expected, "{}", String::from_utf8_lossy(head));
        }
    }
}
