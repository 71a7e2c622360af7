//! Values of custom metadata, held against the fields.

use serde_json::{Map, Number, Value};
use time::format_description::well_known::Iso8601;
use time::{Date, OffsetDateTime, PrimitiveDateTime};

use super::schema::rank;
use super::{CustomMetadataField, FieldErrors, FieldType, Schema};

/// What values become.
#[derive(Clone, Copy, Debug)]
pub enum ValuesMode<'a> {
    /// They are all that the file has. For uploads.
    Whole,
    /// They come on top of these; `null` takes one away. For updates.
    Merge(&'a Map<String, Value>),
}

/// Values of custom metadata.
#[derive(Clone, Copy, Debug)]
pub struct CustomMetadata;

impl CustomMetadata {
    /// Checks values and gives all that the file has then. Fields that are deleted are as if they were not there: nobody may set them, and
    /// what is left of them goes. Where anything is set, every required field needs a value.
    pub fn validate(
        values: &Map<String, Value>,
        fields: &[CustomMetadataField],
        mode: ValuesMode<'_>,
    ) -> Result<Map<String, Value>, FieldErrors> {
        let mut errors = FieldErrors::default();
        let live = |name: &str| fields.iter().find(|field| !field.is_deleted && field.name == name);
        let mut result: Map<String, Value> = match mode {
            ValuesMode::Whole => Map::new(),
            ValuesMode::Merge(present) => present
                .clone()
                .into_iter()
                .filter(|(name, _)| live(name).is_some())
                .collect(),
        };
        for (name, value) in values {
            let Some(field) = live(name) else {
                errors.add(&shown(name), "is not a custom metadata field");
                continue;
            };
            if value.is_null() {
                result.remove(name);
                continue;
            }
            match check(value, &field.schema) {
                Ok(()) => {
                    result.insert(name.clone(), value.clone());
                }
                Err(problem) => errors.add(name, problem),
            }
        }
        if !values.is_empty() {
            for field in fields
                .iter()
                .filter(|field| !field.is_deleted && field.schema.is_required())
            {
                if !result.contains_key(&field.name) {
                    errors.add(&field.name, "is required");
                }
            }
        }
        errors.or(result)
    }

    /// What a file gets that comes without any: the default values of required fields.
    pub fn defaults(fields: &[CustomMetadataField]) -> Map<String, Value> {
        let required = fields
            .iter()
            .filter(|field| !field.is_deleted && field.schema.is_required());
        required
            .filter_map(|field| Some((field.name.clone(), field.schema.default_value.clone()?)))
            .collect()
    }

    /// Values that came as texts, such as `customMetadata[price]=10` in a form: made what their fields hold, where that can be. What can't is
    /// left a text, and [`validate`](Self::validate) says so.
    pub fn of_texts(texts: &[(String, String)], fields: &[CustomMetadataField]) -> Map<String, Value> {
        let mut values = Map::new();
        for (name, text) in texts {
            let field = fields.iter().find(|field| !field.is_deleted && field.name == *name);
            match field.map(|field| &field.schema) {
                Some(schema) if schema.field_type == FieldType::MultiSelect => {
                    let listed = match serde_json::from_str(text) {
                        Ok(Value::Array(items)) => items,
                        _ => vec![option_of_text(text, schema)],
                    };
                    match values.get_mut(name) {
                        Some(Value::Array(items)) => items.extend(listed),
                        _ => {
                            values.insert(name.clone(), Value::Array(listed));
                        }
                    }
                }
                Some(schema) => {
                    values.insert(name.clone(), value_of_text(text, schema));
                }
                None => {
                    values.insert(name.clone(), Value::String(text.clone()));
                }
            }
        }
        values
    }

    /// The values that may be shown: those of deleted fields are not.
    pub fn visible(values: &Map<String, Value>, fields: &[CustomMetadataField]) -> Map<String, Value> {
        let hidden = |name: &str| fields.iter().any(|field| field.is_deleted && field.name == name);
        let shown = values.iter().filter(|(name, _)| !hidden(name));
        shown.map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}

fn value_of_text(text: &str, schema: &Schema) -> Value {
    let as_text = || Value::String(text.to_owned());
    match schema.field_type {
        FieldType::Number => text.trim().parse::<Number>().map_or_else(|_| as_text(), Value::Number),
        FieldType::Boolean => match text.trim() {
            "true" | "True" | "1" => Value::Bool(true),
            "false" | "False" | "0" => Value::Bool(false),
            _ => as_text(),
        },
        FieldType::SingleSelect => option_of_text(text, schema),
        _ => as_text(),
    }
}

fn option_of_text(text: &str, schema: &Schema) -> Value {
    let written = |option: &&Value| match option {
        Value::String(option) => option == text,
        option => format!("{option}") == text,
    };
    let option = schema.select_options.iter().find(written);
    option.cloned().unwrap_or_else(|| Value::String(text.to_owned()))
}

/// Whether a value is one of the field.
pub(super) fn check(value: &Value, schema: &Schema) -> Result<(), String> {
    if let Some(problem) = type_error(value, schema.field_type) {
        return Err(problem.to_owned());
    }
    match (schema.field_type, value) {
        (FieldType::Text | FieldType::Textarea, Value::String(text)) => {
            if text.contains('\0') {
                return Err("should not have NUL characters".to_owned());
            }
            let length = text.chars().count() as u64;
            if let Some(least) = schema.min_length.filter(|least| length < *least) {
                return Err(format!("should have at least {least} characters"));
            }
            if let Some(most) = schema.max_length.filter(|most| length > *most) {
                return Err(format!("should have at most {most} characters"));
            }
        }
        (FieldType::Number | FieldType::Date, value) => {
            let written = |bound: &Value| bound.as_str().map_or_else(|| bound.to_string(), str::to_owned);
            if let Some(least) = schema.min_value.as_ref().filter(|least| rank(value) < rank(least)) {
                return Err(format!("should be greater than or equal to {}", written(least)));
            }
            if let Some(most) = schema.max_value.as_ref().filter(|most| rank(value) > rank(most)) {
                return Err(format!("should be less than or equal to {}", written(most)));
            }
        }
        (FieldType::SingleSelect, value) if !one_of(value, &schema.select_options) => {
            return Err(not_an_option(schema));
        }
        (FieldType::MultiSelect, Value::Array(items)) => {
            if !items.iter().all(|item| one_of(item, &schema.select_options)) {
                return Err(not_an_option(schema));
            }
            if items.iter().enumerate().any(|(at, item)| one_of(item, &items[..at])) {
                return Err("should not have a value twice".to_owned());
            }
            if items.is_empty() && schema.is_required() {
                return Err("should have at least one value".to_owned());
            }
        }
        _ => {}
    }
    Ok(())
}

fn not_an_option(schema: &Schema) -> String {
    const SHOWN: usize = 20;
    let written = |option: &Value| option.as_str().map_or_else(|| option.to_string(), shown);
    let listed: Vec<String> = schema.select_options.iter().take(SHOWN).map(written).collect();
    let more = if schema.select_options.len() > SHOWN {
        ", ..."
    } else {
        ""
    };
    format!("should be one of the options: {}{more}", listed.join(", "))
}

/// True if an option equals the value in type and value: `3` is `3.0` and not `"3"`.
pub(super) fn one_of(value: &Value, options: &[Value]) -> bool {
    options.iter().any(|option| match (option, value) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (option, value) => option == value,
    })
}

/// What is said of a value of another type.
pub(super) fn type_error(value: &Value, field_type: FieldType) -> Option<&'static str> {
    let (fits, problem) = match field_type {
        FieldType::Text | FieldType::Textarea => (value.is_string(), "should be of type string"),
        FieldType::Number => (value.as_f64().is_some_and(f64::is_finite), "should be of type number"),
        FieldType::Boolean => (value.is_boolean(), "should be of type boolean"),
        FieldType::Date => (
            value.as_str().and_then(date_millis).is_some(),
            "should be of type date, written as ISO 8601",
        ),
        FieldType::MultiSelect => (value.is_array(), "should be of type array"),
        // The options say the rest.
        FieldType::SingleSelect => (
            value.is_string() || value.is_number() || value.is_boolean(),
            "should be of type string, number or boolean",
        ),
    };
    (!fits).then_some(problem)
}

/// The moment that an ISO 8601 text means, in milliseconds since 1970; without an offset it is UTC, without a time the day's beginning.
pub fn date_millis(text: &str) -> Option<i64> {
    const LONGEST: usize = 64;
    // No more forms than a date needs: the parser alone would also take weeks and days of the year.
    let dashes = [4, 7].iter().all(|at| text.as_bytes().get(*at) == Some(&b'-'));
    if text.len() > LONGEST || !dashes {
        return None;
    }
    let moment = OffsetDateTime::parse(text, &Iso8601::DEFAULT)
        .or_else(|_| PrimitiveDateTime::parse(text, &Iso8601::DEFAULT).map(PrimitiveDateTime::assume_utc))
        .or_else(|_| Date::parse(text, &Iso8601::DEFAULT).map(|date| date.midnight().assume_utc()))
        .ok()?;
    i64::try_from(moment.unix_timestamp_nanos() / 1_000_000).ok()
}

fn shown(name: &str) -> String {
    const LONGEST: usize = 100;
    name.chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{FieldId, Timestamp};

    fn field(name: &str, schema: Value, is_deleted: bool) -> CustomMetadataField {
        CustomMetadataField {
            id: FieldId::generate(Timestamp::now()),
            name: name.to_owned(),
            label: name.to_owned(),
            description: None,
            schema: Schema::parse(schema.as_object().expect("an object"), None).expect("a schema"),
            is_deleted,
        }
    }

    fn fields() -> Vec<CustomMetadataField> {
        vec![
            field("title", json!({"type": "Text", "minLength": 2, "maxLength": 4}), false),
            field(
                "price",
                json!({"type": "Number", "minValue": 10, "maxValue": 3000}),
                false,
            ),
            field("shot", json!({"type": "Date", "minValue": "2020-01-01"}), false),
            field("sold", json!({"type": "Boolean"}), false),
            field(
                "colour",
                json!({"type": "SingleSelect", "selectOptions": ["red", 3, true]}),
                false,
            ),
            field(
                "sizes",
                json!({"type": "MultiSelect", "selectOptions": ["s", "m", 1]}),
                false,
            ),
            field("old", json!({"type": "Text"}), true),
        ]
    }

    fn whole(values: Value) -> Result<Value, Value> {
        let values = values.as_object().expect("an object").clone();
        CustomMetadata::validate(&values, &fields(), ValuesMode::Whole)
            .map(Value::Object)
            .map_err(|errors| json!(errors))
    }

    #[test]
    fn right_values_of_all_types() {
        for values in [
            json!({}),
            json!({"title": "äbcd", "price": 10, "shot": "2024-02-29", "sold": false, "colour": 3, "sizes": ["s", 1]}),
            json!({"price": 10.5, "shot": "2024-02-29T10:00:00+02:00", "colour": true, "sizes": []}),
            json!({"shot": "2024-02-29T10:00", "colour": "red"}),
        ] {
            assert_eq!(whole(values.clone()), Ok(values));
        }
        assert_eq!(whole(json!({"price": null})), Ok(json!({})));
    }

    #[test]
    fn wrong_values_by_field() {
        let options = "should be one of the options: red, 3, true";
        for (values, errors) in [
            (json!({"title": 5}), json!({"title": "should be of type string"})),
            (
                json!({"title": "a"}),
                json!({"title": "should have at least 2 characters"}),
            ),
            (
                json!({"title": "abcde"}),
                json!({"title": "should have at most 4 characters"}),
            ),
            (
                json!({"title": "a\u{0}b"}),
                json!({"title": "should not have NUL characters"}),
            ),
            (json!({"price": "5"}), json!({"price": "should be of type number"})),
            (
                json!({"price": 9}),
                json!({"price": "should be greater than or equal to 10"}),
            ),
            (
                json!({"price": 3000.5}),
                json!({"price": "should be less than or equal to 3000"}),
            ),
            (
                json!({"shot": "2019-12-31T23:59:59Z"}),
                json!({"shot": "should be greater than or equal to 2020-01-01"}),
            ),
            (
                json!({"shot": "soon"}),
                json!({"shot": "should be of type date, written as ISO 8601"}),
            ),
            (
                json!({"shot": "2024-02-30"}),
                json!({"shot": "should be of type date, written as ISO 8601"}),
            ),
            (json!({"sold": "true"}), json!({"sold": "should be of type boolean"})),
            (json!({"colour": "3"}), json!({ "colour": options })),
            (
                json!({"colour": ["red"]}),
                json!({"colour": "should be of type string, number or boolean"}),
            ),
            (json!({"sizes": "s"}), json!({"sizes": "should be of type array"})),
            (
                json!({"sizes": ["s", "x"]}),
                json!({"sizes": "should be one of the options: s, m, 1"}),
            ),
            (
                json!({"sizes": ["s", "s"]}),
                json!({"sizes": "should not have a value twice"}),
            ),
            (
                json!({"old": "a", "nope": 1}),
                json!({"old": "is not a custom metadata field", "nope": "is not a custom metadata field"}),
            ),
        ] {
            assert_eq!(whole(values.clone()), Err(errors), "{values}");
        }
    }

    #[test]
    fn updates_merge_and_null_takes_away() {
        let present = json!({"title": "abc", "price": 20, "old": "left over"});
        let present = present.as_object().expect("an object");
        let merged = |values: Value| {
            let values = values.as_object().expect("an object").clone();
            CustomMetadata::validate(&values, &fields(), ValuesMode::Merge(present)).map(Value::Object)
        };
        assert_eq!(merged(json!({"price": 30})), Ok(json!({"title": "abc", "price": 30})));
        assert_eq!(merged(json!({"title": null})), Ok(json!({"price": 20})));
        assert!(merged(json!({"price": 1})).is_err());
    }

    #[test]
    fn required_fields_need_a_value_where_anything_is_set() {
        let mut fields = fields();
        let required = json!({"type": "Text", "isValueRequired": true, "defaultValue": "none"});
        fields.push(field("owner", required, false));
        let owner = |values: Value, mode| {
            let values = values.as_object().expect("an object").clone();
            CustomMetadata::validate(&values, &fields, mode)
        };
        let missing = owner(json!({"price": 20}), ValuesMode::Whole).expect_err("refused");
        assert_eq!(json!(missing), json!({"owner": "is required"}));
        assert!(owner(json!({"price": 20, "owner": "me"}), ValuesMode::Whole).is_ok());
        assert!(owner(json!({}), ValuesMode::Whole).is_ok());
        let present = json!({"owner": "me"});
        let present = present.as_object().expect("an object");
        assert!(owner(json!({"price": 20}), ValuesMode::Merge(present)).is_ok());
        assert!(owner(json!({"owner": null}), ValuesMode::Merge(present)).is_err());
        assert_eq!(
            Value::Object(CustomMetadata::defaults(&fields)),
            json!({"owner": "none"})
        );
    }

    #[test]
    fn texts_of_forms_become_values() {
        let texts = [
            ("price", "20"),
            ("sold", "true"),
            ("colour", "3"),
            ("sizes", "s"),
            ("sizes", "1"),
            ("title", "12"),
            ("nope", "1"),
        ];
        let texts: Vec<_> = texts.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
        assert_eq!(
            Value::Object(CustomMetadata::of_texts(&texts, &fields())),
            json!({"price": 20, "sold": true, "colour": 3, "sizes": ["s", 1], "title": "12", "nope": "1"})
        );
        let wrong = [("price".to_owned(), "much".to_owned())];
        assert_eq!(
            Value::Object(CustomMetadata::of_texts(&wrong, &fields())),
            json!({"price": "much"})
        );
    }

    #[test]
    fn values_of_deleted_fields_are_not_shown() {
        let values = json!({"title": "abc", "old": "x", "unknown": 1});
        let shown = CustomMetadata::visible(values.as_object().expect("an object"), &fields());
        assert_eq!(Value::Object(shown), json!({"title": "abc", "unknown": 1}));
    }

    #[test]
    fn dates() {
        for (text, expected) in [
            ("1970-01-01", Some(0)),
            ("1970-01-01T00:00:01Z", Some(1000)),
            ("1970-01-01T01:00:00+01:00", Some(0)),
            ("1969-12-31T23:59:59.500Z", Some(-500)),
            ("1970-01-01T00:01", Some(60_000)),
            ("1970", None),
            ("19700101", None),
            ("1970-W01-1", None),
            ("", None),
        ] {
            assert_eq!(date_millis(text), expected, "{text}");
        }
    }
}
