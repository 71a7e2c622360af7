//! What is allowed, what has to be confirmed, what is denied: rules in layers, of which the strictest word counts. It
//! can be explained, and no call changes it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::actions::{About, Effect};
use crate::principal::{Grant, Kind, Principal, matches};
use crate::survey::{State, Survey, Target};

/// What is done with a call; a later one is stricter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// It is carried out.
    Allow,
    /// It waits for another person.
    Confirm,
    /// It is refused.
    Deny,
}

impl Decision {
    /// `allow`, `confirm` or `deny`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Confirm => "confirm",
            Self::Deny => "deny",
        }
    }
}

/// One rule: for calls that are all that it names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Rule {
    /// What to do.
    pub decision: Decision,
    /// Names of actions, with `*` at an end. Default: all.
    #[serde(default)]
    pub actions: Vec<String>,
    /// Effects. Default: all.
    #[serde(default)]
    pub effects: Vec<Effect>,
    /// Kinds of principals. Default: all.
    #[serde(default)]
    pub principals: Vec<Kind>,
    /// Folders: it counts for calls that touch something in one of them, or a folder above one. One that allows counts
    /// for calls that touch nothing else. Default: anywhere.
    #[serde(default)]
    pub folders: Vec<String>,
    /// Tags: it counts for calls that touch a file with one of them, also one inside of a folder. One that allows counts
    /// for calls that touch nothing else.
    #[serde(default)]
    pub tags: Vec<String>,
    /// It counts for calls that touch at least so many things.
    #[serde(default)]
    pub at_least: Option<usize>,
    /// It counts for calls that touch at least so many bytes.
    #[serde(default)]
    pub at_least_bytes: Option<u64>,
    /// It counts for calls that touch something that is published, or something that is not.
    #[serde(default)]
    pub published: Option<bool>,
}

/// Rules of one origin. The first that counts speaks for the layer; without one it is silent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Where the rules come from, said in explanations.
    pub name: String,
    /// In the order in which they are asked.
    pub rules: Vec<Rule>,
}

/// All layers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Policy {
    /// From the outermost to the innermost; the order matters for explanations only.
    pub layers: Vec<Layer>,
}

/// What each layer said, and what came out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trace {
    /// The strictest word.
    pub decision: Decision,
    /// In the order in which they were asked.
    pub checks: Vec<Said>,
}

/// One layer's word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Said {
    /// Which layer.
    pub layer: String,
    /// `None` if it was silent.
    pub decision: Option<Decision>,
    /// Why.
    pub reason: String,
}

impl Policy {
    /// The layers of the operator's file and nothing else; what no rule speaks of follows from the declared effect.
    pub fn of(layers: Vec<Layer>) -> Self {
        Self { layers }
    }

    /// What is done with a call of that action. `survey` holds what it touches, as far as that was looked at.
    pub(crate) fn decide(&self, about: &About, principal: &Principal, survey: &Survey) -> Trace {
        let mut checks = Vec::new();
        for layer in &self.layers {
            let rule = layer
                .rules
                .iter()
                .enumerate()
                .find(|(_, r)| r.counts(about, principal, survey));
            checks.push(Said {
                layer: layer.name.clone(),
                decision: rule.map(|(_, rule)| rule.decision),
                reason: match rule {
                    Some((index, _)) => format!("rule {}", index + 1),
                    None => "no rule counts".to_owned(),
                },
            });
        }
        if let Some(grant) = &principal.grant {
            checks.push(token_layer(grant, about, survey));
        }
        if silent(&checks) {
            checks.push(Said {
                layer: "effect".to_owned(),
                decision: Some(default_of(about.effect)),
                reason: format!("no layer says otherwise of a {} action", about.effect.as_str()),
            });
        }
        let strictest = checks.iter().filter_map(|said| said.decision).max();
        Trace {
            decision: strictest.unwrap_or(Decision::Deny),
            checks,
        }
    }

    /// True if a rule asks about what a call touches, so that it has to be looked at first.
    pub(crate) fn asks_for_facts(&self, about: &About, principal: &Principal) -> bool {
        let rules = self.layers.iter().flat_map(|layer| &layer.rules);
        let asks = |rule: &Rule| {
            let facts = !rule.folders.is_empty()
                || !rule.tags.is_empty()
                || rule.at_least.is_some()
                || rule.at_least_bytes.is_some()
                || rule.published.is_some();
            facts && rule.names(about, principal)
        };
        rules.into_iter().any(asks)
    }
}

/// What is done where no layer speaks.
pub fn default_of(effect: Effect) -> Decision {
    match effect {
        Effect::Read | Effect::Write => Decision::Allow,
        Effect::Destructive => Decision::Confirm,
    }
}

/// True if the layers of rules said nothing: a token that covers a call does not by itself allow what is destructive.
fn silent(checks: &[Said]) -> bool {
    checks.iter().all(|said| said.decision.is_none() || said.layer == TOKEN)
}

pub(crate) const TOKEN: &str = "token";

fn token_layer(grant: &Grant, about: &About, survey: &Survey) -> Said {
    let refusal = grant.refuses(about).or_else(|| outside(grant, survey));
    Said {
        layer: TOKEN.to_owned(),
        decision: refusal.as_ref().map(|_| Decision::Deny),
        reason: refusal.unwrap_or_else(|| "covers it".to_owned()),
    }
}

/// What a call touches outside of a grant's folders and tags.
pub(crate) fn outside(grant: &Grant, survey: &Survey) -> Option<String> {
    if !grant.is_narrow() {
        return None;
    }
    for seen in &survey.seen {
        if let Target::Tagged(tag) = &seen.target {
            // All files with a tag that it covers are files that it covers, if it covers them wherever they lie.
            if grant.folders.is_empty() && grant.metadata.is_empty() && grant.covers_tags(std::iter::once(tag.as_str()))
            {
                continue;
            }
            return Some(
                "it touches files wherever they lie, and the token covers some folders or tags only".to_owned(),
            );
        }
        let Some(path) = seen.path() else {
            return Some("where it lies is not known, and the token covers some folders or tags only".to_owned());
        };
        if !grant.covers_path(&path) {
            return Some("it touches what lies outside of the token's folders".to_owned());
        }
        if !grant.is_narrow_in_files() {
            continue;
        }
        match &seen.state {
            State::Present(facts) if facts["folderId"].is_null() => {
                if !grant.covers_file(facts) {
                    return Some("it touches a file without any of the token's tags or values of metadata".to_owned());
                }
            }
            State::Absent => {}
            _ => return Some("a folder holds more than files with the token's tags and values of metadata".to_owned()),
        }
    }
    None
}

impl Rule {
    fn counts(&self, about: &About, principal: &Principal, survey: &Survey) -> bool {
        self.names(about, principal) && self.holds(survey)
    }

    fn names(&self, about: &About, principal: &Principal) -> bool {
        let any = |empty: bool, found: bool| empty || found;
        any(
            self.actions.is_empty(),
            self.actions.iter().any(|p| matches(p, about.name)),
        ) && any(self.effects.is_empty(), self.effects.contains(&about.effect))
            && any(self.principals.is_empty(), self.principals.contains(&principal.kind))
    }

    fn holds(&self, survey: &Survey) -> bool {
        let extent = survey.extent();
        if self.decision == Decision::Allow {
            // What widens speaks for what it names alone: one thing elsewhere, or one that is not known, is too much.
            let every = |fits: &dyn Fn(&Value) -> bool| {
                let mut files = survey.files().peekable();
                files.peek().is_some() && files.all(fits) && !survey.hides_something()
            };
            return (self.folders.is_empty() || survey.lies_within(&self.folders))
                && (self.tags.is_empty() || every(&|file| self.has_tag(file)))
                && self.at_least.is_none_or(|least| extent.things >= least)
                && self.at_least_bytes.is_none_or(|least| extent.bytes >= least)
                && self
                    .published
                    .is_none_or(|is| every(&|file| file["isPublished"].as_bool() == Some(is)));
        }
        // What narrows holds where it may hold: what was not seen may be anything.
        let hidden = survey.hides_something();
        (self.folders.is_empty() || self.folders.iter().any(|folder| survey.reaches(folder)))
            && (self.tags.is_empty() || hidden || survey.files().any(|file| self.has_tag(file)))
            && self.at_least.is_none_or(|least| hidden || extent.things >= least)
            && self.at_least_bytes.is_none_or(|least| hidden || extent.bytes >= least)
            && self
                .published
                .is_none_or(|is| hidden || survey.files().any(|file| file["isPublished"].as_bool() == Some(is)))
    }

    fn has_tag(&self, file: &Value) -> bool {
        let mut tags = file["tags"].as_array().into_iter().flatten();
        tags.any(|tag| self.tags.iter().any(|named| tag == named.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::actions::find;
    use crate::survey::{Contents, Seen};

    fn about(name: &str) -> About {
        find(name).unwrap().action.about
    }

    fn rule(decision: Decision) -> Rule {
        Rule {
            decision,
            actions: Vec::new(),
            effects: Vec::new(),
            principals: Vec::new(),
            folders: Vec::new(),
            tags: Vec::new(),
            at_least: None,
            at_least_bytes: None,
            published: None,
        }
    }

    fn survey(path: &str, tags: &[&str]) -> Survey {
        let facts = json!({ "fileId": "a", "filePath": path, "tags": tags, "size": 10, "isPublished": true });
        Survey {
            seen: vec![Seen {
                target: Target::FileAt(path.to_owned()),
                state: State::Present(facts),
                contents: None,
                versions: None,
            }],
            ..Survey::default()
        }
    }

    fn agent(grant: Grant) -> Principal {
        Principal {
            id: "agent:x".into(),
            kind: Kind::Agent,
            grant: Some(grant),
        }
    }

    fn writer() -> Grant {
        Grant {
            effects: vec![Effect::Read, Effect::Write, Effect::Destructive],
            ..Grant::default()
        }
    }

    #[test]
    fn the_effect_decides_where_nobody_speaks() {
        let policy = Policy::default();
        let decide = |name: &str, who: &Principal| policy.decide(&about(name), who, &Survey::default()).decision;
        let operator = Principal::operator("ann");
        for who in [&operator, &agent(writer())] {
            assert_eq!(decide("list_assets", who), Decision::Allow);
            assert_eq!(decide("rename_file", who), Decision::Allow);
            assert_eq!(decide("delete_file", who), Decision::Confirm);
            // A status poll is no purge, and a purge destroys nothing.
            assert_eq!(decide("get_purge_status", who), Decision::Allow);
        }
        assert_eq!(decide("rename_file", &agent(Grant::default())), Decision::Deny);
    }

    #[test]
    fn the_strictest_layer_counts_and_the_first_rule_speaks_for_its_layer() {
        let policy = Policy::of(vec![
            Layer {
                name: "deployment".into(),
                rules: vec![
                    Rule {
                        actions: vec!["delete_*".into()],
                        folders: vec!["/tmp".into()],
                        ..rule(Decision::Allow)
                    },
                    Rule {
                        effects: vec![Effect::Destructive],
                        at_least_bytes: Some(11),
                        ..rule(Decision::Deny)
                    },
                ],
            },
            Layer {
                name: "workspace".into(),
                rules: vec![Rule {
                    principals: vec![Kind::Agent],
                    tags: vec!["legal".into()],
                    ..rule(Decision::Deny)
                }],
            },
        ]);
        let decide = |path: &str, tags: &[&str], who: &Principal| {
            policy.decide(&about("delete_file"), who, &survey(path, tags)).decision
        };
        let operator = Principal::operator("ann");
        assert_eq!(decide("/tmp/a", &[], &operator), Decision::Allow);
        assert_eq!(decide("/x/a", &[], &operator), Decision::Confirm);
        assert_eq!(decide("/tmp/a", &["legal"], &operator), Decision::Allow);
        assert_eq!(decide("/tmp/a", &["legal"], &agent(writer())), Decision::Deny);
        assert!(policy.asks_for_facts(&about("delete_file"), &operator));
        assert!(!policy.asks_for_facts(&about("rename_file"), &operator));
    }

    fn folder(path: &str, rows: Vec<Value>, cut: bool) -> Survey {
        let facts = json!({ "folderId": "d", "folderPath": path });
        Survey {
            seen: vec![Seen {
                target: Target::Folder(path.to_owned()),
                state: State::Present(facts),
                contents: Some(Contents { rows, cut }),
                versions: None,
            }],
            ..Survey::default()
        }
    }

    #[test]
    fn what_narrows_holds_for_what_lies_in_a_folder_and_for_what_may() {
        let legal =
            json!({ "fileId": "a", "filePath": "/a/b.jpg", "tags": ["legal"], "size": 10, "isPublished": true });
        let other = json!({ "fileId": "b", "filePath": "/a/c.jpg", "tags": null, "size": 10, "isPublished": false });
        let in_folder = Rule {
            folders: vec!["/a/secret".into()],
            ..rule(Decision::Deny)
        };
        let tagged = Rule {
            tags: vec!["legal".into()],
            ..rule(Decision::Deny)
        };
        let published = Rule {
            published: Some(true),
            ..rule(Decision::Confirm)
        };
        let many = Rule {
            at_least: Some(50),
            ..rule(Decision::Deny)
        };
        let heavy = Rule {
            at_least_bytes: Some(50),
            ..rule(Decision::Deny)
        };
        let both = || folder("/a", vec![legal.clone(), other.clone()], false);
        let dull = |cut| folder("/a", vec![other.clone()], cut);
        let mut unread = dull(false);
        unread.seen[0].contents = None;
        let cases = [
            ("a folder above", &in_folder, both(), true),
            ("a folder beside", &in_folder, folder("/ab", vec![], false), false),
            ("a tag inside", &tagged, both(), true),
            ("no such tag", &tagged, dull(false), false),
            ("a tag perhaps", &tagged, dull(true), true),
            ("contents that could not be read", &tagged, unread.clone(), true),
            ("one published inside", &published, both(), true),
            ("none published", &published, dull(false), false),
            ("one published perhaps", &published, dull(true), true),
            ("too few", &many, both(), false),
            ("many perhaps", &many, dull(true), true),
            ("too light", &heavy, both(), false),
            ("heavy perhaps", &heavy, dull(true), true),
        ];
        for (what, rule, survey, holds) in cases {
            assert_eq!(rule.holds(&survey), holds, "{what}");
        }
        let allows = |rule: &Rule| Rule {
            decision: Decision::Allow,
            ..rule.clone()
        };
        let cases = [
            ("a folder above", allows(&in_folder), both(), false),
            (
                "that folder",
                allows(&in_folder),
                folder("/a/secret/x", vec![], false),
                true,
            ),
            ("a tag of one", allows(&tagged), both(), false),
            (
                "a tag of all",
                allows(&tagged),
                folder("/a", vec![legal.clone()], false),
                true,
            ),
            (
                "a tag of all that is seen",
                allows(&tagged),
                folder("/a", vec![legal.clone()], true),
                false,
            ),
            ("nothing at all", allows(&tagged), Survey::default(), false),
        ];
        for (what, rule, survey, holds) in cases {
            assert_eq!(rule.holds(&survey), holds, "allow: {what}");
        }
    }

    #[test]
    fn narrow_tokens() {
        let policy = Policy::default();
        let grant = Grant {
            folders: vec!["/t".into()],
            tags: vec!["mine".into()],
            ..writer()
        };
        let decide = |survey: &Survey| {
            policy
                .decide(&about("rename_file"), &agent(grant.clone()), survey)
                .decision
        };
        assert_eq!(decide(&survey("/t/a", &["mine"])), Decision::Allow);
        assert_eq!(decide(&survey("/t/a", &["other"])), Decision::Deny);
        assert_eq!(decide(&survey("/u/a", &["mine"])), Decision::Deny);
    }
}
