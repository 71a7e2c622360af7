//! Names under which a cache in front keeps an answer, so that it can be told to forget all that belongs to a file or a folder.

use library::{Asset, FileId};
use sha2::{Digest, Sha256};

use crate::PurgePattern;

/// Folders that an answer is named after, from the root down. Files in deeper ones go with the deepest of these.
const FOLDERS: usize = 12;

/// The name that all answers made of one file of the library have.
pub fn of_file(id: FileId) -> String {
    format!("f-{id}")
}

/// The name that all answers at one path have. `endpoint` keeps libraries behind one cache apart.
pub fn of_path(endpoint: &str, path: &str) -> String {
    hashed('p', endpoint, path)
}

/// The name that all answers below a folder have.
pub fn of_folder(endpoint: &str, folder: &str) -> String {
    let parts = folder.split('/').filter(|part| !part.is_empty()).take(FOLDERS);
    let mut path = String::new();
    for part in parts {
        path.push('/');
        path.push_str(part);
    }
    hashed('d', endpoint, &path)
}

/// The name that all answers made of files of the library with one tag have.
pub fn of_tag(endpoint: &str, tag: &str) -> String {
    hashed('t', endpoint, tag)
}

/// The name of everything that a purge is for, and seldom of more: a wildcard that ends within a name, where that is not a whole file's, stands for
/// the folder.
pub fn of_purge(endpoint: &str, pattern: &PurgePattern) -> String {
    match pattern {
        PurgePattern::Path(path) => of_path(endpoint, path),
        PurgePattern::Prefix(start) => {
            let (folder, name) = start.rsplit_once('/').unwrap_or_default();
            let is_file = name
                .rsplit_once('.')
                .is_some_and(|(stem, ending)| !stem.is_empty() && !ending.is_empty());
            match is_file {
                true => of_path(endpoint, start),
                false => of_folder(endpoint, folder),
            }
        }
        PurgePattern::Tag(tag) => of_tag(endpoint, tag),
        PurgePattern::File(id) => of_file(*id),
    }
}

/// All names of what is made of an asset: 2 + [`FOLDERS`] + 1 at most, of 26 characters at most, and one of 18 characters for each of its tags, which have
/// [`MAX_CHARS`](library::Tags::MAX_CHARS) characters together.
pub(crate) fn of_asset(endpoint: &str, asset: &Asset) -> Vec<String> {
    let path = asset.path();
    let mut tags = Vec::new();
    tags.extend(lasting_id(asset).map(of_file));
    tags.push(of_path(endpoint, &path));
    tags.push(of_folder(endpoint, ""));
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let ends = folder
        .match_indices('/')
        .map(|(at, _)| at)
        .skip(1)
        .chain([folder.len()]);
    tags.extend(
        ends.filter(|end| *end > 0)
            .take(FOLDERS)
            .map(|end| of_folder(endpoint, folder.get(..end).unwrap_or_default())),
    );
    tags.extend(asset.tags.iter().map(|tag| of_tag(endpoint, tag)));
    tags
}

/// What came from an origin has no id that lasts.
pub(crate) fn lasting_id(asset: &Asset) -> Option<FileId> {
    (!asset.version.token.is_empty()).then_some(asset.id)
}

/// 64 bits: a collision costs no more than a file that is fetched again.
fn hashed(kind: char, endpoint: &str, path: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(endpoint.as_bytes());
    hash.update([0]);
    hash.update(path.as_bytes());
    let digest = hash.finalize();
    format!("{kind}-{}", hex::encode(digest.split_at(8).0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn purge(target: &str) -> String {
        of_purge("/acct", &PurgePattern::parse(target, "/acct").unwrap())
    }

    #[test]
    fn a_purge_has_the_name_of_what_it_is_for() {
        for (target, expected) in [
            ("/acct/a/b.jpg", of_path("/acct", "/a/b.jpg")),
            ("/acct/tr:w-9/a/b.jpg?x=1", of_path("/acct", "/a/b.jpg")),
            ("/acct/a/b.jpg*", of_path("/acct", "/a/b.jpg")),
            ("/acct/a/b/*", of_folder("/acct", "/a/b")),
            ("/acct/a/b/cd*", of_folder("/acct", "/a/b")),
            ("/acct/averylongfolder*", of_folder("/acct", "")),
            ("/acct/a/.hidden*", of_folder("/acct", "/a")),
        ] {
            assert_eq!(purge(target), expected, "{target}");
        }
        assert_ne!(of_path("/acct", "/a"), of_path("/other", "/a"));
        assert_ne!(of_path("/acct", "/a"), of_folder("/acct", "/a"));
        let id: FileId = "1".repeat(24).parse().unwrap();
        for (pattern, expected) in [
            (PurgePattern::Prefix("/".to_owned()), of_folder("/acct", "")),
            (PurgePattern::Prefix("/a/b/".to_owned()), of_folder("/acct", "/a/b")),
            (PurgePattern::Tag("sea".to_owned()), of_tag("/acct", "sea")),
            (PurgePattern::File(id), format!("f-{id}")),
        ] {
            assert_eq!(of_purge("/acct", &pattern), expected, "{pattern:?}");
        }
    }

    #[test]
    fn deep_folders_go_with_the_deepest_that_has_a_name() {
        let deep = "/x".repeat(FOLDERS + 3);
        assert_eq!(of_folder("/acct", &deep), of_folder("/acct", &"/x".repeat(FOLDERS)));
        assert_ne!(of_folder("/acct", &deep), of_folder("/acct", &"/x".repeat(FOLDERS - 1)));
        assert_eq!(of_folder("/acct", "/a/"), of_folder("/acct", "/a"));
    }
}
