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

/// Those fields of an extension that are numbers; what looks like one elsewhere is a text, such as a tag or a colour.
const NUMBERS: [&str; 4] = ["minConfidence", "maxTags", "min_selections", "max_selections"];
/// Those that are true or false.
const TRUTHS: [&str; 2] = ["add_shadow", "semitransparency"];

/// The same value with numbers and truth values in place of texts, in the fields that want them.
pub fn with_scalars(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(with_scalars).collect(),
        Value::Object(fields) => fields.into_iter().map(scalar).collect(),
        other => other,
    }
}

fn scalar((name, value): (String, Value)) -> (String, Value) {
    let read = match &value {
        Value::String(text) if NUMBERS.contains(&name.as_str()) => text.parse::<i64>().ok().map(Value::from),
        Value::String(text) if TRUTHS.contains(&name.as_str()) => text.parse::<bool>().ok().map(Value::from),
        _ => None,
    };
    let value = read.unwrap_or_else(|| with_scalars(value));
    (name, value)
}

/// True of what [`build`] makes something of.
pub fn is_path(text: &str) -> bool {
    keys(text).is_some()
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
            with_scalars(
                json!([{"maxTags": "5", "options": {"add_shadow": "true", "bg_color": "000000"}, "vocabulary": ["2024", "true"]}])
            ),
            json!([{"maxTags": 5, "options": {"add_shadow": true, "bg_color": "000000"}, "vocabulary": ["2024", "true"]}])
        );
        for path in ["", "[", "x]", "[a]b[c]", "[a][b][c][d][e][f][g]"] {
            assert_eq!(build([(path, "x")].into_iter()), None, "{path}");
        }
    }
}
