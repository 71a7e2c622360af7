//! The multipart form, in the many spellings that clients use, read part by part: the file goes to disk as it comes,
//! in whatever place of the form it stands. What the texts mean is `fields.rs`'s concern.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures::{Stream, StreamExt};
use library::{BlobError, BlobWriter, Code, StagedBlob};
use multer::{Field, Multipart};
use serde_json::Value;

use super::base64_text::Base64Text;
use super::{brackets, drain, too_large};
use crate::app::App;
use crate::app::media_type::HEAD_BYTES;
use crate::app::spool::Share;
use crate::app::upload::FileSource;
use crate::auth::UploadSignature;
use crate::auth::upload_token::list;
use crate::error::ApiError;

/// One text other than the file; customMetadata is the largest of them.
const LONGEST_TEXT: usize = 256 << 10;
/// All of them together.
const LONGEST_TEXTS: usize = 1 << 20;
const MOST_PARTS: usize = 256;
/// A client that sends nothing for so long is gone.
const IDLE: Duration = Duration::from_secs(60);
/// How much of what is refused is read, so that the sender hears why.
const AT_MOST_SKIPPED: usize = 64 << 20;
/// How much of a text part decides whether it is a URL, a data URI, base64 or raw bytes.
const SNIFFED: usize = 16 << 10;

/// What the form holds, not yet understood.
#[derive(Default)]
pub struct Form {
    file: Option<FilePart>,
    texts: Vec<Text>,
}

/// The part named `file`.
pub type FilePart = Result<(FileSource, Vec<u8>), ApiError>;

/// A text part: `customMetadata[brand]` has the name `customMetadata` and the path `[brand]`.
struct Text {
    name: String,
    path: String,
    value: String,
}

/// Lists that are sent as several parts, or with commas.
fn is_list(name: &str) -> bool {
    matches!(name, "tags" | "responseFields")
}

impl Form {
    /// Reads the whole form. On an error nothing of the file is left. `share` bounds what a stranger may send.
    pub async fn read(app: &App, content_type: &str, body: Body, share: Option<&mut Share>) -> Result<Self, ApiError> {
        let Ok(boundary) = multer::parse_boundary(content_type) else {
            drain(body).await;
            return Err(ApiError::invalid(
                "Your request must have the content type multipart/form-data with a boundary.",
            ));
        };
        let allowance = Allowance::default();
        let mut multipart = Multipart::new(allowance.clone().guard(body.into_data_stream()), boundary);
        let mut form = Self::default();
        let outcome = form.read_parts(app, &mut multipart, &allowance, share).await;
        if outcome.is_err() {
            // Whatever of the file is on the disk goes now, not when the client has sent the rest.
            form.file = None;
            skip_rest(multipart, &allowance).await;
        }
        outcome.map(|()| form)
    }

    async fn read_parts(
        &mut self,
        app: &App,
        multipart: &mut Multipart<'_>,
        allowance: &Allowance,
        mut share: Option<&mut Share>,
    ) -> Result<(), ApiError> {
        let (mut parts, mut length) = (0, 0);
        loop {
            allowance.limit();
            let Some(mut field) = in_time(multipart.next_field()).await? else {
                return Ok(());
            };
            allowance.lift();
            parts += 1;
            if parts > MOST_PARTS {
                return Err(ApiError::invalid(format!(
                    "Your request has more than {MOST_PARTS} form fields."
                )));
            }
            let name = field.name().unwrap_or_default().to_owned();
            if name == "file" {
                // The last one counts, as with texts. The one before gives back its room on the disk first.
                self.file = None;
                self.file = Some(match read_file(app, &mut field, share.as_deref_mut()).await {
                    // Told when it is certain that the sender may upload at all, with the rest of the form read.
                    Err(NotRead::Refused(error)) => {
                        skip_part(&mut field).await?;
                        Err(error)
                    }
                    Err(NotRead::GivenUp(error)) => return Err(error),
                    Ok(file) => Ok(file),
                });
                continue;
            }
            let value = read_text(&name, field).await?;
            length += value.len();
            if length > LONGEST_TEXTS {
                return Err(ApiError::invalid(format!(
                    "The form fields of your request have more than {LONGEST_TEXTS} bytes together."
                )));
            }
            let at = name.find('[').unwrap_or(name.len());
            self.texts.push(Text {
                path: name[at..].to_owned(),
                name: name[..at].to_owned(),
                value,
            });
        }
    }

    /// The file part, wherever its bytes are, with its beginning if they are here.
    pub fn take_file(&mut self) -> Option<FilePart> {
        self.file.take()
    }

    /// The last text of this name, if it says anything. Some clients write `undefined` and `null` for what they do not send.
    pub fn text(&self, name: &str) -> Option<&str> {
        let text = self
            .texts
            .iter()
            .rev()
            .find(|text| text.name == name && text.path.is_empty());
        text.map(|text| text.value.as_str())
            .filter(|value| !matches!(value.trim(), "" | "undefined" | "null"))
    }

    /// All texts of this name, whatever stands in brackets behind it, that say anything.
    pub fn texts<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.texts
            .iter()
            .filter(move |text| text.name == name)
            .map(|text| text.value.as_str())
            .filter(|value| !matches!(value.trim(), "" | "undefined" | "null"))
    }

    /// What `name[a][b]` parts build, if there are any.
    pub fn nested(&self, name: &str) -> Option<Value> {
        let parts = self
            .texts
            .iter()
            .filter(|text| text.name == name && !text.path.is_empty())
            .map(|text| (text.path.as_str(), text.value.as_str()));
        brackets::build(parts)
    }

    /// The credential of a client-side upload of version 1.
    pub fn signature(&self) -> UploadSignature {
        let text = |name| self.text(name).map(str::to_owned);
        UploadSignature {
            public_key: text("publicKey"),
            signature: text("signature"),
            token: text("token"),
            expire: text("expire"),
        }
    }

    /// One list of several parts, each with commas or in JSON. `None` where nobody says anything.
    pub fn list(&self, name: &str) -> Option<Vec<String>> {
        let items: Vec<String> = self.texts(name).flat_map(list).collect();
        (!items.is_empty()).then_some(items)
    }

    /// Every parameter but the file, as it is used: what the token of version 2 has to list. A form in which a parameter
    /// could be read in two ways is refused, because the token vouches for one of them only.
    pub fn sent(&self) -> Result<BTreeMap<String, String>, ApiError> {
        let mut parts: BTreeMap<&str, Vec<&Text>> = BTreeMap::new();
        for text in &self.texts {
            parts.entry(&text.name).or_default().push(text);
        }
        let mut sent = BTreeMap::new();
        for (name, parts) in parts {
            let value = match parts.as_slice() {
                [one] if one.path.is_empty() || is_list(name) => one.value.clone(),
                // In JSON, because an item of it may hold a comma.
                _ if is_list(name) => serde_json::json!(self.list(name).unwrap_or_default()).to_string(),
                nested => {
                    let paths: Vec<&str> = nested.iter().map(|text| text.path.as_str()).collect();
                    let value = brackets::are_clear(&paths).then(|| self.nested(name)).flatten();
                    value.ok_or_else(|| ambiguous(name))?.to_string()
                }
            };
            sent.insert(name.to_owned(), value);
        }
        Ok(sent)
    }
}

fn ambiguous(name: &str) -> ApiError {
    let name: String = name.chars().take(100).collect();
    ApiError::invalid(format!(
        "Your request contains invalid {name} parameter. With a token, it should be there once: as one form field, or in \
         well-formed brackets."
    ))
}

/// What may be read from the network before the next part begins. The parser keeps everything up to there in memory:
/// without a bound, a part's header that never ends would be kept for ever.
#[derive(Clone, Default)]
struct Allowance(Arc<AtomicUsize>);

impl Allowance {
    /// More than any header needs, and than one read from the network brings along of the part behind it.
    const BYTES: usize = 1 << 20;

    fn limit(&self) {
        self.0.store(Self::BYTES, Ordering::Relaxed);
    }

    /// What is read of a part itself goes to disk or is bounded there.
    fn lift(&self) {
        self.0.store(usize::MAX, Ordering::Relaxed);
    }

    fn guard(
        self,
        stream: impl Stream<Item = Result<Bytes, axum::Error>> + Send + 'static,
    ) -> impl Stream<Item = Result<Bytes, axum::Error>> + Send + 'static {
        stream.map(move |chunk| {
            let chunk = chunk?;
            let left = self.0.load(Ordering::Relaxed);
            if left == usize::MAX {
                return Ok(chunk);
            }
            let left = left.checked_sub(chunk.len());
            self.0.store(left.unwrap_or(0), Ordering::Relaxed);
            left.map(|_| chunk)
                .ok_or_else(|| axum::Error::new("the header of a form field is too long"))
        })
    }
}

/// Why the file was not read.
enum NotRead {
    /// It is not a file. The rest of the form may be sound.
    Refused(ApiError),
    /// Nothing more of the form is read.
    GivenUp(ApiError),
}

impl From<ApiError> for NotRead {
    fn from(error: ApiError) -> Self {
        Self::GivenUp(error)
    }
}

/// The `file` part: bytes, a URL, a data URI or base64, told apart as section 7.5 of the contract says.
async fn read_file(
    app: &App,
    field: &mut Field<'_>,
    share: Option<&mut Share>,
) -> Result<(FileSource, Vec<u8>), NotRead> {
    let is_text_type = field.content_type().is_none_or(|mime| mime.type_() == "text");
    let declared_binary = field.file_name().is_some() || !is_text_type;
    let mut sink = Sink::new(app, share).await?;
    if declared_binary {
        while let Some(chunk) = in_time(field.chunk()).await? {
            sink.write(&chunk).await?;
        }
        return Ok(sink.finish().await?);
    }
    let mut start = Vec::new();
    while start.len() < SNIFFED
        && let Some(chunk) = in_time(field.chunk()).await?
    {
        start.extend_from_slice(&chunk);
    }
    match TextKind::of(&start) {
        TextKind::Url => {
            if start.len() >= SNIFFED {
                return Err(invalid_file());
            }
            let url = String::from_utf8(start).map_err(|_| invalid_file())?;
            Ok((FileSource::Url(url.trim().to_owned()), Vec::new()))
        }
        TextKind::Bytes => {
            sink.write(&start).await?;
            while let Some(chunk) = in_time(field.chunk()).await? {
                sink.write(&chunk).await?;
            }
            Ok(sink.finish().await?)
        }
        TextKind::Base64 { from } => {
            let mut text = Base64Text::default();
            sink.write(&text.decode(&start[from..]).map_err(|_| invalid_file())?)
                .await?;
            while let Some(chunk) = in_time(field.chunk()).await? {
                sink.write(&text.decode(&chunk).map_err(|_| invalid_file())?).await?;
            }
            sink.write(&text.finish().map_err(|_| invalid_file())?).await?;
            if sink.is_empty() {
                return Err(NotRead::Refused(ApiError::invalid(
                    "Your request is missing file parameter.",
                )));
            }
            Ok(sink.finish().await?)
        }
    }
}

/// Reads on to the end of a part that was refused, within reason.
async fn skip_part(field: &mut Field<'_>) -> Result<(), ApiError> {
    let mut read = 0;
    while let Some(chunk) = in_time(field.chunk()).await? {
        read += chunk.len();
        if read > AT_MOST_SKIPPED {
            return Err(ApiError::invalid("Your request contains invalid file parameter."));
        }
    }
    Ok(())
}

enum TextKind {
    Url,
    Base64 { from: usize },
    Bytes,
}

impl TextKind {
    fn of(start: &[u8]) -> Self {
        let begins = |prefix: &str| {
            start
                .get(..prefix.len())
                .is_some_and(|head| head.eq_ignore_ascii_case(prefix.as_bytes()))
        };
        // Some clients send raw bytes with neither file name nor type.
        if let Err(e) = std::str::from_utf8(start)
            && e.error_len().is_some()
        {
            return Self::Bytes;
        }
        if begins("http://") || begins("https://") {
            return Self::Url;
        }
        let from = match start.iter().position(|b| *b == b',') {
            Some(comma) if begins("data:") => comma + 1,
            _ => 0,
        };
        Self::Base64 { from }
    }
}

/// Where the file's bytes go, with its beginning kept for telling its type.
struct Sink<'a> {
    writer: BlobWriter,
    head: Vec<u8>,
    limit: u64,
    share: Option<&'a mut Share>,
}

impl<'a> Sink<'a> {
    async fn new(app: &App, share: Option<&'a mut Share>) -> Result<Self, ApiError> {
        let limit = app.upload_max.0;
        let writer = app.library.stage(limit).await.map_err(stage_refusal)?;
        Ok(Self {
            writer,
            head: Vec::new(),
            limit,
            share,
        })
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), ApiError> {
        if let Some(share) = &mut self.share {
            share.grow(bytes.len() as u64).map_err(|_| ApiError::overloaded())?;
        }
        let wanted = HEAD_BYTES.saturating_sub(self.head.len()).min(bytes.len());
        self.head.extend_from_slice(&bytes[..wanted]);
        self.writer.write(bytes).await.map_err(|e| match e {
            BlobError::TooLarge { .. } => too_large(self.limit),
            other => stage_refusal(other),
        })
    }

    fn is_empty(&self) -> bool {
        self.head.is_empty()
    }

    async fn finish(self) -> Result<(FileSource, Vec<u8>), ApiError> {
        let staged: StagedBlob = self.writer.finish().await.map_err(stage_refusal)?;
        Ok((FileSource::Staged(staged), self.head))
    }
}

fn stage_refusal(error: BlobError) -> ApiError {
    match error.code() {
        Code::StorageFull => ApiError::storage_full(),
        _ => ApiError::internal(&error),
    }
}

async fn read_text(name: &str, mut field: Field<'_>) -> Result<String, ApiError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = in_time(field.chunk()).await? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > LONGEST_TEXT {
            return Err(ApiError::invalid(format!(
                "Your request contains invalid {name} parameter: it is too long."
            )));
        }
    }
    String::from_utf8(bytes)
        .ok()
        // Text in a database ends there, or is refused.
        .filter(|text| !text.contains('\0'))
        .ok_or_else(|| {
            ApiError::invalid(format!(
                "Your request contains invalid {name} parameter: it is not text in UTF-8."
            ))
        })
}

async fn in_time<T>(step: impl Future<Output = Result<T, multer::Error>>) -> Result<T, ApiError> {
    match tokio::time::timeout(IDLE, step).await {
        Err(_) => Err(ApiError::too_slow()),
        Ok(Err(error)) => {
            tracing::debug!(%error, "broken form");
            Err(ApiError::invalid(
                "Your request is not a complete multipart form: it ended early or is malformed.",
            ))
        }
        Ok(Ok(value)) => Ok(value),
    }
}

/// See [`drain`].
async fn skip_rest(mut multipart: Multipart<'_>, allowance: &Allowance) {
    let reading = async {
        let mut read = 0;
        loop {
            allowance.limit();
            let Ok(Some(mut field)) = multipart.next_field().await else {
                return;
            };
            allowance.lift();
            while let Ok(Some(chunk)) = field.chunk().await {
                read += chunk.len();
                if read > AT_MOST_SKIPPED {
                    return;
                }
            }
        }
    };
    // A slow client is cut off: it was refused anyway.
    let _ = tokio::time::timeout(Duration::from_secs(5), reading).await;
}

fn invalid_file() -> NotRead {
    NotRead::Refused(ApiError::invalid("Your request contains invalid file parameter."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_the_file_part_are_told_apart() {
        let kind = |start: &[u8]| match TextKind::of(start) {
            TextKind::Url => "url".to_owned(),
            TextKind::Bytes => "bytes".to_owned(),
            TextKind::Base64 { from } => format!("base64 from {from}"),
        };
        assert_eq!(kind(b"HTTPS://example.org/a.png"), "url");
        assert_eq!(kind(b"data:image/png;base64,iVBO"), "base64 from 22");
        assert_eq!(kind(b"iVBORw0KGgo="), "base64 from 0");
        assert_eq!(kind(b"\xff\xd8\xff\xe0"), "bytes");
    }

    #[test]
    fn what_a_token_vouches_for_is_what_is_used() {
        let form = |parts: &[(&str, &str)]| {
            let texts = parts.iter().map(|(name, value)| {
                let at = name.find('[').unwrap_or(name.len());
                Text {
                    name: name[..at].to_owned(),
                    path: name[at..].to_owned(),
                    value: (*value).to_owned(),
                }
            });
            Form {
                file: None,
                texts: texts.collect(),
            }
        };
        for (parts, name, expected) in [
            (&[("folder", "/a")][..], "folder", "/a"),
            (&[("tags", "a, b")], "tags", "a, b"),
            (&[("tags[0]", "a"), ("tags[1]", "b")], "tags", r#"["a","b"]"#),
            // Neither half is JSON by itself, so neither is the list that is used.
            (
                &[("tags", r#"["a""#), ("tags", r#""b"]"#)],
                "tags",
                r#"["[\"a\"","\"b\"]"]"#,
            ),
            (
                &[("customMetadata[a]", "1"), ("customMetadata[b][]", "2")],
                "customMetadata",
                r#"{"a":"1","b":["2"]}"#,
            ),
        ] {
            let sent = form(parts).sent().expect("clear");
            assert_eq!(
                sent,
                BTreeMap::from([(name.to_owned(), expected.to_owned())]),
                "{parts:?}"
            );
        }
        for parts in [
            &[("extensions", ""), ("extensions[0][name]", "remove-bg")][..],
            &[("customMetadata", "{}"), ("customMetadata[a]", "1")],
            &[("customMetadata[a]", "1"), ("customMetadata[a]", "2")],
            &[("customMetadata[a]", "1"), ("customMetadata[a][b]", "2")],
            &[("customMetadata[a]x", "1")],
            &[("customMetadata[a", "1")],
            &[("folder", "/a"), ("folder", "/b")],
            &[("token", "a"), ("token", "b")],
        ] {
            assert!(form(parts).sent().is_err(), "{parts:?}");
        }
    }
}
