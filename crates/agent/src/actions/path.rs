//! Paths and names of the library: how the API spells them after it stored them.

use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};

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

/// The beginning of paths, to the letter: what stands behind the last slash is a part of a name.
pub(crate) fn start(field: &str, text: &str) -> Result<String, CallError> {
    let (folders, name) = text.rsplit_once('/').unwrap_or(("", text));
    let folders = checked(field, folders)?;
    // A name may begin with dots, but for those that mean another folder.
    checked(field, name)?;
    Ok(format!("{}/{name}", folders.trim_end_matches('/')))
}

/// As `checked`, and not the root.
pub(crate) fn below_root(field: &str, path: &str) -> Result<String, CallError> {
    let path = checked(field, path)?;
    if path == "/" {
        return Err(CallError::invalid(format!("{field}: the root can't be meant here")));
    }
    Ok(path)
}

/// Where something will be put, as the server spells it once it is there: what is judged is what is sent and what is
/// stored.
pub(crate) fn destination(field: &str, path: &str) -> Result<String, CallError> {
    let path = checked(field, path)?;
    let segments = path.split('/').filter(|s| !s.is_empty());
    let stored: Vec<String> = segments.map(|s| folder_name(field, s)).collect::<Result<_, _>>()?;
    Ok(format!("/{}", stored.join("/")))
}

/// The name under which a file is stored: other characters than letters, marks, digits, `.`, `-` and `_` become `_`.
pub(crate) fn file_name(field: &str, name: &str) -> Result<String, CallError> {
    if matches!(name, "." | "..") {
        return Err(CallError::invalid(format!("{field}: `.` and `..` can't be names")));
    }
    stored(field, name, |c| matches!(c, '.' | '-' | '_'))
}

/// As `file_name`, for folders, whose names hold no dot.
pub(crate) fn folder_name(field: &str, name: &str) -> Result<String, CallError> {
    stored(field, name, |c| matches!(c, '-' | '_'))
}

fn stored(field: &str, name: &str, stays: fn(char) -> bool) -> Result<String, CallError> {
    let spelled = name.chars().map(|c| match is_word(c) {
        _ if stays(c) => Ok(c),
        Some(true) => Ok(c),
        Some(false) => Ok('_'),
        None => Err(CallError::invalid(format!(
            "{field}: servers spell `{}` differently; leave it out",
            c.escape_default()
        ))),
    });
    spelled.collect()
}

/// Whether the character counts as a letter, mark or digit; `None` where servers do not agree.
fn is_word(c: char) -> Option<bool> {
    if c.is_ascii() {
        return Some(c.is_ascii_alphanumeric());
    }
    match (c.general_category_group(), c.general_category()) {
        (GeneralCategoryGroup::Letter | GeneralCategoryGroup::Mark, _) | (_, GeneralCategory::DecimalNumber) => {
            Some(true)
        }
        // Roman numerals and fractions are numbers to some; newer characters are letters to newer servers.
        (GeneralCategoryGroup::Number, _) | (_, GeneralCategory::Unassigned) => None,
        _ => Some(false),
    }
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
        let begins = |text| start("prefix", text).ok();
        assert_eq!(begins("/a//b-").as_deref(), Some("/a/b-"));
        assert_eq!(begins("/a/").as_deref(), Some("/a/"));
        assert_eq!(begins("/a").as_deref(), Some("/a"));
        assert_eq!((begins("/a/../b"), begins("/..")), (None, None));
    }

    #[test]
    fn names_as_they_are_stored() {
        let file = |name| file_name("fileName", name).ok();
        let folder = |path| destination("folder", path).ok();
        assert_eq!(file("old harbour.jpg").as_deref(), Some("old_harbour.jpg"));
        assert_eq!(file("größe%.png").as_deref(), Some("größe_.png"));
        assert_eq!(file("a→b/c\\d\0").as_deref(), Some("a_b_c_d_"));
        assert_eq!(file("हिन्दी.jpg").as_deref(), Some("हिन्दी.jpg"));
        for refused in ["Ⅷ.jpg", "½", ".", ".."] {
            assert_eq!(file(refused), None, "{refused}");
        }
        for (given, stored) in [
            ("/shop/a.b c/", Some("/shop/a_b_c")),
            ("//legal%//2026", Some("/legal_/2026")),
            ("legal\u{200b}", Some("/legal_")),
            ("/", Some("/")),
            ("/a/../legal", None),
            ("/./legal", None),
            ("/a/Ⅷ", None),
        ] {
            assert_eq!(folder(given).as_deref(), stored, "{given}");
        }
    }
}
