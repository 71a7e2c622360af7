use std::collections::BTreeSet;

use insta::assert_snapshot;
use serde_json::json;

use super::*;
use crate::schema;
use crate::survey::{Seen, State, Survey, Target};

/// What `schema::differences` checks, and what only describes.
const KEYWORDS: &[&str] = &[
    "$schema",
    "additionalProperties",
    "anyOf",
    "const",
    "description",
    "enum",
    "items",
    "maxItems",
    "maxLength",
    "maximum",
    "minItems",
    "minLength",
    "minimum",
    "oneOf",
    "pattern",
    "properties",
    "required",
    "title",
    "type",
    "x-programs-only",
    "x-untrusted",
];

#[test]
fn the_catalogue() {
    let rows = ACTIONS.iter().map(|action| {
        let about = &action.about;
        let flag = |is: bool, word: &'static str| if is { word } else { "" };
        let words = [
            about.effect.as_str(),
            flag(about.reversible, "reversible"),
            flag(about.trashes, "trash"),
            flag(about.idempotent, "idempotent"),
            flag(about.open_world, "open-world"),
            about.poll.unwrap_or(""),
            match about.reach {
                Reach::Assets => "",
                Reach::Account => "account",
                Reach::Secret => "secret",
            },
        ];
        let words: Vec<&str> = words.into_iter().filter(|w| !w.is_empty()).collect();
        format!("{} | {}", about.name, words.join(", "))
    });
    assert_snapshot!(rows.collect::<Vec<_>>().join("\n"), @r"
    list_assets | read, idempotent
    find_similar_files | read, idempotent
    find_duplicate_files | read, idempotent
    get_file_details | read, idempotent
    get_file_history | read, idempotent
    upload_file | write, reversible, open-world
    create_upload_link | write, reversible, get_upload_link
    get_upload_link | read, idempotent
    revoke_upload_link | write, idempotent
    update_file_details | write, reversible, idempotent
    rename_file | write, reversible, get_purge_status
    copy_file | write, reversible
    move_file | write, reversible
    bulk_move_files | write, reversible
    delete_file | destructive, trash, idempotent
    delete_multiple_files | destructive, trash
    bulk_add_tags | write, reversible, idempotent
    bulk_remove_tags | write, reversible, idempotent
    bulk_remove_ai_tags | write, idempotent
    list_file_versions | read, idempotent
    get_file_version_details | read, idempotent
    restore_file_version | write, reversible, idempotent
    delete_file_version | destructive, trash, idempotent
    create_folder | write, reversible, idempotent
    copy_folder | write, reversible, bulk_job_status
    move_folder | write, reversible, bulk_job_status
    rename_folder | write, reversible, bulk_job_status
    delete_folder | destructive, trash, idempotent
    bulk_job_status | read, idempotent
    list_trash | read, idempotent
    restore_from_trash | write, reversible
    delete_from_trash | destructive, idempotent
    empty_trash | destructive, account
    purge_cache | write, idempotent, get_purge_status
    get_purge_status | read, idempotent
    get_uploaded_file_metadata | read, idempotent
    get_remote_file_metadata | read, idempotent, open-world
    list_custom_metadata_fields | read, idempotent, account
    create_custom_metadata_field | write, reversible, account
    update_custom_metadata_field | write, reversible, idempotent, account
    delete_custom_metadata_field | destructive, idempotent, account
    list_saved_extensions | read, idempotent, account
    get_saved_extension | read, idempotent, account
    create_saved_extension | write, reversible, account
    update_saved_extension | write, reversible, idempotent, account
    delete_saved_extension | destructive, reversible, idempotent, account
    list_named_transformations | read, idempotent, account
    get_named_transformation | read, idempotent, account
    create_named_transformation | write, reversible, account
    update_named_transformation | write, reversible, idempotent, account
    delete_named_transformation | destructive, reversible, idempotent, account
    list_origins | read, idempotent, account
    get_origin | read, idempotent, account
    create_origin | write, reversible, open-world, account
    update_origin | write, idempotent, open-world, account
    delete_origin | destructive, idempotent, account
    list_url_endpoints | read, idempotent, account
    get_url_endpoint | read, idempotent, account
    create_url_endpoint | write, reversible, account
    update_url_endpoint | write, reversible, idempotent, account
    delete_url_endpoint | destructive, reversible, idempotent, account
    get_usage | read, idempotent, account
    get_usage_analytics | read, idempotent, account
    get_authentication_parameters | read, idempotent, secret
    ");
}

fn keywords(schema: &Value, found: &mut BTreeSet<String>, patterns: &mut BTreeSet<String>) {
    let Value::Object(keys) = schema else {
        return;
    };
    for (key, value) in keys {
        found.insert(key.clone());
        match (key.as_str(), value) {
            ("properties", Value::Object(fields)) => fields.values().for_each(|f| keywords(f, found, patterns)),
            ("anyOf" | "oneOf", Value::Array(branches)) => branches.iter().for_each(|b| keywords(b, found, patterns)),
            ("items" | "additionalProperties", schema) => keywords(schema, found, patterns),
            ("pattern", Value::String(pattern)) => {
                patterns.insert(pattern.clone());
            }
            _ => {}
        }
    }
}

/// Objects that are open without saying what their values are.
fn loose(schema: &Value, at: &str, found: &mut BTreeSet<String>) {
    for branch in schema::branches(schema).into_iter().flatten() {
        loose(branch, at, found);
    }
    let is_object =
        schema["type"] == "object" || schema["type"].as_array().is_some_and(|t| t.contains(&json!("object")));
    let others = &schema["additionalProperties"];
    if is_object
        && *others != json!(false)
        && !others["type"].is_string()
        && schema::branches(others).is_none()
        && !others["type"].is_array()
    {
        found.insert(at.to_owned());
    }
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        loose(field, &format!("{at}/{name}"), found);
    }
    if schema["items"].is_object() {
        loose(&schema["items"], &format!("{at}/*"), found);
    }
}

#[test]
fn schemas_are_closed_objects_in_the_language_that_is_checked() {
    let mut open = BTreeSet::new();
    for action in ACTIONS {
        for (which, schema) in [("input", action.input_schema()), ("output", action.output_schema())] {
            let name = action.name();
            assert_eq!(schema["type"], "object", "{name}");
            assert_eq!(schema["additionalProperties"], false, "{name}");
            let (mut found, mut patterns) = (BTreeSet::new(), BTreeSet::new());
            keywords(schema, &mut found, &mut patterns);
            let unknown: Vec<_> = found.iter().filter(|k| !KEYWORDS.contains(&k.as_str())).collect();
            assert!(unknown.is_empty(), "{name}: {unknown:?}");
            let unchecked: Vec<_> = patterns
                .iter()
                .filter(|p| !schema::FORMS.iter().any(|(k, ..)| k == p))
                .collect();
            assert!(unchecked.is_empty(), "{name}: {unchecked:?}");
            let mut free = BTreeSet::new();
            loose(schema, "", &mut free);
            open.extend(
                free.into_iter()
                    .map(|at| format!("{which} {}", at.rsplit('/').next().unwrap_or_default())),
            );
        }
    }
    // Both are what no list closes: the tags of files themselves, and a manufacturer's own form.
    let open: Vec<String> = open.into_iter().collect();
    assert_eq!(open, ["output embeddedMetadata", "output makernote"]);
}

#[test]
fn what_models_are_shown_takes_no_bytes_and_is_the_same_otherwise() {
    for action in ACTIONS {
        let (all, shown) = (action.input_schema(), action.input_schema_for_models());
        if action.name() == "upload_file" {
            assert_eq!(action.fields_for_programs(), ["contentBase64"]);
            assert!(shown["properties"].get("contentBase64").is_none() && shown["properties"].get("url").is_some());
        } else {
            assert_eq!(*all, shown, "{}", action.name());
        }
    }
}

#[test]
fn inputs_may_be_as_long_as_the_server_takes_them() {
    for (action, pointer, limit) in [
        ("upload_file", "/properties/extensions/maxItems", 20),
        ("update_file_details", "/properties/extensions/maxItems", 20),
        ("create_saved_extension", "/properties/description/maxLength", 2000),
        ("update_saved_extension", "/properties/description/maxLength", 2000),
        (
            "create_named_transformation",
            "/properties/transformation/maxLength",
            8000,
        ),
        (
            "update_named_transformation",
            "/properties/transformation/maxLength",
            8000,
        ),
    ] {
        let schema = find(action).unwrap().action.input_schema();
        assert_eq!(schema.pointer(pointer), Some(&json!(limit)), "{action} {pointer}");
    }
}

#[test]
fn every_schema_is_valid_to_an_independent_validator_which_agrees_about_examples() {
    for action in ACTIONS {
        let input = jsonschema::draft202012::new(action.input_schema());
        let input = input.unwrap_or_else(|e| panic!("{}: {e}", action.name()));
        jsonschema::draft202012::new(action.output_schema()).unwrap_or_else(|e| panic!("{}: {e}", action.name()));
        assert!(!action.about.examples.is_empty(), "{}", action.name());
        for example in action.about.examples {
            let example: Value = serde_json::from_str(example).unwrap_or_else(|e| panic!("{}: {e}", action.name()));
            assert!(input.is_valid(&example), "{} {example}", action.name());
            let compiled = schema::Compiled::of(action.input_schema());
            assert!(compiled.fits(&example), "{} {example}", action.name());
            // Each change that makes it wrong to one is wrong to the other.
            for changed in mutations(&example) {
                let ours = schema::differences(action.input_schema(), &changed).is_empty();
                assert_eq!(ours, input.is_valid(&changed), "{} {changed}", action.name());
                // What is said to fit at first sight is right at the second.
                assert!(ours || !compiled.fits(&changed), "{} {changed}", action.name());
            }
        }
    }
}

/// The value with a field more, each field less, and each field of another type.
fn mutations(value: &Value) -> Vec<Value> {
    let mut all = vec![json!([]), json!("x")];
    let mut more = value.clone();
    more["unknown"] = json!(1);
    all.push(more);
    for (name, field) in value.as_object().into_iter().flatten() {
        let mut less = value.clone();
        less.as_object_mut().unwrap().remove(name);
        all.push(less);
        for other in [
            json!(-1),
            json!(""),
            json!("../x y"),
            json!([]),
            json!([1]),
            json!({}),
            json!(true),
            json!(null),
        ] {
            let mut changed = value.clone();
            changed[name] = other;
            all.push(changed);
        }
        if field.is_object() {
            for inner in mutations(field) {
                let mut changed = value.clone();
                changed[name] = inner;
                all.push(changed);
            }
        }
    }
    all
}

/// A survey in which everything that a call touches is there.
fn survey(action: &Action, operation: &dyn Prepared) -> Survey {
    let seen = operation
        .targets()
        .unwrap_or_else(|e| panic!("{}: {e}", action.name()))
        .into_iter()
        .map(|target| {
            let facts = match &target {
                Target::File(id) => json!({ "fileId": id, "filePath": format!("/in/{}.jpg", id.as_str()), "size": 1 }),
                Target::FileAt(path) => json!({ "fileId": "f", "filePath": path, "size": 1 }),
                _ => json!({ "id": "x" }),
            };
            let absent = matches!(target, Target::Slot(_) | Target::Place(_));
            Seen {
                state: if absent { State::Absent } else { State::Present(facts) },
                target,
                contents: None,
                versions: None,
            }
        });
    Survey {
        seen: seen.collect(),
        ..Survey::default()
    }
}

#[test]
fn requests_of_the_examples() {
    let mut lines = Vec::new();
    for action in ACTIONS {
        for example in action.about.examples {
            let input: Value = serde_json::from_str(example).unwrap();
            let operation = action
                .prepare(input, None)
                .unwrap_or_else(|e| panic!("{} {example}: {e}", action.name()));
            let survey = survey(action, &*operation);
            if action.about.reach == Reach::Secret {
                continue;
            }
            for step in operation
                .steps(&survey)
                .unwrap_or_else(|e| panic!("{} {example}: {e}", action.name()))
            {
                let request = step.request;
                let query: Vec<String> = request.query.iter().map(|(k, v)| format!("{k}={v}")).collect();
                let parts: Vec<String> = request
                    .parts
                    .iter()
                    .map(|p| {
                        format!(
                            "{}{}={}",
                            p.name,
                            if p.is_file { " (file)" } else { "" },
                            String::from_utf8_lossy(&p.content)
                        )
                    })
                    .collect();
                let body = request.json.map(|j| j.to_string()).unwrap_or_default();
                let line = format!(
                    "{} /{} {}{}{body}",
                    request.method,
                    request.path.join("/"),
                    query.join("&"),
                    parts.join("&")
                );
                lines.push(line.trim().to_owned());
            }
        }
    }
    assert_snapshot!(lines.join("\n"), @r#"
    GET /v1/files path=/travel&sort=DESC_CREATED&limit=20&cursor=
    GET /v1/files searchQuery=name : "cat" AND size > "1MB"&limit=100&cursor=
    GET /v1/files type=folder&path=/&limit=100&cursor=
    GET /v1/files fileType=image&tags=sea,dawn&limit=100&skip=100&cursor=
    GET /v1/files similarTo=65f0c0ffee0123456789abcd&maxDistance=4&limit=100
    GET /v1/files duplicates=true&limit=100
    GET /v1/files duplicates=true&limit=20
    GET /v1/files/65f0c0ffee0123456789abcd/details
    POST /api/v1/files/upload fileName=harbour.jpg&folder=/travel/2026&tags=sea&file=https://example.org/harbour.jpg
    POST /api/v1/files/upload fileName=note.txt&useUniqueFileName=false&file (file)=hello
    PATCH /v1/files/65f0c0ffee0123456789abcd/details {"customMetadata":{"brand":"Acme","price":null},"tags":["sea"]}
    PATCH /v1/files/65f0c0ffee0123456789abcd/details {"publish":{"isPublished":false}}
    PATCH /v1/files/65f0c0ffee0123456789abcd/details {"extensions":[{"maxTags":5,"minConfidence":80,"name":"google-auto-tagging"}]}
    PUT /v1/files/rename {"filePath":"/archive/harbour.jpg","newFileName":"old_harbour.jpg","purgeCache":true}
    POST /v1/files/copy {"destinationPath":"/archive","sourceFilePath":"/travel/harbour.jpg"}
    POST /v1/files/move {"destinationPath":"/travel/2026","sourceFilePath":"/inbox/harbour.jpg"}
    POST /v1/files/move {"destinationPath":"/archive","sourceFilePath":"/in/65f0c0ffee0123456789abcd.jpg"}
    POST /v1/files/move {"destinationPath":"/archive","sourceFilePath":"/in/65f0c0ffee0123456789abce.jpg"}
    DELETE /v1/files/65f0c0ffee0123456789abcd
    POST /v1/files/batch/deleteByFileIds {"fileIds":["65f0c0ffee0123456789abcd","65f0c0ffee0123456789abce"]}
    POST /v1/files/addTags {"fileIds":["65f0c0ffee0123456789abcd"],"tags":["hero"]}
    POST /v1/files/removeTags {"fileIds":["65f0c0ffee0123456789abcd"],"tags":["draft","old"]}
    POST /v1/files/removeAITags {"AITags":["car"],"fileIds":["65f0c0ffee0123456789abcd"]}
    GET /v1/files/65f0c0ffee0123456789abcd/versions
    GET /v1/files/65f0c0ffee0123456789abcd/versions/65f0c0ffee0123456789ac01
    PUT /v1/files/65f0c0ffee0123456789abcd/versions/65f0c0ffee0123456789abcd/restore {}
    DELETE /v1/files/65f0c0ffee0123456789abcd/versions/65f0c0ffee0123456789ac01
    POST /v1/folder {"folderName":"summer_sale","parentFolderPath":"/shop/2026"}
    POST /v1/bulkJobs/copyFolder {"destinationPath":"/archive","includeVersions":true,"sourceFolderPath":"/photos/summer"}
    POST /v1/bulkJobs/moveFolder {"destinationPath":"/archive","sourceFolderPath":"/photos/summer"}
    POST /v1/bulkJobs/renameFolder {"folderPath":"/shop/2026","newFolderName":"2027"}
    DELETE /v1/folder {"folderPath":"/travel/2026"}
    GET /v1/bulkJobs/65f0c0ffee0123456789aa01
    GET /v1/trash limit=100
    GET /v1/trash path=/travel&limit=20
    POST /v1/trash/1b0c5a52d9f1f3a2c4e6b8d0/restore {}
    DELETE /v1/trash/1b0c5a52d9f1f3a2c4e6b8d0
    DELETE /v1/trash
    POST /v1/files/purge {"url":"https://media.example.org/acme/travel/harbour.jpg*"}
    POST /v1/files/purge {"fileId":"65f0c0ffee0123456789abcd"}
    POST /v1/files/purge {"folderPath":"/travel/2026"}
    POST /v1/files/purge {"prefix":"/travel/2026-"}
    POST /v1/files/purge {"tag":"summer"}
    GET /v1/files/purge/65f0c0ffee0123456789bb01
    GET /v1/files/65f0c0ffee0123456789abcd/metadata
    GET /v1/metadata url=https://media.example.org/acme/travel/harbour.jpg?tr=w-300
    GET /v1/customMetadataFields
    GET /v1/customMetadataFields includeDeleted=true
    POST /v1/customMetadataFields {"label":"Price","name":"price","schema":{"maxValue":3000,"minValue":10,"type":"Number"}}
    POST /v1/customMetadataFields {"label":"Colour","name":"colour","schema":{"defaultValue":"red","isValueRequired":true,"selectOptions":["red","blue",3,true],"type":"SingleSelect"}}
    PATCH /v1/customMetadataFields/65f0c0ffee0123456789cc01 {"label":"Price in EUR","schema":{"minValue":0}}
    DELETE /v1/customMetadataFields/65f0c0ffee0123456789cc01
    GET /v1/saved-extensions
    GET /v1/saved-extensions/ext_abc123
    POST /v1/saved-extensions {"config":{"name":"ai-tasks","tasks":[{"instruction":"Which colours dominate?","max_selections":2,"type":"select_tags","vocabulary":["red","blue"]}]},"description":"Tags clothes by colour","name":"Colour tagging"}
    POST /v1/saved-extensions {"config":{"name":"remove-bg","options":{"bg_color":"fff"}},"description":"White background","name":"Cut out"}
    PATCH /v1/saved-extensions/ext_abc123 {"description":"Tags clothes by their main colour"}
    DELETE /v1/saved-extensions/ext_abc123
    GET /v1/named-transformations
    GET /v1/named-transformations/6bZ9x2ZUx
    POST /v1/named-transformations {"name":"card","transformation":"w-150,h-150,fo-center"}
    PATCH /v1/named-transformations/6bZ9x2ZUx {"transformation":"w-200,h-200,fo-center"}
    DELETE /v1/named-transformations/6bZ9x2ZUx
    GET /v1/accounts/origins
    GET /v1/accounts/origins/org7f3a
    POST /v1/accounts/origins {"baseUrl":"https://old.example.org/img","name":"Old site","type":"WEB_FOLDER"}
    POST /v1/accounts/origins {"accessKey":"","bucket":"shop-media","name":"Product bucket","prefix":"raw","secretKey":"","type":"S3","useIAMRole":true}
    POST /v1/accounts/origins {"name":"Anything","type":"WEB_PROXY"}
    PUT /v1/accounts/origins/org7f3b {"baseUrl":"https://www.example.org/img","name":"Old site","type":"WEB_FOLDER"}
    DELETE /v1/accounts/origins/org7f3a
    GET /v1/accounts/url-endpoints
    GET /v1/accounts/url-endpoints/default
    POST /v1/accounts/url-endpoints {"description":"Legacy images","origins":["org7f3b"],"urlPrefix":"old"}
    PUT /v1/accounts/url-endpoints/ep81c2 {"description":"Legacy images","origins":["org7f3b","org7f3c"],"urlPrefix":"old"}
    DELETE /v1/accounts/url-endpoints/ep81c2
    GET /v1/accounts/usage startDate=2026-01-01&endDate=2026-02-01
    GET /v1/accounts/usage-analytics startDate=2026-01-01&endDate=2026-01-31
    "#);
}

#[test]
fn refusals_point_at_the_field() {
    let refused = |name: &str, input: Value| {
        let error = find(name).unwrap().action.prepare(input, None).and_then(|o| {
            o.targets()?;
            o.steps(&Survey::default()).map(|_| ())
        });
        error.err().map_or("accepted".to_owned(), |e| e.to_string())
    };
    let all = [
        refused("list_assets", json!({ "limit": 0, "sort": "NAME", "folder": "/" })),
        refused("list_assets", json!({ "tags": ["a,b"] })),
        refused("list_assets", json!("all")),
        refused("get_file_details", json!({})),
        refused("delete_file", json!({ "fileId": "../x" })),
        refused("upload_file", json!({ "fileName": "a" })),
        refused("upload_file", json!({ "fileName": "a", "url": "file:///etc/passwd" })),
        refused("upload_file", json!({ "fileName": "a", "contentBase64": "%%%" })),
        refused(
            "upload_file",
            json!({ "fileName": "a", "contentBase64": "aGk=", "url": "https://host/a" }),
        ),
        refused(
            "upload_file",
            json!({ "fileName": "a", "url": "https://host/a", "folder": "/a/../b" }),
        ),
        refused("update_file_details", json!({ "fileId": "a" })),
        refused(
            "update_file_details",
            json!({ "fileId": "a", "tags": [], "publish": { "isPublished": true } }),
        ),
        refused(
            "update_file_details",
            json!({ "fileId": "a", "extensions": [{ "name": "google-auto-tagging", "maxTags": 50 }] }),
        ),
        refused("bulk_add_tags", json!({ "fileIds": [], "tags": ["a"] })),
        refused("bulk_add_tags", json!({ "fileIds": ["a"], "tags": ["100%"] })),
        refused("delete_folder", json!({ "folderPath": "/" })),
        refused(
            "move_folder",
            json!({ "sourceFolderPath": "/a", "destinationPath": "/a/b" }),
        ),
        refused(
            "copy_file",
            json!({ "sourceFilePath": "/a/b.jpg", "destinationPath": "/a/" }),
        ),
        refused(
            "rename_file",
            json!({ "filePath": "/a/b.jpg", "newFileName": "c/d.jpg" }),
        ),
        refused("purge_cache", json!({ "url": "https://h/a*b" })),
        refused("purge_cache", json!({ "url": "ftp://h/a" })),
        refused(
            "create_custom_metadata_field",
            json!({ "name": "a", "label": "A", "schema": { "type": "Text", "minValue": 1 } }),
        ),
        refused(
            "create_custom_metadata_field",
            json!({ "name": "a", "label": "A", "schema": { "type": "SingleSelect" } }),
        ),
        refused("create_origin", json!({ "origin": { "type": "FTP", "name": "a" } })),
        refused(
            "create_origin",
            json!({ "origin": { "type": "WEB_FOLDER", "name": "a", "bucket": "b" } }),
        ),
        refused(
            "create_named_transformation",
            json!({ "name": "a-b", "transformation": "w-1" }),
        ),
        refused(
            "get_usage",
            json!({ "startDate": "2026-02-01", "endDate": "2026-01-01" }),
        ),
        refused("get_usage", json!({ "startDate": "1.2.2026", "endDate": "2026-01-01" })),
    ];
    assert_snapshot!(all.join("\n"), @r#"
    folder: unknown; known are count, cursor, fileType, limit, name, path, searchQuery, skip, sort, tags, type; limit: must be at least 1; sort: must be one of "ASC_NAME", "DESC_NAME", "ASC_CREATED", "DESC_CREATED", "ASC_UPDATED", "DESC_UPDATED", "ASC_HEIGHT", "DESC_HEIGHT", "ASC_WIDTH", "DESC_WIDTH", "ASC_SIZE", "DESC_SIZE", "ASC_RELEVANCE", "DESC_RELEVANCE", null, not "NAME"
    tags: `a,b` can't be a tag: a tag is not empty and holds no comma
    the input: must be object, not string
    fileId: missing
    fileId: must be letters, digits, `_` and `-`
    give url or contentBase64, or attach a file
    url: must begin with http:// or https://
    contentBase64: Invalid symbol 37, offset 0.
    give only one of url, contentBase64 and an attached file
    folder: `.` and `..` can't be in a path
    give at least one field to change
    publish: can't be combined with other fields
    extensions/0/minConfidence: missing; extensions/0/maxTags: must be at most 30
    fileIds: must be at least 1 items
    tags: `100%` can't be a tag: a tag is not empty and holds no comma and no percent sign
    folderPath: the root can't be meant here
    destinationPath: lies in the folder itself
    destinationPath: is the folder that the file is in
    newFileName: a name holds no slash; use move_file for another folder
    url: `*` can stand at the very end only
    url: must be an URL that begins with http:// or https://
    schema/minValue: not allowed for this type
    schema/selectOptions: required for SingleSelect and MultiSelect
    origin/type: must be one of "S3", "S3_COMPATIBLE", "CLOUDINARY_BACKUP", "WEB_FOLDER", "WEB_PROXY", "GCS", "AZURE_BLOB", "AKENEO_PIM", not "FTP"
    origin/baseUrl: missing; origin/bucket: unknown; known are baseUrl, baseUrlForCanonicalHeader, forwardHostHeaderToOrigin, includeCanonicalHeader, name, type
    name: must be letters, digits and `_`
    endDate: must be after startDate
    startDate: must be a day, YYYY-MM-DD
    "#);
    let with_file = find("list_assets")
        .unwrap()
        .action
        .prepare(json!({}), Some(Bytes::new()));
    assert_eq!(with_file.err().unwrap().to_string(), "list_assets takes no file");
}

#[test]
fn names_and_searches() {
    let hint = |name: &str| find(name).unwrap_err().hint();
    assert_eq!(hint("list_asset").as_deref(), Some("did you mean `list_assets`?"));
    assert_eq!(hint("zzz").as_deref(), Some("search the actions to see their names"));
    assert_eq!(find("imagekit.delete_file").unwrap().action.name(), "delete_file");
    let first = |text: &str| search(text).first().map(|a| a.name());
    assert_eq!(first("delete a folder"), Some("delete_folder"));
    assert_eq!(first("purge the cache"), Some("purge_cache"));
    assert_eq!(first("rename file"), Some("rename_file"));
    assert_eq!(search("").len(), ACTIONS.len());
    assert_eq!(search("xyzzy").len(), 0);
}

#[test]
fn all_names_of_other_catalogues_are_there_once() {
    let composio: Vec<&str> = ALIASES
        .iter()
        .filter(|a| a.dialect == Dialect::Composio)
        .map(|a| a.name)
        .collect();
    assert_eq!(composio.len(), 26);
    assert!(composio.is_sorted());
    for alias in ALIASES {
        assert_eq!(find(alias.name).unwrap().action.name(), alias.action);
    }
    let oo = [
        "list_assets",
        "get_file_details",
        "get_uploaded_file_metadata",
        "get_remote_file_metadata",
        "delete_file",
        "purge_cache",
        "get_purge_status",
    ];
    for name in oo {
        find(&format!("imagekit.{name}")).unwrap();
    }
}

#[test]
fn aliases_speak_their_own_spelling() {
    let alias = |name: &str| find(name).unwrap().alias.unwrap();
    let list = alias("IMAGEKIT_IO_LIST_AND_SEARCH_ASSETS");
    assert_eq!(
        list.accept(json!({ "tags": "a, b,", "limit": 3 })),
        json!({ "tags": ["a", "b"], "limit": 3 })
    );
    assert_eq!(list.accept(json!({})), json!({ "limit": 1000 }));
    assert_eq!(list.answer(json!({ "assets": [1], "nextSkip": 1 })), json!([1]));
    let create = alias("IMAGEKIT_IO_CREATE_CUSTOM_METADATA_FIELD");
    let typed = |schema: Value| create.accept(json!({ "schema": schema }))["schema"].clone();
    assert_eq!(
        typed(json!({ "type": "Number", "minValue": "1.5", "maxValue": 9, "defaultValue": "3" })),
        json!({ "type": "Number", "minValue": 1.5, "maxValue": 9, "defaultValue": 3 })
    );
    assert_eq!(
        typed(json!({ "type": "MultiSelect", "defaultValue": "a,b" })),
        json!({ "type": "MultiSelect", "defaultValue": ["a", "b"] })
    );
    assert_eq!(
        typed(json!({ "type": "Boolean", "defaultValue": "true" }))["defaultValue"],
        true
    );
    assert_eq!(
        typed(json!({ "type": "Date", "minValue": "2026-01-01" }))["minValue"],
        "2026-01-01"
    );
    let one = alias("IMAGEKIT_IO_GET_FILE_DETAILS");
    assert_eq!(
        one.answer(json!({ "asset": { "fileId": "a" } })),
        json!({ "fileId": "a" })
    );
    assert_eq!(
        alias("IMAGEKIT_IO_DELETE_FILE").answer(json!({ "deleted": true })),
        json!({})
    );
    // What the toolkit's own documentation gives as inputs is taken by its schema here.
    for (name, input) in [
        (
            "IMAGEKIT_IO_LIST_AND_SEARCH_ASSETS",
            json!({ "tags": "a,b", "skip": 0, "type": "all" }),
        ),
        (
            "IMAGEKIT_IO_UPDATE_CUSTOM_METADATA_FIELD",
            json!({ "fieldId": "a", "label": null, "schema": { "minValue": "3" } }),
        ),
        (
            "IMAGEKIT_IO_CREATE_CUSTOM_METADATA_FIELD",
            json!({ "name": "a", "label": "A", "schema": { "type": "Number", "minValue": "3" } }),
        ),
        (
            "IMAGEKIT_IO_COPY_FOLDER",
            json!({ "sourceFolderPath": "/a", "destinationPath": "/b", "includeVersions": null }),
        ),
        (
            "IMAGEKIT_IO_GET_AUTHENTICATION_PARAMETERS",
            json!({ "expireIn": 3600, "token": null }),
        ),
        (
            "IMAGEKIT_IO_UPDATE_FILE_DETAILS",
            json!({ "fileId": "a", "tags": null, "extensions": [{ "name": "remove-bg", "options": {} }] }),
        ),
        (
            "IMAGEKIT_IO_PURGE_CACHE",
            json!({ "url": "https://ik.imagekit.io/demo/a.jpg" }),
        ),
    ] {
        let found = find(name).unwrap();
        let alias = found.alias.unwrap();
        let schema = alias.input_schema(found.action.input_schema().clone());
        assert!(
            schema::differences(&schema, &input).is_empty(),
            "{name}: {:?}",
            schema::differences(&schema, &input)
        );
        found
            .action
            .prepare(alias.accept(input), None)
            .unwrap_or_else(|e| panic!("{name}: {e}"));
    }
}

#[test]
fn what_agents_read_is_current() {
    for (path, made) in [
        ("docs/skill/SKILL.md", crate::skill()),
        ("docs/llms.txt", crate::llms()),
    ] {
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../..")
            .join(path);
        if std::env::var_os("TINTYPE_BLESS").is_some() {
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(&file, &made).unwrap();
        }
        let kept = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(
            kept == made,
            "{path} is not current: run this test with TINTYPE_BLESS=1"
        );
    }
}

#[test]
fn fingerprints_tell_contracts_apart() {
    let all: BTreeSet<&str> = ACTIONS.iter().map(Action::fingerprint).collect();
    assert_eq!(all.len(), ACTIONS.len());
    let action = find("delete_file").unwrap().action;
    let mut other = action.input_schema().clone();
    other["properties"]["fileId"]["maxLength"] = json!(101);
    assert_ne!(action.measured(&other, action.output_schema()), action.fingerprint());
    assert_eq!(
        action.measured(action.input_schema(), action.output_schema()),
        action.fingerprint()
    );
}

#[test]
fn what_servers_answer_with_fits_at_first_sight() {
    let file = json!({
        "type": "file", "name": "a.jpg", "fileId": "65f0c0ffee0123456789abcd", "filePath": "/in/a.jpg", "url": "https://h/a.jpg",
        "thumbnail": "https://h/t.jpg", "fileType": "image", "mime": "image/jpeg", "size": 5, "width": 3, "height": 2,
        "hasAlpha": false, "tags": ["sea"], "AITags": null, "versionInfo": { "id": "65f0", "name": "Version 1" },
        "customCoordinates": null, "customMetadata": { "brand": "Acme", "year": 2026, "old": null },
        "embeddedMetadata": { "Artist": "x" }, "isPrivateFile": false, "isPublished": true,
        "createdAt": "2026-01-02T03:00:00.000Z", "updatedAt": "2026-01-02T03:00:00.000Z",
    });
    let whole = find("get_file_details").unwrap().action.output_schema();
    let schema = &whole["properties"]["asset"];
    for (name, value) in file.as_object().unwrap() {
        let field = &schema["properties"][name];
        assert!(schema::Compiled::of(field).fits(value), "{name}: {value} {field}");
    }
    assert!(schema::Compiled::of(schema).fits(&file), "{schema}");
    let page = json!({ "assets": [file], "nextCursor": "1", "nextSkip": 1 });
    assert!(find("list_assets").unwrap().action.output().fits(&page));
}
