//! What is compared: sources, and what is to become of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use contender::{OutputFormat, Request, Task};
use image::{ImageFormat, RgbImage, Rgba32FImage};

use crate::BenchError;
use crate::judge::{Judge, Light, reduce};
use crate::process::Process;
use crate::synthetic;

/// One table of the report.
pub struct Case {
    /// Its heading.
    pub name: &'static str,
    /// Rendered one after the other.
    pub sources: Vec<Source>,
    /// With the quality that all are asked for.
    pub task: Task,
}

/// A picture as contenders get it, and as it was before any loss.
#[derive(Clone)]
pub struct Source {
    /// Handed to the contenders.
    pub picture: PathBuf,
    /// A PNG, upright, of the same size; of an animation the file itself.
    pub original: PathBuf,
}

/// Where the pictures came from, and the cases made of them.
pub struct Cases {
    /// A sentence for the report.
    pub origin: String,
    /// In the order of the report.
    pub all: Vec<Case>,
}

/// Camera files of 10 to 14 megapixels; the last one lies on its side by its EXIF tag.
const PHOTOS: [&str; 3] = ["nikon-d90.jpg", "nikon-d3100.jpg", "canon-eos-1000d.jpg"];

/// In an animation made here.
const SYNTHETIC_FRAMES: u32 = 16;

/// The longer side of a 2 megapixel picture of 3:2.
const TWO_MEGAPIXELS: u32 = 1732;

/// Prepares sources in `folder`, from the folder that TINTYPE_CORPUS names or from synthetic pictures.
///
/// `script` is sharp's contender, `sharp` runs it.
pub fn prepare(
    folder: &Path,
    script: &Path,
    sharp: &mut Process,
    judge: &mut Judge,
    quick: bool,
) -> Result<Cases, BenchError> {
    let Pictures {
        origin,
        mut photos,
        mut lossless,
    } = pictures(folder, sharp, judge)?;
    let mut animations = animations(folder, script)?;
    if quick {
        photos.truncate(1);
        lossless.truncate(1);
        animations.truncate(1);
    }
    let mut medium = Vec::new();
    for photo in photos.iter().take(2) {
        medium.push(reduced_source(photo, folder, sharp)?);
    }
    let mut oval = Vec::new();
    for original in lossless.iter().take(2) {
        oval.push(oval_source(original, folder)?);
    }
    let encoded = |format, quality, sharp: &mut Process| {
        lossless
            .iter()
            .map(|original| encoded_source(original, format, quality, sharp))
            .collect::<Result<Vec<_>, _>>()
    };
    let (jpeg, webp, avif) = (
        encoded(OutputFormat::Jpeg, 92, sharp)?,
        encoded(OutputFormat::Webp, 90, sharp)?,
        encoded(OutputFormat::Avif, 80, sharp)?,
    );
    let png = lossless
        .iter()
        .map(|path| Source {
            picture: path.clone(),
            original: path.clone(),
        })
        .collect();

    use OutputFormat::{Avif, Jpeg, Png, Webp};
    let wide = |width, format, quality| Task {
        width: Some(width),
        height: None,
        format,
        quality,
    };
    let boxed = |format, quality| Task {
        width: Some(512),
        height: Some(512),
        format,
        quality,
    };
    let case = |name, sources, task| Case { name, sources, task };
    let all = vec![
        case("12 MP JPEG to 500 px JPEG, q 80", photos.clone(), wide(500, Jpeg, 80)),
        case("12 MP JPEG to 500 px WebP, q 75", photos.clone(), wide(500, Webp, 75)),
        case("12 MP JPEG to 500 px AVIF, q 65", photos, wide(500, Avif, 65)),
        case("2 MP JPEG to 1200 px JPEG, q 80", medium, wide(1200, Jpeg, 80)),
        case("2048 px JPEG into 512 x 512, JPEG, q 80", jpeg, boxed(Jpeg, 80)),
        case("2048 px PNG into 512 x 512, PNG", png, boxed(Png, 80)),
        case("2048 px WebP into 512 x 512, WebP, q 75", webp, boxed(Webp, 75)),
        case("2048 px AVIF into 512 x 512, AVIF, q 65", avif, boxed(Avif, 65)),
        case("PNG with alpha to 800 px PNG", oval.clone(), wide(800, Png, 80)),
        case("PNG with alpha to 800 px WebP, q 75", oval, wide(800, Webp, 75)),
        case("GIF to animated 320 px WebP, q 75", animations, wide(320, Webp, 75)),
    ];
    Ok(Cases { origin, all })
}

/// What everything is made of.
pub struct Pictures {
    /// A sentence for the report.
    pub origin: String,
    /// Camera files of about 12 megapixels.
    pub photos: Vec<Source>,
    /// PNGs of 2048 pixels.
    pub lossless: Vec<PathBuf>,
}

/// Puts pictures into `folder`, from the folder that TINTYPE_CORPUS names or synthetic ones.
pub fn pictures(folder: &Path, sharp: &mut Process, judge: &mut Judge) -> Result<Pictures, BenchError> {
    match corpus() {
        Some(corpus) => from_corpus(&corpus, folder, judge),
        None => synthesised(folder, sharp),
    }
}

fn corpus() -> Option<PathBuf> {
    std::env::var_os("TINTYPE_CORPUS").map(PathBuf::from)
}

/// GIFs of several frames, the largest file first.
fn animations(folder: &Path, script: &Path) -> Result<Vec<Source>, BenchError> {
    let mut files = Vec::new();
    if let Some(corpus) = corpus() {
        let animated = corpus.join("animated");
        let entries = fs::read_dir(&animated).map_err(|error| format!("{}: {error}", animated.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "gif") {
                let copy = folder.join(path.file_name().ok_or("a file without a name")?);
                fs::write(&copy, fs::read(&path)?)?;
                files.push(copy);
            }
        }
        files.sort();
        files.sort_by_key(|path| std::cmp::Reverse(fs::metadata(path).map_or(0, |facts| facts.len())));
    }
    if files.is_empty() {
        let strip = folder.join("strip.png");
        synthetic::strip(9, 480, 270, SYNTHETIC_FRAMES).save(&strip)?;
        let gif = folder.join("synthetic.gif");
        let status = Command::new("node")
            .arg(script.with_file_name("animate.js"))
            .arg(&strip)
            .arg(SYNTHETIC_FRAMES.to_string())
            .arg(&gif)
            .status()?;
        if !status.success() {
            return Err(format!("no GIF was made: {status}").into());
        }
        files.push(gif);
    }
    let source = |path: PathBuf| Source {
        original: path.clone(),
        picture: path,
    };
    Ok(files.into_iter().map(source).collect())
}

fn from_corpus(corpus: &Path, folder: &Path, judge: &mut Judge) -> Result<Pictures, BenchError> {
    let mut photos = Vec::new();
    for name in PHOTOS {
        let picture = corpus.join("photos").join(name);
        let original = folder.join(name).with_extension("original.png");
        save_opaque(&judge.decode(&picture)?, &original)?;
        photos.push(Source { picture, original });
    }
    let clic = corpus.join("clic");
    let entries = fs::read_dir(&clic).map_err(|error| format!("{}: {error}", clic.display()))?;
    let mut lossless = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "png") {
            let copy = folder.join(path.file_name().ok_or("a file without a name")?);
            // Not copied with its mode: the next run has to be able to write here too.
            fs::write(&copy, fs::read(&path)?)?;
            lossless.push(copy);
        }
    }
    lossless.sort();
    if lossless.is_empty() {
        return Err(format!("no .png files in {}", clic.display()).into());
    }
    let origin = format!(
        "Photographs: {} camera JPEGs of 10 to 14 megapixels ({}), and {} lossless photographs of 2048 pixels (CLIC).",
        photos.len(),
        PHOTOS.join(", "),
        lossless.len()
    );
    Ok(Pictures {
        origin,
        photos,
        lossless,
    })
}

fn synthesised(folder: &Path, sharp: &mut Process) -> Result<Pictures, BenchError> {
    let mut photos = Vec::new();
    let mut lossless = Vec::new();
    for seed in 1..=2 {
        let large = folder.join(format!("large-{seed}.png"));
        synthetic::scene(seed, 4000, 3000).save(&large)?;
        photos.push(encoded_source(&large, OutputFormat::Jpeg, 92, sharp)?);
        let small = folder.join(format!("small-{seed}.png"));
        synthetic::scene(seed + 2, 2048, 1365).save(&small)?;
        lossless.push(small);
    }
    let origin =
        "Synthetic pictures made by the harness, since TINTYPE_CORPUS was not set: fine for seeing changes, but \
                  no photographs; sizes and scores differ from those of photographs."
            .to_owned();
    Ok(Pictures {
        origin,
        photos,
        lossless,
    })
}

/// A lossless picture in a lossy format, by sharp: everybody decodes the same bytes.
pub fn encoded_source(
    original: &Path,
    format: OutputFormat,
    quality: u8,
    sharp: &mut Process,
) -> Result<Source, BenchError> {
    let extension = match format {
        OutputFormat::Jpeg => "jpg",
        OutputFormat::Png => "png",
        OutputFormat::Webp => "webp",
        OutputFormat::Avif => "avif",
    };
    let picture = original.with_extension(extension);
    let task = Task {
        width: None,
        height: None,
        format,
        quality,
    };
    let save = Some(picture.clone());
    sharp.ask(&Request {
        source: original.to_owned(),
        task,
        renders: 1,
        at_once: 1,
        save,
    })?;
    Ok(Source {
        picture,
        original: original.to_owned(),
    })
}

/// A photograph at 2 megapixels, so well reduced that it counts as an original, then a JPEG of it.
fn reduced_source(photo: &Source, folder: &Path, sharp: &mut Process) -> Result<Source, BenchError> {
    let large = image::open(&photo.original)?.into_rgba32f();
    let scale = f64::from(TWO_MEGAPIXELS) / f64::from(large.width().max(large.height()));
    let side = |pixels: u32| (f64::from(pixels) * scale).round() as u32;
    let medium = reduce(&large, side(large.width()), side(large.height()), Light::Gamma);
    let name = photo.original.file_stem().ok_or("a file without a name")?;
    let original = folder.join(name).with_extension("2mp.png");
    save_opaque(&medium, &original)?;
    encoded_source(&original, OutputFormat::Jpeg, 90, sharp)
}

fn oval_source(original: &Path, folder: &Path) -> Result<Source, BenchError> {
    let picture = image::open(original)?.into_rgb8();
    let name = original.file_stem().ok_or("a file without a name")?;
    let path = folder.join(name).with_extension("oval.png");
    synthetic::in_an_oval(&picture).save_with_format(&path, ImageFormat::Png)?;
    Ok(Source {
        picture: path.clone(),
        original: path,
    })
}

/// Stores a picture as a PNG of 8 bits without alpha.
pub fn save_opaque(picture: &Rgba32FImage, path: &Path) -> Result<(), BenchError> {
    let bytes: RgbImage = RgbImage::from_fn(picture.width(), picture.height(), |column, row| {
        let [red, green, blue, _] = picture.get_pixel(column, row).0;
        image::Rgb([red, green, blue].map(|channel| (channel * 255.0).round() as u8))
    });
    Ok(bytes.save_with_format(path, ImageFormat::Png)?)
}
