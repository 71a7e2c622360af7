use std::collections::BTreeSet;

use insta::assert_snapshot;
use serde_json::json;

use super::*;

/// A line for each field: its name, `!` if it is required, its types and limits.
fn summary(schema: &Value) -> String {
    let required: Vec<&str> = schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let mut lines = Vec::new();
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let mut field = field.clone();
        for key in ["description", "properties", "required", "additionalProperties"] {
            field.as_object_mut().unwrap().remove(key);
        }
        if field["items"]["properties"].is_object() {
            field["items"] = json!("object");
        }
        let mark = if required.contains(&name.as_str()) { "!" } else { "" };
        lines.push(format!("{name}{mark} {field}").replace('"', ""));
    }
    lines.join("\n")
}

#[test]
fn the_catalogue() {
    let rows = ACTIONS.iter().map(|a| {
        let sends = if a.idempotent { "idempotent" } else { "once" };
        format!("{} | {} | {sends} | {}", a.name, a.effect.as_str(), a.title)
    });
    assert_snapshot!(rows.collect::<Vec<_>>().join("\n"), @r"
    list_files | read | idempotent | List and search files
    get_file_details | read | idempotent | Get file details
    upload_file | write | once | Upload a file
    delete_file | delete | idempotent | Delete a file
    ");
}

#[test]
fn inputs() {
    let schema = |name: &str| summary(&find(name).unwrap().input_schema());
    assert_snapshot!(schema("list_files"), @r"
    fileType {enum:[all,image,non-image,null],type:[string,null]}
    limit {maximum:1000,minimum:1,type:[integer,null]}
    name {maxLength:1000,minLength:1,type:[string,null]}
    path {maxLength:2000,minLength:1,type:[string,null]}
    searchQuery {maxLength:8000,minLength:1,type:[string,null]}
    skip {minimum:0,type:[integer,null]}
    sort {enum:[ASC_NAME,DESC_NAME,ASC_CREATED,DESC_CREATED,ASC_UPDATED,DESC_UPDATED,ASC_HEIGHT,DESC_HEIGHT,ASC_WIDTH,DESC_WIDTH,ASC_SIZE,DESC_SIZE,ASC_RELEVANCE,DESC_RELEVANCE,null],type:[string,null]}
    tags {items:{type:string},maxItems:50,type:[array,null]}
    type {enum:[file,file-version,folder,all,null],type:[string,null]}
    ");
    assert_snapshot!(schema("get_file_details"), @"fileId! {maxLength:100,minLength:1,pattern:^[A-Za-z0-9_-]+$,type:string}");
    assert_snapshot!(schema("upload_file"), @r"
    contentBase64 {type:[string,null]}
    customCoordinates {maxLength:100,type:[string,null]}
    description {maxLength:10000,type:[string,null]}
    fileName! {maxLength:1000,minLength:1,type:string}
    folder {maxLength:2000,type:[string,null]}
    isPrivateFile {type:[boolean,null]}
    isPublished {type:[boolean,null]}
    overwriteFile {type:[boolean,null]}
    tags {items:{type:string},maxItems:50,type:[array,null]}
    url {maxLength:8000,minLength:8,type:[string,null]}
    useUniqueFileName {type:[boolean,null]}
    ");
    assert_eq!(schema("delete_file"), schema("get_file_details"));
}

#[test]
fn outputs() {
    let schema = |name: &str| summary(&find(name).unwrap().output_schema());
    assert_snapshot!(schema("list_files"), @r"
    files! {items:object,type:array}
    folders! {items:object,type:array}
    nextSkip! {minimum:0,type:[integer,null]}
    ");
    assert_snapshot!(schema("get_file_details"), @r"
    AITags! {items:object,type:[array,null]}
    audioCodec {type:[string,null]}
    bitRate {type:[number,null]}
    createdAt! {type:[string,null]}
    customCoordinates! {type:[string,null]}
    customMetadata! {type:[object,null]}
    description {type:[string,null]}
    duration {type:[number,null]}
    embeddedMetadata! {type:[object,null]}
    fileId! {type:string}
    filePath! {type:string}
    fileType! {type:[string,null]}
    hasAlpha {type:[boolean,null]}
    height {minimum:0,type:[integer,null]}
    isPrivateFile! {type:[boolean,null]}
    isPublished! {type:[boolean,null]}
    mime! {type:[string,null]}
    name! {type:string}
    selectedFieldsSchema {type:[object,null]}
    size! {minimum:0,type:[integer,null]}
    tags! {items:{type:string},type:[array,null]}
    thumbnail! {type:[string,null]}
    type! {type:[string,null]}
    updatedAt! {type:[string,null]}
    url! {type:string}
    versionInfo! {type:[object,null]}
    videoCodec {type:[string,null]}
    width {minimum:0,type:[integer,null]}
    ");
    assert_snapshot!(schema("upload_file"), @r"
    AITags! {items:object,type:[array,null]}
    audioCodec {type:[string,null]}
    bitRate {type:[number,null]}
    description {type:[string,null]}
    duration {type:[number,null]}
    fileId! {maxLength:100,minLength:1,pattern:^[A-Za-z0-9_-]+$,type:string}
    filePath! {type:string}
    fileType! {type:[string,null]}
    height {minimum:0,type:[integer,null]}
    metadata {type:[object,null]}
    name! {type:string}
    orientation {minimum:0,type:[integer,null]}
    size! {minimum:0,type:integer}
    thumbnailUrl {type:[string,null]}
    url! {type:string}
    versionInfo! {type:[object,null]}
    videoCodec {type:[string,null]}
    width {minimum:0,type:[integer,null]}
    ");
    assert_snapshot!(schema("delete_file"), @"deleted! {type:boolean}");
}

/// What `schema::differences` checks, and what only describes.
const KEYWORDS: &[&str] = &[
    "$schema",
    "additionalProperties",
    "anyOf",
    "description",
    "enum",
    "items",
    "maxItems",
    "maxLength",
    "maximum",
    "minItems",
    "minLength",
    "minimum",
    "pattern",
    "properties",
    "required",
    "title",
    "type",
];

fn keywords(schema: &Value, found: &mut BTreeSet<String>) {
    let Value::Object(keys) = schema else {
        return;
    };
    for (key, value) in keys {
        found.insert(key.clone());
        match (key.as_str(), value) {
            ("properties", Value::Object(fields)) => fields.values().for_each(|f| keywords(f, found)),
            ("anyOf", Value::Array(branches)) => branches.iter().for_each(|b| keywords(b, found)),
            ("items" | "additionalProperties", schema) => keywords(schema, found),
            _ => {}
        }
    }
}

#[test]
fn schemas_are_closed_objects_in_the_language_that_is_checked() {
    for action in ACTIONS {
        for schema in [action.input_schema(), action.output_schema()] {
            assert_eq!(schema["type"], "object", "{}", action.name);
            assert_eq!(schema["additionalProperties"], false, "{}", action.name);
            let mut found = BTreeSet::new();
            keywords(&schema, &mut found);
            let unknown: Vec<_> = found.iter().filter(|k| !KEYWORDS.contains(&k.as_str())).collect();
            assert!(unknown.is_empty(), "{}: {unknown:?}", action.name);
        }
    }
}

/// Method, path, query and form of an input, or why it makes no request.
fn sent(name: &str, input: Value) -> String {
    let request = find(name)
        .unwrap()
        .prepare(input, None)
        .and_then(|operation| operation.request());
    let request = match request {
        Ok(request) => request,
        Err(error) => return format!("{:?}: {error}", error.code()),
    };
    let mut text = format!("{} {:?} /{}", request.method, request.host, request.path.join("/"));
    for (name, value) in &request.query {
        text.push_str(&format!("\n  {name}={value}"));
    }
    for part in &request.parts {
        let file = if part.is_file { " (file)" } else { "" };
        text.push_str(&format!(
            "\n  {}{file}: {}",
            part.name,
            String::from_utf8_lossy(&part.content)
        ));
    }
    text
}

#[test]
fn requests() {
    assert_snapshot!(sent("list_files", json!({})), @r"
    GET Management /v1/files
      limit=100
    ");
    assert_snapshot!(
        sent("list_files", json!({
            "type": "file-version", "path": "/a b", "sort": "DESC_RELEVANCE", "fileType": "non-image",
            "tags": ["sea", "dawn"], "limit": 5, "skip": 10
        })),
        @r"
        GET Management /v1/files
          type=file-version
          path=/a b
          fileType=non-image
          sort=DESC_RELEVANCE
          tags=sea,dawn
          limit=5
          skip=10
        "
    );
    assert_snapshot!(sent("get_file_details", json!({ "fileId": "65f0c0ffee" })), @"GET Management /v1/files/65f0c0ffee/details");
    assert_snapshot!(sent("delete_file", json!({ "fileId": "65f0c0ffee" })), @"DELETE Management /v1/files/65f0c0ffee");
    assert_snapshot!(
        sent("upload_file", json!({
            "fileName": "a.txt", "contentBase64": "aGVsbG8=", "folder": "/t", "tags": ["x", "y"],
            "useUniqueFileName": false, "isPrivateFile": true
        })),
        @r"
        POST Upload /api/v1/files/upload
          fileName: a.txt
          folder: /t
          tags: x,y
          useUniqueFileName: false
          isPrivateFile: true
          file (file): hello
        "
    );
    assert_snapshot!(sent("upload_file", json!({ "fileName": "a.txt", "url": "https://host/a?b=c" })), @r"
    POST Upload /api/v1/files/upload
      fileName: a.txt
      file: https://host/a?b=c
    ");
}

#[test]
fn refusals_point_at_the_field() {
    let refused = [
        sent("list_files", json!({ "limit": 0, "sort": "NAME", "folder": "/" })),
        sent("list_files", json!({ "tags": ["a,b"] })),
        sent("list_files", json!("all")),
        sent("get_file_details", json!({})),
        sent("delete_file", json!({ "fileId": "../x" })),
        sent("delete_file", json!({ "fileId": "" })),
        sent("upload_file", json!({ "fileName": "a" })),
        sent("upload_file", json!({ "fileName": "a", "url": "file:///etc/passwd" })),
        sent("upload_file", json!({ "fileName": "a", "contentBase64": "%%%" })),
        sent(
            "upload_file",
            json!({ "fileName": "a", "contentBase64": "aGVsbG8=", "url": "https://host/a" }),
        ),
    ];
    assert_snapshot!(refused.join("\n"), @r#"
    InvalidInput: folder: unknown; known are fileType, limit, name, path, searchQuery, skip, sort, tags, type; limit: must be at least 1; sort: must be one of "ASC_NAME", "DESC_NAME", "ASC_CREATED", "DESC_CREATED", "ASC_UPDATED", "DESC_UPDATED", "ASC_HEIGHT", "DESC_HEIGHT", "ASC_WIDTH", "DESC_WIDTH", "ASC_SIZE", "DESC_SIZE", "ASC_RELEVANCE", "DESC_RELEVANCE", null, not "NAME"
    InvalidInput: tags: `a,b` can't be a tag: a tag is not empty and holds no comma
    InvalidInput: the input: must be object, not string
    InvalidInput: fileId: missing
    InvalidInput: fileId: must be 1 to 100 letters, digits, `_` and `-`, as list_files gives it
    InvalidInput: fileId: must be at least 1 characters
    InvalidInput: give url or contentBase64, or attach a file
    InvalidInput: url: must begin with http:// or https://
    InvalidInput: contentBase64: Invalid symbol 37, offset 0.
    InvalidInput: give only one of url, contentBase64 and an attached file
    "#);
    let with_file = find("list_files").unwrap().prepare(json!({}), Some(Bytes::new()));
    assert_snapshot!(with_file.err().unwrap(), @"list_files takes no file");
}

#[test]
fn an_unknown_action_names_the_nearest() {
    let hint = |name: &str| find(name).unwrap_err().hint();
    assert_eq!(hint("list_file").as_deref(), Some("did you mean `list_files`?"));
    assert_eq!(hint("zzz").as_deref(), Some("list the actions to see their names"));
}
