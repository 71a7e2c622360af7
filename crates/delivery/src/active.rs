//! Uploads that a browser would run: on this origin they may do nothing.

/// For SVG opened as a page: its own styles and embedded pictures and fonts, and no script, form or request.
const DRAWING: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; sandbox";

/// For everything else that may be a page or a program.
const SANDBOX: &str = "sandbox";

/// What the bytes may do when a browser opens them as a page. `None` for what no browser runs.
pub(crate) fn content_security_policy(content_type: &str) -> Option<&'static str> {
    let name = content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    if name == "image/svg+xml" {
        return Some(DRAWING);
    }
    // A list of what is harmless, since the list of what is not has no end. The viewers of PDF do not work in a sandbox
    // and have one of their own.
    let harmless = ["image/", "video/", "audio/", "font/"]
        .iter()
        .any(|class| name.starts_with(class))
        || matches!(
            name.as_str(),
            "application/pdf" | "application/octet-stream" | "application/json" | "text/plain"
        );
    (!harmless || name.ends_with("+xml")).then_some(SANDBOX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_browsers_do_not_run_is_free() {
        let cases = [
            ("image/jpeg", None),
            ("video/mp4", None),
            ("application/pdf", None),
            ("text/plain; charset=utf-8", None),
            ("image/svg+xml", Some(DRAWING)),
            ("IMAGE/SVG+XML; charset=utf-8", Some(DRAWING)),
            ("image/fancy+xml", Some(SANDBOX)),
            ("text/html", Some(SANDBOX)),
            ("application/xhtml+xml", Some(SANDBOX)),
            ("text/xml", Some(SANDBOX)),
            ("text/javascript", Some(SANDBOX)),
            ("multipart/related", Some(SANDBOX)),
            ("", Some(SANDBOX)),
        ];
        for (content_type, expected) in cases {
            assert_eq!(content_security_policy(content_type), expected, "{content_type}");
        }
    }
}
