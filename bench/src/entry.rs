//! A contender at one task: what it made and how long it took.

use std::path::{Path, PathBuf};

use contender::{Request, Task};

use crate::BenchError;
use crate::cases::Case;
use crate::contenders::Contender;
use crate::judge::{Judge, Light, Scores};
use crate::statistics::{Spread, median, spread};

/// One line of a case's tables.
pub struct Entry {
    /// Which of the contenders.
    pub contender: usize,
    /// At the case's settings, or at a quality searched for.
    pub role: Role,
    /// The case's, with this entry's quality.
    pub task: Task,
    /// Over all sources of the case.
    pub quality: Quality,
    /// One a round, over all sources.
    pub rounds: Vec<Round>,
}

impl Entry {
    /// The median of one number over the rounds.
    pub fn median(&self, number: impl Fn(&Round) -> f64) -> f64 {
        median(self.rounds.iter().map(number).collect())
    }

    /// How many times as fast as `other`: each ratio is taken within one round, so that what slows a whole round down
    /// does not count.
    pub fn speed_over(&self, other: &Self, number: impl Fn(&Round) -> f64) -> Spread {
        spread(
            other
                .rounds
                .iter()
                .zip(&self.rounds)
                .map(|(other, own)| number(other) / number(own))
                .collect(),
        )
    }
}

/// Why an entry is there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Role {
    /// At the settings that the case names.
    Nominal,
    /// Tintype at the lowest quality that scores no lower than this peer does.
    EqualScore {
        /// Whose score was to be reached.
        peer: usize,
        /// On the reference where the peer stood best against Tintype.
        light: Light,
    },
}

/// What was made, over the sources of a case.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quality {
    /// Of all results together.
    pub bytes: usize,
    /// Means.
    pub scores: Scores,
}

/// What one pass over the sources of a case took.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Round {
    /// One job at a time: on the clock.
    pub single_ms: f64,
    /// One job at a time: on all processors together.
    pub single_cpu_ms: f64,
    /// Two jobs at a time: on the clock, for each job.
    pub paired_ms: f64,
}

/// Jobs in one measurement of two at a time: enough that starting and ending threads weigh little.
const PAIRED_RENDERS: u32 = 4;

/// Renders every source of a case once and scores the results, which stay in `folder`.
pub fn render_and_score(
    case: &Case,
    task: &Task,
    contender: &mut Contender,
    judge: &mut Judge,
    folder: &Path,
    label: &str,
) -> Result<Quality, BenchError> {
    let rendered = render(case, task, contender, folder, label)?;
    let scores = Scores {
        linear: rendered.score(case, judge, Light::Linear)?,
        gamma: rendered.score(case, judge, Light::Gamma)?,
    };
    Ok(Quality {
        bytes: rendered.bytes,
        scores,
    })
}

/// What was made of the sources of a case, in their order.
pub struct Rendered {
    bytes: usize,
    results: Vec<PathBuf>,
}

/// Renders every source of a case once; the results stay in `folder`.
pub fn render(
    case: &Case,
    task: &Task,
    contender: &mut Contender,
    folder: &Path,
    label: &str,
) -> Result<Rendered, BenchError> {
    let (mut bytes, mut results) = (0, Vec::new());
    for (index, source) in case.sources.iter().enumerate() {
        let result = folder.join(format!("{label}-{index}.out"));
        let request = Request {
            source: source.picture.clone(),
            task: task.clone(),
            renders: 1,
            at_once: 1,
            save: Some(result.clone()),
        };
        bytes += contender.process.ask(&request)?.bytes;
        results.push(result);
    }
    Ok(Rendered { bytes, results })
}

impl Rendered {
    /// The mean over the sources.
    pub fn score(&self, case: &Case, judge: &mut Judge, light: Light) -> Result<f64, BenchError> {
        let mut sum = 0.0;
        for (source, result) in case.sources.iter().zip(&self.results) {
            sum += judge.score(result, &source.original, light)?;
        }
        Ok(sum / self.results.len() as f64)
    }
}

/// Takes all entries through one round, source by source, in an order that starts one further each round: whatever
/// else the machine does meets everybody alike.
pub fn run_round(
    case: &Case,
    entries: &mut [Entry],
    contenders: &mut [Contender],
    round: usize,
) -> Result<(), BenchError> {
    let mut measured = vec![Round::default(); entries.len()];
    for source in &case.sources {
        for turn in 0..entries.len() {
            let index = (turn + round) % entries.len();
            let entry = &entries[index];
            let process = &mut contenders[entry.contender].process;
            let mut request = Request {
                source: source.picture.clone(),
                task: entry.task.clone(),
                renders: 1,
                at_once: 1,
                save: None,
            };
            let single = process.ask(&request)?;
            (request.renders, request.at_once) = (PAIRED_RENDERS, 2);
            let paired = process.ask(&request)?;
            measured[index].single_ms += single.wall_ms;
            measured[index].single_cpu_ms += single.cpu_ms;
            measured[index].paired_ms += paired.wall_ms / f64::from(PAIRED_RENDERS);
        }
    }
    for (entry, measured) in entries.iter_mut().zip(measured) {
        entry.rounds.push(measured);
    }
    Ok(())
}
