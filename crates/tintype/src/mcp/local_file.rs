//! Uploads of files that lie on the machine of the server: for `tintype mcp`, whose client has files beside it. Only from
//! folders that whoever started it named.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use agent::{CallError, Limits};
use bytes::Bytes;
use rmcp::model::{Tool, ToolAnnotations};
use serde_json::{Map, Value, json};
use tokio::io::AsyncReadExt;

use super::object;

/// How the tool is called.
pub const TOOL: &str = "upload_local_file";

/// Folders that files may be taken from, whatever the paths to them are called.
#[derive(Debug, Clone, Default)]
pub struct Roots(Arc<Vec<PathBuf>>);

impl Roots {
    /// These folders, which have to be there.
    pub fn of<'a>(folders: impl Iterator<Item = &'a PathBuf>) -> Result<Self, String> {
        let real = folders.map(|folder| {
            let real = folder
                .canonicalize()
                .map_err(|e| format!("--root {}: {e}", folder.display()))?;
            match real.is_dir() {
                true => Ok(real),
                false => Err(format!("--root {}: is no folder", folder.display())),
            }
        });
        Ok(Self(Arc::new(real.collect::<Result<_, _>>()?)))
    }

    /// True if nothing may be taken.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The bytes of a file in one of them, and its name.
    pub async fn read(&self, path: &str) -> Result<(Bytes, String), CallError> {
        let refuse = |why: &str| CallError::InvalidInput(format!("path: {why}"));
        let given = Path::new(path);
        if !given.is_absolute() {
            return Err(refuse("must be absolute"));
        }
        // Links are followed before it is asked where the file lies. What is outside and what is absent are told alike.
        let outside = || refuse("no file in a folder that may be read; --root of `tintype mcp` names them");
        let real = tokio::fs::canonicalize(given).await.map_err(|_| outside())?;
        if !self.0.iter().any(|root| real.starts_with(root)) {
            return Err(outside());
        }
        let file = tokio::fs::File::open(&real).await.map_err(|_| outside())?;
        if !file.metadata().await.is_ok_and(|facts| facts.is_file()) {
            return Err(outside());
        }
        let most = Limits::default().file_bytes;
        let mut bytes = Vec::new();
        let read = file.take(most as u64 + 1).read_to_end(&mut bytes).await;
        read.map_err(|_| refuse("the file can't be read"))?;
        if bytes.len() > most {
            return Err(refuse(&format!("the file has more than {most} bytes")));
        }
        let name = real
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or("file")
            .to_owned();
        Ok((bytes.into(), name))
    }
}

/// The tool: `upload_file` with a path in place of the URL.
pub fn tool() -> Tool {
    let mut schema = object(upload().input_schema());
    let fields = Arc::make_mut(&mut schema);
    if let Some(properties) = fields.get_mut("properties").and_then(Value::as_object_mut) {
        for name in ["url", "contentBase64"] {
            properties.remove(name);
        }
        properties.insert(
            "path".to_owned(),
            json!({ "type": "string", "minLength": 1, "maxLength": 4096, "description": "Absolute path of the file on this machine." }),
        );
    }
    fields.insert("required".to_owned(), json!(["path"]));
    let about = &upload().about;
    Tool::new(
        TOOL,
        "Stores a file of this machine in the library, from a folder that whoever started this allowed. The name is the \
         file's, unless fileName says another. For a file on the web use upload_file.",
        schema,
    )
    .with_title("Upload a local file")
    .with_raw_output_schema(object(upload().output_schema()))
    .annotate(ToolAnnotations::from_raw(
        Some("Upload a local file".to_owned()),
        Some(false),
        Some(false),
        Some(about.idempotent),
        Some(false),
    ))
}

fn upload() -> &'static agent::Action {
    // It is in the catalogue.
    agent::ACTIONS
        .iter()
        .find(|action| action.name() == "upload_file")
        .unwrap_or(&agent::ACTIONS[0])
}

/// The path, and the input of `upload_file` with the file's name, if it has none.
pub fn split(mut input: Map<String, Value>) -> Result<(String, Map<String, Value>), CallError> {
    let path = match input.remove("path") {
        Some(Value::String(path)) => path,
        _ => return Err(CallError::InvalidInput("path: missing".to_owned())),
    };
    match ["url", "contentBase64"].iter().find(|name| input.contains_key(**name)) {
        Some(name) => Err(CallError::InvalidInput(format!("{name}: unknown; give path alone"))),
        None => Ok((path, input)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn files_come_from_the_named_folders_alone() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        std::fs::create_dir_all(at("in/deep")).unwrap();
        std::fs::create_dir_all(at("inside")).unwrap();
        std::fs::write(at("in/deep/a.txt"), "hello").unwrap();
        std::fs::write(at("inside/b.txt"), "secret").unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(at("inside/b.txt"), at("in/link.txt")).unwrap();
        let roots = Roots::of([at("in")].iter()).unwrap();
        let read = async |path: PathBuf| roots.read(path.to_str().unwrap()).await;
        let (bytes, name) = read(at("in/deep/a.txt")).await.unwrap();
        assert_eq!((bytes.as_ref(), name.as_str()), (b"hello".as_slice(), "a.txt"));
        for outside in [
            "inside/b.txt",
            "in/../inside/b.txt",
            "in/link.txt",
            "in/absent.txt",
            "in/deep",
        ] {
            let error = read(at(outside)).await.unwrap_err().to_string();
            assert!(
                error.contains("no file in a folder that may be read"),
                "{outside}: {error}"
            );
        }
        assert!(roots.read("in/deep/a.txt").await.is_err());
        assert!(Roots::of([at("absent")].iter()).is_err());
        assert!(Roots::of([at("in/deep/a.txt")].iter()).is_err());
    }

    #[test]
    fn the_tool_takes_a_path_and_no_bytes() {
        let schema = serde_json::to_value(tool()).unwrap()["inputSchema"].clone();
        assert_eq!(schema["required"], json!(["path"]));
        assert!(schema["properties"]["url"].is_null() && schema["properties"]["contentBase64"].is_null());
        assert!(schema["properties"]["folder"].is_object());
    }
}
