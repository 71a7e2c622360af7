//! IPTC-IIM: records of texts, in the Photoshop image resource of that number.

use super::{MAX_ITEMS, text, text_of};

/// Resources that are gone over.
const MAX_RESOURCES: usize = 1000;
/// Records that are read.
const MAX_RECORDS: usize = 2000;

/// The texts of the application record (IIM 4.2, record 2), under the names that the same facts have in XMP.
#[derive(Debug, Default)]
pub(super) struct Iptc {
    pub texts: Vec<(&'static str, String)>,
    pub keywords: Vec<String>,
    pub creators: Vec<String>,
    pub categories: Vec<String>,
    pub date_created: Option<String>,
    pub time_created: Option<String>,
}

/// Of Photoshop image resources.
pub(super) fn read(resources: &[u8]) -> Iptc {
    let mut iptc = Iptc::default();
    if let Some(records) = records(resources) {
        iptc.take(records);
    }
    iptc
}

/// The resource that holds IPTC records.
fn records(mut bytes: &[u8]) -> Option<&[u8]> {
    const IPTC: [u8; 2] = [0x04, 0x04];
    for _ in 0..MAX_RESOURCES {
        let rest = bytes.strip_prefix(b"8BIM")?;
        let (id, rest) = rest.split_first_chunk::<2>()?;
        // A name, filled up to an even number of bytes with its length.
        let name = (usize::from(*rest.first()?) + 1).next_multiple_of(2);
        let (length, rest) = rest.get(name..)?.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let data = &rest[..length.min(rest.len())];
        if *id == IPTC {
            return Some(data);
        }
        bytes = rest.get(length.checked_next_multiple_of(2)?..)?;
    }
    None
}

impl Iptc {
    fn take(&mut self, mut bytes: &[u8]) {
        let mut utf8 = false;
        for _ in 0..MAX_RECORDS {
            let [0x1c, record, dataset, high, low, rest @ ..] = bytes else {
                return;
            };
            // The highest bit says that what follows is the length of a longer length; nobody writes texts so long.
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            let Some((data, rest)) = rest.split_at_checked(length) else {
                return;
            };
            bytes = rest;
            match (record, dataset) {
                // The escape sequence for UTF-8.
                (1, 90) => utf8 = data == b"\x1b%G",
                (2, dataset) => self.set(*dataset, data, utf8),
                _ => {}
            }
        }
    }

    fn set(&mut self, dataset: u8, data: &[u8], utf8: bool) {
        let found = if utf8 {
            text(&String::from_utf8_lossy(data))
        } else {
            text_of(data)
        };
        let Some(found) = found else { return };
        let list = |list: &mut Vec<String>, found| {
            if list.len() < MAX_ITEMS {
                list.push(found);
            }
        };
        let name = match dataset {
            5 => "Title",
            10 => "Urgency",
            15 => "Category",
            20 => return list(&mut self.categories, found),
            25 => return list(&mut self.keywords, found),
            40 => "Instructions",
            55 => return self.date_created = Some(found),
            60 => return self.time_created = Some(found),
            80 => return list(&mut self.creators, found),
            85 => "AuthorsPosition",
            90 => "City",
            92 => "Location",
            95 => "State",
            100 => "CountryCode",
            101 => "Country",
            103 => "TransmissionReference",
            105 => "Headline",
            110 => "Credit",
            115 => "Source",
            116 => "Copyright",
            120 => "Caption",
            122 => "CaptionWriter",
            _ => return,
        };
        self.texts.push((name, found));
    }
}
