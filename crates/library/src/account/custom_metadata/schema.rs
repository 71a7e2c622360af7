//! What values a field takes.

use serde_json::{Map, Value, json};

use super::FieldErrors;
use super::values::{check, date_millis, one_of, type_error};

/// The seven types of fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FieldType {
    /// A line of text.
    Text,
    /// Lines of text.
    Textarea,
    /// A number.
    Number,
    /// A moment, as ISO 8601 writes it.
    Date,
    /// True or false.
    Boolean,
    /// One of some options.
    SingleSelect,
    /// Some of some options.
    MultiSelect,
}

impl FieldType {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Text,
        Self::Textarea,
        Self::Number,
        Self::Date,
        Self::Boolean,
        Self::SingleSelect,
        Self::MultiSelect,
    ];

    /// As the API names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "Text",
            Self::Textarea => "Textarea",
            Self::Number => "Number",
            Self::Date => "Date",
            Self::Boolean => "Boolean",
            Self::SingleSelect => "SingleSelect",
            Self::MultiSelect => "MultiSelect",
        }
    }

    fn is_select(self) -> bool {
        matches!(self, Self::SingleSelect | Self::MultiSelect)
    }

    fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::Textarea)
    }

    fn is_ordered(self) -> bool {
        matches!(self, Self::Number | Self::Date)
    }
}

/// What values a field takes. Values stand as JSON has them.
#[derive(Clone, Debug, PartialEq)]
pub struct Schema {
    /// The type, which never changes.
    pub field_type: FieldType,
    /// For the two types that choose: texts, numbers and truth values.
    pub select_options: Vec<Value>,
    /// A value where nobody gave one. There is one if a value is required.
    pub default_value: Option<Value>,
    /// Whoever sets custom metadata has to give a value; `None` where nothing is said.
    pub is_value_required: Option<bool>,
    /// The least number or the earliest date.
    pub min_value: Option<Value>,
    /// The greatest number or the latest date.
    pub max_value: Option<Value>,
    /// Characters that a text has at least.
    pub min_length: Option<u64>,
    /// Characters that a text has at most.
    pub max_length: Option<u64>,
}

const MOST_OPTIONS: usize = 1000;
const LONGEST_OPTION: usize = 500;
/// Characters that a text may be required to have.
const LONGEST_TEXT: u64 = 1_000_000;

impl Schema {
    /// Reads a schema. `known` is the type that the field has already; then the one that is sent does not count.
    pub fn parse(json: &Map<String, Value>, known: Option<FieldType>) -> Result<Self, FieldErrors> {
        let mut errors = FieldErrors::default();
        // Old clients send null for what they do not mean to send.
        let get = |key: &str| json.get(key).filter(|value| !value.is_null());
        let field_type = match (known, get("type")) {
            (Some(known), _) => known,
            (None, None) => {
                errors.add("type", "is required");
                return Err(errors);
            }
            (None, Some(value)) => {
                let found = FieldType::ALL
                    .into_iter()
                    .find(|known| Some(known.as_str()) == value.as_str());
                let Some(found) = found else {
                    let names = FieldType::ALL.map(FieldType::as_str).join(", ");
                    errors.add("type", format!("should be one of {names}"));
                    return Err(errors);
                };
                found
            }
        };
        for (key, applies) in [
            ("selectOptions", field_type.is_select()),
            ("minValue", field_type.is_ordered()),
            ("maxValue", field_type.is_ordered()),
            ("minLength", field_type.is_text()),
            ("maxLength", field_type.is_text()),
        ] {
            if get(key).is_some() && !applies {
                errors.add(key, "not allowed for this type");
            }
        }
        let mut schema = Self {
            field_type,
            select_options: Vec::new(),
            default_value: get("defaultValue").cloned(),
            is_value_required: None,
            min_value: None,
            max_value: None,
            min_length: None,
            max_length: None,
        };
        match get("isValueRequired") {
            None => {}
            Some(Value::Bool(required)) => schema.is_value_required = Some(*required),
            Some(_) => errors.add("isValueRequired", "should be of type boolean"),
        }
        if field_type.is_select() {
            schema.select_options = options(get("selectOptions"), &mut errors);
        }
        if field_type.is_ordered() {
            schema.min_value = bound(get("minValue"), "minValue", field_type, &mut errors);
            schema.max_value = bound(get("maxValue"), "maxValue", field_type, &mut errors);
            let (least, most) = (&schema.min_value, &schema.max_value);
            if let (Some(least), Some(most)) = (least, most)
                && rank(least) > rank(most)
            {
                errors.add("minValue", "should not be greater than maxValue");
            }
        }
        if field_type.is_text() {
            schema.min_length = length(get("minLength"), "minLength", &mut errors);
            schema.max_length = length(get("maxLength"), "maxLength", &mut errors);
            if let (Some(least), Some(most)) = (schema.min_length, schema.max_length)
                && least > most
            {
                errors.add("minLength", "should not be greater than maxLength");
            }
        }
        if errors.0.is_empty() {
            match &schema.default_value {
                Some(value) => {
                    if let Err(problem) = check(value, &schema) {
                        errors.add("defaultValue", problem);
                    }
                }
                None if schema.is_required() => errors.add("defaultValue", "is required when isValueRequired is true"),
                None => {}
            }
        }
        errors.or(schema)
    }

    /// True where a value is required.
    pub fn is_required(&self) -> bool {
        self.is_value_required == Some(true)
    }

    /// As the API has it: what was not said is absent.
    pub fn to_json(&self) -> Map<String, Value> {
        let mut json = Map::new();
        json.insert("type".to_owned(), self.field_type.as_str().into());
        let options = self.field_type.is_select().then(|| json!(self.select_options));
        for (key, value) in [
            ("selectOptions", options),
            ("defaultValue", self.default_value.clone()),
            ("isValueRequired", self.is_value_required.map(Value::Bool)),
            ("minValue", self.min_value.clone()),
            ("maxValue", self.max_value.clone()),
            ("minLength", self.min_length.map(Value::from)),
            ("maxLength", self.max_length.map(Value::from)),
        ] {
            if let Some(value) = value {
                json.insert(key.to_owned(), value);
            }
        }
        json
    }
}

/// Numbers and dates in one order, each among themselves.
pub(super) fn rank(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => date_millis(text).map(|ms| ms as f64),
        _ => None,
    }
}

fn bound(value: Option<&Value>, key: &str, field_type: FieldType, errors: &mut FieldErrors) -> Option<Value> {
    let value = value?;
    match type_error(value, field_type) {
        None => Some(value.clone()),
        Some(problem) => {
            errors.add(key, problem);
            None
        }
    }
}

fn length(value: Option<&Value>, key: &str, errors: &mut FieldErrors) -> Option<u64> {
    let value = value?;
    // SDKs may write whole numbers as 5.0.
    let whole = value.as_u64().or_else(|| {
        value
            .as_f64()
            .filter(|n| n.fract() == 0.0 && *n >= 0.0)
            .map(|n| n as u64)
    });
    match whole {
        Some(length) if length <= LONGEST_TEXT => Some(length),
        Some(_) => {
            errors.add(key, format!("should not be greater than {LONGEST_TEXT}"));
            None
        }
        None if value.is_number() => {
            errors.add(key, "should be a whole number that is not negative");
            None
        }
        None => {
            errors.add(key, "should be of type number");
            None
        }
    }
}

fn options(value: Option<&Value>, errors: &mut FieldErrors) -> Vec<Value> {
    let key = "selectOptions";
    let Some(value) = value else {
        errors.add(key, "is required");
        return Vec::new();
    };
    let Some(options) = value.as_array() else {
        errors.add(key, "should be of type array");
        return Vec::new();
    };
    if options.is_empty() || options.len() > MOST_OPTIONS {
        errors.add(key, format!("should have 1 to {MOST_OPTIONS} entries"));
    }
    let plain = |option: &Value| match option {
        Value::String(text) => text.chars().count() <= LONGEST_OPTION && !text.contains('\0'),
        Value::Number(_) | Value::Bool(_) => true,
        _ => false,
    };
    if !options.iter().all(plain) {
        errors.add(
            key,
            format!("should be of type string, number or boolean, with at most {LONGEST_OPTION} characters each"),
        );
    }
    if options
        .iter()
        .enumerate()
        .any(|(at, option)| one_of(option, &options[..at]))
    {
        errors.add(key, "should not have an entry twice");
    }
    options.clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(json: Value) -> Result<Value, Value> {
        let map = json.as_object().expect("an object");
        Schema::parse(map, None)
            .map(|schema| Value::Object(schema.to_json()))
            .map_err(|errors| json!(errors))
    }

    #[test]
    fn a_right_schema_stays_as_it_is() {
        for json in [
            json!({"type": "Text"}),
            json!({"type": "Text", "minLength": 1, "maxLength": 5, "defaultValue": "ab", "isValueRequired": true}),
            json!({"type": "Textarea", "isValueRequired": false}),
            json!({"type": "Number", "minValue": -1.5, "maxValue": 3000, "defaultValue": 10}),
            json!({"type": "Date", "minValue": "2020-01-01", "maxValue": "2030-01-01T00:00:00.000Z"}),
            json!({"type": "Boolean", "defaultValue": false}),
            json!({"type": "SingleSelect", "selectOptions": ["red", 3, true], "defaultValue": 3}),
            json!({"type": "MultiSelect", "selectOptions": ["red", 3], "defaultValue": ["red", 3]}),
        ] {
            assert_eq!(parsed(json.clone()), Ok(json));
        }
        assert_eq!(
            parsed(json!({"type": "Text", "minLength": null})),
            Ok(json!({"type": "Text"}))
        );
        let map = json!({"type": "Number", "minLength": 3});
        let schema = Schema::parse(map.as_object().expect("an object"), Some(FieldType::Text)).expect("a schema");
        assert_eq!(
            schema.field_type,
            FieldType::Text,
            "a type that is sent later does not count"
        );
    }

    #[test]
    fn a_wrong_one_says_all_that_is_wrong() {
        for (json, errors) in [
            (json!({}), json!({"type": "is required"})),
            (
                json!({"type": "Colour"}),
                json!({"type": "should be one of Text, Textarea, Number, Date, Boolean, SingleSelect, MultiSelect"}),
            ),
            (
                json!({"type": "Textarea", "minValue": 1, "maxLength": "9"}),
                json!({"minValue": "not allowed for this type", "maxLength": "should be of type number"}),
            ),
            (
                json!({"type": "Number", "minLength": 1, "selectOptions": []}),
                json!({"minLength": "not allowed for this type", "selectOptions": "not allowed for this type"}),
            ),
            (
                json!({"type": "Number", "minValue": "1", "isValueRequired": "yes"}),
                json!({"minValue": "should be of type number", "isValueRequired": "should be of type boolean"}),
            ),
            (
                json!({"type": "Number", "minValue": 3, "maxValue": 2}),
                json!({"minValue": "should not be greater than maxValue"}),
            ),
            (
                json!({"type": "Number", "minValue": 3, "defaultValue": 2}),
                json!({"defaultValue": "should be greater than or equal to 3"}),
            ),
            (
                json!({"type": "Date", "minValue": "yesterday"}),
                json!({"minValue": "should be of type date, written as ISO 8601"}),
            ),
            (
                json!({"type": "Text", "minLength": 1.5, "maxLength": -1}),
                json!({"minLength": "should be a whole number that is not negative",
                       "maxLength": "should be a whole number that is not negative"}),
            ),
            (
                json!({"type": "Text", "isValueRequired": true}),
                json!({"defaultValue": "is required when isValueRequired is true"}),
            ),
            (json!({"type": "SingleSelect"}), json!({"selectOptions": "is required"})),
            (
                json!({"type": "SingleSelect", "selectOptions": []}),
                json!({"selectOptions": "should have 1 to 1000 entries"}),
            ),
            (
                json!({"type": "SingleSelect", "selectOptions": ["a", 1, 1.0]}),
                json!({"selectOptions": "should not have an entry twice"}),
            ),
            (
                json!({"type": "SingleSelect", "selectOptions": ["a"], "defaultValue": "b"}),
                json!({"defaultValue": "should be one of the options: a"}),
            ),
            (
                json!({"type": "MultiSelect", "selectOptions": ["a"], "defaultValue": "a"}),
                json!({"defaultValue": "should be of type array"}),
            ),
        ] {
            assert_eq!(parsed(json.clone()), Err(errors), "{json}");
        }
    }
}
