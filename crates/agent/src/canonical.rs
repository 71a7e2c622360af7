//! One spelling and one digest for equal JSON: keys sorted, no white space, SHA-256 in hex.

use serde_json::Value;
use sha2::{Digest, Sha256};

/// The value with the keys of every object in order.
pub(crate) fn text(value: &Value) -> String {
    let mut out = String::new();
    write(value, &mut out);
    out
}

/// SHA-256 of the canonical text, in lower-case hex.
pub(crate) fn digest(value: &Value) -> String {
    digest_of(text(value).as_bytes())
}

/// SHA-256 in lower-case hex.
pub(crate) fn digest_of(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Object(fields) => {
            let mut names: Vec<&String> = fields.keys().collect();
            names.sort();
            out.push('{');
            for (index, name) in names.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                out.push_str(&Value::String(name.clone()).to_string());
                out.push(':');
                write(&fields[name], out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        plain => out.push_str(&plain.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn order_and_spaces_do_not_matter() {
        let one: Value = serde_json::from_str(r#"{ "b": [1, {"y": null, "x": "é"}], "a": true }"#).unwrap();
        let other: Value = serde_json::from_str(r#"{"a":true,"b":[1,{"x":"é","y":null}]}"#).unwrap();
        assert_eq!(text(&one), r#"{"a":true,"b":[1,{"x":"é","y":null}]}"#);
        assert_eq!(digest(&one), digest(&other));
        assert_ne!(digest(&one), digest(&json!({ "a": true })));
    }
}
