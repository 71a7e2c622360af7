//! Cloudflare's API: <https://developers.cloudflare.com/api/resources/cache/methods/purge/>, read in 2026. By tags where answers carry them, else by URL
//! and prefix.

use std::collections::BTreeSet;

use delivery::service::{Http, Refusal};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::{Forget, MAX_ANSWER, Place, authority, refused, unreached};

/// In one request; every plan allows that many of each kind.
const AT_ONCE: usize = 30;

/// A zone.
#[derive(Debug)]
pub struct Cloudflare {
    /// `https://api.cloudflare.com/client/v4`
    pub url: String,
    /// Its id.
    pub zone: String,
    /// A token that may purge.
    pub token: SecretString,
    /// Answers carry `Cache-Tag`.
    pub by_tag: bool,
}

impl Cloudflare {
    /// As few requests as possible.
    pub async fn forget(&self, http: &Http, what: &Forget) -> Result<(), Refusal> {
        let url = format!("{}/zones/{}/purge_cache", self.url, self.zone);
        for body in self.bodies(what)? {
            let token = secrecy::ExposeSecret::expose_secret(&self.token);
            let headers = [("authorization", format!("Bearer {token}").into())];
            let content = ("application/json".to_owned(), body.to_string().into_bytes());
            let reply = http
                .post(&url, &headers, content, MAX_ANSWER)
                .await
                .map_err(unreached)?;
            let answer: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
            if reply.status != 200 || answer.get("success") != Some(&Value::Bool(true)) {
                let problem = answer.pointer("/errors/0/message").and_then(Value::as_str);
                return Err(refused(&reply, problem.unwrap_or_default(), Some(&self.token)));
            }
        }
        Ok(())
    }

    fn bodies(&self, what: &Forget) -> Result<Vec<Value>, Refusal> {
        let (mut tags, mut prefixes, mut files) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        if self.by_tag {
            tags = what.tags().into_iter().map(str::to_owned).collect();
        } else {
            for Place { url, is_wild } in what.places()? {
                if *is_wild {
                    // Without a scheme and a query.
                    prefixes.insert(format!("{}{}", authority(url), url.path()));
                } else {
                    files.insert(url.to_string());
                }
            }
        }
        Ok([("tags", tags), ("prefixes", prefixes), ("files", files)]
            .into_iter()
            .flat_map(|(kind, texts)| {
                let texts: Vec<String> = texts.into_iter().collect();
                let bodies = texts.chunks(AT_ONCE).map(|some| json!({ kind: some }));
                bodies.collect::<Vec<_>>()
            })
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::edge::tests::{forget, item};

    #[test]
    fn bodies() {
        let what = forget(vec![
            item("https://h/a/b*", "d-1"),
            item("https://h/c.jpg?tr=w-3", "p-2"),
            item("https://h/d.jpg", "p-3"),
        ]);
        let mut cloudflare = Cloudflare {
            url: String::new(),
            zone: String::new(),
            token: String::new().into(),
            by_tag: false,
        };
        assert_eq!(
            cloudflare.bodies(&what).unwrap(),
            [
                json!({ "prefixes": ["h/a/b"] }),
                json!({ "files": ["https://h/c.jpg?tr=w-3", "https://h/d.jpg"] }),
            ]
        );
        cloudflare.by_tag = true;
        assert_eq!(
            cloudflare.bodies(&what).unwrap(),
            [json!({ "tags": ["d-1", "p-2", "p-3"] })]
        );
        let items = (0..61)
            .map(|number| item("https://h/a", &format!("f-{number}")))
            .collect();
        assert_eq!(cloudflare.bodies(&forget(items)).unwrap().len(), 3);
    }
}
