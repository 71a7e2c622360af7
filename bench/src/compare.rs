//! The whole comparison: sources, results and their scores, the search for equal scores, then the rounds.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use contender::OutputFormat;

use crate::BenchError;
use crate::cases::{self, Case};
use crate::contenders::{self, Contender, SHARP, TINTYPE, TINTYPE_LINEAR};
use crate::entry::{Entry, Role, render, render_and_score, run_round};
use crate::equal_score::{fairest_light, lowest_quality};
use crate::judge::{Judge, Light};

/// What to compare, with what.
pub struct Options {
    /// Fewer rounds and one source a case.
    pub quick: bool,
    /// Only cases with this in their names.
    pub only: Option<String>,
    /// Takes sources and results.
    pub folder: PathBuf,
    /// sharp's contender, a script for Node.
    pub sharp: PathBuf,
    /// oximg's contender, a program.
    pub oximg: PathBuf,
}

/// All that was found.
pub struct Comparison {
    /// A sentence on the sources.
    pub origin: String,
    /// By the numbers that entries refer to.
    pub contenders: Vec<Described>,
    /// In the order of the report.
    pub cases: Vec<Compared>,
    /// Counted in the medians.
    pub rounds: usize,
}

/// A contender, after it has gone.
pub struct Described {
    /// As the tables say it.
    pub name: &'static str,
    /// What it said it is.
    pub about: String,
    /// How it was set.
    pub settings: &'static str,
    /// Whether another one is the same at its defaults.
    pub variant: bool,
}

/// A case with everybody's results.
pub struct Compared {
    /// What was asked.
    pub case: Case,
    /// Tintype first.
    pub entries: Vec<Entry>,
    /// Who could not do it.
    pub absent: Vec<Absent>,
    /// Scores that no quality of ours reaches.
    pub out_of_reach: Vec<OutOfReach>,
}

/// A line that could not be had.
pub struct Absent {
    /// Which of the contenders.
    pub contender: usize,
    /// In its own words.
    pub reason: String,
}

/// A peer's score that quality 100 does not reach: the loss is in the scaling, not in the encoder.
pub struct OutOfReach {
    /// Which of ours.
    pub contender: usize,
    /// Whose score.
    pub peer: usize,
    /// On which reference.
    pub light: Light,
}

const ROUNDS: usize = 5;
const QUICK_ROUNDS: usize = 3;

/// Runs it all; says on standard error how far it is.
pub fn compare(options: &Options) -> Result<Comparison, BenchError> {
    let (sources, results) = (options.folder.join("sources"), options.folder.join("results"));
    for folder in [&sources, &results] {
        fs::create_dir_all(folder)?;
    }
    let mut judge = Judge::new(
        contenders::start_sharp(&options.sharp)?,
        &options.sharp,
        options.folder.clone(),
    );
    let mut maker = contenders::start_sharp(&options.sharp)?;
    let mut contenders = contenders::start(&options.sharp, &options.oximg)?;
    eprintln!("preparing sources");
    let mut cases = cases::prepare(&sources, &options.sharp, &mut maker, &mut judge, options.quick)?;
    if let Some(only) = &options.only {
        cases.all.retain(|case| case.name.contains(only));
        if cases.all.is_empty() {
            return Err(format!("no case has `{only}` in its name").into());
        }
    }
    drop(maker);

    let mut compared = Vec::new();
    for (number, case) in cases.all.into_iter().enumerate() {
        eprintln!("scoring: {}", case.name);
        compared.push(score(case, number, &mut contenders, &mut judge, &results)?);
        judge.forget_originals();
    }
    // The first round fills caches and lets processors reach their speed; it does not count.
    let rounds = if options.quick { QUICK_ROUNDS } else { ROUNDS };
    for round in 0..=rounds {
        eprintln!(
            "round {round} of {rounds}{}",
            if round == 0 { " (warming up)" } else { "" }
        );
        for Compared { case, entries, .. } in &mut compared {
            run_round(case, entries, &mut contenders, round)?;
            if round == 0 {
                entries.iter_mut().for_each(|entry| entry.rounds.clear());
            }
        }
    }
    let contenders = contenders
        .into_iter()
        .map(
            |Contender {
                 name,
                 settings,
                 variant,
                 process,
                 ..
             }| Described {
                name,
                about: process.about.clone(),
                settings,
                variant,
            },
        )
        .collect();
    Ok(Comparison {
        origin: cases.origin,
        contenders,
        cases: compared,
        rounds,
    })
}

/// Renders and scores everybody, and looks for equal scores; no time is taken yet.
fn score(
    case: Case,
    number: usize,
    contenders: &mut [Contender],
    judge: &mut Judge,
    results: &Path,
) -> Result<Compared, BenchError> {
    let (mut entries, mut absent, mut out_of_reach) = (Vec::new(), Vec::new(), Vec::new());
    for (index, contender) in contenders.iter_mut().enumerate() {
        if contender.same_png && case.task.format == OutputFormat::Png {
            continue;
        }
        let mut task = case.task.clone();
        task.quality = contender.quality(task.format, task.quality);
        match render_and_score(&case, &task, contender, judge, results, &format!("{number}-{index}")) {
            Ok(quality) => {
                entries.push(Entry {
                    contender: index,
                    role: Role::Nominal,
                    task,
                    quality,
                    rounds: Vec::new(),
                });
            }
            // Without these two there is nothing to compare.
            Err(error) if index == TINTYPE || index == SHARP => {
                return Err(format!("{}: {}: {error}", case.name, contender.name).into());
            }
            Err(error) => absent.push(Absent {
                contender: index,
                reason: error.to_string(),
            }),
        }
    }
    if case.task.format != OutputFormat::Png {
        let peers: Vec<_> = entries
            .iter()
            .filter(|entry| !contenders[entry.contender].variant && entry.contender != TINTYPE)
            .map(|entry| (entry.contender, entry.quality.scores))
            .collect();
        let mut tried = HashMap::new();
        let own: Vec<_> = entries
            .iter()
            .filter(|entry| entry.contender == TINTYPE || entry.contender == TINTYPE_LINEAR)
            .map(|entry| (entry.contender, entry.quality.scores))
            .collect();
        for (peer, theirs) in peers {
            for &(contender, ours) in &own {
                // sharp scales in gamma light: to meet it by linear light would show nothing.
                if contender == TINTYPE_LINEAR && peer == SHARP {
                    continue;
                }
                let light = fairest_light(&ours, &theirs);
                let mut task = case.task.clone();
                let found = lowest_quality(task.quality, theirs.against(light), |quality| {
                    let key = (contender, light, quality);
                    if let Some(known) = tried.get(&key) {
                        return Ok(*known);
                    }
                    task.quality = quality;
                    let label = format!("{number}-{contender}-q{quality}");
                    let score = render(&case, &task, &mut contenders[contender], results, &label)?
                        .score(&case, judge, light)?;
                    tried.insert(key, score);
                    Ok(score)
                })?;
                let Some(reached) = found else {
                    out_of_reach.push(OutOfReach { contender, peer, light });
                    continue;
                };
                task.quality = reached;
                let label = format!("{number}-{contender}-q{reached}");
                let quality = render_and_score(&case, &task, &mut contenders[contender], judge, results, &label)?;
                let role = Role::EqualScore { peer, light };
                entries.push(Entry {
                    contender,
                    role,
                    task,
                    quality,
                    rounds: Vec::new(),
                });
            }
        }
    }
    Ok(Compared {
        case,
        entries,
        absent,
        out_of_reach,
    })
}
