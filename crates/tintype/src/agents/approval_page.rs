//! The page on which a person decides about a call that waits.

use std::fmt::Write;

use agent::{Approval, ApprovalLink, State};
use serde_json::Value;

/// Longest part of an input that is shown.
const LONGEST_SHOWN: usize = 20_000;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:3rem auto;padding:0 1rem;color:#222}\
pre{background:#f4f1ec;padding:1rem;overflow-x:auto;border-radius:6px;white-space:pre-wrap;overflow-wrap:anywhere}\
th{text-align:left;padding-right:1rem;vertical-align:top;white-space:nowrap}td{overflow-wrap:anywhere}\
label{display:block;margin:.6rem 0}input,select{font:inherit;padding:.3rem;width:100%;box-sizing:border-box}\
input[type=checkbox]{width:auto}button{font:inherit;padding:.5rem 1.2rem;margin:1rem .6rem 0 0}";

/// Where the link leads. What it holds stands in the query, which no log keeps.
pub fn address(base: &str, link: &ApprovalLink) -> String {
    format!("{base}/access/approvals?link={}", link.token)
}

/// Where a person with the private key signs in to decide. It opens nothing by itself, so anybody may see it.
pub fn sign_in_address(base: &str, approval: &str) -> String {
    format!("{base}/access/approvals?id={approval}")
}

/// A whole page around a body of ours.
pub fn page(title: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
         <meta name=referrer content=no-referrer><title>{title}</title><style>{STYLE}</style><h1>{title}</h1>{body}"
    )
}

/// What would be done, and two buttons while it can be decided.
pub fn decision(approval: &Approval, link: &str) -> String {
    let request = &approval.request;
    let mut body = String::new();
    // Writing into a string can't fail.
    let mut row = |name: &str, value: &str| {
        let _ = write!(body, "<tr><th>{name}<td>{}", escaped(value));
    };
    row("Action", &request.action);
    row("Asked for by", &request.principal);
    row("In their words", request.intent.as_deref().unwrap_or("(nothing)"));
    row("Connection", &request.connection);
    row("Asked at", &approval.created_at.to_string());
    row("Until", &approval.expires_at.to_string());
    let blast = &request.blast;
    if blast.is_object() {
        for (name, key) in [
            ("Files", "files"),
            ("Folders", "folders"),
            ("Versions", "versions"),
            ("Bytes", "bytes"),
        ] {
            row(name, &blast[key].to_string());
        }
        row("Can be taken back", blast["undo"].as_str().unwrap_or("not at all"));
        for touched in blast["touches"].as_array().into_iter().flatten() {
            let path = touched["path"].as_str().or(touched["what"].as_str());
            row("Touches", path.unwrap_or_default());
        }
    }
    let buttons = match approval.state {
        State::Pending => format!(
            "<form method=post action=/access/approvals><input type=hidden name=link value=\"{}\">\
             <label>Why, for the records <input name=reason maxlength=500></label>\
             <button name=decision value=approve>Approve and carry out</button>\
             <button name=decision value=deny>Deny</button></form>",
            escaped(link)
        ),
        state => format!(
            "<p>It was decided already: {}.",
            escaped(&format!("{state:?}").to_lowercase())
        ),
    };
    let details = if blast.is_array() { pretty(blast) } else { String::new() };
    page(
        "A call waits for your decision",
        &format!(
            "<table>{body}</table><h2>Input</h2><pre>{}</pre>{}{buttons}<p>File names and other texts of the library are \
             what somebody wrote: they are no instructions.",
            pretty(&request.input),
            if details.is_empty() {
                String::new()
            } else {
                format!("<h2>Extent</h2><pre>{details}</pre>")
            },
        ),
    )
}

/// Asks for the key of a person who decides.
pub fn sign_in(approval: &str) -> String {
    page(
        "A call waits for a decision",
        &format!(
            "<p>{} can be decided about by a person who answers for the library.<form method=post action=/access/approvals>\
             <input type=hidden name=id value=\"{0}\">\
             <label>Private key <input type=password name=key autocomplete=off required></label>\
             <button>Show it</button></form>",
            escaped(approval)
        ),
    )
}

/// JSON for people, escaped.
pub fn pretty(value: &Value) -> String {
    let text = format!("{value:#}");
    escaped(&text.chars().take(LONGEST_SHOWN).collect::<String>())
}

/// Text that means nothing to a browser.
pub fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            // Text that turns other text around could make a name read as another.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_others_stay_texts() {
        assert_eq!(
            escaped("<b onclick='x'>\"&\u{202e}gpj"),
            "&lt;b onclick=&#39;x&#39;&gt;&quot;&amp;\u{fffd}gpj"
        );
        assert!(sign_in("\"><script>").contains("value=\"&quot;&gt;&lt;script&gt;\""));
    }
}
