//! What a page with one responsive picture asks for: six widths in three formats of one photograph that no server has
//! seen before.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use contender::{OutputFormat, Task};

use crate::BenchError;
use crate::cases;
use crate::contenders;
use crate::goals::Goal;
use crate::judge::{Judge, Light, Scores};
use crate::load;
use crate::report::{SCORE_TIE, TIE, bold_if, page_about_run};
use crate::servers::{self, OXIMG, Programs, Server, Sources, TINTYPE};
use crate::statistics::{Spread, median, spread};
use crate::throughput::Described;
use crate::throughput_report::described;

/// Everything that was found.
pub struct Srcset {
    origin: String,
    photograph: String,
    widths: &'static [u32],
    servers: Vec<Described>,
    lines: Vec<Line>,
    rounds: usize,
}

/// A server's line.
struct Line {
    server: usize,
    /// By format; none where it does not write it.
    made: Vec<Option<Made>>,
    rounds: Vec<Round>,
}

/// All widths of a format.
struct Made {
    bytes: usize,
    scores: Scores,
}

struct Round {
    /// Until JPEG and WebP were there.
    two_formats_ms: f64,
    /// Until AVIF was, too.
    all_ms: f64,
    processor_ms: f64,
}

const FORMATS: [(&str, OutputFormat, u8); 3] = [
    ("JPEG", OutputFormat::Jpeg, 80),
    ("WebP", OutputFormat::Webp, 75),
    ("AVIF", OutputFormat::Avif, 65),
];

const WIDTHS: [u32; 6] = [320, 640, 960, 1280, 1600, 1920];
const QUICK_WIDTHS: [u32; 3] = [320, 640, 960];
const ROUNDS: usize = 5;
const QUICK_ROUNDS: usize = 1;

/// Runs it all; says on standard error how far it is.
pub fn measure(programs: &Programs, sharp: &Path, folder: &Path, quick: bool) -> Result<Srcset, BenchError> {
    let (sources, served) = (folder.join("sources"), folder.join("served"));
    let results = folder.join("results");
    for folder in [&sources, &served, &results] {
        fs::create_dir_all(folder)?;
    }
    let mut judge = Judge::new(contenders::start_sharp(sharp)?, sharp, folder.to_owned());
    let mut maker = contenders::start_sharp(sharp)?;
    let pictures = cases::pictures(&sources, &mut maker, &mut judge)?;
    drop(maker);
    let photo = pictures.photos.first().ok_or("no photograph")?;
    let photograph = fs::read(&photo.picture)?;
    let widths: &[u32] = if quick { &QUICK_WIDTHS } else { &WIDTHS };
    let rounds = if quick { QUICK_ROUNDS } else { ROUNDS };

    eprintln!("starting servers");
    let servers = servers::start(programs, &served, &folder.join("servers"), Sources::Kept)?;
    let mut lines = Vec::new();
    let file = numbered(&photograph, 0, &served)?;
    for (index, server) in servers.iter().enumerate() {
        eprintln!("srcset, scoring: {}", server.name);
        server.offer(&served, &file)?;
        let mut made = Vec::new();
        for (name, format, quality) in FORMATS {
            let result = score(
                server,
                &file,
                &photo.original,
                (format, quality),
                widths,
                &mut judge,
                &results,
            );
            match result {
                Ok(result) => made.push(Some(result)),
                Err(error) if format == OutputFormat::Avif => {
                    eprintln!("{}: no {name}: {error}", server.name);
                    made.push(None);
                }
                Err(error) => return Err(error),
            }
        }
        lines.push(Line {
            server: index,
            made,
            rounds: Vec::new(),
        });
    }
    drop(judge);
    for round in 1..=rounds {
        eprintln!("srcset: round {round} of {rounds}");
        let file = numbered(&photograph, round, &served)?;
        for turn in 0..lines.len() {
            let count = lines.len();
            let line = &mut lines[(turn + round) % count];
            let server = &servers[line.server];
            server.offer(&served, &file)?;
            let paths: Vec<_> = FORMATS
                .iter()
                .zip(&line.made)
                .filter(|(_, made)| made.is_some())
                .flat_map(|(&(_, format, quality), _)| {
                    let file = &file;
                    widths
                        .iter()
                        .map(move |&width| server.kind.path(file, &task(server, width, format, quality)))
                })
                .collect();
            let load = load::run(server, &paths)?;
            line.rounds.push(Round {
                two_formats_ms: load.wall_ms(2 * widths.len()),
                all_ms: load.wall_ms(paths.len()),
                processor_ms: load.processor_ms,
            });
        }
    }
    Ok(Srcset {
        origin: pictures.origin,
        photograph: photo
            .picture
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        widths,
        servers: servers.iter().map(Described::of).collect(),
        lines,
        rounds,
    })
}

/// The photograph with a comment of its own, so that each round's is a file that nobody has seen before.
fn numbered(photograph: &[u8], round: usize, served: &Path) -> Result<String, BenchError> {
    let (start, rest) = photograph.split_at_checked(2).ok_or("no JPEG")?;
    let comment = format!("round {round}");
    let mut bytes = start.to_vec();
    bytes.extend([0xff, 0xfe]);
    bytes.extend(u16::try_from(comment.len() + 2)?.to_be_bytes());
    bytes.extend(comment.as_bytes());
    bytes.extend(rest);
    let name = format!("responsive-{round}.jpg");
    fs::write(served.join(&name), bytes)?;
    Ok(name)
}

fn task(server: &Server, width: u32, format: OutputFormat, quality: u8) -> Task {
    Task {
        width: Some(width),
        height: None,
        format,
        quality: server.kind.quality(format, quality),
    }
}

fn score(
    server: &Server,
    file: &str,
    original: &Path,
    (format, quality): (OutputFormat, u8),
    widths: &[u32],
    judge: &mut Judge,
    results: &Path,
) -> Result<Made, BenchError> {
    let (mut bytes, mut linear, mut gamma) = (0, 0.0, 0.0);
    for &width in widths {
        let body = server.fetch(file, &task(server, width, format, quality))?;
        bytes += body.len();
        // The decoder keeps what it has read: a name for each picture.
        let result = results.join(format!("srcset-{}-{width}-{quality}", server.name));
        fs::write(&result, body)?;
        linear += judge.score(&result, original, Light::Linear)?;
        gamma += judge.score(&result, original, Light::Gamma)?;
    }
    let count = widths.len() as f64;
    Ok(Made {
        bytes,
        scores: Scores {
            linear: linear / count,
            gamma: gamma / count,
        },
    })
}

impl Line {
    fn writes_all(&self) -> bool {
        self.made.iter().all(Option::is_some)
    }

    fn median(&self, number: impl Fn(&Round) -> f64) -> f64 {
        median(self.rounds.iter().map(number).collect())
    }

    /// How many times as long this one took, within one round.
    fn slower_than(&self, other: &Self, number: impl Fn(&Round) -> f64) -> Spread {
        let pairs = self.rounds.iter().zip(&other.rounds);
        spread(pairs.map(|(own, other)| number(own) / number(other)).collect())
    }
}

/// In Markdown.
pub fn section(srcset: &Srcset, load: &str, quick: bool) -> String {
    let mut page = String::from("## Over HTTP: widths and formats of one photograph, cold\n\n");
    page_about_run(&mut page, load, quick);
    let widths: Vec<_> = srcset.widths.iter().map(u32::to_string).collect();
    let _ = writeln!(
        page,
        "One photograph of 12 megapixels ({}) at the widths {} in JPEG (q 80), WebP (q 75) and AVIF (q 65; oximg 55; \
         Tintype `q-81`, which gives libavif the quality 65), in this order, on two connections: seconds until the last \
         answer, of JPEG and WebP and of all three. Each of the {} rounds brings a file that no server has seen; Tintype \
         keeps decoded sources as it does by default, and finished pictures are found in no cache. Each server's own effort. \
         *Tintype to it*: how many times as long this server takes, the median within rounds and the quartiles; **bold** \
         is where Tintype loses. {}\n",
        srcset.photograph,
        widths.join(", "),
        srcset.rounds,
        srcset.origin
    );
    let own = &srcset.lines[TINTYPE];
    let _ = writeln!(
        page,
        "| server | JPEG and WebP, s | Tintype to it | all three, s | Tintype to it | processor, s |\n|---|---|---|---|---|---|"
    );
    for line in &srcset.lines {
        let ratio = |number: fn(&Round) -> f64| {
            if line.server < OXIMG {
                return String::new();
            }
            let Spread { low, median, high } = line.slower_than(own, number);
            bold_if(median < 1.0 - TIE, format!("{median:.2} x ({low:.2} to {high:.2})"))
        };
        let (all, ratio_of_all) = if line.writes_all() {
            (
                format!("{:.2}", line.median(|round| round.all_ms) / 1000.0),
                ratio(|round| round.all_ms),
            )
        } else {
            ("no AVIF".to_owned(), String::new())
        };
        let _ = writeln!(
            page,
            "| {} | {:.2} | {} | {all} | {ratio_of_all} | {:.2} |",
            srcset.servers[line.server].name,
            line.median(|round| round.two_formats_ms) / 1000.0,
            ratio(|round| round.two_formats_ms),
            line.median(|round| round.processor_ms) / 1000.0,
        );
    }
    results(&mut page, srcset);
    described(&mut page, &srcset.servers);
    page
}

fn results(page: &mut String, srcset: &Srcset) {
    let _ = writeln!(
        page,
        "\nBytes of all widths, and the mean of their scores on the reference in linear and in gamma light; **bold** is what \
         is better than Tintype's.\n\n\
         | server | JPEG | linear | gamma | WebP | linear | gamma | AVIF | linear | gamma |\n\
         |---|---|---|---|---|---|---|---|---|---|"
    );
    let own = &srcset.lines[TINTYPE];
    for line in &srcset.lines {
        let is_peer = line.server >= OXIMG;
        let mut cells = Vec::new();
        for (made, ours) in line.made.iter().zip(&own.made) {
            let (Some(made), Some(ours)) = (made, ours) else {
                cells.extend([String::from("none"), String::new(), String::new()]);
                continue;
            };
            cells.push(bold_if(
                is_peer && ours.bytes as f64 > made.bytes as f64 * 1.03,
                made.bytes.to_string(),
            ));
            for light in [Light::Linear, Light::Gamma] {
                let (score, our_score) = (made.scores.against(light), ours.scores.against(light));
                cells.push(bold_if(is_peer && score > our_score + SCORE_TIE, format!("{score:.1}")));
            }
        }
        let _ = writeln!(page, "| {} | {} |", srcset.servers[line.server].name, cells.join(" | "));
    }
    page.push('\n');
}

/// Against the best of them that writes all three formats, and the best at JPEG and WebP.
pub fn goal(srcset: &Srcset) -> Goal {
    let own = &srcset.lines[TINTYPE];
    let fastest = |all: bool, number: fn(&Round) -> f64| {
        srcset
            .lines
            .iter()
            .filter(|line| line.server >= OXIMG && (!all || line.writes_all()))
            .map(|line| {
                let ratio = line.slower_than(own, number).median;
                (ratio, srcset.servers[line.server].name)
            })
            .min_by(|one, other| one.0.total_cmp(&other.0))
    };
    let (all, two) = (
        fastest(true, |round| round.all_ms),
        fastest(false, |round| round.two_formats_ms),
    );
    let said = |what: &str, best: Option<(f64, &str)>| {
        best.map_or_else(
            || format!("{what}: nobody else does it"),
            |(ratio, name)| format!("{what}: {ratio:.2} x {name}"),
        )
    };
    Goal {
        work: format!(
            "{} widths x three formats of one 12 MP photograph, cold",
            srcset.widths.len()
        ),
        against: "oximg, thumbor, ipx".to_owned(),
        aim: "≥ 3 x the best of them".to_owned(),
        reached: format!("{}; {}", said("all", all), said("JPEG and WebP", two)),
        met: [all, two].iter().all(|best| best.is_none_or(|(ratio, _)| ratio >= 3.0)),
    }
}
