use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};

use transform::Format;

use crate::ProbeError;

/// Bytes that a look at a header may read. Generous: metadata comes before pixels in some formats, and counting the
/// frames of a GIF walks over all of them.
const MAX_READ: u64 = 32 << 20;
/// The largest block of metadata that is taken into memory.
const MAX_BLOCK: u64 = 16 << 20;
/// Bytes that are read at once.
const BUFFER: usize = 8 << 10;

/// Reads a header front to back, and skips without reading.
pub(crate) struct Reader<'a> {
    inner: BufReader<&'a mut dyn ReadSeek>,
    length: u64,
    position: u64,
    read: u64,
}

pub(crate) trait ReadSeek: Read + Seek {}
impl<T: Read + Seek> ReadSeek for T {}

/// Why a header could not be read, before it is known whose header it is.
pub(crate) enum Stop {
    Io(std::io::Error),
    /// The file ends inside its header.
    End,
    /// More bytes than a header may take.
    Limit,
    Broken(&'static str),
}

impl Stop {
    /// The same, said of a format.
    pub fn of(self, format: Format) -> ProbeError {
        match self {
            Self::Io(error) => ProbeError::Io(error),
            Self::End => ProbeError::Malformed {
                format,
                what: "the file ends inside it",
            },
            Self::Limit => ProbeError::Malformed {
                format,
                what: "it is too long",
            },
            Self::Broken(what) => ProbeError::Malformed { format, what },
        }
    }
}

impl<'a> Reader<'a> {
    pub fn new(source: &'a mut dyn ReadSeek) -> Result<Self, ProbeError> {
        let length = source.seek(SeekFrom::End(0)).map_err(ProbeError::Io)?;
        source.rewind().map_err(ProbeError::Io)?;
        Ok(Self {
            inner: BufReader::with_capacity(BUFFER, source),
            length,
            position: 0,
            read: 0,
        })
    }

    /// The first bytes, without taking them.
    pub fn peek(&mut self) -> Result<&[u8], ProbeError> {
        self.inner.fill_buf().map_err(ProbeError::Io)
    }

    pub fn position(&self) -> u64 {
        self.position
    }

    pub fn left(&self) -> u64 {
        self.length.saturating_sub(self.position)
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Stop> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    pub fn u8(&mut self) -> Result<u8, Stop> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub fn u16_be(&mut self) -> Result<u16, Stop> {
        self.array().map(u16::from_be_bytes)
    }

    pub fn u16_le(&mut self) -> Result<u16, Stop> {
        self.array().map(u16::from_le_bytes)
    }

    pub fn u32_be(&mut self) -> Result<u32, Stop> {
        self.array().map(u32::from_be_bytes)
    }

    pub fn u32_le(&mut self) -> Result<u32, Stop> {
        self.array().map(u32::from_le_bytes)
    }

    /// A block into memory.
    pub fn block(&mut self, length: u64) -> Result<Vec<u8>, Stop> {
        if length > self.left() {
            return Err(Stop::End);
        }
        if length > MAX_BLOCK {
            return Err(Stop::Limit);
        }
        let mut bytes = vec![0; usize::try_from(length).map_err(|_| Stop::Limit)?];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    /// Over a block, which has to be there.
    pub fn skip(&mut self, length: u64) -> Result<(), Stop> {
        if length > self.left() {
            return Err(Stop::End);
        }
        let offset = i64::try_from(length).map_err(|_| Stop::Limit)?;
        self.inner.seek_relative(offset).map_err(Stop::Io)?;
        self.position += length;
        Ok(())
    }

    /// To a place counted from the start, for formats whose parts point at each other.
    pub fn seek(&mut self, to: u64) -> Result<(), Stop> {
        if to > self.length {
            return Err(Stop::End);
        }
        let offset = i64::try_from(to).and_then(|to| Ok(to - i64::try_from(self.position)?));
        self.inner
            .seek_relative(offset.map_err(|_| Stop::Limit)?)
            .map_err(Stop::Io)?;
        self.position = to;
        Ok(())
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Stop> {
        let length = bytes.len() as u64;
        if length > self.left() {
            return Err(Stop::End);
        }
        self.read += length;
        if self.read > MAX_READ {
            return Err(Stop::Limit);
        }
        self.inner.read_exact(bytes).map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => Stop::End,
            _ => Stop::Io(error),
        })?;
        self.position += length;
        Ok(())
    }
}
