//! Steps to plans, on the photograph of the language's description: 1200x800.

#[path = "plan/effects.rs"]
mod effects;
#[path = "plan/focus.rs"]
mod focus;
#[path = "plan/layers.rs"]
mod layers;
mod measure;
#[path = "plan/output.rs"]
mod output;

use insta::assert_snapshot;
use transform::{
    Accept, Context, Format, Hints, Limits, Mode, Orientation, Output, OutputSettings, Plan, PlanError, SourceInfo,
    Transformation, content_dpr, plan,
};

const PHOTO: SourceInfo = SourceInfo::new(Format::Jpeg, 1200, 800);
const LOGO: SourceInfo = SourceInfo {
    format: Format::Png,
    has_alpha: true,
    ..PHOTO
};
const PORTRAIT: SourceInfo = SourceInfo {
    width: 640,
    height: 865,
    ..PHOTO
};

#[derive(Clone, Copy, Default)]
struct Client {
    accept: Accept,
    hints: Hints,
    settings: OutputSettings,
}

impl Client {
    fn accepting(avif: bool, webp: bool) -> Self {
        Self {
            accept: Accept { avif, webp },
            ..Self::default()
        }
    }

    fn plan(&self, text: &str, source: &SourceInfo) -> Result<Plan, PlanError> {
        let limits = Limits::default();
        let context = Context {
            accept: self.accept,
            hints: self.hints,
            settings: self.settings,
            limits: &limits,
            still: false,
        };
        // Nothing at all is not a transformation in strict mode.
        let transformation = match text {
            "" => Transformation::default(),
            text => Transformation::parse(text, Mode::Strict).unwrap(),
        };
        plan(&transformation, source, &context, &mut measure::Facts::default())
    }

    fn show(&self, text: &str, source: &SourceInfo) -> String {
        match self.plan(text, source) {
            Ok(plan) => plan.to_string(),
            Err(error) => format!("{error}\nhint: {}", error.hint().unwrap_or_default()),
        }
    }

    /// The last line: size and format.
    fn output(&self, text: &str, source: &SourceInfo) -> String {
        self.show(text, source).lines().last().unwrap_or_default().to_owned()
    }
}

fn show(text: &str, source: &SourceInfo) -> String {
    Client::default().show(text, source)
}

fn size(text: &str, source: &SourceInfo) -> String {
    match Client::default().plan(text, source) {
        Ok(plan) => plan.size.to_string(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn sizes() {
    for (text, expected) in [
        ("w-220", "220x147"),
        ("h-0.25", "300x200"),
        ("w-0.4", "480x320"),
        ("w-0.5:w-0.5", "300x200"),
        ("w-iw_mul_0.6,h-ih_sub_120", "720x680"),
        ("w-iw_div_5000", "1x1"),
        ("w-iw_mul_100", "1200x800"),
        ("w-480,ar-16-9", "480x270"),
        ("h-300,ar-1-1", "300x300"),
        ("w-400,ar-iar_mul_2", "400x133"),
        ("w-200,h-200,ar-4-3", "200x200"),
        ("ar-4-3", "1200x800"),
        ("w-150,h-100,dpr-2", "300x200"),
        ("w-150,dpr-3", "450x300"),
        ("dpr-3", "1200x800"),
        ("w-3000,dpr-2", "3000x2000"),
        ("w-2,h-1,dpr-0.1", "2x1"),
        ("w-100,ar-1-1,dpr-2", "200x200"),
        ("w-auto,dpr-auto", "1200x800"),
        ("w-400,h-300:rt-90", "300x400"),
        ("rt-90:w-400,h-300", "400x300"),
        ("w-300,h-300", "300x300"),
        ("w-300,h-300,c-at_max", "300x200"),
        ("w-300,h-300,c-at_least", "450x300"),
        ("w-2400,h-2400,c-at_max", "1200x800"),
        ("w-2400,c-at_max", "1200x800"),
        ("w-2400", "2400x1600"),
        ("w-2400,h-2400,c-at_max_enlarge", "2400x1600"),
        ("w-2400,h-2400,c-force", "2400x2400"),
        ("w-2400,h-2400,c-maintain_ratio_no_enlarge", "800x800"),
        ("w-600,h-300,c-maintain_ratio_no_enlarge", "600x300"),
        ("w-300,h-300,cm-pad_resize", "300x300"),
        ("w-2000,h-900,cm-pad_resize_no_enlarge", "2000x900"),
        ("w-250,h-250,cm-extract", "250x250"),
        ("w-250,cm-extract", "250x800"),
        ("w-5000,h-250,cm-extract", "1200x250"),
        ("w-1300,h-900,cm-pad_extract", "1300x900"),
        ("w-1300,h-100,cm-pad_extract_no_shrink", "1300x800"),
        ("w-iw_sub_5000", "`w-iw_sub_5000` is -3800 here, which is not a size"),
        ("w-iw_div_0", "`w-iw_div_0` cannot be computed: it divides by zero"),
        (
            "w-20000,h-20000",
            "the result would be 20000x20000, more than the limit of 100000000 pixels or 65535 on a side",
        ),
    ] {
        assert_eq!(size(text, &PHOTO), expected, "{text}");
    }
    for (text, expected) in [
        ("w-300,h-200,c-at_max", "148x200"),
        ("w-300,h-200,c-at_least", "300x405"),
        ("w-850,h-1000,c-at_max_enlarge", "740x1000"),
    ] {
        assert_eq!(size(text, &PORTRAIT), expected, "{text}");
    }
}

#[test]
fn plans() {
    let texts = [
        "w-300,h-300",
        "w-300,h-300,fo-left",
        "w-300,h-300,fo-bottom_right",
        "w-250,h-250,cm-extract,x-40,y-60",
        "w-250,h-250,cm-extract,x-1100",
        "w-240,h-160,cm-extract,xc-600,yc-400",
        "w-240,h-160,cm-extract,xc-100",
        "w-240,h-160,cm-extract,xc-100,x-7",
        "w-iw_div_4,h-ih_div_4,cm-extract,x-iw_mul_0.1,y-ih_mul_0.1",
        "w-300,h-300,cm-pad_resize,bg-F6F6F6",
        "w-300,h-301,cm-pad_resize",
        "w-300,h-300,cm-pad_resize,fo-top,bg-white",
        "w-1300,h-900,cm-pad_extract,bg-1E1E2E",
        "w-1300,h-500,cm-pad_extract,bg-1E1E2E40",
        "w-500,h-500,cm-pad_extract",
        "w-300,rt-90,fl-h",
        "rt-N15,bg-white",
        "rt-15",
        "w-400,h-300:w-200,c-at_max",
        "w-100:w-400",
        "w-900,h-700,cm-extract:w-300,h-300,cm-extract",
        "w-1200,h-800",
        "if-w_gt_800,w-800,if-else,rt-90,if-end:q-50,f-webp",
        "f-jpg,pr-true,cp-true,md-true",
        "orig",
        "w-300,f-gif",
    ];
    let all: Vec<_> = texts
        .iter()
        .map(|text| format!("# {text}\n{}\n", show(text, &PHOTO)))
        .collect();
    assert_snapshot!(all.join("\n"), @r"
    # w-300,h-300
    crop 800x800 at 200,0
    resize to 300x300
    encode 300x300 as jpg quality 80

    # w-300,h-300,fo-left
    crop 800x800 at 0,0
    resize to 300x300
    encode 300x300 as jpg quality 80

    # w-300,h-300,fo-bottom_right
    crop 800x800 at 400,0
    resize to 300x300
    encode 300x300 as jpg quality 80

    # w-250,h-250,cm-extract,x-40,y-60
    crop 250x250 at 40,60
    encode 250x250 as jpg quality 80

    # w-250,h-250,cm-extract,x-1100
    crop 250x250 at 950,0
    encode 250x250 as jpg quality 80

    # w-240,h-160,cm-extract,xc-600,yc-400
    crop 240x160 at 480,320
    encode 240x160 as jpg quality 80

    # w-240,h-160,cm-extract,xc-100
    the window of 240x160 around the centre leaves the picture of 1200x800
    hint: use `x` and `y`, which are moved back inside, or a smaller `w` and `h`

    # w-240,h-160,cm-extract,xc-100,x-7
    crop 240x160 at 7,0
    encode 240x160 as jpg quality 80

    # w-iw_div_4,h-ih_div_4,cm-extract,x-iw_mul_0.1,y-ih_mul_0.1
    crop 300x200 at 120,80
    encode 300x200 as jpg quality 80

    # w-300,h-300,cm-pad_resize,bg-F6F6F6
    resize to 300x200
    pad to 300x300 at 0,50 on F6F6F6
    encode 300x300 as jpg quality 80

    # w-300,h-301,cm-pad_resize
    resize to 300x200
    pad to 300x301 at 0,50 on 000000
    encode 300x301 as jpg quality 80

    # w-300,h-300,cm-pad_resize,fo-top,bg-white
    resize to 300x200
    pad to 300x300 at 0,0 on FFFFFF
    encode 300x300 as jpg quality 80

    # w-1300,h-900,cm-pad_extract,bg-1E1E2E
    pad to 1300x900 at 50,50 on 1E1E2E
    encode 1300x900 as jpg quality 80

    # w-1300,h-500,cm-pad_extract,bg-1E1E2E40
    pad to 1300x500 at 50,-150 on nothing
    flatten on 1E1E2E40
    encode 1300x500 as png

    # w-500,h-500,cm-pad_extract
    crop 500x500 at 350,150
    encode 500x500 as jpg quality 80

    # w-300,rt-90,fl-h
    resize to 300x200
    rotate by 90 to 200x300 on 000000
    flip left to right
    encode 200x300 as jpg quality 80

    # rt-N15,bg-white
    rotate by 345 to 1367x1084 on FFFFFF
    encode 1367x1084 as jpg quality 80

    # rt-15
    rotate by 15 to 1367x1084 on nothing
    encode 1367x1084 as png

    # w-400,h-300:w-200,c-at_max
    crop 1067x800 at 66,0
    resize to 200x150
    encode 200x150 as jpg quality 80

    # w-100:w-400
    resize to 100x67
    resize to 400x268
    encode 400x268 as jpg quality 80

    # w-900,h-700,cm-extract:w-300,h-300,cm-extract
    crop 300x300 at 450,250
    encode 300x300 as jpg quality 80

    # w-1200,h-800
    encode 1200x800 as jpg quality 80, original if smaller

    # if-w_gt_800,w-800,if-else,rt-90,if-end:q-50,f-webp
    resize to 800x533
    encode 800x533 as webp quality 50

    # f-jpg,pr-true,cp-true,md-true
    encode 1200x800 as jpg quality 80, progressive, with profile, with metadata

    # orig
    original 1200x800

    # w-300,f-gif
    resize to 300x200
    encode 300x200 as jpg quality 80
    ");
}

#[test]
fn transparency() {
    let texts = [
        "w-300,h-300,cm-pad_resize",
        "w-300,h-300,cm-pad_resize,bg-red",
        "bg-FFEFD5",
        "bg-FFEFD550",
        "bg-red,f-jpg",
        "f-jpg",
        "w-300,h-300,cm-pad_resize,f-jpg",
        "rt-45",
        "rt-45,f-jpg",
        "lo-true",
    ];
    let all: Vec<_> = texts
        .iter()
        .map(|text| format!("# {text}\n{}\n", show(text, &LOGO)))
        .collect();
    assert_snapshot!(all.join("\n"), @r"
    # w-300,h-300,cm-pad_resize
    resize to 300x200
    pad to 300x300 at 0,50 on nothing
    encode 300x300 as png

    # w-300,h-300,cm-pad_resize,bg-red
    resize to 300x200
    pad to 300x300 at 0,50 on FF0000
    flatten on FF0000
    encode 300x300 as png

    # bg-FFEFD5
    flatten on FFEFD5
    encode 1200x800 as png

    # bg-FFEFD550
    flatten on FFEFD550
    encode 1200x800 as png

    # bg-red,f-jpg
    flatten on FF0000
    encode 1200x800 as jpg quality 80

    # f-jpg
    flatten on FFFFFF
    encode 1200x800 as jpg quality 80, original if smaller

    # w-300,h-300,cm-pad_resize,f-jpg
    resize to 300x200
    pad to 300x300 at 0,50 on 000000
    flatten on FFFFFF
    encode 300x300 as jpg quality 80

    # rt-45
    rotate by 45 to 1415x1415 on nothing
    encode 1415x1415 as png

    # rt-45,f-jpg
    rotate by 45 to 1415x1415 on 000000
    flatten on FFFFFF
    encode 1415x1415 as jpg quality 80

    # lo-true
    encode 1200x800 as png lossless
    ");
}

#[test]
fn the_client_and_the_source_decide_the_format() {
    let gif = SourceInfo {
        format: Format::Gif,
        ..PHOTO
    };
    let moving = SourceInfo { frames: 7, ..gif };
    let moving_webp = SourceInfo {
        format: Format::Webp,
        ..moving
    };
    let apng = SourceInfo {
        format: Format::Png,
        ..moving
    };
    let heic = SourceInfo {
        format: Format::Heic,
        ..PHOTO
    };
    let webp = SourceInfo {
        format: Format::Webp,
        ..PHOTO
    };
    let clear_webp = SourceInfo {
        has_alpha: true,
        ..webp
    };
    let (plain, modern) = (Client::default(), Client::accepting(true, true));
    let avif = Client {
        settings: OutputSettings {
            avif: true,
            ..OutputSettings::default()
        },
        ..modern
    };
    let off = Client {
        settings: OutputSettings {
            auto_format: false,
            ..OutputSettings::default()
        },
        ..modern
    };
    let format = |client: &Client, text: &str, source: &SourceInfo| match client.plan(text, source) {
        Ok(plan) => match plan.output {
            Output::Original => "original".to_owned(),
            Output::Encoded(encoding) if plan.animated => format!("moving {}", encoding.format.extension()),
            Output::Encoded(encoding) => encoding.format.extension().to_owned(),
        },
        Err(error) => error.to_string(),
    };
    for (client, text, source, expected) in [
        (&plain, "w-5", &PHOTO, "jpg"),
        (&plain, "w-5", &LOGO, "png"),
        (&plain, "w-5", &webp, "jpg"),
        (&plain, "w-5", &clear_webp, "png"),
        (&plain, "w-5,bg-red", &clear_webp, "jpg"),
        (&plain, "w-5", &gif, "jpg"),
        (&plain, "", &gif, "original"),
        (&modern, "", &gif, "webp"),
        (&modern, "", &moving, "moving webp"),
        (&plain, "", &moving, "original"),
        (&modern, "f-auto,q-5", &moving, "moving webp"),
        (&plain, "q-5", &moving, "original"),
        (&modern, "w-5", &moving, "moving webp"),
        (&plain, "w-5", &moving, "moving gif"),
        (&plain, "w-5,f-webp", &moving, "moving webp"),
        (&plain, "w-5,f-jpg", &moving, "jpg"),
        (&avif, "w-5", &moving, "moving webp"),
        (&plain, "w-5,f-avif", &moving, "avif"),
        (&plain, "w-5,pg-2", &moving, "jpg"),
        (&off, "w-5", &moving, "moving gif"),
        (&modern, "", &moving_webp, "original"),
        (&modern, "q-5", &moving_webp, "moving webp"),
        (&plain, "w-5", &moving_webp, "moving gif"),
        (&off, "w-5", &moving_webp, "moving webp"),
        (&plain, "w-5", &apng, "moving png"),
        (&modern, "w-5", &apng, "moving webp"),
        (&plain, "w-5,f-orig", &apng, "moving png"),
        (&plain, "w-5,f-png", &apng, "png"),
        (&modern, "w-17000,h-10", &moving, "moving gif"),
        (&modern, "f-png", &moving, "png"),
        (&modern, "f-gif", &moving, "original"),
        (&modern, "f-gif,w-5", &moving, "moving gif"),
        (&modern, "f-gif,w-5", &gif, "gif"),
        (&modern, "f-gif,w-5", &PHOTO, "webp"),
        (&modern, "w-5", &PHOTO, "webp"),
        (&avif, "w-5", &PHOTO, "avif"),
        (&avif, "w-5,cp-true", &PHOTO, "webp"),
        (&avif, "w-5,lo-true", &PHOTO, "webp"),
        (&avif, "w-5,f-jpg", &PHOTO, "jpg"),
        (&avif, "w-5,f-orig", &PHOTO, "jpg"),
        (&avif, "w-5,f-orig", &gif, "gif"),
        (&avif, "w-5,f-orig", &heic, "webp"),
        (&avif, "w-5", &heic, "webp"),
        (&plain, "w-5", &heic, "jpg"),
        (&plain, "w-5,f-avif", &heic, "avif"),
        (&avif, "w-5,e-usm", &PHOTO, "webp"),
        (&modern, "w-5,f-svg", &PHOTO, "webp"),
        (&plain, "lo-true,w-5", &PHOTO, "jpg"),
        (&modern, "lo-true,w-5", &PHOTO, "webp"),
        (&plain, "w-5,f-avif", &PHOTO, "avif"),
        (&off, "w-5", &PHOTO, "jpg"),
        (&off, "w-5", &webp, "webp"),
        (&off, "w-5,f-auto", &PHOTO, "webp"),
        (&modern, "w-17000,h-10", &PHOTO, "jpg"),
        (
            &modern,
            "w-17000,h-10,f-webp",
            &PHOTO,
            "WebP holds at most 16383 pixels on a side, and the result is 17000x10",
        ),
        (&modern, "orig-true,w-5", &PHOTO, "original"),
    ] {
        assert_eq!(format(client, text, source), expected, "{text} of {source:?}");
    }
}

#[test]
fn quality_and_saving_data() {
    let saving = Client {
        hints: Hints {
            save_data: true,
            ..Hints::default()
        },
        settings: OutputSettings {
            save_data: true,
            ..OutputSettings::default()
        },
        ..Client::default()
    };
    let asking = Client {
        settings: OutputSettings::default(),
        ..saving
    };
    assert_eq!(Client::default().output("w-6", &PHOTO), "encode 6x4 as jpg quality 80");
    assert_eq!(saving.output("w-6", &PHOTO), "encode 6x4 as jpg quality 60");
    assert_eq!(asking.output("w-6", &PHOTO), "encode 6x4 as jpg quality 80");
    assert_eq!(saving.output("w-6,q-90", &PHOTO), "encode 6x4 as jpg quality 90");
    assert_eq!(saving.output("w-6,q-90:q-20", &PHOTO), "encode 6x4 as jpg quality 20");
}

#[test]
fn untouched_pictures_stay_as_they_are_if_that_is_smaller() {
    for (text, expected) in [
        ("", "encode 1200x800 as jpg quality 80, original if smaller"),
        ("f-auto", "encode 1200x800 as jpg quality 80, original if smaller"),
        (
            "w-5000,c-at_max",
            "encode 1200x800 as jpg quality 80, original if smaller",
        ),
        ("q-90", "encode 1200x800 as jpg quality 90"),
        ("fl-h", "encode 1200x800 as jpg quality 80"),
    ] {
        assert_eq!(Client::accepting(true, false).output(text, &PHOTO), expected, "{text}");
    }
}

#[test]
fn hints() {
    let client = |width: f64, dpr: f64| Client {
        hints: Hints {
            width: Some(width),
            dpr: Some(dpr),
            save_data: false,
        },
        ..Client::default()
    };
    for (width, dpr, text, size, content) in [
        (212.0, 2.0, "w-auto", "300x200", Some("2.83")),
        (600.0, 2.0, "w-auto", "600x400", None),
        (212.0, 2.0, "w-auto,dpr-auto", "300x200", Some("2.83")),
        (212.0, 2.0, "w-100,dpr-auto", "200x133", None),
        (f64::NAN, f64::INFINITY, "w-auto,dpr-auto", "1200x800", None),
        (-5.0, -1.0, "w-auto,h-80,dpr-auto", "120x80", None),
    ] {
        let client = client(width, dpr);
        let plan = client.plan(text, &PHOTO).unwrap();
        assert_eq!(plan.size.to_string(), size, "{text}");
        let transformation = Transformation::parse(text, Mode::Strict).unwrap();
        let found = content_dpr(&transformation, &plan, &client.hints).map(|dpr| format!("{dpr:.2}"));
        assert_eq!(found.as_deref(), content, "{text}");
    }
}

#[test]
fn orientation_comes_first() {
    let lying = SourceInfo {
        orientation: Orientation::OnLeftSide,
        ..PHOTO
    };
    assert_snapshot!(show("w-100,h-300,cm-extract,x-700", &lying), @r"
    orient from 6
    crop 100x300 at 700,0
    encode 100x300 as jpg quality 80
    ");
    let off = Client {
        settings: OutputSettings {
            auto_orient: false,
            ..OutputSettings::default()
        },
        ..Client::default()
    };
    assert_snapshot!(off.show("w-600", &lying), @r"
    resize to 600x400
    encode 600x400 as jpg quality 80
    ");
    assert_snapshot!(off.show("w-600:rt-auto", &lying), @r"
    orient from 6
    resize to 600x900
    encode 600x900 as jpg quality 80
    ");
}

#[test]
fn conditions_look_at_the_current_size() {
    for (text, expected) in [
        ("if-w_gt_800,w-800,if-end", "800x533"),
        ("w-500:if-w_gt_800,w-800,if-else,w-50,if-end", "50x33"),
        ("w-500:if-iw_gt_800,w-80,if-end", "80x53"),
        ("if-ar_eq_3-2,w-3:w-6,if-end", "6x4"),
        ("if-w_gt_9000,w-800,if-end", "1200x800"),
    ] {
        assert_eq!(size(text, &PHOTO), expected, "{text}");
    }
    let gif = SourceInfo {
        format: Format::Gif,
        ..PHOTO
    };
    assert_eq!(size("if-w_gt_800,w-800,if-end", &gif), "1200x800");
}

#[test]
fn limits_are_kept() {
    let limits = Limits::for_testing();
    let client = Client::default();
    let context = Context {
        accept: client.accept,
        hints: client.hints,
        settings: client.settings,
        limits: &limits,
        still: false,
    };
    let check = |text: &str, source: &SourceInfo| {
        plan(
            &Transformation::parse(text, Mode::Strict).unwrap(),
            source,
            &context,
            &mut measure::Facts::default(),
        )
        .map(|_| ())
        .unwrap_err()
    };
    let large = SourceInfo {
        width: 4000,
        height: 1001,
        ..PHOTO
    };
    assert!(matches!(
        check("w-10", &large),
        PlanError::SourceTooLarge {
            pixels: 4_004_000,
            limit: 4_000_000
        }
    ));
    assert!(check("w-10", &large).is_limit());
    assert!(matches!(
        check("w-1300", &PHOTO),
        PlanError::ResultTooLarge { width: 1300, .. }
    ));
    assert!(matches!(check("w-1300:w-5", &PHOTO), PlanError::ResultTooLarge { .. }));
    assert!(matches!(
        check("w-4001,h-2", &PHOTO),
        PlanError::ResultTooLarge { width: 4001, .. }
    ));
    assert!(matches!(
        check("w-4000,h-4000,c-at_least", &PHOTO),
        PlanError::ResultTooLarge { .. }
    ));
    // The stored bytes cost nothing.
    assert!(
        plan(
            &Transformation::parse("orig", Mode::Strict).unwrap(),
            &large,
            &context,
            &mut measure::Facts::default()
        )
        .is_ok()
    );
}

#[test]
fn names_are_looked_up_before() {
    assert_eq!(
        size("n-card", &PHOTO),
        "the named transformation `card` was not looked up"
    );
}
