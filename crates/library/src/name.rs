//! Names of files and paths of folders: what is stored can stand in a URL, on a disk and in a shell as it is.

use std::fmt;

use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

/// The name of a file, without its folder. Never empty, never `.` or `..`, at most 255 bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct FileName(String);

/// The absolute path of a folder: `/`, or `/a/b` without a slash at the end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct FolderPath(String);

/// Why a name or a path is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing was given.
    #[error("a file needs a name")]
    Empty,
    /// One name is too long.
    #[error("a name has {found} bytes; {limit} are allowed")]
    TooLong {
        /// Its bytes.
        found: usize,
        /// How many may be.
        limit: usize,
    },
    /// The whole path is too long.
    #[error("the path has {found} bytes; {limit} are allowed")]
    PathTooLong {
        /// Its bytes.
        found: usize,
        /// How many may be.
        limit: usize,
    },
    /// Too many folders inside each other.
    #[error("the path has more than {limit} levels")]
    TooDeep {
        /// How many may be.
        limit: usize,
    },
}

/// What file systems allow for one name.
const MAX_NAME_BYTES: usize = 255;
const SUFFIX_CHARS: usize = 9;

/// Letters and marks of any script, and decimal digits.
fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric()
        || (!c.is_ascii()
            && match c.general_category_group() {
                GeneralCategoryGroup::Letter | GeneralCategoryGroup::Mark => true,
                GeneralCategoryGroup::Number => {
                    c.general_category() == unicode_properties::GeneralCategory::DecimalNumber
                }
                _ => false,
            })
}

impl FileName {
    /// Replaces every character that a name may not hold by `_`: all but letters, marks, digits, `.`, `-` and `_`.
    pub fn sanitised(text: &str) -> Result<Self, NameError> {
        // Checked first, so that nobody makes us build a name of megabytes. Replacing never lengthens a name.
        let name = match text {
            "" => return Err(NameError::Empty),
            // Clients and proxies resolve these two in a path, so a file of such a name could not be fetched.
            "." | ".." => text.replace('.', "_"),
            _ => text
                .chars()
                .map(|c| {
                    if is_word(c) || matches!(c, '.' | '-' | '_') {
                        c
                    } else {
                        '_'
                    }
                })
                .collect(),
        };
        if name.len() > MAX_NAME_BYTES {
            return Err(NameError::TooLong {
                found: name.len(),
                limit: MAX_NAME_BYTES,
            });
        }
        Ok(Self(name))
    }

    /// The name with `_` and nine random characters before the last extension. A name that would become too long
    /// loses the end of its stem.
    pub fn with_unique_suffix(&self) -> Self {
        self.with_suffix(&random_text(SUFFIX_CHARS))
    }

    fn with_suffix(&self, suffix: &str) -> Self {
        let taken = suffix.len() + 1;
        // A leading dot does not begin an extension, and an extension that fills the whole name is not one.
        let dot = self
            .0
            .rfind('.')
            .filter(|&at| at > 0 && self.0.len() - at + taken < MAX_NAME_BYTES);
        let (stem, extension) = self.0.split_at(dot.unwrap_or(self.0.len()));
        let room = MAX_NAME_BYTES - taken - extension.len();
        let stem = &stem[..stem.floor_char_boundary(room)];
        Self(format!("{stem}_{suffix}{extension}"))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A name that was checked when it was stored.
    pub(crate) fn stored(text: String) -> Self {
        Self(text)
    }
}

impl FolderPath {
    /// Folders inside each other.
    pub const MAX_LEVELS: usize = 50;
    /// Bytes of the whole path.
    pub const MAX_BYTES: usize = 2048;

    /// The folder that holds everything.
    pub fn root() -> Self {
        Self("/".into())
    }

    /// Replaces every character that a folder may not hold by `_`: all but letters, marks, digits, `-` and `_`.
    /// Slashes separate levels; those at the ends and repeated ones mean nothing.
    pub fn sanitised(text: &str) -> Result<Self, NameError> {
        let mut path = String::new();
        for (level, segment) in text.split('/').filter(|segment| !segment.is_empty()).enumerate() {
            if level == Self::MAX_LEVELS {
                return Err(NameError::TooDeep {
                    limit: Self::MAX_LEVELS,
                });
            }
            path.push('/');
            let start = path.len();
            path.extend(
                segment
                    .chars()
                    .map(|c| if is_word(c) || matches!(c, '-' | '_') { c } else { '_' }),
            );
            let found = path.len() - start;
            if found > MAX_NAME_BYTES {
                return Err(NameError::TooLong {
                    found,
                    limit: MAX_NAME_BYTES,
                });
            }
        }
        if path.len() > Self::MAX_BYTES {
            return Err(NameError::PathTooLong {
                found: path.len(),
                limit: Self::MAX_BYTES,
            });
        }
        Ok(if path.is_empty() { Self::root() } else { Self(path) })
    }

    /// The folder of exactly this name; `None` if no folder can have it. Slashes at the ends and repeated ones mean nothing
    /// here either.
    pub fn exact(text: &str) -> Option<Self> {
        let path = Self::sanitised(text).ok()?;
        let segments = |text| str::split(text, '/').filter(|segment| !segment.is_empty());
        segments(text).eq(segments(&path.0)).then_some(path)
    }

    /// The path.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True for `/`.
    pub fn is_root(&self) -> bool {
        self.0 == "/"
    }

    /// The last segment; empty for the root.
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// The path of a file in this folder.
    pub fn join(&self, name: &FileName) -> String {
        if self.is_root() {
            format!("/{}", name.0)
        } else {
            format!("{}/{}", self.0, name.0)
        }
    }

    /// This folder and those above it, the outermost first, without the root.
    pub(crate) fn lineage(&self) -> impl Iterator<Item = FolderPath> + '_ {
        let ends = self
            .0
            .char_indices()
            .skip(1)
            .filter(|&(_, c)| c == '/')
            .map(|(at, _)| at);
        let whole = (!self.is_root()).then_some(self.0.len());
        ends.chain(whole).map(|end| FolderPath(self.0[..end].to_owned()))
    }

    /// The path of a folder in this one.
    pub(crate) fn child(&self, name: &str) -> String {
        if self.is_root() {
            format!("/{name}")
        } else {
            format!("{}/{name}", self.0)
        }
    }

    /// The folder above; the root is above itself.
    pub fn parent(&self) -> Self {
        match self.0.rfind('/') {
            None | Some(0) => Self::root(),
            Some(at) => Self(self.0[..at].to_owned()),
        }
    }

    /// True for this folder and all below it.
    pub fn holds(&self, other: &Self) -> bool {
        self.is_root() || other == self || other.0.starts_with(&format!("{}/", self.0))
    }

    /// The paths of all folders below are at least the first and less than the second text: a range of the index. Below
    /// the root that range holds the root itself.
    pub(crate) fn range_below(&self) -> (String, String) {
        let stem = if self.is_root() { "" } else { self.as_str() };
        // `0` is what comes after `/`.
        (format!("{stem}/"), format!("{stem}0"))
    }

    /// A path that was checked when it was stored.
    pub(crate) fn stored(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for FolderPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Random characters of `A-Za-z0-9_-`: six bits of chance each.
pub(crate) fn random_text(chars: usize) -> String {
    const ALPHABET: [u8; 64] = *b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    (0..chars)
        .map(|_| char::from(ALPHABET[usize::from(rand::random::<u8>() & 63)]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> String {
        FileName::sanitised(text).map_or_else(|error| error.to_string(), |name| name.to_string())
    }

    fn folder(text: &str) -> String {
        FolderPath::sanitised(text).map_or_else(|error| error.to_string(), |path| path.to_string())
    }

    #[test]
    fn file_names() {
        for (given, kept) in [
            ("cat.jpg", "cat.jpg"),
            ("my cat (1).jpg", "my_cat__1_.jpg"),
            ("a-b_c.d", "a-b_c.d"),
            ("Ünïcødé-猫-кот.png", "Ünïcødé-猫-кот.png"),
            ("e\u{301}.png", "e\u{301}.png"),
            ("हिन्दी.png", "हिन्दी.png"),
            ("٣.txt", "٣.txt"),
            ("½²Ⅷ.txt", "___.txt"),
            ("🦀.png", "_.png"),
            ("a/b\\c.jpg", "a_b_c.jpg"),
            ("a\0b\u{202e}c", "a_b_c"),
            ("50%?#&=+.jpg", "50______.jpg"),
            (".", "_"),
            ("..", "__"),
            ("...", "..."),
            (".hidden", ".hidden"),
            ("", "a file needs a name"),
        ] {
            assert_eq!(file(given), kept, "{given:?}");
        }
        assert_eq!(file(&"x".repeat(255)), "x".repeat(255));
        assert_eq!(file(&"é".repeat(128)), "a name has 256 bytes; 255 are allowed");
    }

    #[test]
    fn folder_paths() {
        for (given, kept) in [
            ("", "/"),
            ("/", "/"),
            ("///", "/"),
            ("a", "/a"),
            ("/a/b/", "/a/b"),
            ("a//b", "/a/b"),
            ("a b/c.d", "/a_b/c_d"),
            ("../..", "/__/__"),
            ("/./a", "/_/a"),
            ("фото/夏", "/фото/夏"),
            ("a\\b", "/a_b"),
        ] {
            assert_eq!(folder(given), kept, "{given:?}");
        }
        for (given, exact) in [
            ("//a//b/", Some("/a/b")),
            ("", Some("/")),
            ("a b", None),
            ("/a/..", None),
            ("/a\0", None),
        ] {
            let path = FolderPath::exact(given);
            assert_eq!(path.as_ref().map(FolderPath::as_str), exact, "{given:?}");
        }
        assert_eq!(folder(&"a/".repeat(50)), "/a".repeat(50));
        assert_eq!(folder(&"a/".repeat(51)), "the path has more than 50 levels");
        assert_eq!(folder(&"x".repeat(256)), "a name has 256 bytes; 255 are allowed");
        assert_eq!(
            folder(&format!("{}/", "x".repeat(250)).repeat(9)),
            "the path has 2259 bytes; 2048 are allowed"
        );
    }

    #[test]
    fn lineage_goes_from_the_outermost_in() {
        let lineage = |text| {
            FolderPath::sanitised(text)
                .expect("a path")
                .lineage()
                .map(|p| p.0)
                .collect::<Vec<_>>()
        };
        assert_eq!(lineage("/"), Vec::<String>::new());
        assert_eq!(lineage("/a"), ["/a"]);
        assert_eq!(lineage("/a/é/c"), ["/a", "/a/é", "/a/é/c"]);
    }

    #[test]
    fn unique_suffixes_stand_before_the_last_extension() {
        let with = |text: &str| FileName::sanitised(text).expect("a name").with_suffix("S-PgGysnR").0;
        for (given, kept) in [
            ("cat.jpg", "cat_S-PgGysnR.jpg"),
            ("cat.tar.gz", "cat.tar_S-PgGysnR.gz"),
            ("cat", "cat_S-PgGysnR"),
            (".hidden", ".hidden_S-PgGysnR"),
            ("cat.", "cat_S-PgGysnR."),
        ] {
            assert_eq!(with(given), kept, "{given:?}");
        }
        for long in [
            format!("{}.jpg", "é".repeat(125)),
            "x".repeat(255),
            format!("a.{}", "x".repeat(253)),
            "é".repeat(127),
        ] {
            let name = with(&long);
            assert!(name.len() <= 255 && name.contains("_S-PgGysnR"), "{name}");
        }
        let name = FileName::sanitised("cat.jpg").expect("a name");
        let (one, other) = (name.with_unique_suffix(), name.with_unique_suffix());
        assert_eq!(one.as_str().len(), "cat_S-PgGysnR.jpg".len());
        assert_ne!(one, other);
        assert_eq!(file(one.as_str()), one.as_str(), "a suffix needs no further sanitising");
    }
}
