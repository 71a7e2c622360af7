//! Tintype's engine as a contender, by the way that a request takes: header, language, plan, pixels.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use contender::{OutputFormat, Task};
use engine::{Bounds, Budget, Fonts, Inputs, Light};
use transform::{Accept, Context, Hints, Limits, Mode, OutputSettings, Transformation};

use crate::BenchError;

/// Answers requests until standard input ends.
pub fn serve(linear: bool) -> Result<(), BenchError> {
    let light = if linear { Light::Linear } else { Light::Gamma };
    let about = format!("Tintype {}, its engine", env!("CARGO_PKG_VERSION"));
    let fonts = Fonts::bundled();
    let running = AtomicUsize::new(0);
    contender::serve(&about, |source, task| {
        // As the server decides it: a worker that has nothing to do may help.
        let helpers = usize::from(running.fetch_add(1, Ordering::Relaxed) == 0);
        let result = render(source, task, light, helpers, &fonts).map_err(|error| error.to_string());
        running.fetch_sub(1, Ordering::Relaxed);
        result
    })?;
    Ok(())
}

fn render(source: &[u8], task: &Task, light: Light, helpers: usize, fonts: &Fonts) -> Result<Vec<u8>, BenchError> {
    let probe = engine::probe_bytes(source)?;
    let transformation = Transformation::parse(&language(task), Mode::Strict)?;
    let context = Context {
        accept: Accept::default(),
        hints: Hints::default(),
        settings: OutputSettings::default(),
        limits: &Limits::default(),
        still: false,
    };
    let mut bounds = Bounds::new(fonts, &|_, _| None, &|_| None);
    let plan = transform::plan(&transformation, &probe.info, &context, &mut bounds)?;
    let inputs = Inputs {
        source,
        decoded: None,
        files: &HashMap::new(),
        fonts,
        models: &engine::Models::default(),
    };
    let budget = Budget {
        light,
        helpers,
        ..Budget::default()
    };
    Ok(engine::render_with(&inputs, &plan, &budget)?.bytes)
}

/// What a URL would say.
fn language(task: &Task) -> String {
    let mut text = String::from("c-at_max");
    for (key, pixels) in [("w", task.width), ("h", task.height)] {
        if let Some(pixels) = pixels {
            text.push_str(&format!(",{key}-{pixels}"));
        }
    }
    let format = match task.format {
        OutputFormat::Jpeg => "jpg",
        OutputFormat::Png => "png",
        OutputFormat::Webp => "webp",
        OutputFormat::Avif => "avif",
    };
    text.push_str(&format!(",f-{format},q-{}", task.quality));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_written_as_a_url_would_say_it() {
        let task = Task {
            width: Some(500),
            height: None,
            format: OutputFormat::Jpeg,
            quality: 80,
        };
        assert_eq!(language(&task), "c-at_max,w-500,f-jpg,q-80");
        let task = Task {
            width: Some(512),
            height: Some(512),
            format: OutputFormat::Avif,
            quality: 65,
        };
        assert_eq!(language(&task), "c-at_max,w-512,h-512,f-avif,q-65");
    }
}
