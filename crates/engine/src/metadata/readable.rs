//! EXIF's numbers as words, in the spelling of the most used tool for them.

use serde_json::Value;

/// A field's value for people. None for what is not for them: places in the file.
pub(super) fn readable(name: &str, value: &Value) -> Option<Value> {
    if matches!(name, "ExifOffset" | "GPSInfo" | "InteropOffset") {
        return None;
    }
    if let Some(code) = value.as_i64()
        && let Some(words) = words(name)
    {
        let word = words.iter().find(|(number, _)| *number == code);
        return Some(word.map_or_else(
            || Value::from(format!("Unknown ({code})")),
            |(_, word)| Value::from(*word),
        ));
    }
    if let Some(letter) = value.as_str()
        && let Some(word) = letter_word(name, letter)
    {
        return Some(Value::from(word));
    }
    match name {
        // Whole numbers: some clients read nothing else here.
        "XResolution" | "YResolution" => Some(Value::from(value.as_f64()?.round() as i64)),
        "ExposureTime" => Some(Value::from(seconds(value.as_f64()?))),
        // An exponent of one half.
        "ShutterSpeedValue" => Some(Value::from(seconds(2f64.powf(-value.as_f64()?)))),
        // An exponent of the root of two.
        "ApertureValue" | "MaxApertureValue" => super::number(rounded(2f64.powf(value.as_f64()? / 2.0), 10.0)),
        "FNumber" => super::number(rounded(value.as_f64()?, 10.0)),
        "ExposureCompensation" | "BrightnessValue" => super::number(rounded(value.as_f64()?, 100.0)),
        "FocalLength" => Some(Value::from(format!("{:.1} mm", value.as_f64()?))),
        "FocalLengthIn35mmFormat" => Some(Value::from(format!("{} mm", value.as_i64()?))),
        "LensInfo" => lens(value),
        "SubjectDistance" => Some(Value::from(format!("{} m", value.as_f64()?))),
        "GPSVersionID" => {
            let numbers: Vec<String> = value.as_array()?.iter().map(Value::to_string).collect();
            Some(Value::from(numbers.join(".")))
        }
        _ => Some(value.clone()),
    }
}

/// The focal lengths between which a lens works, and its widest apertures there: `24-70mm f/2.8`.
fn lens(value: &Value) -> Option<Value> {
    let parts: Vec<f64> = value.as_array()?.iter().filter_map(Value::as_f64).collect();
    let [shortest, longest, wide, narrow] = parts[..] else {
        return None;
    };
    let span = |from: f64, to: f64| {
        if from == to {
            format!("{from}")
        } else {
            format!("{from}-{to}")
        }
    };
    Some(Value::from(format!(
        "{}mm f/{}",
        span(shortest, longest),
        span(wide, narrow)
    )))
}

fn rounded(value: f64, parts: f64) -> f64 {
    (value * parts).round() / parts
}

/// `1/250` below a quarter of a second, `0.5` or `30` above.
fn seconds(time: f64) -> String {
    if time > 0.0 && time < 0.250_01 {
        format!("1/{}", (1.0 / time).round())
    } else {
        format!("{}", rounded(time, 10.0))
    }
}

type Words = &'static [(i64, &'static str)];

/// What a field's numbers stand for; none where they stand for themselves.
fn words(name: &str) -> Option<Words> {
    Some(match name {
        "Orientation" => &[
            (1, "Horizontal (normal)"),
            (2, "Mirror horizontal"),
            (3, "Rotate 180"),
            (4, "Mirror vertical"),
            (5, "Mirror horizontal and rotate 270 CW"),
            (6, "Rotate 90 CW"),
            (7, "Mirror horizontal and rotate 90 CW"),
            (8, "Rotate 270 CW"),
        ],
        "ResolutionUnit" | "FocalPlaneResolutionUnit" => &[(1, "None"), (2, "inches"), (3, "cm"), (4, "mm"), (5, "um")],
        "YCbCrPositioning" => &[(1, "Centered"), (2, "Co-sited")],
        "ExposureProgram" => &[
            (0, "Not Defined"),
            (1, "Manual"),
            (2, "Program AE"),
            (3, "Aperture-priority AE"),
            (4, "Shutter speed priority AE"),
            (5, "Creative (Slow speed)"),
            (6, "Action (High speed)"),
            (7, "Portrait"),
            (8, "Landscape"),
            (9, "Bulb"),
        ],
        "SensitivityType" => &[
            (0, "Unknown"),
            (1, "Standard Output Sensitivity"),
            (2, "Recommended Exposure Index"),
            (3, "ISO Speed"),
            (4, "Standard Output Sensitivity and Recommended Exposure Index"),
            (5, "Standard Output Sensitivity and ISO Speed"),
            (6, "Recommended Exposure Index and ISO Speed"),
            (
                7,
                "Standard Output Sensitivity, Recommended Exposure Index and ISO Speed",
            ),
        ],
        "MeteringMode" => &[
            (0, "Unknown"),
            (1, "Average"),
            (2, "Center-weighted average"),
            (3, "Spot"),
            (4, "Multi-spot"),
            (5, "Multi-segment"),
            (6, "Partial"),
            (255, "Other"),
        ],
        "LightSource" => &[
            (0, "Unknown"),
            (1, "Daylight"),
            (2, "Fluorescent"),
            (3, "Tungsten (Incandescent)"),
            (4, "Flash"),
            (9, "Fine Weather"),
            (10, "Cloudy"),
            (11, "Shade"),
            (12, "Daylight Fluorescent"),
            (13, "Day White Fluorescent"),
            (14, "Cool White Fluorescent"),
            (15, "White Fluorescent"),
            (16, "Warm White Fluorescent"),
            (17, "Standard Light A"),
            (18, "Standard Light B"),
            (19, "Standard Light C"),
            (20, "D55"),
            (21, "D65"),
            (22, "D75"),
            (23, "D50"),
            (24, "ISO Studio Tungsten"),
            (255, "Other"),
        ],
        "Flash" => &[
            (0x00, "No Flash"),
            (0x01, "Fired"),
            (0x05, "Fired, Return not detected"),
            (0x07, "Fired, Return detected"),
            (0x08, "On, Did not fire"),
            (0x09, "On, Fired"),
            (0x0d, "On, Return not detected"),
            (0x0f, "On, Return detected"),
            (0x10, "Off, Did not fire"),
            (0x14, "Off, Did not fire, Return not detected"),
            (0x18, "Auto, Did not fire"),
            (0x19, "Auto, Fired"),
            (0x1d, "Auto, Fired, Return not detected"),
            (0x1f, "Auto, Fired, Return detected"),
            (0x20, "No flash function"),
            (0x30, "Off, No flash function"),
            (0x41, "Fired, Red-eye reduction"),
            (0x45, "Fired, Red-eye reduction, Return not detected"),
            (0x47, "Fired, Red-eye reduction, Return detected"),
            (0x49, "On, Red-eye reduction"),
            (0x4d, "On, Red-eye reduction, Return not detected"),
            (0x4f, "On, Red-eye reduction, Return detected"),
            (0x50, "Off, Red-eye reduction"),
            (0x58, "Auto, Did not fire, Red-eye reduction"),
            (0x59, "Auto, Fired, Red-eye reduction"),
            (0x5d, "Auto, Fired, Red-eye reduction, Return not detected"),
            (0x5f, "Auto, Fired, Red-eye reduction, Return detected"),
        ],
        "ColorSpace" => &[(1, "sRGB"), (2, "Adobe RGB"), (65_535, "Uncalibrated")],
        "SensingMethod" => &[
            (1, "Not defined"),
            (2, "One-chip color area"),
            (3, "Two-chip color area"),
            (4, "Three-chip color area"),
            (5, "Color sequential area"),
            (7, "Trilinear"),
            (8, "Color sequential linear"),
        ],
        "CustomRendered" => &[(0, "Normal"), (1, "Custom")],
        "ExposureMode" => &[(0, "Auto"), (1, "Manual"), (2, "Auto bracket")],
        "WhiteBalance" => &[(0, "Auto"), (1, "Manual")],
        "SceneCaptureType" => &[(0, "Standard"), (1, "Landscape"), (2, "Portrait"), (3, "Night")],
        "GainControl" => &[
            (0, "None"),
            (1, "Low gain up"),
            (2, "High gain up"),
            (3, "Low gain down"),
            (4, "High gain down"),
        ],
        "Contrast" | "Saturation" => &[(0, "Normal"), (1, "Low"), (2, "High")],
        "Sharpness" => &[(0, "Normal"), (1, "Soft"), (2, "Hard")],
        "SubjectDistanceRange" => &[(0, "Unknown"), (1, "Macro"), (2, "Close"), (3, "Distant")],
        "GPSAltitudeRef" => &[(0, "Above Sea Level"), (1, "Below Sea Level")],
        _ => return None,
    })
}

fn letter_word(name: &str, letter: &str) -> Option<&'static str> {
    Some(match (name, letter) {
        ("GPSLatitudeRef", "N") => "North",
        ("GPSLatitudeRef", "S") => "South",
        ("GPSLongitudeRef", "E") => "East",
        ("GPSLongitudeRef", "W") => "West",
        ("GPSImgDirectionRef" | "GPSTrackRef" | "GPSDestBearingRef", "T") => "True North",
        ("GPSImgDirectionRef" | "GPSTrackRef" | "GPSDestBearingRef", "M") => "Magnetic North",
        ("GPSSpeedRef", "K") => "km/h",
        ("GPSSpeedRef", "M") => "mph",
        ("GPSSpeedRef", "N") => "knots",
        ("GPSStatus", "A") => "Measurement Active",
        ("GPSStatus", "V") => "Measurement Void",
        ("GPSMeasureMode", "2") => "2-Dimensional Measurement",
        ("GPSMeasureMode", "3") => "3-Dimensional Measurement",
        ("FileSource", "1") => "Film Scanner",
        ("FileSource", "2") => "Reflection Print Scanner",
        ("FileSource", "3") => "Digital Camera",
        ("SceneType", "1") => "Directly photographed",
        _ => return None,
    })
}
