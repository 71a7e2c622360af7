//! The output as a caller gets it: what its token covers, what it wants, as much as it takes, and marked where it holds
//! the words of others.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::Course;
use crate::actions::Action;
use crate::error::CallError;
use crate::principal::Grant;
use crate::schema;

/// Wanted fields have to be fields that there are.
pub(super) fn check_fields(action: &Action, fields: &[String]) -> Result<(), CallError> {
    if fields.is_empty() {
        return Ok(());
    }
    let mut known = BTreeSet::new();
    names(action.output_schema(), &mut known);
    match fields.iter().find(|field| !known.contains(field.as_str())) {
        None => Ok(()),
        Some(unknown) => Err(CallError::invalid(format!(
            "fields: {} has no `{}` in its output; there are {}",
            action.name(),
            unknown.chars().take(50).collect::<String>(),
            known.into_iter().collect::<Vec<_>>().join(", ")
        ))),
    }
}

fn names<'a>(schema: &'a Value, known: &mut BTreeSet<&'a str>) {
    for branch in schema::branches(schema).into_iter().flatten() {
        names(branch, known);
    }
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        known.insert(name);
        names(field, known);
    }
    if schema["items"].is_object() {
        names(&schema["items"], known);
    }
}

/// The output as the caller is given it, cut to what fits; and how many rows were left out for that.
pub(super) fn given(course: &Course<'_>, output: Value, limit: usize) -> Result<(Value, Option<usize>), CallError> {
    let (grant, list) = (course.principal.grant.as_ref(), course.about.list);
    let dressed = |output: Value| select(covered(output, grant, list), &course.options.fields);
    let all = list.and_then(|list| output[list].as_array().map(Vec::len));
    // Mostly nothing of it is left out, and then it is not copied either.
    let is_whole = course.options.fields.is_empty() && grant.is_none_or(|grant| !grant.is_narrow());
    let narrowed = (!is_whole).then(|| dressed(output.clone()));
    let size = size_of(narrowed.as_ref().unwrap_or(&output));
    if size <= limit {
        return Ok((narrowed.unwrap_or(output), None));
    }
    let too_large = CallError::OutputTooLarge {
        size,
        limit,
        done: course.about.effect.changes(),
    };
    let Some(all) = all else {
        return Err(too_large);
    };
    // What a narrow token does not cover is left out afterwards: the next page goes on where the rows were cut.
    let fitting = |rows: usize| {
        let shorter = dressed(course.operation.shorter(&output, rows)?);
        (size_of(&shorter) <= limit).then_some(shorter)
    };
    let (mut fits, mut does_not) = (0, all);
    while does_not - fits > 1 {
        let middle = fits.midpoint(does_not);
        match fitting(middle) {
            Some(_) => fits = middle,
            None => does_not = middle,
        }
    }
    match fitting(fits).filter(|_| fits > 0) {
        Some(shorter) => Ok((shorter, Some(all - fits))),
        None => Err(too_large),
    }
}

/// How many bytes it is as JSON text.
fn size_of(value: &Value) -> usize {
    struct Counted(usize);
    impl std::io::Write for Counted {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut counted = Counted(0);
    // Neither counting nor a value's text can fail; if it did, it would be too large.
    match serde_json::to_writer(&mut counted, value) {
        Ok(()) => counted.0,
        Err(_) => usize::MAX,
    }
}

/// The rows of a listing that a narrow token covers.
fn covered(mut output: Value, grant: Option<&Grant>, list: Option<&str>) -> Value {
    let Some(grant) = grant.filter(|grant| grant.is_narrow()) else {
        return output;
    };
    // How many there are elsewhere is none of its business.
    if let Some(fields) = output.as_object_mut() {
        fields.remove("total");
        fields.remove("totalIsAtLeast");
    }
    let rows = list.and_then(|list| output.get_mut(list));
    if let Some(rows) = rows.and_then(Value::as_array_mut) {
        rows.retain(|row| {
            let path = row["filePath"].as_str().or_else(|| row["folderPath"].as_str());
            let is_folder = row["folderId"].is_string();
            path.is_some_and(|path| grant.covers_path(path)) && (is_folder || grant.covers_file(row))
        });
    }
    output
}

/// The fields that are wanted, of each object in a list, or of the one object that there is.
fn select(output: Value, fields: &[String]) -> Value {
    if fields.is_empty() {
        return output;
    }
    let keep = |object: &Map<String, Value>| -> Value {
        let kept = object
            .iter()
            .filter(|(name, _)| fields.iter().any(|field| field == *name));
        Value::Object(kept.map(|(name, value)| (name.clone(), value.clone())).collect())
    };
    let Value::Object(object) = output else {
        return output;
    };
    let mut inner = false;
    let narrowed: Map<String, Value> = object
        .iter()
        .map(|(name, value)| {
            let value = match value {
                Value::Array(rows) if !rows.is_empty() && rows.iter().all(Value::is_object) => {
                    inner = true;
                    rows.iter().filter_map(Value::as_object).map(keep).collect()
                }
                Value::Object(one) if matches!(name.as_str(), "asset" | "metadata") => {
                    inner = true;
                    keep(one)
                }
                other => other.clone(),
            };
            (name.clone(), value)
        })
        .collect();
    if inner { Value::Object(narrowed) } else { keep(&object) }
}

/// The shape of a value without anything of its content: types in place of values.
pub(super) fn outline(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| (name.clone(), outline(value)))
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(items) => items.first().map_or_else(|| json!([]), |item| json!([outline(item)])),
        Value::String(_) => json!("string"),
        Value::Number(_) => json!("number"),
        Value::Bool(_) => json!("boolean"),
        Value::Null => Value::Null,
    }
}
