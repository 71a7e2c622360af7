//! A server that is measured: started here, ended with its value.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::BenchError;
use crate::client::Client;

const PATIENCE: Duration = Duration::from_secs(60);

/// A server that runs.
pub struct Daemon {
    /// Where it listens.
    pub address: SocketAddr,
    child: Child,
}

impl Daemon {
    /// Starts it and waits until it takes connections on this port. What it says goes into `log`.
    pub fn start(mut command: Command, port: u16, log: &Path) -> Result<Self, BenchError> {
        let output = File::create(log)?;
        command.stdin(Stdio::null());
        command.stdout(output.try_clone()?).stderr(output);
        let child = command
            .spawn()
            .map_err(|error| format!("{}: {error}", command.get_program().display()))?;
        let mut daemon = Self::of(child, SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        let started = Instant::now();
        while let Err(error) = Client::connect(daemon.address) {
            if let Some(status) = daemon.child.try_wait()? {
                return Err(format!("a server ended ({status}); see {}", log.display()).into());
            }
            if started.elapsed() > PATIENCE {
                return Err(format!("{error}; see {}", log.display()).into());
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(daemon)
    }

    /// One that was started elsewhere.
    pub fn of(child: Child, address: SocketAddr) -> Self {
        Self { address, child }
    }

    /// Mebibytes that are resident now, and at most since [`forget_peak`](Self::forget_peak); with its children.
    pub fn memory_mib(&self) -> Result<(f64, f64), BenchError> {
        let (mut now, mut peak) = (0.0, 0.0);
        for process in self.processes() {
            let status = fs::read_to_string(format!("/proc/{process}/status"))?;
            let value = |name: &str| {
                let line = status.lines().find_map(|line| line.strip_prefix(name))?;
                line.trim().trim_end_matches("kB").trim().parse::<f64>().ok()
            };
            let missing = "the kernel tells no memory";
            now += value("VmRSS:").ok_or(missing)? / 1024.0;
            peak += value("VmHWM:").ok_or(missing)? / 1024.0;
        }
        Ok((now, peak))
    }

    /// Sets the peak back to what is resident now (see `proc_pid_clear_refs(5)`).
    pub fn forget_peak(&self) -> Result<(), BenchError> {
        for process in self.processes() {
            let path = format!("/proc/{process}/clear_refs");
            fs::write(&path, "5").map_err(|error| format!("{path}: {error}"))?;
        }
        Ok(())
    }

    /// What it and its children have used so far, in milliseconds of one processor.
    pub fn processor_ms(&self) -> f64 {
        self.processes().into_iter().map(processor_ms).sum()
    }

    fn processes(&self) -> Vec<u32> {
        let id = self.child.id();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
        let children = children.split_whitespace().filter_map(|id| id.parse().ok());
        std::iter::once(id).chain(children).collect()
    }

    /// Asks it to end, as some do that have children, and does not wait for long.
    fn stop(&mut self) -> std::io::Result<()> {
        let id = self.child.id().to_string();
        Command::new("sh").args(["-c", "kill -TERM \"$0\"", &id]).status()?;
        let asked = Instant::now();
        while asked.elapsed() < Duration::from_secs(10) {
            if self.child.try_wait()?.is_some() {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(20));
        }
        self.child.kill()?;
        self.child.wait().map(drop)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            eprintln!("a server did not end: {error}");
        }
    }
}

/// A port that was free a moment ago.
pub fn free_port() -> Result<u16, BenchError> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// User and system time of a process, from Linux's `/proc`, in its steps of 10 ms.
pub fn processor_ms(process: u32) -> f64 {
    times(process)[0]
}

/// The same of all processes that this one has started and waited for.
pub fn ended_children_ms() -> f64 {
    times(std::process::id())[1]
}

/// Of the process, and of those that it has waited for.
fn times(process: u32) -> [f64; 2] {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The second field is the name in brackets and may hold spaces: the 14th to 17th are counted from behind it.
    let fields = text.rsplit_once(')').map_or("", |(_, fields)| fields);
    let ticks = |field: usize| -> f64 {
        let value = fields.split_whitespace().nth(field);
        value.and_then(|value| value.parse().ok()).unwrap_or(f64::NAN)
    };
    [(ticks(11) + ticks(12)) * 10.0, (ticks(13) + ticks(14)) * 10.0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_used_its_processor() {
        assert!(processor_ms(std::process::id()) >= 0.0 && ended_children_ms() >= 0.0);
        assert!(processor_ms(0).is_nan());
    }
}
