//! What a call touches, looked at before anything is sent: for scopes of folder and tag, for approvals that hold only as
//! long as nothing moved, for the blast radius, and for the way back. The pipeline looks; this knows what to ask.

use std::borrow::Cow;

use http::StatusCode;
use serde_json::{Value, json};

use crate::actions::Delivered;
use crate::actions::asset::Id;
use crate::actions::path;
use crate::canonical;
use crate::references::Reference;
use crate::request::ApiRequest;

/// Rows of one listing, which is also the API's limit.
pub(crate) const MOST_ROWS: usize = 1000;

/// Pages of what lies in a folder that are read: what has more is known in part only.
pub(crate) const MOST_PAGES: usize = 10;

/// One thing that a call touches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// A file by its id.
    File(Id),
    /// A file by its path.
    FileAt(String),
    /// A path that will be written, whatever is there now.
    Slot(String),
    /// A folder with all that is in it.
    Folder(String),
    /// A folder that may not exist yet, itself alone.
    Place(String),
    /// Where a folder will lie with all that is in it, and what is there now.
    Landing(String),
    /// One object among the account's settings.
    Setting { list: &'static [&'static str], id: Id },
    /// A row of a list of settings that has no address of its own.
    SettingRow { list: &'static [&'static str], id: Id },
    /// A delivery URL, or all that begin so, or what is delivered of paths that do.
    Url(Delivered),
    /// All files that have a tag, wherever they lie.
    Tagged(String),
    /// Something in the trash.
    Trashed(Id),
    /// All that is in the trash.
    Trash,
}

impl Target {
    /// The path in the library that it has by itself, without looking.
    pub fn own_path(&self) -> Option<&str> {
        match self {
            Self::FileAt(path) | Self::Slot(path) | Self::Folder(path) | Self::Place(path) | Self::Landing(path) => {
                Some(path)
            }
            _ => None,
        }
    }

    /// True if it may be there or not before the call.
    pub fn may_be_absent(&self) -> bool {
        matches!(
            self,
            Self::Slot(_) | Self::Place(_) | Self::Landing(_) | Self::Url(_) | Self::Tagged(_) | Self::Trash
        )
    }

    /// True for a place that something is put at.
    pub fn is_filled(&self) -> bool {
        matches!(self, Self::Slot(_) | Self::Landing(_))
    }

    /// The folder that is touched with all that is in it.
    pub fn tree(&self) -> Option<&str> {
        match self {
            Self::Folder(path) | Self::Landing(path) => Some(path),
            _ => None,
        }
    }

    /// The search that finds what lies in it, for what stands for several; and of what is found, only some is meant.
    pub fn search(&self) -> Option<String> {
        let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
        match self {
            Self::Folder(path) | Self::Landing(path) => Some(format!("path : \"{}\"", quoted(path))),
            Self::Url(url) if url.is_prefix => url.place().map(|place| format!("path : \"{}\"", quoted(&place))),
            Self::Tagged(tag) => Some(format!("tags IN [\"{}\"]", quoted(tag))),
            _ => None,
        }
    }

    /// True for a row of `search` that is meant.
    pub fn takes(&self, row: &Value) -> bool {
        match self {
            Self::Url(url) => {
                let path = row["filePath"].as_str().or_else(|| row["folderPath"].as_str());
                path.is_some_and(|path| url.takes(path))
            }
            // A search finds the tags of machines, too.
            Self::Tagged(tag) => row["tags"].as_array().is_some_and(|tags| tags.contains(&json!(tag))),
            _ => true,
        }
    }

    /// True for what stands for several and can't itself be looked at.
    fn is_many(&self) -> bool {
        match self {
            Self::Tagged(_) => true,
            Self::Url(url) => url.is_prefix,
            _ => false,
        }
    }

    /// True if what lies in it can be learned, as it stands.
    pub fn is_open(&self, state: &State) -> bool {
        self.is_many() || self.tree().is_some() && matches!(state, State::Present(_))
    }

    /// How it is looked at.
    pub fn look(&self) -> Option<ApiRequest> {
        match self {
            Self::File(id) => Some(details(id.as_str())),
            Self::FileAt(path) | Self::Slot(path) => Some(file_at(path)),
            Self::Folder(path) | Self::Place(path) | Self::Landing(path) if path == "/" => None,
            Self::Folder(path) | Self::Place(path) | Self::Landing(path) => Some(folder_at(path)),
            Self::Setting { list, id } => {
                let mut path = list.to_vec();
                path.push(id.as_str());
                Some(ApiRequest::get(&path))
            }
            Self::SettingRow { list, .. } => Some(ApiRequest::get(list)),
            // A URL that is all there is of a file tells its tags, too; of several nothing can be looked up.
            Self::Url(url) if url.is_prefix => None,
            Self::Tagged(_) => None,
            Self::Url(url) => url.path.as_deref().map(file_at),
            Self::Trashed(id) => Some(trash_item(id)),
            Self::Trash => Some(ApiRequest::get(&["v1", "trash"]).query("limit", Some(MOST_ROWS.to_string()))),
        }
    }

    /// What an answer to `look` says about it.
    pub fn read(&self, status: StatusCode, answer: Value) -> State {
        if status == StatusCode::NOT_FOUND {
            return State::Absent;
        }
        let row = |key: &str, value: &str| {
            let found = answer.as_array().into_iter().flatten().find(|row| row[key] == value);
            found.cloned().map_or(State::Absent, State::Present)
        };
        match self {
            Self::FileAt(path) | Self::Slot(path) => row("filePath", path),
            Self::Folder(path) | Self::Place(path) | Self::Landing(path) => row("folderPath", path),
            Self::SettingRow { id, .. } => row("id", id.as_str()),
            Self::Url(url) => url.path.as_deref().map_or(State::Unknown, |path| row("filePath", path)),
            Self::Trash => {
                let rows = answer.as_array().map(Vec::as_slice).unwrap_or_default();
                let bytes: u64 = rows.iter().filter_map(|row| row["size"].as_u64()).sum();
                State::Present(json!({
                    "count": rows.len(), "size": bytes, "newest": rows.first().map(|row| &row["id"]),
                    "atLeast": rows.len() >= MOST_ROWS,
                }))
            }
            Self::Tagged(_) => State::Unknown,
            Self::File(_) | Self::Setting { .. } | Self::Trashed(_) => State::Present(answer),
        }
    }

    /// In words, for people who approve.
    pub fn told(&self) -> String {
        match self {
            Self::File(id) => format!("file {}", id.as_str()),
            Self::FileAt(path) | Self::Slot(path) => format!("file {path}"),
            Self::Folder(path) | Self::Place(path) | Self::Landing(path) => format!("folder {path}"),
            Self::Setting { list, id } | Self::SettingRow { list, id } => {
                format!("{}/{}", list.last().unwrap_or(&"setting"), id.as_str())
            }
            Self::Url(url) if url.is_of_paths() => format!("paths {}", url.url),
            Self::Tagged(tag) => format!("files with the tag {tag}"),
            Self::Url(url) => format!("url {}", url.url.split('?').next().unwrap_or_default()),
            Self::Trashed(id) => format!("{} in the trash", id.as_str()),
            Self::Trash => "everything in the trash".to_owned(),
        }
    }
}

/// How a target stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum State {
    /// As the API shows it.
    Present(Value),
    /// There is no such thing.
    Absent,
    /// Nothing to look at, or it could not be looked at.
    Unknown,
}

/// A target and how it stands.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub target: Target,
    pub state: State,
    /// What lies in a folder, if that was asked.
    pub contents: Option<Contents>,
    /// How many versions a file has, if that was asked.
    pub versions: Option<usize>,
}

/// What lies in a folder, at any depth.
#[derive(Debug, Clone)]
pub(crate) struct Contents {
    pub rows: Vec<Value>,
    /// There is more than the rows show.
    pub cut: bool,
}

impl Seen {
    /// The thing as the API shows it.
    pub fn facts(&self) -> Option<&Value> {
        match &self.state {
            State::Present(facts) => Some(facts),
            _ => None,
        }
    }

    /// Where it is in the library.
    pub fn path(&self) -> Option<Cow<'_, str>> {
        let facts = self.facts();
        let seen = facts.and_then(|f| f["filePath"].as_str().or_else(|| f["folderPath"].as_str()));
        match (seen, &self.target) {
            (Some(path), _) => Some(Cow::Borrowed(path)),
            (None, Target::Url(url)) => url.place().map(Cow::Owned),
            (None, target) => target.own_path().map(Cow::Borrowed),
        }
    }

    /// Changes whenever the thing does: an approval is for what its approver saw.
    pub fn revision(&self) -> String {
        let facts = match &self.state {
            State::Absent => return "absent".to_owned(),
            State::Unknown => return "unknown".to_owned(),
            State::Present(facts) => facts,
        };
        let version = facts["versionInfo"]["id"].as_str();
        let own = match (version, facts["updatedAt"].as_str()) {
            (Some(version), Some(updated)) => format!("{version}@{updated}"),
            _ => canonical::digest(facts)[..16].to_owned(),
        };
        let Some(contents) = &self.contents else {
            return own;
        };
        let rows: Vec<Value> = contents
            .rows
            .iter()
            .map(|row| {
                json!([
                    row["fileId"],
                    row["folderId"],
                    row["versionInfo"]["id"],
                    row["updatedAt"]
                ])
            })
            .collect();
        format!("{own}+{}", &canonical::digest(&Value::Array(rows))[..16])
    }
}

/// How much a call touches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Extent {
    pub things: usize,
    pub bytes: u64,
}

/// All that a call touches.
#[derive(Debug, Clone, Default)]
pub(crate) struct Survey {
    pub seen: Vec<Seen>,
    /// Where what the call deletes goes, if that was asked and there is such a place.
    pub bin: Option<Bin>,
    /// What names a file that would be there no more, if that was asked and could be learned.
    pub references: Option<Vec<Reference>>,
}

/// The trash of the upstream, before a deletion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bin {
    /// Days that something can be brought back.
    pub days: u64,
    /// Id of the newest of it, and when that was deleted: what the call deletes comes after it.
    pub newest: Option<(String, String)>,
}

impl Survey {
    /// The file of that id, as it stands before the call.
    pub fn file(&self, id: &str) -> Option<&Value> {
        self.facts(|target| matches!(target, Target::File(seen) if seen.as_str() == id))
    }

    /// The file at that path.
    pub fn at(&self, path: &str) -> Option<&Value> {
        self.facts(|target| matches!(target, Target::FileAt(seen) | Target::Slot(seen) if seen == path))
    }

    /// The first object among the account's settings.
    pub fn setting(&self) -> Option<&Value> {
        self.facts(|target| matches!(target, Target::Setting { .. } | Target::SettingRow { .. }))
    }

    /// The trash as a whole, where the call is about it.
    pub fn trash(&self) -> Option<&Value> {
        self.facts(|target| matches!(target, Target::Trash))
    }

    /// True if the row of the trash came there after the survey.
    pub fn is_new_in_bin(&self, row: &Value) -> bool {
        let Some((id, newest)) = self.bin.as_ref().and_then(|bin| bin.newest.as_ref()) else {
            return true;
        };
        // Times of one form compare as texts do.
        let deleted = row["deletedAt"].as_str().unwrap_or_default();
        deleted > newest.as_str() || deleted == newest && row["id"] != id.as_str()
    }

    /// Whether the folder was seen to be absent.
    pub fn lacks_folder(&self, path: &str) -> bool {
        self.is_absent(|target| {
            matches!(target, Target::Place(seen) | Target::Folder(seen) | Target::Landing(seen) if seen == path)
        })
    }

    /// All that is touched as the API shows it, what lies in folders too.
    fn rows(&self) -> impl Iterator<Item = &Value> {
        self.seen.iter().flat_map(|seen| {
            seen.facts()
                .into_iter()
                .chain(seen.contents.iter().flat_map(|c| &c.rows))
        })
    }

    /// The files of `rows`.
    pub fn files(&self) -> impl Iterator<Item = &Value> {
        self.rows().filter(|row| row["fileId"].is_string())
    }

    /// True if something at that path is touched: by itself, or in a folder.
    pub fn takes(&self, path: &str) -> bool {
        let at = |seen: &Seen| !seen.target.is_filled() && seen.path().is_some_and(|own| own == path);
        let inside = |seen: &Seen| {
            !seen.target.is_filled() && seen.target.tree().is_some_and(|tree| path::is_within(path, tree))
        };
        self.seen.iter().any(|seen| at(seen) || inside(seen))
    }

    /// Ids of the files that it is about, what lies in folders too.
    pub fn file_ids(&self) -> impl Iterator<Item = &str> {
        let named = self.seen.iter().filter_map(|seen| match &seen.target {
            Target::File(id) => Some(id.as_str()),
            _ => None,
        });
        named.chain(self.files().filter_map(|file| file["fileId"].as_str()))
    }

    /// True if it touches something in that folder, or a folder above it: what is in there goes along.
    pub fn reaches(&self, folder: &str) -> bool {
        let holds = |seen: &Seen| seen.target.tree().is_some_and(|tree| path::is_within(folder, tree));
        let lies = |seen: &Seen| match &seen.target {
            Target::Url(url) => url.reaches(folder),
            Target::Tagged(_) => seen.contents.as_ref().is_none_or(|contents| {
                let lies = |row: &Value| {
                    row["filePath"]
                        .as_str()
                        .is_some_and(|path| path::is_within(path, folder))
                };
                contents.cut || contents.rows.iter().any(lies)
            }),
            // What is in there may come from anywhere.
            Target::Trash => true,
            _ => seen.path().is_some_and(|path| path::is_within(&path, folder)),
        };
        self.seen.iter().any(|seen| holds(seen) || lies(seen))
    }

    /// True if all that it touches is known to lie in one of those folders.
    pub fn lies_within(&self, folders: &[String]) -> bool {
        let within = |path: Cow<'_, str>| folders.iter().any(|folder| path::is_within(&path, folder));
        !self.seen.is_empty() && self.seen.iter().all(|seen| seen.path().is_some_and(within))
    }

    /// True if folders hold more than was read of them.
    pub fn hides_something(&self) -> bool {
        self.seen.iter().any(|seen| {
            let is_there = seen.target.is_many() || seen.target.tree().is_some() && seen.state != State::Absent;
            let is_much = matches!(seen.target, Target::Trash);
            is_much || is_there && seen.contents.as_ref().is_none_or(|contents| contents.cut)
        })
    }

    /// Whether the folder was seen to be there.
    pub fn has_folder(&self, path: &str) -> bool {
        self.facts(|target| matches!(target, Target::Place(seen) | Target::Folder(seen) | Target::Landing(seen) if seen == path))
            .is_some()
    }

    /// Whether the path was seen to be free.
    pub fn lacks_file(&self, path: &str) -> bool {
        self.is_absent(|target| matches!(target, Target::Slot(seen) if seen == path))
    }

    fn facts(&self, is_it: impl Fn(&Target) -> bool) -> Option<&Value> {
        self.seen.iter().find(|seen| is_it(&seen.target))?.facts()
    }

    fn is_absent(&self, is_it: impl Fn(&Target) -> bool) -> bool {
        let seen = self.seen.iter().find(|seen| is_it(&seen.target));
        seen.is_some_and(|seen| seen.state == State::Absent)
    }

    /// How much it is. What lies in a folder counts; several versions of a file count as one.
    pub fn extent(&self) -> Extent {
        let mut extent = Extent::default();
        let mut count = |facts: &Value| {
            extent.things += 1;
            extent.bytes += facts["size"].as_u64().unwrap_or(0);
        };
        for seen in &self.seen {
            seen.facts().into_iter().for_each(&mut count);
            seen.contents.iter().flat_map(|c| &c.rows).for_each(&mut count);
        }
        extent
    }

    /// Each target with its revision, in order.
    pub fn revisions(&self) -> Vec<(String, String)> {
        self.seen.iter().map(|s| (s.target.told(), s.revision())).collect()
    }
}

/// All versions of a file.
pub(crate) fn versions(file_id: &str) -> ApiRequest {
    ApiRequest::get(&["v1", "files", file_id, "versions"])
}

/// Something in the trash.
pub(crate) fn trash_item(id: &Id) -> ApiRequest {
    ApiRequest::get(&["v1", "trash", id.as_str()])
}

/// The newest of the trash, to learn whether there is one and how long it keeps things.
pub(crate) fn newest_in_trash() -> ApiRequest {
    ApiRequest::get(&["v1", "trash"]).query("limit", Some("1".into()))
}

/// A file by its id.
pub(crate) fn details(file_id: &str) -> ApiRequest {
    ApiRequest::get(&["v1", "files", file_id, "details"])
}

/// The listing in which the file of that path stands.
pub(crate) fn file_at(file_path: &str) -> ApiRequest {
    let (folder, name) = path::split(file_path);
    ApiRequest::get(&["v1", "files"])
        .query("path", Some(folder))
        .query("name", Some(name))
        .query("limit", Some("10".into()))
}

/// The listing in which the folder of that path stands.
pub(crate) fn folder_at(folder_path: &str) -> ApiRequest {
    let (parent, name) = path::split(folder_path);
    // A server that does not know the name for folders lists all of them.
    ApiRequest::get(&["v1", "files"])
        .query("type", Some("folder".into()))
        .query("path", Some(parent))
        .query("name", Some(name))
        .query("limit", Some(MOST_ROWS.to_string()))
}

/// A page of what a search finds, such as all that lies in a folder, at any depth.
pub(crate) fn contents(search: &str, skip: usize) -> ApiRequest {
    ApiRequest::get(&["v1", "files"])
        .query("searchQuery", Some(search.to_owned()))
        .query("limit", Some(MOST_ROWS.to_string()))
        .query("skip", (skip > 0).then(|| skip.to_string()))
}
