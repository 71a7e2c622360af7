//! WebP by libwebp.
#![allow(unsafe_code)]

mod animation;
mod frames;

use std::ptr::null_mut;
use std::sync::LazyLock;

use libwebp_sys as webp;
use transform::{Encoding, Format, Rect, Size};

use super::{Attachments, Decoded, cannot_encode, check_side, check_size, malformed, space};
use crate::RenderError;
use crate::budget::Effort;
use crate::color::{Channels, Samples};
use crate::picture::{Picture, c_int};
use crate::planes::Planes;
use crate::probe::Header;

pub(crate) use animation::Animation;
pub(crate) use frames::Frames;

/// The longest side of the format.
const MAX_SIDE: u32 = 16_383;
/// How hard the encoder looks, 0 to 6. 2 instead of 4 takes less than half the time for 4 to 7 % more bytes; 3 has the scores and bytes of 4 on
/// photographs, in less time.
const METHOD_AT_LEISURE: i32 = 3;
const METHOD_UNDER_LOAD: i32 = 2;
/// Lossless has a scale of its own, 0 to 9, for the same trade.
const LOSSLESS_LEVEL_AT_LEISURE: i32 = 4;
const LOSSLESS_LEVEL_UNDER_LOAD: i32 = 1;

pub(super) fn decode(source: &[u8], header: &Header) -> Result<Decoded, RenderError> {
    let (width, height) = (header.info.width, header.info.height);
    let picture = if features(source)?.has_animation != 0 {
        first_frame(source, header)?
    } else {
        decode_still(source, width, height, header.info.has_alpha)?
    };
    let channels = if picture.has_alpha {
        Channels::Rgba
    } else {
        Channels::Rgb
    };
    let samples = Samples::eight(width, height, channels, picture.pixels);
    Ok(Decoded {
        samples,
        space: space(&header.metadata),
        shrink: 1,
    })
}

/// A still file, or the data of one frame, of exactly this size.
fn decode_still(source: &[u8], width: u32, height: u32, has_alpha: bool) -> Result<Picture, RenderError> {
    let internal = |()| RenderError::Internal(String::from("libwebp of another version"));
    let mut config = webp::WebPDecoderConfig::new().map_err(internal)?;
    config.input = features(source)?;
    // The size was checked against the budget as our own parser read it; the two must agree before memory is taken.
    if u32::try_from(config.input.width) != Ok(width) || u32::try_from(config.input.height) != Ok(height) {
        return Err(malformed(
            Format::Webp,
            "the picture is of another size than the header says",
        ));
    }
    let mut picture = Picture::new(width, height, has_alpha);
    let stride = c_int(picture.stride())?;
    config.output.colorspace = if has_alpha {
        webp::WEBP_CSP_MODE::MODE_RGBA
    } else {
        webp::WEBP_CSP_MODE::MODE_RGB
    };
    config.output.is_external_memory = 1;
    config.output.u.RGBA = webp::WebPRGBABuffer {
        rgba: picture.pixels.as_mut_ptr(),
        stride,
        size: picture.pixels.len(),
    };
    // SAFETY: the output buffer is ours, of the size stated beside it, and outlives the call; external memory is not freed.
    let status = unsafe { webp::WebPDecode(source.as_ptr(), source.len(), &mut config) };
    check(status)?;
    Ok(picture)
}

/// What the library makes of a header.
fn features(source: &[u8]) -> Result<webp::WebPBitstreamFeatures, RenderError> {
    // SAFETY: all fields are numbers, for which zero is a value.
    let mut features = unsafe { std::mem::zeroed() };
    // SAFETY: reads the slice only, and fills the features.
    check(unsafe { webp::WebPGetFeatures(source.as_ptr(), source.len(), &mut features) })?;
    Ok(features)
}

/// The first frame of an animation, in its place on the canvas; around it nothing.
fn first_frame(source: &[u8], header: &Header) -> Result<Picture, RenderError> {
    let data = webp::WebPData {
        bytes: source.as_ptr(),
        size: source.len(),
    };
    // SAFETY: the demuxer borrows the slice, which outlives it.
    let demuxer = unsafe { webp::WebPDemuxInternal(&data, 0, null_mut(), webp::WebPGetDemuxABIVersion()) };
    if demuxer.is_null() {
        return Err(malformed(Format::Webp, "the animation is cut off"));
    }
    let demuxer = Demuxer(demuxer);
    // SAFETY: all fields are numbers and pointers, for which zero is a value.
    let mut frame: webp::WebPIterator = unsafe { std::mem::zeroed() };
    // SAFETY: the demuxer is alive.
    if unsafe { webp::WebPDemuxGetFrame(demuxer.0, 1, &mut frame) } == 0 {
        return Err(malformed(Format::Webp, "no frame"));
    }
    // SAFETY: the fragment points into the source, which is alive and unchanged.
    let fragment = unsafe { std::slice::from_raw_parts(frame.fragment.bytes, frame.fragment.size) };
    let (x, y) = (frame.x_offset, frame.y_offset);
    let size = (u32::try_from(frame.width), u32::try_from(frame.height));
    // SAFETY: got by WebPDemuxGetFrame, released once; the fragment does not belong to it.
    unsafe { webp::WebPDemuxReleaseIterator(&mut frame) };

    let (Ok(width), Ok(height)) = size else {
        return Err(malformed(Format::Webp, "a frame of no size"));
    };
    let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y)) else {
        return Err(malformed(Format::Webp, "a frame outside the canvas"));
    };
    let canvas = (header.info.width, header.info.height);
    let fits = |start: u32, length: u32, whole: u32| start.checked_add(length).is_some_and(|end| end <= whole);
    if !fits(x, width, canvas.0) || !fits(y, height, canvas.1) {
        return Err(malformed(Format::Webp, "a frame outside the canvas"));
    }
    if (width, height) == canvas {
        return decode_still(fragment, width, height, header.info.has_alpha);
    }
    let frame = decode_still(fragment, width, height, true)?;
    let mut picture = Picture::new(canvas.0, canvas.1, true);
    let stride = picture.stride();
    let left = x as usize * 4;
    for (to, from) in picture
        .pixels
        .chunks_exact_mut(stride)
        .skip(y as usize)
        .zip(frame.rows())
    {
        to[left..left + from.len()].copy_from_slice(from);
    }
    Ok(if header.info.has_alpha {
        picture
    } else {
        picture.without_alpha()
    })
}

/// `quality` is libwebp's own scale. Carries EXIF and XMP.
pub(super) fn encode(
    picture: &Picture,
    encoding: &Encoding,
    attachments: &Attachments,
    effort: Effort,
) -> Result<Vec<u8>, RenderError> {
    check_side(picture, Format::Webp, MAX_SIDE)?;
    let whole = Rect {
        x: 0,
        y: 0,
        width: picture.width,
        height: picture.height,
    };
    let file = encode_view(&configure(encoding, effort)?, &View::of(picture, whole))?;
    if attachments.icc.is_none() && attachments.exif.is_none() && attachments.xmp.is_none() {
        return Ok(file);
    }
    attach(&file, attachments)
}

/// Lossy, of planes with a sample of chroma for four of luma.
pub(super) fn encode_planes(
    planes: &Planes,
    encoding: &Encoding,
    attachments: &Attachments,
    effort: Effort,
) -> Result<Vec<u8>, RenderError> {
    let (width, height) = (planes.luma.width, planes.luma.height);
    check_size(Size { width, height }, Format::Webp, MAX_SIDE)?;
    let Some([blue, red]) = &planes.chroma else {
        return Err(RenderError::Internal(String::from("no chroma")));
    };
    planes.check()?;
    let mut target = Target::new(width, height)?;
    target.picture.use_argb = 0;
    target.picture.colorspace = webp::WebPEncCSP::WEBP_YUV420;
    // SAFETY: the picture was initialised; the library allocates planes for its size.
    if unsafe { webp::WebPPictureAlloc(&mut target.picture) } == 0 {
        return Err(cannot_encode(Format::Webp, "no memory for the picture"));
    }
    let (luma, stride) = (target.picture.y, target.picture.y_stride as usize);
    let chroma_stride = target.picture.uv_stride as usize;
    let planes = [
        (&planes.luma, luma, stride, height, &*LUMA),
        (blue, target.picture.u, chroma_stride, height.div_ceil(2), &*CHROMA),
        (red, target.picture.v, chroma_stride, height.div_ceil(2), &*CHROMA),
    ];
    for (plane, to, stride, height, table) in planes {
        // SAFETY: the library allocated this many rows of its stride, and nobody else uses them.
        let rows = unsafe { std::slice::from_raw_parts_mut(to, stride * height as usize) };
        for (to, from) in rows.chunks_exact_mut(stride).zip(plane.rows()) {
            for (to, from) in to.iter_mut().zip(from) {
                *to = table[usize::from(*from)];
            }
        }
    }
    let file = write(&configure(encoding, effort)?, target)?;
    if attachments.icc.is_none() && attachments.exif.is_none() && attachments.xmp.is_none() {
        return Ok(file);
    }
    attach(&file, attachments)
}

/// From the full range of JFIF to the range of ITU-R BT.601, which is that of WebP: 16 to 235.
static LUMA: LazyLock<[u8; 256]> =
    LazyLock::new(|| std::array::from_fn(|value| ((value * 219 + 127) / 255 + 16) as u8));
/// The same for chroma: 16 to 240, around 128.
static CHROMA: LazyLock<[u8; 256]> =
    LazyLock::new(|| std::array::from_fn(|value| (((value as f64 - 128.0) * 224.0 / 255.0).round() + 128.0) as u8));

fn configure(encoding: &Encoding, effort: Effort) -> Result<webp::WebPConfig, RenderError> {
    let internal = |()| RenderError::Internal(String::from("libwebp of another version"));
    let mut config = webp::WebPConfig::new().map_err(internal)?;
    if encoding.lossless {
        let level = if effort == Effort::Load {
            LOSSLESS_LEVEL_UNDER_LOAD
        } else {
            LOSSLESS_LEVEL_AT_LEISURE
        };
        // SAFETY: the configuration was initialised.
        unsafe { webp::WebPConfigLosslessPreset(&mut config, level) };
        // Colours of transparent pixels are part of a lossless picture.
        config.exact = 1;
    } else {
        config.quality = f32::from(encoding.quality.clamp(1, 100));
        config.method = if effort == Effort::Load {
            METHOD_UNDER_LOAD
        } else {
            METHOD_AT_LEISURE
        };
    }
    Ok(config)
}

/// A rectangle of a picture.
struct View<'a> {
    /// From its first pixel on, in the picture's rows.
    pixels: &'a [u8],
    width: u32,
    height: u32,
    stride: usize,
    has_alpha: bool,
}

impl<'a> View<'a> {
    /// `place` has pixels, and all are in the picture.
    fn of(picture: &'a Picture, place: Rect) -> Self {
        let start = place.y as usize * picture.stride() + place.x as usize * picture.channels();
        Self {
            pixels: &picture.pixels[start..],
            width: place.width,
            height: place.height,
            stride: picture.stride(),
            has_alpha: picture.has_alpha,
        }
    }
}

/// A file without metadata.
fn encode_view(config: &webp::WebPConfig, view: &View) -> Result<Vec<u8>, RenderError> {
    encode_masked(config, view, None)
}

/// A file without metadata. A mask is the alpha of each pixel of an opaque view.
fn encode_masked(config: &webp::WebPConfig, view: &View, mask: Option<&[u8]>) -> Result<Vec<u8>, RenderError> {
    let channels = if view.has_alpha { 4 } else { 3 };
    let last_row = (view.height as usize - 1) * view.stride;
    if view.pixels.len() < last_row + view.width as usize * channels {
        return Err(RenderError::Internal(String::from("a view that leaves its picture")));
    }
    let mut target = Target::new(view.width, view.height)?;
    target.picture.use_argb = config.lossless;
    let stride = c_int(view.stride)?;
    // SAFETY: the picture has `height` rows of `stride` bytes, the last one at least of its pixels, and the library copies them.
    let imported = unsafe {
        if view.has_alpha {
            webp::WebPPictureImportRGBA(&mut target.picture, view.pixels.as_ptr(), stride)
        } else {
            webp::WebPPictureImportRGB(&mut target.picture, view.pixels.as_ptr(), stride)
        }
    };
    if imported == 0 {
        return Err(cannot_encode(Format::Webp, "no memory for the picture"));
    }
    if let Some(mask) = mask {
        target.mask(mask)?;
    }
    write(config, target)
}

fn write(config: &webp::WebPConfig, mut target: Target) -> Result<Vec<u8>, RenderError> {
    target.picture.writer = Some(webp::WebPMemoryWrite);
    target.picture.custom_ptr = (&raw mut *target.writer).cast();
    // SAFETY: both were initialised; the writer is alive, and reached through no other path during the call.
    if unsafe { webp::WebPEncode(config, &mut target.picture) } == 0 {
        return Err(cannot_encode(Format::Webp, format!("{:?}", target.picture.error_code)));
    }
    // SAFETY: the writer holds this many bytes, and lives until the end of the statement.
    Ok(unsafe { std::slice::from_raw_parts(target.writer.mem, target.writer.size) }.to_vec())
}

/// Wraps a simple file in the extended format, which has room for more.
fn attach(file: &[u8], attachments: &Attachments) -> Result<Vec<u8>, RenderError> {
    let mux = Mux(webp::WebPMuxNew());
    if mux.0.is_null() {
        return Err(cannot_encode(Format::Webp, "no memory for metadata"));
    }
    let data = |bytes: &[u8]| webp::WebPData {
        bytes: bytes.as_ptr(),
        size: bytes.len(),
    };
    // SAFETY: the mux is alive; with a zero last argument it borrows the slices, which outlive it.
    let mut done = unsafe { webp::WebPMuxSetImage(mux.0, &data(file), 0) } == webp::WebPMuxError::WEBP_MUX_OK;
    let blocks = [
        (c"ICCP", attachments.icc),
        (c"EXIF", attachments.exif),
        (c"XMP ", attachments.xmp),
    ];
    for (name, block) in blocks {
        let Some(block) = block else { continue };
        // SAFETY: as above; the name has four characters.
        let code = unsafe { webp::WebPMuxSetChunk(mux.0, name.as_ptr(), &data(block), 0) };
        done &= code == webp::WebPMuxError::WEBP_MUX_OK;
    }
    let mut assembled = webp::WebPData::default();
    // SAFETY: allocates the result.
    done &= unsafe { webp::WebPMuxAssemble(mux.0, &mut assembled) } == webp::WebPMuxError::WEBP_MUX_OK;
    let result = if done && !assembled.bytes.is_null() {
        // SAFETY: the library filled this many bytes.
        Ok(unsafe { std::slice::from_raw_parts(assembled.bytes, assembled.size) }.to_vec())
    } else {
        Err(cannot_encode(Format::Webp, "metadata does not fit"))
    };
    // SAFETY: allocated by the library, or null, and not used any more.
    unsafe { webp::WebPDataClear(&mut assembled) };
    result
}

fn check(status: webp::VP8StatusCode) -> Result<(), RenderError> {
    use webp::VP8StatusCode as Status;
    Err(malformed(
        Format::Webp,
        match status {
            Status::VP8_STATUS_OK => return Ok(()),
            Status::VP8_STATUS_SUSPENDED | Status::VP8_STATUS_NOT_ENOUGH_DATA => "picture data is missing",
            Status::VP8_STATUS_BITSTREAM_ERROR => "damaged picture data",
            // Also said of sizes inside damaged data that nobody could allocate.
            _ => "not decodable",
        },
    ))
}

/// The encoder's view of a picture and the buffer it writes to, freed when dropped.
struct Target {
    picture: webp::WebPPicture,
    // Boxed, since the library holds its address.
    writer: Box<webp::WebPMemoryWriter>,
    /// The same for an alpha plane of ours.
    mask: Vec<u8>,
}

impl Target {
    fn new(width: u32, height: u32) -> Result<Self, RenderError> {
        let internal = |()| RenderError::Internal(String::from("libwebp of another version"));
        let mut picture = webp::WebPPicture::new().map_err(internal)?;
        picture.width = c_int(width as usize)?;
        picture.height = c_int(height as usize)?;
        let mut writer = Box::new(webp::WebPMemoryWriter {
            mem: null_mut(),
            size: 0,
            max_size: 0,
            pad: [0],
        });
        // SAFETY: fills the struct.
        unsafe { webp::WebPMemoryWriterInit(&mut *writer) };
        Ok(Self {
            picture,
            writer,
            mask: Vec::new(),
        })
    }

    /// Sets the alpha of the imported pixels, which are opaque so far. For what is in whole blocks this is far less work
    /// than pixels that come with it, since colours need not be weighted by it.
    fn mask(&mut self, mask: &[u8]) -> Result<(), RenderError> {
        let (width, height) = (self.picture.width as usize, self.picture.height as usize);
        if mask.len() != width * height {
            return Err(RenderError::Internal(String::from("a mask of another size")));
        }
        if self.picture.use_argb != 0 {
            let stride = self.picture.argb_stride as usize;
            for (y, row) in mask.chunks_exact(width).enumerate() {
                // SAFETY: the picture has been imported: it has `height` rows of `stride` pixels, at least `width` each.
                let pixels = unsafe { std::slice::from_raw_parts_mut(self.picture.argb.add(y * stride), width) };
                for (pixel, _) in pixels.iter_mut().zip(row).filter(|(_, alpha)| **alpha == 0) {
                    *pixel = 0;
                }
            }
        } else {
            self.mask = mask.to_vec();
            self.picture.colorspace = webp::WebPEncCSP::WEBP_YUV420A;
            // The library reads the plane, and changes colours only; it frees no plane that it has not made.
            self.picture.a = self.mask.as_mut_ptr();
            self.picture.a_stride = c_int(width)?;
        }
        Ok(())
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        // SAFETY: both were initialised, and are dropped once.
        unsafe {
            webp::WebPPictureFree(&mut self.picture);
            webp::WebPMemoryWriterClear(&mut *self.writer);
        }
    }
}

struct Demuxer(*mut webp::WebPDemuxer);

impl Drop for Demuxer {
    fn drop(&mut self) {
        // SAFETY: made by WebPDemuxInternal, and dropped once.
        unsafe { webp::WebPDemuxDelete(self.0) }
    }
}

struct Mux(*mut webp::WebPMux);

impl Drop for Mux {
    fn drop(&mut self) {
        // SAFETY: made by WebPMuxNew, or null, and dropped once.
        unsafe { webp::WebPMuxDelete(self.0) }
    }
}
