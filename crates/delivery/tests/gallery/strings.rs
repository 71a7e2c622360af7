//! Transformations that somebody has sent: all that are read are done, or the reason is written down here.

use std::collections::BTreeMap;
use std::path::Path;

use transform::{InputKind, Mode, Transformation};

use crate::{answer, put, serve};

#[tokio::test(flavor = "multi_thread")]
async fn strings_in_use_become_pictures() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let world = tempfile::tempdir().expect("a folder");
    let sources = root.join("docs/gallery/sources");
    let (library, delivery) = serve(&sources, world.path(), Mode::Lenient).await;
    let picture = std::fs::read(sources.join("mark.png")).expect("a picture");
    let font = std::fs::read(root.join("crates/engine/tests/cases/text/fonts/weights.ttf"));

    let strings = std::fs::read_to_string(root.join("crates/transform/tests/strings.txt")).expect("the strings");
    let mut reasons: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let mut done = 0;
    for text in strings
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        // Whatever a layer names exists.
        if let Ok(transformation) = Transformation::parse(text, Mode::Lenient)
            && let Ok(expanded) = transformation.expand(|_| None)
        {
            for input in expanded.inputs() {
                let bytes = match (&input.kind, &font) {
                    (InputKind::Font, Ok(font)) => font.clone(),
                    _ => picture.clone(),
                };
                put(&library, input.path.as_str(), &bytes).await;
            }
        }
        match answer(&delivery, &format!("/demo/scene.jpg?tr={text}")).await {
            Ok(_) => done += 1,
            Err(reason) => reasons
                .entry(reason.lines().next().unwrap_or_default().to_owned())
                .or_default()
                .push(text),
        }
    }
    let mut listed = format!("{done} become pictures\n");
    for (reason, texts) in &reasons {
        listed.push_str(&format!("\n{reason}\n"));
        texts.iter().for_each(|text| listed.push_str(&format!("    {text}\n")));
    }
    insta::assert_snapshot!(listed);
}
