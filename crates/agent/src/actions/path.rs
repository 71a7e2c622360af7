//! Paths and names of the library: how the API spells them after it stored them.

use crate::error::CallError;

/// An absolute path without a slash at its end; the root is `/`.
pub(crate) fn normal(path: &str) -> String {
    let segments: Vec<&str> = path.split('/').filter(|s| !s.is_empty()).collect();
    format!("/{}", segments.join("/"))
}

/// Folder and last segment: `/a/b.jpg` is `/a` and `b.jpg`.
pub(crate) fn split(path: &str) -> (String, String) {
    let path = normal(path);
    match path.rsplit_once('/') {
        Some(("", name)) => ("/".to_owned(), name.to_owned()),
        Some((folder, name)) => (folder.to_owned(), name.to_owned()),
        None => ("/".to_owned(), path),
    }
}

/// The path of something of that name in a folder.
pub(crate) fn join(folder: &str, name: &str) -> String {
    normal(&format!("{folder}/{name}"))
}

/// True if `path` is `folder` or lies anywhere below it.
pub(crate) fn is_within(path: &str, folder: &str) -> bool {
    let (path, folder) = (normal(path), normal(folder));
    folder == "/" || path == folder || path.strip_prefix(&folder).is_some_and(|rest| rest.starts_with('/'))
}

/// A path that can be meant: no `..`, no empty name. The API takes it with or without slashes at its ends.
pub(crate) fn checked(field: &str, path: &str) -> Result<String, CallError> {
    if path.split('/').any(|segment| segment == ".." || segment == ".") {
        return Err(CallError::invalid(format!("{field}: `.` and `..` can't be in a path")));
    }
    Ok(normal(path))
}

/// As `checked`, and not the root.
pub(crate) fn below_root(field: &str, path: &str) -> Result<String, CallError> {
    let path = checked(field, path)?;
    if path == "/" {
        return Err(CallError::invalid(format!("{field}: the root can't be meant here")));
    }
    Ok(path)
}

/// The name under which a file is stored: other characters than letters, digits, `.`, `-` and `_` become `_`. `None`
/// for characters of which we can't tell whether the upstream counts them as letters.
pub(crate) fn stored_name(name: &str) -> Option<String> {
    stored(name, |c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
}

/// As `stored_name`, for folders, whose names hold no dot.
pub(crate) fn stored_folder_name(name: &str) -> Option<String> {
    stored(name, |c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
}

fn stored(name: &str, stays: fn(char) -> bool) -> Option<String> {
    name.chars()
        .map(|c| match c {
            c if stays(c) => Some(c),
            c if c.is_ascii() => Some('_'),
            // Marks count as letters upstream, and the standard library does not tell them from symbols.
            c if c.is_alphanumeric() => Some(c),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        assert_eq!([normal(""), normal("a//b/"), normal("/a")], ["/", "/a/b", "/a"]);
        assert_eq!(split("/a/b.jpg"), ("/a".into(), "b.jpg".into()));
        assert_eq!(split("b.jpg"), ("/".into(), "b.jpg".into()));
        assert_eq!([join("/", "a"), join("/x/", "a")], ["/a", "/x/a"]);
        for (path, folder, within) in [
            ("/a/b", "/a", true),
            ("/a", "/a/", true),
            ("/ab", "/a", false),
            ("/a", "/", true),
            ("/", "/a", false),
        ] {
            assert_eq!(is_within(path, folder), within, "{path} in {folder}");
        }
        assert!(checked("path", "/a/../b").is_err());
        assert!(below_root("path", "//").is_err());
    }

    #[test]
    fn names_as_they_are_stored() {
        assert_eq!(stored_name("old harbour.jpg").as_deref(), Some("old_harbour.jpg"));
        assert_eq!(stored_name("größe%.png").as_deref(), Some("größe_.png"));
        assert_eq!(stored_folder_name("a.b c").as_deref(), Some("a_b_c"));
        assert_eq!(stored_name("a→b"), None);
    }
}
