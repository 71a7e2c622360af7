//! What in an account names a file by its path, and would miss it: named transformations with layers, default images and
//! fonts. Pages outside of the library that show a file are nobody's to know.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::Value;

use crate::actions::path;
use crate::request::ApiRequest;
use crate::survey::Survey;

/// More are counted and not shown.
pub(crate) const MOST_SHOWN: usize = 20;

/// Something that names a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Reference {
    /// Name of the named transformation.
    pub named_transformation: String,
    /// The path that it names.
    pub path: String,
}

/// Where the named transformations are.
pub(crate) fn look() -> ApiRequest {
    ApiRequest::get(&["v1", "named-transformations"])
}

/// Of the rows that `look` was answered with, what names a file that the call touches; `None` if it is no list.
pub(crate) fn among(rows: &Value, survey: &Survey) -> Option<Vec<Reference>> {
    let found = rows.as_array()?.iter().flat_map(|row| {
        let text = row["transformation"].as_str().unwrap_or_default();
        let paths = mentioned(text).into_iter().filter(|path| survey.takes(path));
        paths.map(|path| Reference {
            named_transformation: row["name"].as_str().unwrap_or_default().to_owned(),
            path,
        })
    });
    Some(found.collect())
}

/// Paths that a transformation may name. What is a text or a font's name looks the same and is no file's path.
fn mentioned(text: &str) -> Vec<String> {
    let paths = text.split([',', ':']).filter_map(|token| {
        let (key, value) = token.split_once('-')?;
        match key {
            "i" | "di" | "ff" => Some(path::normal(&value.replace("@@", "/"))),
            "ie" => {
                let plain = value.replace("%3D", "=");
                let bytes = URL_SAFE_NO_PAD.decode(plain.trim_end_matches('=')).ok()?;
                Some(path::normal(&String::from_utf8(bytes).ok()?))
            }
            _ => None,
        }
    });
    paths.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::survey::{Seen, State, Target};

    #[test]
    fn paths_in_transformations() {
        let cases = [
            ("w-300:l-image,i-logos@@mark.png,w-50,l-end", vec!["/logos/mark.png"]),
            ("di-missing.jpg,w-9", vec!["/missing.jpg"]),
            (
                "l-text,ie-bG9nb3MvbWFyay5wbmc%3D,ff-fonts@@a.ttf,l-end",
                vec!["/logos/mark.png", "/fonts/a.ttf"],
            ),
            ("w-300,rt-90", vec![]),
        ];
        for (text, paths) in cases {
            assert_eq!(mentioned(text), paths, "{text}");
        }
    }

    #[test]
    fn what_names_a_file_that_is_touched() {
        let seen = |target, facts| Seen {
            target,
            state: State::Present(facts),
            contents: None,
            versions: None,
        };
        let rows = json!([
            { "name": "card", "transformation": "l-image,i-logos@@mark.png,l-end" },
            { "name": "plain", "transformation": "w-9" },
        ]);
        let file = |path: &str| Survey {
            seen: vec![seen(
                Target::FileAt(path.to_owned()),
                json!({ "fileId": "a", "filePath": path }),
            )],
            ..Survey::default()
        };
        assert_eq!(
            among(&rows, &file("/logos/mark.png")).unwrap()[0].named_transformation,
            "card"
        );
        assert_eq!(among(&rows, &file("/logos/other.png")), Some(vec![]));
        let folder = Survey {
            seen: vec![seen(
                Target::Folder("/logos".to_owned()),
                json!({ "folderPath": "/logos" }),
            )],
            ..Survey::default()
        };
        assert_eq!(among(&rows, &folder).unwrap().len(), 1);
        assert_eq!(among(&json!({ "message": "no" }), &folder), None);
    }
}
