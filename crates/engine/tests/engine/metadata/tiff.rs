//! A TIFF structure, field by field: what EXIF is stored as.

/// The value of a field.
#[derive(Debug, Clone)]
pub enum Value {
    Byte(Vec<u8>),
    Ascii(&'static str),
    Short(Vec<u16>),
    Long(Vec<u32>),
    Rational(Vec<(u32, u32)>),
    Undefined(Vec<u8>),
    Signed(Vec<(i32, i32)>),
}

pub type Fields = Vec<(u16, Value)>;

/// A structure's directories; an empty one is left out, with what points at it.
#[derive(Debug, Clone, Default)]
pub struct Tiff {
    pub big_endian: bool,
    pub image: Fields,
    pub thumbnail: Fields,
    pub exif: Fields,
    pub gps: Fields,
    pub interoperability: Fields,
}

impl Tiff {
    pub fn bytes(&self) -> Vec<u8> {
        let mut file = if self.big_endian {
            b"MM\0*".to_vec()
        } else {
            b"II*\0".to_vec()
        };
        file.extend([0; 4]);
        let mut exif = self.exif.clone();
        if !self.interoperability.is_empty() {
            let at = self.directory(&mut file, &self.interoperability, 0);
            exif.push((0xa005, Value::Long(vec![at])));
        }
        let mut image = self.image.clone();
        if !exif.is_empty() {
            let at = self.directory(&mut file, &exif, 0);
            image.push((0x8769, Value::Long(vec![at])));
        }
        if !self.gps.is_empty() {
            let at = self.directory(&mut file, &self.gps, 0);
            image.push((0x8825, Value::Long(vec![at])));
        }
        let next = if self.thumbnail.is_empty() {
            0
        } else {
            self.directory(&mut file, &self.thumbnail, 0)
        };
        let first = self.directory(&mut file, &image, next);
        file[4..8].copy_from_slice(&self.long(first));
        file
    }

    /// Writes values, then their directory, and says where that is.
    fn directory(&self, file: &mut Vec<u8>, fields: &Fields, next: u32) -> u32 {
        let mut entries = Vec::new();
        let mut fields = fields.clone();
        fields.sort_by_key(|(tag, _)| *tag);
        for (tag, value) in &fields {
            let (kind, count, bytes) = self.stored(value);
            entries.extend(self.short(*tag));
            entries.extend(self.short(kind));
            entries.extend(self.long(count as u32));
            if bytes.len() <= 4 {
                entries.extend(bytes.iter().copied().chain([0; 4]).take(4));
            } else {
                file.resize(file.len().next_multiple_of(2), 0);
                entries.extend(self.long(file.len() as u32));
                file.extend(bytes);
            }
        }
        file.resize(file.len().next_multiple_of(2), 0);
        let at = file.len() as u32;
        file.extend(self.short(fields.len() as u16));
        file.extend(entries);
        file.extend(self.long(next));
        at
    }

    fn stored(&self, value: &Value) -> (u16, usize, Vec<u8>) {
        let pairs = |pairs: &[(u32, u32)]| {
            pairs
                .iter()
                .flat_map(|(a, b)| [self.long(*a), self.long(*b)])
                .flatten()
                .collect()
        };
        match value {
            Value::Byte(bytes) => (1, bytes.len(), bytes.clone()),
            Value::Ascii(text) => (2, text.len() + 1, [text.as_bytes(), b"\0"].concat()),
            Value::Short(values) => (3, values.len(), values.iter().flat_map(|v| self.short(*v)).collect()),
            Value::Long(values) => (4, values.len(), values.iter().flat_map(|v| self.long(*v)).collect()),
            Value::Rational(values) => (5, values.len(), pairs(values)),
            Value::Undefined(bytes) => (7, bytes.len(), bytes.clone()),
            Value::Signed(values) => {
                let values: Vec<_> = values.iter().map(|(a, b)| (*a as u32, *b as u32)).collect();
                (10, values.len(), pairs(&values))
            }
        }
    }

    fn short(&self, value: u16) -> [u8; 2] {
        if self.big_endian {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    }

    fn long(&self, value: u32) -> [u8; 4] {
        if self.big_endian {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    }
}
