//! Requests per second over HTTP: photographs of 2048 pixels into a box of 512, in the format that they come in.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use contender::{OutputFormat, Task};
use image::GenericImageView;
use image::imageops::crop_imm;

use crate::BenchError;
use crate::cases::{self, Source, encoded_source};
use crate::contenders;
use crate::entry::Role;
use crate::equal_score::{fairest_light, lowest_quality};
use crate::judge::{Judge, Light, Scores};
use crate::load;
use crate::process::Process;
use crate::servers::{self, OXIMG, Programs, Server, Sources, TINTYPE, TINTYPE_LINEAR};
use crate::statistics::{Spread, median, spread};
use crate::synthetic;

/// Everything that was found.
pub struct Throughput {
    /// A sentence on the photographs.
    pub origin: String,
    /// By the numbers that lines refer to.
    pub servers: Vec<Described>,
    /// One a format.
    pub cases: Vec<Case>,
    /// Counted in the medians.
    pub rounds: usize,
}

/// A server, after it has gone.
pub struct Described {
    /// As the tables say it.
    pub name: &'static str,
    /// Versions.
    pub about: String,
    /// How it was set.
    pub settings: &'static str,
}

impl Described {
    /// Of one that runs.
    pub fn of(server: &Server) -> Self {
        Self {
            name: server.name,
            about: server.about.clone(),
            settings: server.settings,
        }
    }
}

/// One format in and out.
pub struct Case {
    /// Its heading.
    pub name: &'static str,
    /// Tintype first.
    pub lines: Vec<Line>,
    /// Who could not do it, and what it said.
    pub absent: Vec<(usize, String)>,
    /// Ours that score lower than oximg even at quality 100.
    pub out_of_reach: Vec<(usize, Light)>,
    quality: u8,
    format: OutputFormat,
    files: Vec<Served>,
}

/// A file that all servers have.
struct Served {
    name: String,
    original: PathBuf,
    wide: bool,
}

/// A server at one setting.
pub struct Line {
    /// Which of the servers.
    pub server: usize,
    /// At the number that all are asked for, or at oximg's score.
    pub role: Role,
    /// In its URLs.
    pub quality: u8,
    /// Of all results together.
    pub bytes: usize,
    /// Means over the photographs.
    pub scores: Scores,
    rounds: Vec<Round>,
}

struct Round {
    requests_a_second: f64,
    processor_ms: f64,
}

impl Line {
    /// The median over the rounds.
    pub fn requests_a_second(&self) -> f64 {
        median(self.rounds.iter().map(|round| round.requests_a_second).collect())
    }

    /// For one request, on all processors together.
    pub fn processor_ms(&self) -> f64 {
        median(self.rounds.iter().map(|round| round.processor_ms).collect())
    }

    /// How many times as many requests as the other answers, within one round.
    pub fn over(&self, other: &Self) -> Spread {
        let pairs = self.rounds.iter().zip(&other.rounds);
        spread(
            pairs
                .map(|(own, other)| own.requests_a_second / other.requests_a_second)
                .collect(),
        )
    }
}

impl Case {
    /// This server at the number that all are asked for.
    pub fn nominal(&self, server: usize) -> Option<&Line> {
        self.lines
            .iter()
            .find(|line| line.server == server && line.role == Role::Nominal)
    }
}

/// As many photographs as published comparisons of such servers use.
const PHOTOGRAPHS: usize = 8;
const QUICK_PHOTOGRAPHS: usize = 3;
const ROUNDS: usize = 7;
const QUICK_ROUNDS: usize = 2;

/// Passes over all photographs in one measurement.
const PASSES: usize = 4;
const QUICK_PASSES: usize = 2;

/// The longer side of a photograph, and the other one at 3:2.
const LONG: u32 = 2048;
const SHORT: u32 = 1365;

/// The side of the box.
const BOX: u32 = 512;

/// Runs it all; says on standard error how far it is.
pub fn measure(programs: &Programs, sharp: &Path, folder: &Path, quick: bool) -> Result<Throughput, BenchError> {
    let (sources, served) = (folder.join("sources"), folder.join("served"));
    let results = folder.join("results");
    for folder in [&sources, &served, &results] {
        fs::create_dir_all(folder)?;
    }
    let mut judge = Judge::new(contenders::start_sharp(sharp)?, sharp, folder.to_owned());
    let mut maker = contenders::start_sharp(sharp)?;
    eprintln!("preparing photographs");
    let (origin, photographs) = photographs(
        &sources,
        &mut maker,
        &mut judge,
        if quick { QUICK_PHOTOGRAPHS } else { PHOTOGRAPHS },
    )?;
    let mut cases = Vec::new();
    for (name, format, source_quality, quality) in [
        ("JPEG, q 80", OutputFormat::Jpeg, 92, 80),
        ("PNG", OutputFormat::Png, 100, 80),
        ("WebP, q 75", OutputFormat::Webp, 90, 75),
    ] {
        cases.push(Case {
            name,
            lines: Vec::new(),
            absent: Vec::new(),
            out_of_reach: Vec::new(),
            quality,
            format,
            files: serve_as(&photographs, format, source_quality, &served, &mut maker)?,
        });
    }
    drop(maker);

    eprintln!("starting servers");
    let servers = servers::start(programs, &served, &folder.join("servers"), Sources::Forgotten)?;
    for case in &mut cases {
        eprintln!("http, scoring: {}", case.name);
        for server in &servers {
            for file in &case.files {
                server.offer(&served, &file.name)?;
            }
        }
        score(case, &servers, &mut judge, &results)?;
        judge.forget_originals();
    }
    // Each pass has boxes of its own: see `boxed`.
    let mut pass = 1;
    let (rounds, passes) = if quick {
        (QUICK_ROUNDS, QUICK_PASSES)
    } else {
        (ROUNDS, PASSES)
    };
    for round in 0..=rounds {
        eprintln!(
            "http: round {round} of {rounds}{}",
            if round == 0 { " (warming up)" } else { "" }
        );
        for Case {
            lines, files, format, ..
        } in &mut cases
        {
            for turn in 0..lines.len() {
                let index = (turn + round) % lines.len();
                let line = &mut lines[index];
                let server = &servers[line.server];
                let mut paths = Vec::new();
                for _ in 0..passes {
                    paths.extend(
                        files
                            .iter()
                            .map(|file| server.kind.path(&file.name, &boxed(file, *format, line.quality, pass))),
                    );
                    pass += 1;
                }
                let load = load::run(server, &paths)?;
                if round > 0 {
                    line.rounds.push(Round {
                        requests_a_second: paths.len() as f64 / load.wall_ms(paths.len()) * 1000.0,
                        processor_ms: load.processor_ms / paths.len() as f64,
                    });
                }
            }
        }
    }
    Ok(Throughput {
        origin,
        servers: servers.iter().map(Described::of).collect(),
        cases,
        rounds,
    })
}

/// Fits the file into 512 x 512. The side that does not bind grows with each pass: a URL of its own for the same picture
/// by the same work, so that a server that keeps what it has made has to make it all the same.
fn boxed(file: &Served, format: OutputFormat, quality: u8, pass: u32) -> Task {
    let (width, height) = if file.wide {
        (BOX, BOX + pass)
    } else {
        (BOX + pass, BOX)
    };
    Task {
        width: Some(width),
        height: Some(height),
        format,
        quality,
    }
}

/// Lossless ones as they are, then parts of camera files, then scenes made here.
fn photographs(
    folder: &Path,
    sharp: &mut Process,
    judge: &mut Judge,
    wanted: usize,
) -> Result<(String, Vec<PathBuf>), BenchError> {
    let cases::Pictures {
        origin,
        photos,
        mut lossless,
    } = cases::pictures(folder, sharp, judge)?;
    for Source { original, .. } in photos.iter().rev() {
        if lossless.len() >= wanted {
            break;
        }
        let photo = image::open(original)?.into_rgb8();
        let (width, height) = (LONG.min(photo.width()), SHORT.min(photo.height()));
        let (left, top) = ((photo.width() - width) / 2, (photo.height() - height) / 2);
        let part = original.with_extension("part.png");
        crop_imm(&photo, left, top, width, height).to_image().save(&part)?;
        lossless.push(part);
    }
    for seed in 20.. {
        if lossless.len() >= wanted {
            break;
        }
        let path = folder.join(format!("small-{seed}.png"));
        synthetic::scene(seed, LONG, SHORT).save(&path)?;
        lossless.push(path);
    }
    lossless.truncate(wanted);
    Ok((origin, lossless))
}

fn serve_as(
    photographs: &[PathBuf],
    format: OutputFormat,
    quality: u8,
    served: &Path,
    sharp: &mut Process,
) -> Result<Vec<Served>, BenchError> {
    let mut files = Vec::new();
    for (index, original) in photographs.iter().enumerate() {
        let (picture, extension) = match format {
            OutputFormat::Png => (original.clone(), "png"),
            OutputFormat::Webp => (encoded_source(original, format, quality, sharp)?.picture, "webp"),
            _ => (encoded_source(original, format, quality, sharp)?.picture, "jpg"),
        };
        let name = format!("photograph-{index}.{extension}");
        fs::write(served.join(&name), fs::read(picture)?)?;
        let (width, height) = image::open(original)?.dimensions();
        files.push(Served {
            name,
            original: original.clone(),
            wide: width >= height,
        });
    }
    Ok(files)
}

/// Fetches all photographs once from everybody and scores them, then looks for our lowest quality at oximg's score.
fn score(case: &mut Case, servers: &[Server], judge: &mut Judge, results: &Path) -> Result<(), BenchError> {
    let (files, format) = (&case.files, case.format);
    for (index, server) in servers.iter().enumerate() {
        let quality = server.kind.quality(format, case.quality);
        let made = fetch(files, format, quality, index, server, results).and_then(|(bytes, paths)| {
            let scores = Scores {
                linear: mean_score(files, &paths, judge, Light::Linear)?,
                gamma: mean_score(files, &paths, judge, Light::Gamma)?,
            };
            Ok((bytes, scores))
        });
        match made {
            Ok((bytes, scores)) => case.lines.push(Line {
                server: index,
                role: Role::Nominal,
                quality,
                bytes,
                scores,
                rounds: Vec::new(),
            }),
            Err(error) if index == TINTYPE => return Err(error),
            Err(error) => case.absent.push((index, error.to_string())),
        }
    }
    if format == OutputFormat::Png {
        return Ok(());
    }
    let Some(theirs) = case.nominal(OXIMG).map(|line| line.scores) else {
        return Ok(());
    };
    for own in [TINTYPE, TINTYPE_LINEAR] {
        let Some(ours) = case.nominal(own).map(|line| line.scores) else {
            continue;
        };
        let light = fairest_light(&ours, &theirs);
        let server = &servers[own];
        let mut known: HashMap<u8, f64> = HashMap::new();
        let found = lowest_quality(case.quality, theirs.against(light), |quality| {
            if let Some(score) = known.get(&quality) {
                return Ok(*score);
            }
            let (_, paths) = fetch(&case.files, format, quality, own, server, results)?;
            let score = mean_score(&case.files, &paths, judge, light)?;
            known.insert(quality, score);
            Ok(score)
        })?;
        let Some(quality) = found else {
            case.out_of_reach.push((own, light));
            continue;
        };
        let (bytes, paths) = fetch(&case.files, format, quality, own, server, results)?;
        let scores = Scores {
            linear: mean_score(&case.files, &paths, judge, Light::Linear)?,
            gamma: mean_score(&case.files, &paths, judge, Light::Gamma)?,
        };
        case.lines.push(Line {
            server: own,
            role: Role::EqualScore { peer: OXIMG, light },
            quality,
            bytes,
            scores,
            rounds: Vec::new(),
        });
    }
    Ok(())
}

fn fetch(
    files: &[Served],
    format: OutputFormat,
    quality: u8,
    index: usize,
    server: &Server,
    results: &Path,
) -> Result<(usize, Vec<PathBuf>), BenchError> {
    let (mut bytes, mut paths) = (0, Vec::new());
    for file in files {
        let body = server.fetch(&file.name, &boxed(file, format, quality, 0))?;
        let path = results.join(format!("{index}-q{quality}-{}", file.name));
        bytes += body.len();
        fs::write(&path, body)?;
        paths.push(path);
    }
    Ok((bytes, paths))
}

fn mean_score(files: &[Served], results: &[PathBuf], judge: &mut Judge, light: Light) -> Result<f64, BenchError> {
    let mut sum = 0.0;
    for (file, result) in files.iter().zip(results) {
        sum += judge.score(result, &file.original, light)?;
    }
    Ok(sum / files.len() as f64)
}
