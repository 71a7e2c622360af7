//! Amazon CloudFront, `CreateInvalidation`: <https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_CreateInvalidation.html>, read in 2026. It knows no tags: paths, with a `*` at
//! the end.

use std::collections::BTreeSet;

use delivery::service::{Http, Refusal, Reply};
use time::OffsetDateTime;
use url::Url;

use super::{Forget, MAX_ANSWER, authority, refused, unreached};
use crate::app::enrich::sigv4::{Signer, Unsigned, moment};
use crate::config::CloudFrontSettings;

const CONTENT_TYPE: &str = "application/xml";

/// A distribution.
#[derive(Debug)]
pub struct CloudFront {
    /// The whole URL of its invalidations.
    url: Url,
    signer: Signer,
}

impl CloudFront {
    /// The one that the settings name.
    pub fn new(settings: &CloudFrontSettings) -> Self {
        Self {
            url: settings.url.clone(),
            signer: Signer {
                access_key: settings.access_key.clone(),
                secret_key: settings.secret_key.clone(),
                // A global service: requests are signed for this region wherever they come from.
                region: "us-east-1".to_owned(),
                service: "cloudfront",
            },
        }
    }

    /// One invalidation.
    pub async fn forget(&self, http: &Http, what: &Forget) -> Result<(), Refusal> {
        let payload = body(what)?.into_bytes();
        let now = OffsetDateTime::now_utc();
        let moment = moment(now);
        let host = authority(&self.url);
        let unsigned = Unsigned {
            method: "POST",
            path: self.url.path(),
            headers: &[("content-type", CONTENT_TYPE), ("host", &host), ("x-amz-date", &moment)],
            payload: &payload,
        };
        let headers = [
            ("authorization", self.signer.authorization(&unsigned, now).into()),
            ("x-amz-date", moment.clone().into()),
        ];
        let content = (CONTENT_TYPE.to_owned(), payload.clone());
        let reply = http
            .post(self.url.as_str(), &headers, content, MAX_ANSWER)
            .await
            .map_err(unreached)?;
        if (200..300).contains(&reply.status) {
            return Ok(());
        }
        Err(self.refusal(&reply))
    }

    /// Too many at a time are told by a 400, with a code that says so.
    fn refusal(&self, reply: &Reply) -> Refusal {
        let text = String::from_utf8_lossy(&reply.body);
        let code = between(&text, "<Code>", "</Code>");
        let message = format!("{code} {}", between(&text, "<Message>", "</Message>"));
        let refusal = refused(reply, &message, Some(&self.signer.secret_key));
        let retry = refusal.retry
            || matches!(
                code,
                "TooManyInvalidationsInProgress" | "Throttling" | "ThrottlingException" | "RequestExpired"
            );
        Refusal { retry, ..refusal }
    }
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let rest = text.split_once(start).map_or("", |(_, rest)| rest);
    rest.split_once(end).map_or("", |(inner, _)| inner)
}

/// Paths that end in `*` and may be on their way at the same time.
const WILDCARDS: usize = 15;

/// A file is invalidated with all its queries, which hold its transformations. Of too many files their folders are.
fn paths(what: &Forget) -> Result<BTreeSet<String>, Refusal> {
    let mut paths: BTreeSet<String> = what.places()?.map(|place| format!("{}*", place.url.path())).collect();
    while paths.len() > WILDCARDS {
        paths = paths.iter().map(|path| format!("{}/*", folder(path))).collect();
    }
    Ok(paths)
}

/// Of a path, or of a folder that ends in `/*`.
fn folder(path: &str) -> &str {
    let path = path.trim_end_matches("/*");
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn body(what: &Forget) -> Result<String, Refusal> {
    let paths = paths(what)?;
    let items: String = paths
        .iter()
        .map(|path| format!("<Path>{}</Path>", escaped(path)))
        .collect();
    Ok(format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<InvalidationBatch xmlns=\"http://cloudfront.amazonaws.com/doc/2020-05-31/\">\
         <CallerReference>tintype-{}</CallerReference><Paths><Items>{items}</Items><Quantity>{}</Quantity></Paths></InvalidationBatch>",
        escaped(&what.id),
        paths.len()
    ))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::edge::tests::{forget, item};

    #[test]
    fn many_files_are_told_by_their_folders() {
        let told = |urls: Vec<String>| {
            let what = forget(urls.iter().map(|url| item(url, "f-1")).collect());
            paths(&what).unwrap().into_iter().collect::<Vec<_>>()
        };
        let few = (0..15).map(|number| format!("https://h/a/{number}.jpg"));
        assert_eq!(told(few.collect()).len(), 15);
        let one_folder = (0..16).map(|number| format!("https://h/a/b/{number}.jpg"));
        assert_eq!(told(one_folder.collect()), ["/a/b/*"]);
        let folders = (0..40).map(|number| format!("https://h/a/{}/{number}.jpg", number % 20));
        assert_eq!(told(folders.collect()), ["/a/*"]);
        let roots = (0..16).map(|number| format!("https://h/{number}.jpg"));
        assert_eq!(told(roots.collect()), ["/*"]);
    }

    #[test]
    fn an_invalidation() {
        let what = Forget {
            id: "17".into(),
            items: vec![
                item("https://h/a.jpg?tr=w-3", "p-1"),
                item("https://h/a.jpg", "p-1"),
                item("https://h/b&c/*", "d-1"),
            ],
            unlisted: None,
        };
        assert_eq!(
            body(&what).unwrap(),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<InvalidationBatch xmlns=\"http://cloudfront.amazonaws.com/doc/2020-05-31/\">\
             <CallerReference>tintype-17</CallerReference><Paths><Items><Path>/a.jpg*</Path><Path>/b&amp;c/*</Path></Items>\
             <Quantity>2</Quantity></Paths></InvalidationBatch>"
        );
    }
}
