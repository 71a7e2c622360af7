//! Tags of several files at once.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::asset::Id;
use super::files::{FileError, bulk, unique};
use super::{About, Inverse, InverseCall, Operation};
use crate::error::CallError;
use crate::read_back::{Probe, Wanted};
use crate::request::ApiRequest;
use crate::survey::{Survey, Target, details};

/// Which files, and which tags.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct BulkAddTags {
    /// Up to 50 fileIds, from list_assets.
    #[schemars(length(min = 1, max = 50))]
    file_ids: Vec<Id>,
    /// Tags to add. All tags of a file together have at most 500 characters.
    #[schemars(length(min = 1, max = 50), inner(length(min = 1, max = 500)))]
    tags: Vec<String>,
}

/// Which files, and which tags.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct BulkRemoveTags {
    /// Up to 50 fileIds, from list_assets.
    #[schemars(length(min = 1, max = 50))]
    file_ids: Vec<Id>,
    /// Tags to remove; a file that lacks one is left alone.
    #[schemars(length(min = 1, max = 50), inner(length(min = 1, max = 500)))]
    tags: Vec<String>,
}

/// Which files, and which tags.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct BulkRemoveAiTags {
    /// Up to 50 fileIds, from list_assets.
    #[schemars(length(min = 1, max = 50))]
    file_ids: Vec<Id>,
    /// AI tags to remove, by name.
    #[serde(rename = "AITags")]
    #[schemars(length(min = 1, max = 50), inner(length(min = 1, max = 500)))]
    ai_tags: Vec<String>,
}

/// What became of each file.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("additionalProperties" = false))]
pub(crate) struct BulkUpdated {
    successfully_updated_file_ids: Vec<Id>,
    /// Files that could not be changed; null if there are none.
    #[serde(default)]
    errors: Option<Vec<FileError>>,
    #[serde(default)]
    message: Option<String>,
}

fn targets(ids: &[Id]) -> Vec<Target> {
    unique(ids).into_iter().map(Target::File).collect()
}

fn request(route: &str, ids: &[Id], field: &str, tags: &[String]) -> Result<ApiRequest, CallError> {
    if let Some(tag) = tags
        .iter()
        .find(|t| t.contains(',') || t.contains('%') || t.trim().is_empty())
    {
        return Err(CallError::invalid(format!(
            "{field}: `{tag}` can't be a tag: a tag is not empty and holds no comma and no percent sign"
        )));
    }
    let sent = json!({ "fileIds": unique(ids), field: tags });
    Ok(ApiRequest::post(&["v1", "files", route], sent))
}

fn probes(output: &BulkUpdated, wanted: impl Fn() -> Wanted) -> Vec<Probe> {
    let changed = output.successfully_updated_file_ids.iter();
    changed
        .map(|id| Probe::fields(details(id.as_str()), vec![("tags", wanted())]))
        .collect()
}

/// The calls of `action` that concern those tags of each file which `chosen` says were, or were not, there before. Files
/// with the same tags share a call.
fn back(action: &str, tags: &[String], output: &BulkUpdated, survey: &Survey, were_there: bool) -> Inverse {
    let mut groups: Vec<(Vec<&String>, Vec<&Id>)> = Vec::new();
    for id in &output.successfully_updated_file_ids {
        let Some(before) = survey.file(id.as_str()) else {
            return Inverse::None("how a file was before is not known");
        };
        let had = |tag: &&String| {
            before["tags"]
                .as_array()
                .is_some_and(|had| had.iter().any(|t| t == tag.trim()))
        };
        let changed: Vec<&String> = tags.iter().filter(|tag| had(tag) == were_there).collect();
        match groups.iter_mut().find(|(tags, _)| *tags == changed) {
            Some((_, ids)) => ids.push(id),
            None => groups.push((changed, vec![id])),
        }
    }
    let calls = groups
        .into_iter()
        .filter(|(tags, _)| !tags.is_empty())
        .map(|(tags, ids)| InverseCall::new(action, json!({ "fileIds": ids, "tags": tags })));
    Inverse::Calls(calls.collect())
}

impl Operation for BulkAddTags {
    const ABOUT: About = About::write(
        "bulk_add_tags",
        "Add tags to files",
        "Adds tags to up to 50 files, keeping those they have. If one of the ids is unknown, nothing is changed. To \
         replace all tags of one file use update_file_details.",
    )
    .reversible()
    .idempotent()
    .examples(&[r#"{"fileIds":["65f0c0ffee0123456789abcd"],"tags":["hero"]}"#]);
    type Output = BulkUpdated;

    fn targets(&self) -> Result<Vec<Target>, CallError> {
        Ok(targets(&self.file_ids))
    }

    fn request(&self) -> Result<ApiRequest, CallError> {
        request("addTags", &self.file_ids, "tags", &self.tags)
    }

    fn shape(&self, answer: Value) -> Value {
        bulk("successfullyUpdatedFileIds", answer)
    }

    fn read_back(&self, output: &BulkUpdated, _: &Survey) -> Vec<Probe> {
        probes(output, || Wanted::With(self.tags.clone()))
    }

    fn inverse(&self, output: &BulkUpdated, survey: &Survey, _: &[Value]) -> Inverse {
        back("bulk_remove_tags", &self.tags, output, survey, false)
    }
}

impl Operation for BulkRemoveTags {
    const ABOUT: About = About::write(
        "bulk_remove_tags",
        "Remove tags from files",
        "Removes tags from up to 50 files; tags that a file lacks are ignored. If one of the ids is unknown, nothing is \
         changed. Tags that recognition gave are removed with bulk_remove_ai_tags.",
    )
    .reversible()
    .idempotent()
    .examples(&[r#"{"fileIds":["65f0c0ffee0123456789abcd"],"tags":["draft","old"]}"#]);
    type Output = BulkUpdated;

    fn targets(&self) -> Result<Vec<Target>, CallError> {
        Ok(targets(&self.file_ids))
    }

    fn request(&self) -> Result<ApiRequest, CallError> {
        request("removeTags", &self.file_ids, "tags", &self.tags)
    }

    fn shape(&self, answer: Value) -> Value {
        bulk("successfullyUpdatedFileIds", answer)
    }

    fn read_back(&self, output: &BulkUpdated, _: &Survey) -> Vec<Probe> {
        probes(output, || Wanted::Without(self.tags.clone()))
    }

    fn inverse(&self, output: &BulkUpdated, survey: &Survey, _: &[Value]) -> Inverse {
        back("bulk_add_tags", &self.tags, output, survey, true)
    }
}

impl Operation for BulkRemoveAiTags {
    const ABOUT: About = About::write(
        "bulk_remove_ai_tags",
        "Remove AI tags from files",
        "Removes tags that a recognition service gave, by name, from up to 50 files. They come back only by running the \
         service again.",
    )
    .idempotent()
    .examples(&[r#"{"fileIds":["65f0c0ffee0123456789abcd"],"AITags":["car"]}"#]);
    type Output = BulkUpdated;

    fn targets(&self) -> Result<Vec<Target>, CallError> {
        Ok(targets(&self.file_ids))
    }

    fn request(&self) -> Result<ApiRequest, CallError> {
        request("removeAITags", &self.file_ids, "AITags", &self.ai_tags)
    }

    fn shape(&self, answer: Value) -> Value {
        bulk("successfullyUpdatedFileIds", answer)
    }

    fn read_back(&self, output: &BulkUpdated, _: &Survey) -> Vec<Probe> {
        let changed = output.successfully_updated_file_ids.iter();
        let lacks = || ("AITags", Wanted::WithoutNamed(self.ai_tags.clone()));
        changed
            .map(|id| Probe::fields(details(id.as_str()), vec![lacks()]))
            .collect()
    }

    fn inverse(&self, _: &BulkUpdated, _: &Survey, _: &[Value]) -> Inverse {
        Inverse::None("AI tags come back only by running the recognition again")
    }
}
