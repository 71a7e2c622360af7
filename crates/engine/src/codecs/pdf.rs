//! Pages of PDF files by hayro, drawn at the size that is asked for, on white paper.

use hayro::hayro_interpret::InterpreterSettings;
use hayro::hayro_interpret::util::TransformExt;
use hayro::hayro_syntax::Filter;
use hayro::hayro_syntax::Pdf;
use hayro::hayro_syntax::object::Object;
use hayro::kurbo::Affine;
use hayro::vello_cpu::color::palette::css::WHITE;
use hayro::vello_cpu::{Pixmap, RasterizerSettings, RenderContext, Resources, TargetInit};
use hayro::{RenderCache, RenderSettings, render_into};
use transform::{Format, Part, Size};

use super::malformed;
use crate::RenderError;
use crate::picture::Picture;
use crate::probe::pdf;

/// Columns times rows of one picture on a page.
const MAX_PICTURE: u64 = 64_000_000;

pub(super) fn draw(source: Vec<u8>, part: &Part, size: Size) -> Result<Picture, RenderError> {
    let document = pdf::open(source).map_err(|what| malformed(Format::Pdf, what))?;
    check_streams(&document)?;
    let number = pdf::number(part);
    let page = document
        .pages()
        .get(number as usize - 1)
        .ok_or_else(|| malformed(Format::Pdf, "a page that is not there"))?;
    let side = |length: u32| {
        u16::try_from(length).map_err(|_| RenderError::TooLargeForFormat {
            format: Format::Pdf,
            width: size.width,
            height: size.height,
            limit: u16::MAX.into(),
        })
    };
    let (width, height) = (side(size.width)?, side(size.height)?);
    let (across, down) = page.render_dimensions();
    let scale = Affine::scale_non_uniform(
        f64::from(width) / f64::from(across),
        f64::from(height) / f64::from(down),
    );
    let cache = RenderCache::new();
    let mut context = RenderContext::new(width, height);
    render_into(
        page,
        &cache,
        &InterpreterSettings::default(),
        &RenderSettings::default(),
        &mut context,
        scale * page.initial_transform(true).to_kurbo(),
    );
    context.flush();
    let mut pixmap = Pixmap::new(width, height);
    let settings = RasterizerSettings {
        target_init: TargetInit::Clear(WHITE),
        ..RasterizerSettings::default()
    };
    context.render_with(&mut pixmap, &mut Resources::default(), settings);
    // On white paper nothing is transparent, and what is premultiplied is straight.
    let pixels = pixmap.data_as_u8_slice().chunks_exact(4);
    Ok(Picture {
        width: size.width,
        height: size.height,
        has_alpha: false,
        pixels: pixels.flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect(),
    })
}

/// Refuses pictures that are larger than any page shows, and what unpacks to more than any real document of its size:
/// nothing in the library bounds that.
fn check_streams(document: &Pdf) -> Result<(), RenderError> {
    let mut left = pdf::MAX_UNPACKED;
    for object in document.objects() {
        let Object::Stream(stream) = object else { continue };
        let number = |name: &str| stream.dict().get::<i32>(name.as_bytes()).map_or(0, |n| n.max(0) as u64);
        if number("Width") * number("Height") > MAX_PICTURE {
            return Err(malformed(Format::Pdf, "a picture on a page is too large"));
        }
        let filters = stream.filters();
        let packed = |filter: &&Filter| matches!(filter, Filter::FlateDecode | Filter::LzwDecode);
        if filters.iter().filter(packed).count() > 1 {
            return Err(malformed(Format::Pdf, "a stream that is packed twice"));
        }
        if filters.first() == Some(&Filter::LzwDecode) {
            left = left
                .checked_sub(lzw_length(&stream.raw_data(), left))
                .ok_or_else(|| malformed(Format::Pdf, "its streams unpack to too much"))?;
        }
    }
    Ok(())
}

/// Bytes that LZW data becomes, or a little more than `limit`.
fn lzw_length(data: &[u8], limit: u64) -> u64 {
    let mut decoder = weezl::decode::Decoder::with_tiff_size_switch(weezl::BitOrder::Msb, 8);
    let mut buffer = [0; 16 << 10];
    let (mut at, mut counted) = (0, 0);
    while counted <= limit {
        let step = decoder.decode_bytes(&data[at..], &mut buffer);
        at += step.consumed_in;
        counted += step.consumed_out as u64;
        if !matches!(step.status, Ok(weezl::LzwStatus::Ok)) {
            break;
        }
    }
    counted
}
