//! The multipart form, in the many spellings that clients use, read part by part: the file goes to disk as it comes,
//! in whatever place of the form it stands.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures::{Stream, StreamExt};
use library::{BlobError, BlobWriter, Code, CustomMetadata, StagedBlob, Tags, ValuesMode};
use multer::{Field, Multipart};
use serde_json::{Map, Value, json};

use super::base64_text::Base64Text;
use super::{drain, too_large};
use crate::api::file_object::ResponseField;
use crate::app::App;
use crate::app::media_type::HEAD_BYTES;
use crate::app::upload::{FileSource, Upload};
use crate::auth::UploadSignature;
use crate::error::ApiError;

/// Texts other than the file; customMetadata is the largest of them.
const LONGEST_TEXT: usize = 256 << 10;
const MOST_PARTS: usize = 256;
/// A client that sends nothing for so long is gone.
const IDLE: Duration = Duration::from_secs(60);
/// How much of a text part decides whether it is a URL, a data URI, base64 or raw bytes.
const SNIFFED: usize = 16 << 10;

/// What the form says.
#[derive(Default)]
pub struct Form {
    file: Option<(FileSource, Vec<u8>)>,
    file_name: Option<String>,
    folder: Option<String>,
    use_unique_file_name: Option<bool>,
    overwrite_file: Option<bool>,
    overwrite_tags: Option<bool>,
    overwrite_ai_tags: Option<bool>,
    overwrite_custom_metadata: Option<bool>,
    is_private_file: Option<bool>,
    is_published: Option<bool>,
    tags: Option<Vec<String>>,
    custom_coordinates: Option<String>,
    description: Option<String>,
    /// As JSON, and as `customMetadata[name]` with a text.
    custom_metadata: Option<Map<String, Value>>,
    metadata_texts: Vec<(String, String)>,
    /// What the answer shall hold besides.
    pub response_fields: Vec<ResponseField>,
    /// The credential of a client-side upload.
    pub signature: UploadSignature,
}

impl Form {
    /// Reads the whole form. On an error nothing of the file is left.
    pub async fn read(app: &App, content_type: &str, body: Body) -> Result<Self, ApiError> {
        let Ok(boundary) = multer::parse_boundary(content_type) else {
            drain(body).await;
            return Err(ApiError::invalid(
                "Your request must have the content type multipart/form-data with a boundary.",
            ));
        };
        let allowance = Allowance::default();
        let mut multipart = Multipart::new(allowance.clone().guard(body.into_data_stream()), boundary);
        let mut form = Self::default();
        let outcome = form.read_parts(app, &mut multipart, &allowance).await;
        if outcome.is_err() {
            skip_rest(multipart, &allowance).await;
        }
        outcome.map(|()| form)
    }

    async fn read_parts(
        &mut self,
        app: &App,
        multipart: &mut Multipart<'_>,
        allowance: &Allowance,
    ) -> Result<(), ApiError> {
        let mut parts = 0;
        loop {
            allowance.limit();
            let Some(field) = in_time(multipart.next_field()).await? else {
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
                self.file = Some(read_file(app, field).await?);
            } else {
                let text = read_text(&name, field).await?;
                self.set(&name, text)?;
            }
        }
    }

    fn set(&mut self, name: &str, text: String) -> Result<(), ApiError> {
        // `tags[]` and `tags[0]` are how some form encoders write lists.
        let base = name.split('[').next().unwrap_or(name);
        let said = !matches!(text.trim(), "" | "undefined" | "null");
        if base == "fileName" {
            self.file_name = said.then_some(text);
            return Ok(());
        }
        if !said {
            return Ok(());
        }
        match base {
            "folder" => self.folder = Some(text),
            "useUniqueFileName" => self.use_unique_file_name = Some(boolean(name, &text)?),
            "overwriteFile" => self.overwrite_file = Some(boolean(name, &text)?),
            "overwriteTags" => self.overwrite_tags = Some(boolean(name, &text)?),
            "overwriteAITags" => self.overwrite_ai_tags = Some(boolean(name, &text)?),
            "overwriteCustomMetadata" => self.overwrite_custom_metadata = Some(boolean(name, &text)?),
            "isPrivateFile" => self.is_private_file = Some(boolean(name, &text)?),
            "isPublished" => self.is_published = Some(boolean(name, &text)?),
            "tags" => self.tags.get_or_insert_default().extend(list(&text)),
            "customCoordinates" => self.custom_coordinates = Some(coordinates(&text)?),
            "description" => self.description = Some(text),
            "responseFields" => {
                let known = list(&text).into_iter().filter_map(|field| ResponseField::parse(&field));
                self.response_fields.extend(known);
            }
            "publicKey" => self.signature.public_key = Some(text),
            "signature" => self.signature.signature = Some(text),
            "token" => self.signature.token = Some(text),
            "expire" => self.signature.expire = Some(text),
            "customMetadata" => self.set_metadata(name, text)?,
            "extensions" | "webhookUrl" | "transformation" | "checks" => {
                return Err(ApiError::unavailable(&format!("The upload parameter {base}")));
            }
            // Unknown fields are ignored, as the contract wants.
            _ => {}
        }
        Ok(())
    }

    fn set_metadata(&mut self, name: &str, text: String) -> Result<(), ApiError> {
        if let Some(field) = name
            .strip_prefix("customMetadata[")
            .and_then(|rest| rest.split(']').next())
        {
            self.metadata_texts.push((field.to_owned(), text));
            return Ok(());
        }
        match serde_json::from_str(&text) {
            Ok(Value::Object(values)) => self.custom_metadata = Some(values),
            _ => {
                return Err(ApiError::invalid(
                    "Your request contains invalid customMetadata parameter. It should be a JSON object.",
                ));
            }
        }
        Ok(())
    }

    /// Holds the custom metadata against the fields of the account.
    pub async fn check_metadata(&mut self, app: &App) -> Result<(), ApiError> {
        if self.custom_metadata.is_none() && self.metadata_texts.is_empty() {
            return Ok(());
        }
        // Asked of the database itself: a field may have been made on another node just now.
        let fields = app.library.custom_metadata_fields(true).await;
        let fields = fields.map_err(|error| ApiError::internal(&error))?;
        let mut values = self.custom_metadata.take().unwrap_or_default();
        values.extend(CustomMetadata::of_texts(&self.metadata_texts, &fields));
        let values = CustomMetadata::validate(&values, &fields, ValuesMode::Whole)
            .map_err(|errors| ApiError::invalid("Invalid custom metadata.").with("errors", json!(errors)))?;
        // An empty object sets nothing.
        self.custom_metadata = Some(values).filter(|values| !values.is_empty());
        Ok(())
    }

    /// The form as a verb's input.
    pub fn into_upload(self) -> Result<Upload, ApiError> {
        let Some((file, head)) = self.file else {
            return Err(ApiError::invalid("Your request is missing file parameter."));
        };
        // The spelling is the vendor's; clients match on it.
        let file_name = self
            .file_name
            .ok_or_else(|| ApiError::invalid("Your request is missing fileName paramater"))?;
        let tags =
            self.tags.map(Tags::new).transpose().map_err(|e| {
                ApiError::invalid(format!("Your request contains invalid value for tags parameter: {e}."))
            })?;
        Ok(Upload {
            file,
            head,
            file_name,
            folder: self.folder.unwrap_or_default(),
            unique: self.use_unique_file_name.unwrap_or(true),
            overwrite_file: self.overwrite_file.unwrap_or(true),
            overwrite_tags: self.overwrite_tags.unwrap_or(true),
            overwrite_ai_tags: self.overwrite_ai_tags.unwrap_or(true),
            overwrite_custom_metadata: self.overwrite_custom_metadata.unwrap_or(true),
            is_private: self.is_private_file.unwrap_or(false),
            is_published: self.is_published.unwrap_or(true),
            tags,
            custom_coordinates: self.custom_coordinates,
            description: self.description,
            custom_metadata: self.custom_metadata,
        })
    }
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

/// The `file` part: bytes, a URL, a data URI or base64, told apart as section 7.5 of the contract says.
async fn read_file(app: &App, mut field: Field<'_>) -> Result<(FileSource, Vec<u8>), ApiError> {
    let is_text_type = field.content_type().is_none_or(|mime| mime.type_() == "text");
    let declared_binary = field.file_name().is_some() || !is_text_type;
    let mut sink = Sink::new(app).await?;
    if declared_binary {
        while let Some(chunk) = in_time(field.chunk()).await? {
            sink.write(&chunk).await?;
        }
        return sink.finish().await;
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
            sink.finish().await
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
                return Err(ApiError::invalid("Your request is missing file parameter."));
            }
            sink.finish().await
        }
    }
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
struct Sink {
    writer: BlobWriter,
    head: Vec<u8>,
    limit: u64,
}

impl Sink {
    async fn new(app: &App) -> Result<Self, ApiError> {
        let limit = app.upload_max.0;
        let writer = app.library.stage(limit).await.map_err(stage_refusal)?;
        Ok(Self {
            writer,
            head: Vec::new(),
            limit,
        })
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), ApiError> {
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
    String::from_utf8(bytes).map_err(|_| {
        ApiError::invalid(format!(
            "Your request contains invalid {name} parameter: it is not UTF-8."
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
    const AT_MOST_BYTES: usize = 64 << 20;
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
                if read > AT_MOST_BYTES {
                    return;
                }
            }
        }
    };
    // A slow client is cut off: it was refused anyway.
    let _ = tokio::time::timeout(Duration::from_secs(5), reading).await;
}

fn invalid_file() -> ApiError {
    ApiError::invalid("Your request contains invalid file parameter.")
}

fn boolean(name: &str, text: &str) -> Result<bool, ApiError> {
    match text.trim() {
        "true" | "True" | "TRUE" | "1" => Ok(true),
        "false" | "False" | "FALSE" | "0" => Ok(false),
        _ => Err(ApiError::invalid(format!(
            "Your request contains invalid {name} parameter: write true or false."
        ))),
    }
}

/// Comma-separated, or a JSON array of texts.
fn list(text: &str) -> Vec<String> {
    let items = match serde_json::from_str::<Vec<String>>(text) {
        Ok(items) if text.trim_start().starts_with('[') => items,
        _ => text.split(',').map(str::to_owned).collect(),
    };
    items
        .iter()
        .map(|item| item.trim().to_owned())
        .filter(|item| !item.is_empty())
        .collect()
}

/// `x,y,width,height` in whole pixels.
pub fn coordinates(text: &str) -> Result<String, ApiError> {
    let numbers: Option<Vec<u32>> = text.split(',').map(|n| n.trim().parse().ok()).collect();
    match numbers.as_deref() {
        Some([x, y, width, height]) if *width > 0 && *height > 0 => Ok(format!("{x},{y},{width},{height}")),
        _ => Err(ApiError::invalid(
            "Your request contains invalid customCoordinates parameter. It should be x,y,width,height in whole pixels.",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_come_in_several_spellings() {
        for text in ["sea,dawn", "sea, dawn", " sea ,dawn,", "[\"sea\",\"dawn\"]"] {
            assert_eq!(list(text), ["sea", "dawn"], "{text}");
        }
    }

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
    fn coordinates_are_four_numbers() {
        assert_eq!(coordinates("10, 20,30,40").unwrap(), "10,20,30,40");
        for text in ["10,20,30", "10,20,0,40", "a,b,c,d", "-1,2,3,4"] {
            assert!(coordinates(text).is_err(), "{text}");
        }
    }
}
