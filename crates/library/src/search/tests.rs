use super::*;
use crate::expression::ExpressionError;
use crate::list::EntryKind;
use crate::name::FolderPath;
use crate::timestamp::Timestamp;

fn now() -> Timestamp {
    let now = date::absolute("2026-01-10T00:00:00Z").expect("a date");
    Timestamp::from_millis(now).expect("in range")
}

fn fields() -> Fields {
    Fields::new(
        [
            ("brand", FieldType::Text),
            ("note", FieldType::Textarea),
            ("price", FieldType::Number),
            ("shot", FieldType::Date),
            ("sale", FieldType::Boolean),
            ("shade", FieldType::SingleSelect),
            ("sizes", FieldType::MultiSelect),
        ]
        .map(|(name, kind)| {
            let id = name.to_owned();
            (name.to_owned(), CustomField { id, kind })
        }),
    )
}

fn parse(text: &str) -> Result<Filter, ExpressionError> {
    Search::parse(text, &fields(), now()).map(|search| search.filter().clone())
}

fn test_of(text: &str) -> (Test, bool) {
    match parse(text).unwrap_or_else(|error| panic!("{}", error.drawn(text))) {
        Filter::Is(condition) => (condition.test, false),
        Filter::Not(inner) => match *inner {
            Filter::Is(condition) => (condition.test, true),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

fn one_of(texts: &[&str]) -> Test {
    Test::Text(TextTest::OneOf(texts.iter().map(|&text| text.to_owned()).collect()))
}

fn ordered(comparison: Comparison, number: f64) -> Test {
    Test::Number(NumberTest::Ordered(comparison, number))
}

fn folder(path: &str) -> FolderPath {
    FolderPath::sanitised(path).expect("a path")
}

#[test]
fn values_are_read_as_their_field_wants() {
    const DAY_MS: f64 = 86_400_000.0;
    let now_ms = now().as_millis() as f64;
    for (text, test, negated) in [
        (r#"name = "a.jpg""#, one_of(&["a.jpg"]), false),
        (r#"name NOT = "a.jpg""#, one_of(&["a.jpg"]), true),
        (r#"name IN ["a", 'b']"#, one_of(&["a", "b"]), false),
        (r#"name : "har""#, Test::Text(TextTest::StartsWith("har".into())), false),
        (
            r#"name HAS "Red DRESS""#,
            Test::Words(Words {
                whole: vec!["red".into()],
                prefix: "dress".into(),
            }),
            false,
        ),
        (r#"tags NOT IN ["a"]"#, one_of(&["a"]), true),
        ("tags EXISTS", Test::Exists, false),
        ("tags NOT EXISTS", Test::Exists, true),
        (
            r#"type IN ["file", "folder"]"#,
            Test::Kind(vec![EntryKind::File, EntryKind::Folder]),
            false,
        ),
        (
            r#"createdAt > "7d""#,
            ordered(Comparison::Greater, now_ms - 7.0 * DAY_MS),
            false,
        ),
        (
            "createdAt <= 2026-01-09",
            ordered(Comparison::LessEqual, now_ms - DAY_MS),
            false,
        ),
        (
            r#"updatedAt NOT = "2026-01-10T00:00:00.000Z""#,
            Test::Number(NumberTest::OneOf(vec![now_ms])),
            true,
        ),
        ("width >= \"500\"", ordered(Comparison::GreaterEqual, 500.0), false),
        ("height < 10.5", ordered(Comparison::Less, 10.5), false),
        ("size < \"1.5kb\"", ordered(Comparison::Less, 1536.0), false),
        (
            "size IN [\"1kb\", 5]",
            Test::Number(NumberTest::OneOf(vec![1024.0, 5.0])),
            false,
        ),
        ("format = \"JPEG\"", one_of(&["jpg"]), false),
        ("format IN [\"jpeg\", \"webp\"]", one_of(&["jpg", "webp"]), false),
        ("private = true", Test::Flag(true), false),
        ("published = \"False\"", Test::Flag(false), false),
        ("path = \"/travel/\"", Test::Folder(vec![folder("/travel")]), false),
        ("path = travel", Test::Folder(vec![folder("/travel")]), false),
        ("path : \"/\"", Test::Below(Some(FolderPath::root())), false),
        (
            r#""embeddedMetadata.LocationTaken" = "40,100 5km""#,
            Test::Area(Area::parse("40,100 5km").expect("an area")),
            false,
        ),
        (r#""embeddedMetadata.DateTimeOriginal" EXISTS"#, Test::Exists, false),
        (r#""customMetadata.brand" = "Acme""#, one_of(&["Acme"]), false),
        (
            r#""customMetadata.price" >= 4.5"#,
            ordered(Comparison::GreaterEqual, 4.5),
            false,
        ),
        (
            r#""customMetadata.shot" < "1d""#,
            ordered(Comparison::Less, now_ms - DAY_MS),
            false,
        ),
        (r#""customMetadata.sale" = true"#, Test::Flag(true), false),
        (r#""customMetadata.shade" = 42.0"#, one_of(&["42"]), false),
        (r#""customMetadata.shade" = "42.0""#, one_of(&["42.0"]), false),
        (
            r#""customMetadata.shade" > 41"#,
            ordered(Comparison::Greater, 41.0),
            false,
        ),
        (
            r#""customMetadata.sizes" NOT IN ["S", 42, true]"#,
            one_of(&["S", "42", "true"]),
            true,
        ),
    ] {
        assert_eq!(test_of(text), (test, negated), "{text}");
    }
}

/// Every operator of every field: those in the list are read, the others refused.
#[test]
fn each_field_has_its_operators() {
    let table = [
        (
            "name",
            "\"x\"",
            &["=", ":", "IN", "NOT =", "NOT IN", "HAS", "NOT HAS"][..],
        ),
        (
            "tags",
            "\"x\"",
            &["IN", "NOT IN", "HAS", "NOT HAS", "EXISTS", "NOT EXISTS"],
        ),
        ("type", "\"file\"", &["=", "IN", "NOT =", "NOT IN"]),
        ("id", "\"x\"", &["=", "IN", "NOT =", "NOT IN"]),
        (
            "createdAt",
            "\"1d\"",
            &["=", "<", "<=", ">", ">=", "IN", "NOT =", "NOT IN"],
        ),
        (
            "updatedAt",
            "\"1d\"",
            &["=", "<", "<=", ">", ">=", "IN", "NOT =", "NOT IN"],
        ),
        ("height", "5", &["=", "<", "<=", ">", ">=", "IN", "NOT =", "NOT IN"]),
        ("width", "5", &["=", "<", "<=", ">", ">=", "IN", "NOT =", "NOT IN"]),
        ("size", "5", &["=", "<", "<=", ">", ">=", "IN", "NOT =", "NOT IN"]),
        ("format", "\"jpg\"", &["=", "IN"]),
        ("private", "true", &["="]),
        ("published", "true", &["="]),
        ("transparency", "true", &["="]),
        ("createdBy", "\"x\"", &["=", "IN", "NOT =", "NOT IN"]),
        ("path", "\"x\"", &["=", ":", "IN", "NOT =", "NOT IN"]),
        (
            "\"embeddedMetadata.LocationTaken\"",
            "\"1,2 3km\"",
            &["=", "EXISTS", "NOT EXISTS"],
        ),
        (
            "\"embeddedMetadata.Keywords\"",
            "\"x\"",
            &["IN", "NOT IN", "EXISTS", "NOT EXISTS"],
        ),
        (
            "\"embeddedMetadata.DateTimeOriginal\"",
            "\"1d\"",
            &[
                "=",
                "<",
                "<=",
                ">",
                ">=",
                "IN",
                "NOT =",
                "NOT IN",
                "EXISTS",
                "NOT EXISTS",
            ],
        ),
        (
            "\"customMetadata.brand\"",
            "\"x\"",
            &[
                "=",
                ":",
                "IN",
                "NOT =",
                "NOT IN",
                "HAS",
                "NOT HAS",
                "EXISTS",
                "NOT EXISTS",
            ],
        ),
        (
            "\"customMetadata.note\"",
            "\"x\"",
            &[
                "=",
                ":",
                "IN",
                "NOT =",
                "NOT IN",
                "HAS",
                "NOT HAS",
                "EXISTS",
                "NOT EXISTS",
            ],
        ),
        (
            "\"customMetadata.price\"",
            "5",
            &[
                "=",
                "<",
                "<=",
                ">",
                ">=",
                "IN",
                "NOT =",
                "NOT IN",
                "EXISTS",
                "NOT EXISTS",
            ],
        ),
        (
            "\"customMetadata.shot\"",
            "\"1d\"",
            &[
                "=",
                "<",
                "<=",
                ">",
                ">=",
                "IN",
                "NOT =",
                "NOT IN",
                "EXISTS",
                "NOT EXISTS",
            ],
        ),
        ("\"customMetadata.sale\"", "true", &["=", "EXISTS", "NOT EXISTS"]),
        (
            "\"customMetadata.shade\"",
            "5",
            &[
                "=",
                ":",
                "IN",
                "NOT =",
                "NOT IN",
                "<",
                "<=",
                ">",
                ">=",
                "EXISTS",
                "NOT EXISTS",
            ],
        ),
        (
            "\"customMetadata.sizes\"",
            "\"x\"",
            &["IN", "NOT IN", "EXISTS", "NOT EXISTS"],
        ),
    ];
    let all = [
        "=",
        "NOT =",
        ":",
        "<",
        "<=",
        ">",
        ">=",
        "IN",
        "NOT IN",
        "HAS",
        "NOT HAS",
        "EXISTS",
        "NOT EXISTS",
    ];
    for (field, value, operators) in table {
        for operator in all {
            let text = match operator {
                "IN" | "NOT IN" => format!("{field} {operator} [{value}]"),
                "EXISTS" | "NOT EXISTS" => format!("{field} {operator}"),
                _ => format!("{field} {operator} {value}"),
            };
            let name = field.trim_matches('"');
            match parse(&text) {
                Ok(_) => assert!(operators.contains(&operator), "{text} is read"),
                Err(error) => {
                    assert!(!operators.contains(&operator), "{text}: {error}");
                    assert_eq!(
                        error.message,
                        format!("{operator} operator is not allowed for {name} field"),
                        "{text}"
                    );
                }
            }
        }
    }
}

#[test]
fn refusals_say_what_to_write() {
    for (text, expected) in [
        (
            r#"created_at > "7d""#,
            "created_at is not a field that can be searched. Did you mean createdAt?",
        ),
        ("foo = 1", "foo is not a field that can be searched."),
        (
            "brand = Acme",
            "brand is not a field that can be searched. Did you mean \"customMetadata.brand\"?",
        ),
        (
            r#""customMetadata.brnd" = Acme"#,
            "customMetadata.brnd is not a custom metadata field of this library. \
             Did you mean \"customMetadata.brand\"?",
        ),
        (
            "customMetadata.brand = Acme",
            "customMetadata.brand must be enclosed within quotes. Write \"customMetadata.brand\".",
        ),
        (
            r#""embeddedMetadata.Make" = "x""#,
            "embeddedMetadata.Make is not a field that can be searched.",
        ),
        (
            "createdAt > yesterday",
            "createdAt field must have a valid date value. Make sure the value is enclosed within quotes.",
        ),
        (
            "size < big",
            "size field must have a valid size value. Write a number of bytes, or a size with its unit like \"500kb\" \
             or \"1.5mb\".",
        ),
        ("width > 1mb", "width field must have a valid number value."),
        ("width IN [1, \"x\"]", "width field must have a valid number value."),
        (
            "private = yes",
            "private field must have a boolean value. Write true or false.",
        ),
        ("type = image", "type field must be file, file-version or folder."),
        (
            "name HAS \"--\"",
            "name field must be searched for a word with letters or digits.",
        ),
        (
            r#""embeddedMetadata.LocationTaken" = "40,100 5mi""#,
            "embeddedMetadata.LocationTaken field must have a valid location value. Write the distance in km, like \
             5km.",
        ),
        (
            "format NOT = jpg",
            "NOT = operator is not allowed for format field. Allowed are =, IN.",
        ),
        (
            "tags = x",
            "= operator is not allowed for tags field. Allowed are IN, NOT IN, HAS, NOT HAS, EXISTS, NOT EXISTS.",
        ),
        ("name = \"a\" AND", "expected a field, found the end (at character 15)."),
    ] {
        let error = parse(text).expect_err(text);
        assert_eq!(error.sentences(text), expected, "{text}");
    }
}

#[test]
fn a_filter_knows_what_it_is_about() {
    let filter = parse("NOT (width > 5 OR (type = folder AND name : x))").expect("a filter");
    assert!(filter.mentions(&Field::Type) && filter.mentions(&Field::Name) && !filter.mentions(&Field::Tags));
}
