//! Every parameter's values: what they mean, which are refused, and in which words.

use transform::{Mode, ParseErrorKind, Transformation};

fn canonical(text: &str, mode: Mode) -> Result<String, String> {
    let read = Transformation::parse(text, mode).map_err(|error| error.message)?;
    Ok(read.canonical())
}

/// Good values: what is written, and its one spelling. Both modes read them alike.
#[test]
fn values_have_one_spelling() {
    for (text, expected) in [
        // Borders, from the right.
        ("b-5_FF0000", "b-5_FF0000"),
        ("b-5-AAAA54", "b-5_AAAA54"),
        ("b-5-BB44FF60", "b-5_BB44FF60"),
        ("b-5.50_red", "b-5.5_FF0000"),
        ("b-iw_mul_0.02_red", "b-iw_mul_0.02_FF0000"),
        ("b-cw_div_100-teal", "b-cw_div_100_008080"),
        ("b-0_red", "b-0_FF0000"),
        // Corners.
        ("r-20", "r-20"),
        ("r-20_20_20_20", "r-20"),
        ("r-10_20_30_40", "r-10_20_30_40"),
        ("r-10_10_max_10", "r-10_10_max_10"),
        ("r-max", "r-max"),
        ("r-max_max_max_max", "r-max_max_max_max"),
        // Numbers.
        ("bl-10", "bl-10"),
        ("bl-4.50", "bl-4.5"),
        ("bl-0", "bl-0"),
        ("o-0.8", "o-0.8"),
        ("o-100", "o-100"),
        ("w-9,h-9,fo-face,z-2.0", "w-9,h-9,fo-face,z-2"),
        ("t-true", "t-10"),
        ("t-True", "t-10"),
        ("t-false", "t-false"),
        ("t-0", "t-false"),
        ("t-1", "t-1"),
        ("t-99", "t-99"),
        ("cr-3366CC", "cr-3366CC_35"),
        ("cr-navy_25", "cr-000080_25"),
        ("cr-FF0000_100_0000FF", "cr-FF0000_100_0000FF"),
        // Effects without numbers, and with.
        ("e-grayscale", "e-grayscale"),
        ("e-grayscale-true", "e-grayscale"),
        ("e-contrast-1", "e-contrast"),
        ("e-contrast-", "e-contrast"),
        ("e-sharpen", "e-sharpen-50"),
        ("e-sharpen-5", "e-sharpen-5"),
        ("e-sharpen-2000", "e-sharpen-100"),
        ("e-usm", "e-usm-2-2-0.8-0.024"),
        ("e-usm-0-5-1-0.05", "e-usm-0-5-1-0.05"),
        ("e-usm-2.5-8.00-1-7", "e-usm-2.5-8-1-1"),
        ("e-colorize", "e-colorize-co-808080_in-100"),
        ("e-colorize-in-15_co-teal", "e-colorize-co-008080_in-15"),
        ("e-colorize-co-FF000040", "e-colorize-co-FF0000_in-100"),
        ("e-gradient", "e-gradient-ld-180_from-FFFFFF_to-00000000_sp-1"),
        (
            "e-gradient-ld-top_right_from-FF000040_to-00FF0040_sp-0.9",
            "e-gradient-ld-45_from-FF000040_to-00FF0040_sp-0.9",
        ),
        (
            "e-gradient-sp-120_ld-topleft",
            "e-gradient-ld-315_from-FFFFFF_to-00000000_sp-120",
        ),
        (
            "e-gradient-from-black_sp-ih_div_3",
            "e-gradient-ld-180_from-000000_to-00000000_sp-ih_div_3",
        ),
        (
            "e-gradient-ld-bottom-left_to-red",
            "e-gradient-ld-225_from-FFFFFF_to-FF0000_sp-1",
        ),
        ("e-gradient-ld-405", "e-gradient-ld-45_from-FFFFFF_to-00000000_sp-1"),
        ("e-shadow", "e-shadow-bl-10_st-30_x-2_y-2"),
        ("e-shadow-bl-15_st-40_x-10_y-N5", "e-shadow-bl-15_st-40_x-10_y-N5"),
        ("e-shadow-y--5", "e-shadow-bl-10_st-30_x-2_y-N5"),
        ("e-dropshadow", "e-dropshadow-az-215_el-45_st-60"),
        ("e-dropshadow-el-60_az-120", "e-dropshadow-az-120_el-60_st-60"),
        ("e-distort-a-45", "e-distort-a-45"),
        ("e-distort-a-N40", "e-distort-a-N40"),
        (
            "e-distort-p-20_10_380_N30_400_290_0_300",
            "e-distort-p-20_10_380_N30_400_290_0_300",
        ),
        // Several of an effect stay in the order written; kinds have the language's order.
        ("e-gradient-to-red,e-gradient-to-blue,e-sharpen-5,bl-2", {
            "e-sharpen-5,bl-2,e-gradient-ld-180_from-FFFFFF_to-FF0000_sp-1,\
             e-gradient-ld-180_from-FFFFFF_to-0000FF_sp-1"
        }),
        ("b-1_red,r-5,bl-3,w-9,t-5,pg-2", "pg-2,t-5,w-9,bl-3,r-5,b-1_FF0000"),
        ("e-retouch,e-bgremove,e-upscale", "e-retouch,e-bgremove,e-upscale"),
        // Operations of models.
        ("e-genvar", "e-genvar"),
        ("e-removedotbg", "e-removedotbg"),
        ("e-edit-prompt-make it vintage", "e-edit-prompt-make%20it%20vintage"),
        ("e-edit-prompt-a%2C%20b", "e-edit-prompt-a%2C%20b,"),
        ("w-5:e-edit-prompt-a%2C%20b", "w-5:e-edit-prompt-a%2C%20b"),
        ("e-edit-prompte-YWRkIGEgaGF0", "e-edit-prompt-add%20a%20hat"),
        (
            "e-edit-prompte-bWFrZSB0aGUgc2Vhd2F0ZXIgYmx1ZQo%3D",
            "e-edit-prompt-make%20the%20seawater%20blue",
        ),
        ("e-changebg-prompt-snow", "e-changebg-prompt-snow"),
        // Backgrounds.
        ("bg-FF000040", "bg-FF000040"),
        (
            "w-9,h-9,cm-pad_resize,bg-blurred",
            "w-9,h-9,cm-pad_resize,bg-blurred_auto_0",
        ),
        (
            "w-9,ar-1-1,cm-pad_resize,bg-blurred_25_N55",
            "w-9,ar-1-1,cm-pad_resize,bg-blurred_25_N55",
        ),
        (
            "w-9,h-9,cm-pad_resize,bg-blurred_auto_30",
            "w-9,h-9,cm-pad_resize,bg-blurred_auto_30",
        ),
        (
            "w-9,h-9,cm-pad_extract,bg-dominant",
            "w-9,h-9,cm-pad_extract,bg-dominant",
        ),
        (
            "w-9,h-9,cm-pad_resize,bg-gradient_dominant",
            "w-9,h-9,cm-pad_resize,bg-gradient_dominant_2",
        ),
        (
            "w-9,h-9,cm-pad_resize,bg-gradient_dominant_4",
            "w-9,h-9,cm-pad_resize,bg-gradient_dominant_4",
        ),
        ("w-9,h-9,cm-pad_resize,bg-genfill", "w-9,h-9,cm-pad_resize,bg-genfill"),
        (
            "w-9,h-9,cm-pad_resize,bg-genfill-prompt-green%20meadow",
            "w-9,h-9,cm-pad_resize,bg-genfill-prompt-green%20meadow",
        ),
        (
            "w-9,h-9,cm-pad_resize,bg-genfill-prompte-YQ",
            "w-9,h-9,cm-pad_resize,bg-genfill-prompt-a",
        ),
        // Focus.
        ("w-9,h-9,fo-auto", "w-9,h-9,fo-auto"),
        ("w-9,h-9,fo-custom", "w-9,h-9,fo-custom"),
        ("w-9,h-9,fo-auto-custom_override", "w-9,h-9,fo-auto-custom_override"),
        ("fo-dog,ar-1_1", "ar-1-1,fo-dog"),
        ("w-9,h-9,fo-dog_car_dog", "w-9,h-9,fo-car_dog"),
        ("w-9,h-9,fo-trafficlight", "w-9,h-9,fo-trafficLight"),
        // Pages.
        ("pg-3", "pg-3"),
        ("pg-2_4", "pg-2_4"),
        ("pg-3-4", "pg-3-4"),
        ("pg-2-", "pg-2-"),
        ("pg-3-3", "pg-3"),
        ("pg-2_3-4", "pg-2_3-4"),
        (
            "pg-name-%22layer%20one%22_%22b_c%22",
            "pg-name-%22layer%20one%22_%22b_c%22",
        ),
        // Output.
        ("dn-150", "dn-150"),
        ("dn-idn_mul_2", "dn-idn_mul_2"),
        ("c2pa-true", "c2pa-true"),
        ("lo-TRUE,pr-1,md-0", "lo-true,pr-true,md-false"),
        ("f-gif", "f-gif"),
        ("f-svg", "f-svg"),
        ("w-9,dpr-iw_div_600", "w-9,dpr-iw_div_600"),
    ] {
        for mode in [Mode::Lenient, Mode::Strict] {
            assert_eq!(canonical(text, mode).as_deref(), Ok(expected), "{text}");
        }
        assert_eq!(
            canonical(expected, Mode::Strict).as_deref(),
            Ok(expected),
            "{text}, read again"
        );
    }
}

/// Bad values: ignored leniently, and in strict mode an error that says what was expected.
#[test]
fn refused_values() {
    for (text, expected) in [
        ("b-5", "a width and a colour such as 5_FF0000"),
        ("b-5_nocolour", "a width and a colour such as 5_FF0000"),
        ("b-N5_red", "a number of pixels"),
        (
            "b-bw_red",
            "a number of pixels or an expression, but `bw` exists only inside layers",
        ),
        ("r-1_2", "pixels or max, once or for the four corners such as 8_8_max_0"),
        (
            "r-iw_div_2",
            "pixels or max, once or for the four corners such as 8_8_max_0",
        ),
        ("bl-101", "0 to 100"),
        ("o-101", "0 to 100"),
        ("w-9,h-9,fo-face,z-0", "a number above 0"),
        ("t-100", "true, false, or 1 to 99"),
        ("t-yes", "true, false, or 1 to 99"),
        (
            "cr-red_200",
            "a colour, a tolerance of 0 to 100 and a colour, such as 3366CC_35_red",
        ),
        (
            "cr-red_20_blue_5",
            "a colour, a tolerance of 0 to 100 and a colour, such as 3366CC_35_red",
        ),
        ("e-grayscale-false", "no value: leave it out to leave it undone"),
        ("e-sharpen-much", "a strength of 1 to 100"),
        ("e-usm-1-2-3", "four numbers such as 2-2-0.8-0.024"),
        ("e-colorize-red", "co-…, in-…, joined by _"),
        ("e-colorize-in-200", "0 to 100 after `in-`"),
        (
            "e-gradient-ld-up",
            "degrees, or a side or corner such as top_left, after `ld-`",
        ),
        ("e-gradient-from-nothing", "a colour after `from-`"),
        (
            "e-gradient-sp-0",
            "a fraction or a number of pixels above 0 after `sp-`",
        ),
        ("e-shadow-bl-16", "0 to 15 after `bl-`"),
        ("e-shadow-x-101", "N100 to 100 percent after `x-`"),
        ("e-dropshadow-el-91", "0 to 90 after `el-`"),
        (
            "e-distort-p-1_2_3",
            "p-x1_y1_x2_y2_x3_y3_x4_y4 in pixels, or a- and N360 to 360 degrees",
        ),
        (
            "e-distort-a-361",
            "p-x1_y1_x2_y2_x3_y3_x4_y4 in pixels, or a- and N360 to 360 degrees",
        ),
        ("e-edit-a hat", "a prompt"),
        ("e-edit-prompt-%20", "a prompt"),
        ("e-edit-prompte-%3F%3F", "a prompt"),
        ("bg-blurred_x", "blurred_<0 to 100 or auto>_<N255 to 255>"),
        ("bg-blurred_5_300", "blurred_<0 to 100 or auto>_<N255 to 255>"),
        ("bg-gradient", "dominant, gradient_dominant_2 or gradient_dominant_4"),
        ("bg-genfill-meadow", "a prompt"),
        (
            "pg-0",
            "a page such as 2, layers such as 1_3-5 or 2-, or layers by name such as name-\"one\"_\"two\"",
        ),
        (
            "pg-5-2",
            "a page such as 2, layers such as 1_3-5 or 2-, or layers by name such as name-\"one\"_\"two\"",
        ),
        (
            "pg-name-one",
            "a page such as 2, layers such as 1_3-5 or 2-, or layers by name such as name-\"one\"_\"two\"",
        ),
        ("dn-2000", "1 to 1200"),
        (
            "w-idn",
            "a number of pixels or an expression, but `idn` exists only in `dn`",
        ),
        ("pr-yes", "true or false"),
    ] {
        let error = Transformation::parse(text, Mode::Strict).unwrap_err();
        assert_eq!(error.kind, ParseErrorKind::InvalidValue, "{text}");
        let reason = format!("expected {expected} in `");
        assert!(error.message.starts_with(&reason), "{text}: {}", error.message);
        let ignored = Transformation::parse(text, Mode::Lenient).unwrap().ignored;
        assert!(
            ignored.iter().any(|ignored| ignored.reason.starts_with(&reason)),
            "{text}: {ignored:?}"
        );
    }
}

#[test]
fn refusals_know_a_better_word() {
    let hint = |text: &str| Transformation::parse(text, Mode::Strict).unwrap_err().hint;
    for (text, expected) in [
        ("fo-zebr", "did you mean `zebra`?"),
        (
            "e-changebg-snow",
            "write `e-changebg-prompt-<text>` or `e-changebg-prompte-<base64>`",
        ),
        ("e-shdow", "did you mean `e-shadow` (shadow)?"),
        ("lx-5", "put it between `l-…` and its `l-end`"),
    ] {
        assert_eq!(hint(text).as_deref(), Some(expected), "{text}");
    }
}

/// Valid, and without effect where it stands: reported in both modes, and no part of the meaning.
#[test]
fn what_does_nothing_where_it_stands_is_said() {
    for (text, expected, useless) in [
        ("fo-top", "", vec!["fo-top"]),
        ("w-9,fo-top", "w-9", vec!["fo-top"]),
        ("w-9,ar-1-1,fo-top", "w-9,ar-1-1,fo-top", vec![]),
        ("w-9,h-9,c-force,fo-top", "w-9,h-9,c-force", vec!["fo-top"]),
        (
            "w-9,h-9,cm-pad_resize,fo-auto",
            "w-9,h-9,cm-pad_resize",
            vec!["fo-auto"],
        ),
        ("w-9,cm-extract,fo-top", "w-9,cm-extract,fo-top", vec![]),
        ("w-9,h-9,z-2", "w-9,h-9", vec!["z-2"]),
        ("w-9,h-9,fo-top,z-2", "w-9,h-9,fo-top", vec!["z-2"]),
        ("fo-cat,z-2", "fo-cat,z-2", vec![]),
        ("w-9,h-9,c-at_max,fo-cat,z-2", "w-9,h-9,c-at_max", vec!["fo-cat", "z-2"]),
        ("w-9,h-9,ar-2-1", "w-9,h-9", vec!["ar-2-1"]),
        ("ar-2-1", "", vec!["ar-2-1"]),
        ("dpr-2", "", vec!["dpr-2"]),
        ("c-at_max", "", vec!["c-at_max"]),
        ("w-9,cm-pad_resize", "w-9", vec!["cm-pad_resize"]),
        ("w-9,c-maintain_ratio", "w-9,c-maintain_ratio", vec![]),
        ("w-9,c-at_max", "w-9,c-at_max", vec![]),
        ("w-9,h-9,bg-blurred", "w-9,h-9", vec!["bg-blurred"]),
        (
            "w-9,cm-pad_resize,bg-dominant",
            "w-9",
            vec!["cm-pad_resize", "bg-dominant"],
        ),
        ("w-9,h-9,bg-red", "w-9,h-9,bg-FF0000", vec![]),
        ("w-9,cm-extract,x-1,xc-5", "w-9,cm-extract,x-1", vec!["xc-5"]),
        ("w-100,w-200", "w-200", vec!["w-100"]),
        ("bl-5,bl-9,bl-7", "bl-7", vec!["bl-5", "bl-9"]),
        (
            "w-9,h-9,cm-pad_resize,c-at_max",
            "w-9,h-9,cm-pad_resize",
            vec!["c-at_max"],
        ),
        (
            "n-card,fo-top,z-2,dpr-2,ar-1-1",
            "n-card,ar-1-1,dpr-2,fo-top,z-2",
            vec![],
        ),
        ("if-w_gt_5,fo-top,w-9,if-end", "if-w_gt_5,w-9,if-end", vec!["fo-top"]),
    ] {
        for mode in [Mode::Lenient, Mode::Strict] {
            let read = Transformation::parse(text, mode).unwrap();
            assert_eq!(read.canonical(), expected, "{text}");
            let mut ignored: Vec<String> = read.ignored.into_iter().map(|token| token.text).collect();
            ignored.sort_by_key(|token| text.find(token.as_str()));
            assert_eq!(ignored, useless, "{text}");
        }
    }
}

#[test]
fn pages_are_not_for_conditions() {
    let text = "if-w_gt_5,pg-2,w-9,if-end";
    let error = Transformation::parse(text, Mode::Strict).unwrap_err();
    assert_eq!(error.kind, ParseErrorKind::Misplaced);
    assert_eq!(error.message, "`pg-2` (page) is not available inside conditions");
    assert_eq!(canonical(text, Mode::Lenient).as_deref(), Ok("if-w_gt_5,w-9,if-end"));
}
