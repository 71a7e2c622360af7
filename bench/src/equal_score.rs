//! Numbers called "quality" do not mean the same in two encoders. So Tintype is also asked for the lowest quality at
//! which it scores no lower than a peer: then time and bytes can be compared.

use crate::BenchError;
use crate::judge::{Light, Scores};

/// The reference on which the peer stands best against us: reaching it there is reaching it fairly.
pub fn fairest_light(ours: &Scores, peers: &Scores) -> Light {
    if peers.linear - ours.linear >= peers.gamma - ours.gamma {
        Light::Linear
    } else {
        Light::Gamma
    }
}

/// The lowest quality from 1 to 100 that scores at least `target`; none when 100 does not. Looks around `start` first,
/// in steps that double, since scores rise with quality and renders at far ends are dear.
pub fn lowest_quality(
    start: u8,
    target: f64,
    mut score: impl FnMut(u8) -> Result<f64, BenchError>,
) -> Result<Option<u8>, BenchError> {
    let (mut too_low, mut best) = (0, None);
    let (mut next, mut step) = (start, 2);
    loop {
        if score(next)? >= target {
            best = Some(next);
        } else {
            too_low = next;
        }
        next = match best {
            None if too_low >= 100 => return Ok(None),
            None => too_low.saturating_add(step).min(100),
            Some(reached) if reached - too_low <= 1 => return Ok(best),
            Some(reached) if too_low == 0 => reached.saturating_sub(step).max(1),
            Some(reached) => too_low + (reached - too_low) / 2,
        };
        step = step.saturating_mul(2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(target: f64) -> Option<u8> {
        let score = |quality: u8| Ok(f64::from(quality) * 0.9);
        lowest_quality(80, target, score).unwrap()
    }

    #[test]
    fn the_search_finds_the_first_quality_that_is_good_enough() {
        assert_eq!(search(71.9), Some(80));
        assert_eq!(search(72.1), Some(81));
        assert_eq!(search(0.0), Some(1));
        assert_eq!(search(90.0), Some(100));
        assert_eq!(search(90.1), None);
    }

    #[test]
    fn the_peer_is_met_on_the_reference_that_favours_it() {
        let scores = |linear, gamma| Scores { linear, gamma };
        assert_eq!(fairest_light(&scores(70.0, 80.0), &scores(75.0, 70.0)), Light::Linear);
        assert_eq!(fairest_light(&scores(80.0, 70.0), &scores(75.0, 72.0)), Light::Gamma);
    }
}
