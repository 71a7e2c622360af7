//! `/v1/accounts/origins`: bodies are read strictly, secrets are sealed and never shown.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use library::{AccountError, NewOrigin, Origin, Timestamp};
use secrecy::SecretString;
use serde_json::{Map, Value, json};

use super::refusal;
use crate::api::body::Fields;
use crate::api::{Json, Path};
use crate::app::App;
use crate::app::keyring::place_of_origin;
use crate::auth::{Area, Level, require};
use crate::error::ApiError;

const MISSING: &str = "Origin not found.";

/// What a field of an origin holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// 1 to 100 characters.
    Text,
    /// A text that becomes part of a host name.
    Name,
    /// As many as 100 characters, also none.
    Prefix,
    /// Without a bound of its own: keys and tokens.
    Long,
    /// `http` or `https`.
    Url,
    Email,
    Flag,
}

/// A field: its name, what it holds, whether it has to be there, whether it is a secret.
struct Field {
    name: &'static str,
    kind: Kind,
    is_required: bool,
    is_secret: bool,
}

const fn required(name: &'static str, kind: Kind) -> Field {
    Field {
        name,
        kind,
        is_required: true,
        is_secret: false,
    }
}

const fn optional(name: &'static str, kind: Kind) -> Field {
    Field {
        name,
        kind,
        is_required: false,
        is_secret: false,
    }
}

const fn secret(name: &'static str, kind: Kind) -> Field {
    Field {
        name,
        kind,
        is_required: true,
        is_secret: true,
    }
}

/// The kinds of origins, with the fields of each besides those that all have.
const KINDS: [(&str, &[Field]); 8] = [
    (
        "S3",
        &[
            required("bucket", Kind::Name),
            optional("prefix", Kind::Prefix),
            optional("useIAMRole", Kind::Flag),
            secret("accessKey", Kind::Text),
            secret("secretKey", Kind::Text),
        ],
    ),
    (
        "S3_COMPATIBLE",
        &[
            required("bucket", Kind::Name),
            optional("prefix", Kind::Prefix),
            required("endpoint", Kind::Url),
            optional("s3ForcePathStyle", Kind::Flag),
            secret("accessKey", Kind::Text),
            secret("secretKey", Kind::Text),
        ],
    ),
    (
        "CLOUDINARY_BACKUP",
        &[
            required("bucket", Kind::Name),
            optional("prefix", Kind::Prefix),
            // Ours: ImageKit knows backups at Amazon only.
            optional("endpoint", Kind::Url),
            optional("useIAMRole", Kind::Flag),
            secret("accessKey", Kind::Text),
            secret("secretKey", Kind::Text),
        ],
    ),
    (
        "WEB_FOLDER",
        &[
            required("baseUrl", Kind::Url),
            optional("forwardHostHeaderToOrigin", Kind::Flag),
        ],
    ),
    ("WEB_PROXY", &[]),
    (
        "GCS",
        &[
            required("bucket", Kind::Name),
            optional("prefix", Kind::Prefix),
            required("clientEmail", Kind::Email),
            secret("privateKey", Kind::Long),
        ],
    ),
    (
        "AZURE_BLOB",
        &[
            required("container", Kind::Name),
            optional("prefix", Kind::Prefix),
            required("accountName", Kind::Name),
            secret("sasToken", Kind::Long),
        ],
    ),
    (
        "AKENEO_PIM",
        &[
            required("baseUrl", Kind::Url),
            secret("clientId", Kind::Text),
            secret("clientSecret", Kind::Text),
            secret("username", Kind::Text),
            secret("password", Kind::Text),
        ],
    ),
];

const COMMON: [&str; 4] = ["type", "name", "includeCanonicalHeader", "baseUrlForCanonicalHeader"];

/// `GET`: all, as a bare array.
pub async fn list(State(app): State<App>, headers: HeaderMap) -> Result<Json, ApiError> {
    require(&app, &headers, Area::Management, Level::Read).await?;
    let origins = app.library.origins().await;
    let origins = origins.map_err(|error| ApiError::internal(&error))?;
    Ok(Json(origins.iter().map(shown).collect()))
}

/// `POST`
pub async fn create(
    State(app): State<App>,
    headers: HeaderMap,
    fields: Result<Fields, ApiError>,
) -> Result<Response, ApiError> {
    require(&app, &headers, Area::Management, Level::Write).await?;
    let fields = fields?;
    let new = read(&app, NewOrigin::random_id(), &fields)?;
    let made = app
        .library
        .create_origin(new, Timestamp::now())
        .await
        .map_err(refused)?;
    Ok((StatusCode::CREATED, Json(shown(&made))).into_response())
}

/// `GET` of one.
pub async fn get(State(app): State<App>, headers: HeaderMap, Path(id): Path<String>) -> Result<Json, ApiError> {
    require(&app, &headers, Area::Management, Level::Read).await?;
    let origin = app.library.origin(&id).await;
    let origin = origin.map_err(|error| ApiError::internal(&error))?;
    origin
        .map(|origin| Json(shown(&origin)))
        .ok_or_else(|| ApiError::not_found(MISSING))
}

/// `PUT`: the whole of it, secrets included.
pub async fn replace(
    State(app): State<App>,
    headers: HeaderMap,
    Path(id): Path<String>,
    fields: Result<Fields, ApiError>,
) -> Result<Json, ApiError> {
    require(&app, &headers, Area::Management, Level::Write).await?;
    let fields = fields?;
    let known = app.library.origin(&id).await;
    if known.map_err(|error| ApiError::internal(&error))?.is_none() {
        return Err(ApiError::not_found(MISSING));
    }
    let new = read(&app, id, &fields)?;
    let replaced = app.library.replace_origin(new, Timestamp::now()).await;
    replaced.map(|origin| Json(shown(&origin))).map_err(refused)
}

/// `DELETE`
pub async fn delete(
    State(app): State<App>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    require(&app, &headers, Area::Management, Level::Write).await?;
    let deleted = app.library.delete_origin(&id).await;
    deleted.map(|()| StatusCode::NO_CONTENT).map_err(refused)
}

fn refused(error: AccountError) -> ApiError {
    match error {
        AccountError::InUse(by) => ApiError::invalid(format!("The origin is used by {by}. Remove it there first.")),
        AccountError::TooMany { limit } => ApiError::invalid(format!("You can have at most {limit} origins.")),
        other => refusal(other, MISSING),
    }
}

fn read(app: &App, id: String, fields: &Fields) -> Result<NewOrigin, ApiError> {
    let (settings, secrets) = parse(fields)?;
    let text = |key: &str| settings.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (kind, name) = (text("type"), text("name"));
    let secret = match secrets.is_empty() {
        true => None,
        false => {
            let plain = SecretString::from(Value::Object(secrets).to_string());
            let sealed = app.seal.seal(&place_of_origin(&id), &plain);
            Some(sealed.map_err(|error| ApiError::internal(&error))?)
        }
    };
    Ok(NewOrigin {
        id,
        kind,
        name,
        settings,
        secret,
    })
}

/// Keys of an origin with their values.
type Keys = Map<String, Value>;

/// What may be shown, with its defaults, and the rest.
fn parse(fields: &Fields) -> Result<(Keys, Keys), ApiError> {
    let given = fields.get("type").and_then(Value::as_str).unwrap_or_default();
    let Some((kind, own)) = KINDS.iter().find(|(kind, _)| *kind == given) else {
        let names = KINDS.map(|(kind, _)| kind).join(", ");
        return Err(ApiError::invalid(format!(
            "Invalid origin type. Must be one of {names}."
        )));
    };
    let strange = |name: &&str| !COMMON.contains(name) && !own.iter().any(|field| field.name == *name);
    if let Some(name) = fields.names().find(strange) {
        let name: String = name.chars().take(100).collect();
        return Err(ApiError::invalid(format!(
            "{name} is not allowed for origins of type {kind}"
        )));
    }
    let by_role = own.iter().any(|field| field.name == "useIAMRole") && flag(fields, "useIAMRole")?;
    if by_role && fields.get("endpoint").is_some() {
        return Err(ApiError::invalid(
            "useIAMRole is for buckets of Amazon and can not be given together with endpoint",
        ));
    }
    let mut settings = Map::new();
    let mut secrets = Map::new();
    settings.insert("type".to_owned(), json!(kind));
    let name = value(fields, &required("name", Kind::Text), false)?.unwrap_or_default();
    if !name
        .as_str()
        .unwrap_or_default()
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b' ')
    {
        return Err(ApiError::invalid("name must have letters, digits and spaces only"));
    }
    settings.insert("name".to_owned(), name);
    for field in own.iter() {
        let target = if field.is_secret { &mut secrets } else { &mut settings };
        if let Some(value) = value(fields, field, by_role)? {
            target.insert(field.name.to_owned(), value);
        }
    }
    let canonical = flag(fields, "includeCanonicalHeader")?;
    settings.insert("includeCanonicalHeader".to_owned(), json!(canonical));
    let base = value(fields, &optional("baseUrlForCanonicalHeader", Kind::Url), false)?;
    if let Some(base) = base {
        settings.insert("baseUrlForCanonicalHeader".to_owned(), base);
    }
    Ok((settings, secrets))
}

fn flag(fields: &Fields, name: &str) -> Result<bool, ApiError> {
    let wrong = |_| ApiError::invalid(format!("{name} must be a boolean"));
    Ok(fields.flag(name).map_err(wrong)?.unwrap_or(false))
}

/// The value of a field, or its default. `by_role`: the server has rights of its own, so keys may be empty.
fn value(fields: &Fields, field: &Field, by_role: bool) -> Result<Option<Value>, ApiError> {
    let name = field.name;
    if field.kind == Kind::Flag {
        return Ok(Some(json!(flag(fields, name)?)));
    }
    let text = match fields.get(name) {
        Some(Value::String(text)) => text.as_str(),
        None if by_role && field.is_secret => "",
        None if field.is_required => return Err(ApiError::invalid(format!("{name} is required and must be a string"))),
        None if field.kind == Kind::Prefix => "",
        None => return Ok(None),
        Some(_) if field.is_required => {
            return Err(ApiError::invalid(format!("{name} is required and must be a string")));
        }
        Some(_) => return Err(ApiError::invalid(format!("{name} must be a string"))),
    };
    let refuse = |what: &str| Err(ApiError::invalid(format!("{name} must {what}")));
    if text
        .chars()
        .any(|c| c.is_control() && !(field.kind == Kind::Long && c.is_whitespace()))
    {
        return refuse("not have control characters");
    }
    let length = text.chars().count();
    match field.kind {
        Kind::Text if by_role && field.is_secret && text.is_empty() => {}
        Kind::Text | Kind::Name | Kind::Email if !(1..=100).contains(&length) => {
            return refuse("have 1 to 100 characters");
        }
        Kind::Prefix if length > 100 => return refuse("have at most 100 characters"),
        Kind::Long if !(1..=32_768).contains(&length) => return refuse("have 1 to 32768 characters"),
        Kind::Url if length > 1000 || !is_web_url(text) => return refuse("be an http or https URL"),
        Kind::Url if has_user(text) => return refuse("not hold a user name or a password"),
        Kind::Name if !text.bytes().all(is_of_name) => {
            return refuse("have letters, digits, dots, hyphens and underscores only");
        }
        Kind::Email if !is_email(text) => return refuse("be an e-mail address"),
        _ => {}
    }
    Ok(Some(json!(text)))
}

fn is_web_url(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https") && url.has_host() && url.query().is_none() && url.fragment().is_none()
    })
}

/// Such a URL is shown and logged: a secret does not belong in it.
fn has_user(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| !url.username().is_empty() || url.password().is_some())
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._-".contains(&byte)
}

fn is_email(text: &str) -> bool {
    let (user, host) = text.split_once('@').unwrap_or_default();
    !user.is_empty() && host.contains('.') && !host.contains('@') && !text.contains(' ')
}

fn shown(origin: &Origin) -> Value {
    let mut json = origin.settings.clone();
    json.insert("id".to_owned(), json!(origin.id));
    Value::Object(json)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &Value) -> Result<(Value, Value), String> {
        let fields = Fields::parse("", json.to_string().as_bytes()).unwrap();
        let (settings, secrets) = parse(&fields).map_err(|error| error.to_string())?;
        Ok((Value::Object(settings), Value::Object(secrets)))
    }

    #[test]
    fn every_kind() {
        for (given, settings, secrets) in [
            (
                json!({"type": "S3", "name": "A 1", "bucket": "b", "accessKey": "k", "secretKey": "s"}),
                json!({"type": "S3", "name": "A 1", "bucket": "b", "prefix": "", "useIAMRole": false, "includeCanonicalHeader": false}),
                json!({"accessKey": "k", "secretKey": "s"}),
            ),
            (
                json!({"type": "S3", "name": "A", "bucket": "b", "useIAMRole": true, "accessKey": "", "secretKey": ""}),
                json!({"type": "S3", "name": "A", "bucket": "b", "prefix": "", "useIAMRole": true, "includeCanonicalHeader": false}),
                json!({"accessKey": "", "secretKey": ""}),
            ),
            (
                json!({"type": "S3_COMPATIBLE", "name": "A", "bucket": "b", "accessKey": "k", "secretKey": "s",
                       "endpoint": "https://s3.example.org", "prefix": "raw", "s3ForcePathStyle": true}),
                json!({"type": "S3_COMPATIBLE", "name": "A", "bucket": "b", "prefix": "raw", "endpoint": "https://s3.example.org",
                       "s3ForcePathStyle": true, "includeCanonicalHeader": false}),
                json!({"accessKey": "k", "secretKey": "s"}),
            ),
            (
                json!({"type": "WEB_FOLDER", "name": "A", "baseUrl": "https://h/a", "includeCanonicalHeader": true,
                       "baseUrlForCanonicalHeader": "https://w"}),
                json!({"type": "WEB_FOLDER", "name": "A", "baseUrl": "https://h/a", "forwardHostHeaderToOrigin": false,
                       "includeCanonicalHeader": true, "baseUrlForCanonicalHeader": "https://w"}),
                json!({}),
            ),
            (
                json!({"type": "WEB_PROXY", "name": "A"}),
                json!({"type": "WEB_PROXY", "name": "A", "includeCanonicalHeader": false}),
                json!({}),
            ),
            (
                json!({"type": "GCS", "name": "A", "bucket": "b", "clientEmail": "a@b.c", "privateKey": "-----\nx\n-----"}),
                json!({"type": "GCS", "name": "A", "bucket": "b", "prefix": "", "clientEmail": "a@b.c", "includeCanonicalHeader": false}),
                json!({"privateKey": "-----\nx\n-----"}),
            ),
            (
                json!({"type": "AZURE_BLOB", "name": "A", "container": "c", "accountName": "n", "sasToken": "?sv=1"}),
                json!({"type": "AZURE_BLOB", "name": "A", "container": "c", "prefix": "", "accountName": "n", "includeCanonicalHeader": false}),
                json!({"sasToken": "?sv=1"}),
            ),
            (
                json!({"type": "AKENEO_PIM", "name": "A", "baseUrl": "https://h", "clientId": "1", "clientSecret": "2",
                       "username": "3", "password": "4"}),
                json!({"type": "AKENEO_PIM", "name": "A", "baseUrl": "https://h", "includeCanonicalHeader": false}),
                json!({"clientId": "1", "clientSecret": "2", "username": "3", "password": "4"}),
            ),
        ] {
            assert_eq!(read(&given), Ok((settings, secrets)), "{given}");
        }
    }

    #[test]
    fn what_is_wrong() {
        let kinds = "S3, S3_COMPATIBLE, CLOUDINARY_BACKUP, WEB_FOLDER, WEB_PROXY, GCS, AZURE_BLOB, AKENEO_PIM";
        let unknown = format!("Invalid origin type. Must be one of {kinds}.");
        for (given, expected) in [
            (json!({}), unknown.as_str()),
            (json!({"type": "s3"}), unknown.as_str()),
            (json!({"type": "S3"}), "name is required and must be a string"),
            (
                json!({"type": "S3", "name": 5}),
                "name is required and must be a string",
            ),
            (
                json!({"type": "S3", "name": "a-b"}),
                "name must have letters, digits and spaces only",
            ),
            (json!({"type": "S3", "name": ""}), "name must have 1 to 100 characters"),
            (
                json!({"type": "S3", "name": "A"}),
                "bucket is required and must be a string",
            ),
            (
                json!({"type": "S3", "name": "A", "bucket": "b"}),
                "accessKey is required and must be a string",
            ),
            (
                json!({"type": "WEB_PROXY", "name": "A", "baseUrl": "https://h"}),
                "baseUrl is not allowed for origins of type WEB_PROXY",
            ),
            (
                json!({"type": "WEB_FOLDER", "name": "A", "baseUrl": "ftp://h"}),
                "baseUrl must be an http or https URL",
            ),
            (
                json!({"type": "WEB_FOLDER", "name": "A", "baseUrl": "https://h", "includeCanonicalHeader": "maybe"}),
                "includeCanonicalHeader must be a boolean",
            ),
            (
                json!({"type": "WEB_FOLDER", "name": "A", "baseUrl": "https://me:secret@h/a"}),
                "baseUrl must not hold a user name or a password",
            ),
            (
                json!({"type": "S3_COMPATIBLE", "name": "A", "bucket": "b", "endpoint": "https://me@h"}),
                "endpoint must not hold a user name or a password",
            ),
            (
                json!({"type": "WEB_PROXY", "name": "A", "baseUrlForCanonicalHeader": "https://:secret@h"}),
                "baseUrlForCanonicalHeader must not hold a user name or a password",
            ),
            (
                json!({"type": "S3", "name": "A", "bucket": "b.evil/"}),
                "bucket must have letters, digits, dots, hyphens and underscores only",
            ),
            (
                json!({"type": "GCS", "name": "A", "bucket": "b@evil"}),
                "bucket must have letters, digits, dots, hyphens and underscores only",
            ),
            (
                json!({"type": "AZURE_BLOB", "name": "A", "container": "c?d"}),
                "container must have letters, digits, dots, hyphens and underscores only",
            ),
            (
                json!({"type": "AZURE_BLOB", "name": "A", "container": "c", "accountName": "evil.example/#"}),
                "accountName must have letters, digits, dots, hyphens and underscores only",
            ),
            (
                json!({"type": "GCS", "name": "A", "bucket": "b", "clientEmail": "me", "privateKey": "x"}),
                "clientEmail must be an e-mail address",
            ),
        ] {
            assert_eq!(read(&given), Err(expected.to_owned()), "{given}");
        }
    }
}
