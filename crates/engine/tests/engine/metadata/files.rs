//! The same blocks of metadata in each kind of file.

use transform::{Encoding, Format};

use crate::sample::{Raster, convert, encoding, jpeg_with_orientation, png_with};

/// What goes into a file beside its pixels.
#[derive(Default, Clone)]
pub struct Blocks {
    pub exif: Option<Vec<u8>>,
    pub xmp: Option<String>,
    /// IPTC records, without a resource around them.
    pub iptc: Option<Vec<u8>>,
}

/// A JPEG of 16 x 16 at quality 90, with blocks in their segments.
pub fn jpeg(blocks: &Blocks) -> Vec<u8> {
    let mut file = plain_jpeg();
    let mut segments = Vec::new();
    let mut segment = |marker: u8, parts: &[&[u8]]| {
        let payload = parts.concat();
        segments.extend([0xff, marker]);
        segments.extend((payload.len() as u16 + 2).to_be_bytes());
        segments.extend(payload);
    };
    if let Some(exif) = &blocks.exif {
        segment(0xe1, &[b"Exif\0\0", exif]);
    }
    if let Some(xmp) = &blocks.xmp {
        segment(0xe1, &[b"http://ns.adobe.com/xap/1.0/\0", xmp.as_bytes()]);
    }
    if let Some(iptc) = &blocks.iptc {
        segment(0xed, &[b"Photoshop 3.0\0", &resource(iptc)]);
    }
    file.splice(2..2, segments);
    file
}

/// Without EXIF, and without a density in its JFIF segment.
pub fn plain_jpeg() -> Vec<u8> {
    convert(
        &jpeg_with_orientation(&Raster::gradient(16, 16), 1),
        encoding(Format::Jpeg),
    )
    .bytes
}

/// Photoshop's image resources: another one first, with a name of an odd length, then IPTC.
pub fn resource(iptc: &[u8]) -> Vec<u8> {
    let mut bytes = b"8BIM\x03\xed\x02hi\0\0\0\0\x03abc\0".to_vec();
    bytes.extend(b"8BIM\x04\x04\0\0");
    bytes.extend((iptc.len() as u32).to_be_bytes());
    bytes.extend(iptc);
    bytes
}

pub fn png(blocks: &Blocks) -> Vec<u8> {
    png_with(
        2,
        1,
        png::ColorType::Rgb,
        png::BitDepth::Eight,
        &[0, 0, 0, 255, 255, 255],
        |info| {
            info.exif_metadata = blocks.exif.clone().map(Into::into);
            if let Some(xmp) = &blocks.xmp {
                info.utf8_text
                    .push(png::text_metadata::ITXtChunk::new("XML:com.adobe.xmp", xmp.clone()));
            }
        },
    )
}

/// Chunk by chunk around a picture without metadata.
pub fn webp(blocks: &Blocks) -> Vec<u8> {
    let plain = convert(&Raster::gradient(16, 16).to_png(), encoding(Format::Webp)).bytes;
    let mut body = b"WEBPVP8X\x0a\0\0\0".to_vec();
    let flags = u8::from(blocks.exif.is_some()) << 3 | u8::from(blocks.xmp.is_some()) << 2;
    body.extend([flags, 0, 0, 0, 15, 0, 0, 15, 0, 0]);
    body.extend(&plain[12..]);
    let mut chunk = |name: &[u8], bytes: &[u8]| {
        body.extend(name);
        body.extend((bytes.len() as u32).to_le_bytes());
        body.extend(bytes);
        body.resize(body.len().next_multiple_of(2), 0);
    };
    if let Some(exif) = &blocks.exif {
        chunk(b"EXIF", exif);
    }
    if let Some(xmp) = &blocks.xmp {
        chunk(b"XMP ", xmp.as_bytes());
    }
    let mut file = b"RIFF".to_vec();
    file.extend((body.len() as u32).to_le_bytes());
    file.extend(body);
    file
}

/// By the library that writes AVIF.
pub fn avif(blocks: &Blocks) -> Vec<u8> {
    let keep = Encoding {
        keep_metadata: true,
        ..encoding(Format::Avif)
    };
    convert(&jpeg(blocks), keep).bytes
}

/// The boxes of a HEIC file: its header is whole, its picture is not there. `version` is that of its `iloc`; from 1 on the
/// metadata is in `idat`.
pub fn heic(blocks: &Blocks, version: u8) -> Vec<u8> {
    let exif = blocks
        .exif
        .as_ref()
        .map(|exif| [&[0, 0, 0, 6][..], b"Exif\0\0", exif].concat());
    let items = [
        (2u16, b"Exif", exif),
        (3, b"mime", blocks.xmp.clone().map(String::into_bytes)),
    ];
    let present: Vec<_> = items
        .into_iter()
        .filter_map(|(id, kind, bytes)| Some((id, kind, bytes?)))
        .collect();

    let mut infes = boxed(b"infe", &[&[2, 0, 0, 0, 0, 1, 0, 0], &b"hvc1\0"[..]]);
    for (id, kind, _) in &present {
        let name: &[u8] = if *kind == b"mime" {
            b"\0application/rdf+xml\0"
        } else {
            b"\0"
        };
        infes.extend(boxed(
            b"infe",
            &[&[2, 0, 0, 0], &id.to_be_bytes(), &[0, 0], &kind[..], name],
        ));
    }
    let iinf = boxed(
        b"iinf",
        &[&[0, 0, 0, 0], &(present.len() as u16 + 1).to_be_bytes(), &infes],
    );
    let ispe = boxed(b"ispe", &[&[0; 4], &640u32.to_be_bytes(), &480u32.to_be_bytes()]);
    let ipco = boxed(b"ipco", &[&ispe]);
    let ipma = boxed(b"ipma", &[&[0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 1, 1]]);
    let iprp = boxed(b"iprp", &[&ipco, &ipma]);
    let hdlr = boxed(b"hdlr", &[&[0; 8], b"pict", &[0; 13]]);
    let pitm = boxed(b"pitm", &[&[0, 0, 0, 0, 0, 1]]);
    let ftyp = boxed(b"ftyp", &[b"heic\0\0\0\0mif1heic"]);
    let content: Vec<u8> = present.iter().flat_map(|(_, _, bytes)| bytes.clone()).collect();
    let idat = if version == 0 {
        Vec::new()
    } else {
        boxed(b"idat", &[&content])
    };

    // Once to see how long it is, once more with the places.
    let mut start = 0;
    let mut meta = Vec::new();
    for _ in 0..2 {
        let mut iloc = vec![version, 0, 0, 0, 0x44, 0];
        iloc.extend((present.len() as u16).to_be_bytes());
        let mut at = start;
        for (id, _, bytes) in &present {
            iloc.extend(id.to_be_bytes());
            if version > 0 {
                iloc.extend([0, 1]);
            }
            iloc.extend([0, 0, 0, 1]);
            iloc.extend((at as u32).to_be_bytes());
            iloc.extend((bytes.len() as u32).to_be_bytes());
            at += bytes.len();
        }
        let iloc = boxed(b"iloc", &[&iloc]);
        meta = boxed(b"meta", &[&[0; 4], &hdlr, &pitm, &iloc, &iinf, &iprp, &idat]);
        start = if version == 0 { ftyp.len() + meta.len() + 8 } else { 0 };
    }
    let mdat = boxed(b"mdat", &[if version == 0 { &content } else { &[] }]);
    [ftyp, meta, mdat].concat()
}

fn boxed(kind: &[u8; 4], parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let mut bytes = (content.len() as u32 + 8).to_be_bytes().to_vec();
    bytes.extend(kind);
    bytes.extend(content);
    bytes
}
