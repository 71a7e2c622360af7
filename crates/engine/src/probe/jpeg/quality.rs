//! With which quality a JPEG was encoded, told from its quantisation table.

/// The table for luma of ITU-T T.81, table K.1, in zigzag order: what the Independent JPEG Group's encoder, and nearly all
/// others after it, scale by a quality.
const LUMA: [u16; 64] = [
    16, 11, 12, 14, 12, 10, 16, 14, 13, 14, 18, 17, 16, 19, 24, 40, 26, 24, 22, 22, 24, 49, 35, 37, 29, 40, 58, 51, 61,
    60, 57, 51, 56, 55, 64, 72, 92, 78, 64, 68, 87, 69, 55, 56, 80, 109, 81, 87, 95, 98, 103, 104, 103, 62, 77, 113,
    121, 112, 100, 120, 92, 101, 103, 99,
];
/// How far a table may be from a scaled one to count as one, in parts of the sum of its steps: cameras round in ways of
/// their own, but tables of another shape have no place on this scale.
const TOLERANCE: f64 = 0.08;

/// The quality, 1 to 100, whose table is nearest to the first one of a quantisation segment's payload that is for luma.
pub(super) fn of_tables(mut segment: &[u8]) -> Option<u8> {
    while let [head, rest @ ..] = segment {
        let width = usize::from(head >> 4) + 1;
        let (table, rest) = rest.split_at_checked(64 * width)?;
        if head & 15 == 0 && width <= 2 {
            let steps = table
                .chunks_exact(width)
                .map(|step| step.iter().fold(0, |sum, byte| sum << 8 | u16::from(*byte)));
            return nearest(&steps.collect::<Vec<_>>());
        }
        segment = rest;
    }
    None
}

fn nearest(steps: &[u16]) -> Option<u8> {
    let distance = |quality: &u8| -> u32 {
        let scaled = scaled(*quality);
        steps
            .iter()
            .zip(scaled)
            .map(|(step, scaled)| u32::from(step.abs_diff(scaled)))
            .sum()
    };
    // Of equally near ones the best: at the upper end several qualities have the same table.
    let best = (1..=100).rev().min_by_key(distance)?;
    let sum: u32 = scaled(best).iter().map(|step| u32::from(*step)).sum();
    (f64::from(distance(&best)) <= TOLERANCE * f64::from(sum)).then_some(best)
}

/// The table of a quality, as `jpeg_quality_scaling` and `jpeg_add_quant_table` of the IJG's library make it (T. Lane and
/// others, libjpeg 6b, 1998).
fn scaled(quality: u8) -> [u16; 64] {
    let quality = u32::from(quality);
    let percent = if quality < 50 {
        5000 / quality
    } else {
        200 - 2 * quality
    };
    LUMA.map(|step| ((u32::from(step) * percent + 50) / 100).clamp(1, 255) as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(steps: &[u16; 64]) -> Vec<u8> {
        let mut segment = vec![0];
        segment.extend(steps.iter().map(|step| *step as u8));
        segment
    }

    #[test]
    fn every_quality_is_found_again() {
        for quality in 1..=100 {
            let found = of_tables(&segment(&scaled(quality))).expect("a quality");
            assert_eq!(scaled(found), scaled(quality), "{quality}: {found}");
            assert!(found >= quality);
        }
    }

    #[test]
    fn about_a_quality_and_none() {
        let mut steps = scaled(80);
        steps[10] += 2;
        steps[40] -= 1;
        assert_eq!(of_tables(&segment(&steps)), Some(80));
        // As wide as a flat table of an encoder with other ideas.
        assert_eq!(of_tables(&segment(&[16; 64])), None);
        assert_eq!(of_tables(&segment(&[1; 64])), Some(100));
        assert_eq!(of_tables(&[0, 1, 2]), None);
        assert_eq!(of_tables(&[]), None);
        // Sixteen bits a step, behind a table for something else.
        let mut wide = vec![1; 65];
        wide.push(0x10);
        wide.extend(scaled(50).iter().flat_map(|step| step.to_be_bytes()));
        assert_eq!(of_tables(&wide), Some(50));
    }
}
