//! What a client says about itself, reduced to what can change an answer.

use transform::{Accept, Hints};

/// Reads an `Accept` header (RFC 9110, 12.5.1). What cannot be read is skipped.
///
/// Thousands of spellings become four values, so that they share one rendition. `*/*` and `image/*` do not count: old
/// browsers and most tools send them without knowing WebP or AVIF.
pub(crate) fn accepted(header: Option<&str>) -> Accept {
    let mut accepted = Accept::default();
    for range in header.unwrap_or_default().split(',') {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let wanted = parts.all(|parameter| !refuses(parameter));
        if name.eq_ignore_ascii_case("image/webp") {
            accepted.webp = wanted;
        } else if name.eq_ignore_ascii_case("image/avif") {
            accepted.avif = wanted;
        }
    }
    accepted
}

/// True for `q=0` in any of its spellings, and for a weight that is no number: a client that cannot say how much it
/// wants a format gets one that everybody can show.
fn refuses(parameter: &str) -> bool {
    let Some((name, value)) = parameter.split_once('=') else {
        return false;
    };
    if !name.trim().eq_ignore_ascii_case("q") {
        return false;
    }
    !value
        .trim()
        .parse::<f32>()
        .is_ok_and(|weight| weight > 0.0 && weight <= 1.0)
}

/// Widths outside of this are not believed: pictures of the common formats are not wider.
const WIDTHS: std::ops::RangeInclusive<f64> = 1.0..=65_535.0;

/// Densities outside of this are not believed: no screen has them.
const DENSITIES: std::ops::RangeInclusive<f64> = 0.1..=10.0;

/// Reads `Sec-CH-Width` (or `Width`), `Sec-CH-DPR` (or `DPR`) and `Save-Data`. A hint that makes no sense is as if it had
/// not been sent.
pub(crate) fn hints(width: Option<&str>, dpr: Option<&str>, save_data: Option<&str>) -> Hints {
    let number = |text: Option<&str>| text.and_then(|text| text.trim().parse::<f64>().ok());
    Hints {
        width: number(width).filter(|width| WIDTHS.contains(width)),
        dpr: number(dpr).filter(|dpr| DENSITIES.contains(dpr)),
        save_data: save_data.is_some_and(|text| text.trim().eq_ignore_ascii_case("on")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_named_formats_count() {
        let cases: &[(&str, bool, bool)] = &[
            ("", false, false),
            ("*/*", false, false),
            ("image/*", false, false),
            ("image/jpeg,image/png", false, false),
            ("image/webp", true, false),
            ("image/avif,image/webp,*/*", true, true),
            ("IMAGE/WebP", true, false),
            ("image/webp;q=0.8", true, false),
            ("image/webp ; Q=0.001", true, false),
            ("image/webp;q=0", false, false),
            ("image/webp;q=0.000, image/avif;q=1.000", false, true),
            ("image/webp;level=1;q=0", false, false),
            ("image/webp;q=lots", false, false),
            ("image/webp;q=-1", false, false),
            ("image/webp;q=NaN", false, false),
            ("image/webp;q=2", false, false),
            ("image/webp;animated", true, false),
            (",,;;q,=,image/avif", false, true),
            ("image/webpx,ximage/avif", false, false),
            (
                "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8",
                true,
                true,
            ),
        ];
        for (header, webp, avif) in cases {
            assert_eq!(
                accepted(Some(header)),
                Accept {
                    webp: *webp,
                    avif: *avif
                },
                "{header}"
            );
        }
        assert_eq!(accepted(None), Accept::default());
    }

    #[test]
    fn nonsense_is_not_a_hint() {
        let width = |text| hints(Some(text), None, None).width;
        assert_eq!(width("212"), Some(212.0));
        assert_eq!(width(" 65535 "), Some(65_535.0));
        for text in ["", "0", "-5", "65536", "NaN", "inf", "wide", "99999999999999999999"] {
            assert_eq!(width(text), None, "{text}");
        }

        let dpr = |text| hints(None, Some(text), None).dpr;
        assert_eq!(dpr("2"), Some(2.0));
        assert_eq!(dpr("2.625"), Some(2.625));
        for text in ["", "0", "-1", "NaN", "inf", "11", "two"] {
            assert_eq!(dpr(text), None, "{text}");
        }

        assert!(hints(None, None, Some("on")).save_data);
        assert!(hints(None, None, Some(" ON ")).save_data);
        assert!(!hints(None, None, Some("off")).save_data);
        assert!(!hints(None, None, None).save_data);
    }
}
