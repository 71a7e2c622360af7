use std::time::Instant;

use super::*;
use crate::probe::Want;

fn library_rgb(source: &[u8], header: &Header, shrink: u32) -> Vec<u8> {
    let mut codec = Codec::new(tj::TJINIT_TJINIT_DECOMPRESS).expect("a codec");
    codec.read_header(source).expect("a header");
    codec.shrink(shrink).expect("a factor");
    let (width, height) = (header.info.width.div_ceil(shrink), header.info.height.div_ceil(shrink));
    let mut values = vec![0; (width * height * 3) as usize];
    codec.decompress(source, &mut values, width as usize * 3, tj::TJPF_TJPF_RGB).expect("pixels");
    values
}

#[test]
#[ignore]
fn measure() {
    let mut files: Vec<_> = std::fs::read_dir(std::env::var("TINTYPE_CORPUS").unwrap() + "/photos").unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    for shrink in [8, 4, 2] {
        let mut product = 1.0f64;
        let mut n = 0.0;
        for path in &files {
            let source = std::fs::read(path).unwrap();
            let header = Header::of(&source, Want::Everything).unwrap();
            let (mut own, mut library, mut stored) = (vec![], vec![], vec![]);
            let mut diff = (0u64, 0u32);
            for round in 0..9 {
                let t = Instant::now();
                let a = decode(&source, &header, shrink).unwrap();
                own.push(t.elapsed().as_secs_f64() * 1e3);
                let t = Instant::now();
                std::hint::black_box(shrunk(&source, &header, shrink, Chroma::Stored).expect("own"));
                stored.push(t.elapsed().as_secs_f64() * 1e3);
                let t = Instant::now();
                let b = library_rgb(&source, &header, shrink);
                library.push(t.elapsed().as_secs_f64() * 1e3);
                if round == 0 {
                    let crate::color::Values::Eight(a) = a.samples.values else { panic!() };
                    for (a, b) in a.iter().zip(&b) {
                        diff.0 += u64::from(a.abs_diff(*b));
                        diff.1 = diff.1.max(a.abs_diff(*b).into());
                    }
                    diff.0 = diff.0 * 1000 / b.len() as u64;
                }
            }
            let med = |v: &mut Vec<f64>| { v.sort_by(f64::total_cmp); v[v.len() / 2] };
            let (o, s, l) = (med(&mut own), med(&mut stored), med(&mut library));
            product *= l / s;
            n += 1.0;
            eprintln!("1/{shrink} {:32} own rgb {o:6.2} stored {s:6.2} library {l:6.2}  {:.2} {:.2}  mean diff {:.3} max {}", path.file_name().unwrap().to_string_lossy(), l / o, l / s, diff.0 as f64 / 1000.0, diff.1);
        }
        eprintln!("1/{shrink}: geometric mean {:.3}", product.powf(1.0 / n));
    }
}
