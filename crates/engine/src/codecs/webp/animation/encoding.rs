//! Frames of an animation are encoded each on its own, so another thread can take some while the next are decoded and scaled.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, channel, sync_channel};
use std::thread::JoinHandle;

use libwebp_sys::WebPConfig;
use transform::Rect;

use crate::RenderError;
use crate::codecs::webp::{View, encode_masked};
use crate::picture::Picture;

/// A frame that is to be encoded.
pub(super) struct Job {
    pub place: Place,
    /// What is in its place.
    pub picture: Picture,
    /// Alpha of an opaque picture.
    pub mask: Option<Vec<u8>>,
}

/// Where and when a frame is shown.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub rect: Rect,
    pub flags: u8,
    /// In milliseconds.
    pub start: u64,
}

/// Takes frames in order and gives them back in order, each as a file of its own.
pub(super) struct Encoder {
    config: WebPConfig,
    helper: Option<Helper>,
    /// What was taken and not given back.
    open: VecDeque<(Place, State)>,
}

enum State {
    Done(Vec<u8>),
    WithHelper,
}

impl Encoder {
    /// One more thread is used if there may be any.
    pub fn new(config: WebPConfig, helpers: usize) -> Self {
        Self {
            config,
            helper: if helpers > 0 { Helper::hire(config) } else { None },
            open: VecDeque::new(),
        }
    }

    /// The next frame. Encodes it at once, unless the helper has nothing to do.
    pub fn take(&mut self, job: Job) -> Result<(), RenderError> {
        let place = job.place;
        let left = match &self.helper {
            Some(helper) => helper.offer(job),
            None => Some(job),
        };
        let state = match left {
            Some(job) => State::Done(encode(&self.config, &job)?),
            None => State::WithHelper,
        };
        self.open.push_back((place, state));
        Ok(())
    }

    /// The first frame that was not given back, if it is finished, or if that is worth waiting for.
    pub fn finished(&mut self, wait: bool) -> Result<Option<(Place, Vec<u8>)>, RenderError> {
        let Some((place, state)) = self.open.pop_front() else {
            return Ok(None);
        };
        let data = match (state, &self.helper) {
            (State::Done(data), _) => data,
            (State::WithHelper, Some(helper)) => match helper.result(wait) {
                Some(result) => result?,
                None if wait => return Err(RenderError::Internal(String::from("an encoder has died"))),
                None => {
                    self.open.push_front((place, State::WithHelper));
                    return Ok(None);
                }
            },
            (State::WithHelper, None) => return Err(RenderError::Internal(String::from("nobody encodes a frame"))),
        };
        Ok(Some((place, data)))
    }
}

fn encode(config: &WebPConfig, job: &Job) -> Result<Vec<u8>, RenderError> {
    let whole = Rect {
        x: 0,
        y: 0,
        width: job.picture.width,
        height: job.picture.height,
    };
    encode_masked(config, &View::of(&job.picture, whole), job.mask.as_deref())
}

/// A thread that encodes, for as long as this lives.
struct Helper {
    jobs: Option<SyncSender<Job>>,
    results: Receiver<Result<Vec<u8>, RenderError>>,
    thread: Option<JoinHandle<()>>,
}

impl Helper {
    /// Nothing, where the system has no thread to give.
    fn hire(config: WebPConfig) -> Option<Self> {
        // One frame waits, so that the helper never does.
        let (jobs, inbox) = sync_channel::<Job>(1);
        let (done, results) = channel();
        let work = move || {
            for job in inbox {
                if done.send(encode(&config, &job)).is_err() {
                    break;
                }
            }
        };
        let thread = std::thread::Builder::new()
            .name(String::from("frames"))
            .spawn(work)
            .ok()?;
        Some(Self {
            jobs: Some(jobs),
            results,
            thread: Some(thread),
        })
    }

    /// The job back, unless it was taken.
    fn offer(&self, job: Job) -> Option<Job> {
        match self.jobs.as_ref().map(|jobs| jobs.try_send(job)) {
            Some(Err(TrySendError::Full(job) | TrySendError::Disconnected(job))) => Some(job),
            Some(Ok(())) | None => None,
        }
    }

    fn result(&self, wait: bool) -> Option<Result<Vec<u8>, RenderError>> {
        if wait {
            self.results.recv().ok()
        } else {
            self.results.try_recv().ok()
        }
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // What it had to say is known by its results.
            let _ = thread.join();
        }
    }
}
