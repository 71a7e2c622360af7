//! The servers that are compared over HTTP: how each is started, and how it is asked for the same picture.

use std::ffi::OsString;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use bench::upload;
use contender::{OutputFormat, Task};

use crate::BenchError;
use crate::client::Client;
use crate::daemon::{free_port, processor_ms};

/// Where the peers are installed.
pub struct Programs {
    /// Tintype's program.
    pub tintype: PathBuf,
    /// oximg's own server.
    pub oximg: PathBuf,
    /// Python of the environment that thumbor is installed in.
    pub thumbor: PathBuf,
    /// Its configuration.
    pub thumbor_conf: PathBuf,
    /// The script for Node, beside its `node_modules`.
    pub ipx: PathBuf,
}

/// Whose language URLs are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Ours.
    Tintype,
    /// The options grammar.
    Oximg,
    /// Without signatures.
    Thumbor,
    /// Modifiers before the name.
    Ipx,
}

/// A server that runs. It ends with this value.
pub struct Server {
    /// As the tables say it.
    pub name: &'static str,
    /// Versions.
    pub about: String,
    /// How it is set.
    pub settings: &'static str,
    /// Whose URLs it understands.
    pub kind: Kind,
    /// One or more processes that share the work.
    addresses: Vec<SocketAddr>,
    children: Vec<Child>,
    log: PathBuf,
}

/// Whether Tintype may keep decoded sources. Finished pictures it never finds in a cache here: its cache holds the
/// least that it can be set to, and URLs differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sources {
    /// Each request starts from the file.
    Forgotten,
    /// As by default.
    Kept,
}

/// Which of the list is which.
pub const TINTYPE: usize = 0;
/// The same, scaling in linear light.
pub const TINTYPE_LINEAR: usize = 1;
/// The one to be measured by.
pub const OXIMG: usize = 2;

/// The private key of the servers that are started here: they live for minutes, on this machine only.
const KEY: &str = "private_bench";

/// `private_bench:` as Basic authentication has it.
const BASIC: &str = "cHJpdmF0ZV9iZW5jaDo=";

/// How long a server may take to start.
const PATIENCE: Duration = Duration::from_secs(60);

impl Kind {
    /// The path of a picture made by a task from a file of the folder. PNG is asked for without a quality: to some it
    /// would mean a palette.
    pub fn path(self, file: &str, task: &Task) -> String {
        let Task { width, height, .. } = *task;
        let listed = |key: &str, number: Option<u32>| number.map(|number| format!("{key}{number}"));
        let lossy = (task.format != OutputFormat::Png).then_some(u32::from(task.quality));
        let name = match (self, task.format) {
            (Self::Tintype, OutputFormat::Jpeg) => "jpg",
            (_, OutputFormat::Jpeg) => "jpeg",
            (_, OutputFormat::Png) => "png",
            (_, OutputFormat::Webp) => "webp",
            (_, OutputFormat::Avif) => "avif",
        };
        let joined = |parts: &[Option<String>]| {
            let parts: Vec<_> = parts.iter().flatten().map(String::as_str).collect();
            parts.join(",")
        };
        match self {
            Self::Tintype => {
                let (width, height, quality) = (listed("w-", width), listed("h-", height), listed("q-", lossy));
                let format = Some(format!("f-{name}"));
                format!(
                    "/demo/tr:{}/{file}",
                    joined(&[Some("c-at_max".to_owned()), width, height, format, quality])
                )
            }
            Self::Oximg => {
                let (width, height) = (listed("width=", width), listed("height=", height));
                let (quality, format) = (listed("quality=", lossy), Some(format!("format={name}")));
                format!("/image/{}/{file}", joined(&[width, height, quality, format]))
            }
            Self::Thumbor => format!(
                "/unsafe/fit-in/{}x{}/filters:format({name}){}/{file}",
                width.unwrap_or(0),
                height.unwrap_or(0),
                lossy.map_or_else(String::new, |quality| format!(":quality({quality})"))
            ),
            Self::Ipx => {
                let (size, fit) = match (width, height) {
                    (Some(width), Some(height)) => (Some(format!("s_{width}x{height}")), Some("fit_inside".to_owned())),
                    _ => (listed("w_", width).or(listed("h_", height)), None),
                };
                let (format, quality) = (Some(format!("f_{name}")), listed("q_", lossy));
                format!("/{}/{file}", joined(&[size, fit, format, quality]))
            }
        }
    }

    /// The quality that it is asked for where the others are asked for `nominal`: AVIF's numbers differ, and these are
    /// the ones that the comparison of engines uses.
    pub fn quality(self, format: OutputFormat, nominal: u8) -> u8 {
        match (self, format) {
            (Self::Tintype, OutputFormat::Avif) => 81,
            (Self::Oximg, OutputFormat::Avif) => 55,
            _ => nominal,
        }
    }
}

impl Server {
    /// The address for a connection: servers of several processes get their connections in turn.
    pub fn address(&self, connection: usize) -> SocketAddr {
        self.addresses[connection % self.addresses.len()]
    }

    /// What its processes have used so far, in milliseconds of one processor.
    pub fn processor_ms(&self) -> f64 {
        self.children.iter().map(|child| processor_ms(child.id())).sum()
    }

    /// Gives it a file of the folder, where it does not read the folder itself.
    pub fn offer(&self, folder: &Path, file: &str) -> Result<(), BenchError> {
        if self.kind != Kind::Tintype {
            return Ok(());
        }
        let fields = [("fileName", file), ("useUniqueFileName", "false")];
        let body = upload::body(&fields, file, &fs::read(folder.join(file))?);
        let headers = format!("Authorization: Basic {BASIC}\r\n{}", upload::HEADERS);
        let reply = Client::connect(self.address(0))?.post("/api/v1/files/upload", &headers, &body)?;
        if reply.status != 200 {
            return Err(format!("{}: {file} was refused: {}", self.name, text(&reply.body)).into());
        }
        Ok(())
    }

    /// Asks for one picture on a connection of its own.
    pub fn fetch(&self, file: &str, task: &Task) -> Result<Vec<u8>, BenchError> {
        let path = self.kind.path(file, task);
        let reply = Client::connect(self.address(0))?.get(&path)?;
        if reply.status == 200 {
            Ok(reply.body)
        } else {
            Err(format!("{path}: {}: {}", reply.status, text(&reply.body)).into())
        }
    }

    fn start(
        (name, kind, about, settings): (&'static str, Kind, String, &'static str),
        processes: usize,
        log: &Path,
        command: impl Fn(u16) -> Command,
    ) -> Result<Self, BenchError> {
        let mut server = Self {
            name,
            about,
            settings,
            kind,
            addresses: Vec::new(),
            children: Vec::new(),
            log: log.to_owned(),
        };
        let output = File::create(log)?;
        for _ in 0..processes {
            let port = free_port()?;
            let mut command = command(port);
            command.stdin(Stdio::null());
            command.stdout(output.try_clone()?).stderr(output.try_clone()?);
            let child = command
                .spawn()
                .map_err(|error| format!("{name} did not start: {}: {error}", command.get_program().display()))?;
            server.children.push(child);
            server.addresses.push(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        }
        server.wait_until_it_listens()?;
        Ok(server)
    }

    fn wait_until_it_listens(&mut self) -> Result<(), BenchError> {
        let started = Instant::now();
        for (address, child) in self.addresses.iter().zip(&mut self.children) {
            while let Err(error) = Client::connect(*address) {
                if let Some(status) = child.try_wait()? {
                    return Err(format!("{} ended ({status}); see {}", self.name, self.log.display()).into());
                }
                if started.elapsed() > PATIENCE {
                    return Err(format!("{}: {error}; see {}", self.name, self.log.display()).into());
                }
                thread::sleep(Duration::from_millis(50));
            }
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for child in &mut self.children {
            if let Err(error) = child.kill().and_then(|()| child.wait()) {
                eprintln!("{}: {error}", self.name);
            }
        }
    }
}

/// Starts them all. `pictures` is the folder that they serve, `scratch` takes what else they write.
pub fn start(
    programs: &Programs,
    pictures: &Path,
    scratch: &Path,
    sources: Sources,
) -> Result<Vec<Server>, BenchError> {
    fs::create_dir_all(scratch)?;
    let tintype = |light: &'static str| {
        let data = scratch.join(format!("tintype-{light}"));
        move |port: u16| {
            let mut command = Command::new(&programs.tintype);
            command.arg("serve").arg("--data-dir").arg(&data);
            command.args(["--listen", &format!("127.0.0.1:{port}")]);
            command.args(["--cache-disk", "0", "--cache-memory", "1MiB", "--resize-light", light]);
            command.args(["--log", "warn"]);
            if sources == Sources::Forgotten {
                command.args(["--source-memory", "0"]);
            }
            command.env("TINTYPE_PRIVATE_KEY", KEY);
            command
        }
    };
    for light in ["gamma", "linear"] {
        let data = scratch.join(format!("tintype-{light}"));
        if data.exists() {
            fs::remove_dir_all(&data)?;
        }
    }
    let version = format!("Tintype {}", env!("CARGO_PKG_VERSION"));
    let ours = if sources == Sources::Forgotten {
        "its defaults, scaling in gamma light, without the cache of decoded sources (`source_memory=0`), without a cache \
         on disk, with 1 MiB of cache for finished pictures, the least there is"
    } else {
        "its defaults, scaling in gamma light, with its cache of decoded sources, without a cache on disk"
    };
    Ok(vec![
        Server::start(
            ("Tintype", Kind::Tintype, version.clone(), ours),
            1,
            &scratch.join("tintype-gamma.log"),
            tintype("gamma"),
        )?,
        Server::start(
            (
                "Tintype, linear",
                Kind::Tintype,
                version,
                "the same with `resize_light=linear`",
            ),
            1,
            &scratch.join("tintype-linear.log"),
            tintype("linear"),
        )?,
        Server::start(
            (
                "oximg",
                Kind::Oximg,
                first_line(&programs.oximg, &["--version"]),
                "its own server at its defaults",
            ),
            1,
            &scratch.join("oximg.log"),
            |port| {
                let mut command = Command::new(&programs.oximg);
                command.env("PORT", port.to_string()).env("OXIMG_BIND", "127.0.0.1");
                command
                    .env("IMAGES_DIR", pictures)
                    .env("OXIMG_OPTIONS_PREFIX", "/image");
                command.env("SVT_LOG", "1");
                command
            },
        )?,
        Server::start(
            (
                "thumbor",
                Kind::Thumbor,
                first_line(
                    &programs.thumbor,
                    &[
                        "-c",
                        "import thumbor, PIL, sys; print('thumbor', thumbor.__version__, 'with Pillow', \
                         PIL.__version__, 'on Python', sys.version.split()[0])",
                    ],
                ),
                "two processes, one connection each, since a process makes one picture at a time; files from a folder, \
                 no storage, no result storage, upright by EXIF",
            ),
            2,
            &scratch.join("thumbor.log"),
            |port| {
                let mut command = Command::new(&programs.thumbor);
                command.args([
                    "-m",
                    "thumbor.server",
                    "-i",
                    "127.0.0.1",
                    "-l",
                    "error",
                    "-p",
                    &port.to_string(),
                ]);
                command
                    .arg("-c")
                    .arg(&programs.thumbor_conf)
                    .env("THUMBOR_PICTURES", pictures);
                command
            },
        )?,
        Server::start(
            (
                "ipx",
                Kind::Ipx,
                ipx_version(&programs.ipx)?,
                "its storage for folders behind Node's own server, as its documentation shows",
            ),
            1,
            &scratch.join("ipx.log"),
            |port| {
                let mut command = Command::new("node");
                command.arg(&programs.ipx).arg(pictures).arg(port.to_string());
                command.env("NODE_ENV", "production");
                command
            },
        )?,
    ])
}

fn ipx_version(script: &Path) -> Result<String, BenchError> {
    let version = |package: &str| -> Result<String, BenchError> {
        let path = script.with_file_name("node_modules").join(package).join("package.json");
        let described: serde_json::Value = serde_json::from_slice(&fs::read(path)?)?;
        Ok(described["version"].as_str().unwrap_or("of unknown version").to_owned())
    };
    let node = first_line(Path::new("node"), &["--version"]);
    Ok(format!(
        "ipx {} with sharp {} on Node {node}",
        version("ipx")?,
        version("sharp")?
    ))
}

fn first_line(program: &Path, arguments: &[&str]) -> String {
    let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
    match Command::new(program).args(arguments).output() {
        Ok(output) => text(&output.stdout),
        Err(error) => format!("{}: {error}", program.display()),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes)
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_asked_for_the_same_picture() {
        let mut task = Task {
            width: Some(512),
            height: Some(515),
            format: OutputFormat::Jpeg,
            quality: 80,
        };
        let paths =
            |task: &Task| [Kind::Tintype, Kind::Oximg, Kind::Thumbor, Kind::Ipx].map(|kind| kind.path("a.jpg", task));
        assert_eq!(
            paths(&task),
            [
                "/demo/tr:c-at_max,w-512,h-515,f-jpg,q-80/a.jpg",
                "/image/width=512,height=515,quality=80,format=jpeg/a.jpg",
                "/unsafe/fit-in/512x515/filters:format(jpeg):quality(80)/a.jpg",
                "/s_512x515,fit_inside,f_jpeg,q_80/a.jpg",
            ]
        );
        (task.height, task.format) = (None, OutputFormat::Webp);
        assert_eq!(
            paths(&task),
            [
                "/demo/tr:c-at_max,w-512,f-webp,q-80/a.jpg",
                "/image/width=512,quality=80,format=webp/a.jpg",
                "/unsafe/fit-in/512x0/filters:format(webp):quality(80)/a.jpg",
                "/w_512,f_webp,q_80/a.jpg",
            ]
        );
        task.format = OutputFormat::Png;
        assert_eq!(
            paths(&task)[2..],
            ["/unsafe/fit-in/512x0/filters:format(png)/a.jpg", "/w_512,f_png/a.jpg"]
        );
    }
}
