//! What delivery is asked and what it answers, as values: whoever speaks HTTP maps them one to one.

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::BoxStream;

use crate::conditional::http_date;
use crate::decisions::Decision;
use crate::{CachePolicy, Visitor};

/// One GET or HEAD, with the header fields that matter.
#[derive(Debug, Clone, Copy, Default)]
pub struct Request<'a> {
    /// HEAD: the answer has no body.
    pub head: bool,
    /// Path and query as on the wire: nothing decoded, nothing normalised, for signatures are made of these bytes.
    pub target: &'a str,
    /// `Accept`
    pub accept: Option<&'a str>,
    /// `If-None-Match`
    pub if_none_match: Option<&'a str>,
    /// `If-Modified-Since`
    pub if_modified_since: Option<&'a str>,
    /// `Range`
    pub range: Option<&'a str>,
    /// `If-Range`
    pub if_range: Option<&'a str>,
    /// `Sec-CH-Width`, else `Width`
    pub width_hint: Option<&'a str>,
    /// `Sec-CH-DPR`, else `DPR`
    pub dpr_hint: Option<&'a str>,
    /// `Save-Data`
    pub save_data: Option<&'a str>,
    /// `Host`, for origins that want to know it.
    pub host: Option<&'a str>,
    /// Who asks. `None` is this server itself, for whom there are no lists.
    pub visitor: Option<Visitor<'a>>,
    /// The time, in Unix seconds.
    pub now_unix: u64,
}

/// A file, or the news that the client has it already.
#[derive(Debug)]
pub struct Answer {
    /// Whole, part, or nothing new.
    pub kind: Kind,
    /// By content, never by name.
    pub content_type: Cow<'static, str>,
    /// Bytes of the body; of the body that GET would have, when HEAD was asked.
    pub content_length: u64,
    /// Strong, with its quotes.
    pub etag: String,
    /// Unix seconds.
    pub last_modified: u64,
    /// Who may keep it, and for how long.
    pub cache: CachePolicy,
    /// Names for caches in front ([`crate::tags`]); none for what only the client may keep.
    pub tags: Vec<String>,
    /// Request fields that the answer depends on.
    pub vary: Vec<&'static str>,
    /// Save it under a name instead of showing it.
    pub disposition: Option<String>,
    /// Delivered device pixels for a CSS pixel, when `w-auto` rounded.
    pub content_dpr: Option<String>,
    /// What the bytes may do when a browser opens them as a page.
    pub content_security_policy: Option<&'static str>,
    /// The address of the original that search engines shall know it by.
    pub canonical: Option<String>,
    /// Parts of the transformation that were ignored, and why.
    pub notices: Vec<String>,
    /// Where the bytes come from.
    pub origin: ServedFrom,
    /// The bytes.
    pub body: Body,
}

/// An answer that took no waiting: what was decided a moment ago, and bytes that were in memory.
#[derive(Debug)]
pub struct Recalled {
    pub(crate) decision: Arc<Decision>,
    pub(crate) bytes: Option<Bytes>,
}

impl Recalled {
    /// All bytes of the file, or `None` if the client has them already (304).
    pub fn bytes(&self) -> Option<&Bytes> {
        self.bytes.as_ref()
    }

    /// Where the bytes come from, as all answers tell it.
    pub fn origin(&self) -> ServedFrom {
        match self.bytes {
            Some(_) => ServedFrom::Memory,
            None => ServedFrom::Original,
        }
    }

    /// The answer that it is, without its bytes and their number.
    pub fn answer(&self) -> Answer {
        Answer {
            kind: match self.bytes {
                Some(_) => Kind::Full,
                None => Kind::NotModified,
            },
            origin: self.origin(),
            ..self.decision.description.answer()
        }
    }

    /// What the caller makes of the answers of this kind to this request, kept for the next ones. There is one place for it: a caller that wants another
    /// type than the first one gets `None`.
    pub fn prepared<T: Any + Send + Sync>(&self, prepare: impl FnOnce() -> T) -> Option<&T> {
        self.decision.prepared(prepare)
    }
}

/// How much of the file an answer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// All of it. 200.
    Full,
    /// A part. 206.
    Partial {
        /// Which bytes.
        range: Range<u64>,
        /// Of how many.
        total: u64,
    },
    /// None of it: the client has it. 304.
    NotModified,
    /// None of it yet: a page for people who wait for a model. 200.
    Preparing,
}

/// Where the bytes of an answer come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ServedFrom {
    /// The stored file, untouched.
    Original,
    /// A rendition that was in memory.
    Memory,
    /// A rendition that was on disk.
    Disk,
    /// A rendition that another server had made.
    Shared,
    /// A rendition that was made for this request.
    Render,
    /// A rendition that another request had caused and this one waited for.
    Coalesced,
}

impl ServedFrom {
    /// A word for logs and headers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Original => "original",
            Self::Memory => "memory",
            Self::Disk => "disk",
            Self::Shared => "shared",
            Self::Render => "miss",
            Self::Coalesced => "coalesced",
        }
    }
}

/// The bytes of an answer.
pub enum Body {
    /// None.
    Empty,
    /// All at hand.
    Bytes(Bytes),
    /// Read while they are sent. As many as the answer's `content_length`, or an error on the way.
    Stream(BoxStream<'static, std::io::Result<Bytes>>),
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("Empty"),
            Self::Bytes(bytes) => write!(f, "Bytes({})", bytes.len()),
            Self::Stream(_) => f.write_str("Stream"),
        }
    }
}

/// Seconds after which it makes sense to ask again for what is being prepared.
const POLL_S: u32 = 5;

impl Answer {
    /// The page for those who wait.
    pub(crate) fn preparing(head: bool) -> Self {
        let page = format!(
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta http-equiv=\"refresh\" content=\"{POLL_S}\">\n\
             <title>Being prepared</title>\n<p>This asset is being prepared. The same address will show it when it is ready.</p>\n</html>\n"
        );
        Self {
            kind: Kind::Preparing,
            content_type: "text/html; charset=utf-8".into(),
            content_length: page.len() as u64,
            etag: String::new(),
            last_modified: 0,
            cache: CachePolicy::NoStore,
            tags: Vec::new(),
            vary: Vec::new(),
            disposition: None,
            content_dpr: None,
            content_security_policy: None,
            canonical: None,
            notices: Vec::new(),
            origin: ServedFrom::Render,
            body: if head { Body::Empty } else { Body::Bytes(page.into()) },
        }
    }

    /// The status code.
    pub fn status(&self) -> u16 {
        match self.kind {
            Kind::Full | Kind::Preparing => 200,
            Kind::Partial { .. } => 206,
            Kind::NotModified => 304,
        }
    }

    /// All header fields that delivery decides, names in lower case. Values are printable ASCII.
    pub fn headers(&self) -> Vec<(&'static str, Cow<'static, str>)> {
        if self.kind == Kind::Preparing {
            return vec![
                ("cache-control", self.cache.header()),
                ("content-length", self.content_length.to_string().into()),
                ("content-type", self.content_type.clone()),
                ("is-intermediate-response", "true".into()),
                ("retry-after", POLL_S.to_string().into()),
                ("x-content-type-options", "nosniff".into()),
            ];
        }
        let mut fields: Vec<(&'static str, Cow<'static, str>)> = vec![
            ("cache-control", self.cache.header()),
            ("etag", self.etag.clone().into()),
            ("last-modified", http_date(self.last_modified).into()),
            ("x-content-type-options", "nosniff".into()),
            ("x-tintype-cache", self.origin.name().into()),
        ];
        if !self.vary.is_empty() {
            fields.push(("vary", self.vary.join(", ").into()));
        }
        // A 304 repeats what caches need to find the answer again; the rest describes bytes that are not sent.
        if self.kind == Kind::NotModified {
            return fields;
        }
        fields.push(("content-type", self.content_type.clone()));
        fields.push(("content-length", self.content_length.to_string().into()));
        fields.push(("accept-ranges", "bytes".into()));
        if let Kind::Partial { range, total } = &self.kind {
            let last = range.end.saturating_sub(1);
            fields.push(("content-range", format!("bytes {}-{last}/{total}", range.start).into()));
        }
        let optional = [
            ("content-disposition", self.disposition.clone().map(Cow::Owned)),
            ("content-dpr", self.content_dpr.clone().map(Cow::Owned)),
            (
                "content-security-policy",
                self.content_security_policy.map(Cow::Borrowed),
            ),
            (
                "link",
                self.canonical
                    .as_ref()
                    .map(|url| Cow::Owned(format!("<{url}>; rel=\"canonical\""))),
            ),
            ("x-tintype-ignored", self.ignored().map(Cow::Owned)),
        ];
        fields.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value?))));
        fields
    }

    /// The notices as one line that a header can carry.
    fn ignored(&self) -> Option<String> {
        const LONGEST: usize = 500;
        let line = self.notices.join("; ");
        let printable = line
            .chars()
            .map(|c| if matches!(c, ' '..='~') { c } else { '?' })
            .take(LONGEST);
        (!line.is_empty()).then(|| printable.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(kind: Kind) -> Answer {
        Answer {
            kind,
            content_type: "image/webp".into(),
            content_length: 10,
            etag: "\"e\"".into(),
            last_modified: 0,
            cache: CachePolicy::Public,
            tags: Vec::new(),
            vary: vec!["Accept", "Sec-CH-DPR"],
            disposition: None,
            content_dpr: None,
            content_security_policy: None,
            canonical: None,
            notices: vec!["`v-2` is unknown".into(), "`w-\u{e9}`\nis no number".into()],
            origin: ServedFrom::Memory,
            body: Body::Empty,
        }
    }

    fn listed(answer: &Answer) -> String {
        let fields = answer
            .headers()
            .into_iter()
            .map(|(name, value)| format!("{name}: {value}\n"));
        format!("{}\n{}", answer.status(), fields.collect::<String>())
    }

    #[test]
    fn a_part() {
        let part = answer(Kind::Partial {
            range: 5..15,
            total: 100,
        });
        assert_eq!(
            listed(&part),
            "206\n\
             cache-control: public, s-maxage=31536000, max-age=31536000, must-revalidate\n\
             etag: \"e\"\n\
             last-modified: Thu, 01 Jan 1970 00:00:00 GMT\n\
             x-content-type-options: nosniff\n\
             x-tintype-cache: memory\n\
             vary: Accept, Sec-CH-DPR\n\
             content-type: image/webp\n\
             content-length: 10\n\
             accept-ranges: bytes\n\
             content-range: bytes 5-14/100\n\
             x-tintype-ignored: `v-2` is unknown; `w-?`?is no number\n"
        );
    }

    #[test]
    fn nothing_new() {
        assert_eq!(
            listed(&answer(Kind::NotModified)),
            "304\n\
             cache-control: public, s-maxage=31536000, max-age=31536000, must-revalidate\n\
             etag: \"e\"\n\
             last-modified: Thu, 01 Jan 1970 00:00:00 GMT\n\
             x-content-type-options: nosniff\n\
             x-tintype-cache: memory\n\
             vary: Accept, Sec-CH-DPR\n"
        );
    }
}
