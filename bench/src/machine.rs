//! Where the numbers come from: no time means anything without it.

use std::fs;
use std::process::Command;

/// The machine in a few lines of the report.
pub fn describe() -> Vec<(&'static str, String)> {
    vec![
        ("Processor", format!("{}, {} cores seen", processor(), cores())),
        ("Memory", memory()),
        (
            "System",
            format!("{}, Linux {}", system(), read("/proc/sys/kernel/osrelease")),
        ),
        (
            "Compilers",
            format!("{}; {}", output("rustc", &["--version"]), output("cc", &["--version"])),
        ),
        ("Load average before the run (1, 5, 15 minutes)", load_average()),
    ]
}

/// The three load averages.
pub fn load_average() -> String {
    let text = read("/proc/loadavg");
    text.split_whitespace().take(3).collect::<Vec<_>>().join(", ")
}

/// How the kernel ranks this session among others: at nice 0 it gets no more than its share of a busy machine.
pub fn priority() -> String {
    let text = read("/proc/self/autogroup");
    match text.split_once(' ') {
        Some((_, nice)) => format!("session {nice}"),
        None => text,
    }
}

fn processor() -> String {
    value_in("/proc/cpuinfo", "model name", ':').unwrap_or_else(|| std::env::consts::ARCH.to_owned())
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn memory() -> String {
    let kibibytes = value_in("/proc/meminfo", "MemTotal", ':')
        .and_then(|text| text.trim_end_matches("kB").trim().parse::<f64>().ok())
        .unwrap_or(f64::NAN);
    format!("{:.1} GiB", kibibytes / 1024.0 / 1024.0)
}

fn system() -> String {
    value_in("/etc/os-release", "PRETTY_NAME", '=').map_or_else(
        || std::env::consts::OS.to_owned(),
        |name| name.trim_matches('"').to_owned(),
    )
}

fn value_in(path: &str, key: &str, separator: char) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    text.lines().find_map(|line| {
        let (found, value) = line.split_once(separator)?;
        (found.trim() == key).then(|| value.trim().to_owned())
    })
}

fn read(path: &str) -> String {
    fs::read_to_string(path).map_or_else(|error| format!("unknown ({error})"), |text| text.trim().to_owned())
}

/// The first line that a program prints.
fn output(program: &str, arguments: &[&str]) -> String {
    match Command::new(program).args(arguments).output() {
        Ok(output) => String::from_utf8_lossy(&output.stdout)
            .lines()
            .next()
            .unwrap_or(program)
            .to_owned(),
        Err(error) => format!("{program}: {error}"),
    }
}
