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
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// One job, done `renders` times.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// The picture to start from.
    pub source: PathBuf,
    /// What to make of it.
    pub task: Task,
    /// How often in all. With 0 the source is only read, and kept as for every request.
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
    thread::scope(|scope| {
        let mut workers = Workers {
            scope,
            render: &render,
            orders: Vec::new(),
        };
        let mut sources = HashMap::new();
        let mut output = io::stdout().lock();
        write_line(&mut output, about)?;
        for line in io::stdin().lock().lines() {
            let answer = match answer(&line?, &mut sources, &mut workers) {
                Ok(measured) => Answer::Measured(measured),
                Err(reason) => Answer::Refused(reason),
            };
            write_line(&mut output, &answer)?;
        }
        Ok(())
    })
}

fn write_line<T: Serialize + ?Sized>(output: &mut impl Write, value: &T) -> io::Result<()> {
    serde_json::to_writer(&mut *output, value)?;
    output.write_all(b"\n")?;
    output.flush()
}

fn answer<F: Render>(
    line: &str,
    sources: &mut HashMap<PathBuf, Arc<[u8]>>,
    workers: &mut Workers<'_, '_, F>,
) -> Result<Measured, String> {
    let request: Request = serde_json::from_str(line).map_err(|error| format!("not a request: {error}"))?;
    let source = match sources.entry(request.source.clone()) {
        Entry::Occupied(entry) => entry.into_mut(),
        Entry::Vacant(entry) => {
            let bytes = fs::read(&request.source).map_err(|error| format!("{}: {error}", request.source.display()))?;
            entry.insert(bytes.into())
        }
    };
    if request.renders == 0 {
        return Ok(Measured {
            wall_ms: 0.0,
            cpu_ms: 0.0,
            bytes: source.len(),
        });
    }
    let (measured, result) = workers.measure(source, &request)?;
    if let Some(path) = &request.save {
        fs::write(path, &result).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(measured)
}

/// What a contender does.
trait Render: Fn(&[u8], &Task) -> Result<Vec<u8>, String> + Sync {}

impl<F: Fn(&[u8], &Task) -> Result<Vec<u8>, String> + Sync> Render for F {}

/// Threads beside the one that reads requests. They live on between requests, as those of a server do: a new thread has
/// first to be moved to a processor of its own, which on a busy machine takes longer than a job.
struct Workers<'scope, 'env, F> {
    scope: &'scope Scope<'scope, 'env>,
    render: &'env F,
    orders: Vec<Sender<Order>>,
}

/// A share in a request.
struct Order {
    queue: Arc<Queue>,
    done: Sender<Result<Option<Vec<u8>>, String>>,
}

/// A request while it is worked on.
struct Queue {
    source: Arc<[u8]>,
    task: Task,
    left: AtomicU32,
}

impl Queue {
    /// Renders until nothing is left; the last result.
    fn drain(&self, render: &impl Render) -> Result<Option<Vec<u8>>, String> {
        let mut last = None;
        while self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
            .is_ok()
        {
            last = Some(render(&self.source, &self.task)?);
        }
        Ok(last)
    }
}

impl<'scope, 'env, F: Render> Workers<'scope, 'env, F> {
    /// Does the job `renders` times, at most `at_once` at a time.
    fn measure(&mut self, source: &Arc<[u8]>, request: &Request) -> Result<(Measured, Vec<u8>), String> {
        let helpers = usize::try_from(request.at_once.saturating_sub(1)).map_err(|error| error.to_string())?;
        while self.orders.len() < helpers {
            self.hire();
        }
        let queue = Arc::new(Queue {
            source: Arc::clone(source),
            task: request.task.clone(),
            left: AtomicU32::new(request.renders),
        });
        let (done, results) = mpsc::channel();
        let (started, started_cpu) = (Instant::now(), processor_time());
        for orders in &self.orders[..helpers] {
            let order = Order {
                queue: Arc::clone(&queue),
                done: done.clone(),
            };
            orders.send(order).map_err(|_| "a worker has died")?;
        }
        drop(done);
        // This thread is one of the workers, so that a single job pays for no hand-over.
        let mut last = queue.drain(self.render);
        for _ in 0..helpers {
            let theirs = results.recv().map_err(|_| "a worker has died")?;
            last = last.and_then(|own| theirs.map(|theirs| own.or(theirs)));
        }
        let (wall, cpu) = (started.elapsed(), processor_time().saturating_sub(started_cpu));
        let result = last?.ok_or("nothing was rendered")?;
        let measured = Measured {
            wall_ms: milliseconds(wall),
            cpu_ms: milliseconds(cpu),
            bytes: result.len(),
        };
        Ok((measured, result))
    }

    fn hire(&mut self) {
        let (orders, inbox) = mpsc::channel::<Order>();
        let render = self.render;
        self.scope.spawn(move || {
            for Order { queue, done } in inbox {
                // Nobody listens any more when the request failed elsewhere.
                let _ = done.send(queue.drain(render));
            }
        });
        self.orders.push(orders);
    }
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

    fn measured<F: Render>(render: F, renders: u32, at_once: u32) -> Result<Measured, String> {
        thread::scope(|scope| {
            let mut workers = Workers {
                scope,
                render: &render,
                orders: Vec::new(),
            };
            // Twice, since the second time finds the workers there.
            workers.measure(&Arc::from(&b"source"[..]), &request(renders, at_once))?;
            workers
                .measure(&Arc::from(&b"source"[..]), &request(renders, at_once))
                .map(|(measured, _)| measured)
        })
    }

    #[test]
    fn a_request_is_rendered_exactly_as_often_as_asked() {
        for (renders, at_once) in [(1, 1), (4, 2), (5, 2), (2, 3)] {
            let calls = AtomicU32::new(0);
            let render = |source: &[u8], _: &Task| {
                calls.fetch_add(1, Ordering::Relaxed);
                Ok(source.to_vec())
            };
            assert_eq!(measured(render, renders, at_once).unwrap().bytes, 6);
            assert_eq!(calls.load(Ordering::Relaxed), 2 * renders);
        }
    }

    #[test]
    fn a_refusal_is_the_answer() {
        let refuse = |_: &[u8], _: &Task| Err("no such format".to_owned());
        assert_eq!(measured(refuse, 4, 2).unwrap_err(), "no such format");
    }

    #[test]
    fn a_line_that_is_no_request_is_refused() {
        let render = |_: &[u8], _: &Task| Ok(Vec::new());
        let refused = thread::scope(|scope| {
            let mut workers = Workers {
                scope,
                render: &render,
                orders: Vec::new(),
            };
            answer("{}", &mut HashMap::new(), &mut workers).unwrap_err()
        });
        assert!(
            refused.starts_with("not a request: missing field `source`"),
            "{refused}"
        );
    }
}
