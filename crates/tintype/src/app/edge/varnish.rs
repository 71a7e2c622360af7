//! Varnish, with the VCL of `deploy/varnish/tintype.vcl`: `BAN /` with regular expressions in header fields. Bans are kept by Varnish and tried against what it has,
//! in all variants.

use delivery::service::{Http, Refusal};
use secrecy::SecretString;
use url::Url;

use super::{Forget, Item, MAX_ANSWER, refused, unreached};
use crate::config::PublicUrl;

/// Of this many characters a header field may well be.
const LONGEST: usize = 3000;

/// One server.
#[derive(Debug)]
pub struct Varnish {
    /// Where it is reached.
    pub url: PublicUrl,
    /// What shows that we may.
    pub key: Option<SecretString>,
}

impl Varnish {
    /// One ban for each thing.
    pub async fn forget(&self, http: &Http, what: &Forget) -> Result<(), Refusal> {
        for item in &what.items {
            let mut headers: Vec<(&'static str, SecretString)> = vec![
                ("x-tintype-ban-url", expression(item).into()),
                ("x-tintype-ban-tag", format!("(^|\\s){}(\\s|$)", item.tag).into()),
            ];
            if let Some(key) = &self.key {
                headers.push(("x-tintype-key", key.clone()));
            }
            let url = format!("{}/", self.url);
            let reply = http
                .send("BAN", &url, &headers, None, MAX_ANSWER)
                .await
                .map_err(unreached)?;
            if !(200..300).contains(&reply.status) {
                return Err(refused(&reply, "", None));
            }
        }
        Ok(())
    }
}

/// What matches the URL of every form of a file: transformations may stand before any part of its path, and what is made of it behind.
fn expression(item: &Item) -> String {
    const TRANSFORMED: &str = "/(tr:[^/?]+/)*";
    let kept = segments(&item.url);
    let mut text = "^".to_owned();
    for segment in &kept {
        text.push_str(TRANSFORMED);
        text.push_str(&escaped(segment));
    }
    // All forms of a very long path are those of its folder, too.
    if text.len() > LONGEST {
        let cut = text.rfind(TRANSFORMED).filter(|at| *at > 1 && *at < LONGEST);
        text.truncate(cut.unwrap_or(1));
        return text;
    }
    // A query says which transformation is meant: a path is purged in all its forms.
    let is_whole = !item.is_wild || item.url.query().is_some();
    if is_whole {
        text.push_str("([/?]|$)");
    }
    text
}

/// Of the path, without transformations.
fn segments(url: &Url) -> Vec<String> {
    let path = url.path().trim_start_matches('/');
    path.split('/')
        .filter(|segment| !segment.starts_with("tr:"))
        .map(str::to_owned)
        .collect()
}

fn escaped(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    for character in text.chars() {
        if !character.is_ascii_alphanumeric() && !matches!(character, '-' | '_' | '%') {
            result.push('\\');
        }
        result.push(character);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::edge::tests::item;

    #[test]
    fn expressions() {
        for (url, expected) in [
            ("http://h/a/b.jpg", r"^/(tr:[^/?]+/)*a/(tr:[^/?]+/)*b\.jpg([/?]|$)"),
            (
                "http://h/a/tr:w-9/b.jpg?x=1",
                r"^/(tr:[^/?]+/)*a/(tr:[^/?]+/)*b\.jpg([/?]|$)",
            ),
            ("http://h/a/b*", r"^/(tr:[^/?]+/)*a/(tr:[^/?]+/)*b"),
            ("http://h/a/*", r"^/(tr:[^/?]+/)*a/(tr:[^/?]+/)*"),
            ("http://h/a b(1)+.jpg", r"^/(tr:[^/?]+/)*a%20b\(1\)\+\.jpg([/?]|$)"),
            ("http://h/a.jpg?tr=w-*", r"^/(tr:[^/?]+/)*a\.jpg([/?]|$)"),
        ] {
            assert_eq!(expression(&item(url, "p-1")), expected, "{url}");
        }
        let long = expression(&item(&format!("http://h/a/{}", "b".repeat(4000)), "p-1"));
        assert_eq!(long, "^/(tr:[^/?]+/)*a");
    }
}
