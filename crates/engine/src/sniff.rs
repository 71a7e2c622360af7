/// The media type of a file by the bytes it begins with: pictures, video, audio, documents, archives, fonts and more.
/// A few kilobytes are enough. `None` for plain text and for what nobody knows.
///
/// This names a file; it does not promise that the rest of it is sound.
pub fn sniff(head: &[u8]) -> Option<&'static str> {
    // `infer` knows AVIF only with its usual first brand; files of many sequences and tools put another one first.
    if crate::probe::avif::is_avif(head) {
        return Some("image/avif");
    }
    if is_svg(head) {
        return Some("image/svg+xml");
    }
    infer::get(head).map(|kind| kind.mime_type())
}

/// SVG has no magic number: an `svg` element must be the first element, after white space, comments and declarations.
fn is_svg(head: &[u8]) -> bool {
    const LOOK_AT: usize = 4096;
    let text = String::from_utf8_lossy(&head[..head.len().min(LOOK_AT)]);
    let mut rest = text.trim_start_matches('\u{feff}').trim_start();
    loop {
        let end = if rest.starts_with("<?") {
            "?>"
        } else if rest.starts_with("<!--") {
            "-->"
        } else if rest.starts_with("<!") {
            ">"
        } else {
            break;
        };
        let Some((_, after)) = rest.split_once(end) else {
            return false;
        };
        rest = after.trim_start();
    }
    match rest.strip_prefix("<svg") {
        Some(after) => after.starts_with(|next: char| next.is_whitespace() || next == '>' || next == '/'),
        None => false,
    }
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
