//! How much memory one large picture adds at its peak: each contender in a fresh process.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use contender::{OutputFormat, Request, Task};
use image::imageops::{flip_horizontal, flip_vertical};
use image::{GenericImage, ImageFormat, RgbImage};

use crate::BenchError;
use crate::cases::{Source, encoded_source};
use crate::contenders::{self, Contender, SHARP, TINTYPE};
use crate::goals::Goal;
use crate::judge::{Judge, Light};
use crate::process::Process;
use crate::report::{bold_if, page_about_run};
use crate::statistics::{Spread, spread};
use crate::{cases, synthetic};

/// 22.1 megapixels.
const LARGE: (u32, u32) = (5760, 3840);

const TASK: Task = Task {
    width: Some(500),
    height: None,
    format: OutputFormat::Jpeg,
    quality: 80,
};

const ROUNDS: usize = 5;

/// A contender's line.
struct Line {
    name: &'static str,
    about: String,
    /// By the first job of a process; mebibytes, one a round.
    first: Vec<f64>,
    /// By a job after a small one.
    later: Vec<f64>,
    bytes: usize,
    score: (f64, f64),
}

/// Measures everybody; the section of the report, and what was aimed at.
pub fn measure(folder: &Path, sharp: &Path, oximg: &Path, quick: bool) -> Result<(String, Vec<Goal>), BenchError> {
    let sources = folder.join("sources");
    fs::create_dir_all(&sources)?;
    let load = crate::machine::load_average();
    let mut judge = Judge::new(contenders::start_sharp(sharp)?, sharp, folder.to_owned());
    let mut maker = contenders::start_sharp(sharp)?;
    eprintln!("preparing a large picture");
    let (large, small) = pictures(&sources, &mut maker, &mut judge)?;
    drop(maker);
    let mut lines: Vec<Line> = Vec::new();
    for round in 0..if quick { 1 } else { ROUNDS } {
        eprintln!("memory: round {}", round + 1);
        for (index, mut contender) in contenders::start(sharp, oximg)?.into_iter().enumerate() {
            let result = folder.join(format!("large-{index}.jpg"));
            let (first, bytes) = added(&mut contender, &large, None, &result)?;
            if lines.len() <= index {
                let score = |judge: &mut Judge, light| judge.score(&result, &large.original, light);
                lines.push(Line {
                    name: contender.name,
                    about: contender.process.about.clone(),
                    first: Vec::new(),
                    later: Vec::new(),
                    bytes,
                    score: (score(&mut judge, Light::Linear)?, score(&mut judge, Light::Gamma)?),
                });
            }
            lines[index].first.push(first);
        }
        for (index, mut contender) in contenders::start(sharp, oximg)?.into_iter().enumerate() {
            let result = folder.join(format!("large-{index}-later.jpg"));
            let (later, _) = added(&mut contender, &large, Some(&small), &result)?;
            lines[index].later.push(later);
        }
    }
    Ok((section(&lines, &load, quick), vec![goal(&lines)]))
}

/// Mebibytes at the peak of one job above what was there before, and the bytes of its result.
fn added(
    contender: &mut Contender,
    large: &Source,
    small: Option<&Path>,
    result: &Path,
) -> Result<(f64, usize), BenchError> {
    let request = |source: &Path, renders, save: Option<&Path>| Request {
        source: source.to_owned(),
        task: TASK,
        renders,
        at_once: 1,
        save: save.map(Path::to_owned),
    };
    if let Some(small) = small {
        contender.process.ask(&request(small, 1, None))?;
    }
    // Its bytes are there before.
    contender.process.ask(&request(&large.picture, 0, None))?;
    let process = contender.process.id();
    forget_peak(process)?;
    let before = peak(process)?;
    let measured = contender.process.ask(&request(&large.picture, 1, Some(result)))?;
    Ok((peak(process)? - before, measured.bytes))
}

/// Sets the peak back to what is resident now (see `proc_pid_clear_refs(5)`).
fn forget_peak(process: u32) -> Result<(), BenchError> {
    let path = format!("/proc/{process}/clear_refs");
    fs::write(&path, "5").map_err(|error| format!("{path}: {error}").into())
}

/// `VmHWM`, in mebibytes.
fn peak(process: u32) -> Result<f64, BenchError> {
    let path = format!("/proc/{process}/status");
    let text = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<f64>().ok());
    Ok(kibibytes.ok_or("the system does not say how much memory a process had at its peak")? / 1024.0)
}

/// A photograph and its mirror images until it is large enough, as a JPEG; and a small JPEG.
fn pictures(folder: &Path, sharp: &mut Process, judge: &mut Judge) -> Result<(Source, PathBuf), BenchError> {
    let photo = cases::pictures(folder, sharp, judge)?.photos.remove(0);
    let photo = image::open(&photo.original)?.into_rgb8();
    let mut large = RgbImage::new(LARGE.0, LARGE.1);
    let (width, height) = photo.dimensions();
    for (row, top) in (0..LARGE.1).step_by(height as usize).enumerate() {
        for (column, left) in (0..LARGE.0).step_by(width as usize).enumerate() {
            let mut tile = photo.clone();
            if column % 2 == 1 {
                tile = flip_horizontal(&tile);
            }
            if row % 2 == 1 {
                tile = flip_vertical(&tile);
            }
            let seen = image::imageops::crop_imm(&tile, 0, 0, width.min(LARGE.0 - left), height.min(LARGE.1 - top));
            large.copy_from(&seen.to_image(), left, top)?;
        }
    }
    let original = folder.join("22mp.png");
    large.save_with_format(&original, ImageFormat::Png)?;
    let large = encoded_source(&original, OutputFormat::Jpeg, 92, sharp)?;
    let tiny = folder.join("tiny.png");
    synthetic::scene(5, 64, 48).save(&tiny)?;
    Ok((large, encoded_source(&tiny, OutputFormat::Jpeg, 92, sharp)?.picture))
}

impl Line {
    fn to(&self, other: &Self) -> f64 {
        spread(self.first.clone()).median / spread(other.first.clone()).median
    }
}

fn goal(lines: &[Line]) -> Goal {
    let ratio = lines[TINTYPE].to(&lines[SHARP]);
    Goal {
        work: "added peak memory, 22 MP to 500 px".to_owned(),
        against: "sharp".to_owned(),
        aim: "≤ 0.6 x".to_owned(),
        reached: format!("{ratio:.2} x"),
        met: ratio <= 0.6,
    }
}

fn section(lines: &[Line], load: &str, quick: bool) -> String {
    let mut page = String::from("## Memory: 22 MP JPEG to 500 px JPEG, q 80\n\n");
    page_about_run(&mut page, load, quick);
    page.push_str(
        "Mebibytes that one job adds at its peak to what was resident before (`VmHWM`, set back before the job), each \
         round in a fresh process that holds the source's bytes: *first* by its first job, code and threads that it needs \
         included, *later* after a job with a small picture, where what an allocator or a garbage collector has kept \
         from before counts for nothing. The median over rounds, and the quartiles in brackets. **Bold** is what adds \
         more than sharp.\n\n\
         | contender | first, MiB | to sharp | later, MiB | bytes | score, linear | score, gamma |\n\
         |---|---|---|---|---|---|---|\n",
    );
    for line in lines {
        let Spread { low, median, high } = spread(line.first.clone());
        let ratio = line.to(&lines[SHARP]);
        let _ = writeln!(
            page,
            "| {} | {median:.1} ({low:.1} to {high:.1}) | {} | {:.1} | {} | {:.1} | {:.1} |",
            line.name,
            bold_if(ratio > 1.05, format!("{ratio:.2} x")),
            spread(line.later.clone()).median,
            line.bytes,
            line.score.0,
            line.score.1
        );
    }
    let _ = writeln!(page);
    for line in lines.iter().filter(|line| !line.name.contains(',')) {
        let _ = writeln!(page, "- {}: {}", line.name, line.about);
    }
    let _ = writeln!(page);
    page
}
