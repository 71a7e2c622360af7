//! Fastly's API: <https://www.fastly.com/documentation/reference/api/purging/>, read in 2026. By surrogate keys where answers carry them, else by URL.

use delivery::service::{Http, Refusal};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::{Forget, MAX_ANSWER, Place, authority, refused, target, unreached};

/// Keys in one request.
const KEYS: usize = 256;

/// A service.
#[derive(Debug)]
pub struct Fastly {
    /// `https://api.fastly.com`
    pub url: String,
    /// Its id.
    pub service: String,
    /// A token that may purge.
    pub key: SecretString,
    /// Answers carry `Surrogate-Key`.
    pub by_key: bool,
}

impl Fastly {
    /// As few requests as possible.
    pub async fn forget(&self, http: &Http, what: &Forget) -> Result<(), Refusal> {
        for (url, body) in self.requests(what)? {
            let headers = [
                ("fastly-key", self.key.clone()),
                ("accept", "application/json".to_owned().into()),
            ];
            let content = body.map(|body| ("application/json".to_owned(), body.to_string().into_bytes()));
            let reply = http
                .send("POST", &url, &headers, content, MAX_ANSWER)
                .await
                .map_err(unreached)?;
            if reply.status != 200 {
                let answer: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
                let text = answer.get("msg").and_then(Value::as_str).unwrap_or_default();
                return Err(refused(&reply, text, Some(&self.key)));
            }
        }
        Ok(())
    }

    fn requests(&self, what: &Forget) -> Result<Vec<(String, Option<Value>)>, Refusal> {
        if self.by_key {
            let keys: Vec<&str> = what.tags().into_iter().collect();
            let url = format!("{}/service/{}/purge", self.url, self.service);
            return Ok(keys
                .chunks(KEYS)
                .map(|keys| (url.clone(), Some(json!({ "surrogate_keys": keys }))))
                .collect());
        }
        let mut requests = Vec::new();
        for Place { url, is_wild } in what.places()? {
            if *is_wild {
                return Err(Refusal::lasting(
                    "Fastly knows no wildcards: what is more than a URL is purged by surrogate keys, which the setting cache_tags adds to answers",
                ));
            }
            let url = format!("{}/purge/{}{}", self.url, authority(url), target(url));
            requests.push((url, None));
        }
        Ok(requests)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::edge::tests::{forget as of_items, item};

    fn fastly(by_key: bool) -> Fastly {
        Fastly {
            url: "https://api.fastly.com".into(),
            service: "SU1Z0isxPaozGVKXdv0eY".into(),
            key: "key".to_owned().into(),
            by_key,
        }
    }

    fn forget(items: &[(&str, &str)]) -> Forget {
        of_items(items.iter().map(|(url, tag)| item(url, tag)).collect())
    }

    #[test]
    fn by_key() {
        let what = forget(&[
            ("https://h/a*", "d-1"),
            ("https://h/b", "p-2"),
            ("https://h/b?c", "p-2"),
        ]);
        let purge = "https://api.fastly.com/service/SU1Z0isxPaozGVKXdv0eY/purge".to_owned();
        let body = json!({ "surrogate_keys": ["d-1", "p-2"] });
        assert_eq!(fastly(true).requests(&what).unwrap(), [(purge, Some(body))]);
        let many: Vec<String> = (0..300).map(|number| format!("f-{number}")).collect();
        let many: Vec<(&str, &str)> = many.iter().map(|tag| ("https://h/a", tag.as_str())).collect();
        assert_eq!(fastly(true).requests(&forget(&many)).unwrap().len(), 2);
    }

    #[test]
    fn by_url() {
        let found = fastly(false).requests(&forget(&[("https://h:8443/a.jpg?tr=w-3", "p-1")]));
        let url = "https://api.fastly.com/purge/h:8443/a.jpg?tr=w-3".to_owned();
        assert_eq!(found.unwrap(), [(url, None)]);
        assert!(
            !fastly(false)
                .requests(&forget(&[("https://h/a*", "p-1")]))
                .unwrap_err()
                .retry
        );
    }
}
