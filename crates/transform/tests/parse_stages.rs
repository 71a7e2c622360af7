//! Operations that need a model split a transformation into stages.

use transform::parameters::Param;
use transform::{Mode, Part, Transformation};

fn read(text: &str) -> Transformation {
    Transformation::parse(text, Mode::Strict).unwrap()
}

/// Each stage as its text, then the last transformation.
fn stages(text: &str) -> Vec<String> {
    let split = read(text).stages();
    let mut texts: Vec<String> = split.stages.iter().map(ToString::to_string).collect();
    texts.push(split.last.canonical());
    texts
}

#[test]
fn chains_split_at_models() {
    for (text, expected) in [
        ("w-5:rt-90", &["w-5:rt-90"][..]),
        ("e-bgremove", &["f-png,lo-true:e-bgremove", ""]),
        ("w-300,e-bgremove", &["f-png,lo-true:e-bgremove", "w-300"]),
        (
            "t-5,w-300,r-9,e-bgremove",
            &["t-5:f-png,lo-true:e-bgremove", "w-300,r-9"],
        ),
        (
            "w-300,q-50:e-bgremove:e-dropshadow,f-webp",
            &[
                "w-300:f-png,lo-true:e-bgremove",
                "q-50:e-dropshadow-az-215_el-45_st-60,f-webp",
            ],
        ),
        (
            "e-upscale,e-bgremove,w-5",
            &["f-png,lo-true:e-upscale", "f-png,lo-true:e-bgremove", "w-5"],
        ),
        (
            "e-bgremove:w-5:pg-2,rt-auto,dn-300",
            &[
                "pg-2,dn-300,rt-auto:f-png,lo-true:e-bgremove",
                "w-5:pg-2,dn-300,rt-auto",
            ],
        ),
        (
            "w-1200,h-630,cm-pad_resize,bg-genfill-prompt-sea,fo-left,r-20,q-80,l-text,i-x,l-end",
            &[
                "w-1200,h-630,cm-pad_resize,fo-left,bg-00000000:f-png,lo-true:bg-genfill-prompt-sea",
                "r-20,l-text,i-x,l-end,q-80",
            ],
        ),
        (
            "e-edit-prompt-a,w-9,h-9,cm-pad_extract,bg-genfill",
            &[
                "f-png,lo-true:e-edit-prompt-a",
                "w-9,h-9,cm-pad_extract,bg-00000000:f-png,lo-true:bg-genfill",
                "",
            ],
        ),
        ("e-bgremove,orig", &["orig-true"]),
    ] {
        assert_eq!(stages(text), expected, "{text}");
    }
}

/// Every pixel parameter of a text is in some stage or in the last part.
#[test]
fn nothing_is_lost_between_stages() {
    let text =
        "pg-2,t-5,w-5,h-6,cm-pad_resize,bg-genfill,bl-3,r-4,o-5,l-text,i-x,l-end,q-6,di-a:e-upscale,b-1_red:f-avif";
    let split = read(text).stages();
    let parts = split.stages.iter().map(|stage| &stage.before).chain([&split.last]);
    let all: Vec<String> = parts.map(Transformation::canonical).collect();
    for token in [
        "pg-2",
        "t-5",
        "w-5",
        "h-6",
        "bl-3",
        "r-4",
        "o-5",
        "l-text",
        "q-6",
        "di-a",
        "b-1_FF0000",
        "f-avif",
    ] {
        let found = all
            .iter()
            .filter(|text| text.split([',', ':']).any(|one| one == token))
            .count();
        assert_eq!(found, 1, "{token} in {all:?}");
    }
}

#[test]
fn conditions_are_settled_up_to_the_last_model() {
    let sizes = |done: &Transformation| -> Result<(u32, u32), ()> {
        // The steps are those that are known by then, without models.
        assert!(!done.needs_model());
        Ok(if done.canonical().contains("w-100") {
            (100, 50)
        } else {
            (1000, 500)
        })
    };
    for (text, expected) in [
        ("if-w_gt_500,e-bgremove,if-end:w-9", "e-bgremove:w-9"),
        ("w-100:if-w_gt_500,e-bgremove,if-else,rt-9,if-end:w-9", "w-100:rt-9:w-9"),
        ("w-100:if-iw_gt_500,e-bgremove:w-5,if-end", "w-100:e-bgremove:w-5"),
        (
            "if-w_gt_500,w-100,if-end:e-bgremove:if-w_gt_5,w-5,if-end",
            "w-100:e-bgremove:if-w_gt_5,w-5,if-end",
        ),
        ("if-w_gt_5,if-h_gt_5,e-upscale,if-end,if-end", "e-upscale"),
        ("if-w_gt_5,w-5,if-end", "if-w_gt_5,w-5,if-end"),
    ] {
        assert_eq!(
            read(text).settle((1000, 500), sizes).unwrap().canonical(),
            expected,
            "{text}"
        );
    }
    assert_eq!(
        read("if-w_gt_5,e-upscale,if-end").settle((9, 9), |_| Err::<(u32, u32), _>("no plan")),
        Err("no plan")
    );
}

#[test]
fn part_and_density() {
    assert_eq!(read("w-5").part(), Part::Default);
    assert_eq!(read("pg-2:pg-3-5").part(), Part::Layers(vec![(3, 5)]));
    assert_eq!(read("l-image,i-a,pg-2,l-end").part(), Part::Default);
    assert_eq!(
        read("pg-name-%22a%22_%22b_c%22").part(),
        Part::Named(vec!["a".to_owned(), "b_c".to_owned()])
    );
    assert_eq!(read("dn-150:dn-300").density(), Some(300));
    assert_eq!(read("dn-idn_mul_2").density(), None);
}

#[test]
fn names_are_replaced_inside_layers() {
    let lookup = |name: &str| match name {
        "mark" => Some("w-bw_div_5,o-60:rt-9,f-png".to_owned()),
        "stamp" => Some("l-text,i-x,l-end".to_owned()),
        "deep" => Some("l-image,i-b,l-image,i-c,l-text,i-d,l-end,l-end,l-end".to_owned()),
        "many" => Some(["l-text,i-x,l-end"; 15].join(",")),
        "focus" => Some("fo-top".to_owned()),
        _ => None,
    };
    let expanded = |text: &str| match read(text).expand(lookup) {
        Ok(transformation) => transformation.canonical(),
        Err(error) => error.to_string(),
    };
    for (text, expected) in [
        (
            "l-image,i-a,n-mark,bl-3,l-end",
            "l-image,i-a,w-bw_div_5,o-60:bl-3,rt-9,l-end",
        ),
        (
            "l-image,i-ik_canvas,n-stamp,w-5,l-end",
            "l-image,i-ik_canvas,w-5,l-text,i-x,l-end,l-end",
        ),
        ("n-stamp,l-text,i-y,l-end", "l-text,i-x,l-end,l-text,i-y,l-end"),
        (
            "l-image,i-a,n-deep,l-end",
            "blocks are nested deeper than 3 once names are replaced",
        ),
        ("n-many:n-many", "there are more than 20 layers once names are replaced"),
        ("l-image,i-a,n-none,l-end", "there is no named transformation `none`"),
        // What has no effect alone may have one beside the tokens that name it.
        ("n-focus,w-5,h-5", "w-5,h-5,fo-top"),
        ("n-focus,rt-9,z-2", "rt-9"),
        ("n-focus", ""),
    ] {
        assert_eq!(expanded(text), expected, "{text}");
    }
    let ignored = read("l-image,i-a,n-mark,l-end").expand(lookup).unwrap().ignored;
    assert_eq!(ignored.len(), 1);
    assert!(
        ignored[0].reason.contains("not available in an image layer"),
        "{}",
        ignored[0].reason
    );
}

#[test]
fn hints_in_layers_count() {
    assert!(read("l-image,i-a,w-5,dpr-auto,l-end").depends_on_hints());
    assert!(!read("l-image,i-a,w-5,l-end").depends_on_hints());
}

#[test]
fn generated_fills_are_no_parameters() {
    let split = read("w-9,h-9,cm-pad_resize,bg-genfill").stages();
    let params = split
        .stages
        .iter()
        .flat_map(|stage| &stage.before.steps)
        .chain(&split.last.steps);
    for step in params {
        if let transform::Step::Apply(params) = step {
            assert!(params.iter().all(|param| !matches!(param, Param::Ai(_))));
        }
    }
}
