use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use transform::Size;

use super::*;
use crate::Fonts;

fn clean(drawing: &str) -> Result<String, String> {
    match clean_svg(drawing.as_bytes(), &Budget::default()) {
        Ok(cleaned) => Ok(String::from_utf8(cleaned).unwrap()),
        Err(error) => Err(error.to_string()),
    }
}

/// Inside a root that has all the usual names.
fn within(inner: &str) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" \
         xmlns:ev=\"http://www.w3.org/2001/xml-events\" xmlns:h=\"http://www.w3.org/1999/xhtml\" width=\"40\" height=\"30\">{inner}</svg>"
    )
}

/// What each of them would run or fetch has `evil` in it.
const ATTACKS: &[&str] = &[
    // Scripts.
    "<script>evil()</script>",
    "<script xlink:href='https://evil.example/a.js'/>",
    "<script href='data:text/javascript,evil()'/>",
    "<script type='text/ecmascript'><![CDATA[evil()]]></script>",
    "<SCRIPT>evil()</SCRIPT>",
    "<h:script>evil()</h:script>",
    "<x:script xmlns:x='http://www.w3.org/2000/svg'>evil()</x:script>",
    "<script xmlns=''>evil()</script>",
    "<g><g><script>evil()</script></g></g>",
    "<text>a<script>evil()</script>b</text>",
    "<style><script>evil()</script></style>",
    "<title><script>evil()</script><style>@import 'evil'</style></title>",
    "<desc><h:img src='evil' onerror='evil()'/></desc>",
    "<metadata><h:script>evil()</h:script></metadata>",
    "<handler ev:event='load'>evil()</handler>",
    "<listener event='load' handler='#evil'/>",
    // Handlers.
    "<rect onload='evil()'/>",
    "<rect ONCLICK='evil()'/>",
    "<g onmouseover='evil()'><rect/></g>",
    "<animate onbegin='evil()' attributeName='x' dur='1s'/>",
    "<rect ev:event='evil'/>",
    // Markup of others.
    "<foreignObject><h:body><h:iframe src='https://evil.example'/></h:body></foreignObject>",
    "<foreignObject><rect id='evil'/></foreignObject>",
    "<h:iframe src='javascript:evil()'/>",
    "<iframe src='javascript:evil()'/>",
    "<h:link rel='stylesheet' href='https://evil.example/a.css'/>",
    "<link rel='stylesheet' href='https://evil.example/a.css'/>",
    "<h:base href='https://evil.example'/>",
    "<h:meta http-equiv='refresh' content='0;url=https://evil.example'/>",
    "<embed src='evil.swf'/><object data='evil'/><audio src='evil'/><video><source src='evil'/></video>",
    "<math xmlns='http://www.w3.org/1998/Math/MathML' href='javascript:evil()'><mtext>evil</mtext></math>",
    // Links.
    "<a href='javascript:evil()'><rect/></a>",
    "<a xlink:href='javascript:evil()'><rect/></a>",
    "<a href='JavaScript:evil()'/>",
    "<a href=' javascript:evil()'/>",
    "<a href='java&#x9;script:evil()'/>",
    "<a href='jav&#x0A;ascript&#58;evil()'/>",
    "<a href='vbscript:evil()'/>",
    "<a href='data:text/html,&lt;script>evil()&lt;/script>'/>",
    "<a href='data:text/html;base64,ZXZpbA==evil'/>",
    "<a href='data:image/svg+xml,evil'/>",
    "<a ping='https://evil.example' href='#a'/>",
    "<a xml:base='javascript:evil()//' href='#a'/>",
    // References.
    "<image href='https://evil.example/a.png'/>",
    "<image xlink:href='evil.png'/>",
    "<image href='//evil.example/a.png'/>",
    "<image href='data:text/html,evil'/>",
    "<image src='evil.png' srcset='evil.png 2x'/>",
    "<feImage href='https://evil.example/a.svg#b'/>",
    "<filter id='f'><feImage xlink:href='evil.png'/></filter>",
    "<use href='evil.svg#a'/>",
    "<use xlink:href='https://evil.example/a.svg#a'/>",
    "<use href='data:image/svg+xml;base64,evil#a'/>",
    "<use href='data:application/xml,evil#a'/>",
    "<linearGradient href='evil.svg#a'/><pattern xlink:href='evil.svg#a'/><filter href='evil.svg#a'/>",
    "<textPath href='evil.svg#a'/><tref xlink:href='evil.svg#a'/><mpath href='evil.svg#a'/>",
    "<font-face><font-face-src><font-face-uri xlink:href='evil.svg#a'/></font-face-src></font-face>",
    "<color-profile xlink:href='evil.icc'/><cursor xlink:href='evil.cur'/>",
    "<rect xml:base='https://evil.example/'/>",
    // Styles.
    "<style>@import url(https://evil.example/a.css);</style>",
    "<style>@import 'evil.css';</style>",
    "<style><![CDATA[@import 'evil.css';]]></style>",
    "<style>@im<!-- -->port 'evil.css';</style>",
    "<style>@\\69mport 'evil.css';</style>",
    "<style type='text/xsl'>evil</style>",
    "<style>@font-face{font-family:x;src:url(evil.woff)}</style>",
    "<style>rect{fill:url(https://evil.example/a.svg#b)}</style>",
    "<style>rect{background:URL( 'evil.png' )}</style>",
    "<style>rect{background:\\75rl(evil.png)}</style>",
    "<style>/* */rect{background:image-set('evil.png' 1x)}/* */</style>",
    "<style>rect{--a:url(evil.png);background:var(--a)}</style>",
    "<style>@namespace 'http://evil.example';</style>",
    "<style>rect{behavior:url(evil.htc);-moz-binding:url(evil.xml#a)}</style>",
    "<h:style>@import 'evil.css';</h:style>",
    "<rect style='fill:url(evil.svg#a)'/>",
    "<rect style='background:url(javascript:evil())'/>",
    "<rect style='width:expression(evil())'/>",
    "<rect fill='url(https://evil.example/#a)'/>",
    "<rect filter='url(evil.svg#a)' mask='url(\"evil.svg#a\")' clip-path='url(evil#a)' marker-end='u\\72l(evil#a)'/>",
    "<rect cursor='url(evil.cur), auto'/>",
    "<style>rect{fill:url(data:image/svg+xml,%3Csvg xmlns=%22http://www.w3.org/2000/svg%22 onload=%22evil()%22/%3E)}</style>",
    // Animations.
    "<a href='#a'><set attributeName='href' to='javascript:evil()'/></a>",
    "<a><animate attributeName='xlink:href' values='javascript:evil()'/></a>",
    "<a><set attributeName=' href ' to='javascript:evil()'/></a>",
    "<rect><set attributeName='onmouseover' to='evil()'/></rect>",
    "<rect><set attributeName='style' to='fill:url(evil)'/></rect>",
    "<rect><animate attributeName='fill' to='url(evil.svg#a)' values='url(evil.svg#a);red'/></rect>",
    "<image><set attributeName='src' to='evil.png'/></image>",
    // Instructions, comments.
    "<?xml-stylesheet href='evil.css'?>",
    "<!-- evil -->",
];

#[test]
fn nothing_is_run_and_nothing_is_fetched() {
    for attack in ATTACKS {
        let cleaned = clean(&within(attack)).unwrap_or_else(|error| panic!("{attack}: {error}"));
        assert!(!cleaned.to_lowercase().contains("evil"), "{attack}\n{cleaned}");
        let nested = STANDARD.encode(within(attack));
        let outer = clean(&within(&format!("<image href='data:image/svg+xml;base64,{nested}'/>"))).unwrap();
        let inner = outer.split("base64,").nth(1).unwrap().split('"').next().unwrap();
        let inner = String::from_utf8(STANDARD.decode(inner).unwrap()).unwrap();
        assert_eq!(inner, cleaned, "inside of another one");
        assert_eq!(clean(&cleaned).unwrap(), cleaned, "what is clean stays");
    }
}

#[test]
fn around_the_root() {
    let root = "<svg xmlns='http://www.w3.org/2000/svg' onload='evil()' xmlns:evil='http://evil' width='1' height='1'><g/></svg>";
    let expected = "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" width=\"1\" height=\"1\"><g/></svg>";
    for before in [
        "",
        "\u{feff}",
        "<?xml version='1.0' encoding='UTF-7'?>",
        "<?xml version='1.0'?><?xml-stylesheet type='text/xsl' href='evil.xsl'?>",
        "<!DOCTYPE svg PUBLIC '-//W3C//DTD SVG 1.1//EN' 'http://evil/svg11.dtd'>",
        "<!DOCTYPE svg [<!ENTITY evil SYSTEM 'file:///etc/passwd'> <!ELEMENT svg ANY>]>",
        "<!-- evil -->",
    ] {
        assert_eq!(
            clean(&format!("{before}{root}<!-- evil -->")).as_deref(),
            Ok(expected),
            "{before}"
        );
    }
    let old = "<svg width='1' height='1' onload='evil()'><g/></svg>";
    assert_eq!(clean(old).as_deref(), Ok(expected), "without a namespace");
}

#[test]
fn what_is_no_drawing_is_refused() {
    let deep = format!("{}{}", "<g>".repeat(300), "</g>".repeat(300));
    let many = "<g/>".repeat(600_000);
    let lol = (1..9).fold(String::from("<!ENTITY a0 'lol'>"), |all, n| {
        format!(
            "{all}<!ENTITY a{n} '&a{0};&a{0};&a{0};&a{0};&a{0};&a{0};&a{0};&a{0};&a{0};&a{0};'>",
            n - 1
        )
    });
    let nested = |declared: &str, inner: &str| {
        format!("<!DOCTYPE svg [{declared}]><svg xmlns='http://www.w3.org/2000/svg'><text>{inner}</text></svg>")
    };
    for (drawing, expected) in [
        (String::new(), "root"),
        ("<svg".to_owned(), ""),
        (
            "<svg xmlns='http://www.w3.org/2000/svg'><g></svg>".to_owned(),
            "expected 'g' tag",
        ),
        ("<svg xmlns='http://www.w3.org/2000/svg'/><svg/>".to_owned(), ""),
        (
            "<html xmlns='http://www.w3.org/1999/xhtml'><svg/></html>".to_owned(),
            "the root element is not `svg`",
        ),
        (
            "<svg xmlns='http://www.w3.org/1999/xhtml'/>".to_owned(),
            "the root element is not `svg`",
        ),
        (
            "<html><script>alert(1)</script></html>".to_owned(),
            "the root element is not `svg`",
        ),
        (within(&deep), "too deep"),
        (within(&many), "limit"),
        (within("<g a='1' a='2'/>"), ""),
        (within("&undeclared;"), ""),
        (nested(&lol, "&a8;"), "entities that stand for too much"),
        (
            nested("<!ENTITY a '&#38;b;'><!ENTITY b 'c'>", "&a;"),
            "entities that stand for too much",
        ),
        (
            nested("<!ENTITY a '&#x26;a;'>", "&a;"),
            "entities that stand for too much",
        ),
        (
            nested(&format!("<!ENTITY a '{}'>", "x".repeat(100_000)), &"&a;".repeat(1000)),
            "entities that stand for too much",
        ),
        (within(&" ".repeat(6 << 20)), "bytes"),
    ] {
        let start: String = drawing.chars().take(60).collect();
        let error = clean(&drawing).expect_err(&start);
        assert!(error.contains(expected), "{start}: {error}");
    }
    let utf16: Vec<u8> = "<svg/>".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(clean_svg(&utf16, &Budget::default()).is_err());
}

#[test]
fn harmless_drawings_look_the_same() {
    let picture = {
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, 2, 2);
        encoder.set_color(png::ColorType::Rgb);
        let mut writer = encoder.write_header().unwrap();
        writer
            .write_image_data(&[255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 0])
            .unwrap();
        writer.finish().unwrap();
        STANDARD.encode(file)
    };
    let drawing_in_it = STANDARD.encode(within("<rect width='20' height='30' fill='teal'/>"));
    let illustrator = "<?xml version='1.0' encoding='utf-8'?><!DOCTYPE svg PUBLIC '-//W3C//DTD SVG 1.1//EN' 'http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd' [\
        <!ENTITY ns_svg 'http://www.w3.org/2000/svg'><!ENTITY ns_ai 'http://ns.adobe.com/AdobeIllustrator/10.0/'><!ENTITY nbsp '&#160;'><!ENTITY st 'fill:#c04000;stroke:navy'>]>\
        <svg xmlns='&ns_svg;' xmlns:i='&ns_ai;' i:viewOrigin='0 0' width='40' height='30'><metadata><i:pgf>AAAA</i:pgf></metadata>\
        <switch><foreignObject requiredExtensions='&ns_ai;' width='1' height='1'><i:pgfRef/></foreignObject>\
        <g i:extraneous='self'><path style='&st;' d='M3 3 L30 5 L 20 25 z'/></g></switch></svg>".to_owned();
    let drawings = [
        within(
            "<rect x='3' y='4' width='20' height='12' rx='3' fill='#c04000' stroke='navy' stroke-width='2' opacity='.6'/>",
        ),
        within(
            "<defs><linearGradient id='a'><stop offset='0' stop-color='red'/><stop offset='1' stop-color='blue'/></linearGradient>\
             <radialGradient id='b' xlink:href='#a'/><clipPath id='c'><circle cx='20' cy='15' r='12'/></clipPath>\
             <mask id='m'><rect width='40' height='20' fill='white'/></mask><pattern id='p' width='4' height='4' patternUnits='userSpaceOnUse'>\
             <rect width='2' height='2'/></pattern></defs><rect width='40' height='30' fill='url(#a)' clip-path='url(#c)'/>\
             <rect width='9' height='30' fill='url( \"#b\" )' mask='url(#m)'/><rect x='30' width='9' height='30' style='fill:url(#p)'/>",
        ),
        within(
            "<style>/* red */ .a > rect:not(.b) { fill: #c04000 } @media print { rect { fill: none } } .b{fill:url(#g) blue}</style>\
             <g class='a'><rect width='9' height='9'/><rect class='b' x='10' width='9' height='9'/></g>",
        ),
        within("<style><![CDATA[ rect{fill:#0a0} rect>a{} ]]></style><rect width='9' height='9'/>"),
        within(
            "<filter id='f' x='-50%' width='200%'><feGaussianBlur stdDeviation='2'/><feOffset dx='3'/><feMerge><feMergeNode/>\
             <feMergeNode in='SourceGraphic'/></feMerge></filter><circle filter='url(#f)' cx='20' cy='15' r='8' fill='purple'/>",
        ),
        within(
            "<symbol id='s' viewBox='0 0 2 2'><circle cx='1' cy='1' r='1'/></symbol><use href='#s' width='20' height='20'/><use xlink:href='#s' x='20' width='9' height='9' fill='red'/>",
        ),
        within(
            "<text x='2' y='20' font-size='14' font-family='Open Sans' xml:space='preserve'>a  <tspan fill='red' dy='-2'>b &amp; &lt;c</tspan>\u{e9}</text>",
        ),
        within(&format!(
            "<image width='20' height='20' image-rendering='optimizeSpeed' href='data:image/png;base64,{picture}'/>"
        )),
        within(&format!(
            "<image width='40' height='30' xlink:href='data:image/svg+xml;base64,{drawing_in_it}'/>"
        )),
        within(
            "<a href='https://example.com/'><rect width='9' height='9' fill='green'/></a><a xlink:href='mailto:a@b.example'><circle r='20'/></a>",
        ),
        within("<x:rect xmlns:x='http://www.w3.org/2000/svg' width='30' height='9' fill='olive'/>"),
        within(
            "<path d='M1 1h20v9a5 5 0 0 1-9 3z' transform='rotate(10) scale(1.2, .8)' stroke='url(#none) red' fill='none'/>",
        ),
        illustrator,
    ];
    let size = Size { width: 80, height: 60 };
    let fonts = Fonts::bundled();
    let mut seen = std::collections::HashSet::new();
    for drawing in drawings {
        let cleaned = clean(&drawing).unwrap_or_else(|error| panic!("{error}\n{drawing}"));
        let before = svg::draw(drawing.as_bytes(), size, &fonts).unwrap().pixels;
        let after = svg::draw(cleaned.as_bytes(), size, &fonts).unwrap().pixels;
        assert!(before == after, "{drawing}\n{cleaned}");
        assert!(before.iter().any(|byte| *byte != 0), "nothing is drawn: {drawing}");
        assert!(seen.insert(after), "looks like another one: {drawing}");
        assert_eq!(clean(&cleaned).unwrap(), cleaned);
    }
}

#[test]
fn links_and_animations_stay() {
    let drawing = "<a href=\"https://example.com/?a=1&amp;b\" target=\"_blank\"><circle r=\"3\"><animate attributeName=\"r\" values=\"1;3;1\" dur=\"2s\" \
                   repeatCount=\"indefinite\"/><set attributeName=\"fill\" to=\"url(#a)\" begin=\"click\"/></circle></a><title>A &amp; B</title>";
    let cleaned = clean(&within(drawing)).unwrap();
    assert!(cleaned.contains(drawing), "{cleaned}");
}

#[test]
fn limits_of_the_budget() {
    let drawing = within("<g/>");
    let small = Budget {
        max_source_bytes: 10,
        ..Budget::default()
    };
    assert!(matches!(
        clean_svg(drawing.as_bytes(), &small),
        Err(RenderError::OverBudget { .. })
    ));
    let given_up = std::sync::atomic::AtomicBool::new(true);
    let cancelled = Budget {
        cancelled: Some(&given_up),
        ..Budget::default()
    };
    let many = within(&"<g/>".repeat(10_000));
    assert!(matches!(
        clean_svg(many.as_bytes(), &cancelled),
        Err(RenderError::Cancelled)
    ));
}
