//! What must hold for any text, any source and any request.

mod measure;

use proptest::prelude::*;
use transform::{
    Accept, AssetRequest, Context, Format, Hints, LayerSource, Limits, Measure, Mode, Op, Orientation, Output,
    OutputSettings, Plan, PlanError, Rect, RenditionKey, Size, SourceInfo, Transformation, plan, verify,
};

/// Text that is nearly the language, so that the parser is taken further than by noise.
fn nearly() -> impl Strategy<Value = String> {
    let token = prop_oneof![
        6 => "(w|h|x|y|xc|yc)-(N?[0-9]{1,4}|0\\.[0-9]{1,2}|(iw|ih|cw|ch)_(mul|div|add|sub)_[0-9]{1,3}|auto)",
        3 => "(c|cm)-(maintain_ratio|force|at_max|at_max_enlarge|at_least|maintain_ratio_no_enlarge|extract)",
        3 => "(c|cm)-(pad_resize|pad_resize_no_enlarge|pad_extract|pad_extract_no_shrink)",
        2 => "fo-(top|left|bottom|right|top_left|bottom_right|center|auto)",
        2 => "(ar-[1-9][0-9]{0,2}[-:_][1-9][0-9]{0,2}|dpr-[1-5]|dpr-auto)",
        2 => "(rt-N?[0-9]{1,3}|rt-auto|fl-(h|v|h_v))",
        2 => "(f-(auto|jpg|png|webp|avif|gif|orig)|q-[0-9]{1,3}|lo-true|pr-1|orig|di-[a-c@%/]{1,6}|n-[a-z%,]{1,4})",
        1 => "bg-([0-9a-fA-F]{6}|[0-9a-fA-F]{8}|red|transparent)",
        2 => "(b-[0-9]{1,2}[_-](red|0F0F0F)|b-cw_div_9_red|r-(max|[0-9]{1,2}|1_max_0_3)|bl-[0-9]|o-[0-9]{1,3}|t-(true|false|7))",
        2 => "(cr-red(_[0-9]{1,2}(_blue)?)?|e-(grayscale|contrast|sharpen(-[0-9])?|usm(-1-1-1-0\\.1)?|colorize(-in-9)?))",
        2 => "e-(gradient(-ld-top_left|-to-red_sp-ih_div_2)?|shadow(-x-N9)?|dropshadow(-el-9)?|distort-a-N?[1-9]{1,2})",
        1 => "(e-(bgremove|upscale|genvar|edit-prompt-[a-c%,]{1,4})|bg-(blurred_5|dominant|gradient_dominant_4|genfill))",
        1 => "(pg-([1-9]|[1-4]-[5-9]?|1_3)|dn-[1-9]{2}|c2pa-true|z-[0-9]|fo-(face|custom|dog_cat))",
        2 => "l-image,i-[a-c@%]{1,4}(,lx-N?[0-9]|,lfo-top|,lm-(displace|cutter)|,t-false|,w-bw_div_2|,h-5|,n-a|,pg-2|:rt-9|,e-bgremove){0,4},l-end",
        1 => "l-image,i-ik_canvas(,w-bw|,h-[1-9]|,bg-(red|FF0000)|,al-[1-9]|,e-gradient|,lyc-N?5|:w-4|,r-max|,l-text,i-b,l-end){0,4},l-end",
        1 => "l-text,(i-[ a-c%é]{1,5}|ie-[A-Za-z0-9_]{1,7})(,fs-bh_div_9|,co-[0-9A-F]{6}|,al-4|,pa-1_2|,tg-b_i|,w-9|,bg-red|:rt-9|,ff-a.ttf){0,4},l-end",
        1 => "(if-w_gt_[0-9]{1,4}|if-ar_lt_4-3|if-else|if-end|l-text|l-image|i-x|ie-eA|l-end|lx-5)",
        1 => "[ -~é%]{0,8}",
        2 => "l-image,i-(mark|icon|gone|ik_canvas),(t-false,)?((w|h)-[0-9]{1,3},)?(rt-[0-9]{1,3},)?(lx-N?[0-9]{1,3},)?l-end",
        1 => "l-text,i-[a-z]{1,9},fs-[1-9][0-9]?,(r-[0-9]{1,2},)?(pa-bw_div_9,)?(lfo-top,)?l-end",
    ];
    let separator = prop_oneof![5 => Just(","), 2 => Just(":"), 1 => Just("%2C"), 1 => Just(", ")];
    prop::collection::vec((token, separator), 0..10)
        .prop_map(|pieces| pieces.into_iter().map(|(token, separator)| token + separator).collect())
}

fn source() -> impl Strategy<Value = SourceInfo> {
    const FORMATS: [Format; 8] = [
        Format::Jpeg,
        Format::Png,
        Format::Webp,
        Format::Avif,
        Format::Gif,
        Format::Svg,
        Format::Heic,
        Format::Psd,
    ];
    let side = || prop_oneof![1u32..3000, Just(1), Just(65_535)];
    (
        prop::sample::select(&FORMATS[..]),
        side(),
        side(),
        0u16..10,
        any::<bool>(),
        1u32..3,
    )
        .prop_map(|(format, width, height, orientation, has_alpha, frames)| SourceInfo {
            orientation: Orientation::from_exif(orientation),
            has_alpha,
            frames,
            ..SourceInfo::new(format, width, height)
        })
}

fn facts() -> measure::Facts {
    let mark = SourceInfo {
        orientation: Orientation::OnLeftSide,
        has_alpha: true,
        ..SourceInfo::new(Format::Png, 40, 30)
    };
    let icon = SourceInfo::new(Format::Svg, 24, 16);
    measure::Facts {
        edge: 1,
        subject: Some(Rect {
            x: 5,
            y: 900,
            width: 70,
            height: 30,
        }),
        files: [("mark", mark), ("icon", icon)]
            .into_iter()
            .map(|(name, info)| (name.to_owned(), info))
            .collect(),
    }
}

fn planned(transformation: &Transformation, source: &SourceInfo, context: &Context<'_>) -> Result<Plan, PlanError> {
    plan(transformation, source, context, &mut facts())
}

/// Follows the sizes through operations, and through those of layers.
fn check(ops: &[Op], mut size: Size, limits: &Limits) -> Size {
    for op in ops {
        let after = op.size_after(size);
        size = after.unwrap_or_else(|| panic!("{op} cannot be done to {size}"));
        assert!(size.pixels() <= limits.result_pixels, "{op} makes {size}");
        let Op::Layer(layer) = op else { continue };
        let drawn = match &layer.source {
            LayerSource::Canvas { size, .. } => *size,
            LayerSource::Text(text) => facts().text(text).unwrap(),
            LayerSource::Picture { input, .. } => Size {
                width: facts().files[input].width,
                height: facts().files[input].height,
            },
        };
        assert_eq!(check(&layer.ops, drawn, limits), layer.size, "{layer}");
        let overlaps = |at: i32, length: u32, whole: u32| {
            i64::from(at) < i64::from(whole) && i64::from(at) + i64::from(length) > 0
        };
        assert!(
            overlaps(layer.x, layer.size.width, size.width) && overlaps(layer.y, layer.size.height, size.height),
            "{layer} is not on {size}"
        );
    }
    size
}

fn context(avif: bool, webp: bool, width: Option<f64>, limits: &Limits) -> Context<'_> {
    Context {
        accept: Accept { avif, webp },
        hints: Hints {
            width,
            dpr: Some(2.0),
            save_data: false,
        },
        settings: OutputSettings {
            avif: true,
            ..OutputSettings::default()
        },
        limits,
        still: false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_panics(text in any::<String>()) {
        for mode in [Mode::Lenient, Mode::Strict] {
            if let Err(error) = Transformation::parse(&text, mode) {
                error.render();
            }
        }
    }

    #[test]
    fn no_target_panics(target in "/acct/?[ -~é]{0,40}(\\?[ -~]{0,40})?") {
        if let Ok(request) = AssetRequest::parse(&target, "/acct") {
            prop_assert!(!request.asset_path.split('/').any(|segment| matches!(segment, "." | "..")));
            let _ = request.transformation(Mode::Lenient);
        }
        verify("key", &target, "/acct", 0);
    }

    #[test]
    fn errors_point_into_the_text(text in nearly()) {
        if let Err(error) = Transformation::parse(&text, Mode::Strict) {
            prop_assert!(error.text.get(error.span.clone()).is_some());
            error.render();
        }
        if let Ok(transformation) = Transformation::parse(&text, Mode::Lenient) {
            for ignored in &transformation.ignored {
                prop_assert!(text.get(ignored.span.clone()).is_some());
            }
        }
    }

    #[test]
    fn canonical_text_means_itself(text in nearly()) {
        if let Ok(transformation) = Transformation::parse(&text, Mode::Lenient) {
            let canonical = transformation.canonical();
            let again = Transformation::parse(&canonical, Mode::Lenient).unwrap();
            prop_assert_eq!(again.canonical(), canonical);
            prop_assert!(again.ignored.is_empty());
        }
    }

    /// Stages are texts of the language, and no model is left in them.
    #[test]
    fn stages_are_transformations(text in nearly()) {
        let Ok(transformation) = Transformation::parse(&text, Mode::Lenient) else { return Ok(()) };
        let stored = |name: &str| Some(format!("w-9:fo-{name},rt-9,cm-pad_extract"));
        let Ok(transformation) = transformation.expand(stored) else { return Ok(()) };
        let Ok(settled) = transformation.settle((900, 600), |_| Ok::<_, ()>((300, 200))) else { return Ok(()) };
        let split = settled.stages();
        prop_assert!(split.stages.is_empty() || settled.needs_model());
        for part in split.stages.iter().map(|stage| &stage.before).chain([&split.last]) {
            prop_assert!(!part.needs_model());
            let canonical = part.canonical();
            prop_assert_eq!(Transformation::parse(&canonical, Mode::Lenient).unwrap().canonical(), canonical);
        }
        let names: Vec<String> = transformation.inputs().into_iter().map(|input| input.name).collect();
        prop_assert!(names.iter().all(|name| !name.is_empty()));
    }

    #[test]
    fn equal_canonical_texts_are_equal_plans_and_keys(text in nearly(), source in source(), avif: bool, webp: bool) {
        let limits = Limits::default();
        let context = context(avif, webp, Some(640.0), &limits);
        if let Ok(transformation) = Transformation::parse(&text, Mode::Lenient) {
            let again = Transformation::parse(&transformation.canonical(), Mode::Lenient).unwrap();
            prop_assert_eq!(
                RenditionKey::new("a", &transformation, &context, &[]),
                RenditionKey::new("a", &again, &context, &[])
            );
            prop_assert_eq!(planned(&transformation, &source, &context), planned(&again, &source, &context));
        }
    }

    /// A key leaves out what cannot matter, and nothing else: equal keys are equal plans.
    #[test]
    fn equal_keys_are_equal_plans(text in nearly(), source in source(), left: [bool; 2], right: [bool; 2], wide: bool) {
        let limits = Limits::default();
        let one = context(left[0], left[1], Some(640.0), &limits);
        let other = context(right[0], right[1], Some(if wide { 1280.0 } else { 650.0 }), &limits);
        if let Ok(transformation) = Transformation::parse(&text, Mode::Lenient)
            && RenditionKey::new("a", &transformation, &one, &[]) == RenditionKey::new("a", &transformation, &other, &[])
        {
            prop_assert_eq!(planned(&transformation, &source, &one), planned(&transformation, &source, &other));
        }
    }

    #[test]
    fn plans_hold_together(text in nearly(), source in source(), webp: bool) {
        let limits = Limits::default();
        let Ok(transformation) = Transformation::parse(&text, Mode::Lenient) else { return Ok(()) };
        let Ok(plan) = planned(&transformation, &source, &context(false, webp, None, &limits)) else { return Ok(()) };
        let size = check(&plan.ops, Size { width: source.width, height: source.height }, &limits);
        match plan.output {
            Output::Original => prop_assert!(plan.ops.is_empty()),
            Output::Encoded(encoding) => {
                prop_assert_eq!(plan.size, size);
                prop_assert!(encoding.format.can_be_written());
                prop_assert!(!plan.animated || source.frames > 1);
            }
        }
    }
}
