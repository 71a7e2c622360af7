//! Any text: parsing ends, the canonical form parses to itself, and a plan that comes out of it can be carried out.
#![no_main]

use libfuzzer_sys::fuzz_target;
use transform::{
    Accept, AssetRequest, Context, Format, Hints, Limits, Mode, Orientation, Output, OutputSettings, Plan, Size,
    SourceInfo, Transformation, Unmeasured, plan,
};

const SOURCE: SourceInfo = SourceInfo {
    orientation: Orientation::OnLeftSide,
    has_alpha: true,
    ..SourceInfo::new(Format::Png, 1200, 800)
};

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(strict) = Transformation::parse(text, Mode::Strict) {
        let lenient = Transformation::parse(text, Mode::Lenient).expect("lenient refuses no more than strict does");
        assert_eq!(strict.steps, lenient.steps);
        // What has no effect is valid, and reported, in both modes.
        assert_eq!(strict.ignored, lenient.ignored);
    }
    match Transformation::parse(text, Mode::Lenient) {
        Ok(transformation) => check(&transformation),
        // Points into the text, and can be shown.
        Err(error) => assert!(text.get(error.span.clone()).is_some() && !error.render().is_empty()),
    }
    let target = format!("/demo/{text}");
    if let Ok(request) = AssetRequest::parse(&target, "/demo") {
        assert!(
            !request
                .asset_path
                .split('/')
                .any(|segment| segment == "." || segment == ".."),
            "{request:?}"
        );
        assert!(
            !request.asset_path.starts_with('/') && !request.asset_path.ends_with('/'),
            "{request:?}"
        );
        let _ = request.transformation(Mode::Lenient);
    }
});

fn check(transformation: &Transformation) {
    let canonical = transformation.canonical();
    // Nothing at all is canonical as well, though strictly it is not a transformation.
    let mode = if canonical.is_empty() {
        Mode::Lenient
    } else {
        Mode::Strict
    };
    let again = Transformation::parse(&canonical, mode).expect("the canonical form is strictly right");
    assert_eq!(again.canonical(), canonical);
    let limits = Limits::default();
    let context = Context {
        accept: Accept { avif: true, webp: true },
        hints: Hints {
            width: Some(212.0),
            dpr: Some(2.0),
            save_data: false,
        },
        settings: OutputSettings::default(),
        limits: &limits,
        still: false,
    };
    let planned = plan(transformation, &SOURCE, &context, &mut Unmeasured);
    assert_eq!(
        planned,
        plan(&again, &SOURCE, &context, &mut Unmeasured),
        "`{canonical}` is planned like its source"
    );
    if let Ok(plan) = planned {
        check_sizes(&plan, &limits);
    }
}

/// Follows the sizes through the operations.
fn check_sizes(plan: &Plan, limits: &Limits) {
    if plan.output == Output::Original {
        assert!(plan.ops.is_empty());
        return;
    }
    let mut size = Size {
        width: SOURCE.width,
        height: SOURCE.height,
    };
    for op in &plan.ops {
        size = op.size_after(size).expect("an operation that can be done");
        assert!(size.pixels() <= limits.result_pixels, "{op:?} makes {size:?}");
    }
    assert_eq!(size, plan.size);
}
