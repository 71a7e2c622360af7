//! A schema read once, for the question that nearly every answer is asked: does it fit, to the last field? Only for what
//! does not is it looked up where it differs, which takes many times as long.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{FORMS, branches, names};

/// Rows of a list that are looked at for the words of others: rows of one kind hold the same fields.
const MOST_ROWS: usize = 50;

/// A schema of ours, as far as our declarations use the language.
#[derive(Debug)]
pub(crate) struct Compiled {
    rule: Rule,
    /// It holds what somebody wrote into the library.
    is_untrusted: bool,
    /// It, or something in it, does.
    holds_untrusted: bool,
}

#[derive(Debug)]
enum Rule {
    /// Only the first that fits counts.
    Any(Vec<Compiled>),
    One(Box<One>),
}

#[derive(Debug)]
struct One {
    /// Bits of [`kind_of`].
    kinds: u8,
    choices: Option<Vec<Value>>,
    /// Of a number, of the length of a text in characters, of the items of a list.
    number: (f64, f64),
    length: (usize, usize),
    items_count: (usize, usize),
    form: Option<fn(&str) -> bool>,
    /// In the order of their names, as the fields of an object are.
    properties: Vec<Property>,
    required: usize,
    others: Others,
    items: Option<Compiled>,
}

#[derive(Debug)]
struct Property {
    name: String,
    schema: Compiled,
    is_required: bool,
}

#[derive(Debug)]
enum Others {
    /// There may be none. Also where they are read over: then they would not be in the output.
    None,
    /// Anything.
    Free,
    All(Compiled),
}

const NULL: u8 = 1;
const BOOLEAN: u8 = 2;
const INTEGER: u8 = 4;
const FRACTION: u8 = 8;
const STRING: u8 = 16;
const ARRAY: u8 = 32;
const OBJECT: u8 = 64;
const ANY: u8 = 127;

/// Whole numbers that every type of ours takes as they are.
const WHOLE: std::ops::RangeInclusive<i64> = -0x8000_0000..=0x7fff_ffff;

impl Compiled {
    /// Reads a schema.
    pub fn of(schema: &Value) -> Self {
        let is_untrusted = schema["x-untrusted"] == true;
        let rule = match branches(schema) {
            Some(branches) => Rule::Any(branches.iter().map(Self::of).collect()),
            None => Rule::One(Box::new(One::of(schema))),
        };
        let inside = match &rule {
            Rule::Any(branches) => branches.iter().any(|branch| branch.holds_untrusted),
            Rule::One(one) => one.parts().any(|part| part.holds_untrusted),
        };
        Self {
            rule,
            is_untrusted,
            holds_untrusted: is_untrusted || inside,
        }
    }

    /// True if the value is what a value of the schema's type is written as: it has no difference, nothing that is read
    /// over, and nothing that is spelled in another way. False says only that it takes a closer look.
    pub fn fits(&self, value: &Value) -> bool {
        match &self.rule {
            Rule::Any(branches) => branches.iter().any(|branch| branch.fits(value)),
            Rule::One(one) => one.fits(value),
        }
    }

    /// Pointers to the words of others that a value holds; `*` stands for every element.
    pub fn untrusted(&self, value: &Value) -> Vec<String> {
        let mut found = BTreeSet::new();
        self.mark(value, &mut String::new(), &mut found);
        found.into_iter().collect()
    }

    fn mark(&self, value: &Value, at: &mut String, found: &mut BTreeSet<String>) {
        if !self.holds_untrusted || value.is_null() {
            return;
        }
        if self.is_untrusted {
            if !found.contains(at.as_str()) {
                found.insert(at.clone());
            }
            return;
        }
        match &self.rule {
            // What a value may be is enough: a word too many is marked rather than one too few.
            Rule::Any(branches) => branches.iter().for_each(|branch| branch.mark(value, at, found)),
            Rule::One(one) => one.mark(value, at, found),
        }
    }
}

impl One {
    fn of(schema: &Value) -> Self {
        let limit = |key: &str| schema[key].as_f64();
        let count = |key: &str| schema[key].as_u64().and_then(|n| usize::try_from(n).ok());
        let required: Vec<&str> = schema.get("required").map(names).unwrap_or_default();
        let declared = schema["properties"].as_object();
        let mut properties: Vec<Property> = declared
            .into_iter()
            .flatten()
            .map(|(name, schema)| Property {
                name: name.clone(),
                schema: Compiled::of(schema),
                is_required: required.contains(&name.as_str()),
            })
            .collect();
        properties.sort_by(|a, b| a.name.cmp(&b.name));
        let only = schema.get("const").map(|only| vec![only.clone()]);
        let pattern = schema["pattern"].as_str();
        Self {
            kinds: schema.get("type").map_or(ANY, kinds),
            choices: only.or_else(|| schema["enum"].as_array().cloned()),
            number: (
                limit("minimum").unwrap_or(f64::NEG_INFINITY),
                limit("maximum").unwrap_or(f64::INFINITY),
            ),
            length: (
                count("minLength").unwrap_or(0),
                count("maxLength").unwrap_or(usize::MAX),
            ),
            items_count: (count("minItems").unwrap_or(0), count("maxItems").unwrap_or(usize::MAX)),
            form: pattern.and_then(|pattern| Some(FORMS.iter().find(|(known, ..)| *known == pattern)?.1)),
            properties,
            required: required.len(),
            others: match &schema["additionalProperties"] {
                Value::Bool(true) => Others::Free,
                Value::Object(_) => Others::All(Compiled::of(&schema["additionalProperties"])),
                // An object of which nothing is said may hold anything.
                Value::Null if declared.is_none() => Others::Free,
                _ => Others::None,
            },
            items: schema.get("items").map(Compiled::of),
        }
    }

    /// All schemas in it.
    fn parts(&self) -> impl Iterator<Item = &Compiled> {
        let others = match &self.others {
            Others::All(schema) => Some(schema),
            _ => None,
        };
        let properties = self.properties.iter().map(|property| &property.schema);
        properties.chain(others).chain(&self.items)
    }

    fn fits(&self, value: &Value) -> bool {
        if self.kinds & kind_of(value) == 0 {
            return false;
        }
        if self.choices.as_ref().is_some_and(|choices| !choices.contains(value)) {
            return false;
        }
        match value {
            Value::Number(number) => {
                let (least, most) = self.number;
                number.as_f64().is_some_and(|n| least <= n && n <= most)
            }
            Value::String(text) => {
                let (least, most) = self.length;
                // Characters are counted only where bytes do not tell.
                let is_short = text.len() <= most || text.chars().count() <= most;
                let is_long = least == 0 || text.len() >= least && text.chars().count() >= least;
                is_short && is_long && self.form.is_none_or(|fits| fits(text))
            }
            Value::Array(items) => {
                let (least, most) = self.items_count;
                let each = self.items.as_ref();
                (least..=most).contains(&items.len())
                    && each.is_none_or(|each| items.iter().all(|item| each.fits(item)))
            }
            Value::Object(fields) => self.fits_object(fields),
            Value::Null | Value::Bool(_) => true,
        }
    }

    fn fits_object(&self, fields: &Map<String, Value>) -> bool {
        let (mut next, mut required) = (0, 0);
        for (name, value) in fields {
            let Some(property) = self.property(name, &mut next) else {
                let fits = match &self.others {
                    Others::None => false,
                    Others::Free => true,
                    Others::All(schema) => schema.fits(value),
                };
                if !fits {
                    return false;
                }
                continue;
            };
            required += usize::from(property.is_required);
            // An optional field that is null would be left out.
            if !property.is_required && value.is_null() || !property.schema.fits(value) {
                return false;
            }
        }
        required == self.required
    }

    /// The property of that name. Fields come in the order of their names, so it is mostly the next one.
    fn property(&self, name: &str, next: &mut usize) -> Option<&Property> {
        while let Some(property) = self.properties.get(*next) {
            match property.name.as_str().cmp(name) {
                std::cmp::Ordering::Less => *next += 1,
                std::cmp::Ordering::Equal => {
                    *next += 1;
                    return Some(property);
                }
                std::cmp::Ordering::Greater => return None,
            }
        }
        None
    }

    fn mark(&self, value: &Value, at: &mut String, found: &mut BTreeSet<String>) {
        if self.kinds & kind_of(value) == 0 {
            return;
        }
        let length = at.len();
        match value {
            Value::Object(fields) => {
                for property in self.properties.iter().filter(|p| p.schema.holds_untrusted) {
                    if let Some(value) = fields.get(&property.name) {
                        at.push('/');
                        at.push_str(&property.name);
                        property.schema.mark(value, at, found);
                        at.truncate(length);
                    }
                }
            }
            Value::Array(items) => {
                let Some(each) = &self.items else {
                    return;
                };
                at.push_str("/*");
                for item in items.iter().take(MOST_ROWS) {
                    each.mark(item, at, found);
                }
                at.truncate(length);
            }
            _ => {}
        }
    }
}

fn kinds(types: &Value) -> u8 {
    names(types).into_iter().fold(0, |kinds, name| {
        kinds
            | match name {
                "null" => NULL,
                "boolean" => BOOLEAN,
                "integer" => INTEGER,
                "number" => INTEGER | FRACTION,
                "string" => STRING,
                "array" => ARRAY,
                "object" => OBJECT,
                _ => 0,
            }
    })
}

/// Numbers that a type may refuse or write in another way are of no kind.
fn kind_of(value: &Value) -> u8 {
    match value {
        Value::Null => NULL,
        Value::Bool(_) => BOOLEAN,
        Value::Number(number) => match number.as_i64() {
            Some(whole) if WHOLE.contains(&whole) => INTEGER,
            None if number.as_f64().is_some_and(|n| n.fract() != 0.0) => FRACTION,
            _ => 0,
        },
        Value::String(_) => STRING,
        Value::Array(_) => ARRAY,
        Value::Object(_) => OBJECT,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::schema::differences;

    fn schema() -> Value {
        json!({
            "type": "object",
            "properties": {
                "name": { "type": "string", "minLength": 1, "maxLength": 3, "x-untrusted": true },
                "size": { "type": ["integer", "null"], "minimum": 0 },
                "ratio": { "type": "number" },
                "kind": { "anyOf": [{ "type": "string", "enum": ["file", "all"] }, { "type": "null" }] },
                "tags": { "type": "array", "items": { "type": "string", "x-untrusted": true }, "maxItems": 2 },
                "free": { "type": "object", "additionalProperties": true },
                "by": { "type": "object", "additionalProperties": { "type": "integer" } },
                "day": { "type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$" },
            },
            "required": ["name", "size"],
            "additionalProperties": false,
        })
    }

    #[test]
    fn what_fits_has_no_difference_and_is_written_as_its_type_writes_it() {
        let compiled = Compiled::of(&schema());
        for fits in [
            json!({ "name": "cat", "size": 3 }),
            json!({ "name": "äöü", "size": null, "ratio": 0.5, "kind": "all", "tags": ["a"], "by": { "x": 1 } }),
            json!({ "name": "c", "size": 0, "free": { "a": [null] }, "day": "2026-11-27" }),
        ] {
            assert_eq!(differences(&schema(), &fits), [], "{fits}");
            assert!(compiled.fits(&fits), "{fits}");
        }
        for differs in [
            json!([]),
            json!({ "name": "cat" }),
            json!({ "name": "", "size": 1 }),
            json!({ "name": "äöüß", "size": 1 }),
            json!({ "name": "c", "size": -1 }),
            json!({ "name": "c", "size": "1" }),
            json!({ "name": "c", "size": 1, "kind": "dir" }),
            json!({ "name": "c", "size": 1, "tags": ["a", "b", "c"] }),
            json!({ "name": "c", "size": 1, "tags": [1] }),
            json!({ "name": "c", "size": 1, "by": { "x": "1" } }),
            json!({ "name": "c", "size": 1, "day": "today" }),
            json!({ "name": "c", "size": 1, "other": 1 }),
        ] {
            assert_ne!(differences(&schema(), &differs), [], "{differs}");
            assert!(!compiled.fits(&differs), "{differs}");
        }
        // No difference, but a type would write it in another way, or not take it.
        for spelled in [
            json!({ "name": "c", "size": 3.0 }),
            json!({ "name": "c", "size": 1_u64 << 40 }),
            json!({ "name": "c", "size": 1, "kind": null }),
        ] {
            assert_eq!(differences(&schema(), &spelled), [], "{spelled}");
            assert!(!compiled.fits(&spelled), "{spelled}");
        }
    }

    #[test]
    fn the_words_of_others_are_found_wherever_they_may_be() {
        let compiled = Compiled::of(&json!({ "type": "array", "items": { "anyOf": [schema(), { "type": "null" }] } }));
        let value = json!([null, { "name": "c", "size": 1, "tags": ["x"], "ratio": 1 }, { "name": null }]);
        assert_eq!(compiled.untrusted(&value), ["/*/name", "/*/tags/*"]);
        assert_eq!(compiled.untrusted(&json!([{ "size": 1 }])), [] as [&str; 0]);
    }
}
