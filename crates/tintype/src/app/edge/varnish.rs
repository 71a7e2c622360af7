//! Varnish, with the VCL of `deploy/varnish/tintype.vcl`: `BAN /` with regular expressions in header fields. Bans are kept by Varnish and tried against what it has,
//! in all variants.

use delivery::service::{Http, Refusal};
use secrecy::SecretString;
use url::Url;

use super::{Forget, MAX_ANSWER, Place, refused, unreached};
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
    /// Answers carry `Surrogate-Key`.
    pub by_key: bool,
}

impl Varnish {
    /// One ban for each thing.
    pub async fn forget(&self, http: &Http, what: &Forget) -> Result<(), Refusal> {
        for mut headers in self.bans(what)? {
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

    /// The header fields of each. By name where answers carry names, and then also by the URL that was asked for: what came before they did has none.
    fn bans(&self, what: &Forget) -> Result<Vec<Vec<(&'static str, SecretString)>>, Refusal> {
        let by_url = |place: &Place| ("x-tintype-ban-url", expression(place).into());
        if !self.by_key {
            return Ok(what.places()?.map(|place| vec![by_url(place)]).collect());
        }
        let bans = what.items.iter().filter_map(|item| {
            let by_name = format!("(^|\\s){}(\\s|$)", item.tag.as_ref()?);
            let mut ban: Vec<_> = item.place.as_ref().map(by_url).into_iter().collect();
            ban.push(("x-tintype-ban-tag", by_name.into()));
            Some(ban)
        });
        Ok(bans.collect())
    }
}

/// What matches the URL of every form of a file: transformations may stand before any part of its path, and what is made of it behind.
fn expression(place: &Place) -> String {
    const TRANSFORMED: &str = "/(tr:[^/?]+/)*";
    let kept = segments(&place.url);
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
    let is_whole = !place.is_wild || place.url.query().is_some();
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
    use crate::app::edge::Item;
    use crate::app::edge::tests::{forget, item};

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
            assert_eq!(expression(&item(url, "p-1").place.unwrap()), expected, "{url}");
        }
        let long = expression(&item(&format!("http://h/a/{}", "b".repeat(4000)), "p-1").place.unwrap());
        assert_eq!(long, "^/(tr:[^/?]+/)*a");
    }

    #[test]
    fn bans() {
        let mut varnish = Varnish {
            url: "http://v".parse().unwrap(),
            key: None,
            by_key: false,
        };
        let other = Item {
            tag: None,
            ..item("http://h/s/a*", "")
        };
        let named = Item {
            place: None,
            tag: Some("t-2".into()),
        };
        let what = forget(vec![item("http://h/a*", "p-1"), other, named]);
        let names = |varnish: &Varnish| -> Vec<Vec<&str>> {
            let bans = varnish.bans(&what).unwrap();
            bans.iter()
                .map(|ban| ban.iter().map(|(name, _)| *name).collect())
                .collect()
        };
        let (url, tag) = ("x-tintype-ban-url", "x-tintype-ban-tag");
        assert_eq!(names(&varnish), [vec![url], vec![url]]);
        varnish.by_key = true;
        assert_eq!(names(&varnish), [vec![url, tag], vec![tag]]);
    }
}
