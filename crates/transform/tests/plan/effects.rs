//! Effects, outlines, and what shows where the picture is not.

use insta::assert_snapshot;

use crate::{LOGO, PHOTO, show};

fn all(texts: &[&str], source: &transform::SourceInfo) -> String {
    let all: Vec<_> = texts
        .iter()
        .map(|text| format!("# {text}\n{}\n", show(text, source)))
        .collect();
    all.join("\n")
}

#[test]
fn tones() {
    let texts = [
        "w-300,bl-9,e-usm-2-2-0.8-0.024,e-sharpen-30,e-colorize-co-teal_in-40,e-grayscale,e-contrast,cr-navy_25_red",
        "cr-navy",
        "bl-0,e-sharpen-0,e-usm-2-0-1-0,e-colorize-in-0,e-distort-a-0,o-100,rt-360,r-0,b-0_red",
        "e-sharpen:e-usm",
        "o-35",
        "o-60,bg-navy",
        "o-60,bg-00008040",
        "o-35,f-jpg",
    ];
    assert_snapshot!(all(&texts, &PHOTO), @r"
    # w-300,bl-9,e-usm-2-2-0.8-0.024,e-sharpen-30,e-colorize-co-teal_in-40,e-grayscale,e-contrast,cr-navy_25_red
    resize to 300x200
    replace FF0000 by 000080 within 0.25
    stretch contrast
    grayscale
    colorize 008080 by 0.4
    sharpen by 30
    unsharp mask 2 2 0.8 0.024
    blur by 4.5
    encode 300x200 as jpg quality 80

    # cr-navy
    replace the dominant colour by 000080 within 0.35
    encode 1200x800 as jpg quality 80

    # bl-0,e-sharpen-0,e-usm-2-0-1-0,e-colorize-in-0,e-distort-a-0,o-100,rt-360,r-0,b-0_red
    encode 1200x800 as jpg quality 80, original if smaller

    # e-sharpen:e-usm
    sharpen by 50
    unsharp mask 2 2 0.8 0.024
    encode 1200x800 as jpg quality 80

    # o-35
    opacity 0.35
    encode 1200x800 as png

    # o-60,bg-navy
    opacity 0.6
    flatten on 000080
    encode 1200x800 as jpg quality 80

    # o-60,bg-00008040
    opacity 0.6
    flatten on 000080
    encode 1200x800 as jpg quality 80

    # o-35,f-jpg
    opacity 0.35
    flatten on FFFFFF
    encode 1200x800 as jpg quality 80
    ");
}

#[test]
fn shapes() {
    let texts = [
        "e-gradient",
        "w-300,h-400,c-force,e-gradient-ld-right_from-red_to-00000000_sp-0.5",
        "w-300,h-400,c-force,e-gradient-ld-45",
        "e-gradient-sp-ih_div_4",
        "e-gradient-sp-ih_sub_800",
        "w-400,e-distort-p-20_10_380_30_400_290_0_300",
        "e-distort-p-0_0_100_0_200_0_0_300",
        "w-314,h-20,e-distort-a-180",
        "w-314,h-20,e-distort-a-N90,f-jpg",
        "w-500,e-shadow",
        "e-dropshadow",
    ];
    assert_snapshot!(all(&texts, &PHOTO), @r"
    # e-gradient
    gradient from FFFFFF to 00000000 over 800 pixels at 180 degrees
    encode 1200x800 as jpg quality 80

    # w-300,h-400,c-force,e-gradient-ld-right_from-red_to-00000000_sp-0.5
    resize to 300x400
    gradient from FF0000 to 00000000 over 150 pixels at 90 degrees
    encode 300x400 as jpg quality 80

    # w-300,h-400,c-force,e-gradient-ld-45
    resize to 300x400
    gradient from FFFFFF to 00000000 over 494.974747 pixels at 45 degrees
    encode 300x400 as jpg quality 80

    # e-gradient-sp-ih_div_4
    gradient from FFFFFF to 00000000 over 200 pixels at 180 degrees
    encode 1200x800 as jpg quality 80

    # e-gradient-sp-ih_sub_800
    `sp-ih_sub_800` is 0 here, which is not a size
    hint: see to it that the result is at least 1

    # w-400,e-distort-p-20_10_380_30_400_290_0_300
    resize to 400x267
    perspective 20,10 380,30 400,290 0,300
    encode 400x267 as png

    # e-distort-p-0_0_100_0_200_0_0_300
    `e-distort-p-0_0_100_0_200_0_0_300` moves three corners onto one line, where nothing is to be seen
    hint: name the corners clockwise from the top left, such as `e-distort-p-20_0_380_0_400_300_0_300`

    # w-314,h-20,e-distort-a-180
    crop 1200x76 at 0,362
    resize to 314x20
    arc of 180 degrees to 220x110
    encode 220x110 as png

    # w-314,h-20,e-distort-a-N90,f-jpg
    crop 1200x76 at 0,362
    resize to 314x20
    arc of -90 degrees to 297x76
    flatten on FFFFFF
    encode 297x76 as jpg quality 80

    # w-500,e-shadow
    resize to 500x333
    encode 500x333 as jpg quality 80

    # e-dropshadow
    encode 1200x800 as jpg quality 80, original if smaller
    ");
    let texts = [
        "w-500,e-shadow-bl-6_st-50_x-4_y-N2",
        "w-2000,e-shadow",
        "e-dropshadow-az-120_el-60",
    ];
    assert_snapshot!(all(&texts, &LOGO), @r"
    # w-500,e-shadow-bl-6_st-50_x-4_y-N2
    resize to 500x333
    shadow at 20,-7 of 0.5 blurred by 6
    encode 500x333 as png

    # w-2000,e-shadow
    `e-shadow` works on up to 2000000 pixels, and the picture has 2666000 here
    hint: scale down in the same step or before, such as `w-800,e-shadow`

    # e-dropshadow-az-120_el-60
    drop shadow from 120 at 60 degrees of 0.6
    encode 1200x800 as png
    ");
}

#[test]
fn outlines() {
    let texts = [
        "w-160,h-160,r-max",
        "w-160,h-100,r-max_20_300_0",
        "w-160,h-100,r-max,f-jpg",
        "w-160,h-100,r-20,bg-red",
        "w-400,b-6_336699",
        "w-320,h-200,r-24,b-cw_div_100_33669950",
        "w-320:b-cw_div_100_teal",
        "w-320,b-cw_sub_2000_red",
        "w-300:r-20:rt-10:fl-h_v",
        "w-40,b-40000_red",
    ];
    assert_snapshot!(all(&texts, &PHOTO), @r"
    # w-160,h-160,r-max
    crop 800x800 at 200,0
    resize to 160x160
    round 80 80 80 80
    encode 160x160 as png

    # w-160,h-100,r-max_20_300_0
    crop 1200x750 at 0,25
    resize to 160x100
    round 50 20 50 0
    encode 160x100 as png

    # w-160,h-100,r-max,f-jpg
    crop 1200x750 at 0,25
    resize to 160x100
    round 80/50 80/50 80/50 80/50
    flatten on FFFFFF
    encode 160x100 as jpg quality 80

    # w-160,h-100,r-20,bg-red
    crop 1200x750 at 0,25
    resize to 160x100
    round 20 20 20 20
    flatten on FF0000
    encode 160x100 as jpg quality 80

    # w-400,b-6_336699
    resize to 400x267
    border of 6 in 336699
    encode 412x279 as jpg quality 80

    # w-320,h-200,r-24,b-cw_div_100_33669950
    crop 1200x750 at 0,25
    resize to 320x200
    round 24 24 24 24
    border of 12 in 33669950
    encode 344x224 as png

    # w-320:b-cw_div_100_teal
    resize to 320x213
    border of 3 in 008080
    encode 326x219 as jpg quality 80

    # w-320,b-cw_sub_2000_red
    `b-cw_sub_2000_FF0000` is -800 here, which is not a size
    hint: see to it that the result is at least 1

    # w-300:r-20:rt-10:fl-h_v
    resize to 300x200
    round 20 20 20 20
    rotate by 10 to 331x250 on nothing
    flip both ways
    encode 331x250 as png

    # w-40,b-40000_red
    the result would be 80040x80027, more than the limit of 100000000 pixels or 65535 on a side
    hint: ask for a smaller size
    ");
}

#[test]
fn backgrounds() {
    let texts = [
        "w-600,h-600,cm-pad_resize,bg-blurred",
        "w-600,h-600,cm-pad_resize,bg-blurred_20_N40",
        "w-1300,h-900,cm-pad_extract,bg-blurred",
        "w-600,cm-pad_resize,bg-blurred",
        "w-600,h-600,cm-pad_resize,bg-dominant",
        "w-600,h-600,cm-pad_resize,bg-gradient_dominant_4",
        "rt-10,bg-dominant",
        "rt-10,bg-FF000050",
        "rt-10,f-jpg",
    ];
    assert_snapshot!(all(&texts, &PHOTO), @r"
    # w-600,h-600,cm-pad_resize,bg-blurred
    resize to 600x400
    pad to 600x600 at 0,100 on itself blurred by 20, brighter by 0
    encode 600x600 as jpg quality 80

    # w-600,h-600,cm-pad_resize,bg-blurred_20_N40
    resize to 600x400
    pad to 600x600 at 0,100 on itself blurred by 12, brighter by -40
    encode 600x600 as jpg quality 80

    # w-1300,h-900,cm-pad_extract,bg-blurred
    pad to 1300x900 at 50,50 on 000000
    encode 1300x900 as jpg quality 80

    # w-600,cm-pad_resize,bg-blurred
    resize to 600x400
    encode 600x400 as jpg quality 80

    # w-600,h-600,cm-pad_resize,bg-dominant
    resize to 600x400
    pad to 600x600 at 0,100 on its dominant colour
    encode 600x600 as jpg quality 80

    # w-600,h-600,cm-pad_resize,bg-gradient_dominant_4
    resize to 600x400
    pad to 600x600 at 0,100 on a gradient of its 4 dominant colours
    encode 600x600 as jpg quality 80

    # rt-10,bg-dominant
    rotate by 10 to 1321x997 on nothing
    encode 1321x997 as png

    # rt-10,bg-FF000050
    rotate by 10 to 1321x997 on nothing
    flatten on FF000050
    encode 1321x997 as png

    # rt-10,f-jpg
    rotate by 10 to 1321x997 on 000000
    encode 1321x997 as jpg quality 80
    ");
}

#[test]
fn models_run_before() {
    let texts = ["e-bgremove", "w-300,h-300,cm-pad_resize,bg-genfill"];
    assert_snapshot!(all(&texts, &PHOTO), @r"
    # e-bgremove
    `e-bgremove` needs a model
    hint: 

    # w-300,h-300,cm-pad_resize,bg-genfill
    `bg-genfill` needs a model
    hint:
    ");
}
