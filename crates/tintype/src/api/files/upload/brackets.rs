//! `extensions[0][name]=remove-bg`: how some form encoders write what is JSON elsewhere.

use serde_json::{Map, Value};

/// Deeper ones are left out.
const DEEPEST: usize = 6;

/// The value that parts such as `("[0][name]", "remove-bg")` build; `None` without parts. Texts stay texts.
pub fn build<'a>(parts: impl Iterator<Item = (&'a str, &'a str)>) -> Option<Value> {
    let mut root = Node::Branch(Vec::new());
    let mut any = false;
    for (path, value) in parts {
        let Some(keys) = keys(path) else { continue };
        root.put(&keys, value);
        any = true;
    }
    any.then(|| root.into_value())
}

/// What the schemas want as numbers and as truth values. Everything else is text, also where it looks like one of them.
const NUMBERS: [&str; 4] = ["minConfidence", "maxTags", "min_selections", "max_selections"];
const FLAGS: [&str; 2] = ["add_shadow", "semitransparency"];

/// The same value with numbers and truth values in place of texts that write them, where the schema wants them.
pub fn with_scalars(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(with_scalars).collect(),
        Value::Object(fields) => Value::Object(
            fields
                .into_iter()
                .map(|(name, value)| {
                    let value = match value {
                        Value::String(text) if NUMBERS.contains(&name.as_str()) => {
                            text.parse::<i64>().map_or(Value::String(text), Value::from)
                        }
                        Value::String(text) if FLAGS.contains(&name.as_str()) => {
                            text.parse::<bool>().map_or(Value::String(text), Value::from)
                        }
                        other => with_scalars(other),
                    };
                    (name, value)
                })
                .collect(),
        ),
        other => other,
    }
}

/// True if every part has its own place: no path is malformed, none is there twice, none leads through another's text.
pub fn are_clear(paths: &[&str]) -> bool {
    let Some(all) = paths.iter().map(|path| keys(path)).collect::<Option<Vec<_>>>() else {
        return false;
    };
    let is_below = |one: &[&str], other: &[&str]| {
        other.starts_with(one)
            // `[]` is always one more.
            && !one.contains(&"")
    };
    all.iter().enumerate().all(|(at, one)| {
        all.iter()
            .enumerate()
            .all(|(other, path)| at == other || !is_below(one, path))
    })
}

/// `[a][b]` as `a`, `b`.
fn keys(path: &str) -> Option<Vec<&str>> {
    let inner = path.strip_prefix('[')?.strip_suffix(']')?;
    let keys: Vec<&str> = inner.split("][").collect();
    (keys.len() <= DEEPEST && keys.iter().all(|key| !key.contains(['[', ']']))).then_some(keys)
}

enum Node<'a> {
    Leaf(&'a str),
    Branch(Vec<(&'a str, Node<'a>)>),
}

impl<'a> Node<'a> {
    fn put(&mut self, keys: &[&'a str], value: &'a str) {
        let Some((first, rest)) = keys.split_first() else {
            *self = Self::Leaf(value);
            return;
        };
        if let Self::Leaf(_) = self {
            *self = Self::Branch(Vec::new());
        }
        let Self::Branch(children) = self else { return };
        // `[]` is always one more.
        let known = children.iter().position(|(key, _)| key == first && !key.is_empty());
        let at = known.unwrap_or_else(|| {
            children.push((first, Self::Branch(Vec::new())));
            children.len() - 1
        });
        children[at].1.put(rest, value);
    }

    fn into_value(self) -> Value {
        match self {
            Self::Leaf(text) => Value::String(text.to_owned()),
            Self::Branch(children) if is_list(&children) => {
                let mut children = children;
                children.sort_by_key(|(key, _)| key.parse::<usize>().unwrap_or(usize::MAX));
                Value::Array(children.into_iter().map(|(_, child)| child.into_value()).collect())
            }
            Self::Branch(children) => {
                let fields = children
                    .into_iter()
                    .map(|(key, child)| (key.to_owned(), child.into_value()));
                Value::Object(fields.collect::<Map<_, _>>())
            }
        }
    }
}

fn is_list(children: &[(&str, Node<'_>)]) -> bool {
    let number = |key: &str| key.is_empty() || (key.len() < 4 && key.bytes().all(|byte| byte.is_ascii_digit()));
    !children.is_empty() && children.iter().all(|(key, _)| number(key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn brackets_build_values() {
        let cases: &[(&[(&str, &str)], Value)] = &[
            (
                &[("[brand]", "Acme"), ("[price]", "42")],
                json!({"brand": "Acme", "price": "42"}),
            ),
            (&[("[sizes][]", "S"), ("[sizes][]", "L")], json!({"sizes": ["S", "L"]})),
            (
                &[
                    ("[1][name]", "b"),
                    ("[0][name]", "a"),
                    ("[0][options][bg_color]", "fff"),
                ],
                json!([{"name": "a", "options": {"bg_color": "fff"}}, {"name": "b"}]),
            ),
            (&[("[a]", "1"), ("[a]", "2")], json!({"a": "2"})),
            (&[("[a]", "1"), ("[a][b]", "2")], json!({"a": {"b": "2"}})),
        ];
        for (parts, expected) in cases {
            assert_eq!(build(parts.iter().copied()).as_ref(), Some(expected), "{parts:?}");
        }
        assert_eq!(
            with_scalars(json!([{
                "minConfidence": "42", "maxTags": "many", "options": {"add_shadow": "true", "bg_color": "000"},
                "tasks": [{"vocabulary": ["123", "true"], "min_selections": "1", "max_selections": "4.5"}]
            }])),
            json!([{
                "minConfidence": 42, "maxTags": "many", "options": {"add_shadow": true, "bg_color": "000"},
                "tasks": [{"vocabulary": ["123", "true"], "min_selections": 1, "max_selections": "4.5"}]
            }])
        );
        for path in ["", "[", "x]", "[a]b[c]", "[a][b][c][d][e][f][g]"] {
            assert_eq!(build([(path, "x")].into_iter()), None, "{path}");
            assert!(!are_clear(&[path]), "{path}");
        }
    }

    #[test]
    fn paths_that_are_in_each_others_way() {
        for (paths, clear) in [
            (&["[a]", "[b]", "[c][d]", "[c][e]"][..], true),
            (&["[a][]", "[a][]"], true),
            (&["[0][a]", "[1][a]"], true),
            (&["[a]", "[a]"], false),
            (&["[a]", "[a][b]"], false),
            (&["[a][b]", "[a]"], false),
            (&["[a]", "[a]x"], false),
        ] {
            assert_eq!(are_clear(paths), clear, "{paths:?}");
        }
    }
}
