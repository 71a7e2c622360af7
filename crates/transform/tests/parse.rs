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
        ("w-9,ar-4_3", "w-9,ar-4-3"),
        ("w-9,ar-4:w-3", "w-9,ar-4:w-3"),
        ("w-9,ar-iar_mul_1.50", "w-9,ar-iar_mul_1.5"),
        ("w-9,h-9,c-pad_resize", "w-9,h-9,cm-pad_resize"),
        ("w-9,h-9,cm-at_max", "w-9,h-9,c-at_max"),
        ("w-9,h-9,cm-resize", "w-9,h-9,c-maintain_ratio"),
        ("w-9,h-9,cm-pad_resize,c-at_max", "w-9,h-9,cm-pad_resize"),
        ("w-9,h-9,c-at_max,cm-pad_resize", "w-9,h-9,cm-pad_resize"),
        ("w-9,h-9,fo-top-left", "w-9,h-9,fo-top_left"),
        ("rt-N40", "rt-320"),
        ("rt--40", "rt-320"),
        ("rt-360", "rt-0"),
        ("rt-N720", "rt-0"),
        ("fl-v_h", "fl-h_v"),
        ("w-9,cm-extract,x-N5,y-iw_div_2", "w-9,cm-extract,x-N5,y-iw_div_2"),
        ("w-9,cm-extract,x-N0", "w-9,cm-extract,x-0"),
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
        ("w-5:e-grayscale-false:h-5", "w-5:h-5", vec!["e-grayscale-false"]),
        ("bg-blurred_20_N40,t-true,z-2", "t-10", vec!["bg-blurred_20_N40", "z-2"]),
        ("if-w_above_3,w-5,if-end:h-5", "h-5", vec!["if-w_above_3"]),
        ("bg-FF0000CC", "bg-FF000080", vec![]),
        ("f-mp4,w-9", "w-9", vec!["f-mp4"]),
        ("", "", vec![]),
        (",:,", "", vec![]),
        ("e-edit-prompt-a%2C%20b", "e-edit-prompt-a%2C%20b,", vec![]),
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
        ("l-video,i-a.mp4,l-end", "Unavailable"),
        ("l-subtitles,i-a.srt,l-end", "Unavailable"),
        ("l-subtitle,w-5,l-end", "Structure"),
        ("l-text,i-,l-end", "Structure"),
        ("l-text,ie-%3F%3F,l-end", "Structure"),
        ("l-image,i-a.png,l-text,w-5,l-end,l-end", "Structure"),
        ("l-image,i-..@@secret,l-end", "Structure"),
        ("l-image,i-a.png,if-w_gt_5,w-5,if-end,l-end", "Structure"),
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
    assert_eq!(kind(&layers(20)), None);
    assert_eq!(kind(&layers(21)), Some(ParseErrorKind::TooLong));
    let nested = |depth: usize| format!("{}{}", "l-image,i-a,".repeat(depth), "l-end,".repeat(depth));
    assert_eq!(kind(&nested(3)), None);
    assert_eq!(kind(&nested(4)), Some(ParseErrorKind::TooLong));
    let layer = |steps: usize| format!("l-image,i-a:{},l-end", ["bl-5"; 21][..steps].join(":"));
    assert_eq!(kind(&layer(19)), None);
    assert_eq!(kind(&layer(20)), Some(ParseErrorKind::TooLong));
    let effects = |count: usize| ["e-sharpen"; 41][..count].join(",");
    assert_eq!(kind(&effects(40)), None);
    assert_eq!(kind(&effects(41)), Some(ParseErrorKind::TooLong));
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
    assert_snapshot!(p("w-300,so-5"), @r"
    so (start offset) is not available in this version: only images are transformed
      w-300,so-5
            ^^^^
    ");
    assert_snapshot!(p("w-5:l-video,i-a.mp4,l-end"), @r"
    `l-video` needs a video below it, and only images are transformed
      w-5:l-video,i-a.mp4,l-end
          ^^^^^^^
    hint: remove everything from `l-video` to its `l-end`
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

/// Strings that somebody sent: each is read, or needs a video.
#[test]
fn strings_seen_in_real_use() {
    let (mut read, mut videos, mut unread) = (0, 0, Vec::new());
    for text in include_str!("strings.txt").lines() {
        let transformation = match Transformation::parse(text, Mode::Lenient) {
            Ok(transformation) => transformation,
            Err(error) => {
                assert_eq!(error.kind, ParseErrorKind::Unavailable, "{text}: {error}");
                assert!(
                    text.contains("l-video") || text.contains("l-subtitles"),
                    "{text}: {error}"
                );
                videos += 1;
                continue;
            }
        };
        let canonical = transformation.canonical();
        let mode = if canonical.is_empty() {
            Mode::Lenient
        } else {
            Mode::Strict
        };
        let again = Transformation::parse(&canonical, mode).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(again.ignored, Vec::new(), "{text}");
        assert_eq!(again.canonical(), canonical, "{text}");
        read += 1;
        for ignored in transformation.ignored {
            // Valid, but without effect where it stands; or of videos.
            let useless = [
                "has an effect only",
                "of the same",
                "coordinates of the same layer",
                "only images are transformed",
            ];
            if !useless.iter().any(|reason| ignored.reason.contains(reason)) {
                unread.push(format!("{}: {}", ignored.text, ignored.reason));
            }
        }
    }
    assert_eq!((read, videos), (396, 7));
    unread.sort();
    unread.dedup();
    assert_snapshot!(unread.join("\n"), @r"
    f-mp4: the format mp4 is not available in this version in `f-mp4`
    f-webm: the format webm is not available in this version in `f-webm`
    q-auto: automatic quality is not available in this version in `q-auto`
    ql-50: unknown parameter `ql-50` (did you mean `bl` (blur)?)
    rndm_trnsf-abcd: unknown parameter `rndm_trnsf-abcd`
    something-new: unknown parameter `something-new`
    ");
}
