//! What is asked of a vision model, and what its answers change. Answers come from outside: what does not keep to the
//! question is refused whole, and nothing of it is written.

use delivery::service::Refusal;
use library::{Enrichment, FieldType};
use serde_json::{Map, Value, json};

use super::labels::word;
use super::vision::unreadable;
use crate::app::extensions::{Action, Selection, Task};

/// Longest description that is taken.
const LONGEST_DESCRIPTION: usize = 2000;
/// Tags that are taken where the task does not say how many.
const MOST_TAGS: u32 = 10;
/// Longest text that is taken for a custom metadata field.
const LONGEST_VALUE: usize = 500;

/// What a custom metadata field holds.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldShape {
    /// Its type.
    pub kind: FieldType,
    /// What a select field may hold.
    pub options: Vec<Value>,
}

/// A question with all that it takes to understand the answer.
pub struct Question {
    /// For the model.
    pub text: String,
    /// What the answer looks like.
    pub schema: Value,
    parts: Vec<Part>,
}

enum Part {
    Description,
    Tags(Choice),
    Field {
        name: String,
        shape: FieldShape,
        choice: Choice,
    },
    YesNo {
        on_yes: Action,
        on_no: Action,
        on_unknown: Action,
    },
}

/// How much may be chosen, and from what.
struct Choice {
    /// Empty where the model finds its own words.
    vocabulary: Vec<Value>,
    least: usize,
    most: usize,
}

const DESCRIPTION: &str = "description";

impl Question {
    /// Asks for a description.
    pub fn description() -> Self {
        Self {
            text: "Describe the picture in one or two plain sentences, for somebody who searches for it or cannot see it. \
                   Do not begin with words such as `the image shows`."
                .to_owned(),
            schema: object([(DESCRIPTION.to_owned(), json!({ "type": "string" }))]),
            parts: vec![Part::Description],
        }
    }

    /// Asks all tasks at once. `field` knows the custom metadata fields.
    pub fn tasks(tasks: &[Task], field: &dyn Fn(&str) -> Option<FieldShape>) -> Result<Self, Refusal> {
        let mut text = "Answer these questions about the picture.".to_owned();
        let mut schemas = Vec::new();
        let mut parts = Vec::new();
        for (at, task) in tasks.iter().enumerate() {
            let name = key(at);
            let (part, schema, asked) = match task {
                Task::SelectTags(selection) => {
                    let choice = Choice::of(selection, Vec::new(), MOST_TAGS);
                    let (schema, asked) = choice.asked(&selection.instruction);
                    (Part::Tags(choice), schema, asked)
                }
                Task::SelectMetadata { field: name, selection } => {
                    let shape = field(name)
                        .ok_or_else(|| Refusal::lasting(format!("there is no custom metadata field `{name}`")))?;
                    let most = if shape.kind == FieldType::MultiSelect {
                        MOST_TAGS
                    } else {
                        1
                    };
                    let mut choice = Choice::of(selection, shape.options.clone(), most);
                    if shape.kind != FieldType::MultiSelect {
                        choice.most = 1;
                        choice.least = choice.least.min(1);
                    }
                    let (schema, asked) = choice.asked(&selection.instruction);
                    let name = name.clone();
                    (Part::Field { name, shape, choice }, schema, asked)
                }
                Task::YesNo {
                    instruction,
                    on_yes,
                    on_no,
                    on_unknown,
                } => {
                    let action = |action: &Option<Action>| action.clone().unwrap_or_default();
                    let part = Part::YesNo {
                        on_yes: action(on_yes),
                        on_no: action(on_no),
                        on_unknown: action(on_unknown),
                    };
                    let schema = json!({ "type": "string", "enum": ["yes", "no", "unknown"] });
                    let asked = format!("{instruction}\nAnswer `yes`, `no`, or `unknown` if it can't be told.");
                    (part, schema, asked)
                }
            };
            text.push_str(&format!("\n\n{name}: {asked}"));
            schemas.push((name, schema));
            parts.push(part);
        }
        Ok(Self {
            text,
            schema: object(schemas),
            parts,
        })
    }

    /// What an answer changes, if it keeps to the question.
    pub fn understand(&self, answer: &Value) -> Result<Enrichment, Refusal> {
        let fields = answer.as_object().ok_or_else(|| unreadable("it is no object"))?;
        if fields.len() != self.parts.len() {
            return Err(unreadable("it has other fields than were asked for"));
        }
        let mut enrichment = Enrichment::default();
        for (at, part) in self.parts.iter().enumerate() {
            let name = match part {
                Part::Description => DESCRIPTION.to_owned(),
                _ => key(at),
            };
            let value = fields
                .get(&name)
                .ok_or_else(|| unreadable(&format!("`{name}` is missing")))?;
            part.understand(value, &mut enrichment)
                .map_err(|why| unreadable(&format!("`{name}` {why}")))?;
        }
        Ok(enrichment)
    }
}

fn key(at: usize) -> String {
    format!("answer_{}", at + 1)
}

/// A schema that OpenAI's strict mode takes: all fields required, no others.
fn object(fields: impl IntoIterator<Item = (String, Value)>) -> Value {
    let fields: Map<String, Value> = fields.into_iter().collect();
    let names: Vec<&String> = fields.keys().collect();
    json!({ "type": "object", "required": names, "properties": fields, "additionalProperties": false })
}

impl Choice {
    fn of(selection: &Selection, options: Vec<Value>, most: u32) -> Self {
        let vocabulary = selection.vocabulary.clone().unwrap_or(options);
        let most = selection.max_selections.unwrap_or(most) as usize;
        let least = selection.min_selections.unwrap_or(0) as usize;
        Self {
            most: if vocabulary.is_empty() {
                most
            } else {
                most.min(vocabulary.len())
            }
            .max(least),
            least,
            vocabulary,
        }
    }

    fn words(&self) -> Vec<String> {
        self.vocabulary.iter().map(shown).collect()
    }

    fn asked(&self, instruction: &str) -> (Value, String) {
        let words = self.words();
        let item = if words.is_empty() {
            json!({ "type": "string" })
        } else {
            json!({ "type": "string", "enum": words })
        };
        let from = if words.is_empty() {
            "in words of your own, each short and in lower case".to_owned()
        } else {
            format!("from this list: {}", json!(words))
        };
        let asked = format!(
            "{instruction}\nChoose at least {} and at most {}, {from}. Choose none that do not fit.",
            self.least, self.most
        );
        (json!({ "type": "array", "items": item }), asked)
    }

    /// The values that were chosen, each once.
    fn chosen(&self, answer: &Value) -> Result<Vec<Value>, String> {
        let items = answer.as_array().ok_or("is no list")?;
        let mut chosen: Vec<Value> = Vec::new();
        for item in items {
            let text = item.as_str().ok_or("holds what is no text")?;
            let value = if self.vocabulary.is_empty() {
                Value::String(word(text).ok_or("holds what can't be a word")?)
            } else {
                let known = self.vocabulary.iter().find(|value| shown(value) == text);
                known.cloned().ok_or("holds a word that is not in the vocabulary")?
            };
            if !chosen.contains(&value) {
                chosen.push(value);
            }
        }
        if chosen.len() < self.least || chosen.len() > self.most {
            return Err(format!(
                "has {} entries instead of {} to {}",
                chosen.len(),
                self.least,
                self.most
            ));
        }
        Ok(chosen)
    }
}

/// A value as the model sees it.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

impl Part {
    fn understand(&self, answer: &Value, enrichment: &mut Enrichment) -> Result<(), String> {
        match self {
            Self::Description => {
                let text = answer.as_str().ok_or("is no text")?;
                let text: String = text.chars().filter(|c| !c.is_control() || *c == '\n').collect();
                let text = text.trim();
                if text.is_empty() || text.chars().count() > LONGEST_DESCRIPTION {
                    return Err(format!("must have 1 to {LONGEST_DESCRIPTION} characters"));
                }
                enrichment.description = Some(text.to_owned());
            }
            Self::Tags(choice) => enrichment.add_tags.extend(choice.chosen(answer)?.iter().map(shown)),
            Self::Field { name, shape, choice } => {
                let chosen = choice.chosen(answer)?;
                if !chosen.is_empty() {
                    enrichment.custom_metadata.insert(name.clone(), shape.value(chosen)?);
                }
            }
            Self::YesNo {
                on_yes,
                on_no,
                on_unknown,
            } => {
                let action = match answer.as_str() {
                    Some("yes") => on_yes,
                    Some("no") => on_no,
                    Some("unknown") => on_unknown,
                    _ => return Err("is neither yes, no nor unknown".to_owned()),
                };
                act(action, enrichment);
            }
        }
        Ok(())
    }
}

fn act(action: &Action, enrichment: &mut Enrichment) {
    enrichment.add_tags.extend(action.add_tags.iter().cloned());
    enrichment.remove_tags.extend(action.remove_tags.iter().cloned());
    for set in &action.set_metadata {
        enrichment.custom_metadata.insert(set.field.clone(), set.value.clone());
    }
    for unset in &action.unset_metadata {
        enrichment.custom_metadata.insert(unset.field.clone(), Value::Null);
    }
}

impl FieldShape {
    /// What was chosen, in the type of the field.
    fn value(&self, chosen: Vec<Value>) -> Result<Value, String> {
        if self.kind == FieldType::MultiSelect {
            return Ok(Value::Array(chosen));
        }
        let one = chosen.into_iter().next().unwrap_or_default();
        let Value::String(text) = &one else {
            return Ok(one);
        };
        if text.len() > LONGEST_VALUE {
            return Err(format!("is longer than {LONGEST_VALUE} bytes"));
        }
        match self.kind {
            FieldType::Number => text
                .parse::<serde_json::Number>()
                .map(Value::Number)
                .map_err(|_| "is no number".to_owned()),
            FieldType::Boolean => match text.to_ascii_lowercase().as_str() {
                "true" | "yes" => Ok(Value::Bool(true)),
                "false" | "no" => Ok(Value::Bool(false)),
                _ => Err("is neither true nor false".to_owned()),
            },
            _ => Ok(one),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question() -> Question {
        let tasks: Vec<Task> = serde_json::from_value(json!([
            {"type": "select_tags", "instruction": "Colours?", "vocabulary": ["red", "blue", "green"],
             "min_selections": 1, "max_selections": 2},
            {"type": "select_metadata", "instruction": "Size?", "field": "size"},
            {"type": "select_metadata", "instruction": "Count?", "field": "count"},
            {"type": "yes_no", "instruction": "A person?", "on_yes": {"add_tags": ["person"],
             "set_metadata": [{"field": "people", "value": true}]}, "on_no": {"remove_tags": ["person"],
             "unset_metadata": [{"field": "people"}]}},
        ]))
        .unwrap();
        let shape = |kind, options| Some(FieldShape { kind, options });
        Question::tasks(&tasks, &|name| match name {
            "size" => shape(FieldType::MultiSelect, vec![json!("S"), json!(42), json!(true)]),
            "count" => shape(FieldType::Number, vec![]),
            _ => None,
        })
        .unwrap()
    }

    fn answer(values: [Value; 4]) -> Value {
        let fields = values.into_iter().enumerate().map(|(at, value)| (key(at), value));
        Value::Object(fields.collect())
    }

    #[test]
    fn the_schema_leaves_no_choice() {
        let question = question();
        assert_eq!(
            question.schema,
            json!({"type": "object", "additionalProperties": false,
                "required": ["answer_1", "answer_2", "answer_3", "answer_4"], "properties": {
                "answer_1": {"type": "array", "items": {"type": "string", "enum": ["red", "blue", "green"]}},
                "answer_2": {"type": "array", "items": {"type": "string", "enum": ["S", "42", "true"]}},
                "answer_3": {"type": "array", "items": {"type": "string"}},
                "answer_4": {"type": "string", "enum": ["yes", "no", "unknown"]}}})
        );
        assert!(
            question
                .text
                .contains("answer_1: Colours?\nChoose at least 1 and at most 2")
        );
        assert!(
            Question::tasks(
                &[
                    serde_json::from_value(json!({"type": "select_metadata", "instruction": "x", "field": "none"}))
                        .unwrap()
                ],
                &|_| None
            )
            .is_err()
        );
    }

    #[test]
    fn good_answers_change_what_was_asked_for() {
        let good = answer([
            json!(["red", "red", "blue"]),
            json!(["42", "S"]),
            json!(["3"]),
            json!("yes"),
        ]);
        let change = question().understand(&good).unwrap();
        assert_eq!(change.add_tags, ["red", "blue", "person"]);
        assert_eq!(
            Value::Object(change.custom_metadata),
            json!({"size": [42, "S"], "count": 3, "people": true})
        );
        let no = answer([json!(["green"]), json!([]), json!([]), json!("no")]);
        let change = question().understand(&no).unwrap();
        assert_eq!(
            (change.add_tags, change.remove_tags),
            (vec!["green".into()], vec!["person".into()])
        );
        assert_eq!(Value::Object(change.custom_metadata), json!({"people": null}));
        let unknown = answer([json!(["green"]), json!([]), json!([]), json!("unknown")]);
        assert_eq!(question().understand(&unknown).unwrap().custom_metadata, Map::new());
        let described = Question::description()
            .understand(&json!({"description": " A harbour\u{0} at dawn. "}))
            .unwrap();
        assert_eq!(described.description.as_deref(), Some("A harbour at dawn."));
    }

    #[test]
    fn other_answers_are_refused_whole() {
        let good = || [json!(["red"]), json!([]), json!([]), json!("no")];
        let with = |at: usize, value: Value| {
            let mut values = good();
            values[at] = value;
            answer(values)
        };
        assert!(question().understand(&answer(good())).is_ok());
        let mut more = answer(good());
        more["answer_9"] = json!(1);
        for wrong in [
            more,
            json!([]),
            json!({}),
            with(0, json!([])),
            with(0, json!(["red", "blue", "green"])),
            with(0, json!(["purple"])),
            with(0, json!(["Red"])),
            with(0, json!("red")),
            with(0, json!([1])),
            with(1, json!(["43"])),
            with(2, json!(["three"])),
            with(2, json!(["1", "2"])),
            with(3, json!("maybe")),
            with(3, json!(true)),
        ] {
            let refusal = question().understand(&wrong).err().unwrap_or_else(|| panic!("{wrong}"));
            assert!(refusal.retry, "another answer may be better");
        }
        for text in ["", " \u{0} ", &"x".repeat(2001)] {
            assert!(
                Question::description()
                    .understand(&json!({ "description": text }))
                    .is_err()
            );
        }
    }
}
