//! Trimming, and what a crop keeps: with facts that are given.

use insta::assert_snapshot;
use transform::{Context, Format, Limits, Mode, Orientation, Rect, SourceInfo, Transformation, plan};

use crate::measure::Facts;
use crate::{Client, PHOTO};

const SUBJECT: Rect = Rect {
    x: 900,
    y: 100,
    width: 100,
    height: 60,
};

fn show(text: &str, source: &SourceInfo, facts: &Facts) -> String {
    let (client, limits) = (Client::default(), Limits::default());
    let context = Context {
        accept: client.accept,
        hints: client.hints,
        settings: client.settings,
        limits: &limits,
        still: false,
    };
    let transformation = Transformation::parse(text, Mode::Strict).unwrap();
    match plan(&transformation, source, &context, &mut facts.clone()) {
        Ok(plan) => {
            let text = plan.to_string();
            let lines: Vec<_> = text.lines().collect();
            lines[..lines.len() - 1].join("; ")
        }
        Err(error) => error.to_string(),
    }
}

fn all(texts: &[&str], source: &SourceInfo, facts: &Facts) -> String {
    let all = texts
        .iter()
        .map(|text| format!("{text}\n    {}", show(text, source, facts)));
    all.collect::<Vec<_>>().join("\n")
}

#[test]
fn edges_are_cut_first() {
    let facts = Facts {
        edge: 100,
        ..Facts::default()
    };
    let texts = [
        "t-true",
        "t-12,w-500,h-300",
        "t-false,w-500",
        "t-true,w-0.5",
        "t-true,w-iw_div_2",
        "w-400:t-true",
        "t-true,cm-extract,w-100,h-100",
    ];
    assert_snapshot!(all(&texts, &PHOTO, &facts), @r"
    t-true
        crop 1000x600 at 100,100
    t-12,w-500,h-300
        crop 1000x600 at 100,100; resize to 500x300
    t-false,w-500
        resize to 500x333
    t-true,w-0.5
        crop 1000x600 at 100,100; resize to 500x300
    t-true,w-iw_div_2
        crop 1000x600 at 100,100; resize to 600x360
    w-400:t-true
        resize to 400x267; crop 200x67 at 100,100
    t-true,cm-extract,w-100,h-100
        crop 100x100 at 550,350
    ");
}

#[test]
fn subjects_are_kept() {
    let found = Facts {
        subject: Some(SUBJECT),
        ..Facts::default()
    };
    let texts = [
        "w-200,h-200,fo-auto",
        "w-300,h-200,fo-auto",
        "w-200,h-100,cm-extract,fo-auto",
        "w-200,h-200,fo-face",
        "w-200,h-200,fo-face,z-0.5",
        "w-200,h-200,fo-face,z-4",
        "w-200,h-200,fo-face,z-0.01",
        "w-200,fo-face",
        "w-200,h-100,cm-extract,fo-dog",
        "w-200,h-100,cm-extract,fo-dog,z-2",
        "w-200,h-100,fo-dog_cat",
        "fo-dog",
        "fo-dog,z-0.5",
        "fo-dog,ar-2_1",
        "fo-dog,ar-1_1",
        "fo-dog,ar-1_100",
        "w-600,h-600,cm-pad_resize,fo-face",
    ];
    assert_snapshot!(all(&texts, &PHOTO, &found), @r"
    w-200,h-200,fo-auto
        crop 800x800 at 400,0; resize to 200x200
    w-300,h-200,fo-auto
        resize to 300x200
    w-200,h-100,cm-extract,fo-auto
        crop 200x100 at 1000,700
    w-200,h-200,fo-face
        crop 180x180 at 860,40; resize to 200x200
    w-200,h-200,fo-face,z-0.5
        crop 360x360 at 770,0; resize to 200x200
    w-200,h-200,fo-face,z-4
        crop 45x45 at 928,108; resize to 200x200
    w-200,h-200,fo-face,z-0.01
        crop 800x800 at 400,0; resize to 200x200
    w-200,fo-face
        resize to 200x133
    w-200,h-100,cm-extract,fo-dog
        crop 200x100 at 850,80
    w-200,h-100,cm-extract,fo-dog,z-2
        crop 100x50 at 900,105; resize to 200x100
    w-200,h-100,fo-dog_cat
        crop 144x72 at 878,94; resize to 200x100
    fo-dog
        crop 100x60 at 900,100
    fo-dog,z-0.5
        crop 200x120 at 850,70
    fo-dog,ar-2_1
        crop 120x60 at 890,100
    fo-dog,ar-1_1
        crop 100x100 at 900,80
    fo-dog,ar-1_100
        crop 100x800 at 900,0
    w-600,h-600,cm-pad_resize,fo-face
        resize to 600x400; pad to 600x600 at 0,100 on 000000
    ");
    // Like `auto`.
    let texts = ["w-200,h-200,fo-face", "w-200,h-100,cm-extract,fo-dog", "fo-dog"];
    assert_snapshot!(all(&texts, &PHOTO, &Facts::default()), @r"
    w-200,h-200,fo-face
        crop 800x800 at 400,0; resize to 200x200
    w-200,h-100,cm-extract,fo-dog
        crop 200x100 at 1000,700
    fo-dog
    ");
}

#[test]
fn the_stored_area_goes_along() {
    let source = SourceInfo {
        focus: Some(SUBJECT),
        ..PHOTO
    };
    let texts = [
        "w-200,h-200,fo-custom",
        "w-200,h-100,cm-extract,fo-custom",
        "w-600:w-100,h-100,cm-extract,fo-custom",
        "w-1000,h-700,cm-extract:w-100,h-100,cm-extract,fo-custom",
        "w-100,h-100,cm-extract,x-0:w-50,h-50,cm-extract,fo-custom",
        "w-1400,h-1000,cm-pad_extract:w-100,h-100,cm-extract,fo-custom",
        "rt-90:w-100,h-100,fo-custom",
        "w-200,h-200,fo-auto-custom_override",
    ];
    assert_snapshot!(all(&texts, &source, &Facts::default()), @r"
    w-200,h-200,fo-custom
        crop 800x800 at 400,0; resize to 200x200
    w-200,h-100,cm-extract,fo-custom
        crop 200x100 at 850,80
    w-600:w-100,h-100,cm-extract,fo-custom
        resize to 600x400; crop 100x100 at 425,15
    w-1000,h-700,cm-extract:w-100,h-100,cm-extract,fo-custom
        crop 100x100 at 900,80
    w-100,h-100,cm-extract,x-0:w-50,h-50,cm-extract,fo-custom
        crop 50x50 at 25,25
    w-1400,h-1000,cm-pad_extract:w-100,h-100,cm-extract,fo-custom
        pad to 1400x1000 at 100,100 on 000000; crop 100x100 at 1000,180
    rt-90:w-100,h-100,fo-custom
        rotate by 90 to 800x1200 on 000000; crop 800x800 at 0,200; resize to 100x100
    w-200,h-200,fo-auto-custom_override
        crop 800x800 at 400,0; resize to 200x200
    ");
    let texts = ["w-200,h-200,fo-custom", "w-200,h-200,fo-auto-custom_override"];
    assert_snapshot!(all(&texts, &PHOTO, &Facts::default()), @r"
    w-200,h-200,fo-custom
        crop 800x800 at 200,0; resize to 200x200
    w-200,h-200,fo-auto-custom_override
        crop 800x800 at 400,0; resize to 200x200
    ");
}

#[test]
fn drawings_are_made_in_the_right_size() {
    let icon = SourceInfo {
        has_alpha: true,
        ..SourceInfo::new(Format::Svg, 24, 24)
    };
    let page = SourceInfo::new(Format::Pdf, 612, 792);
    let texts = [
        "f-png,w-500,h-300",
        "f-png,w-10:w-500",
        "f-png,w-20,h-10:w-500",
        "f-png,w-500,h-300:w-50",
        "f-png,w-10,h-10,cm-extract:w-100",
        "f-png,w-500,bl-4:w-600",
        "f-png,dn-144",
        "f-png,dn-144,w-24",
        "f-png,dn-144,w-0.5",
        "f-png,dn-idn_mul_3,w-iw",
        "f-png,w-60000,h-10",
        "f-png,w-300,h-200,fo-auto",
    ];
    assert_snapshot!(all(&texts, &icon, &Facts::default()), @r"
    f-png,w-500,h-300
        resize to 500x500; crop 500x300 at 0,100
    f-png,w-10:w-500
        resize to 500x500
    f-png,w-20,h-10:w-500
        resize to 500x500; crop 500x250 at 0,125
    f-png,w-500,h-300:w-50
        resize to 50x50; crop 50x30 at 0,10
    f-png,w-10,h-10,cm-extract:w-100
        crop 10x10 at 7,7; resize to 100x100
    f-png,w-500,bl-4:w-600
        resize to 500x500; blur by 2; resize to 600x600
    f-png,dn-144
        resize to 48x48
    f-png,dn-144,w-24
        resize to 24x24
    f-png,dn-144,w-0.5
        resize to 24x24
    f-png,dn-idn_mul_3,w-iw
        resize to 72x72
    f-png,w-60000,h-10
        crop 24x1 at 0,11; resize to 60000x10
    f-png,w-300,h-200,fo-auto
        resize to 300x300; crop 300x200 at 0,100
    ");
    assert_eq!(show("w-300", &page, &Facts::default()), "");
    let scan = SourceInfo {
        orientation: Orientation::OnLeftSide,
        ..PHOTO
    };
    assert_eq!(show("dn-144", &scan, &Facts::default()), "orient from 6");
}
