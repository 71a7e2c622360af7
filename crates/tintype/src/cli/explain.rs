use std::collections::HashMap;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use engine::Fonts;
use transform::{
    Accept, Context, Hints, InputKind, Limits, Measure, Mode, OutputSettings, Part, Plan, PlanError, SourceInfo,
    Transformation,
};

use super::Outcome;

pub fn command() -> Command {
    with_language(
        Command::new("explain")
            .about("Say what a transformation means and, for a picture, what would be done and what would come out"),
    )
    .arg(
        Arg::new("picture")
            .value_name("PICTURE")
            .value_parser(value_parser!(PathBuf))
            .help("A picture to plan for; only its header is read"),
    )
}

pub fn run(matches: &ArgMatches) -> Outcome {
    let language = Language::of(matches)?;
    let steps = &language.transformation;
    if steps.is_empty() {
        println!("No steps: the picture as it is, in the best format that the client takes.");
    } else {
        println!("{steps}");
        println!("Canonical: {}", steps.canonical());
    }
    for ignored in &steps.ignored {
        println!("Ignored: {} ({})", ignored.text, ignored.reason);
    }
    let Some(path) = matches.get_one::<PathBuf>("picture") else {
        return Ok(());
    };
    let source = probe(path, &language.transformation.part())?;
    let files = Files::read(&language.transformation, &folder(matches, path))?;
    let (width, height) = source.upright();
    let alpha = if source.has_alpha { ", with alpha" } else { "" };
    let frames = if source.frames > 1 {
        format!(", {} frames", source.frames)
    } else {
        String::new()
    };
    println!(
        "\nSource: {}, {width}x{height}{alpha}{frames}",
        source.format.extension()
    );
    let fonts = crate::fonts::load(None);
    let (plan, measured) = language.bound(&source, &files, &fonts)?;
    println!("\nPlan:\n{plan}");
    if measured {
        println!("(an upper bound: some sizes are known only once the pixels are looked at)");
    }
    Ok(())
}

/// Where the files of layers and fonts are.
pub fn folder(matches: &ArgMatches, source: &Path) -> PathBuf {
    let beside = || {
        source
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
            .unwrap_or(Path::new("."))
    };
    matches
        .get_one::<PathBuf>("files")
        .cloned()
        .unwrap_or_else(|| beside().to_owned())
}

/// The files that layers and texts need.
pub struct Files {
    bytes: HashMap<String, Vec<u8>>,
    facts: Vec<(String, Part, SourceInfo)>,
}

impl Files {
    pub fn read(transformation: &Transformation, folder: &Path) -> Result<Self, String> {
        let mut files = Self {
            bytes: HashMap::new(),
            facts: Vec::new(),
        };
        for input in transformation.inputs() {
            let path = folder.join(input.path.as_str().trim_start_matches('/'));
            let said =
                |error: &dyn std::fmt::Display| format!("{}: {error} (--files says where layers are)", path.display());
            let bytes = std::fs::read(&path).map_err(|error| said(&error))?;
            if let InputKind::Picture { part, stages } = &input.kind {
                if !stages.is_empty() {
                    return Err(NO_MODEL.to_owned());
                }
                let probe =
                    engine::probe_part(&mut std::io::Cursor::new(&bytes), part).map_err(|error| said(&error))?;
                files.facts.push((input.name.clone(), part.clone(), probe.info));
            }
            files.bytes.insert(input.name, bytes);
        }
        Ok(files)
    }

    pub fn by_name(&self) -> HashMap<String, &[u8]> {
        self.bytes
            .iter()
            .map(|(name, bytes)| (name.clone(), bytes.as_slice()))
            .collect()
    }

    fn info(&self, name: &str, part: &Part) -> Option<SourceInfo> {
        let mut facts = self.facts.iter();
        facts
            .find(|(known, of, _)| known == name && of == part)
            .map(|(_, _, info)| *info)
    }
}

const NO_MODEL: &str = "operations that need a model are done by the server only";

/// The arguments of `explain` and `transform` that say what is asked for and by whom.
pub fn with_language(command: Command) -> Command {
    command
        .arg(
            Arg::new("transformation")
                .value_name("TRANSFORMATION")
                .required(true)
                .allow_hyphen_values(true)
                .help("As in a URL, such as w-300,h-200:rt-90"),
        )
        .arg(
            Arg::new("strict")
                .long("strict")
                .action(ArgAction::SetTrue)
                .help("Refuse unknown parameters instead of ignoring them"),
        )
        .arg(
            Arg::new("accept")
                .long("accept")
                .value_name("FORMATS")
                .default_value("")
                .help("What the client accepts besides JPEG and PNG: webp, avif, or both with a comma"),
        )
        .arg(
            Arg::new("hint-width")
                .long("hint-width")
                .value_name("PIXELS")
                .value_parser(value_parser!(f64))
                .help("The client's Sec-CH-Width, for w-auto"),
        )
        .arg(
            Arg::new("hint-dpr")
                .long("hint-dpr")
                .value_name("RATIO")
                .value_parser(value_parser!(f64))
                .help("The client's Sec-CH-DPR, for dpr-auto"),
        )
        .arg(
            Arg::new("files")
                .long("files")
                .value_name("FOLDER")
                .value_parser(value_parser!(PathBuf))
                .help("Where the files of layers and fonts are; default: beside the picture"),
        )
}

/// A transformation and what it is planned for.
pub struct Language {
    pub transformation: Transformation,
    accept: Accept,
    hints: Hints,
    settings: OutputSettings,
    limits: Limits,
}

impl Language {
    pub fn of(matches: &ArgMatches) -> Result<Self, String> {
        let text = matches
            .get_one::<String>("transformation")
            .map(String::as_str)
            .unwrap_or_default();
        let mode = if matches.get_flag("strict") {
            Mode::Strict
        } else {
            Mode::Lenient
        };
        let transformation = Transformation::parse(text, mode).map_err(|e| e.render())?;
        let transformation = transformation.expand(|_| None).map_err(|e| e.to_string())?;
        let mut accept = Accept::default();
        for format in matches
            .get_one::<String>("accept")
            .into_iter()
            .flat_map(|a| a.split(','))
        {
            match format.trim().trim_start_matches("image/") {
                "webp" => accept.webp = true,
                "avif" => accept.avif = true,
                "" => {}
                other => return Err(format!("--accept takes webp and avif, not `{other}`")),
            }
        }
        let hints = Hints {
            width: matches.get_one::<f64>("hint-width").copied(),
            dpr: matches.get_one::<f64>("hint-dpr").copied(),
            ..Hints::default()
        };
        // Whoever names AVIF here wants to see it chosen.
        let settings = OutputSettings {
            avif: accept.avif,
            ..OutputSettings::default()
        };
        Ok(Self {
            transformation,
            accept,
            hints,
            settings,
            limits: Limits::default(),
        })
    }

    /// What is done to this source as far as its header tells, and whether its pixels have a say.
    pub fn bound(&self, source: &SourceInfo, files: &Files, fonts: &Fonts) -> Result<(Plan, bool), String> {
        if self.transformation.needs_model() {
            return Err(NO_MODEL.to_owned());
        }
        let by_name = files.by_name();
        let (facts, font) = (
            |name: &str, part: &Part| files.info(name, part),
            |name: &str| by_name.get(name).copied(),
        );
        let mut bounds = engine::Bounds::new(fonts, &facts, &font);
        let plan = self.plan(source, &mut bounds).map_err(|error| advised(&error))?;
        Ok((plan, bounds.asked_for_pixels()))
    }

    /// What is done to this source.
    pub fn plan(&self, source: &SourceInfo, measure: &mut dyn Measure) -> Result<Plan, PlanError> {
        let context = Context {
            accept: self.accept,
            hints: self.hints,
            settings: self.settings,
            limits: &self.limits,
            // Who names a document here wants a picture of it.
            still: source.format.is_document(),
        };
        transform::plan(&self.transformation, source, &context, measure)
    }
}

/// With what to ask for instead.
fn advised(error: &PlanError) -> String {
    match error.hint() {
        Some(hint) => format!("{error}\nhint: {hint}"),
        None => error.to_string(),
    }
}

fn probe(path: &Path, part: &Part) -> Result<SourceInfo, String> {
    let file = std::fs::File::open(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let probe = engine::probe_part(&mut BufReader::new(file), part).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(probe.info)
}
