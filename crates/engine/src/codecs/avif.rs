//! AVIF by libavif with libaom.
#![allow(unsafe_code)]

mod animation;
mod frames;

use std::collections::HashSet;
use std::ffi::{CStr, c_int};

use libavif_sys as avif;
use transform::{Encoding, Format, Size};

use super::{Attachments, Decoded, cannot_encode, check_side, check_size, malformed};
use crate::RenderError;
use crate::budget::Effort;
use crate::color::{Channels, Samples, Space};
use crate::picture::Picture;
use crate::planes::Planes;
use crate::probe::{Header, MAX_SIDE};

pub(crate) use animation::Animation;
pub(crate) use frames::Frames;

/// How fast the encoder is, 0 to 10. At 8 a 500 pixel picture takes about 50 ms and 7 to 12 % more bytes than at 6,
/// which takes four times as long; 9 halves the time again.
const SPEED_AT_LEISURE: c_int = 8;
const SPEED_UNDER_LOAD: c_int = 9;
/// As for JPEG: from this quality on colour is kept at full resolution.
const FULL_CHROMA_FROM: u8 = 90;
/// The longest side the encoder takes.
const MAX_ENCODED_SIDE: u32 = 32_768;

/// The primary picture, or a sequence's first frame. Ten and twelve bits become eight.
pub(super) fn decode(source: &[u8], header: &mut Header) -> Result<Decoded, RenderError> {
    let decoder = prepare(source, header)?;
    let parse = |from: avif::avifDecoderSource| {
        // SAFETY: the decoder is alive; parsing again from the start is allowed.
        unsafe {
            (*decoder.0).requestedSource = from;
            avif::avifDecoderParse(decoder.0)
        }
    };
    let still = parse(avif::AVIF_DECODER_SOURCE_PRIMARY_ITEM);
    if still != avif::AVIF_RESULT_OK && parse(avif::AVIF_DECODER_SOURCE_TRACKS) != avif::AVIF_RESULT_OK {
        check(still)?;
    }
    // SAFETY: the decoder is alive and was parsed.
    check(unsafe { avif::avifDecoderNextImage(decoder.0) })?;
    // SAFETY: after a frame was decoded the image is there, owned by the decoder.
    let image = unsafe { &*(*decoder.0).image };
    let (width, height) = (image.width, image.height);
    // The size was checked against the budget as our own parser read it; the two must agree before memory is taken.
    if (width, height) != (header.info.width, header.info.height) {
        return Err(malformed(
            Format::Avif,
            "the picture is of another size than the header says",
        ));
    }

    let picture = to_picture(image, header.info.has_alpha)?;
    header.metadata.icc = block(&image.icc);
    // Some writers keep the prefix that only JPEG has.
    header.metadata.exif = block(&image.exif).map(|exif| exif.strip_prefix(b"Exif\0\0").unwrap_or(&exif).to_vec());
    header.metadata.xmp = block(&image.xmp);
    let space = image_space(image);
    let channels = if picture.has_alpha {
        Channels::Rgba
    } else {
        Channels::Rgb
    };
    Ok(Decoded {
        samples: Samples::eight(width, height, channels, picture.pixels),
        space,
        shrink: 1,
    })
}

/// A decoder that is to read this source, and nothing larger than its header says.
fn prepare(source: &[u8], header: &Header) -> Result<Decoder, RenderError> {
    let decoder = Decoder::new()?;
    // SAFETY: the decoder is alive and borrowed by nobody else.
    unsafe {
        let decoder = &mut *decoder.0;
        decoder.codecChoice = avif::AVIF_CODEC_CHOICE_AOM;
        decoder.maxThreads = 1;
        decoder.imageSizeLimit = header.info.width.saturating_mul(header.info.height);
        decoder.imageDimensionLimit = MAX_SIDE;
        // Many files in the wild break the strict rules (about `pixi` and `clap`) without harm.
        decoder.strictFlags = avif::AVIF_STRICT_DISABLED;
    }
    // SAFETY: the slice outlives the decoder, which keeps a pointer to it.
    check(unsafe { avif::avifDecoderSetIOMemory(decoder.0, source.as_ptr(), source.len()) })?;
    Ok(decoder)
}

fn to_picture(image: &avif::avifImage, has_alpha: bool) -> Result<Picture, RenderError> {
    let mut picture = Picture::new(image.width, image.height, has_alpha);
    let mut rgb = rgb_view(image, picture.pixels.as_mut_ptr(), picture.has_alpha, picture.stride())?;
    // SAFETY: the buffer has `height` rows of `stride` bytes of eight-bit channels, as the view says.
    check(unsafe { avif::avifImageYUVToRGB(image, &mut rgb) })?;
    Ok(picture)
}

fn image_space(image: &avif::avifImage) -> Space {
    match block(&image.icc) {
        Some(icc) => Space::Icc(icc),
        None => Space::Cicp {
            primaries: image.colorPrimaries as u8,
            transfer: image.transferCharacteristics as u8,
        },
    }
}

/// `quality` is libavif's own scale, which it spreads evenly over the quantisers of AV1 (63 worst, 0 best). Carries EXIF
/// and XMP.
pub(super) fn encode(
    picture: &Picture,
    encoding: &Encoding,
    attachments: &Attachments,
    effort: Effort,
) -> Result<Vec<u8>, RenderError> {
    check_side(picture, Format::Avif, MAX_ENCODED_SIDE)?;
    let image = image(picture, encoding, attachments)?;
    let encoder = encoder(has_few_colors(colors(picture)), encoding, effort)?;
    let mut output = Output::default();
    // SAFETY: encoder and image are alive; the output is allocated by the library.
    check_encode(unsafe { avif::avifEncoderWrite(encoder.0, image.0, &mut output.0) })?;
    block(&output.0).ok_or_else(|| cannot_encode(Format::Avif, "an empty file"))
}

/// The same of planes, of the [sampling] that this quality has.
pub(super) fn encode_planes(
    planes: &Planes,
    encoding: &Encoding,
    attachments: &Attachments,
    effort: Effort,
) -> Result<Vec<u8>, RenderError> {
    let (width, height) = (planes.luma.width, planes.luma.height);
    check_size(Size { width, height }, Format::Avif, MAX_ENCODED_SIDE)?;
    let Some([blue, red]) = &planes.chroma else {
        return Err(RenderError::Internal(String::from("no chroma")));
    };
    planes.check()?;
    let image = blank(width, height, encoding, attachments)?;
    // SAFETY: the image is alive; the library allocates planes for its size and layout.
    check_encode(unsafe { avif::avifImageAllocatePlanes(image.0, avif::AVIF_PLANES_YUV) })?;
    for (index, plane) in [&planes.luma, blue, red].into_iter().enumerate() {
        // SAFETY: the image is alive, and its planes have as many rows of their strides as ours, which were checked.
        let (rows, stride) = unsafe {
            let stride = (&(*image.0).yuvRowBytes)[index] as usize;
            let plane_of_image = (&(*image.0).yuvPlanes)[index];
            (
                std::slice::from_raw_parts_mut(plane_of_image, stride * plane.height as usize),
                stride,
            )
        };
        for (to, from) in rows.chunks_exact_mut(stride).zip(plane.rows()) {
            to[..from.len()].copy_from_slice(from);
        }
    }
    let encoder = encoder(has_few_colors(colors_of_planes(planes)), encoding, effort)?;
    let mut output = Output::default();
    // SAFETY: encoder and image are alive; the output is allocated by the library.
    check_encode(unsafe { avif::avifEncoderWrite(encoder.0, image.0, &mut output.0) })?;
    block(&output.0).ok_or_else(|| cannot_encode(Format::Avif, "an empty file"))
}

/// How many samples of luma share one of chroma in what is written.
pub(super) fn sampling(quality: u8) -> (u32, u32) {
    if quality >= FULL_CHROMA_FROM { (1, 1) } else { (2, 2) }
}

/// A picture as the encoder takes it.
fn image(picture: &Picture, encoding: &Encoding, attachments: &Attachments) -> Result<Image, RenderError> {
    let image = blank(picture.width, picture.height, encoding, attachments)?;
    // SAFETY: the image is alive. The library only reads through the view here, though its type allows more.
    unsafe {
        let pixels = picture.pixels.as_ptr().cast_mut();
        let rgb = rgb_view(&*image.0, pixels, picture.has_alpha, picture.stride())?;
        check_encode(avif::avifImageRGBToYUV(image.0, &rgb))?;
    }
    Ok(image)
}

/// An image without pixels.
fn blank(width: u32, height: u32, encoding: &Encoding, attachments: &Attachments) -> Result<Image, RenderError> {
    let layout = if encoding.lossless || sampling(encoding.quality) == (1, 1) {
        avif::AVIF_PIXEL_FORMAT_YUV444
    } else {
        avif::AVIF_PIXEL_FORMAT_YUV420
    };
    // SAFETY: takes numbers, returns an image or null.
    let image = Image(unsafe { avif::avifImageCreate(width, height, 8, layout) });
    if image.0.is_null() {
        return Err(no_memory());
    }
    // SAFETY: the image is alive and borrowed by nobody else.
    unsafe {
        let image = &mut *image.0;
        image.yuvRange = avif::AVIF_RANGE_FULL;
        image.colorPrimaries = avif::AVIF_COLOR_PRIMARIES_BT709 as avif::avifColorPrimaries;
        image.transferCharacteristics = avif::AVIF_TRANSFER_CHARACTERISTICS_SRGB as avif::avifTransferCharacteristics;
        // Only green, blue and red themselves survive without rounding.
        let matrix = if encoding.lossless {
            avif::AVIF_MATRIX_COEFFICIENTS_IDENTITY
        } else {
            avif::AVIF_MATRIX_COEFFICIENTS_BT601
        };
        image.matrixCoefficients = matrix as avif::avifMatrixCoefficients;
    }
    // SAFETY: the image is alive, and copies the blocks.
    unsafe {
        if let Some(icc) = attachments.icc {
            check_encode(avif::avifImageSetProfileICC(image.0, icc.as_ptr(), icc.len()))?;
        }
        if let Some(exif) = attachments.exif {
            check_encode(avif::avifImageSetMetadataExif(image.0, exif.as_ptr(), exif.len()))?;
        }
        if let Some(xmp) = attachments.xmp {
            check_encode(avif::avifImageSetMetadataXMP(image.0, xmp.as_ptr(), xmp.len()))?;
        }
    }
    // An orientation in EXIF would be turned into a property of the file; pixels are upright already.
    // SAFETY: the image is alive.
    unsafe { (*image.0).transformFlags = 0 };
    Ok(image)
}

/// An encoder that is set up for pictures of few colours, or of many.
fn encoder(few_colors: bool, encoding: &Encoding, effort: Effort) -> Result<Encoder, RenderError> {
    // SAFETY: returns an encoder or null.
    let encoder = Encoder(unsafe { avif::avifEncoderCreate() });
    if encoder.0.is_null() {
        return Err(no_memory());
    }
    let quality = if encoding.lossless {
        avif::AVIF_QUALITY_LOSSLESS as c_int
    } else {
        encoding.quality.clamp(1, 100).into()
    };
    // SAFETY: the encoder is alive and borrowed by nobody else.
    unsafe {
        let encoder = &mut *encoder.0;
        encoder.codecChoice = avif::AVIF_CODEC_CHOICE_AOM;
        // Renditions run beside each other; one of them gets one processor.
        encoder.maxThreads = 1;
        encoder.speed = if effort == Effort::Load {
            SPEED_UNDER_LOAD
        } else {
            SPEED_AT_LEISURE
        };
        encoder.quality = quality;
        encoder.qualityAlpha = quality;
    }
    if !few_colors {
        // SAFETY: the encoder is alive, and copies the strings.
        let set =
            unsafe { avif::avifEncoderSetCodecSpecificOption(encoder.0, c"enable-palette".as_ptr(), c"0".as_ptr()) };
        check_encode(set)?;
    }
    Ok(encoder)
}

/// True for drawings and screenshots. Palettes make those smaller; a dark photograph, which the encoder may take for one
/// of them, they make up to four times larger.
fn has_few_colors(mut colors: impl Iterator<Item = [u8; 3]>) -> bool {
    const FEW: usize = 256;
    let mut different = HashSet::with_capacity(FEW + 1);
    colors.all(|color| {
        different.insert(color);
        different.len() <= FEW
    })
}

fn colors(picture: &Picture) -> impl Iterator<Item = [u8; 3]> {
    let pixels = picture.pixels.chunks_exact(picture.channels());
    pixels.map(|pixel| [pixel[0], pixel[1], pixel[2]])
}

fn colors_of_planes(planes: &Planes) -> impl Iterator<Item = [u8; 3]> {
    let (across, down) = (planes.sampling.0 as usize, planes.sampling.1 as usize);
    planes.luma.rows().enumerate().flat_map(move |(y, row)| {
        row.iter().enumerate().map(move |(x, luma)| match &planes.chroma {
            Some([blue, red]) => {
                let at = y / down * blue.stride + x / across;
                [*luma, blue.values[at], red.values[at]]
            }
            None => [*luma; 3],
        })
    })
}

fn rgb_view(
    image: &avif::avifImage,
    pixels: *mut u8,
    has_alpha: bool,
    stride: usize,
) -> Result<avif::avifRGBImage, RenderError> {
    // SAFETY: all fields are numbers and a pointer, for which zero is a value; the library then fills them.
    let mut rgb = unsafe {
        let mut rgb = std::mem::zeroed();
        avif::avifRGBImageSetDefaults(&mut rgb, image);
        rgb
    };
    rgb.depth = 8;
    rgb.format = if has_alpha {
        avif::AVIF_RGB_FORMAT_RGBA
    } else {
        avif::AVIF_RGB_FORMAT_RGB
    };
    rgb.ignoreAlpha = (!has_alpha).into();
    rgb.maxThreads = 1;
    rgb.pixels = pixels;
    rgb.rowBytes = u32::try_from(stride).map_err(|_| no_memory())?;
    Ok(rgb)
}

fn block(data: &avif::avifRWData) -> Option<Vec<u8>> {
    if data.data.is_null() || data.size == 0 {
        return None;
    }
    // SAFETY: the library says that it holds this many bytes.
    Some(unsafe { std::slice::from_raw_parts(data.data, data.size) }.to_vec())
}

fn check(result: avif::avifResult) -> Result<(), RenderError> {
    match result {
        avif::AVIF_RESULT_OK => Ok(()),
        avif::AVIF_RESULT_TRUNCATED_DATA => Err(malformed(Format::Avif, "picture data is missing")),
        other => Err(malformed(Format::Avif, message(other))),
    }
}

fn check_encode(result: avif::avifResult) -> Result<(), RenderError> {
    match result {
        avif::AVIF_RESULT_OK => Ok(()),
        other => Err(cannot_encode(Format::Avif, message(other))),
    }
}

fn message(result: avif::avifResult) -> String {
    // SAFETY: returns a string constant for any number.
    unsafe { CStr::from_ptr(avif::avifResultToString(result)) }
        .to_string_lossy()
        .into_owned()
}

fn no_memory() -> RenderError {
    RenderError::Internal(String::from("no memory for AVIF"))
}

struct Decoder(*mut avif::avifDecoder);

impl Decoder {
    fn new() -> Result<Self, RenderError> {
        // SAFETY: returns a decoder or null.
        let decoder = unsafe { avif::avifDecoderCreate() };
        if decoder.is_null() {
            Err(no_memory())
        } else {
            Ok(Self(decoder))
        }
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        // SAFETY: made by avifDecoderCreate, and dropped once.
        unsafe { avif::avifDecoderDestroy(self.0) }
    }
}

struct Encoder(*mut avif::avifEncoder);

impl Drop for Encoder {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: made by avifEncoderCreate, and dropped once.
            unsafe { avif::avifEncoderDestroy(self.0) }
        }
    }
}

struct Image(*mut avif::avifImage);

impl Drop for Image {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: made by avifImageCreate, and dropped once.
            unsafe { avif::avifImageDestroy(self.0) }
        }
    }
}

struct Output(avif::avifRWData);

impl Default for Output {
    fn default() -> Self {
        Self(avif::avifRWData {
            data: std::ptr::null_mut(),
            size: 0,
        })
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        // SAFETY: allocated by the library, or null, and freed once.
        unsafe { avif::avifRWDataFree(&mut self.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawings_are_told_from_photographs() {
        let picture = |colors: u32| {
            let mut picture = Picture::new(64, 64, false);
            for (index, pixel) in picture.pixels.chunks_exact_mut(3).enumerate() {
                let color = index as u32 % colors;
                pixel.copy_from_slice(&[color as u8, (color >> 8) as u8, 7]);
            }
            picture
        };
        assert!(has_few_colors(colors(&picture(2))));
        assert!(has_few_colors(colors(&picture(256))));
        assert!(!has_few_colors(colors(&picture(257))));
    }
}
