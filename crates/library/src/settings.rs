//! Where a library lives and what it allows.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};

/// Everything that [`Library::open`](crate::Library::open) needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The directory of the library. It is created if absent, and locked: one process at a time.
    pub data_dir: PathBuf,
    /// Where the facts live.
    pub database: DatabaseUrl,
    /// Where the bytes live.
    pub blobs: BlobUrl,
    /// What is allowed.
    pub limits: Limits,
}

impl Settings {
    /// Database and blobs inside the data directory.
    pub fn embedded(data_dir: impl Into<PathBuf>) -> Self {
        let data_dir = data_dir.into();
        Self {
            database: DatabaseUrl::Sqlite(data_dir.join("library.db")),
            blobs: BlobUrl::File(data_dir.join("blobs")),
            data_dir,
            limits: Limits::default(),
        }
    }
}

/// Sizes and counts that the library refuses to exceed.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Versions of one file, the current one included. 100 by default.
    pub versions_per_file: u32,
    /// Files, versions and folders below a folder that one request may delete. 100,000 by default.
    pub folder_objects: u32,
    /// How long what was deleted can be restored; zero deletes at once. 30 days by default.
    pub trash: Duration,
    /// Entries in one answer of a listing. 1000 by default.
    pub list_entries: u32,
    /// Files, versions and folders in a folder that is copied or moved at once. 100,000 by default.
    pub folder_job_items: u64,
    /// Bytes of a description. 10,000 by default.
    pub description_bytes: usize,
    /// Bytes of custom metadata, as JSON. 100,000 by default.
    pub custom_metadata_bytes: usize,
    /// Bytes of embedded metadata, as JSON; longer is left out. 100,000 by default.
    pub embedded_metadata_bytes: usize,
    /// Connections that read an SQLite database at once. 8 by default.
    pub readers: u32,
    /// Connections to a PostgreSQL database. 16 by default.
    pub connections: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            versions_per_file: 100,
            folder_objects: 100_000,
            trash: Duration::from_secs(30 * 24 * 3600),
            list_entries: 1000,
            folder_job_items: 100_000,
            description_bytes: 10_000,
            custom_metadata_bytes: 100_000,
            embedded_metadata_bytes: 100_000,
            readers: 8,
            connections: 16,
        }
    }
}

/// Where the facts live: `sqlite:<file>` or `postgres://user:password@host/database`. Shown without its password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// An SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL database, or one that speaks its protocol.
    Postgres(PostgresUrl),
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(file) => write!(f, "sqlite:{}", file.display()),
            Self::Postgres(url) => write!(f, "{url}"),
        }
    }
}

/// The URL of a PostgreSQL database, with the options of `libpq`: `?sslmode=verify-full&sslrootcert=…`.
#[derive(Clone)]
pub struct PostgresUrl(SecretString);

impl PostgresUrl {
    pub(crate) fn expose(&self) -> &SecretString {
        &self.0
    }
}

impl PartialEq for PostgresUrl {
    fn eq(&self, other: &Self) -> bool {
        self.0.expose_secret() == other.0.expose_secret()
    }
}

impl Eq for PostgresUrl {}

impl fmt::Display for PostgresUrl {
    /// Without the password, wherever it stands.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match url::Url::parse(self.0.expose_secret()) {
            Ok(mut url) => {
                url.set_query(None);
                if url.password().is_some() {
                    // Cannot fail where there was one.
                    let _ = url.set_password(Some("***"));
                }
                f.write_str(url.as_str())
            }
            Err(_) => f.write_str("postgres://"),
        }
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Where the bytes live: `file:<directory>`, `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`. Shown
/// without its options, which may hold keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlobUrl {
    /// A directory.
    File(PathBuf),
    /// An object storage.
    Remote(RemoteUrl),
}

/// The URL of an object storage. What stands behind `?` are options by the names of `object_store`:
/// `s3://bucket/prefix?endpoint=http://127.0.0.1:9000&allow_http=true&region=us-east-1`. Options that are not there come
/// from the environment under the names that the storage's own programs use (`AWS_ACCESS_KEY_ID`, ...).
#[derive(Clone)]
pub struct RemoteUrl {
    url: url::Url,
    options: SecretString,
}

impl RemoteUrl {
    fn parse(text: &str) -> Option<Self> {
        let mut url = url::Url::parse(text).ok()?;
        let options = url.query().unwrap_or_default().to_owned().into();
        url.set_query(None);
        let plain = url.host_str().is_some_and(|host| !host.is_empty())
            && url.username().is_empty()
            && url.password().is_none()
            && url.fragment().is_none();
        plain.then_some(Self { url, options })
    }

    fn folder(&self, name: &str) -> Self {
        let mut folder = self.clone();
        if let Ok(mut segments) = folder.url.path_segments_mut() {
            segments.pop_if_empty().push(name);
        }
        folder
    }

    /// Bucket and prefix.
    pub fn url(&self) -> &url::Url {
        &self.url
    }

    /// Options by name; those of the URL last, so that they win.
    pub fn options(&self) -> Vec<(String, String)> {
        let prefix = match self.url.scheme() {
            "s3" => "AWS_",
            "gs" => "GOOGLE_",
            _ => "AZURE_",
        };
        let environment = std::env::vars_os().filter_map(|(name, value)| {
            let name = name.into_string().ok()?;
            name.starts_with(prefix).then_some(())?;
            Some((name.to_ascii_lowercase(), value.into_string().ok()?))
        });
        let given = url::form_urlencoded::parse(self.options.expose_secret().as_bytes()).into_owned();
        environment.chain(given).collect()
    }
}

impl PartialEq for RemoteUrl {
    fn eq(&self, other: &Self) -> bool {
        self.url == other.url && self.options.expose_secret() == other.options.expose_secret()
    }
}

impl Eq for RemoteUrl {}

impl fmt::Display for RemoteUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.url.as_str())
    }
}

impl fmt::Debug for RemoteUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl BlobUrl {
    /// A folder in it, with the same options.
    pub fn folder(&self, name: &str) -> Self {
        match self {
            Self::File(path) => Self::File(path.join(name)),
            Self::Remote(url) => Self::Remote(url.folder(name)),
        }
    }
}

/// Why a URL is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Something else.
    #[error("the {setting} URL must look like `{expected}`")]
    Unknown {
        /// `database` or `blob`.
        setting: &'static str,
        /// What it should look like.
        expected: &'static str,
    },
}

impl FromStr for DatabaseUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        const SETTING: &str = "database";
        const EXPECTED: &str = "sqlite:<file>` or `postgres://user:password@host/database";
        if has_scheme(text, &["postgres:", "postgresql:"]) {
            let valid = url::Url::parse(text).is_ok_and(|url| url.has_host() || url.query().is_some())
                && text.parse::<sqlx::postgres::PgConnectOptions>().is_ok();
            return if valid {
                Ok(Self::Postgres(PostgresUrl(text.to_owned().into())))
            } else {
                Err(UrlError::Unknown {
                    setting: SETTING,
                    expected: EXPECTED,
                })
            };
        }
        local_path(text, "sqlite:")
            // SQLite's own ways to ask for a database in memory, which would lose everything at the end.
            .filter(|path| {
                !path
                    .as_os_str()
                    .as_encoded_bytes()
                    .iter()
                    .any(|byte| matches!(byte, b'?' | b':'))
            })
            .map(Self::Sqlite)
            .ok_or(UrlError::Unknown {
                setting: SETTING,
                expected: EXPECTED,
            })
    }
}

impl FromStr for BlobUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let url = if has_scheme(text, &["s3:", "gs:", "az:"]) {
            RemoteUrl::parse(text).map(Self::Remote)
        } else {
            local_path(text, "file:").map(Self::File)
        };
        url.ok_or(UrlError::Unknown {
            setting: "blob",
            expected: "file:<directory>`, `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix",
        })
    }
}

impl fmt::Display for BlobUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Remote(url) => write!(f, "{url}"),
        }
    }
}

fn has_scheme(text: &str, schemes: &[&str]) -> bool {
    schemes.iter().any(|scheme| {
        text.get(..scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    })
}

/// `scheme:relative`, `scheme:/absolute` and `scheme:///absolute`. `scheme://host/path` names another machine, which
/// neither kind can reach.
fn local_path(text: &str, scheme: &str) -> Option<PathBuf> {
    if !has_scheme(text, &[scheme]) {
        return None;
    }
    let rest = text.get(scheme.len()..)?;
    let path = match rest.strip_prefix("//") {
        Some(path) if path.starts_with('/') => path,
        Some(_) => return None,
        None => rest,
    };
    (!path.is_empty()).then(|| PathBuf::from(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        let database = |text: &str| {
            text.parse::<DatabaseUrl>()
                .map_or_else(|error| error.to_string(), |url| url.to_string())
        };
        let blobs = |text: &str| {
            text.parse::<BlobUrl>()
                .map_or_else(|error| error.to_string(), |url| url.to_string())
        };
        let unknown =
            "the database URL must look like `sqlite:<file>` or `postgres://user:password@host/database`".to_owned();
        for (given, expected) in [
            ("sqlite:a/b.db", "sqlite:a/b.db".to_owned()),
            ("SQLite:/a/b.db", "sqlite:/a/b.db".to_owned()),
            ("sqlite:///a/b.db", "sqlite:/a/b.db".to_owned()),
            ("postgres://u:p@h/db?password=p", "postgres://u:***@h/db".to_owned()),
            ("postgresql://h/db", "postgresql://h/db".to_owned()),
            ("postgres://h:x/db", unknown.clone()),
            ("sqlite::memory:", unknown.clone()),
            ("sqlite:a.db?mode=memory", unknown.clone()),
            ("sqlite:", unknown.clone()),
            ("sqlite://host/a.db", unknown.clone()),
            ("mysql://h", unknown.clone()),
            ("é", unknown.clone()),
        ] {
            assert_eq!(database(given), expected, "{given}");
        }
        let unknown = "the blob URL must look like `file:<directory>`, `s3://bucket/prefix`, `gs://bucket/prefix` or \
                       `az://container/prefix`"
            .to_owned();
        for (given, expected) in [
            ("file:/srv/blobs", "file:/srv/blobs".to_owned()),
            ("file:///srv/blobs", "file:/srv/blobs".to_owned()),
            ("file:blobs", "file:blobs".to_owned()),
            (
                "s3://bucket/prefix?secret_access_key=x",
                "s3://bucket/prefix".to_owned(),
            ),
            ("gs://bucket", "gs://bucket".to_owned()),
            ("s3://user:pass@bucket", unknown.clone()),
            ("s3:bucket", unknown.clone()),
            ("", unknown),
        ] {
            assert_eq!(blobs(given), expected, "{given}");
        }
        for (given, expected) in [
            ("file:/srv/blobs", "file:/srv/blobs/derived"),
            ("s3://bucket/prefix?region=x", "s3://bucket/prefix/derived"),
            ("s3://bucket/prefix/", "s3://bucket/prefix/derived"),
            ("gs://bucket", "gs://bucket/derived"),
        ] {
            let folder = given.parse::<BlobUrl>().unwrap().folder("derived");
            assert_eq!(folder.to_string(), expected, "{given}");
            if let BlobUrl::Remote(remote) = folder {
                assert_eq!(
                    remote.options.expose_secret(),
                    given.split_once('?').map_or("", |(_, options)| options)
                );
            }
        }
    }
}
