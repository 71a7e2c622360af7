//! Layers: what they are made of, and where they lie.

use std::collections::HashMap;

use insta::assert_snapshot;
use transform::{Context, Format, Limits, Mode, Orientation, PlanError, SourceInfo, Transformation, plan};

use crate::measure::Facts;
use crate::{Client, PHOTO};

fn facts() -> Facts {
    let mark = SourceInfo {
        has_alpha: true,
        ..SourceInfo::new(Format::Png, 200, 100)
    };
    let lying = SourceInfo {
        orientation: Orientation::OnLeftSide,
        ..SourceInfo::new(Format::Jpeg, 300, 200)
    };
    let files = [
        ("mark.png", mark),
        ("lying.jpg", lying),
        ("icon.svg", SourceInfo::new(Format::Svg, 24, 24)),
        ("huge.jpg", SourceInfo::new(Format::Jpeg, 60_000, 60_000)),
        (
            "pages.psd",
            SourceInfo {
                pages: 3,
                ..SourceInfo::new(Format::Psd, 40, 30)
            },
        ),
    ];
    Facts {
        edge: 5,
        files: files
            .iter()
            .map(|(name, info)| ((*name).to_owned(), *info))
            .collect::<HashMap<_, _>>(),
        ..Facts::default()
    }
}

fn planned(text: &str) -> Result<String, PlanError> {
    let (client, limits) = (Client::default(), Limits::default());
    let context = Context {
        accept: client.accept,
        hints: client.hints,
        settings: client.settings,
        limits: &limits,
        still: false,
    };
    let transformation = Transformation::parse(text, Mode::Strict).unwrap();
    plan(&transformation, &PHOTO, &context, &mut facts()).map(|plan| plan.to_string())
}

fn show(text: &str) -> String {
    match planned(text) {
        Ok(plan) => plan,
        Err(error) => match error.hint() {
            Some(hint) => format!("{error}\nhint: {hint}"),
            None => error.to_string(),
        },
    }
}

fn all(texts: &[&str]) -> String {
    let all = texts.iter().map(|text| format!("# {text}\n{}\n", show(text)));
    all.collect::<Vec<_>>().join("\n")
}

#[test]
fn pictures() {
    let texts = [
        "w-600,l-image,i-mark.png,lfo-bottom_right,l-end",
        "l-image,i-mark.png,t-false,w-bw_div_4,o-60,lx-16,ly-N16,l-end",
        "l-image,i-mark.png,t-20,r-max,rt-N12,b-2_red,l-end",
        "l-image,i-lying.jpg,t-false,w-100,l-end",
        "l-image,i-icon.svg,t-false,w-300,h-100,l-end",
        "l-image,i-pages.psd,pg-2,t-false,l-end",
        "l-image,i-pages.psd,pg-4,l-end",
        "l-image,i-huge.jpg,l-end",
        "l-image,i-gone.png,l-end",
        "l-image,i-mark.png,t-false,fo-auto,w-50,h-50:bl-4,l-end",
        "l-image,i-mark.png,t-false:if-w_gt_100,w-80,if-end,l-end",
        "w-300:l-image,i-mark.png,t-false,w-bw,h-bh,cm-pad_resize,l-end:w-100",
        "l-image,i-mark.png,t-false,w-bw_mul_1000,h-2000,c-force,l-end",
    ];
    assert_snapshot!(all(&texts), @r"
    # w-600,l-image,i-mark.png,lfo-bottom_right,l-end
    resize to 600x400
    layer `mark.png` as 190x90 at 410,310
      crop 190x90 at 5,5
    encode 600x400 as jpg quality 80

    # l-image,i-mark.png,t-false,w-bw_div_4,o-60,lx-16,ly-N16,l-end
    layer `mark.png` as 300x150 at 16,634
      resize to 300x150
      opacity 0.6
    encode 1200x800 as jpg quality 80

    # l-image,i-mark.png,t-20,r-max,rt-N12,b-2_red,l-end
    layer `mark.png` as 210x133 at 495,333
      crop 190x90 at 5,5
      round 95/45 95/45 95/45 95/45
      border of 2 in FF0000
      rotate by 348 to 210x133 on nothing
    encode 1200x800 as jpg quality 80

    # l-image,i-lying.jpg,t-false,w-100,l-end
    layer `lying.jpg` as 100x150 at 550,325
      orient from 6
      resize to 100x150
    encode 1200x800 as jpg quality 80

    # l-image,i-icon.svg,t-false,w-300,h-100,l-end
    layer `icon.svg` as 300x100 at 450,350
      resize to 300x300
      crop 300x100 at 0,100
    encode 1200x800 as jpg quality 80

    # l-image,i-pages.psd,pg-2,t-false,l-end
    layer `pages.psd` page 2 as 40x30 at 580,385
    encode 1200x800 as jpg quality 80

    # l-image,i-pages.psd,pg-4,l-end
    `pg` asks for page 4, and the source has 3 (pages, layers or frames)
    hint: ask for `pg-1` to `pg-3`

    # l-image,i-huge.jpg,l-end
    the source has 3600000000 pixels, more than the limit of 100000000
    hint: ask for the stored file with `orig-true`, or upload a smaller one

    # l-image,i-gone.png,l-end
    the layer's file `gone.png` does not exist

    # l-image,i-mark.png,t-false,fo-auto,w-50,h-50:bl-4,l-end
    layer `mark.png` as 50x50 at 575,375
      crop 100x100 at 100,0
      resize to 50x50
      blur by 2
    encode 1200x800 as jpg quality 80

    # l-image,i-mark.png,t-false:if-w_gt_100,w-80,if-end,l-end
    layer `mark.png` as 80x40 at 560,380
      resize to 80x40
    encode 1200x800 as jpg quality 80

    # w-300:l-image,i-mark.png,t-false,w-bw,h-bh,cm-pad_resize,l-end:w-100
    resize to 300x200
    layer `mark.png` as 300x200 at 0,0
      resize to 300x150
      pad to 300x200 at 0,25 on nothing
    resize to 100x67
    encode 100x67 as jpg quality 80

    # l-image,i-mark.png,t-false,w-bw_mul_1000,h-2000,c-force,l-end
    layer `mark.png` as 4000x2000 at -1400,-600
      resize to 4000x2000
    encode 1200x800 as jpg quality 80
    ");
}

#[test]
fn blocks() {
    let texts = [
        "l-image,i-ik_canvas,bg-FF660040,w-bw_div_3,h-bh,lx-0,ly-0,l-end",
        "l-image,i-ik_canvas,bg-FF6600,al-4,l-end",
        "l-image,i-ik_canvas,e-gradient-ld-top_from-000000_to-00000000,w-bw,h-bh_div_4,ly-N0,l-end",
        "l-image,i-ik_canvas,w-100,ar-2-1,dpr-2,bg-red,r-10,l-end",
        "l-image,i-ik_canvas,w-1,h-1,lfo-top_left,l-end",
        "l-image,i-ik_canvas,w-0.5,h-0.25,bg-red,l-end",
        "l-image,i-ik_canvas,w-40,h-40,bg-red,fo-auto:w-20,h-10,fo-auto,l-end",
        "l-image,i-ik_canvas,w-60000,h-60000,bg-red,l-end",
    ];
    assert_snapshot!(all(&texts), @r"
    # l-image,i-ik_canvas,bg-FF660040,w-bw_div_3,h-bh,lx-0,ly-0,l-end
    canvas of 400x800 in FF660040 as 400x800 at 0,0
    encode 1200x800 as jpg quality 80

    # l-image,i-ik_canvas,bg-FF6600,al-4,l-end
    canvas of 1200x800 in FF660040 as 1200x800 at 0,0
    encode 1200x800 as jpg quality 80

    # l-image,i-ik_canvas,e-gradient-ld-top_from-000000_to-00000000,w-bw,h-bh_div_4,ly-N0,l-end
    canvas of 1200x200 in 00000000 as 1200x200 at 0,600
      gradient from 000000 to 00000000 over 200 pixels at 0 degrees
    encode 1200x800 as jpg quality 80

    # l-image,i-ik_canvas,w-100,ar-2-1,dpr-2,bg-red,r-10,l-end
    canvas of 200x100 in FF0000 as 200x100 at 500,350
      round 10 10 10 10
    encode 1200x800 as jpg quality 80

    # l-image,i-ik_canvas,w-1,h-1,lfo-top_left,l-end
    canvas of 1x1 in 000000 as 1x1 at 0,0
    encode 1200x800 as jpg quality 80

    # l-image,i-ik_canvas,w-0.5,h-0.25,bg-red,l-end
    canvas of 600x200 in FF0000 as 600x200 at 300,300
    encode 1200x800 as jpg quality 80

    # l-image,i-ik_canvas,w-40,h-40,bg-red,fo-auto:w-20,h-10,fo-auto,l-end
    canvas of 40x40 in FF0000 as 20x10 at 590,395
      crop 40x20 at 0,10
      resize to 20x10
    encode 1200x800 as jpg quality 80

    # l-image,i-ik_canvas,w-60000,h-60000,bg-red,l-end
    the result would be 60000x60000, more than the limit of 100000000 pixels or 65535 on a side
    hint: ask for a smaller size
    ");
}

#[test]
fn texts() {
    let texts = [
        "l-text,i-Hello%20cat,fs-40,co-FFFFFF,bg-00000060,pa-12,lx-24,ly-N24,l-end",
        "l-text,i-Hello,l-end",
        "l-text,i-Hello,ff-fonts@@Brand.ttf,fs-bw_div_12,w-bw_mul_0.8,ia-left,lh-bh_div_10,tg-b_i,pa-bw_div_100,l-end",
        "l-text,i-Hello,r-20,rt-90,fl-h,lfo-top,l-end",
        "l-text,i-Hello,fs-bw_sub_1200,l-end",
        "l-text,i-Hello,pa-bw_sub_1201,l-end",
        "l-text,i-Hello,fs-10000,l-end",
    ];
    assert_snapshot!(all(&texts), @r#"
    # l-text,i-Hello%20cat,fs-40,co-FFFFFF,bg-00000060,pa-12,lx-24,ly-N24,l-end
    text "Hello cat" in Open Sans at 40 px as 204x64 at 24,712
    encode 1200x800 as jpg quality 80

    # l-text,i-Hello,l-end
    text "Hello" in Open Sans at 45 px as 113x45 at 543,377
    encode 1200x800 as jpg quality 80

    # l-text,i-Hello,ff-fonts@@Brand.ttf,fs-bw_div_12,w-bw_mul_0.8,ia-left,lh-bh_div_10,tg-b_i,pa-bw_div_100,l-end
    text "Hello" in `fonts/Brand.ttf` at 100 px as 274x124 at 463,338
    encode 1200x800 as jpg quality 80

    # l-text,i-Hello,r-20,rt-90,fl-h,lfo-top,l-end
    text "Hello" in Open Sans at 45 px as 45x113 at 577,0
      round 20 20 20 20
      rotate by 90 to 45x113 on 000000
      flip left to right
    encode 1200x800 as jpg quality 80

    # l-text,i-Hello,fs-bw_sub_1200,l-end
    `fs-bw_sub_1200` is 0 here, which is not a size
    hint: see to it that the result is at least 1

    # l-text,i-Hello,pa-bw_sub_1201,l-end
    `pa-bw_sub_1201` is -1 here, which is not a size
    hint: see to it that the result is at least 1

    # l-text,i-Hello,fs-10000,l-end
    the text takes 25000 x 10000 pixels: no side may be longer than 16383
    hint: use a smaller `fs`, or let it wrap with `w`
    "#);
}

#[test]
fn positions() {
    // On 1200 x 800 lies 100 x 50.
    for (position, expected) in [
        ("", "550,375"),
        ("lfo-top,", "550,0"),
        ("lfo-bottom_right,", "1100,750"),
        ("lx-10,", "10,0"),
        ("ly-10,", "0,10"),
        ("lx-10,lfo-bottom_right,", "10,0"),
        ("lx-N20,ly-N0,", "1080,750"),
        ("lx-0.5,ly-10.4,", "1,10"),
        ("lx-5000,ly-N5000,", "1100,0"),
        ("lxc-600,lyc-400,", "550,375"),
        ("lxc-600,ly-7,", "550,7"),
        ("lxc-N100,lyc-0,", "1050,0"),
        ("lx-bw_sub_cw_sub_16,ly-ch,", "1084,50"),
        ("lx-bw_div_0,", "`lx-bw_div_0` cannot be computed: it divides by zero"),
        ("lap-center,lx-10,ly-N10,", "610,390"),
        ("lap-center,lxc-10,lyc-N10,", "560,365"),
        ("lap-bottom_right,lx-N150,ly-N60,", "1050,740"),
        ("lap-bottom_right,lx-N150,", "1050,750"),
        ("lap-top,lxc-0,ly-5,", "550,5"),
    ] {
        let text = format!("l-image,i-ik_canvas,bg-red,{position}w-100,h-50,l-end");
        let plan = show(&text);
        let line = plan.lines().next().unwrap_or_default();
        let place = line.split_once(" as 100x50 at ").map_or(line, |(_, place)| place);
        assert_eq!(place, expected, "{text}");
    }
    // What is larger than the picture below begins at its edge, or is in the middle of it.
    for (position, expected) in [
        ("", "-150,-50"),
        ("lfo-bottom_right,", "-300,-100"),
        ("lx-10,ly-N10,", "0,0"),
        ("lxc-600,lyc-400,", "0,0"),
    ] {
        let plan = show(&format!("l-image,i-ik_canvas,bg-red,{position}w-1500,h-900,l-end"));
        assert!(
            plan.lines().next().unwrap().ends_with(&format!(" at {expected}")),
            "{plan}"
        );
    }
}

#[test]
fn modes_and_order() {
    let block = |mode: &str| format!("w-60,l-image,i-ik_canvas,w-40,h-30,bg-red,{mode}l-end");
    for (mode, expected, format) in [
        ("", "", "jpg"),
        ("lm-multiply,", ", multiplied", "jpg"),
        ("lm-cutter,", ", as a cutter", "png"),
        ("lm-cutout,", ", cut out", "png"),
        ("lm-displace,x-10,y-N5,", ", displacing by 10,-5", "jpg"),
    ] {
        let plan = show(&block(mode));
        assert!(
            plan.lines().any(|line| line.ends_with(&format!("5{expected}"))),
            "{mode}: {plan}"
        );
        assert!(plan.lines().last().unwrap().contains(format), "{mode}: {plan}");
    }
    let texts = [
        "l-image,i-mark.png,t-false,l-text,i-No.%207,fs-bh_div_2,lfo-top,l-end,lx-0,l-end,rt-90,w-300,bg-red",
        "w-300,l-text,i-a,fs-20,l-end,l-text,i-b,fs-bh_div_10,l-end:w-150:l-text,i-c,fs-bh_div_10,l-end",
        "l-image,i-ik_canvas,w-300,bg-red,l-image,i-mark.png,w-bw_div_3,l-text,i-x,fs-bw_div_4,l-end,l-end,l-end",
    ];
    assert_snapshot!(all(&texts), @r#"
    # l-image,i-mark.png,t-false,l-text,i-No.%207,fs-bh_div_2,lfo-top,l-end,lx-0,l-end,rt-90,w-300,bg-red
    resize to 300x200
    rotate by 90 to 200x300 on FF0000
    layer `mark.png` as 200x100 at 0,0
      text "No. 7" in Open Sans at 50 px as 125x50 at 37,0
    encode 200x300 as jpg quality 80

    # w-300,l-text,i-a,fs-20,l-end,l-text,i-b,fs-bh_div_10,l-end:w-150:l-text,i-c,fs-bh_div_10,l-end
    resize to 300x200
    text "a" in Open Sans at 20 px as 10x20 at 145,90
    text "b" in Open Sans at 20 px as 10x20 at 145,90
    resize to 150x100
    text "c" in Open Sans at 10 px as 5x10 at 72,45
    encode 150x100 as jpg quality 80

    # l-image,i-ik_canvas,w-300,bg-red,l-image,i-mark.png,w-bw_div_3,l-text,i-x,fs-bw_div_4,l-end,l-end,l-end
    canvas of 300x800 in FF0000 as 300x800 at 450,0
      layer `mark.png` as 100x47 at 100,376
        crop 190x90 at 5,5
        resize to 100x47
        text "x" in Open Sans at 25 px as 13x25 at 43,11
    encode 1200x800 as jpg quality 80
    "#);
}

#[test]
fn limits_have_names() {
    let error = planned("l-text,i-Hello,fs-10000,l-end").unwrap_err();
    assert!(error.is_limit(), "{error}");
    assert!(planned("l-image,i-huge.jpg,l-end").unwrap_err().is_limit());
}
