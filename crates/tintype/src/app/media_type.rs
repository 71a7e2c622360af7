//! What a file is: by its content, and by its name only where content can't tell (texts have no magic number).

/// How much of a file's beginning decides.
pub const HEAD_BYTES: usize = 4096;

/// The media type of a file that begins with `head` and is stored as `name`.
pub fn detect(head: &[u8], name: &str) -> String {
    if let Some(mime) = engine::sniff(head)
        // XML and HTML are texts: what they mean is told by the name (`svg` is XML too).
        && !mime.starts_with("text/")
    {
        return mime.to_owned();
    }
    if !is_text(head) {
        return "application/octet-stream".to_owned();
    }
    // Only types that are texts: a text named cat.jpg does not become a picture.
    mime_guess::from_path(name)
        .iter()
        .find(|mime| {
            let essence = mime.essence_str();
            mime.type_() == "text"
                || essence.ends_with("+xml")
                || essence.ends_with("+json")
                || [
                    "json",
                    "javascript",
                    "xml",
                    "yaml",
                    "toml",
                    "x-subrip",
                    "vnd.apple.mpegurl",
                    "dash+xml",
                    "sql",
                ]
                .contains(&mime.subtype().as_str())
        })
        .map_or_else(
            || "application/octet-stream".to_owned(),
            |mime| mime.essence_str().to_owned(),
        )
}

/// UTF-8 without control characters, allowing a character that was cut at the end of `head`.
fn is_text(head: &[u8]) -> bool {
    let valid = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(e) if e.error_len().is_none() && head.len() - e.valid_up_to() < 4 => {
            std::str::from_utf8(&head[..e.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !valid
        .chars()
        .any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{c}' | '\u{feff}'))
}

/// True for what the API calls `image`: raster pictures and SVG.
pub fn is_image(mime: &str) -> bool {
    mime.starts_with("image/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_decides_and_names_help_with_texts() {
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
        let cases: &[(&[u8], &str, &str)] = &[
            (png, "cat.jpg", "image/png"),
            (b"body { color: red }", "site.css", "text/css"),
            (
                b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>",
                "logo.svg",
                "image/svg+xml",
            ),
            (
                b"<?xml version=\"1.0\"?><svg xmlns=\"http://www.w3.org/2000/svg\"/>",
                "logo.svg",
                "image/svg+xml",
            ),
            (b"{}", "data.json", "application/json"),
            (b"hello", "README", "application/octet-stream"),
            (b"hello", "cat.jpg", "application/octet-stream"),
            (b"<html></html>", "page.html", "text/html"),
            (&[0, 1, 2, 3], "site.css", "application/octet-stream"),
            ("caf\u{e9}".as_bytes(), "menu.txt", "text/plain"),
            (&"caf\u{e9}".as_bytes()[..4], "menu.txt", "text/plain"),
        ];
        for (head, name, expected) in cases {
            assert_eq!(detect(head, name), *expected, "{name}");
        }
    }
}
