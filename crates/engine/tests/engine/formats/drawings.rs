use std::sync::atomic::AtomicBool;

use transform::{Format, Op, Part, Size};

use super::{decoded, refusal, sized};
use crate::sample::{encoding, plan};
use engine::{Budget, RenderError, probe_bytes, render};

/// A red square with a blue circle, a text and a picture inside, on nothing.
pub const SVG: &str = r##"<?xml version="1.0"?>
<!DOCTYPE svg [ <!ENTITY blue "#0000ff"> ]>
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 20" color="red">
  <style>.d { fill: &blue; }</style>
  <rect width="20" height="20" fill="currentColor"/>
  <circle class="d" cx="30" cy="10" r="8"/>
  <text x="2" y="18" font-size="20" font-family="Arial">I</text>
  <image x="0" y="0" width="2" height="2" href="data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="/>
</svg>"##;

#[test]
fn a_drawing_is_drawn_at_the_size_that_is_asked_for() {
    let info = probe_bytes(SVG.as_bytes()).expect("a header").info;
    assert_eq!(
        (info.format, info.width, info.height, info.has_alpha),
        (Format::Svg, 40, 20, true)
    );
    for scale in [1, 10] {
        let found = sized(SVG.as_bytes(), &Part::Default, 40 * scale, 20 * scale);
        let at = |x: u32, y: u32| found.at(x * scale + scale / 2, y * scale + scale / 2);
        assert_eq!(at(15, 3), [255, 0, 0, 255]);
        assert_eq!(at(30, 10), [0, 0, 255, 255]);
        assert_eq!(at(38, 1)[3], 0);
    }
    // Nothing is scaled up: an edge of ten times the size is as sharp as one of once.
    let large = sized(SVG.as_bytes(), &Part::Default, 400, 200);
    assert_eq!((large.at(198, 30), large.at(202, 30)[3]), ([255, 0, 0, 255], 0));
    let dark = large.pixels.iter().filter(|pixel| **pixel == [0, 0, 0, 255]).count();
    assert!((500..8000).contains(&dark), "the text is missing: {dark}");
}

fn svg(inside: &str) -> String {
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="8" height="8">{inside}</svg>"#
    )
}

#[test]
fn nothing_outside_is_loaded() {
    let folder = std::env::temp_dir();
    let path = folder.join(format!("tintype-outside-{}.png", std::process::id()));
    let outside = crate::sample::Raster::new(8, 8, |_, _| [255, 0, 0, 255]).to_png();
    std::fs::write(&path, outside).expect("a file");
    let name = path.display();
    for href in [format!("{name}"), format!("file://{name}")] {
        let text = svg(&format!(
            r#"<image width="8" height="8" href="{href}" xlink:href="{href}"/>"#
        ));
        let found = decoded(text.as_bytes(), &Part::Default);
        assert!(found.pixels.iter().all(|pixel| pixel[3] == 0), "{href}");
    }
    let entity = format!(
        r#"<!DOCTYPE svg [<!ENTITY x SYSTEM "file://{name}">]>{}"#,
        svg("<text>&x;</text>")
    );
    assert!(render_svg(&entity).is_err());
    std::fs::remove_file(&path).expect("a file");
}

fn render_svg(text: &str) -> Result<(), RenderError> {
    let probe = probe_bytes(text.as_bytes())?;
    let (width, height) = (probe.info.width.min(64), probe.info.height.min(64));
    let ops = [Op::Resize(Size { width, height })];
    let plan = plan(&ops, width, height, encoding(Format::Png));
    render(text.as_bytes(), &plan, &Budget::default()).map(|_| ())
}

#[test]
fn bombs_are_refused_or_harmless() {
    let mut laughs = String::from("<!DOCTYPE svg [<!ENTITY a0 \"ha\">");
    for level in 1..20 {
        laughs += &format!("<!ENTITY a{level} \"{}\">", format!("&a{};", level - 1).repeat(20));
    }
    laughs += &format!("]>{}", svg("<text>&a19;</text>"));
    assert!(matches!(render_svg(&laughs), Err(RenderError::Malformed { .. })));

    let deep = svg(&("<g>".repeat(20_000) + &"</g>".repeat(20_000)));
    assert!(matches!(render_svg(&deep), Err(RenderError::Malformed { .. })));

    let mut uses = String::from(r#"<g id="u0"><rect width="1" height="1"/></g>"#);
    for level in 1..12 {
        let each = format!(r##"<use href="#u{}"/>"##, level - 1).repeat(10);
        uses += &format!(r#"<g id="u{level}">{each}</g>"#);
    }
    assert!(render_svg(&svg(&uses)).is_err());

    let own = svg(
        r##"<pattern id="p" width="1" height="1"><rect fill="url(#p)" width="1" height="1"/></pattern><rect fill="url(#p)" width="8" height="8"/>"##,
    );
    assert!(render_svg(&own).is_ok());

    let huge =
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1e9 5e8"><rect width="1e9" height="1e9"/></svg>"#;
    let info = probe_bytes(huge.as_bytes()).expect("a header").info;
    assert_eq!((info.width, info.height), (8192, 4096));
    assert!(render_svg(huge).is_ok());

    let long = svg(&" ".repeat(5 << 20));
    assert_eq!(
        refusal(long.as_bytes(), &Part::Default),
        format!("this SVG file has {} bytes, where 5242880 are read", long.len())
    );
}

#[test]
fn a_drawing_is_given_up_when_nobody_waits() {
    let cancelled = AtomicBool::new(true);
    let budget = Budget {
        cancelled: Some(&cancelled),
        ..Budget::default()
    };
    let result = render(SVG.as_bytes(), &plan(&[], 40, 20, encoding(Format::Png)), &budget);
    assert!(matches!(result, Err(RenderError::Cancelled)));
}

/// Two pages: 200 by 100 points with a red square at the lower left, and 50 by 80 lying on its side.
pub fn pdf() -> Vec<u8> {
    let red = "1 0 0 rg 0 0 50 50 re f";
    let objects = [
        String::from("<< /Type /Catalog /Pages 2 0 R >>"),
        String::from("<< /Type /Pages /Kids [3 0 R 5 0 R] /Count 2 >>"),
        String::from("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 100] /Contents 4 0 R >>"),
        format!("<< /Length {} >>\nstream\n{red}\nendstream", red.len()),
        String::from("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 50 80] /Rotate 90 >>"),
    ];
    let mut file = String::from("%PDF-1.4\n");
    let mut places = Vec::new();
    for (index, object) in objects.iter().enumerate() {
        places.push(file.len());
        file += &format!("{} 0 obj\n{object}\nendobj\n", index + 1);
    }
    let table_at = file.len();
    file += "xref\n0 6\n0000000000 65535 f \n";
    for place in places {
        file += &format!("{place:010} 00000 n \n");
    }
    file += &format!("trailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n{table_at}\n%%EOF\n");
    file.into_bytes()
}

#[test]
fn pages_are_drawn_on_white() {
    let file = pdf();
    let info = probe_bytes(&file).expect("a header").info;
    assert_eq!(
        (
            info.format,
            info.width,
            info.height,
            info.pages,
            info.density,
            info.has_alpha
        ),
        (Format::Pdf, 200, 100, 2, 72, false)
    );
    let page = sized(&file, &Part::Default, 400, 200);
    assert_eq!((page.at(98, 102), page.at(102, 98)), ([255, 0, 0, 255], [255; 4]));
    let second = decoded(&file, &Part::Page(2));
    assert_eq!((second.width, second.height, second.at(0, 0)), (80, 50, [255; 4]));
    assert_eq!(refusal(&file, &Part::Page(3)), "there is no page 3: the file has 2");
}

#[test]
fn a_page_that_unpacks_to_far_too_much_is_refused() {
    use std::io::Write;
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..600 {
        packed.write_all(&vec![b' '; 1 << 20]).expect("memory");
    }
    let packed = packed.finish().expect("memory");
    let mut file = pdf();
    file.extend(format!("9 0 obj\n<< /Length {} /Filter /FlateDecode >>\nstream\n", packed.len()).bytes());
    file.extend(packed);
    file.extend(b"\nendstream\nendobj\n");
    assert_eq!(
        refusal(&file, &Part::Default),
        "broken PDF header: its streams unpack to too much"
    );
}
