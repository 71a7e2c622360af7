//! Which tools a client is shown: all that its token covers, some sets of them, or three by which it finds the rest.

use url::form_urlencoded;

/// Every set, in the order in which they are told.
pub const TOOLSETS: [&str; 13] = [
    "files",
    "tags",
    "versions",
    "folders",
    "caches",
    "metadata",
    "extensions",
    "transformations",
    "delivery",
    "account",
    "trash",
    "calls",
    "seeing",
];

/// What is shown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Shown {
    dynamic: bool,
    /// Empty for all.
    sets: Vec<&'static str>,
}

impl Shown {
    /// Three tools that search, describe and call.
    pub fn dynamic() -> Self {
        Self {
            dynamic: true,
            sets: Vec::new(),
        }
    }

    /// Of `files,folders`.
    pub fn sets(text: &str) -> Result<Self, String> {
        let mut sets = Vec::new();
        for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            match TOOLSETS.iter().find(|set| **set == name) {
                Some(set) => sets.push(*set),
                None => {
                    let name: String = name.chars().take(50).collect();
                    return Err(format!(
                        "there is no toolset `{name}`; there are {}",
                        TOOLSETS.join(", ")
                    ));
                }
            }
        }
        Ok(Self { dynamic: false, sets })
    }

    /// Of `?toolsets=files,folders` or `?mode=dynamic`.
    pub fn of_query(query: &str) -> Result<Self, String> {
        let mut shown = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match (name.as_ref(), value.as_ref()) {
                ("toolsets", sets) => shown.sets = Self::sets(sets)?.sets,
                ("mode", "dynamic") => shown.dynamic = true,
                ("mode", "all") => shown.dynamic = false,
                ("mode", _) => return Err("mode: all or dynamic".to_owned()),
                (name, _) => {
                    let name: String = name.chars().take(50).collect();
                    return Err(format!("the query has toolsets or mode, not `{name}`"));
                }
            }
        }
        Ok(shown)
    }

    /// True if only the three.
    pub fn is_dynamic(&self) -> bool {
        self.dynamic
    }

    /// True if the set is shown.
    pub fn has(&self, set: &str) -> bool {
        self.sets.is_empty() || self.sets.contains(&set)
    }
}

/// The set of an action, by the noun in its name. What is about no asset is about the account.
pub fn of_action(name: &str) -> &'static str {
    let has = |noun: &str| name.contains(noun);
    match name {
        _ if has("tags") => "tags",
        _ if has("file_version") => "versions",
        _ if has("trash") => "trash",
        "bulk_job_status" => "folders",
        _ if has("purge") => "caches",
        _ if has("metadata") => "metadata",
        _ if has("extension") => "extensions",
        _ if has("named_transformation") => "transformations",
        _ if has("origin") || has("url_endpoint") => "delivery",
        _ if has("folder") => "folders",
        _ if has("file") || has("assets") || has("upload") => "files",
        _ => "account",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_is_in_a_set_and_most_in_the_right_one() {
        for action in agent::ACTIONS {
            assert!(TOOLSETS.contains(&of_action(action.name())), "{}", action.name());
        }
        for (name, set) in [
            ("list_assets", "files"),
            ("bulk_add_tags", "tags"),
            ("delete_file_version", "versions"),
            ("bulk_job_status", "folders"),
            ("get_remote_file_metadata", "metadata"),
            ("get_usage", "account"),
            ("update_url_endpoint", "delivery"),
        ] {
            assert_eq!(of_action(name), set, "{name}");
        }
    }

    #[test]
    fn queries() {
        assert!(Shown::of_query("mode=dynamic").unwrap().is_dynamic());
        let some = Shown::of_query("toolsets=files,tags").unwrap();
        assert!(some.has("files") && some.has("tags") && !some.has("folders"));
        for wrong in ["toolsets=nothing", "mode=x", "token=tta_x"] {
            assert!(Shown::of_query(wrong).is_err(), "{wrong}");
        }
    }
}
