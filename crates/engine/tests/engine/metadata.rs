//! What stands beside the pixels, in files made here, byte by byte.

mod files;
mod hash;
mod tiff;

use engine::{Exif, Metadata, metadata_bytes};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value as Json, json};
use transform::Format;

use files::Blocks;
use tiff::Tiff;
use tiff::Value::{Ascii, Byte, Long, Rational, Short, Signed, Undefined};

fn read(file: &[u8]) -> Metadata {
    metadata_bytes(file).expect("a header")
}

/// Every field that the API names, as cameras store it.
fn whole() -> Tiff {
    Tiff {
        big_endian: true,
        image: vec![
            (0x010f, Ascii("Acme")),
            (0x0110, Ascii("Acme One")),
            (0x010e, Ascii("A harbour")),
            (0x013b, Ascii("Ada Example; Ben Example")),
            (0x8298, Ascii("(c) Ada")),
            (0x0112, Short(vec![6])),
            (0x011a, Rational(vec![(300, 1)])),
            (0x011b, Rational(vec![(601, 2)])),
            (0x0128, Short(vec![2])),
            (0x0131, Ascii("Acme 1.0  ")),
            (0x0132, Ascii("2026:01:03 03:04:05")),
            (0x0213, Short(vec![1])),
        ],
        thumbnail: vec![
            (0x0103, Short(vec![6])),
            (0x011a, Rational(vec![(72, 1)])),
            (0x011b, Rational(vec![(72, 1)])),
            (0x0128, Short(vec![2])),
            (0x0201, Long(vec![1000])),
            (0x0202, Long(vec![2000])),
        ],
        exif: vec![
            (0x829a, Rational(vec![(1, 250)])),
            (0x829d, Rational(vec![(56, 10)])),
            (0x8822, Short(vec![2])),
            (0x8827, Short(vec![400, 0])),
            (0x9000, Undefined(b"0221".to_vec())),
            (0x9003, Ascii("2026:01:02 03:04:05")),
            (0x9004, Ascii("2026:01:02 03:04:06")),
            (0x9011, Ascii("+02:00")),
            (0x9201, Signed(vec![(8, 1)])),
            (0x9202, Rational(vec![(497, 100)])),
            (0x9203, Signed(vec![(-25, 10)])),
            (0x9204, Signed(vec![(-1, 3)])),
            (0x9205, Rational(vec![(3, 1)])),
            (0x9207, Short(vec![5])),
            (0x9208, Short(vec![0])),
            (0x9209, Short(vec![16])),
            (0x920a, Rational(vec![(50, 1)])),
            (0x9286, Undefined(b"ASCII\0\0\0hello".to_vec())),
            (0x9290, Ascii("05")),
            (0x9291, Ascii("67")),
            (0x9292, Ascii("890")),
            (0xa000, Undefined(b"0100".to_vec())),
            (0xa001, Short(vec![65535])),
            (0xa002, Long(vec![4000])),
            (0xa003, Short(vec![3000])),
            (0xa20e, Rational(vec![(7049, 2)])),
            (0xa20f, Rational(vec![(3524, 1)])),
            (0xa210, Short(vec![3])),
            (0xa217, Short(vec![2])),
            (0xa301, Undefined(vec![1])),
            (0xa401, Short(vec![0])),
            (0xa402, Short(vec![1])),
            (0xa403, Short(vec![0])),
            (0xa405, Short(vec![75])),
            (0xa406, Short(vec![3])),
            (0xa434, Ascii("Acme 50mm")),
        ],
        gps: vec![
            (0x00, Byte(vec![2, 3, 0, 0])),
            (0x01, Ascii("S")),
            (0x02, Rational(vec![(33, 1), (51, 1), (3538, 100)])),
            (0x03, Ascii("E")),
            (0x04, Rational(vec![(151, 1), (12, 1), (40, 1)])),
            (0x05, Byte(vec![1])),
            (0x06, Rational(vec![(25, 2)])),
            (0x07, Rational(vec![(1, 1), (4, 1), (11, 2)])),
            (0x10, Ascii("T")),
            (0x11, Rational(vec![(905, 10)])),
            (0x1d, Ascii("2026:01:02")),
        ],
        interoperability: vec![(0x0001, Ascii("R98")), (0x0002, Undefined(b"0100".to_vec()))],
    }
}

fn exif_json(exif: &Exif) -> Json {
    json!({
        "image": exif.image, "thumbnail": exif.thumbnail, "exif": exif.exif, "gps": exif.gps,
        "interoperability": exif.interoperability, "makernote": exif.makernote,
    })
}

/// What is read of [`whole`]. Places in the file are as they come.
fn expected(found: &Exif) -> Json {
    json!({
        "image": {
            "Make": "Acme", "Model": "Acme One", "ImageDescription": "A harbour", "Artist": "Ada Example; Ben Example",
            "Copyright": "(c) Ada", "Orientation": 6, "XResolution": 300, "YResolution": 300.5, "ResolutionUnit": 2,
            "Software": "Acme 1.0", "ModifyDate": "2026:01:03 03:04:05", "YCbCrPositioning": 1,
            "ExifOffset": found.image["ExifOffset"], "GPSInfo": found.image["GPSInfo"],
        },
        "thumbnail": {
            "Compression": 6, "XResolution": 72, "YResolution": 72, "ResolutionUnit": 2, "ThumbnailOffset": 1000,
            "ThumbnailLength": 2000,
        },
        "exif": {
            "ExposureTime": 0.004, "FNumber": 5.6, "ExposureProgram": 2, "ISO": 400, "ExifVersion": "0221",
            "DateTimeOriginal": "2026:01:02 03:04:05", "CreateDate": "2026:01:02 03:04:06",
            "OffsetTimeOriginal": "+02:00", "ShutterSpeedValue": 8, "ApertureValue": 4.97, "BrightnessValue": -2.5,
            "ExposureCompensation": -1.0 / 3.0, "MaxApertureValue": 3, "MeteringMode": 5, "LightSource": 0, "Flash": 16,
            "FocalLength": 50, "UserComment": "hello", "SubSecTime": "05", "SubSecTimeOriginal": "67",
            "SubSecTimeDigitized": "890", "FlashpixVersion": "0100", "ColorSpace": 65535, "ExifImageWidth": 4000,
            "ExifImageHeight": 3000, "InteropOffset": found.exif["InteropOffset"], "FocalPlaneXResolution": 3524.5,
            "FocalPlaneYResolution": 3524, "FocalPlaneResolutionUnit": 3, "SensingMethod": 2, "SceneType": "1",
            "CustomRendered": 0, "ExposureMode": 1, "WhiteBalance": 0, "FocalLengthIn35mmFormat": 75,
            "SceneCaptureType": 3, "LensModel": "Acme 50mm",
        },
        "gps": {
            "GPSVersionID": [2, 3, 0, 0], "GPSLatitudeRef": "S", "GPSLatitude": [33, 51, 35.38], "GPSLongitudeRef": "E",
            "GPSLongitude": [151, 12, 40], "GPSAltitudeRef": 1, "GPSAltitude": 12.5, "GPSTimeStamp": [1, 4, 5.5],
            "GPSImgDirectionRef": "T", "GPSImgDirection": 90.5, "GPSDateStamp": "2026:01:02",
        },
        "interoperability": {"InteropIndex": "R98", "InteropVersion": "0100"},
        "makernote": {},
    })
}

#[test]
fn every_field_of_exif_in_every_format() {
    for big_endian in [true, false] {
        let blocks = Blocks {
            exif: Some(Tiff { big_endian, ..whole() }.bytes()),
            ..Blocks::default()
        };
        let cases = [
            (Format::Jpeg, files::jpeg(&blocks)),
            (Format::Png, files::png(&blocks)),
            (Format::Webp, files::webp(&blocks)),
            (Format::Heic, files::heic(&blocks, 0)),
            (Format::Heic, files::heic(&blocks, 1)),
        ];
        for (format, file) in cases {
            let found = read(&file);
            assert_eq!(found.info.format, format);
            assert_eq!(exif_json(&found.exif), expected(&found.exif), "{format:?}");
            assert!(found.exif.image["ExifOffset"].is_u64() && found.exif.image["GPSInfo"].is_u64());
            assert!(found.exif.exif["InteropOffset"].is_u64());
            assert_eq!((found.size, found.density), (file.len() as u64, 300), "{format:?}");
        }
        // Turned upright by then.
        let mut found = read(&files::avif(&blocks)).exif;
        assert_eq!(found.image.insert("Orientation".into(), json!(6)), Some(json!(1)));
        assert_eq!(exif_json(&found), expected(&found));
    }
}

#[test]
fn exif_of_a_tiff_is_the_file() {
    let mut tiff = whole();
    tiff.image.extend([
        (0x0100, Long(vec![40])),
        (0x0101, Short(vec![30])),
        (0x0102, Short(vec![8])),
        (0x0106, Short(vec![1])),
        (33_723, Undefined(records(&[(2, 25, b"sea"), (2, 25, b"dawn")]))),
        (700, Byte(xmp("<dc:title>Harbour</dc:title>").into_bytes())),
    ]);
    let found = read(&tiff.bytes());
    let mut expected = expected(&found.exif);
    // A second page is no thumbnail.
    expected["thumbnail"] = json!({});
    assert_eq!(exif_json(&found.exif), expected);
    assert_eq!((found.info.format, found.info.upright()), (Format::Tiff, (30, 40)));
    assert_eq!(found.keywords, ["sea", "dawn"]);
    assert_eq!(found.embedded["Title"], "Harbour");
}

#[test]
fn exif_for_people() {
    let blocks = Blocks {
        exif: Some(whole().bytes()),
        ..Blocks::default()
    };
    let found = read(&files::jpeg(&blocks));
    let latitude = -(33.0 + 51.0 / 60.0 + 35.38 / 3600.0);
    let longitude = 151.0 + 12.0 / 60.0 + 40.0 / 3600.0;
    assert_eq!(
        Json::from(found.embedded),
        json!({
            "Make": "Acme", "Model": "Acme One", "ImageDescription": "A harbour", "Description": "A harbour",
            "Artist": "Ada Example; Ben Example", "Creator": ["Ada Example", "Ben Example"], "Copyright": "(c) Ada",
            "Orientation": "Rotate 90 CW", "XResolution": 300, "YResolution": 301, "ResolutionUnit": "inches",
            "Software": "Acme 1.0", "ModifyDate": "2026-01-03T03:04:05.050Z", "YCbCrPositioning": "Centered",
            "ExposureTime": "1/250", "FNumber": 5.6, "ExposureProgram": "Program AE", "ISO": 400, "ExifVersion": "0221",
            "DateTimeOriginal": "2026-01-02T01:04:05.670Z", "CreateDate": "2026-01-02T03:04:06.890Z",
            "OffsetTimeOriginal": "+02:00", "ShutterSpeedValue": "1/256", "ApertureValue": 5.6, "BrightnessValue": -2.5,
            "ExposureCompensation": -0.33, "MaxApertureValue": 2.8, "MeteringMode": "Multi-segment",
            "LightSource": "Unknown", "Flash": "Off, Did not fire", "FocalLength": "50.0 mm", "UserComment": "hello",
            "SubSecTime": "05", "SubSecTimeOriginal": "67", "SubSecTimeDigitized": "890", "FlashpixVersion": "0100",
            "ColorSpace": "Uncalibrated", "ExifImageWidth": 4000, "ExifImageHeight": 3000,
            "FocalPlaneXResolution": 3524.5, "FocalPlaneYResolution": 3524, "FocalPlaneResolutionUnit": "cm",
            "SensingMethod": "One-chip color area", "SceneType": "Directly photographed", "CustomRendered": "Normal",
            "ExposureMode": "Manual", "WhiteBalance": "Auto", "FocalLengthIn35mmFormat": "75 mm",
            "SceneCaptureType": "Night", "LensModel": "Acme 50mm",
            "GPSVersionID": "2.3.0.0", "GPSLatitudeRef": "South", "GPSLatitude": latitude, "GPSLongitudeRef": "East",
            "GPSLongitude": longitude, "GPSAltitudeRef": "Below Sea Level", "GPSAltitude": 12.5,
            "GPSImgDirectionRef": "True North", "GPSImgDirection": 90.5, "GPSDateTime": "2026-01-02T01:04:05.500Z",
        })
    );
    assert_eq!(found.taken_at_ms, Some(1_767_315_845_670));
    let place = found.location.expect("a place");
    assert_eq!((place.latitude, place.longitude), (latitude, longitude));
}

/// Fields as odd writers store them, and what is made of each; nothing is of another type than its name promises.
#[test]
fn odd_values() {
    let exif = |tag, value| {
        let tiff = Tiff {
            exif: vec![(tag, value)],
            ..Tiff::default()
        };
        let file = files::png(&Blocks {
            exif: Some(tiff.bytes()),
            ..Blocks::default()
        });
        Json::from(read(&file).exif.exif)
    };
    let cases = [
        // A fraction of nothing, and of nothing at all.
        (0x829a, Rational(vec![(1, 0)]), json!({})),
        (0x829a, Rational(vec![(0, 0)]), json!({})),
        (0x829a, Rational(vec![]), json!({})),
        // Whole numbers stored in other widths and as fractions.
        (0x8827, Long(vec![800]), json!({"ISO": 800})),
        (0x8827, Rational(vec![(1601, 2)]), json!({"ISO": 801})),
        (0xa002, Byte(vec![200]), json!({"ExifImageWidth": 200})),
        (0x920a, Short(vec![50]), json!({"FocalLength": 50})),
        // A text where a number should be, and the other way round.
        (0x8827, Ascii("400"), json!({})),
        (0x9003, Short(vec![2026]), json!({})),
        // Empty, blank, not UTF-8, with control characters.
        (0xa434, Ascii(""), json!({})),
        (0xa434, Ascii("   "), json!({})),
        (
            0xa434,
            Undefined(b"Caf\xe9\0rest".to_vec()),
            json!({"LensModel": "Caf\u{e9}"}),
        ),
        (0xa434, Ascii("a\u{7}b"), json!({"LensModel": "ab"})),
        (0xa434, Undefined(vec![b'x'; 9000]), json!({})),
        (
            0x9286,
            Undefined(b"UNICODE\0\x68\x00\xe9\x00".to_vec()),
            json!({"UserComment": "h\u{e9}"}),
        ),
        (
            0x9286,
            Undefined(b"UNICODE\0\xfe\xff\x00\x68".to_vec()),
            json!({"UserComment": "h"}),
        ),
        (0x9286, Undefined([0; 40].to_vec()), json!({})),
        (
            0x9286,
            Undefined(b"plain text here".to_vec()),
            json!({"UserComment": "plain text here"}),
        ),
        (0x9286, Undefined(b"JIS\0\0\0\0\0\x30\x21".to_vec()), json!({})),
        (0xa301, Byte(vec![1]), json!({"SceneType": "1"})),
        // Too many values to be one.
        (0x9003, Undefined(vec![b'2'; 70_000]), json!({})),
        // Not among the tags.
        (0x9999, Ascii("x"), json!({})),
    ];
    for (tag, value, expected) in cases {
        let what = format!("{tag:x} {value:?}");
        assert_eq!(exif(tag, value), expected, "{what:.60}");
    }
}

#[test]
fn windows_words() {
    let wide = |text: &str| Byte(text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect());
    let tiff = Tiff {
        big_endian: true,
        image: vec![
            (0x9c9b, wide("Titel")),
            (0x9c9d, wide("Ada;Ben")),
            (0x9c9e, wide("sea; dawn;sea;")),
            (0x4746, Short(vec![4])),
        ],
        ..Tiff::default()
    };
    let found = read(&files::png(&Blocks {
        exif: Some(tiff.bytes()),
        ..Blocks::default()
    }));
    assert_eq!(found.keywords, ["sea", "dawn"]);
    let fields = [
        ("Title", json!("Titel")),
        ("Creator", json!(["Ada", "Ben"])),
        ("Keywords", json!(["sea", "dawn"])),
        ("Rating", json!(4)),
    ];
    for (name, expected) in fields {
        assert_eq!(found.embedded[name], expected, "{name}");
    }
}

fn records(records: &[(u8, u8, &[u8])]) -> Vec<u8> {
    let record = |(record, dataset, text): &(u8, u8, &[u8])| {
        let mut bytes = vec![0x1c, *record, *dataset];
        bytes.extend((text.len() as u16).to_be_bytes());
        bytes.extend(*text);
        bytes
    };
    records.iter().flat_map(record).collect()
}

#[test]
fn iptc() {
    let iptc = records(&[
        (1, 90, b"\x1b%G"),
        (2, 0, &[0, 4]),
        (2, 5, "Hafen \u{e9}".as_bytes()),
        (2, 10, b"5"),
        (2, 15, b"TRV"),
        (2, 20, b"ports"),
        (2, 20, b"ships"),
        (2, 25, b"sea"),
        (2, 25, b"dawn"),
        (2, 25, b"sea"),
        (2, 40, b"Handle with care"),
        (2, 55, b"20260102"),
        (2, 60, b"030405+0100"),
        (2, 80, b"Ada"),
        (2, 80, b"Ben"),
        (2, 85, b"Editor"),
        (2, 90, b"Sydney"),
        (2, 92, b"Quay"),
        (2, 95, b"NSW"),
        (2, 100, b"AUS"),
        (2, 101, b"Australia"),
        (2, 103, b"job-7"),
        (2, 105, b"Dawn at the quay"),
        (2, 110, b"Acme"),
        (2, 115, b"Acme Desk"),
        (2, 116, b"(c) Acme"),
        (2, 120, b"Ships in the harbour"),
        (2, 122, b"Cal"),
    ]);
    let found = read(&files::jpeg(&Blocks {
        iptc: Some(iptc),
        ..Blocks::default()
    }));
    assert_eq!(
        Json::from(found.embedded),
        json!({
            "Title": "Hafen \u{e9}", "Urgency": 5, "Category": "TRV", "SupplementalCategories": ["ports", "ships"],
            "Keywords": ["sea", "dawn"], "Instructions": "Handle with care", "DateCreated": "2026-01-02T02:04:05.000Z",
            "DateTimeCreated": "2026-01-02T02:04:05.000Z", "Creator": ["Ada", "Ben"], "AuthorsPosition": "Editor",
            "City": "Sydney", "Location": "Quay", "State": "NSW", "CountryCode": "AUS", "Country": "Australia",
            "TransmissionReference": "job-7", "Headline": "Dawn at the quay", "Credit": "Acme", "Source": "Acme Desk",
            "Copyright": "(c) Acme", "Caption": "Ships in the harbour", "Description": "Ships in the harbour",
            "CaptionWriter": "Cal",
        })
    );
    assert_eq!((found.taken_at_ms, found.location), (None, None));
    // Without a word on the code it is UTF-8 if it can be, else Latin-1.
    for (bytes, expected) in [("caf\u{e9}".as_bytes(), "caf\u{e9}"), (b"caf\xe9", "caf\u{e9}")] {
        let iptc = Some(records(&[(2, 25, bytes)]));
        let found = read(&files::jpeg(&Blocks {
            iptc,
            ..Blocks::default()
        }));
        assert_eq!(found.keywords, [expected]);
    }
}

/// A packet with these properties.
fn xmp(properties: &str) -> String {
    format!(
        r#"<?xpacket begin="{bom}" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmlns:xmpRights="http://ns.adobe.com/xap/1.0/rights/" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"
 xmlns:Iptc4xmpCore="http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/" xmlns:plus="http://ns.useplus.org/ldf/xmp/1.0/"
 xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" xmlns:exif="http://ns.adobe.com/exif/1.0/"
 xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmlns:crs="http://ns.adobe.com/camera-raw-settings/1.0/"
 xmp:Rating="4" crs:Tint="+3">{properties}</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>      "#,
        bom = '\u{feff}'
    )
}

const DESCRIBED: &str = r#"
  <dc:title><rdf:Alt><rdf:li xml:lang="de">Hafen</rdf:li><rdf:li xml:lang="x-default">Harbour</rdf:li></rdf:Alt></dc:title>
  <dc:description><rdf:Alt><rdf:li xml:lang="en">Ships &amp; water</rdf:li></rdf:Alt></dc:description>
  <dc:creator><rdf:Seq><rdf:li>Ada</rdf:li></rdf:Seq></dc:creator>
  <dc:subject><rdf:Bag><rdf:li>sea</rdf:li><rdf:li> dawn </rdf:li><rdf:li>sea</rdf:li></rdf:Bag></dc:subject>
  <dc:rights><rdf:Alt><rdf:li xml:lang="x-default">(c) Ada</rdf:li></rdf:Alt></dc:rights>
  <dc:format>image/jpeg</dc:format>
  <xmp:CreateDate>2026-01-02T03:04:05+01:00</xmp:CreateDate>
  <xmp:MetadataDate>2026-01-05</xmp:MetadataDate>
  <xmpRights:Marked>True</xmpRights:Marked>
  <xmpRights:WebStatement>https://example.org/terms</xmpRights:WebStatement>
  <xmpRights:UsageTerms><rdf:Alt><rdf:li xml:lang="x-default">Ask first</rdf:li></rdf:Alt></xmpRights:UsageTerms>
  <photoshop:DateCreated>2026-01-02T03:04</photoshop:DateCreated>
  <photoshop:City>Sydney</photoshop:City>
  <photoshop:History>saved</photoshop:History>
  <Iptc4xmpCore:CountryCode>AUS</Iptc4xmpCore:CountryCode>
  <Iptc4xmpCore:CreatorContactInfo Iptc4xmpCore:CiAdrCity="Sydney" Iptc4xmpCore:CiEmailWork="ada@example.org"/>
  <Iptc4xmpExt:PersonInImage><rdf:Bag><rdf:li>Ben</rdf:li></rdf:Bag></Iptc4xmpExt:PersonInImage>
  <Iptc4xmpExt:LocationShown><rdf:Bag>
    <rdf:li rdf:parseType="Resource"><Iptc4xmpExt:City>Sydney</Iptc4xmpExt:City>
      <Iptc4xmpExt:CountryName><rdf:Alt><rdf:li xml:lang="x-default">Australia</rdf:li></rdf:Alt></Iptc4xmpExt:CountryName></rdf:li>
    <rdf:li><rdf:Description Iptc4xmpExt:City="Perth"/></rdf:li>
  </rdf:Bag></Iptc4xmpExt:LocationShown>
  <plus:Licensor><rdf:Seq><rdf:li rdf:parseType="Resource"><plus:LicensorName>Acme</plus:LicensorName></rdf:li></rdf:Seq></plus:Licensor>
  <plus:DataMining rdf:resource="http://ns.useplus.org/ldf/vocab/DMI-UNSPECIFIED"/>
"#;

#[test]
fn xmp_in_every_format() {
    let blocks = Blocks {
        xmp: Some(xmp(DESCRIBED)),
        ..Blocks::default()
    };
    let expected = json!({
        "Rating": 4, "Title": "Harbour", "Description": "Ships & water", "Creator": ["Ada"], "Keywords": ["sea", "dawn"],
        "Copyright": "(c) Ada", "CreateDate": "2026-01-02T02:04:05.000Z", "MetadataDate": "2026-01-05T00:00:00.000Z",
        "Marked": true, "WebStatement": "https://example.org/terms", "UsageTerms": "Ask first",
        "DateCreated": "2026-01-02T03:04:00.000Z", "DateTimeCreated": "2026-01-02T03:04:00.000Z", "City": "Sydney",
        "CountryCode": "AUS", "CreatorContactInfo": {"CiAdrCity": "Sydney", "CiEmailWork": "ada@example.org"},
        "PersonInImage": ["Ben"], "LocationShown": [{"City": "Sydney", "CountryName": "Australia"}, {"City": "Perth"}],
        "Licensor": [{"LicensorName": "Acme"}], "DataMining": "http://ns.useplus.org/ldf/vocab/DMI-UNSPECIFIED",
    });
    for file in [
        files::jpeg(&blocks),
        files::png(&blocks),
        files::webp(&blocks),
        files::avif(&blocks),
        files::heic(&blocks, 0),
        files::heic(&blocks, 1),
    ] {
        let found = read(&file);
        assert_eq!(Json::from(found.embedded), expected, "{:?}", found.info.format);
        assert_eq!(found.keywords, ["sea", "dawn"]);
    }
}

#[test]
fn what_cameras_write_as_xmp() {
    let measured = xmp(r#"<tiff:Orientation>6</tiff:Orientation><tiff:Make>Acme</tiff:Make>
        <exif:ExposureTime>1/250</exif:ExposureTime><exif:FNumber>56/10</exif:FNumber>
        <exif:ISOSpeedRatings><rdf:Seq><rdf:li>400</rdf:li></rdf:Seq></exif:ISOSpeedRatings>
        <exif:PixelXDimension>4000</exif:PixelXDimension><exif:ColorSpace>1</exif:ColorSpace>
        <exif:Flash rdf:parseType="Resource"><exif:Fired>False</exif:Fired></exif:Flash>
        <exif:DateTimeOriginal>2026-01-02T03:04:05+01:00</exif:DateTimeOriginal>
        <exif:GPSLatitude>33,51.5S</exif:GPSLatitude><exif:GPSLongitude>151,12,36E</exif:GPSLongitude>"#);
    let found = read(&files::jpeg(&Blocks {
        xmp: Some(measured.clone()),
        ..Blocks::default()
    }));
    let (latitude, longitude) = (-(33.0 + 51.5 / 60.0), 151.0 + 12.0 / 60.0 + 36.0 / 3600.0);
    assert_eq!(
        Json::from(found.embedded),
        json!({
            "Rating": 4, "Orientation": "Rotate 90 CW", "Make": "Acme", "ExposureTime": "1/250", "FNumber": 5.6,
            "ISO": 400, "ExifImageWidth": 4000, "ColorSpace": "sRGB", "DateTimeOriginal": "2026-01-02T02:04:05.000Z",
            "GPSLatitude": latitude, "GPSLongitude": longitude,
        })
    );
    assert_eq!(found.taken_at_ms, Some(1_767_319_445_000));
    assert_eq!(found.location.map(|place| place.latitude), Some(latitude));

    // EXIF itself is believed first.
    let both = read(&files::jpeg(&Blocks {
        exif: Some(whole().bytes()),
        xmp: Some(measured),
        ..Blocks::default()
    }));
    assert_eq!(both.embedded["DateTimeOriginal"], "2026-01-02T01:04:05.670Z");
    assert_eq!(both.taken_at_ms, Some(1_767_315_845_670));
    assert_eq!(both.embedded["ExifImageWidth"], 4000);
}

#[test]
fn descriptions_are_merged() {
    let found = read(&files::jpeg(&Blocks {
        exif: Some(whole().bytes()),
        xmp: Some(xmp(DESCRIBED)),
        iptc: Some(records(&[
            (2, 5, b"IPTC title"),
            (2, 25, b"quay"),
            (2, 25, b"sea"),
            (2, 80, b"Someone"),
            (2, 105, b"Headline"),
            (2, 120, b"IPTC caption"),
        ])),
    }));
    for (name, expected) in [
        ("Title", json!("Harbour")),
        ("Description", json!("Ships & water")),
        ("Caption", json!("IPTC caption")),
        ("ImageDescription", json!("A harbour")),
        ("Creator", json!(["Ada"])),
        ("Copyright", json!("(c) Ada")),
        ("Keywords", json!(["sea", "dawn", "quay"])),
        ("Headline", json!("Headline")),
        ("CreateDate", json!("2026-01-02T03:04:06.890Z")),
    ] {
        assert_eq!(found.embedded[name], expected, "{name}");
    }
}

#[test]
fn what_is_no_xmp() {
    let deep = format!("{}x{}", "<dc:a>".repeat(3000), "</dc:a>".repeat(3000));
    let entity = format!("<!DOCTYPE x [<!ENTITY a \"aaaa\">]>{}", xmp("<dc:title>&a;</dc:title>"));
    let nested = format!(
        "<dc:relation>{}x{}</dc:relation>",
        "<rdf:Bag><rdf:li>".repeat(50),
        "</rdf:li></rdf:Bag>".repeat(50)
    );
    let many = "<dc:title>x</dc:title>".repeat(20_000);
    for packet in [
        String::new(),
        String::from("<rdf:RDF"),
        entity,
        xmp(&many),
        xmp("<dc:title>&a;</dc:title>"),
    ] {
        let found = read(&files::png(&Blocks {
            xmp: Some(packet),
            ..Blocks::default()
        }));
        assert_eq!(Json::from(found.embedded), json!({}));
    }
    for part in [deep, nested] {
        let found = read(&files::png(&Blocks {
            xmp: Some(xmp(&part)),
            ..Blocks::default()
        }));
        assert_eq!(Json::from(found.embedded), json!({"Rating": 4}));
    }
}

#[test]
fn too_much_is_left_out() {
    let word = "w".repeat(7000);
    let many: String = (0..30).map(|n| format!("<plus:P{n}>{n}{word}</plus:P{n}>")).collect();
    let keywords: String = (0..900).map(|n| format!("<rdf:li>k{n}</rdf:li>")).collect();
    let long = format!("<dc:title>{}</dc:title>", "x".repeat(9000));
    let packet = xmp(&format!(
        "{many}{long}<dc:subject><rdf:Bag>{keywords}</rdf:Bag></dc:subject>"
    ));
    let found = read(&files::png(&Blocks {
        xmp: Some(packet),
        ..Blocks::default()
    }));
    assert_eq!(found.keywords.len(), 500);
    assert!(!found.embedded.contains_key("Title"));
    assert!(Json::from(found.embedded.clone()).to_string().len() < 70_000);
    assert!(found.embedded.len() > 5, "only the largest go");
}

#[test]
fn density_and_resolution() {
    let plain = files::plain_jpeg();
    // Length, name, version, then the unit and both densities.
    assert_eq!(&plain[6..11], b"JFIF\0");
    let jfif = |unit: u8, x: u16, y: u16| {
        let mut file = plain.clone();
        file[13] = unit;
        file[14..16].copy_from_slice(&x.to_be_bytes());
        file[16..18].copy_from_slice(&y.to_be_bytes());
        file
    };
    let physical = |unit, x, y| {
        crate::sample::png_with(1, 1, png::ColorType::Grayscale, png::BitDepth::Eight, &[7], |info| {
            info.pixel_dims = Some(png::PixelDimensions { xppu: x, yppu: y, unit });
        })
    };
    let words = |x, y| json!({"XResolution": x, "YResolution": y, "ResolutionUnit": "inches"});
    let cases = [
        (jfif(1, 300, 200), 300, words(300, 200)),
        (jfif(2, 100, 100), 254, words(254, 254)),
        (jfif(0, 4, 3), 72, json!({})),
        (jfif(1, 0, 0), 72, json!({})),
        (physical(png::Unit::Meter, 11_811, 2835), 300, words(300, 72)),
        (physical(png::Unit::Unspecified, 4, 3), 72, json!({})),
    ];
    for (file, density, expected) in cases {
        let found = read(&file);
        assert_eq!((found.density, Json::from(found.embedded)), (density, expected));
    }
}

#[test]
fn quality_profile_and_transparency() {
    let jpeg = read(&files::plain_jpeg());
    assert_eq!(
        (jpeg.info.quality, jpeg.has_color_profile, jpeg.info.has_alpha),
        (Some(90), false, false)
    );
    assert_eq!(exif_json(&jpeg.exif), exif_json(&Exif::default()));

    let profile = moxcms::ColorProfile::new_display_p3().encode().expect("a profile");
    let png = crate::sample::png_with(1, 1, png::ColorType::Rgba, png::BitDepth::Eight, &[0; 4], |info| {
        info.icc_profile = Some(profile.into());
    });
    let found = read(&png);
    assert_eq!(
        (found.info.quality, found.has_color_profile, found.info.has_alpha),
        (None, true, true)
    );
    assert_eq!(Json::from(found.embedded), json!({"ProfileDescription": "Display P3"}));
}

/// A directory that points at itself, counts more than there are, or lies outside.
#[test]
fn broken_structures() {
    let mut looped = whole().bytes();
    let first = u32::from_be_bytes(looped[4..8].try_into().expect("four bytes")) as usize;
    let count = usize::from(u16::from_be_bytes(
        looped[first..first + 2].try_into().expect("two bytes"),
    ));
    looped.truncate(first + 2 + count * 12);
    looped.extend((first as u32).to_be_bytes());
    let mut endless = looped.clone();
    endless[first..first + 2].copy_from_slice(&[0xff, 0xff]);
    let mut outside = looped.clone();
    outside[4..8].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff]);
    for (exif, has_make) in [
        (looped, true),
        (endless, true),
        (outside, false),
        (b"MM\0*".to_vec(), false),
    ] {
        let found = read(&files::jpeg(&Blocks {
            exif: Some(exif),
            ..Blocks::default()
        }));
        assert_eq!(found.exif.image.contains_key("Make"), has_make);
    }
}

#[test]
fn mutations() {
    let blocks = Blocks {
        exif: Some(whole().bytes()),
        xmp: Some(xmp(DESCRIBED)),
        iptc: Some(records(&[
            (1, 90, b"\x1b%G"),
            (2, 25, b"sea"),
            (2, 55, b"20260102"),
            (2, 60, b"030405+0100"),
        ])),
    };
    let mut tiff = whole();
    tiff.image.extend([
        (0x0100, Long(vec![40])),
        (0x0101, Short(vec![30])),
        (0x0106, Short(vec![1])),
    ]);
    let seeds = [
        files::jpeg(&blocks),
        files::png(&blocks),
        files::webp(&blocks),
        files::avif(&blocks),
        files::heic(&blocks, 0),
        files::heic(&blocks, 1),
        tiff.bytes(),
    ];
    let mut random = StdRng::seed_from_u64(12);
    let (mut read, mut said) = (0, 0);
    for seed in seeds {
        for _ in 0..3000 {
            let mut file = seed.clone();
            for _ in 0..random.random_range(1..6) {
                let at = random.random_range(0..file.len());
                match random.random_range(0..6) {
                    0 => file[at] = random.random(),
                    1 => file[at] ^= 1 << random.random_range(0..8),
                    2 if random.random_bool(0.2) => file.truncate(at.max(1)),
                    3 => file.insert(at, random.random()),
                    4 => {
                        let end = (at + random.random_range(1..9)).min(file.len());
                        file[at..end].fill([0x00, 0xff, 0x7f, 0x80][random.random_range(0..4)]);
                    }
                    _ => {
                        let end = (at + random.random_range(1..40)).min(file.len());
                        file.drain(at..end);
                        file.push(0);
                    }
                }
            }
            let Ok(found) = metadata_bytes(&file) else { continue };
            read += 1;
            said += usize::from(!found.embedded.is_empty());
            sound(&found);
        }
    }
    assert!(read > 5000 && said > 3000, "{read} headers, {said} with metadata");
}

/// What holds of any file: types, sizes, ranges.
fn sound(found: &Metadata) {
    for name in ["Orientation", "ResolutionUnit", "ExifOffset"] {
        assert!(
            found
                .exif
                .image
                .get(name)
                .is_none_or(|value| value.is_i64() || value.is_u64()),
            "{name}"
        );
    }
    for name in ["ISO", "Flash", "ExifImageWidth"] {
        assert!(
            found
                .exif
                .exif
                .get(name)
                .is_none_or(|value| value.is_i64() || value.is_u64()),
            "{name}"
        );
    }
    for name in ["ExposureTime", "FNumber"] {
        assert!(found.exif.exif.get(name).is_none_or(Json::is_number), "{name}");
    }
    for name in ["GPSLatitude", "GPSTimeStamp"] {
        assert!(
            found
                .exif
                .gps
                .get(name)
                .is_none_or(|value| value.as_array().is_some_and(|parts| parts.len() == 3))
        );
    }
    for name in ["XResolution", "YResolution"] {
        assert!(found.embedded.get(name).is_none_or(Json::is_i64), "{name}");
    }
    for name in ["DateTimeOriginal", "DateCreated", "DateTimeCreated"] {
        let is_moment = |value: &Json| {
            value
                .as_str()
                .is_some_and(|text| text.len() == 24 && text.ends_with('Z'))
        };
        assert!(found.embedded.get(name).is_none_or(is_moment), "{name}");
    }
    if let Some(place) = found.location {
        assert!(place.latitude.abs() <= 90.0 && place.longitude.abs() <= 180.0);
    }
    assert!(Json::from(found.embedded.clone()).to_string().len() < 70_000);
}
