//! Layers: what is on top, where, and what is done to it before.

use insta::assert_snapshot;
use transform::parameters::{LayerKind, LayerMode, LayerPosition, LayerSpec, Param, TextSpec};
use transform::{InputKind, Mode, Part, Step, Transformation};

fn p(text: &str) -> String {
    match Transformation::parse(text, Mode::Strict) {
        Ok(transformation) => transformation.canonical(),
        Err(error) => error.render(),
    }
}

/// The first layer of the first step.
fn layer(text: &str) -> LayerSpec {
    let read = Transformation::parse(text, Mode::Lenient).unwrap();
    let Some(Step::Apply(params)) = read.steps.first() else {
        panic!("{text}: no step")
    };
    let layers = params.iter().find_map(|param| match param {
        Param::Layer(layer) => Some((**layer).clone()),
        _ => None,
    });
    layers.unwrap()
}

#[test]
fn layers_have_one_spelling() {
    for (text, expected) in [
        // Inputs.
        ("l-image,i-a.png,l-end", "l-image,i-a.png,l-end"),
        ("l-image,i-@@a@@b%20c.png,l-end", "l-image,i-a%2Fb%20c.png,l-end"),
        ("l-image,i-yt/english.png,l-end", "l-image,i-yt%2Fenglish.png,l-end"),
        (
            "l-image,ie-YnJhbmQvbWFyay5wbmc%3D,l-end",
            "l-image,i-brand%2Fmark.png,l-end",
        ),
        (
            "l-image,ie-YnJhbmQvbWFyay5wbmc,l-end",
            "l-image,i-brand%2Fmark.png,l-end",
        ),
        ("l-text,ie-w6nDqA%3D%3D,l-end", "l-text,i-%C3%A9%C3%A8,l-end"),
        ("l-text,ie-Pz8_,l-end", "l-text,i-%3F%3F%3F,l-end"),
        ("l-text,ie-Pz8/,l-end", "l-text,i-%3F%3F%3F,l-end"),
        ("l-text,i-*%20T%26C%20apply,l-end", "l-text,i-%2A%20T%26C%20apply,l-end"),
        ("l-text,i-30%%20off,l-end", "l-text,i-30%25%20off,l-end"),
        (
            "l-text,i-Only%20today%2C%205%20pm,l-end",
            "l-text,i-Only%20today%2C%205%20pm,l-end",
        ),
        // Positions may stand in any step.
        (
            "l-image,i-a:w-5,lfo-top_left:rt-90,l-end",
            "l-image,i-a,lfo-top_left,w-5:rt-90,l-end",
        ),
        ("l-image,i-a,lfo-center,l-end", "l-image,i-a,l-end"),
        ("l-image,i-a,lx-N0,ly-0,l-end", "l-image,i-a,lx-N0,ly-0,l-end"),
        ("l-image,i-a,lx--20.5,l-end", "l-image,i-a,lx-N20.5,l-end"),
        (
            "l-image,i-a,lx-bw_sub_cw,lyc-bh_mul_0.5,l-end",
            "l-image,i-a,lx-bw_sub_cw,lyc-bh_mul_0.5,l-end",
        ),
        ("l-image,i-a,lx-Nbw_div_10,l-end", "l-image,i-a,lx-Nbw_div_10,l-end"),
        ("l-image,i-a,lxc-50,lap-top_left,l-end", "l-image,i-a,lxc-50,l-end"),
        (
            "l-image,i-a,lxc-50,lap-bottom-right,l-end",
            "l-image,i-a,lxc-50,lap-bottom_right,l-end",
        ),
        ("l-text,i-a,lx-bw_sub_cw,l-end", "l-text,i-a,lx-bw_sub_cw,l-end"),
        // Modes.
        ("l-image,i-a,lm-cutout,l-end", "l-image,i-a,lm-cutout,l-end"),
        (
            "l-image,i-a,lm-displace,l-end",
            "l-image,i-a,lm-displace,x-10,y-10,l-end",
        ),
        (
            "l-image,i-a,lm-displacement,x-5,l-end",
            "l-image,i-a,lm-displace,x-5,y-0,l-end",
        ),
        (
            "l-image,i-a,lx-5,ly-N7,lm-displace,l-end",
            "l-image,i-a,lm-displace,x-5,y-N7,l-end",
        ),
        (
            "l-image,i-a,lm-displace,x-5,y-7,lx-3,l-end",
            "l-image,i-a,lm-displace,x-5,y-7,lx-3,l-end",
        ),
        (
            "l-image,i-a,lm-displace,x-5,y-bw_div_9:w-9,h-9,cm-extract,x-3,l-end",
            "l-image,i-a,lm-displace,x-5,y-bw_div_9:w-9,h-9,cm-extract,x-3,l-end",
        ),
        // Blocks.
        (
            "l-image,i-ik_canvas,h-60,w-bw,bg-336699,al-4,l-end",
            "l-image,i-ik_canvas,w-bw,h-60,bg-33669940,l-end",
        ),
        (
            "l-image,i-ik_canvas,bg-00000000,h-1,w-1:l-text,i-Hi,l-end,l-end",
            "l-image,i-ik_canvas,w-1,h-1,bg-00000000:l-text,i-Hi,l-end,l-end",
        ),
        ("l-image,i-ik_canvas,w-9:w-5,l-end", "l-image,i-ik_canvas,w-9:w-5,l-end"),
        // Texts.
        (
            "l-text,i-Hi,fs-20.0,ff-Open%20Sans,co-navy,tg-i_b,ia-left,pa-5_5,lh-40,w-bw_mul_0.8,bg-FFFFFF75,l-end",
            "l-text,i-Hi,w-bw_mul_0.8,fs-20,ff-Open%20Sans,co-000080,ia-left,pa-5,tg-b_i,bg-FFFFFF75,lh-40,l-end",
        ),
        (
            "l-text,i-Hi,ff-fonts@@Brand-Bold.ttf,l-end",
            "l-text,i-Hi,ff-fonts%2FBrand-Bold.ttf,l-end",
        ),
        ("l-text,i-Hi,pa-1_2_3,l-end", "l-text,i-Hi,pa-1_2_3,l-end"),
        ("l-text,i-Hi,pa-1_2_1_2,l-end", "l-text,i-Hi,pa-1_2,l-end"),
        ("l-text,i-Hi,pa-8_0_0_0,l-end", "l-text,i-Hi,pa-8_0_0,l-end"),
        ("l-text,i-Hi,pa-1_2_3_4,l-end", "l-text,i-Hi,pa-1_2_3_4,l-end"),
        ("l-text,i-Hi,pa-bw_div_50,l-end", "l-text,i-Hi,pa-bw_div_50,l-end"),
        ("l-text,i-Hi,co-FF0000,al-5,l-end", "l-text,i-Hi,co-FF000050,l-end"),
        ("l-text,i-Hi,al-9,l-end", "l-text,i-Hi,co-00000090,l-end"),
        ("l-text,i-Hi:fs-9:rt-90,r-5,l-end", "l-text,i-Hi,fs-9,r-5,rt-90,l-end"),
        // Several, nested, in conditions, with names.
        (
            "l-text,i-b,l-end,w-5,l-text,i-a,l-end,q-9",
            "w-5,l-text,i-b,l-end,l-text,i-a,l-end,q-9",
        ),
        (
            "l-image,i-a,w-9,l-image,i-b,l-text,i-c,l-end,lfo-top,l-end,t-false,l-end",
            "l-image,i-a,t-false,w-9,l-image,i-b,lfo-top,l-text,i-c,l-end,l-end,l-end",
        ),
        (
            "if-w_gt_9,l-image,i-a,w-bw,l-end:rt-9,if-else,l-text,i-x,l-end,if-end",
            "if-w_gt_9,l-image,i-a,w-bw,l-end:rt-9,if-else,l-text,i-x,l-end,if-end",
        ),
        (
            "l-image,i-a,lfo-top:if-w_gt_9,w-9,if-end,l-end",
            "l-image,i-a,lfo-top:if-w_gt_9,w-9,if-end,l-end",
        ),
        ("l-image,i-a,n-card,w-5,l-end", "l-image,i-a,n-card,w-5,l-end"),
        (
            "l-image,i-layout.psd,pg-3,h-200,w-200,l-end",
            "l-image,i-layout.psd,pg-3,w-200,h-200,l-end",
        ),
        (
            "l-image,i-a,e-bgremove:e-dropshadow,l-end",
            "l-image,i-a,e-bgremove:e-dropshadow-az-215_el-45_st-60,l-end",
        ),
    ] {
        assert_eq!(p(text), expected, "{text}");
        assert_eq!(p(expected), expected, "{text}, read again");
    }
}

/// Not available, or without effect: left out and said.
#[test]
fn what_layers_do_not_have_is_said() {
    for (text, expected, ignored) in [
        ("l-image,i-a,f-png,w-5,l-end", "l-image,i-a,w-5,l-end", vec!["f-png"]),
        (
            "l-image,i-a,e-edit-prompt-x,e-upscale,dn-5,di-b,orig-true,l-end",
            "l-image,i-a,l-end",
            vec!["e-edit-prompt-x", "e-upscale", "dn-5", "di-b", "orig-true"],
        ),
        (
            "l-image,i-a,w-9,h-9,cm-pad_resize,bg-genfill,l-end",
            "l-image,i-a,w-9,h-9,cm-pad_resize,l-end",
            vec!["bg-genfill"],
        ),
        ("l-image,i-a,w-auto,l-end", "l-image,i-a,l-end", vec!["w-auto"]),
        (
            "l-image,i-a,fs-5,co-red,l-end",
            "l-image,i-a,l-end",
            vec!["fs-5", "co-red"],
        ),
        (
            "l-text,i-a,h-5,e-shadow,bl-5,o-5,n-x,w-0.5,bg-blurred,rt-auto,l-end",
            "l-text,i-a,l-end",
            vec![
                "h-5",
                "e-shadow",
                "bl-5",
                "o-5",
                "n-x",
                "w-0.5",
                "bg-blurred",
                "rt-auto",
            ],
        ),
        ("l-text,i-a,w-iw,l-end", "l-text,i-a,l-end", vec!["w-iw"]),
        (
            "l-image,i-ik_canvas,w-iw,e-bgremove,l-end",
            "l-image,i-ik_canvas,l-end",
            vec!["w-iw", "e-bgremove"],
        ),
        (
            "l-image,i-ik_canvas,w-9,h-9,cm-pad_resize,fo-top,dpr-2,l-end",
            "l-image,i-ik_canvas,w-9,h-9,dpr-2,l-end",
            vec!["cm-pad_resize", "fo-top"],
        ),
        // Valid, in strict mode too.
        ("l-image,i-a,q-50,l-end", "l-image,i-a,l-end", vec!["q-50"]),
        (
            "l-image,i-a,lso-3,leo-idu,ldu-4,l-end",
            "l-image,i-a,l-end",
            vec!["lso-3", "leo-idu", "ldu-4"],
        ),
        (
            "l-image,i-a,lx-5,lfo-top,l-end",
            "l-image,i-a,lx-5,l-end",
            vec!["lfo-top"],
        ),
        (
            "l-image,i-a,lap-top,lfo-top,l-end",
            "l-image,i-a,lfo-top,l-end",
            vec!["lap-top"],
        ),
        ("l-image,i-a,lx-5,lxc-6,l-end", "l-image,i-a,lx-5,l-end", vec!["lxc-6"]),
        ("l-image,i-a,ie-Yg,l-end", "l-image,i-b,l-end", vec!["i-a"]),
        (
            "l-text,i-a,co-red,al-5,l-end",
            "l-text,i-a,co-FF0000,l-end",
            vec!["al-5"],
        ),
        (
            "l-image,i-ik_canvas,bg-FF000020,al-5,l-end",
            "l-image,i-ik_canvas,bg-FF000020,l-end",
            vec!["al-5"],
        ),
        (
            "l-image,i-a:if-w_gt_5,lx-5,w-5,if-end,l-end",
            "l-image,i-a:if-w_gt_5,w-5,if-end,l-end",
            vec!["lx-5"],
        ),
        ("w-5,lx-5,fs-9", "w-5", vec!["lx-5", "fs-9"]),
    ] {
        let read = Transformation::parse(text, Mode::Lenient).unwrap();
        assert_eq!(read.canonical(), expected, "{text}");
        let mut tokens: Vec<String> = read.ignored.into_iter().map(|token| token.text).collect();
        tokens.sort_by_key(|token| text.find(token.as_str()));
        assert_eq!(tokens, ignored, "{text}");
    }
}

#[test]
fn long_texts_are_cut() {
    let plain = format!("l-text,i-{},l-end", "é".repeat(2001));
    let read = Transformation::parse(&plain, Mode::Strict).unwrap();
    assert_eq!(read.ignored[0].reason, "the text is cut after 2000 characters");
    let LayerKind::Text(text) = layer(&plain).kind else {
        panic!()
    };
    assert_eq!(text.text, "é".repeat(2000));

    // 7200 digits of base64 are 5400 bytes.
    let encoded = format!("l-text,ie-{},l-end", "YWJj".repeat(1800));
    let LayerKind::Text(text) = layer(&encoded).kind else {
        panic!()
    };
    assert_eq!(text.text.chars().count(), TextSpec::ENCODED_CHARACTERS);
    let canonical = Transformation::parse(&encoded, Mode::Strict).unwrap().canonical();
    let again = Transformation::parse(&canonical, Mode::Strict).unwrap();
    assert_eq!((again.canonical(), again.ignored.len()), (canonical, 0));
}

#[test]
fn refusals() {
    assert_snapshot!(p("w-5:l-solid,bg-red,l-end"), @r"
    unknown layer type `l-solid`
      w-5:l-solid,bg-red,l-end
          ^^^^^^^
    hint: a block is `l-image,i-ik_canvas,bg-<colour>,l-end`
    ");
    assert_snapshot!(p("w-5,l-image,i-,w-5,l-end"), @r"
    the layer `l-image` has no input
      w-5,l-image,i-,w-5,l-end
          ^^^^^^^
    hint: say what to lay on top: `i-<path or text>` or `ie-<base64>`
    ");
    assert_snapshot!(p("l-text,ie-%3F%3F,l-end"), @r"
    `ie-??` is not base64
      l-text,ie-%3F%3F,l-end
             ^^^^^^^^^
    hint: write the path or text in base64, percent-encoded, or plainly with `i-`
    ");
    assert_snapshot!(p("l-image,i-a,l-image,i-b,l-image,i-c,l-text,i-d,l-end,l-end,l-end,l-end"), @r"
    blocks are nested deeper than 3
      l-image,i-a,l-image,i-b,l-image,i-c,l-text,i-d,l-end,l-end,l-end,l-end
                                          ^^^^^^
    hint: put inner blocks beside the outer one
    ");
    assert_snapshot!(p("l-text,i-a,e-shadow,l-end"), @r"
    `e-shadow` (shadow) is not available in a text layer
      l-text,i-a,e-shadow,l-end
                 ^^^^^^^^
    ");
    assert_snapshot!(p("l-image,i-a,w-bw_mul_x,l-end"), @r"
    expected a number of pixels or an expression, but `x` is neither a number nor one of iw, ih, iar, cw, ch, car, bw, bh, bar in `w-bw_mul_x`
      l-image,i-a,w-bw_mul_x,l-end
                  ^^^^^^^^^^
    ");
    assert_snapshot!(p("lx-5"), @r"
    `lx-5` (layer x) belongs to a layer
      lx-5
      ^^^^
    hint: put it between `l-…` and its `l-end`
    ");
}

#[test]
fn layers_are_printed_for_people() {
    let text = "w-600,l-image,i-brand@@mark.png,w-90,lfo-bottom_right:rt-90,l-end,l-text,i-Hi%20there,fs-20,l-end";
    assert_snapshot!(Transformation::parse(text, Mode::Strict).unwrap(), @r#"Step 1: width 600, picture brand/mark.png (layer focus bottom_right; width 90; rotation 90), text "Hi there" (font size 20)"#);
}

#[test]
fn inputs_are_all_files_each_part_once() {
    let text = "l-image,i-a.png,l-text,i-x,ff-f.ttf,l-end,l-end,l-image,i-a.png,l-end:\
                if-w_gt_5,l-image,i-d.pdf,pg-2,l-end,if-end:l-image,i-d.pdf,l-end,\
                l-text,i-y,ff-Lato,l-end,l-image,i-ik_canvas,l-image,i-b.png,e-bgremove,w-5,l-end,l-end";
    let read = Transformation::parse(text, Mode::Strict).unwrap();
    let inputs = read.inputs().into_iter().map(|input| match input.kind {
        InputKind::Font => format!("font {}", input.name),
        InputKind::Picture { part, stages } => {
            assert_eq!(input.path.as_str(), input.name.split('?').next().unwrap());
            format!("{}{part} ({})", input.name, stages.len())
        }
    });
    assert_snapshot!(inputs.collect::<Vec<_>>().join("\n"), @r"
    a.png (0)
    font f.ttf
    d.pdf page 2 (0)
    d.pdf (0)
    b.png?t-10:f-png,lo-true:e-bgremove (1)
    ");
    assert_eq!(
        Transformation::parse("orig,l-image,i-a,l-end", Mode::Strict)
            .unwrap()
            .inputs(),
        Vec::new()
    );
}

#[test]
fn pictures_are_trimmed_unless_they_say_otherwise() {
    let steps = |text: &str| {
        let picture = layer(text).picture().unwrap();
        let transformation = Transformation {
            steps: picture.steps,
            ignored: Vec::new(),
        };
        transformation.canonical()
    };
    assert_eq!(steps("l-image,i-a,l-end"), "t-10");
    assert_eq!(steps("l-image,i-a,w-5:rt-9,l-end"), "t-10,w-5:rt-9");
    assert_eq!(steps("l-image,i-a,w-5:t-false,l-end"), "w-5:t-false");
    assert_eq!(
        steps("l-image,i-a:if-w_gt_5,w-5,if-end,l-end"),
        "t-10:if-w_gt_5,w-5,if-end"
    );
    // What a model gave is not trimmed once more.
    assert_eq!(steps("l-image,i-a,e-bgremove,w-5,l-end"), "w-5");
    assert_eq!(layer("l-image,i-a,pg-2,l-end").picture().map(|p| p.input.kind), {
        let part = Part::Page(2);
        Some(InputKind::Picture {
            part,
            stages: Vec::new(),
        })
    });
}

#[test]
fn blocks_take_size_and_colour_of_their_first_step() {
    let described = |text: &str| {
        let (block, steps) = layer(text).block().unwrap();
        let side = |extent: Option<transform::parameters::Extent>| extent.map_or("-".to_owned(), |e| e.to_string());
        let steps = Transformation {
            steps,
            ignored: Vec::new(),
        };
        format!(
            "{} {} {} {}",
            side(block.width),
            side(block.height),
            block.color,
            steps.canonical()
        )
    };
    assert_eq!(described("l-image,i-ik_canvas,l-end"), "- - 000000 ");
    assert_eq!(
        described("l-image,i-ik_canvas,w-bw,h-5,bg-red,r-3:w-9,l-end"),
        "bw 5 FF0000 r-3:w-9"
    );
    assert_eq!(
        described("l-image,i-ik_canvas,w-5,e-gradient,l-end"),
        "5 - 00000000 e-gradient-ld-180_from-FFFFFF_to-00000000_sp-1"
    );
    assert_eq!(layer("l-image,i-a,l-end").block(), None);
}

#[test]
fn positions() {
    let LayerPosition::At { x, y, .. } = layer("l-image,i-a,lx-N0,l-end").position else {
        panic!()
    };
    assert!(matches!(x, Some(transform::parameters::Place::Edge(offset)) if offset.negative));
    assert_eq!(y, None);
    assert_eq!(layer("l-image,i-a,lm-cutter,l-end").mode, LayerMode::Cutter);
}
