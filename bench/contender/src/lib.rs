//! What a contender hears and answers: one JSON object a line on standard input, one a line on standard output. Its
//! very first line is a JSON string that says what it is, versions included.
//!
//! A contender is a long-lived process. It reads a source once, keeps it in memory, and times only the work from
//! source bytes to output bytes, so that neither files nor this protocol are part of what is compared.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs;
use std::io::{self, BufRead, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// One job, done `renders` times.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// The picture to start from.
    pub source: PathBuf,
    /// What to make of it.
    pub task: Task,
    /// How often in all. At least 1.
    pub renders: u32,
    /// How many of them at a time. At least 1.
    pub at_once: u32,
    /// Where the last result is to be stored, after the clock was stopped.
    pub save: Option<PathBuf>,
}

/// What to make of a source. The picture is fitted into the box, upright, and never enlarged.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Task {
    /// Most columns; unbounded when absent.
    pub width: Option<u32>,
    /// Most rows; unbounded when absent.
    pub height: Option<u32>,
    /// Of the result.
    pub format: OutputFormat,
    /// 1 to 100, on the scale of the contender's own encoder. PNG ignores it.
    pub quality: u8,
}

/// The formats that all contenders write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutputFormat {
    /// 4:2:0, one scan unless the contender says otherwise.
    Jpeg,
    /// Lossless, every colour kept.
    Png,
    /// Lossy.
    Webp,
    /// Lossy, 4:2:0.
    Avif,
}

/// What all renders of a request took together.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// On the wall's clock.
    pub wall_ms: f64,
    /// On all processors together: shows threads that a contender starts on its own.
    pub cpu_ms: f64,
    /// Of one result.
    pub bytes: usize,
}

/// A line of answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The job was done.
    Measured(Measured),
    /// The job cannot be done, and why.
    Refused(String),
}

/// Says what it is, then answers requests until standard input ends. `render` does one job.
pub fn serve(about: &str, render: impl Fn(&[u8], &Task) -> Result<Vec<u8>, String> + Sync) -> io::Result<()> {
    let mut sources = HashMap::new();
    let mut output = io::stdout().lock();
    write_line(&mut output, about)?;
    for line in io::stdin().lock().lines() {
        let answer = match answer(&line?, &mut sources, &render) {
            Ok(measured) => Answer::Measured(measured),
            Err(reason) => Answer::Refused(reason),
        };
        write_line(&mut output, &answer)?;
    }
    Ok(())
}

fn write_line<T: Serialize + ?Sized>(output: &mut impl Write, value: &T) -> io::Result<()> {
    serde_json::to_writer(&mut *output, value)?;
    output.write_all(b"\n")?;
    output.flush()
}

fn answer(
    line: &str,
    sources: &mut HashMap<PathBuf, Vec<u8>>,
    render: &(impl Fn(&[u8], &Task) -> Result<Vec<u8>, String> + Sync),
) -> Result<Measured, String> {
    let request: Request = serde_json::from_str(line).map_err(|error| format!("not a request: {error}"))?;
    let source = match sources.entry(request.source.clone()) {
        Entry::Occupied(entry) => entry.into_mut(),
        Entry::Vacant(entry) => {
            let bytes = fs::read(&request.source).map_err(|error| format!("{}: {error}", request.source.display()))?;
            entry.insert(bytes)
        }
    };
    let (measured, result) = measure(source, &request, render)?;
    if let Some(path) = &request.save {
        fs::write(path, &result).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(measured)
}

/// Does the job `renders` times, at most `at_once` at a time.
fn measure(
    source: &[u8],
    request: &Request,
    render: &(impl Fn(&[u8], &Task) -> Result<Vec<u8>, String> + Sync),
) -> Result<(Measured, Vec<u8>), String> {
    let left = AtomicU32::new(request.renders.max(1));
    let drain = || {
        let mut last = None;
        while left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
            .is_ok()
        {
            last = Some(render(source, &request.task)?);
        }
        Ok::<_, String>(last)
    };
    let (started, started_cpu) = (Instant::now(), processor_time());
    let last = thread::scope(|scope| {
        // The caller's thread is one of the workers, so that a single job pays for no thread of its own.
        let others: Vec<_> = (1..request.at_once).map(|_| scope.spawn(drain)).collect();
        let mut last = drain();
        for other in others {
            let theirs = other.join().unwrap_or_else(|_| Err("a worker panicked".to_owned()));
            last = last.and_then(|mine| theirs.map(|theirs| mine.or(theirs)));
        }
        last
    })?;
    let (wall, cpu) = (started.elapsed(), processor_time().saturating_sub(started_cpu));
    let result = last.ok_or("nothing was rendered")?;
    let measured = Measured {
        wall_ms: milliseconds(wall),
        cpu_ms: milliseconds(cpu),
        bytes: result.len(),
    };
    Ok((measured, result))
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// What this process has used so far, all threads together.
fn processor_time() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(renders: u32, at_once: u32) -> Request {
        let task = Task {
            width: Some(8),
            height: None,
            format: OutputFormat::Png,
            quality: 80,
        };
        Request {
            source: PathBuf::from("a"),
            task,
            renders,
            at_once,
            save: None,
        }
    }

    #[test]
    fn a_request_is_rendered_exactly_as_often_as_asked() {
        for (renders, at_once) in [(1, 1), (4, 2), (5, 2), (2, 3)] {
            let calls = AtomicU32::new(0);
            let (measured, _) = measure(b"source", &request(renders, at_once), &|source: &[u8], _: &Task| {
                calls.fetch_add(1, Ordering::Relaxed);
                Ok(source.to_vec())
            })
            .unwrap();
            assert_eq!(calls.load(Ordering::Relaxed), renders);
            assert_eq!(measured.bytes, 6);
        }
    }

    #[test]
    fn the_first_refusal_is_the_answer() {
        let refuse = |_: &[u8], _: &Task| Err("no such format".to_owned());
        assert_eq!(
            measure(b"source", &request(4, 2), &refuse).unwrap_err(),
            "no such format"
        );
    }

    #[test]
    fn a_line_that_is_no_request_is_refused() {
        let refusal = answer("{}", &mut HashMap::new(), &|_: &[u8], _: &Task| Ok(Vec::new())).unwrap_err();
        assert!(
            refusal.starts_with("not a request: missing field `source`"),
            "{refusal}"
        );
    }
}
