use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use clap::{Arg, ArgMatches, Command, value_parser};
use indicatif::HumanBytes;

use super::{Outcome, health, read_config};

pub fn command() -> Command {
    Command::new("top")
        .about("Show what running servers do, from their metrics")
        .arg(
            Arg::new("server")
                .value_name("HOST:PORT")
                .num_args(0..)
                .help("Servers, which are added up; default the local one"),
        )
        .arg(
            Arg::new("interval")
                .long("interval")
                .value_name("SECONDS")
                .default_value("2")
                .value_parser(value_parser!(u64).range(1..=3600))
                .help("Rates are of so long; without a terminal it ends after one such time"),
        )
}

pub fn run(matches: &ArgMatches) -> Outcome {
    let interval = Duration::from_secs(*matches.get_one("interval").unwrap_or(&2));
    let servers: Vec<String> = match matches.get_many::<String>("server") {
        Some(given) => given.cloned().collect(),
        None => vec![health::local(read_config(matches)?.listen).to_string()],
    };
    let mut output = std::io::stdout();
    let mut before = (Instant::now(), ask_all(&servers)?);
    loop {
        std::thread::sleep(interval);
        let now = (Instant::now(), ask_all(&servers)?);
        let seconds = (now.0 - before.0).as_secs_f64();
        let text = view(&servers.join(" "), &before.1, &now.1, seconds);
        if !output.is_terminal() {
            output.write_all(text.as_bytes())?;
            return Ok(());
        }
        // To the upper left corner, and nothing below.
        write!(output, "\x1b[H\x1b[2J{text}")?;
        output.flush()?;
        before = now;
    }
}

fn ask_all(servers: &[String]) -> Result<Samples, Box<dyn std::error::Error>> {
    let mut all = Samples::default();
    for server in servers {
        let addresses = std::net::ToSocketAddrs::to_socket_addrs(server.as_str())
            .map_err(|error| format!("`{server}` is not a host and port such as 127.0.0.1:8080: {error}"))?;
        let addresses: Vec<SocketAddr> = addresses.collect();
        let address = addresses.first().ok_or_else(|| format!("`{server}` has no address"))?;
        let (status, text) = health::ask(*address, "/metrics")?;
        if status != Some(200) {
            return Err(format!("{server} does not tell its metrics").into());
        }
        all.add(&text);
    }
    Ok(all)
}

/// Values by name and labels, as the text has them.
#[derive(Debug, Default)]
struct Samples(BTreeMap<String, f64>);

impl Samples {
    fn add(&mut self, text: &str) {
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            if let Some((series, value)) = line.rsplit_once(' ')
                && let Ok(value) = value.parse::<f64>()
            {
                *self.0.entry(series.to_owned()).or_default() += value;
            }
        }
    }

    /// All series of a name, with the text of their labels.
    fn of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a str, f64)> {
        self.0.range(name.to_owned()..).map_while(move |(series, value)| {
            let rest = series.strip_prefix(name)?;
            Some((rest, *value))
        })
    }

    /// Added up where all of `having` stands in the labels.
    fn sum(&self, name: &str, having: &[&str]) -> f64 {
        self.of(name)
            .filter(|(labels, _)| labels.is_empty() || labels.starts_with('{'))
            .filter(|(labels, _)| having.iter().all(|text| labels.contains(text)))
            .map(|(_, value)| value)
            // The sum of nothing would be -0.
            .fold(0.0, |sum, value| sum + value)
    }

    fn labels(&self, name: &str, label: &str) -> BTreeSet<String> {
        self.of(name)
            .filter_map(|(labels, _)| value_of(labels, label))
            .collect()
    }
}

fn value_of(labels: &str, label: &str) -> Option<String> {
    let (_, rest) = labels.split_once(&format!("{label}=\""))?;
    Some(rest.split('"').next().unwrap_or_default().to_owned())
}

struct Change<'a> {
    before: &'a Samples,
    now: &'a Samples,
    seconds: f64,
}

impl Change<'_> {
    /// Per second. A server that was started anew counts from nothing.
    fn rate(&self, name: &str, having: &[&str]) -> f64 {
        (self.now.sum(name, having) - self.before.sum(name, having)).max(0.0) / self.seconds
    }

    /// The rates of a label's values, the ones that are not zero.
    fn by(&self, name: &str, label: &str) -> String {
        let mut text = String::new();
        for value in self.now.labels(name, label) {
            let rate = self.rate(name, &[&format!("{label}=\"{value}\"")]);
            if rate > 0.0 {
                let _ = write!(text, "  {value} {rate:.1}");
            }
        }
        if text.is_empty() { "  -".to_owned() } else { text }
    }

    /// A quantile of a histogram, as the upper end of the bucket that it is in.
    fn quantile(&self, name: &str, having: &[&str], quantile: f64) -> String {
        let bucket = format!("{name}_bucket");
        let mut counts: Vec<(f64, f64)> = Vec::new();
        for bound in self.now.labels(&bucket, "le") {
            let label = format!("le=\"{bound}\"");
            let having: Vec<&str> = having.iter().copied().chain([label.as_str()]).collect();
            let count = self.now.sum(&bucket, &having) - self.before.sum(&bucket, &having);
            counts.push((bound.parse().unwrap_or(f64::INFINITY), count));
        }
        counts.sort_by(|a, b| a.0.total_cmp(&b.0));
        let all = counts.last().map_or(0.0, |(_, count)| *count);
        if all <= 0.0 {
            return "-".to_owned();
        }
        let found = counts.iter().find(|(_, count)| *count >= all * quantile);
        match found {
            Some((bound, _)) if bound.is_finite() => format!("{} ms", bound * 1000.0),
            _ => "longer".to_owned(),
        }
    }
}

fn bytes(value: f64) -> HumanBytes {
    HumanBytes(value.max(0.0) as u64)
}

/// The whole page.
fn view(servers: &str, before: &Samples, now: &Samples, seconds: f64) -> String {
    let change = Change { before, now, seconds };
    let rate = |name| change.rate(name, &[]);
    let versions: Vec<String> = now.labels("tintype_build_info", "version").into_iter().collect();
    let (memory, disk) = (
        rate("tintype_cache_memory_hits_total"),
        rate("tintype_cache_disk_hits_total"),
    );
    let (waited, made) = (
        rate("tintype_renditions_coalesced_total"),
        rate("tintype_cache_misses_total"),
    );
    let asked = memory + disk + waited + made;
    let found = if asked > 0.0 {
        format!("{:.0} %", 100.0 * (memory + disk) / asked)
    } else {
        "-".to_owned()
    };
    let failed = change.rate("tintype_http_requests_total", &["status=\"5"]);
    let (wait, render) = ("tintype_queue_wait_seconds", "tintype_render_seconds");
    let delivery = ["area=\"delivery\""];
    let seconds = "tintype_http_request_seconds";
    format!(
        "Tintype {} at {servers}\n\n\
         answers/s     {}\n\
         delivery        p50 {}  p99 {}\n\
         renditions/s    memory {memory:.1}  disk {disk:.1}  waited {waited:.1}  made {made:.1}  found {found}\n\
         made/s        {}\n\
         queue           waiting {}  in flight {}  wait p99 {}  rendering p50 {} p99 {}\n\
         bytes/s         delivered {}  saved {}\n\
         uploads/s       {:.1}  {}\n\
         origins/s     {}\n\
         purges/s      {}\n\
         failures/s      5xx {failed:.1}  overloads {:.1}  renditions {:.1}\n\
         memory          process {}  renditions {}  decoded sources {}\n",
        versions.join(" "),
        change.by("tintype_http_requests_total", "area"),
        change.quantile(seconds, &delivery, 0.5),
        change.quantile(seconds, &delivery, 0.99),
        change.by("tintype_renditions_total", "format"),
        now.sum("tintype_renditions_waiting", &[]),
        now.sum("tintype_renditions_in_flight", &[]),
        change.quantile(wait, &[], 0.99),
        change.quantile(render, &[], 0.5),
        change.quantile(render, &[], 0.99),
        bytes(rate("tintype_delivered_bytes_total")),
        bytes(rate("tintype_saved_bytes_total")),
        rate("tintype_uploads_total"),
        bytes(rate("tintype_upload_bytes_total")),
        change.by("tintype_origin_requests_total", "outcome"),
        change.by("tintype_edge_purges_total", "outcome"),
        rate("tintype_overloads_total"),
        rate("tintype_rendition_errors_total"),
        bytes(now.sum("process_resident_memory_bytes", &[])),
        bytes(now.sum("tintype_cache_memory_bytes", &[])),
        bytes(now.sum("tintype_source_memory_bytes", &[])),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page() {
        let mut before = Samples::default();
        before.add(
            "# HELP x y\ntintype_http_requests_total{area=\"delivery\",method=\"GET\",status=\"200\"} 10\n\
             tintype_cache_memory_hits_total 5\ntintype_cache_misses_total 1\n\
             tintype_http_request_seconds_bucket{area=\"delivery\",le=\"0.01\"} 10\n\
             tintype_http_request_seconds_bucket{area=\"delivery\",le=\"+Inf\"} 10\n",
        );
        let mut now = Samples::default();
        // Two servers.
        for _ in 0..2 {
            now.add(
                "tintype_build_info{version=\"0.1.0\"} 1\n\
                 tintype_http_requests_total{area=\"delivery\",method=\"GET\",status=\"200\"} 15\n\
                 tintype_http_requests_total{area=\"upload\",method=\"POST\",status=\"500\"} 2\n\
                 tintype_cache_memory_hits_total 5.5\ntintype_cache_misses_total 1\n\
                 tintype_renditions_total{format=\"webp\"} 2\ntintype_renditions_waiting 3\n\
                 tintype_delivered_bytes_total 2048\nprocess_resident_memory_bytes 1048576\n\
                 tintype_http_request_seconds_bucket{area=\"delivery\",le=\"0.01\"} 9\n\
                 tintype_http_request_seconds_bucket{area=\"delivery\",le=\"0.05\"} 15\n\
                 tintype_http_request_seconds_bucket{area=\"delivery\",le=\"+Inf\"} 15\n",
            );
        }
        assert_eq!(
            view("a:1 b:2", &before, &now, 2.0),
            "Tintype 0.1.0 at a:1 b:2\n\n\
             answers/s       delivery 10.0  upload 2.0\n\
             delivery        p50 50 ms  p99 50 ms\n\
             renditions/s    memory 3.0  disk 0.0  waited 0.0  made 0.5  found 86 %\n\
             made/s          webp 2.0\n\
             queue           waiting 6  in flight 0  wait p99 -  rendering p50 - p99 -\n\
             bytes/s         delivered 2.00 KiB  saved 0 B\n\
             uploads/s       0.0  0 B\n\
             origins/s       -\n\
             purges/s        -\n\
             failures/s      5xx 2.0  overloads 0.0  renditions 0.0\n\
             memory          process 2.00 MiB  renditions 0 B  decoded sources 0 B\n"
        );
    }
}
