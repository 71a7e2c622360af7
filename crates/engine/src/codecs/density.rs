//! Dots per inch in finished files.

use transform::Format;

/// States a resolution in a JPEG (JFIF 1.02, APP0) or a PNG (`pHYs`, which counts in metres). Other formats have no place
/// for it outside of their metadata.
pub(super) fn stated(mut file: Vec<u8>, format: Format, dots: u16) -> Vec<u8> {
    match format {
        Format::Jpeg => {
            // The encoder writes the JFIF segment first: length, name, version, unit, then both densities.
            const UNIT: usize = 13;
            if file.get(2..4) == Some(&[0xff, 0xe0]) && file.get(6..11) == Some(b"JFIF\0") && file.len() > UNIT + 4 {
                let [high, low] = dots.to_be_bytes();
                file[UNIT..UNIT + 5].copy_from_slice(&[1, high, low, high, low]);
            }
        }
        Format::Png => {
            // Behind the header, which has a fixed length.
            const HEADER_END: usize = 33;
            let per_metre = (f64::from(dots) / 0.0254).round() as u32;
            let mut chunk = b"pHYs".to_vec();
            chunk.extend([per_metre.to_be_bytes(), per_metre.to_be_bytes()].concat());
            chunk.push(1);
            let sum = crc32fast::hash(&chunk);
            let mut whole = 9u32.to_be_bytes().to_vec();
            whole.extend(chunk);
            whole.extend(sum.to_be_bytes());
            if file.len() > HEADER_END {
                file.splice(HEADER_END..HEADER_END, whole);
            }
        }
        _ => {}
    }
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_see_it() {
        let mut file = Vec::new();
        png::Encoder::new(&mut file, 1, 1)
            .write_header()
            .and_then(|mut writer| writer.write_image_data(&[7]))
            .expect("a PNG");
        let file = stated(file, Format::Png, 300);
        let reader = png::Decoder::new(std::io::Cursor::new(file))
            .read_info()
            .expect("a PNG");
        let dims = reader.info().pixel_dims.expect("a resolution");
        assert_eq!((dims.xppu, dims.yppu), (11_811, 11_811));

        let jpeg = [
            &[0xff, 0xd8, 0xff, 0xe0, 0, 16][..],
            b"JFIF\0",
            &[1, 2, 0, 0, 1, 0, 1, 0, 0],
        ]
        .concat();
        assert_eq!(stated(jpeg, Format::Jpeg, 300)[13..18], [1, 1, 44, 1, 44]);
    }
}
