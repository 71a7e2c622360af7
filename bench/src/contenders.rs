use std::ffi::OsString;
use std::path::Path;

use contender::OutputFormat;

use crate::BenchError;
use crate::process::Process;

/// One line of every table.
pub struct Contender {
    /// As the tables say it.
    pub name: &'static str,
    /// What was set, for the report.
    pub settings: &'static str,
    /// Another line has the same contender at its defaults; this one is there for its settings.
    pub variant: bool,
    /// Whether those settings change nothing about PNG.
    pub same_png: bool,
    /// What it is asked for in place of a case's AVIF quality, where it reads that number on a scale of its own.
    avif_quality: Option<u8>,
    /// Where it runs.
    pub process: Process,
}

/// Where these stand in the list that [`start`] returns.
pub const TINTYPE: usize = 0;
/// The same engine, scaling in linear light.
pub const TINTYPE_LINEAR: usize = 1;
/// The yardstick: every ratio is to it.
pub const SHARP: usize = 2;

/// Tintype reads `q` on the scale of JPEG and WebP in every format; this one becomes libavif's 65.
const TINTYPE_AVIF_QUALITY: u8 = 81;

/// oximg's own default (`OXIMG_AVIF_QUALITY`).
const OXIMG_AVIF_QUALITY: u8 = 55;

/// SVT-AV1, which oximg encodes with, otherwise prints its settings at every picture.
const SVT_ERRORS_ONLY: (&str, &str) = ("SVT_LOG", "1");

impl Contender {
    /// The quality that it is asked for where the case says `nominal`.
    pub fn quality(&self, format: OutputFormat, nominal: u8) -> u8 {
        self.avif_quality
            .filter(|_| format == OutputFormat::Avif)
            .unwrap_or(nominal)
    }
}

/// sharp, for the harness's own use: making sources and decoding results.
pub fn start_sharp(script: &Path) -> Result<Process, BenchError> {
    Process::start(&["node".into(), script.into()], &[])
}

/// Starts them all.
pub fn start(sharp: &Path, oximg: &Path) -> Result<Vec<Contender>, BenchError> {
    let own = OsString::from(std::env::current_exe()?);
    let oximg = [OsString::from(oximg)];
    Ok(vec![
        Contender {
            name: "Tintype",
            settings: "the engine's defaults, scaling in gamma light; WebP method 3; AVIF by libaom speed 8, `q-81`, which \
                       gives libavif the quality 65",
            variant: false,
            same_png: false,
            avif_quality: Some(TINTYPE_AVIF_QUALITY),
            process: Process::start(&[own.clone(), "contender".into()], &[])?,
        },
        Contender {
            name: "Tintype, linear",
            settings: "the same, scaling in linear light",
            variant: true,
            same_png: false,
            avif_quality: Some(TINTYPE_AVIF_QUALITY),
            process: Process::start(&[own, "contender".into(), "--linear".into()], &[])?,
        },
        Contender {
            name: "sharp",
            settings: "`concurrency(1)`, `cache(false)`; JPEG 4:2:0, one scan, optimised tables; PNG defaults; WebP \
                       effort 4; AVIF 4:2:0, effort 1, which is libaom speed 8",
            variant: false,
            same_png: false,
            avif_quality: None,
            process: start_sharp(sharp)?,
        },
        Contender {
            name: "oximg",
            settings: "its defaults: JPEG by jpegli, progressive, the decoder on a second thread when the machine is \
                       idle; PNG effort fast; WebP method 2; AVIF by SVT-AV1 preset 8, 10 bit, at its own default \
                       quality 55, decoded on two threads",
            variant: false,
            same_png: false,
            avif_quality: Some(OXIMG_AVIF_QUALITY),
            process: Process::start(&oximg, &[SVT_ERRORS_ONLY])?,
        },
        Contender {
            name: "oximg, likened",
            settings: "one thread a picture (`OXIMG_OVERLAP=0`, `OXIMG_WEBP_DECODE_THREADS=0`, \
                       `OXIMG_AVIF_DECODE_THREADS=1`), JPEG in one scan (`OXIMG_JPEG_PROGRESSIVE=0`), WebP method 4 \
                       (`OXIMG_WEBP_EFFORT=4`), AVIF at the quality number of the others",
            variant: true,
            same_png: true,
            avif_quality: None,
            process: Process::start(
                &oximg,
                &[
                    SVT_ERRORS_ONLY,
                    ("OXIMG_OVERLAP", "0"),
                    ("OXIMG_WEBP_DECODE_THREADS", "0"),
                    ("OXIMG_AVIF_DECODE_THREADS", "1"),
                    ("OXIMG_JPEG_PROGRESSIVE", "0"),
                    ("OXIMG_WEBP_EFFORT", "4"),
                ],
            )?,
        },
    ])
}
