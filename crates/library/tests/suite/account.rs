use library::{
    AccountError, CustomMetadataField, ExtensionChange, FieldChange, FieldId, KeyChange, Library, NewApiKey, NewFile,
    NewOrigin, NewUrlEndpoint, Schema, TransformationChange, UsageRow,
};
use serde_json::{Map, Value, json};

use crate::bench::{Bench, at, new_file};

fn map(value: Value) -> Map<String, Value> {
    value.as_object().expect("an object").clone()
}

fn schema(value: Value) -> Schema {
    Schema::parse(&map(value), None).expect("a schema")
}

async fn field(library: &Library, name: &str, label: &str) -> Result<CustomMetadataField, AccountError> {
    library
        .create_custom_metadata_field(name, label, Some("for tests"), schema(json!({"type": "Text"})), at(1))
        .await
}

fn keep(_: &CustomMetadataField) -> Result<FieldChange, AccountError> {
    Ok(FieldChange::default())
}

#[tokio::test]
async fn names_of_fields_stay_taken_and_labels_do_not() {
    let bench = Bench::new().await;
    let library = &bench.library;
    let price = field(library, "price", "Price").await.expect("made");
    assert!(matches!(
        field(library, "price", "Other").await,
        Err(AccountError::Taken("name"))
    ));
    assert!(matches!(
        field(library, "other", "Price").await,
        Err(AccountError::Taken("label"))
    ));
    library
        .delete_custom_metadata_field(price.id, at(2))
        .await
        .expect("deleted");
    let again = library.delete_custom_metadata_field(price.id, at(3)).await;
    assert!(matches!(again, Err(AccountError::NotFound)));
    assert!(matches!(
        field(library, "price", "Other").await,
        Err(AccountError::Taken("name"))
    ));
    let other = field(library, "other", "Price").await.expect("the label is free again");
    let listed = library.custom_metadata_fields(false).await.expect("listed");
    assert_eq!(listed, std::slice::from_ref(&other));
    let all = library.custom_metadata_fields(true).await.expect("listed");
    assert_eq!(all.len(), 2);
    assert!(all.iter().any(|field| field.id == price.id && field.is_deleted));

    let changed = library.update_custom_metadata_field(price.id, keep, at(4)).await;
    assert!(matches!(changed, Err(AccountError::Deleted)));
    let nobody = library
        .update_custom_metadata_field(FieldId::generate(at(1)), keep, at(4))
        .await;
    assert!(matches!(nobody, Err(AccountError::NotFound)));
    let change = |field: &CustomMetadataField| {
        Ok::<_, AccountError>(FieldChange {
            label: Some("New".to_owned()),
            schema: Schema::parse(&map(json!({"maxLength": 5})), Some(field.schema.field_type)).ok(),
            description: Some(None),
        })
    };
    let changed = library
        .update_custom_metadata_field(other.id, change, at(5))
        .await
        .expect("changed");
    assert_eq!((changed.label.as_str(), changed.description.as_deref()), ("New", None));
    assert_eq!(
        Value::Object(changed.schema.to_json()),
        json!({"type": "Text", "maxLength": 5})
    );
    assert_eq!(library.custom_metadata_fields(false).await.expect("listed"), [changed]);
}

#[tokio::test]
async fn a_field_of_one_name_is_made_once_however_many_try() {
    let bench = Bench::new().await;
    let tries = (0..8).map(|n| {
        let library = bench.library.clone();
        tokio::spawn(async move { field(&library, "one", &format!("label {n}")).await.is_ok() })
    });
    let mut made = 0;
    for attempt in tries.collect::<Vec<_>>() {
        made += usize::from(attempt.await.expect("no panic"));
    }
    assert_eq!(made, 1);
}

#[tokio::test]
async fn uploads_take_the_defaults_where_they_have_no_metadata() {
    let bench = Bench::new().await;
    let library = &bench.library;
    let defaults = map(json!({"owner": "none"}));
    let with = |file: NewFile, given: Option<Value>, overwrite| NewFile {
        custom_metadata: given.map(map),
        default_metadata: defaults.clone(),
        overwrite_custom_metadata: overwrite,
        ..file
    };
    let mut seen = Vec::new();
    for (given, overwrite) in [
        (None, true),
        (Some(json!({"owner": "me"})), true),
        (None, false),
        (None, true),
    ] {
        let file = new_file(library, "/a.png", b"x").await;
        let stored = library
            .upload(with(file, given, overwrite), at(1))
            .await
            .expect("stored");
        seen.push(Value::Object(stored.custom_metadata));
    }
    let (none, me) = (json!({"owner": "none"}), json!({"owner": "me"}));
    assert_eq!(seen, [none.clone(), me.clone(), me, none]);
}

#[tokio::test]
async fn named_transformations() {
    let bench = Bench::new().await;
    let library = &bench.library;
    let card = library
        .create_named_transformation("card", "w-100", true, at(1))
        .await
        .expect("made");
    let taken = library.create_named_transformation("card", "w-2", true, at(1)).await;
    assert!(matches!(taken, Err(AccountError::Taken("name"))));
    let other = library
        .create_named_transformation("Card", "w-2", false, at(2))
        .await
        .expect("names have a case");
    let rename = TransformationChange {
        name: Some("card".to_owned()),
        ..TransformationChange::default()
    };
    let renamed = library.update_named_transformation(&other.id, rename, at(3)).await;
    assert!(matches!(renamed, Err(AccountError::Taken("name"))));

    // Seen at once by whoever asks for the account, whatever was in memory.
    let text = |account: &library::Account| account.named_transformation("card").map(|t| t.transformation.clone());
    assert_eq!(
        text(&library.account().await.expect("an account")).as_deref(),
        Some("w-100")
    );
    let change = TransformationChange {
        transformation: Some("w-50".to_owned()),
        ..TransformationChange::default()
    };
    library
        .update_named_transformation(&card.id, change, at(4))
        .await
        .expect("changed");
    assert_eq!(
        text(&library.account().await.expect("an account")).as_deref(),
        Some("w-50")
    );
    library.delete_named_transformation(&card.id).await.expect("deleted");
    assert_eq!(text(&library.account().await.expect("an account")), None);
    assert_eq!(library.named_transformation(&card.id).await.expect("looked up"), None);
    let gone = library.delete_named_transformation(&card.id).await;
    assert!(matches!(gone, Err(AccountError::NotFound)));
    assert_eq!(library.named_transformations().await.expect("listed").len(), 1);
}

#[tokio::test]
async fn saved_extensions_have_a_limit() {
    let bench = Bench::new().await;
    let library = &bench.library;
    let config = json!({"name": "remove-bg"});
    let mut last = None;
    for n in 0..Library::SAVED_EXTENSIONS {
        let made = library
            .create_saved_extension(&format!("n{n}"), "d", config.clone(), at(1))
            .await;
        last = Some(made.expect("made"));
    }
    let more = library.create_saved_extension("more", "d", config.clone(), at(1)).await;
    assert!(matches!(more, Err(AccountError::TooMany { limit: 100 })));
    let last = last.expect("some were made");
    assert!(last.id.starts_with("ext_"));
    let change = ExtensionChange {
        description: Some("other".to_owned()),
        ..ExtensionChange::default()
    };
    let changed = library
        .update_saved_extension(&last.id, change, at(2))
        .await
        .expect("changed");
    assert_eq!((changed.description.as_str(), &changed.config), ("other", &config));
    assert_eq!(
        library.saved_extension(&last.id).await.expect("looked up"),
        Some(changed)
    );
    library.delete_saved_extension(&last.id).await.expect("deleted");
    assert_eq!(
        library.saved_extensions().await.expect("listed").len(),
        Library::SAVED_EXTENSIONS - 1
    );
}

fn origin(id: &str) -> NewOrigin {
    NewOrigin {
        id: id.to_owned(),
        kind: "WEB_FOLDER".to_owned(),
        name: "Old site".to_owned(),
        settings: map(json!({"baseUrl": "https://old.example.org"})),
        secret: Some("sealed".to_owned()),
    }
}

#[tokio::test]
async fn endpoints_name_origins_that_exist_and_keep_them() {
    let bench = Bench::new().await;
    let library = &bench.library;
    let endpoints = library.url_endpoints().await.expect("listed");
    assert_eq!((endpoints.len(), endpoints[0].id.as_str()), (1, "default"));
    let new = |prefix: &str, origins: &[&str]| NewUrlEndpoint {
        url_prefix: prefix.to_owned(),
        description: "d".to_owned(),
        origins: origins.iter().map(|id| (*id).to_owned()).collect(),
        url_rewriter: Some(json!({"type": "IMGIX"})),
    };
    let missing = library.create_url_endpoint(new("old", &["org1"]), at(1)).await;
    assert!(matches!(missing, Err(AccountError::NoSuchOrigin(id)) if id == "org1"));
    let made = library.create_origin(origin("org1"), at(1)).await.expect("made");
    assert_eq!(library.origin("org1").await.expect("looked up"), Some(made));
    let old = library
        .create_url_endpoint(new("old", &["org1"]), at(1))
        .await
        .expect("made");
    let taken = library.create_url_endpoint(new("old", &[]), at(1)).await;
    assert!(matches!(taken, Err(AccountError::Taken("urlPrefix"))));
    assert!(matches!(
        library.delete_origin("org1").await,
        Err(AccountError::InUse(_))
    ));

    let account = library.account().await.expect("an account");
    let endpoint = account.url_endpoint("old").expect("there");
    assert_eq!(
        account
            .origins_of(endpoint)
            .map(|origin| origin.id.as_str())
            .collect::<Vec<_>>(),
        ["org1"]
    );

    let default = library
        .replace_url_endpoint("default", new("", &["org1"]), at(2))
        .await
        .expect("replaced");
    assert_eq!(
        library.url_endpoints().await.expect("listed")[0].origins,
        default.origins
    );
    assert!(matches!(
        library.delete_url_endpoint("default").await,
        Err(AccountError::Default)
    ));
    assert!(matches!(
        library.replace_url_endpoint("ep1", new("x", &[]), at(2)).await,
        Err(AccountError::NotFound)
    ));
    library
        .replace_url_endpoint("default", new("", &[]), at(3))
        .await
        .expect("replaced");
    library.delete_url_endpoint(&old.id).await.expect("deleted");
    library.delete_origin("org1").await.expect("nobody uses it any more");
    assert!(matches!(
        library.delete_origin("org1").await,
        Err(AccountError::NotFound)
    ));
    assert!(matches!(
        library.replace_origin(origin("org1"), at(4)).await,
        Err(AccountError::NotFound)
    ));
}

fn key(id: &str, restricted: bool, ends: Option<i64>) -> NewApiKey {
    NewApiKey {
        id: id.to_owned(),
        name: id.to_owned(),
        public_key: format!("public_{id}"),
        digest: format!("digest-{id}"),
        secret: "sealed".to_owned(),
        restrictions: restricted.then(|| map(json!({"mediaAccess": "read"}))),
        expires_at: ends.map(at),
    }
}

#[tokio::test]
async fn keys_are_few_and_can_be_rolled() {
    let bench = Bench::new().await;
    let library = &bench.library;
    for n in 0..5 {
        library
            .create_api_key(key(&format!("s{n}"), false, None), at(1))
            .await
            .expect("made");
        library
            .create_api_key(key(&format!("r{n}"), true, None), at(1))
            .await
            .expect("made");
    }
    for restricted in [true, false] {
        let more = library.create_api_key(key("more", restricted, None), at(1)).await;
        assert!(matches!(more, Err(AccountError::TooMany { limit: 5 })));
    }
    library
        .roll_api_key(key("s0", false, Some(100)), key("s5", false, None), at(2))
        .await
        .expect("rolled");
    // One that ends already takes no room, so what replaces it needs some.
    let again = library
        .roll_api_key(key("s0", false, Some(50)), key("s6", false, None), at(2))
        .await;
    assert!(matches!(again, Err(AccountError::TooMany { limit: 5 })));
    // A key that is not in the table, as the first pair is, gets a row that says when it ends.
    library.delete_api_key("s1").await.expect("room");
    library
        .roll_api_key(key("first", false, Some(100)), key("s6", false, None), at(2))
        .await
        .expect("rolled");
    let keys = library.api_keys().await.expect("listed");
    let ends = |id: &str| keys.iter().find(|key| key.id == id).map(|key| key.expires_at);
    assert_eq!(ends("s0"), Some(Some(at(100))));
    assert_eq!(ends("first"), Some(Some(at(100))));
    assert_eq!(ends("s5"), Some(None));

    let change = KeyChange {
        is_disabled: Some(true),
        restrictions: Some(None),
        ..KeyChange::default()
    };
    let changed = library.update_api_key("r0", change).await.expect("changed");
    assert!(changed.is_disabled && changed.restrictions.is_none() && changed.name == "r0");
    library.note_key_use("r0", at(50)).await.expect("noted");
    library.note_key_use("r0", at(40)).await.expect("noted");
    let used = library.api_keys().await.expect("listed");
    assert_eq!(
        used.iter().find(|key| key.id == "r0").and_then(|key| key.last_used_at),
        Some(at(50))
    );
    library.delete_api_key("r0").await.expect("deleted");
    assert!(matches!(
        library.delete_api_key("r0").await,
        Err(AccountError::NotFound)
    ));
    assert!(matches!(
        library.update_api_key("r0", KeyChange::default()).await,
        Err(AccountError::NotFound)
    ));
}

#[tokio::test]
async fn usage_adds_up() {
    let bench = Bench::new().await;
    let library = &bench.library;
    let row = |day, name: &str, requests, bytes| UsageRow {
        day,
        dimension: "format".to_owned(),
        name: name.to_owned(),
        requests,
        bytes,
    };
    library.add_usage(&[]).await.expect("nothing to add");
    let writers = (0..4).map(|_| {
        let library = library.clone();
        tokio::spawn(async move {
            library
                .add_usage(&[row(1, "webp", 2, 10), row(2, "jpeg", 5, 1), row(3, "png", 1, 1)])
                .await
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.expect("no panic").expect("added");
    }
    let usage = library.usage(1, 2).await.expect("read");
    let counts: Vec<_> = usage
        .of("format")
        .map(|c| (c.name.as_str(), c.requests, c.bytes))
        .collect();
    assert_eq!(counts, [("jpeg", 20, 4), ("webp", 8, 40)]);
    assert_eq!(library.forget_usage(3).await.expect("forgotten"), 2);
    assert_eq!(library.usage(0, 9).await.expect("read").counts.len(), 1);
    assert_eq!(library.stored_bytes().await.expect("counted"), 0);
}

/// Two processes on one database, as behind a balancer.
#[tokio::test]
async fn another_node_sees_a_change_within_a_second() {
    let Some((one, other)) = Bench::two_nodes().await else {
        // SQLite has one process.
        return;
    };
    let count = async |library: &Library| library.account().await.expect("an account").named_transformations.len();
    assert_eq!(count(&other.library).await, 0);
    one.library
        .create_named_transformation("card", "w-1", true, at(1))
        .await
        .expect("made");
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert_eq!(count(&other.library).await, 1);
}
