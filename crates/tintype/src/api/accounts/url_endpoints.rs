//! `/v1/accounts/url-endpoints`: bodies are read strictly.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use library::{AccountError, DEFAULT_ENDPOINT, NewUrlEndpoint, Timestamp, UrlEndpoint};
use serde_json::{Value, json};

use super::refusal;
use crate::api::body::Fields;
use crate::api::{Json, Path};
use crate::app::App;
use crate::auth::{Area, Level, require};
use crate::error::ApiError;

const MISSING: &str = "URL-endpoint not found.";
const KNOWN: [&str; 4] = ["description", "urlPrefix", "origins", "urlRewriter"];
const MOST_ORIGINS: usize = 10;

/// `GET`: all, the default one first, as a bare array.
pub async fn list(State(app): State<App>, headers: HeaderMap) -> Result<Json, ApiError> {
    require(&app, &headers, Area::Management, Level::Read).await?;
    let endpoints = app.library.url_endpoints().await;
    let endpoints = endpoints.map_err(|error| ApiError::internal(&error))?;
    Ok(Json(endpoints.iter().map(shown).collect()))
}

/// `POST`
pub async fn create(
    State(app): State<App>,
    headers: HeaderMap,
    fields: Result<Fields, ApiError>,
) -> Result<Response, ApiError> {
    require(&app, &headers, Area::Management, Level::Write).await?;
    let fields = fields?;
    let new = parse(&fields, false)?;
    let made = app
        .library
        .create_url_endpoint(new, Timestamp::now())
        .await
        .map_err(refused)?;
    Ok((StatusCode::CREATED, Json(shown(&made))).into_response())
}

/// `GET` of one.
pub async fn get(State(app): State<App>, headers: HeaderMap, Path(id): Path<String>) -> Result<Json, ApiError> {
    require(&app, &headers, Area::Management, Level::Read).await?;
    let endpoints = app.library.url_endpoints().await;
    let endpoints = endpoints.map_err(|error| ApiError::internal(&error))?;
    let found = endpoints.iter().find(|endpoint| endpoint.id == id);
    found
        .map(|endpoint| Json(shown(endpoint)))
        .ok_or_else(|| ApiError::not_found(MISSING))
}

/// `PUT`: the whole of it.
pub async fn replace(
    State(app): State<App>,
    headers: HeaderMap,
    Path(id): Path<String>,
    fields: Result<Fields, ApiError>,
) -> Result<Json, ApiError> {
    require(&app, &headers, Area::Management, Level::Write).await?;
    let fields = fields?;
    let known = app.library.url_endpoints().await;
    let known = known.map_err(|error| ApiError::internal(&error))?;
    if !known.iter().any(|endpoint| endpoint.id == id) {
        return Err(ApiError::not_found(MISSING));
    }
    let new = parse(&fields, id == DEFAULT_ENDPOINT)?;
    let replaced = app.library.replace_url_endpoint(&id, new, Timestamp::now()).await;
    replaced.map(|endpoint| Json(shown(&endpoint))).map_err(refused)
}

/// `DELETE`
pub async fn delete(
    State(app): State<App>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    require(&app, &headers, Area::Management, Level::Write).await?;
    let deleted = app.library.delete_url_endpoint(&id).await;
    deleted.map(|()| StatusCode::NO_CONTENT).map_err(refused)
}

fn refused(error: AccountError) -> ApiError {
    match error {
        AccountError::Default => ApiError::invalid("Default URL-endpoint cannot be deleted."),
        AccountError::NoSuchOrigin(_) => {
            ApiError::invalid("Origin does not exists. Please create origin before using it in URL-endpoint.")
        }
        AccountError::Taken(_) => ApiError::invalid("urlPrefix is used by another URL-endpoint"),
        AccountError::TooMany { limit } => ApiError::invalid(format!("You can have at most {limit} URL-endpoints.")),
        other => refusal(other, MISSING),
    }
}

fn parse(fields: &Fields, is_default: bool) -> Result<NewUrlEndpoint, ApiError> {
    if let Some(name) = fields.names().find(|name| !KNOWN.contains(name)) {
        let name: String = name.chars().take(100).collect();
        return Err(ApiError::invalid(format!("{name} is not allowed")));
    }
    let description = match fields.get("description") {
        None => return Err(ApiError::invalid("description is required")),
        Some(Value::String(text)) if text.contains('\0') => {
            return Err(ApiError::invalid("description must not have NUL characters"));
        }
        Some(Value::String(text)) if (1..=1000).contains(&text.chars().count()) => text.clone(),
        Some(Value::String(_)) => return Err(ApiError::invalid("description must have 1 to 1000 characters")),
        Some(_) => return Err(ApiError::invalid("description must be a string")),
    };
    let prefix = match fields.get("urlPrefix") {
        None => "",
        Some(Value::String(text)) => text,
        Some(_) => return Err(ApiError::invalid("urlPrefix must be a string")),
    };
    match (is_default, prefix.is_empty()) {
        (false, true) => {
            return Err(ApiError::invalid(
                "urlPrefix cannot be empty string. This is reserved for the default URL-endpoint created by ImageKit.",
            ));
        }
        (true, false) => return Err(ApiError::invalid("urlPrefix of the default URL-endpoint must be empty")),
        _ => {}
    }
    if prefix.len() > 100 || !prefix.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return Err(ApiError::invalid(
            "urlPrefix must have letters, digits and hyphens only, at most 100",
        ));
    }
    // A path can't begin with it: these mean something in URLs.
    if prefix.starts_with("ik-") {
        return Err(ApiError::invalid("urlPrefix must not begin with ik-"));
    }
    let origins = match fields.get("origins") {
        None => Vec::new(),
        Some(Value::Array(ids)) if ids.len() <= MOST_ORIGINS => ids
            .iter()
            .map(|id| id.as_str().map(str::to_owned))
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| ApiError::invalid("origins must be an array of strings"))?,
        Some(Value::Array(_)) => {
            return Err(ApiError::invalid(format!(
                "origins must have at most {MOST_ORIGINS} entries"
            )));
        }
        Some(_) => return Err(ApiError::invalid("origins must be an array of strings")),
    };
    if origins.iter().enumerate().any(|(at, id)| origins[..at].contains(id)) {
        return Err(ApiError::invalid("origins must not have an entry twice"));
    }
    Ok(NewUrlEndpoint {
        url_prefix: prefix.to_owned(),
        description,
        origins,
        url_rewriter: fields.get("urlRewriter").map(rewriter).transpose()?,
    })
}

fn rewriter(given: &Value) -> Result<Value, ApiError> {
    let wrong = || ApiError::invalid("urlRewriter must be an object whose type is CLOUDINARY, IMGIX or AKAMAI");
    let given = given.as_object().ok_or_else(wrong)?;
    let kind = given.get("type").and_then(Value::as_str).unwrap_or_default();
    let is_cloudinary = match kind {
        "CLOUDINARY" => true,
        "IMGIX" | "AKAMAI" => false,
        _ => return Err(wrong()),
    };
    let known = |name: &str| name == "type" || (is_cloudinary && name == "preserveAssetDeliveryTypes");
    if let Some(name) = given.keys().find(|name| !known(name)) {
        let name: String = name.chars().take(100).collect();
        return Err(ApiError::invalid(format!("urlRewriter.{name} is not allowed")));
    }
    if !is_cloudinary {
        return Ok(json!({ "type": kind }));
    }
    match given.get("preserveAssetDeliveryTypes") {
        None | Some(Value::Null) => Ok(json!({ "type": kind, "preserveAssetDeliveryTypes": false })),
        Some(Value::Bool(preserve)) => Ok(json!({ "type": kind, "preserveAssetDeliveryTypes": preserve })),
        Some(_) => Err(ApiError::invalid(
            "urlRewriter.preserveAssetDeliveryTypes must be a boolean",
        )),
    }
}

fn shown(endpoint: &UrlEndpoint) -> Value {
    let mut json = json!({
        "id": endpoint.id,
        "description": endpoint.description,
        "urlPrefix": endpoint.url_prefix,
        "origins": endpoint.origins,
    });
    if let Some(rewriter) = &endpoint.url_rewriter {
        json["urlRewriter"] = rewriter.clone();
    }
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &Value, is_default: bool) -> Result<NewUrlEndpoint, String> {
        let fields = Fields::parse("", json.to_string().as_bytes()).unwrap();
        parse(&fields, is_default).map_err(|error| error.to_string())
    }

    #[test]
    fn endpoints_are_read_strictly() {
        let reserved =
            "urlPrefix cannot be empty string. This is reserved for the default URL-endpoint created by ImageKit.";
        for (given, expected) in [
            (json!({"urlPrefix": "a"}), "description is required"),
            (json!({"description": "d"}), reserved),
            (json!({"description": "d", "urlPrefix": ""}), reserved),
            (
                json!({"description": "d", "urlPrefix": 5}),
                "urlPrefix must be a string",
            ),
            (
                json!({"description": "d", "urlPrefix": "a_b"}),
                "urlPrefix must have letters, digits and hyphens only, at most 100",
            ),
            (
                json!({"description": "d", "urlPrefix": "a", "more": 1}),
                "more is not allowed",
            ),
            (
                json!({"description": "d", "urlPrefix": "a", "origins": ["x", "x"]}),
                "origins must not have an entry twice",
            ),
            (
                json!({"description": "d", "urlPrefix": "a", "urlRewriter": {"type": "IMGIX", "preserveAssetDeliveryTypes": true}}),
                "urlRewriter.preserveAssetDeliveryTypes is not allowed",
            ),
            (
                json!({"description": "d", "urlPrefix": "a", "urlRewriter": {"type": "imgix"}}),
                "urlRewriter must be an object whose type is CLOUDINARY, IMGIX or AKAMAI",
            ),
        ] {
            assert_eq!(read(&given, false).unwrap_err(), expected, "{given}");
        }
        let rewriter = json!({"type": "CLOUDINARY"});
        let given = json!({"description": "d", "urlPrefix": "a-1", "origins": ["x"], "urlRewriter": rewriter});
        let parsed = read(&given, false).unwrap();
        assert_eq!((parsed.url_prefix.as_str(), parsed.origins.len()), ("a-1", 1));
        let shown = json!({"type": "CLOUDINARY", "preserveAssetDeliveryTypes": false});
        assert_eq!(parsed.url_rewriter, Some(shown));
        assert!(read(&json!({"description": "d"}), true).is_ok());
        assert!(read(&json!({"description": "d", "urlPrefix": "a"}), true).is_err());
    }
}
