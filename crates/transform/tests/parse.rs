//! Text to steps: what is read, what is ignored, what is refused and how the refusal looks.

use insta::assert_snapshot;
use transform::{Mode, ParseErrorKind, Transformation};

/// The canonical form in strict mode, or the rendered error.
fn p(text: &str) -> String {
    match Transformation::parse(text, Mode::Strict) {
        Ok(transformation) => transformation.canonical(),
        Err(error) => error.render(),
    }
}

/// The canonical form in lenient mode and what was ignored, or the kind of the error.
fn lenient(text: &str) -> (String, Vec<String>) {
    match Transformation::parse(text, Mode::Lenient) {
        Ok(transformation) => (
            transformation.canonical(),
            transformation.ignored.into_iter().map(|token| token.text).collect(),
        ),
        Err(error) => (format!("{:?}", error.kind), Vec::new()),
    }
}

#[test]
fn spellings_with_one_meaning_have_one_canonical_form() {
    for (text, canonical) in [
        ("h-200,w-300", "w-300,h-200"),
        ("w-300.00,h-200.0", "w-300,h-200"),
        ("w-609.98", "w-610"),
        ("w-0.40", "w-0.4"),
        (" w-300, h-200 : rt-90 ", "w-300,h-200:rt-90"),
        ("w-300,,h-200,", "w-300,h-200"),
        ("w-300::h-200:", "w-300:h-200"),
        ("w-100,w-200", "w-200"),
        ("w-300%2Ch-200%3Art-90", "w-300,h-200:rt-90"),
        ("ar-4:3,w-300", "w-300,ar-4-3"),
        ("w-300,ar-4:3:rt-90", "w-300,ar-4-3:rt-90"),
        ("ar-4_3", "ar-4-3"),
        ("ar-4:w-3", "ar-4:w-3"),
        ("ar-iar_mul_1.50", "ar-iar_mul_1.5"),
        ("c-pad_resize", "cm-pad_resize"),
        ("cm-at_max", "c-at_max"),
        ("cm-resize", "c-maintain_ratio"),
        ("cm-pad_resize,c-at_max", "cm-pad_resize"),
        ("c-at_max,cm-pad_resize", "cm-pad_resize"),
        ("fo-top-left", "fo-top_left"),
        ("rt-N40", "rt-320"),
        ("rt--40", "rt-320"),
        ("rt-360", "rt-0"),
        ("rt-N720", "rt-0"),
        ("fl-v_h", "fl-h_v"),
        ("cm-extract,x-N5,y-iw_div_2", "cm-extract,x-N5,y-iw_div_2"),
        ("cm-extract,x-N0", "cm-extract,x-0"),
        ("bg-red", "bg-FF0000"),
        ("bg-f00", "bg-FF0000"),
        ("bg-ff000040", "bg-FF000040"),
        ("f-jpeg,q-50.0", "q-50,f-jpg"),
        ("pr-1,lo-0", "lo-false,pr-true"),
        ("orig", "orig-true"),
        ("w-300,orig-true:rt-90", "orig-true"),
        ("di-@@a@@b.png", "di-a%2Fb.png"),
        ("orig,di-a.png", "di-a.png,orig-true"),
        ("di-caf%C3%A9.png", "di-caf%C3%A9.png"),
        ("n-card,w-5", "n-card,w-5"),
        (
            "if-w_gt_800,w-800:rt-90,if-else,h-5,if-end:q-7",
            "if-w_gt_800,w-800:rt-90,if-else,h-5,if-end:q-7",
        ),
        (
            "if-ar_eq_4-2,if-h_lt_9,w-5,if-end,if-end",
            "if-ar_eq_2,if-h_lt_9,w-5,if-end,if-end",
        ),
        ("if-w_gt_800,if-end", "if-w_gt_800,if-end"),
    ] {
        assert_eq!(p(text), canonical, "{text}");
        assert_eq!(p(canonical), canonical, "{text}, read again");
    }
}

#[test]
fn an_encoded_separator_in_a_value_stays_text() {
    assert_eq!(p("w-5,di-a%2Cb.png"), "w-5,di-a%2Cb.png");
    // Alone it would be taken for a separator, so the canonical form keeps a literal one.
    assert_eq!(p("di-a%2Cb.png,"), "di-a%2Cb.png,");
    assert_eq!(p("di-a%2Cb.png,"), p("di-a%2Cb.png,,"));
}

#[test]
fn lenient_leaves_out_what_it_does_not_know() {
    for (text, canonical, ignored) in [
        ("v-2,w-300", "w-300", vec!["v-2"]),
        ("w-,h-5", "h-5", vec!["w-"]),
        ("w-0", "", vec!["w-0"]),
        ("w-70000,h-5", "h-5", vec!["w-70000"]),
        ("w--5", "", vec!["w--5"]),
        ("q-auto,f-auto", "f-auto", vec!["q-auto"]),
        ("w-5,fo-face,fo-auto", "w-5", vec!["fo-face", "fo-auto"]),
        ("w-5:e-grayscale:h-5", "w-5:h-5", vec!["e-grayscale"]),
        (
            "bg-blurred_20_N40,t-true,z-2",
            "",
            vec!["bg-blurred_20_N40", "t-true", "z-2"],
        ),
        ("if-w_above_3,w-5,if-end:h-5", "h-5", vec!["if-w_above_3"]),
        ("bg-FF0000CC", "bg-FF000080", vec![]),
        ("f-mp4,w-9", "w-9", vec!["f-mp4"]),
        ("", "", vec![]),
        (",:,", "", vec![]),
        ("e-edit-prompt-a%2C%20b", "", vec!["e-edit-prompt-a, b"]),
        ("w_300%2Ch-5", "h-5", vec!["w_300"]),
        ("di-..@@secret", "", vec!["di-..@@secret"]),
        ("w-5,h-5,cm-extract,x-1,y-2", "w-5,h-5,cm-extract,x-1,y-2", vec![]),
        ("n-card,x-1", "n-card,x-1", vec![]),
        ("w-5,x-1,yc-2", "w-5", vec!["x-1", "yc-2"]),
    ] {
        let ignored = ignored.into_iter().map(str::to_owned).collect();
        assert_eq!(lenient(text), (canonical.to_owned(), ignored), "{text}");
    }
}

#[test]
fn structure_is_never_forgiven() {
    for (text, kind) in [
        ("w-5,l-end", "Structure"),
        ("if-end", "Structure"),
        ("l-image,i-a.png", "Structure"),
        ("l-image,i-a.png,if-end,l-end", "Structure"),
        ("if-w_gt_5,w-5", "Structure"),
        ("if-w_gt_5,w-5,if-else,w-6,if-else,w-7,if-end", "Structure"),
        ("l-solid,i-a,l-end", "Structure"),
        ("l-image,w-5,l-end", "Structure"),
        ("h-100,if-h_eq_200,w-100,if-end", "Structure"),
        ("h-400:rt-90,if-h_eq_200,w-100,if-end:rt-90", "Structure"),
        ("h-400:if-h_eq_200,w-100,if-end,bl-10:rt-90", "Structure"),
        ("l-image,i-a.png,l-end", "Unavailable"),
        ("l-image,i-a.png,l-text,i-x,l-end,l-end", "Unavailable"),
        ("oi-logo.png,ox-10", "Removed"),
        ("w-710,h-610:oib-5_FFFFFF", "Removed"),
        ("ot-overlays%20made%20easy,ots-45", "Removed"),
    ] {
        assert_eq!(lenient(text).0, kind, "{text}");
        let strict = Transformation::parse(text, Mode::Strict).unwrap_err();
        assert_eq!(format!("{:?}", strict.kind), kind, "{text}");
    }
}

#[test]
fn limits() {
    let kind = |text: &str| {
        Transformation::parse(text, Mode::Lenient)
            .map_err(|error| error.kind)
            .err()
    };
    assert_eq!(kind(&["w-5"; 20].join(":")), None);
    assert_eq!(kind(&["w-5"; 21].join(":")), Some(ParseErrorKind::TooLong));
    assert_eq!(kind(&"x".repeat(8 * 1024)), None);
    assert_eq!(kind(&"x".repeat(8 * 1024 + 1)), Some(ParseErrorKind::TooLong));
    let nested = |depth: usize| format!("{}w-5,{}", "if-w_gt_5,".repeat(depth), "if-end,".repeat(depth));
    assert_eq!(kind(&nested(3)), None);
    assert_eq!(kind(&nested(4)), Some(ParseErrorKind::TooLong));
    let layers = |count: usize| ["l-text,i-x,l-end"; 21][..count].join(",");
    assert_eq!(kind(&layers(20)), Some(ParseErrorKind::Unavailable));
    assert_eq!(kind(&layers(21)), Some(ParseErrorKind::TooLong));
}

#[test]
fn unknown_parameter() {
    assert_snapshot!(p("h-200,w_300"), @r"
    unknown parameter `w_300`
      h-200,w_300
            ^^^^^
    hint: write `w-300`
    ");
}

#[test]
fn habits_from_elsewhere_are_answered() {
    let hint = |text: &str| Transformation::parse(text, Mode::Strict).unwrap_err().hint;
    for (text, expected) in [
        ("w=300", "write `w-300`"),
        ("w300", "write `w-300`"),
        ("width-300", "write `w-300`"),
        ("width=300", "write `w-300`"),
        ("aspectRatio-16-9", "write `ar-16-9`"),
        ("aspect_ratio", "write `ar-<value>`: W-H, a number, or an expression"),
        ("aspect_ratio=16-9", "write `ar-16-9`"),
        ("300x200", "write `w-300,h-200`"),
        ("qualty-5", "did you mean `q` (quality)?"),
        ("dqr-2", "did you mean `dpr` (device pixel ratio)?"),
        ("e-greyscale", "did you mean `e-grayscale` (grayscale)?"),
        ("c-fill", "write `c-maintain_ratio`"),
        (
            "w",
            "write `w-<value>`: pixels, a fraction below 1, auto, or an expression",
        ),
        ("oi-a.png", "write `l-image,i-<path>,l-end`"),
    ] {
        assert_eq!(hint(text).as_deref(), Some(expected), "{text}");
    }
    assert_eq!(hint("somethingquitedifferent-2"), None);
}

#[test]
fn invalid_value() {
    assert_snapshot!(p("w-300%2Cq-500"), @r"
    expected 1 to 100 in `q-500`
      w-300%2Cq-500
              ^^^^^
    ");
    assert_snapshot!(p("h-bw_mul_2"), @r"
    expected a number of pixels or an expression, but `bw` exists only inside layers in `h-bw_mul_2`
      h-bw_mul_2
      ^^^^^^^^^^
    ");
}

#[test]
fn unavailable() {
    assert_snapshot!(p("w-300,h-300,fo-face"), @r"
    face detection is not available in this version in `fo-face`
      w-300,h-300,fo-face
                  ^^^^^^^
    hint: the centre is kept; choose a side with `fo-top` or the like
    ");
    assert_snapshot!(p("w-5:l-text,i-Hi%20there,l-end"), @r"
    layers are not available in this version
      w-5:l-text,i-Hi%20there,l-end
          ^^^^^^
    hint: remove everything from `l-text` to its `l-end`
    ");
}

#[test]
fn unclosed_block() {
    assert_snapshot!(p("w-5:l-image,i-a.png"), @r"
    `l-image` is never closed
      w-5:l-image,i-a.png
          ^^^^^^^
    hint: close it with `l-end`
    ");
}

#[test]
fn condition_in_company() {
    assert_snapshot!(p("h-100,if-h_eq_200,w-100,if-end"), @r"
    an `if` block shares its step with other parameters
      h-100,if-h_eq_200,w-100,if-end
            ^^^^^^^^^^^
    hint: give it a step of its own: put `:` instead of `,` around it
    ");
}

#[test]
fn long_text_is_shown_in_part() {
    let text = format!("{}:é_5:{}", ["w-5"; 17].join(":"), "x".repeat(100));
    assert_snapshot!(p(&text), @r"
    unknown parameter `é_5`
      …w-5:w-5:w-5:w-5:w-5:w-5:w-5:w-5:w-5:w-5:w-5:w-5:w-5:w-5:w-5:é_5:xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…
                                                                   ^^^
    ");
}

#[test]
fn steps_are_printed_for_people() {
    let text = "w-300,h-200,fo-top:if-w_gt_9_and_ar_lt_4-3,q-5,if-else,f-webp,if-end";
    assert_snapshot!(Transformation::parse(text, Mode::Strict).unwrap(), @r"
    Step 1: width 300, height 200, focus top
    Step 2: if w gt 9 and ar lt 1.3333333333333333
      Step 1: quality 5
    otherwise
      Step 1: format webp
    ");
}

/// Strings that somebody sent: each is read, or is one of the refusals that both modes have.
#[test]
fn strings_seen_in_real_use() {
    let (mut read, mut layers, mut broken) = (0, 0, Vec::new());
    for text in include_str!("strings.txt").lines() {
        match Transformation::parse(text, Mode::Lenient) {
            Ok(transformation) => {
                assert!(!text.contains("l-image") && !text.contains("l-text"), "{text}");
                let canonical = transformation.canonical();
                let again = Transformation::parse(&canonical, Mode::Lenient).unwrap();
                assert_eq!(again.ignored, Vec::new(), "{text}");
                assert_eq!(again.canonical(), canonical, "{text}");
                read += 1;
            }
            Err(error) if error.kind == ParseErrorKind::Unavailable => {
                assert!(text.contains("l-"), "{text}");
                assert_eq!(error.message, "layers are not available in this version", "{text}");
                layers += 1;
            }
            Err(error) => broken.push(format!("{text}: {error}")),
        }
    }
    assert_eq!(broken, Vec::<String>::new());
    assert_eq!((read, layers), (327, 76));
}
