//! Uploads that a browser would run: on this origin they may do nothing, and pages are saved instead of shown.

/// For SVG opened as a page: its own styles and embedded pictures and fonts, and no script, form or request.
const DRAWING: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; sandbox";

/// For everything else that may be a page or a program.
const SANDBOX: &str = "sandbox";

/// The type without its parameters.
fn essence(content_type: &str) -> String {
    let name = content_type.split(';').next().unwrap_or_default();
    name.trim().to_ascii_lowercase()
}

/// True for a stored file that a browser would open as a page of its own, with whatever that runs: it is to be saved instead. Styles, scripts
/// and pictures go on working where another page uses them, for there nobody looks at this.
///
/// Drawings are shown. Where they are `cleaned`, one that comes here as it is stored was asked for in so many words.
pub(crate) fn is_to_save(content_type: &str, cleaned: bool) -> bool {
    let name = essence(content_type);
    if name == "image/svg+xml" {
        return cleaned;
    }
    // XML may have a style sheet that is a program, or markup of HTML in it.
    let is_xml = name.ends_with("+xml") || name.ends_with("/xml");
    let is_script = name.ends_with("/javascript") || name.ends_with("/x-javascript") || name.ends_with("/ecmascript");
    is_xml
        || is_script
        || matches!(
            name.as_str(),
            "text/html"
                | "text/xsl"
                | "text/x-component"
                | "text/mhtml"
                | "message/rfc822"
                | "multipart/related"
                | "multipart/x-mixed-replace"
                | "application/hta"
                | "application/x-shockwave-flash"
                | "application/java-archive"
        )
}

/// What the bytes may do when a browser opens them as a page. `None` for what no browser runs.
pub(crate) fn content_security_policy(content_type: &str) -> Option<&'static str> {
    let name = essence(content_type);
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

    #[test]
    fn pages_are_saved() {
        for (content_type, expected) in [
            ("text/html", true),
            ("Text/HTML ; charset=utf-8", true),
            ("application/xhtml+xml", true),
            ("text/xml", true),
            ("application/xml", true),
            ("application/rss+xml", true),
            ("application/xslt+xml", true),
            ("application/mathml+xml", true),
            ("text/javascript", true),
            ("application/javascript; charset=utf-8", true),
            ("multipart/related", true),
            ("application/pdf", false),
            ("text/css", false),
            ("text/plain", false),
            ("application/json", false),
            ("image/png", false),
            ("video/mp4", false),
            ("application/octet-stream", false),
        ] {
            assert_eq!(is_to_save(content_type, true), expected, "{content_type}");
        }
        assert!(is_to_save("image/svg+xml", true) && !is_to_save("image/svg+xml", false));
    }
}
