//! JPEG: scaled down by a decoder of our own where it can, everything else by libjpeg-turbo.
//!
//! The library is called without the usual safe wrapper, which does not tell its warnings (a stray byte between segments) from its
//! errors, and has no way to a profile or a precision.
#![allow(unsafe_code)]

mod bits;
mod frame;
mod huffman;
mod idct;
mod scan;

use std::ffi::{CStr, c_int};

use transform::{Encoding, Format, Size};
use turbojpeg_sys as tj;

use self::frame::Frame;
pub(crate) use self::scan::Chroma;
use super::{Attachments, Decoded, cannot_encode, check_side, check_size, malformed, space};
use crate::RenderError;
use crate::budget::Light;
use crate::color::{Channels, Samples};
use crate::picture::{Picture, c_int as to_c_int};
use crate::planes::{Plane, Planes, Sizes};
use crate::probe::{Header, MAX_SIDE, jpeg as segments};

/// From this quality on, colour is kept at full resolution (4:4:4). Below it 4:2:0 saves a fifth of the bytes, and what
/// it loses is hidden by what quantisation loses.
const FULL_CHROMA_FROM: u8 = 90;
/// Scans of a progressive file. Encoders write about ten; thousands of empty ones are an attack on the decoder's time.
const MAX_SCANS: c_int = 100;
/// Payload of a marker segment: its length has sixteen bits, and counts itself.
const MAX_SEGMENT: usize = 65_533;

pub(super) fn decode(source: &[u8], header: &Header, shrink: u32) -> Result<Decoded, RenderError> {
    if let Some(frame) = our_frame(source, header, shrink)
        && let Some(planes) = scan::decode(source, &frame, shrink, Chroma::Full, Light::Gamma)
    {
        let (width, height) = (planes.luma.width, planes.luma.height);
        let (channels, values) = match planes.chroma {
            None => (Channels::Gray, planes.luma.rows().flatten().copied().collect()),
            Some(_) => (Channels::Rgb, to_picture(&planes)?.pixels),
        };
        return Ok(Decoded {
            samples: Samples::eight(width, height, channels, values),
            space: space(&header.metadata),
            shrink,
        });
    }
    let mut codec = Codec::open(source, header)?;
    let (channels, pixel_format) = match codec.get(tj::TJPARAM_TJPARAM_COLORSPACE) as tj::TJCS {
        tj::TJCS_TJCS_GRAY => (Channels::Gray, tj::TJPF_TJPF_GRAY),
        tj::TJCS_TJCS_RGB | tj::TJCS_TJCS_YCbCr => (Channels::Rgb, tj::TJPF_TJPF_RGB),
        tj::TJCS_TJCS_CMYK | tj::TJCS_TJCS_YCCK => (Channels::Cmyk, tj::TJPF_TJPF_CMYK),
        _ => return Err(unsupported("an unknown colour space")),
    };

    codec.shrink(shrink)?;
    let (width, height) = (header.info.width.div_ceil(shrink), header.info.height.div_ceil(shrink));
    let mut values = vec![0; width as usize * height as usize * channels.count()];
    let stride = width as usize * channels.count();
    forgiving_the_end(source, |source| {
        codec.decompress(source, &mut values, stride, pixel_format)
    })?;
    if channels == Channels::Cmyk && header.inverted_inks {
        values.iter_mut().for_each(|ink| *ink = !*ink);
    }
    let samples = Samples::eight(width, height, channels, values);
    Ok(Decoded {
        samples,
        space: space(&header.metadata),
        shrink,
    })
}

/// The same as planes, without a way over RGB. Nothing, when it is not stored in planes of luma and chroma.
///
/// Chroma may be smaller than was asked for. Where the light is known in which they will be scaled, they are shrunk in it.
pub(crate) fn decode_planes(
    source: &[u8],
    header: &Header,
    shrink: u32,
    chroma: Chroma,
    light: Light,
) -> Result<Option<Planes>, RenderError> {
    if let Some(frame) = our_frame(source, header, shrink) {
        if frame.components.len() != 3 {
            return Ok(None);
        }
        if let Some(planes) = scan::decode(source, &frame, shrink, chroma, light) {
            return Ok(Some(planes));
        }
    }
    let mut codec = Codec::open(source, header)?;
    if codec.get(tj::TJPARAM_TJPARAM_COLORSPACE) as tj::TJCS != tj::TJCS_TJCS_YCbCr {
        return Ok(None);
    }
    let sampling = codec.get(tj::TJPARAM_TJPARAM_SUBSAMP) as tj::TJSAMP;
    let Some(((across, down), _)) = SAMPLINGS.into_iter().find(|(_, name)| *name == sampling) else {
        return Ok(None);
    };
    codec.shrink(shrink)?;
    let (width, height) = (header.info.width.div_ceil(shrink), header.info.height.div_ceil(shrink));
    let (columns, rows) = (width.div_ceil(across), height.div_ceil(down));
    // The library fills up luma to whole samples of chroma.
    let mut planes = [
        Plane::new(columns * across, rows * down),
        Plane::new(columns, rows),
        Plane::new(columns, rows),
    ];
    forgiving_the_end(source, |source| codec.decompress_planes(source, &mut planes))?;
    let [luma, blue, red] = planes;
    let luma = Plane { width, height, ..luma };
    Ok(Some(Planes {
        luma,
        chroma: Some([blue, red]),
        sampling: (across, down),
    }))
}

/// Planes row by row, without ever having them whole: `begin` gets their sizes, `take` which of them (luma, blue, red) and the
/// next row of it. Nothing, when the file has to be decoded in another way; what was taken then counts for nothing.
pub(crate) fn stream_planes<T>(
    source: &[u8],
    header: &Header,
    shrink: u32,
    chroma: Chroma,
    begin: impl FnOnce(&Sizes) -> T,
    mut take: impl FnMut(&mut T, usize, &[u8]),
) -> Option<T> {
    let frame = our_frame(source, header, shrink).filter(|frame| frame.components.len() == 3)?;
    let mut state = begin(&scan::sizes(&frame, shrink, chroma)?);
    scan::decode_rows(source, &frame, shrink, chroma, &mut |plane, row| {
        take(&mut state, plane, row)
    })?;
    Some(state)
}

/// Decodes, and again when the library misses the end marker: it reports the first of several complaints, so it is given
/// the marker to see whether picture data are missing too.
fn forgiving_the_end(
    source: &[u8],
    mut decompress: impl FnMut(&[u8]) -> Result<Complaint, RenderError>,
) -> Result<(), RenderError> {
    if decompress(source)? == Complaint::NoEnd && decompress(&[source, &[0xff, 0xd9]].concat())? != Complaint::None {
        return Err(malformed(Format::Jpeg, MISSING_DATA));
    }
    Ok(())
}

/// Pixels of planes.
pub(crate) fn to_picture(planes: &Planes) -> Result<Picture, RenderError> {
    Ok(Picture {
        width: planes.luma.width,
        height: planes.luma.height,
        has_alpha: false,
        pixels: Codec::new(tj::TJINIT_TJINIT_DECOMPRESS)?.color_converted(planes)?,
    })
}

/// How many samples of luma share one of chroma, across and down, and the library's name for that.
const SAMPLINGS: [((u32, u32), tj::TJSAMP); 6] = [
    ((1, 1), tj::TJSAMP_TJSAMP_444),
    ((2, 1), tj::TJSAMP_TJSAMP_422),
    ((2, 2), tj::TJSAMP_TJSAMP_420),
    ((1, 2), tj::TJSAMP_TJSAMP_440),
    ((4, 1), tj::TJSAMP_TJSAMP_411),
    ((1, 4), tj::TJSAMP_TJSAMP_441),
];

/// The header of a file that our own decoder may make smaller. Nothing, when it is not for this file: what it does not know
/// and whatever is damaged is left to the library, so that there is one judge of what is still a picture.
fn our_frame(source: &[u8], header: &Header, shrink: u32) -> Option<Frame> {
    if !matches!(shrink, 2 | 4 | 8) {
        return None;
    }
    let frame = Frame::read(source)?;
    let agree = (frame.width, frame.height) == (header.info.width, header.info.height);
    agree.then_some(frame)
}

/// Baseline with optimised Huffman tables, or progressive. Carries EXIF, XMP (its first 64 KiB segment is all there may
/// be: longer packets are left out) and IPTC.
pub(super) fn encode(
    picture: &Picture,
    encoding: &Encoding,
    attachments: &Attachments,
) -> Result<Vec<u8>, RenderError> {
    if picture.has_alpha {
        return Err(RenderError::Plan("JPEG has no transparency; flatten first"));
    }
    check_side(picture, Format::Jpeg, MAX_SIDE)?;
    let file = Codec::to_encode(encoding, attachments)?.compress(picture)?;
    Ok(insert_segments(file, attachments))
}

/// The same of planes, of the [sampling] that this quality has.
pub(super) fn encode_planes(
    planes: &Planes,
    encoding: &Encoding,
    attachments: &Attachments,
) -> Result<Vec<u8>, RenderError> {
    let (width, height) = (planes.luma.width, planes.luma.height);
    check_size(Size { width, height }, Format::Jpeg, MAX_SIDE)?;
    let file = Codec::to_encode(encoding, attachments)?.compress_planes(planes)?;
    Ok(insert_segments(file, attachments))
}

/// How many samples of luma share one of chroma in what is written.
pub(super) fn sampling(quality: u8) -> (u32, u32) {
    if quality >= FULL_CHROMA_FROM { (1, 1) } else { (2, 2) }
}

/// Puts metadata behind the JFIF segment, where readers look for it.
fn insert_segments(file: Vec<u8>, attachments: &Attachments) -> Vec<u8> {
    let segments = [
        (0xe1, segments::EXIF, attachments.exif),
        (0xe1, segments::XMP, attachments.xmp),
        (0xed, segments::PHOTOSHOP, attachments.iptc),
    ];
    let mut inserted = Vec::new();
    for (marker, prefix, payload) in segments {
        let Some(payload) = payload.filter(|payload| prefix.len() + payload.len() <= MAX_SEGMENT) else {
            continue;
        };
        let length = (prefix.len() + payload.len() + 2) as u16;
        inserted.extend([0xff, marker]);
        inserted.extend(length.to_be_bytes());
        inserted.extend(prefix);
        inserted.extend(payload);
    }
    if inserted.is_empty() {
        return file;
    }
    // Start of image, then JFIF's own segment with its length.
    let place = match file.get(2..6) {
        Some([0xff, 0xe0, high, low]) => 4 + usize::from(u16::from_be_bytes([*high, *low])),
        _ => 2,
    };
    let (before, after) = file.split_at(place.min(file.len()));
    [before, &inserted, after].concat()
}

const MISSING_DATA: &str = "picture data is missing";

/// What the library had to say about a picture that it decoded.
#[derive(Debug, PartialEq, Eq)]
enum Complaint {
    None,
    /// Damage that leaves a picture.
    Minor,
    /// The file ends without saying so.
    NoEnd,
}

/// An instance of the library, freed when dropped.
struct Codec(tj::tjhandle);

impl Codec {
    fn new(kind: tj::TJINIT) -> Result<Self, RenderError> {
        // SAFETY: takes a number, returns an instance or null.
        let handle = unsafe { tj::tj3Init(kind as c_int) };
        if handle.is_null() {
            return Err(RenderError::Internal(String::from("no memory for a JPEG codec")));
        }
        Ok(Self(handle))
    }

    /// To decompress a file with, whose header was read and agrees with ours: eight bits, lossy.
    fn open(source: &[u8], header: &Header) -> Result<Self, RenderError> {
        let mut codec = Self::new(tj::TJINIT_TJINIT_DECOMPRESS)?;
        codec.set(tj::TJPARAM_TJPARAM_SCANLIMIT, MAX_SCANS)?;
        codec.read_header(source)?;
        // The size was checked against the budget as our own parser read it; the two must agree before memory is taken.
        let (width, height) = (
            codec.get(tj::TJPARAM_TJPARAM_JPEGWIDTH),
            codec.get(tj::TJPARAM_TJPARAM_JPEGHEIGHT),
        );
        if u32::try_from(width) != Ok(header.info.width) || u32::try_from(height) != Ok(header.info.height) {
            return Err(malformed(Format::Jpeg, "two frame headers"));
        }
        if codec.get(tj::TJPARAM_TJPARAM_PRECISION) != 8 {
            return Err(unsupported("more than eight bits a sample"));
        }
        if codec.get(tj::TJPARAM_TJPARAM_LOSSLESS) == 1 {
            return Err(unsupported("lossless coding"));
        }
        Ok(codec)
    }

    /// To compress with.
    fn to_encode(encoding: &Encoding, attachments: &Attachments) -> Result<Self, RenderError> {
        if encoding.lossless {
            return Err(RenderError::Plan("JPEG is never lossless"));
        }
        let mut codec = Self::new(tj::TJINIT_TJINIT_COMPRESS)?;
        let chroma = if sampling(encoding.quality) == (1, 1) {
            tj::TJSAMP_TJSAMP_444
        } else {
            tj::TJSAMP_TJSAMP_420
        };
        codec.set(tj::TJPARAM_TJPARAM_QUALITY, encoding.quality.clamp(1, 100).into())?;
        codec.set(tj::TJPARAM_TJPARAM_SUBSAMP, chroma as c_int)?;
        codec.set(tj::TJPARAM_TJPARAM_OPTIMIZE, 1)?;
        codec.set(tj::TJPARAM_TJPARAM_PROGRESSIVE, encoding.progressive.into())?;
        if let Some(icc) = attachments.icc {
            codec.set_profile(icc)?;
        }
        Ok(codec)
    }

    fn get(&self, parameter: tj::TJPARAM) -> c_int {
        // SAFETY: the instance lives as long as self.
        unsafe { tj::tj3Get(self.0, parameter as c_int) }
    }

    fn set(&mut self, parameter: tj::TJPARAM, value: c_int) -> Result<(), RenderError> {
        // SAFETY: the instance lives as long as self.
        match unsafe { tj::tj3Set(self.0, parameter as c_int, value) } {
            0 => Ok(()),
            _ => Err(RenderError::Internal(self.message())),
        }
    }

    fn shrink(&mut self, shrink: u32) -> Result<(), RenderError> {
        let factor = tj::tjscalingfactor {
            num: 1,
            denom: shrink as c_int,
        };
        // SAFETY: the instance lives as long as self.
        match unsafe { tj::tj3SetScalingFactor(self.0, factor) } {
            0 => Ok(()),
            _ => Err(RenderError::Internal(self.message())),
        }
    }

    fn set_profile(&mut self, icc: &[u8]) -> Result<(), RenderError> {
        // SAFETY: the library copies from the buffer and, despite its type, does not write to it.
        match unsafe { tj::tj3SetICCProfile(self.0, icc.as_ptr().cast_mut(), icc.len() as tj::size_t) } {
            0 => Ok(()),
            _ => Err(cannot_encode(Format::Jpeg, self.message())),
        }
    }

    fn read_header(&mut self, source: &[u8]) -> Result<(), RenderError> {
        // SAFETY: reads the slice only.
        match unsafe { tj::tj3DecompressHeader(self.0, source.as_ptr(), source.len() as tj::size_t) } {
            0 => Ok(()),
            _ => self.judge().map(|_| ()),
        }
    }

    /// Into a buffer of rows of `stride` bytes, which must be large enough for the header's size, shrunk.
    fn decompress(
        &mut self,
        source: &[u8],
        pixels: &mut [u8],
        stride: usize,
        pixel_format: tj::TJPF,
    ) -> Result<Complaint, RenderError> {
        let stride = to_c_int(stride)?;
        // SAFETY: the library writes `stride` bytes for each row of the shrunk picture, whose size it computes as the
        // caller did, rounding up, from the same header.
        let code = unsafe {
            let length = source.len() as tj::size_t;
            tj::tj3Decompress8(
                self.0,
                source.as_ptr(),
                length,
                pixels.as_mut_ptr(),
                stride,
                pixel_format,
            )
        };
        if code == 0 { Ok(Complaint::None) } else { self.judge() }
    }

    /// Into planes without room between rows, of the sizes that the header's sampling asks for, shrunk.
    fn decompress_planes(&mut self, source: &[u8], planes: &mut [Plane; 3]) -> Result<Complaint, RenderError> {
        let strides = [
            to_c_int(planes[0].stride)?,
            to_c_int(planes[1].stride)?,
            to_c_int(planes[2].stride)?,
        ];
        let mut pointers = planes.each_mut().map(|plane| plane.values.as_mut_ptr());
        // SAFETY: the library fills rows of the scaled picture, rounded up to whole samples of chroma, as the caller did.
        let code = unsafe {
            tj::tj3DecompressToYUVPlanes8(
                self.0,
                source.as_ptr(),
                source.len() as tj::size_t,
                pointers.as_mut_ptr(),
                strides.as_ptr().cast_mut(),
            )
        };
        if code == 0 { Ok(Complaint::None) } else { self.judge() }
    }

    /// Pixels of planes.
    fn color_converted(&mut self, planes: &Planes) -> Result<Vec<u8>, RenderError> {
        let (across, down) = planes.sampling;
        let sampling = SAMPLINGS.iter().find(|(sampling, _)| *sampling == planes.sampling);
        let (Some((_, sampling)), Some([blue, red])) = (sampling, &planes.chroma) else {
            return Err(RenderError::Internal(String::from("planes that JPEG does not have")));
        };
        planes.check()?;
        let (width, height) = (planes.luma.width as usize, planes.luma.height as usize);
        // The library wants luma for every sample of chroma.
        let luma = planes.luma.filled_up(blue.width * across, blue.height * down);
        let mut pixels = vec![0; width * height * 3];
        self.set(tj::TJPARAM_TJPARAM_SUBSAMP, *sampling as c_int)?;
        let planes = [&*luma, blue, red].map(|plane| plane.values.as_ptr());
        let strides = [to_c_int(luma.stride)?, to_c_int(blue.stride)?, to_c_int(red.stride)?];
        let (width, pitch, height) = (to_c_int(width)?, to_c_int(width * 3)?, to_c_int(height)?);
        // SAFETY: planes were checked to have the rows and columns of their sampling, and the buffer has `height` rows of
        // `pitch` bytes.
        let code = unsafe {
            let to = pixels.as_mut_ptr();
            tj::tj3DecodeYUVPlanes8(
                self.0,
                planes.as_ptr(),
                strides.as_ptr(),
                to,
                width,
                pitch,
                height,
                tj::TJPF_TJPF_RGB as c_int,
            )
        };
        match code {
            0 => Ok(pixels),
            _ => Err(RenderError::Internal(self.message())),
        }
    }

    fn compress(&mut self, picture: &Picture) -> Result<Vec<u8>, RenderError> {
        let (width, height) = (to_c_int(picture.width as usize)?, to_c_int(picture.height as usize)?);
        let stride = to_c_int(picture.stride())?;
        let mut buffer = std::ptr::null_mut();
        let mut length: tj::size_t = 0;
        // SAFETY: the picture has `height` rows of `stride` bytes; the library allocates the result and sets its length.
        let code = unsafe {
            let pixels = picture.pixels.as_ptr();
            tj::tj3Compress8(
                self.0,
                pixels,
                width,
                stride,
                height,
                tj::TJPF_TJPF_RGB,
                &mut buffer,
                &mut length,
            )
        };
        // SAFETY: what the library has just made.
        unsafe { self.take(code, buffer, length) }
    }

    /// Of the sampling that the codec is set to.
    fn compress_planes(&mut self, planes: &Planes) -> Result<Vec<u8>, RenderError> {
        let luma = &planes.luma;
        let Some([blue, red]) = &planes.chroma else {
            return Err(RenderError::Internal(String::from("no chroma")));
        };
        planes.check()?;
        // The library wants luma for every sample of chroma.
        let luma = luma.filled_up(blue.width * planes.sampling.0, blue.height * planes.sampling.1);
        let (width, height) = (
            to_c_int(planes.luma.width as usize)?,
            to_c_int(planes.luma.height as usize)?,
        );
        let pointers = [luma.values.as_ptr(), blue.values.as_ptr(), red.values.as_ptr()];
        let strides = [to_c_int(luma.stride)?, to_c_int(blue.stride)?, to_c_int(red.stride)?];
        let mut buffer = std::ptr::null_mut();
        let mut length: tj::size_t = 0;
        // SAFETY: the planes have the rows and columns that the sampling asks for, and the strides given; the library
        // allocates the result and sets its length.
        unsafe {
            let code = tj::tj3CompressFromYUVPlanes8(
                self.0,
                pointers.as_ptr(),
                width,
                strides.as_ptr(),
                height,
                &mut buffer,
                &mut length,
            );
            self.take(code, buffer, length)
        }
    }

    /// A file that the library made, or its complaint.
    ///
    /// # Safety
    /// The buffer is null, or was allocated by the library, holds this many bytes, and is used by nobody else.
    unsafe fn take(&self, code: c_int, buffer: *mut u8, length: tj::size_t) -> Result<Vec<u8>, RenderError> {
        let result = if code == 0 && !buffer.is_null() {
            // SAFETY: as the caller says.
            Ok(unsafe { std::slice::from_raw_parts(buffer, length as usize) }.to_vec())
        } else {
            Err(cannot_encode(Format::Jpeg, self.message()))
        };
        // SAFETY: as the caller says; a null pointer may be freed.
        unsafe { tj::tj3Free(buffer.cast()) };
        result
    }

    /// What to make of a refusal. Warnings leave a whole picture, perhaps with damage that shows; but picture data that
    /// is missing is filled with grey, and nobody should be served half a picture as if it were one.
    fn judge(&self) -> Result<Complaint, RenderError> {
        // SAFETY: the instance lives as long as self.
        let code = unsafe { tj::tj3GetErrorCode(self.0) };
        let message = self.message();
        if code != tj::TJERR_TJERR_WARNING as c_int {
            return Err(malformed(Format::Jpeg, message));
        }
        if message.contains("premature end of data segment") {
            return Err(malformed(Format::Jpeg, MISSING_DATA));
        }
        Ok(if message.contains("Premature end of JPEG file") {
            Complaint::NoEnd
        } else {
            Complaint::Minor
        })
    }

    fn message(&self) -> String {
        // SAFETY: the library returns a string that lives until the next call on this instance.
        unsafe { CStr::from_ptr(tj::tj3GetErrorStr(self.0)) }
            .to_string_lossy()
            .into_owned()
    }
}

impl Drop for Codec {
    fn drop(&mut self) {
        // SAFETY: made by tj3Init, and dropped once.
        unsafe { tj::tj3Destroy(self.0) }
    }
}

fn unsupported(what: &'static str) -> RenderError {
    RenderError::Unsupported {
        format: Format::Jpeg,
        what,
    }
}

#[cfg(test)]
mod tests;
