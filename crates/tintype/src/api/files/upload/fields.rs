//! What the texts of the form mean.

use serde_json::{Map, Value};
use url::Url;
use uuid::Uuid;

use super::brackets;
use super::form::Form;
use crate::api::body::flag;
use crate::api::file_object::ResponseField;
use crate::api::files::bulk::checked_tags;
use crate::app::transformation::{TransformationError, UploadTransformation};
use crate::app::upload::Upload;
use crate::error::ApiError;

/// Longer addresses are not in use.
const LONGEST_URL: usize = 2048;

/// The form as a verb's input, and what the answer shall hold besides.
///
/// `signed` tells that somebody with the private key vouches for every field.
pub fn understand(mut form: Form, signed: bool, request_id: Uuid) -> Result<(Upload, Vec<ResponseField>), ApiError> {
    let file = form
        .take_file()
        .ok_or_else(|| ApiError::invalid("Your request is missing file parameter."))?;
    // The spelling is the vendor's; clients match on it.
    let file_name = form
        .text("fileName")
        .ok_or_else(|| ApiError::invalid("Your request is missing fileName paramater"))?;
    let (file, head) = file?;
    let tags = form.list("tags").map(checked_tags).transpose()?;
    let asked = form.list("responseFields").unwrap_or_default();
    let asked = asked.iter().filter_map(|name| ResponseField::parse(name)).collect();
    let upload = Upload {
        file_name: file_name.to_owned(),
        folder: form.text("folder").unwrap_or_default().to_owned(),
        unique: boolean(&form, "useUniqueFileName", true)?,
        overwrite_file: boolean(&form, "overwriteFile", true)?,
        overwrite_tags: boolean(&form, "overwriteTags", true)?,
        overwrite_ai_tags: boolean(&form, "overwriteAITags", true)?,
        overwrite_custom_metadata: boolean(&form, "overwriteCustomMetadata", true)?,
        is_private: boolean(&form, "isPrivateFile", false)?,
        is_published: boolean(&form, "isPublished", true)?,
        tags,
        custom_coordinates: form.text("customCoordinates").map(coordinates).transpose()?,
        description: form.text("description").map(str::to_owned),
        custom_metadata: custom_metadata(&form)?,
        metadata_texts: metadata_texts(&form)?,
        extensions: json(&form, "extensions", "It should be a JSON array.")?,
        webhook_url: form.text("webhookUrl").map(webhook_url).transpose()?,
        transformation: transformation(&form)?,
        checks: form.text("checks").map(str::to_owned),
        signed,
        request_id,
        file,
        head,
    };
    Ok((upload, asked))
}

fn boolean(form: &Form, name: &str, default: bool) -> Result<bool, ApiError> {
    match form.text(name) {
        None => Ok(default),
        Some(text) => flag(text).ok_or_else(|| invalid(name, "It should be true or false.")),
    }
}

/// JSON, as a text or as parts with brackets.
fn json(form: &Form, name: &str, expected: &str) -> Result<Option<Value>, ApiError> {
    match form.text(name) {
        Some(text) => serde_json::from_str(text)
            .map(Some)
            .map_err(|error| invalid(name, &format!("{expected} The JSON is broken: {error}."))),
        None => Ok(form.nested(name).map(brackets::with_scalars)),
    }
}

fn custom_metadata(form: &Form) -> Result<Option<Map<String, Value>>, ApiError> {
    const EXPECTED: &str = "It should be a JSON object of values by field name.";
    let Some(text) = form.text("customMetadata") else {
        return Ok(None);
    };
    match serde_json::from_str(text) {
        Ok(Value::Object(values)) => Ok(Some(values)),
        _ => Err(invalid("customMetadata", EXPECTED)),
    }
}

/// Values that stand in brackets, by field name; those of one list one after the other.
fn metadata_texts(form: &Form) -> Result<Vec<(String, String)>, ApiError> {
    let wrong = || {
        invalid(
            "customMetadata",
            "In brackets it should be customMetadata[name], or customMetadata[name][] for a list.",
        )
    };
    let mut texts = Vec::new();
    match form.nested("customMetadata") {
        None => {}
        Some(Value::Object(values)) => {
            for (name, value) in values {
                let items = match value {
                    Value::Array(items) => items,
                    one => vec![one],
                };
                for item in items {
                    let Value::String(text) = item else { return Err(wrong()) };
                    texts.push((name.clone(), text));
                }
            }
        }
        Some(_) => return Err(wrong()),
    }
    Ok(texts)
}

pub(in crate::api::files) fn webhook_url(text: &str) -> Result<Url, ApiError> {
    let text = text.trim();
    Url::parse(text)
        .ok()
        .filter(|url| text.len() <= LONGEST_URL && matches!(url.scheme(), "http" | "https") && url.has_host())
        .ok_or_else(|| invalid("webhookUrl", "It should be an http or https URL."))
}

fn transformation(form: &Form) -> Result<UploadTransformation, ApiError> {
    const INVALID: &str = "The file could not be uploaded because the transformation field is invalid.";
    let read = json(form, "transformation", "").map_err(|error| {
        ApiError::invalid(INVALID).with("errors", serde_json::json!({ "transformation": error.to_string() }))
    })?;
    let Some(value) = read else {
        return Ok(UploadTransformation::default());
    };
    UploadTransformation::parse(value).map_err(|error| match error {
        TransformationError::Malformed { field, reason } => {
            let mut errors = Map::new();
            errors.insert(field, reason.into());
            ApiError::invalid(INVALID).with("errors", Value::Object(errors))
        }
        other => ApiError::invalid(other.to_string()),
    })
}

/// `x,y,width,height` in whole pixels.
pub(in crate::api::files) fn coordinates(text: &str) -> Result<String, ApiError> {
    let numbers: Option<Vec<u32>> = text.split(',').map(|n| n.trim().parse().ok()).collect();
    match numbers.as_deref() {
        Some([x, y, width, height]) if *width > 0 && *height > 0 => Ok(format!("{x},{y},{width},{height}")),
        _ => Err(invalid(
            "customCoordinates",
            "It should be x,y,width,height in whole pixels.",
        )),
    }
}

fn invalid(name: &str, more: &str) -> ApiError {
    let text = format!("Your request contains invalid {name} parameter. {more}");
    ApiError::invalid(text.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coordinates_are_four_numbers() {
        assert_eq!(coordinates("10, 20,30,40").unwrap(), "10,20,30,40");
        for text in ["10,20,30", "10,20,0,40", "a,b,c,d", "-1,2,3,4"] {
            assert!(coordinates(text).is_err(), "{text}");
        }
    }

    #[test]
    fn callbacks_go_to_the_web() {
        assert_eq!(
            webhook_url(" https://shop.example/hook?a=1 ").unwrap().as_str(),
            "https://shop.example/hook?a=1"
        );
        for text in [
            "shop.example",
            "ftp://shop.example/",
            "file:///etc/passwd",
            "javascript:1",
            "http://",
        ] {
            assert!(webhook_url(text).is_err(), "{text}");
        }
        assert!(webhook_url(&format!("https://shop.example/{}", "a".repeat(LONGEST_URL))).is_err());
    }
}
