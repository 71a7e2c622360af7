//! `/v1/customMetadataFields`

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use library::{AccountError, CustomMetadataField, FieldChange, FieldErrors, FieldId, Schema, Timestamp};
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use super::body::{self, Fields};
use super::empty::done;
use crate::api::{Json, Path};
use crate::app::App;
use crate::auth::{Area, Level, require};
use crate::error::ApiError;

const LONGEST_NAME: usize = 100;
const LONGEST_LABEL: usize = 200;
const LONGEST_DESCRIPTION: usize = 500;

/// `GET`: all that are not deleted, as a bare array; with `includeDeleted=true` the others, too. There are no path policies, so `folderPath`
/// leaves none out.
pub async fn list(State(app): State<App>, headers: HeaderMap, RawQuery(query): RawQuery) -> Result<Json, ApiError> {
    require(&app, &headers, Area::CustomMetadata, Level::Read).await?;
    let mut include_deleted = false;
    for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        if name == "includeDeleted" {
            include_deleted = body::flag(&value).unwrap_or(false);
        }
    }
    let fields = app.library.custom_metadata_fields(include_deleted).await;
    let fields = fields.map_err(|error| ApiError::internal(&error))?;
    Ok(Json(fields.iter().map(shown).collect()))
}

/// `POST`
pub async fn create(
    State(app): State<App>,
    headers: HeaderMap,
    fields: Result<Fields, ApiError>,
) -> Result<Response, ApiError> {
    require(&app, &headers, Area::CustomMetadata, Level::Write).await?;
    let fields = fields?;
    let mut errors = FieldErrors::default();
    let name = text(&fields, "name", LONGEST_NAME, true, &mut errors);
    let label = text(&fields, "label", LONGEST_LABEL, true, &mut errors);
    let description = description(&fields, &mut errors).flatten();
    if name
        .is_some_and(|name| name.trim() != name || name.contains(['"', '[', ']']) || name.chars().any(char::is_control))
    {
        errors.add(
            "name",
            "should not have quotes, brackets, control characters or space at its ends",
        );
    }
    match fields.get("schema") {
        None => errors.add("schema", "is required"),
        Some(Value::Object(_)) => {}
        Some(_) => errors.add("schema", "should be of type object"),
    }
    let (Some(name), Some(label), Some(Value::Object(schema))) = (name, label, fields.get("schema")) else {
        return Err(invalid("Invalid field object", &errors));
    };
    errors
        .or(())
        .map_err(|errors| invalid("Invalid field object", &errors))?;
    let schema = Schema::parse(schema, None).map_err(|errors| invalid("Invalid schema object", &errors))?;
    let made = app
        .library
        .create_custom_metadata_field(name, label, description, schema, Timestamp::now())
        .await
        .map_err(refused)?;
    Ok((StatusCode::CREATED, Json(shown(&made))).into_response())
}

/// `PATCH`
pub async fn update(
    State(app): State<App>,
    headers: HeaderMap,
    Path(id): Path<String>,
    fields: Result<Fields, ApiError>,
) -> Result<Json, ApiError> {
    require(&app, &headers, Area::CustomMetadata, Level::Write).await?;
    let fields = fields?;
    let id = field_id(&id)?;
    if fields.get("name").is_some() {
        return Err(ApiError::invalid("Name cannot be updated."));
    }
    let mut errors = FieldErrors::default();
    let label = text(&fields, "label", LONGEST_LABEL, false, &mut errors).map(str::to_owned);
    let description = description(&fields, &mut errors).map(|text| text.map(str::to_owned));
    errors
        .or(())
        .map_err(|errors| invalid("Invalid field object", &errors))?;
    let schema = match fields.get("schema") {
        None => None,
        Some(Value::Object(schema)) => Some(schema.clone()),
        Some(_) => {
            let wrong = FieldErrors([("schema".to_owned(), "should be of type object".to_owned())].into());
            return Err(invalid("Invalid schema object.", &wrong));
        }
    };
    if label.is_none() && schema.is_none() && description.is_none() {
        return Err(ApiError::invalid("Either label or schema should be provided."));
    }
    let change = move |field: &CustomMetadataField| {
        let known = Some(field.schema.field_type);
        let schema = schema
            .map(|schema: Map<String, Value>| Schema::parse(&schema, known))
            .transpose();
        Ok(FieldChange {
            label,
            description,
            schema: schema.map_err(|errors| Refused(invalid("Invalid schema object.", &errors)))?,
        })
    };
    let changed = app
        .library
        .update_custom_metadata_field(id, change, Timestamp::now())
        .await;
    changed.map(|field| Json(shown(&field))).map_err(|Refused(error)| error)
}

/// `DELETE`
pub async fn delete(State(app): State<App>, headers: HeaderMap, Path(id): Path<String>) -> Result<Response, ApiError> {
    require(&app, &headers, Area::CustomMetadata, Level::Write).await?;
    let id = field_id(&id)?;
    let deleted = app.library.delete_custom_metadata_field(id, Timestamp::now()).await;
    deleted.map_err(refused)?;
    Ok(done(&headers))
}

/// `PATCH` and `DELETE` of the collection: the id was forgotten.
pub async fn without_id(State(app): State<App>, headers: HeaderMap) -> Result<Response, ApiError> {
    require(&app, &headers, Area::CustomMetadata, Level::Write).await?;
    Err(ApiError::invalid("Missing id parameter."))
}

struct Refused(ApiError);

impl From<AccountError> for Refused {
    fn from(error: AccountError) -> Self {
        Self(refused(error))
    }
}

fn refused(error: AccountError) -> ApiError {
    match error {
        AccountError::Taken(what) => {
            ApiError::invalid(format!("A custom metadata field with this {what} already exists."))
        }
        AccountError::Deleted => ApiError::invalid("Cannot update a deleted custom metadata fields."),
        AccountError::TooMany { limit } => {
            ApiError::invalid(format!("You can have at most {limit} custom metadata fields."))
        }
        other => super::accounts::refusal(other, "No such custom metadata field exists."),
    }
}

fn invalid(message: &str, errors: &FieldErrors) -> ApiError {
    ApiError::invalid(message).with("errors", json!(errors))
}

fn field_id(text: &str) -> Result<FieldId, ApiError> {
    text.parse()
        .map_err(|_| ApiError::invalid("Your request contains invalid ID parameter."))
}

fn text<'a>(
    fields: &'a Fields,
    name: &str,
    longest: usize,
    is_required: bool,
    errors: &mut FieldErrors,
) -> Option<&'a str> {
    match fields.get(name) {
        None if is_required => errors.add(name, "is required"),
        None => {}
        Some(Value::String(text)) if text.trim().is_empty() => errors.add(name, "should not be empty"),
        Some(Value::String(text)) if text.chars().count() > longest => {
            errors.add(name, format!("should have at most {longest} characters"));
        }
        Some(Value::String(text)) if text.contains('\0') => errors.add(name, "should not have NUL characters"),
        Some(Value::String(text)) => return Some(text),
        Some(_) => errors.add(name, "should be of type string"),
    }
    None
}

/// `None` where it is absent, `Some(None)` where it is taken away.
fn description<'a>(fields: &'a Fields, errors: &mut FieldErrors) -> Option<Option<&'a str>> {
    if fields.get("description") == Some(&Value::String(String::new())) {
        return Some(None);
    }
    text(fields, "description", LONGEST_DESCRIPTION, false, errors).map(Some)
}

fn shown(field: &CustomMetadataField) -> Value {
    let mut json = json!({
        "id": field.id,
        "name": field.name,
        "label": field.label,
        "schema": field.schema.to_json(),
    });
    if let Some(description) = &field.description {
        json["description"] = json!(description);
    }
    json
}

#[cfg(test)]
mod tests {
    use library::FieldType;

    use super::*;

    #[test]
    fn a_field_as_clients_see_it() {
        for field_type in FieldType::ALL {
            let options = matches!(field_type, FieldType::SingleSelect | FieldType::MultiSelect);
            let mut schema = json!({"type": field_type.as_str(), "isValueRequired": false});
            if options {
                schema["selectOptions"] = json!(["a"]);
            }
            let field = CustomMetadataField {
                id: "65f0c0ffee0123456789cc01".parse().unwrap(),
                name: "n".to_owned(),
                label: "N".to_owned(),
                description: None,
                schema: Schema::parse(schema.as_object().unwrap(), None).unwrap(),
                is_deleted: true,
            };
            let expected = json!({"id": "65f0c0ffee0123456789cc01", "name": "n", "label": "N", "schema": schema});
            assert_eq!(shown(&field), expected);
        }
    }
}
