//! Files that stay as they are, parts of them, and what the result says of itself.

use insta::assert_snapshot;
use transform::{Context, Format, Limits, Mode, PlanError, RenditionKey, SourceInfo, Transformation, plan};

use crate::measure::Facts;
use crate::{Client, PHOTO};

const DRAWING: SourceInfo = SourceInfo {
    has_alpha: true,
    ..SourceInfo::new(Format::Svg, 100, 50)
};
const DOCUMENT: SourceInfo = SourceInfo {
    pages: 3,
    ..SourceInfo::new(Format::Pdf, 612, 792)
};
const LAYERED: SourceInfo = SourceInfo {
    pages: 4,
    has_alpha: true,
    ..SourceInfo::new(Format::Psd, 300, 200)
};
const MOVING: SourceInfo = SourceInfo {
    frames: 7,
    ..SourceInfo::new(Format::Gif, 320, 240)
};

fn planned(text: &str, source: &SourceInfo, still: bool, limits: &Limits) -> Result<String, PlanError> {
    let client = Client::accepting(false, false);
    let context = Context {
        accept: client.accept,
        hints: client.hints,
        settings: client.settings,
        limits,
        still,
    };
    let transformation = Transformation::parse(text, Mode::Lenient).unwrap();
    plan(&transformation, source, &context, &mut Facts::default()).map(|plan| plan.to_string().replace('\n', "; "))
}

fn show(text: &str, source: &SourceInfo, still: bool) -> String {
    planned(text, source, still, &Limits::default()).unwrap_or_else(|error| match error.hint() {
        Some(hint) => format!("{error} ({hint})"),
        None => error.to_string(),
    })
}

#[test]
fn files_that_stay() {
    let cases = [
        ("", &DRAWING, false),
        ("w-300,f-auto", &DRAWING, false),
        ("w-300,f-svg", &DRAWING, false),
        ("w-iw_div_0", &DRAWING, false),
        ("w-300,f-png", &DRAWING, false),
        ("f-jpg", &DRAWING, false),
        ("if-w_gt_5000,f-png,if-end", &DRAWING, false),
        ("w-300", &DRAWING, true),
        ("w-300,f-png", &DOCUMENT, false),
        ("w-300", &DOCUMENT, true),
        ("", &DOCUMENT, true),
        ("pg-3,dn-144,w-300", &DOCUMENT, true),
        ("pg-4", &DOCUMENT, true),
        ("pg-1_2", &DOCUMENT, true),
        ("w-30", &LAYERED, false),
        ("pg-1_3-,w-30", &LAYERED, true),
        ("pg-name-%22one%22_%22two%22,f-jpg", &LAYERED, true),
        ("pg-2_9", &LAYERED, true),
        ("pg-2", &PHOTO, true),
        ("pg-1", &PHOTO, true),
        ("", &MOVING, true),
        ("w-30", &MOVING, true),
        ("pg-3,w-30", &MOVING, true),
        ("pg-3", &MOVING, false),
        ("w-30", &MOVING, false),
    ];
    let all: Vec<_> = cases
        .iter()
        .map(|(text, source, still)| {
            let still = if *still { " (still)" } else { "" };
            format!(
                "{} {text}{still}\n    {}",
                source.format.name(),
                show(text, source, !still.is_empty())
            )
        })
        .collect();
    assert_snapshot!(all.join("\n"), @r#"
    SVG 
        original 100x50
    SVG w-300,f-auto
        original 100x50
    SVG w-300,f-svg
        original 100x50
    SVG w-iw_div_0
        original 100x50
    SVG w-300,f-png
        resize to 300x150; encode 300x150 as png
    SVG f-jpg
        flatten on FFFFFF; encode 100x50 as jpg quality 80
    SVG if-w_gt_5000,f-png,if-end
        original 100x50
    SVG w-300 (still)
        resize to 300x150; encode 300x150 as png
    PDF w-300,f-png
        original 612x792
    PDF w-300 (still)
        resize to 300x388; encode 300x388 as jpg quality 80
    PDF  (still)
        encode 612x792 as jpg quality 80
    PDF pg-3,dn-144,w-300 (still)
        take page 3; resize to 300x388; encode 300x388 as jpg quality 80, at 144 dpi
    PDF pg-4 (still)
        `pg` asks for page 4, and the source has 3 (pages, layers or frames) (ask for `pg-1` to `pg-3`)
    PDF pg-1_2 (still)
        `pg` asks for layers 1 2, and the source has 3 (pages, layers or frames) (ask for `pg-1` to `pg-3`)
    PSD w-30
        original 300x200
    PSD pg-1_3-,w-30 (still)
        take layers 1 3-; resize to 30x20; encode 30x20 as png
    PSD pg-name-%22one%22_%22two%22,f-jpg (still)
        take layers "one" "two"; flatten on FFFFFF; encode 300x200 as jpg quality 80
    PSD pg-2_9 (still)
        `pg` asks for layers 2 9, and the source has 4 (pages, layers or frames) (ask for `pg-1` to `pg-4`)
    JPEG pg-2 (still)
        `pg` asks for page 2, and the source has 1 (pages, layers or frames) (leave `pg` out)
    JPEG pg-1 (still)
        take page 1; encode 1200x800 as jpg quality 80
    GIF  (still)
        encode 320x240 as jpg quality 80
    GIF w-30 (still)
        resize to 30x23; encode 30x23 as jpg quality 80
    GIF pg-3,w-30 (still)
        take page 3; resize to 30x23; encode 30x23 as jpg quality 80
    GIF pg-3
        take page 3; encode 320x240 as jpg quality 80
    GIF w-30
        resize to 30x23; encode all frames 30x23 as gif
    "#);
}

#[test]
fn the_setting_only_lowers_the_quality() {
    let poor = SourceInfo {
        quality: Some(60),
        ..PHOTO
    };
    let fine = SourceInfo {
        quality: Some(97),
        ..PHOTO
    };
    assert_eq!(
        show("fl-h", &poor, false),
        "flip left to right; encode 1200x800 as jpg quality 60"
    );
    assert_eq!(
        show("fl-h", &fine, false),
        "flip left to right; encode 1200x800 as jpg quality 80"
    );
    assert_eq!(
        show("fl-h,q-90", &poor, false),
        "flip left to right; encode 1200x800 as jpg quality 90"
    );
}

#[test]
fn what_the_file_says_of_itself() {
    assert_eq!(
        show("dn-300", &PHOTO, false),
        "encode 1200x800 as jpg quality 80, at 300 dpi"
    );
    assert_eq!(
        show("w-600,dn-idn_mul_2:f-png", &PHOTO, false),
        "resize to 600x400; encode 600x400 as png, at 144 dpi"
    );
    assert_eq!(show("c2pa-true", &PHOTO, false), "original 1200x800");
    assert_eq!(
        show("c2pa-false,w-600", &PHOTO, false),
        "resize to 600x400; encode 600x400 as jpg quality 80"
    );
    assert_eq!(
        show("c2pa-true,w-600", &PHOTO, false),
        "`c2pa-true` keeps the credentials of the stored file, and here another one is made (leave `c2pa-true` out, or \
         ask for the stored file with `orig-true`)"
    );
}

#[test]
fn animations_have_a_budget() {
    let limits = Limits::for_testing();
    let long = SourceInfo { frames: 60, ..MOVING };
    let error = planned("w-30", &long, false, &limits).unwrap_err();
    assert!(error.is_limit());
    assert_eq!(
        error.to_string(),
        "the animation's 60 frames have 4608000 pixels together, more than the limit of 4000000"
    );
    let grown = planned("w-1000:w-20", &MOVING, false, &limits).unwrap_err();
    assert!(
        matches!(grown, PlanError::AnimationTooLarge { pixels: 5_250_000, .. }),
        "{grown}"
    );
    // One frame is no animation, and the stored file costs nothing.
    assert!(planned("w-30,f-jpg", &long, false, &limits).is_ok());
    assert!(planned("w-30", &long, true, &limits).is_ok());
    assert_eq!(planned("", &long, false, &limits).as_deref(), Ok("original 320x240"));
}

#[test]
fn keys_know_what_counts() {
    let limits = Limits::default();
    let context = |still| Context {
        accept: Client::default().accept,
        hints: Client::default().hints,
        settings: Client::default().settings,
        limits: &limits,
        still,
    };
    let transformation = Transformation::parse("l-image,i-a,l-end,l-image,i-b,l-end", Mode::Strict).unwrap();
    let key = |still, files: &[(&str, &str)]| {
        let files: Vec<_> = files
            .iter()
            .map(|(name, content)| ((*name).to_owned(), (*content).to_owned()))
            .collect();
        RenditionKey::new("source", &transformation, &context(still), &files)
    };
    let one = key(false, &[("a", "1"), ("b", "2")]);
    assert_eq!(one, key(false, &[("b", "2"), ("a", "1")]), "in any order");
    for other in [
        key(true, &[("a", "1"), ("b", "2")]),
        key(false, &[("a", "2"), ("b", "1")]),
        key(false, &[("a", "1")]),
        key(false, &[]),
    ] {
        assert_ne!(one, other);
    }
}
