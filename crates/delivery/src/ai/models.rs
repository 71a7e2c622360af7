//! The folder in which the operator puts models. Each is read when it is needed first.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine::{Model, ModelKind};
use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;

/// Larger files are not models that a CPU could run.
const MOST_BYTES: u64 = 2 << 30;

#[derive(Debug)]
pub(crate) struct ModelFolder {
    slots: Vec<Slot>,
}

#[derive(Debug)]
struct Slot {
    kind: ModelKind,
    path: PathBuf,
    loaded: OnceCell<Result<Loaded, String>>,
}

/// A model, and a name for its content.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    pub(crate) model: Arc<Model>,
    pub(crate) digest: String,
}

impl ModelFolder {
    /// Looks which files are there. New ones are found at the next start.
    pub(crate) fn open(dir: &Path) -> Self {
        let slots = ModelKind::ALL.into_iter().map(|kind| Slot {
            kind,
            path: dir.join(kind.file_name()),
            loaded: OnceCell::new(),
        });
        Self {
            slots: slots.filter(|slot| slot.path.is_file()).collect(),
        }
    }

    pub(crate) fn has(&self, kind: ModelKind) -> bool {
        self.slots.iter().any(|slot| slot.kind == kind)
    }

    /// The model, if its file is there; why it cannot be used, if it cannot.
    pub(crate) async fn get(&self, kind: ModelKind) -> Option<Result<Loaded, String>> {
        let slot = self.slots.iter().find(|slot| slot.kind == kind)?;
        let loaded = slot.loaded.get_or_init(|| async {
            let path = slot.path.clone();
            let loaded = tokio::task::spawn_blocking(move || load(kind, &path)).await;
            let loaded = loaded.unwrap_or_else(|_panicked| Err("reading it broke off".to_owned()));
            match &loaded {
                Ok(_) => tracing::info!(model = kind.file_name(), "a model is loaded"),
                Err(error) => tracing::warn!(error, path = %slot.path.display(), "a model cannot be used"),
            }
            loaded
        });
        Some(loaded.await.clone())
    }
}

fn load(kind: ModelKind, path: &Path) -> Result<Loaded, String> {
    let name = kind.file_name();
    let unreadable = |error: std::io::Error| format!("`{name}` cannot be read: {}", error.kind());
    let size = std::fs::metadata(path).map_err(unreadable)?.len();
    if size > MOST_BYTES {
        return Err(format!("`{name}` is larger than {MOST_BYTES} bytes"));
    }
    let file = std::fs::read(path).map_err(unreadable)?;
    let digest = hex::encode(Sha256::digest(&file));
    let model = Model::load(kind, file).map_err(|error| error.to_string())?;
    Ok(Loaded {
        model: Arc::new(model),
        digest,
    })
}
