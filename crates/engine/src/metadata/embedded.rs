//! EXIF, IPTC and XMP merged into one object for people. Descriptions are taken from XMP before IPTC before EXIF, for the
//! newer can say more; what the camera measured is taken from EXIF.

use serde_json::{Map, Value};

use super::dates::Moment;
use super::exif::Exif;
use super::iptc::Iptc;
use super::readable::readable;
use super::xmp::{Property, Vocabulary, pascal};
use super::{Location, MAX_ITEMS, number};
use crate::probe::Resolution;

/// The longest keyword, in bytes.
const MAX_KEYWORD: usize = 256;
/// Bytes of the whole object as JSON, about.
const MAX_BYTES: usize = 64 << 10;

pub(super) struct Parts<'a> {
    pub exif: &'a Exif,
    pub iptc: Iptc,
    pub xmp: Vec<Property>,
    pub resolution: Option<Resolution>,
    /// What the colour profile calls itself.
    pub profile: Option<String>,
}

pub(super) struct Embedded {
    pub fields: Map<String, Value>,
    pub keywords: Vec<String>,
    pub taken_at_ms: Option<i64>,
    pub location: Option<Location>,
}

pub(super) fn merge(parts: Parts) -> Embedded {
    let Parts {
        exif,
        iptc,
        xmp,
        resolution,
        profile,
    } = parts;
    let mut fields = Map::new();
    let mut keywords = Keywords::default();
    let mut measured = Vec::new();
    for (vocabulary, name, value) in xmp {
        match (vocabulary, name.as_str()) {
            (Vocabulary::DublinCore, "subject") => keywords.of_xmp(value),
            (Vocabulary::Technical, _) => measured.push((name, value)),
            _ => {
                if let Some((name, value)) = described(vocabulary, &name, value) {
                    fields.entry(name).or_insert(value);
                }
            }
        }
    }
    of_iptc(&mut fields, &mut keywords, iptc);
    let taken = of_exif(&mut fields, &mut keywords, exif);
    let from_xmp = of_measured(&mut fields, measured);

    if let Some(resolution) = resolution.filter(|_| !fields.contains_key("XResolution")) {
        fields.insert("XResolution".into(), Value::from(resolution.x.round() as i64));
        fields.insert("YResolution".into(), Value::from(resolution.y.round() as i64));
        fields.insert("ResolutionUnit".into(), Value::from("inches"));
    }
    if let Some(profile) = profile {
        fields.insert("ProfileDescription".into(), Value::from(profile));
    }
    let keywords = keywords.words;
    if !keywords.is_empty() {
        fields.insert("Keywords".into(), Value::from(keywords.clone()));
    }
    let location = location(&exif.gps).or(from_xmp.location);
    if let Some(Location { latitude, longitude }) = location {
        fields.insert("GPSLatitude".into(), Value::from(latitude));
        fields.insert("GPSLongitude".into(), Value::from(longitude));
    }
    let taken = taken.or(from_xmp.taken);
    bound(&mut fields);
    Embedded {
        fields,
        keywords,
        taken_at_ms: taken.map(Moment::millis),
        location,
    }
}

/// Each once, in the order in which they come.
#[derive(Default)]
struct Keywords {
    words: Vec<String>,
}

impl Keywords {
    fn add(&mut self, word: &str) {
        let word = word.trim();
        let fits = !word.is_empty() && word.len() <= MAX_KEYWORD && self.words.len() < MAX_ITEMS;
        if fits && !self.words.iter().any(|known| known == word) {
            self.words.push(word.to_owned());
        }
    }

    fn of_xmp(&mut self, value: Value) {
        match value {
            Value::Array(words) => words.iter().filter_map(Value::as_str).for_each(|word| self.add(word)),
            Value::String(word) => self.add(&word),
            _ => {}
        }
    }
}

/// A property that somebody wrote, under the name and with the type that it has here; none for what is of no use outside of
/// the program that wrote it.
fn described(vocabulary: Vocabulary, name: &str, value: Value) -> Option<(String, Value)> {
    let is_noise = match vocabulary {
        Vocabulary::DublinCore => name == "format",
        Vocabulary::Basic => matches!(name, "Thumbnails" | "BaseURL" | "Identifier" | "PageInfo"),
        Vocabulary::Photoshop => !matches!(
            name,
            "AuthorsPosition"
                | "CaptionWriter"
                | "Category"
                | "City"
                | "Country"
                | "Credit"
                | "DateCreated"
                | "Headline"
                | "Instructions"
                | "Source"
                | "State"
                | "SupplementalCategories"
                | "TransmissionReference"
                | "Urgency"
        ),
        Vocabulary::Rights | Vocabulary::Described | Vocabulary::Technical => false,
    };
    if is_noise {
        return None;
    }
    let name = match (vocabulary, name) {
        (Vocabulary::DublinCore, "rights") => String::from("Copyright"),
        (Vocabulary::Rights, "Owner") => String::from("RightsOwner"),
        _ => pascal(name),
    };
    let value = match (name.as_str(), value) {
        ("Creator" | "SupplementalCategories" | "PersonInImage", Value::String(one)) => Value::from(vec![one]),
        ("Rating" | "Urgency", Value::String(text)) => number(text.parse().ok()?)?,
        ("Marked", Value::String(text)) => Value::from(text.eq_ignore_ascii_case("true")),
        ("CreateDate" | "ModifyDate" | "MetadataDate" | "DateCreated", value) => {
            Value::from(Moment::parse(value.as_str()?, None, None)?.iso())
        }
        (_, value) => value,
    };
    Some((name, value))
}

fn of_iptc(fields: &mut Map<String, Value>, keywords: &mut Keywords, iptc: Iptc) {
    iptc.keywords.iter().for_each(|word| keywords.add(word));
    for (name, text) in iptc.texts {
        let value = match name {
            "Urgency" => match text.parse().ok().and_then(number) {
                Some(number) => number,
                None => continue,
            },
            "Caption" => {
                fields.entry("Description").or_insert_with(|| Value::from(text.clone()));
                Value::from(text)
            }
            _ => Value::from(text),
        };
        fields.entry(name).or_insert(value);
    }
    for (name, list) in [("Creator", iptc.creators), ("SupplementalCategories", iptc.categories)] {
        if !list.is_empty() {
            fields.entry(name).or_insert_with(|| Value::from(list));
        }
    }
    let created = iptc
        .date_created
        .and_then(|date| Moment::of_iptc(&date, iptc.time_created.as_deref()));
    if let Some(created) = created {
        fields
            .entry("DateCreated")
            .or_insert_with(|| Value::from(created.iso()));
    }
    if let Some(created) = fields.get("DateCreated").cloned() {
        fields.insert("DateTimeCreated".into(), created);
    }
}

/// Everything of EXIF; returns when it was taken.
fn of_exif(fields: &mut Map<String, Value>, keywords: &mut Keywords, exif: &Exif) -> Option<Moment> {
    let text = |name: &str| exif.exif.get(name).and_then(Value::as_str);
    let mut taken = None;
    for (name, value) in exif.image.iter().chain(&exif.exif).chain(&exif.gps) {
        let (fraction, offset) = match name.as_str() {
            "DateTimeOriginal" => ("SubSecTimeOriginal", "OffsetTimeOriginal"),
            "CreateDate" => ("SubSecTimeDigitized", "OffsetTimeDigitized"),
            "ModifyDate" => ("SubSecTime", "OffsetTime"),
            _ => ("", ""),
        };
        let value = match name.as_str() {
            "DateTimeOriginal" | "CreateDate" | "ModifyDate" => {
                let moment = value
                    .as_str()
                    .and_then(|date| Moment::parse(date, text(fraction), text(offset)));
                let Some(moment) = moment else { continue };
                if name == "DateTimeOriginal" {
                    taken = Some(moment);
                }
                Value::from(moment.iso())
            }
            // Told together, below and as a location.
            "GPSTimeStamp" | "GPSDateStamp" | "GPSLatitude" | "GPSLongitude" => continue,
            "XPKeywords" => {
                // Windows adds what the others have.
                if keywords.words.is_empty() {
                    value
                        .as_str()
                        .unwrap_or_default()
                        .split(';')
                        .for_each(|word| keywords.add(word));
                }
                continue;
            }
            "Copyright" | "Rating" => {
                fields.entry(name).or_insert_with(|| value.clone());
                continue;
            }
            name => match readable(name, value) {
                Some(value) => value,
                None => continue,
            },
        };
        fields.insert(name.clone(), value);
    }
    for (name, from) in [("Description", "ImageDescription"), ("Title", "XPTitle")] {
        if let Some(value) = exif.image.get(from) {
            fields.entry(name).or_insert_with(|| value.clone());
        }
    }
    if let Some(author) = exif
        .image
        .get("Artist")
        .or(exif.image.get("XPAuthor"))
        .and_then(Value::as_str)
    {
        let people: Vec<&str> = author
            .split(';')
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .collect();
        if !people.is_empty() {
            fields.entry("Creator").or_insert_with(|| Value::from(people));
        }
    }
    if let Some(moment) = gps_moment(&exif.gps) {
        fields.insert("GPSDateTime".into(), Value::from(moment.iso()));
    }
    taken
}

struct Measured {
    taken: Option<Moment>,
    location: Option<Location>,
}

/// What a camera's XMP says beyond EXIF.
fn of_measured(fields: &mut Map<String, Value>, properties: Vec<(String, Value)>) -> Measured {
    let mut taken = None;
    let (mut latitude, mut longitude) = (None, None);
    for (name, value) in properties {
        let name = match name.as_str() {
            "PixelXDimension" => "ExifImageWidth",
            "PixelYDimension" => "ExifImageHeight",
            "ISOSpeedRatings" | "PhotographicSensitivity" => "ISO",
            "ExposureBiasValue" => "ExposureCompensation",
            "DateTimeDigitized" => "CreateDate",
            "DateTime" => "ModifyDate",
            "FocalLengthIn35mmFilm" => "FocalLengthIn35mmFormat",
            "BodySerialNumber" => "SerialNumber",
            // The picture's own header knows better.
            "ImageWidth" | "ImageLength" | "BitsPerSample" | "NativeDigest" | "Compression" | "SamplesPerPixel"
            | "LensInfo" => continue,
            "Make" | "Model" | "Software" | "Artist" | "Copyright" | "ImageDescription" | "UserComment"
            | "ExifVersion" | "FlashpixVersion" | "LensModel" | "LensMake" | "LensSerialNumber" | "Lens"
            | "ImageNumber" | "CameraOwnerName" => {
                fields.entry(pascal(&name)).or_insert(value);
                continue;
            }
            other => other,
        };
        let value = match value {
            Value::Array(values) => values.into_iter().next().unwrap_or_default(),
            value => value,
        };
        // A structure, as a flash is here.
        let Some(text) = value.as_str() else { continue };
        let value = match name {
            "GPSLatitude" => {
                latitude = latitude.or(degrees(text));
                continue;
            }
            "GPSLongitude" => {
                longitude = longitude.or(degrees(text));
                continue;
            }
            "DateTimeOriginal" | "CreateDate" | "ModifyDate" | "GPSTimeStamp" => {
                let Some(moment) = Moment::parse(text, None, None) else {
                    continue;
                };
                if name == "DateTimeOriginal" {
                    taken = taken.or(Some(moment));
                }
                let name = if name == "GPSTimeStamp" { "GPSDateTime" } else { name };
                fields.entry(name).or_insert_with(|| Value::from(moment.iso()));
                continue;
            }
            name => match fraction(text).and_then(number) {
                Some(number) => readable(name, &number),
                None => readable(name, &value),
            },
        };
        if let Some(value) = value {
            fields.entry(pascal(name)).or_insert(value);
        }
    }
    Measured {
        taken,
        location: latitude
            .zip(longitude)
            .and_then(|(latitude, longitude)| Location::new(latitude, longitude)),
    }
}

/// `28/10` or `2.8`.
fn fraction(text: &str) -> Option<f64> {
    match text.split_once('/') {
        Some((above, below)) => Some(above.parse::<f64>().ok()? / below.parse::<f64>().ok()?),
        None => text.parse().ok(),
    }
}

/// `51,30.5N` or `51,30,30N`.
fn degrees(text: &str) -> Option<f64> {
    let (number, direction) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let sign = match direction {
        "N" | "E" => 1.0,
        "S" | "W" => -1.0,
        _ => return None,
    };
    let mut sum = 0.0;
    for (part, size) in number.split(',').zip([1.0, 60.0, 3600.0]) {
        sum += part.trim().parse::<f64>().ok()? / size;
    }
    Some(sign * sum)
}

fn location(gps: &Map<String, Value>) -> Option<Location> {
    let angle = |name: &str, reference: &str, negative: &str| {
        let parts = gps.get(name)?.as_array()?;
        let sum = parts
            .iter()
            .zip([1.0, 60.0, 3600.0])
            .try_fold(0.0, |sum, (part, size)| Some(sum + part.as_f64()? / size))?;
        let direction = gps.get(reference).and_then(Value::as_str).unwrap_or_default();
        Some(if direction.eq_ignore_ascii_case(negative) {
            -sum
        } else {
            sum
        })
    };
    let latitude = angle("GPSLatitude", "GPSLatitudeRef", "S")?;
    let longitude = angle("GPSLongitude", "GPSLongitudeRef", "W")?;
    Location::new(latitude, longitude)
}

/// GPS counts in UTC, its date and its hours apart.
fn gps_moment(gps: &Map<String, Value>) -> Option<Moment> {
    let date = gps.get("GPSDateStamp")?.as_str()?;
    let parts = gps.get("GPSTimeStamp")?.as_array()?;
    let [hours, minutes, seconds] = parts.as_slice() else {
        return None;
    };
    let (hours, minutes, seconds) = (hours.as_f64()?, minutes.as_f64()?, seconds.as_f64()?);
    Moment::parse(
        &format!("{date} {hours:02.0}:{minutes:02.0}:{seconds:06.3}"),
        None,
        None,
    )
}

/// Leaves out the largest fields until the rest is of a reasonable size.
fn bound(fields: &mut Map<String, Value>) {
    let mut sizes: Vec<(usize, String)> = fields
        .iter()
        .map(|(name, value)| (name.len() + value.to_string().len() + 4, name.clone()))
        .collect();
    let mut whole: usize = sizes.iter().map(|(size, _)| size).sum();
    sizes.sort_unstable();
    while whole > MAX_BYTES
        && let Some((size, name)) = sizes.pop()
    {
        whole -= size;
        fields.remove(&name);
    }
}
