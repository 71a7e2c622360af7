use transform::{Format, Part};

use super::{decoded, refusal};
use engine::probe_bytes;

struct Layer {
    name: &'static str,
    place: [i32; 4],
    color: [u8; 3],
    alpha: u8,
    opacity: u8,
    blend: &'static [u8; 4],
}

/// A document of four by two pixels whose merged picture is grey, half transparent on the left, with layers that are each
/// of one colour.
fn document(depth: u16, layers: &[Layer]) -> Vec<u8> {
    let mut file = b"8BPS\0\x01\0\0\0\0\0\0".to_vec();
    file.extend(4u16.to_be_bytes());
    file.extend(2u32.to_be_bytes());
    file.extend(4u32.to_be_bytes());
    file.extend(depth.to_be_bytes());
    file.extend(3u16.to_be_bytes());
    file.extend([0; 4]);
    // One resource: 150 dots an inch.
    let mut resources = b"8BIM".to_vec();
    resources.extend(1005u16.to_be_bytes());
    resources.extend([0, 0]);
    resources.extend(16u32.to_be_bytes());
    resources.extend([0, 150, 0, 0, 0, 1, 0, 1, 0, 150, 0, 0, 0, 1, 0, 1]);
    file.extend((resources.len() as u32).to_be_bytes());
    file.extend(resources);

    let wide = |value: u8| if depth == 16 { vec![value, value] } else { vec![value] };
    // The first channel behind the colours is the merged picture's transparency.
    let mut info = (-(layers.len() as i16)).to_be_bytes().to_vec();
    let mut data = Vec::new();
    for layer in layers {
        let [top, left, bottom, right] = layer.place;
        layer.place.iter().for_each(|side| info.extend(side.to_be_bytes()));
        info.extend(4u16.to_be_bytes());
        let count = ((bottom - top) * (right - left)) as usize;
        for (id, value) in [
            (-1, layer.alpha),
            (0, layer.color[0]),
            (1, layer.color[1]),
            (2, layer.color[2]),
        ] {
            let mut channel = vec![0, 0];
            channel.extend(wide(value).repeat(count));
            info.extend((id as i16).to_be_bytes());
            info.extend((channel.len() as u32).to_be_bytes());
            data.extend(channel);
        }
        info.extend(b"8BIM");
        info.extend(layer.blend);
        info.extend([layer.opacity, 0, 0, 0]);
        let mut extra = vec![0; 8];
        extra.push(layer.name.len() as u8);
        extra.extend(layer.name.as_bytes());
        extra.resize(extra.len().next_multiple_of(4), 0);
        info.extend((extra.len() as u32).to_be_bytes());
        info.extend(extra);
    }
    info.extend(data);
    let mut section = (info.len() as u32).to_be_bytes().to_vec();
    section.extend(info);
    if depth == 16 {
        // Behind an empty list and no mask, in a block of its own.
        let inner = section.split_off(4);
        section = vec![0; 8];
        section.extend(b"8BIMLr16");
        section.extend((inner.len() as u32).to_be_bytes());
        section.extend(&inner);
        section.resize(section.len().next_multiple_of(4), 0);
    }
    file.extend((section.len() as u32).to_be_bytes());
    file.extend(section);

    // Merged, as runs: rows of three colours and the transparency.
    let step = usize::from(depth / 8);
    file.extend([0, 1]);
    let row = |left: u8, right: u8| {
        // Runs are of bytes, not of samples.
        let run = (1i16 - 2 * step as i16) as i8 as u8;
        vec![run, left, run, right]
    };
    // Grey 100 at alpha 128 looks like 178 on white.
    let rows: Vec<Vec<u8>> = [(178, 100), (178, 100), (178, 100), (128, 255)]
        .iter()
        .flat_map(|(left, right)| [row(*left, *right), row(*left, *right)])
        .collect();
    rows.iter()
        .for_each(|row| file.extend((row.len() as u16).to_be_bytes()));
    rows.iter().for_each(|row| file.extend(row));
    file
}

pub fn layered(depth: u16) -> Vec<u8> {
    let layer = |name, place, color, alpha, opacity, blend| Layer {
        name,
        place,
        color,
        alpha,
        opacity,
        blend,
    };
    document(
        depth,
        &[
            layer("ground", [0, 0, 2, 4], [200, 100, 50], 255, 255, b"norm"),
            layer("veil", [-1, 2, 1, 9], [0, 0, 250], 255, 128, b"norm"),
            layer("shade", [1, 0, 2, 1], [128, 128, 128], 255, 255, b"mul "),
        ],
    )
}

#[test]
fn merged_and_layers() {
    for depth in [8, 16] {
        let file = layered(depth);
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
            (Format::Psd, 4, 2, 3, 150, true)
        );
        let merged = decoded(&file, &Part::Default);
        assert_eq!((merged.at(3, 1), merged.at(0, 0)[3]), ([100, 100, 100, 255], 128));
        assert!(merged.at(0, 0)[0].abs_diff(101) <= 1, "{:?}", merged.at(0, 0));

        let ground = decoded(&file, &Part::Page(1));
        assert!(ground.pixels.iter().all(|pixel| *pixel == [200, 100, 50, 255]));
        let veil = decoded(&file, &Part::Named(vec![String::from("veil")]));
        assert_eq!(
            (veil.at(1, 0), veil.at(2, 0), veil.at(2, 1)),
            ([0; 4], [0, 0, 250, 128], [0; 4])
        );
        let all = decoded(&file, &Part::Layers(vec![(1, u32::MAX)]));
        assert_eq!(all.at(3, 0), [100, 50, 150, 255]);
        assert_eq!(all.at(0, 1), [100, 50, 25, 255]);
        let two = decoded(&file, &Part::Layers(vec![(3, 3), (1, 1)]));
        assert_eq!((two.at(3, 0), two.at(0, 1)), ([200, 100, 50, 255], [100, 50, 25, 255]));
    }
}

#[test]
fn layers_that_are_not_there() {
    let file = layered(8);
    assert_eq!(refusal(&file, &Part::Page(4)), "there is no layer 4: the file has 3");
    assert_eq!(
        refusal(&file, &Part::Layers(vec![(2, 9)])),
        "there is no layer 9: the file has 3"
    );
    assert_eq!(
        refusal(&file, &Part::Named(vec![String::from("sky")])),
        "there is no layer \"sky\": the file has \"ground\", \"veil\", \"shade\""
    );
}
