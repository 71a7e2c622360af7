use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use contender::{Answer, Measured, Request};

use crate::BenchError;

/// A contender that runs and waits for work.
pub struct Process {
    /// What it says it is.
    pub about: String,
    child: Child,
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Process {
    /// Starts a program and waits until it has said what it is.
    pub fn start(command: &[OsString], environment: &[(&str, &str)]) -> Result<Self, BenchError> {
        let (program, arguments) = command.split_first().ok_or("an empty command")?;
        let mut child = Command::new(program)
            .args(arguments)
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{} did not start: {error}", program.display()))?;
        let requests = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().ok_or("no standard output")?);
        let mut process = Self {
            about: String::new(),
            child,
            requests,
            answers,
        };
        process.about = serde_json::from_str(&process.line()?)?;
        Ok(process)
    }

    /// Has one request done. What the contender refuses is an error that says why.
    pub fn ask(&mut self, request: &Request) -> Result<Measured, BenchError> {
        let mut line = serde_json::to_vec(request)?;
        line.push(b'\n');
        let requests = self.requests.as_mut().ok_or("already closed")?;
        requests.write_all(&line)?;
        requests.flush()?;
        match serde_json::from_str(&self.line()?)? {
            Answer::Measured(measured) => Ok(measured),
            Answer::Refused(reason) => Err(reason.into()),
        }
    }

    /// As the system numbers it.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    fn line(&mut self) -> Result<String, BenchError> {
        let mut line = String::new();
        if self.answers.read_line(&mut line)? == 0 {
            let status = self.child.wait()?;
            return Err(format!("a contender ended ({status}): {}", self.about).into());
        }
        Ok(line)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The end of its input is how a contender is told to go.
        self.requests = None;
        if let Err(error) = self.child.wait() {
            eprintln!("{}: {error}", self.about);
        }
    }
}
