//! Countries by address, from a file in MaxMind's format such as GeoLite2 Country.

use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::SystemTime;

use delivery::Country;
use maxminddb::{MaxMindDbError, PathElement, Reader, path};

/// Databases of whole cities have tens of megabytes.
const LARGEST: u64 = 1 << 30;

/// Why a file tells no countries.
#[derive(Debug, thiserror::Error)]
pub enum GeoIpError {
    /// It can't be read.
    #[error("`{path}` can't be read: {source}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is no such file.
    #[error("`{path}` is no database in MaxMind's format: {source}")]
    Format {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: MaxMindDbError,
    },
}

/// The file, in memory.
#[derive(Debug)]
pub struct Countries {
    path: PathBuf,
    reader: RwLock<Arc<Reader<Vec<u8>>>>,
    /// Of the file that was read last.
    modified: Mutex<Option<SystemTime>>,
}

impl Countries {
    /// Reads a file.
    pub fn open(path: &Path) -> Result<Self, GeoIpError> {
        let modified = modified(path);
        Ok(Self {
            path: path.to_owned(),
            reader: RwLock::new(Arc::new(read(path)?)),
            modified: Mutex::new(modified),
        })
    }

    /// The country of an address, if the file knows it.
    pub fn of(&self, address: IpAddr) -> Option<Country> {
        let reader = self.reader.read().unwrap_or_else(PoisonError::into_inner).clone();
        let found = reader.lookup(address).ok()?;
        // The first is MaxMind's own and that of most others; IPinfo and a few more write the second.
        let places: [&[PathElement<'_>]; 2] = [&path!["country", "iso_code"], &path!["country_code"]];
        places
            .into_iter()
            .find_map(|place| found.decode_path::<&str>(place).ok().flatten()?.parse().ok())
    }

    /// Reads the file again if it is another one than before. True if it was.
    pub fn renew(&self) -> Result<bool, GeoIpError> {
        let now = modified(&self.path);
        let mut known = self.modified.lock().unwrap_or_else(PoisonError::into_inner);
        if now == *known {
            return Ok(false);
        }
        let reader = Arc::new(read(&self.path)?);
        *self.reader.write().unwrap_or_else(PoisonError::into_inner) = reader;
        *known = now;
        Ok(true)
    }
}

fn modified(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|facts| facts.modified()).ok()
}

fn read(path: &Path) -> Result<Reader<Vec<u8>>, GeoIpError> {
    let unreadable = |source| GeoIpError::Read {
        path: path.to_owned(),
        source,
    };
    if std::fs::metadata(path).map_err(unreadable)?.len() > LARGEST {
        return Err(unreadable(io::Error::other("it is larger than 1 GiB")));
    }
    let bytes = std::fs::read(path).map_err(unreadable)?;
    Reader::from_source(bytes).map_err(|source| GeoIpError::Format {
        path: path.to_owned(),
        source,
    })
}
