//! Which of many distances are too large to be chance, with few false ones among those named.

/// The least spread that is believed: where all are alike, one small difference is no marvel.
const LEAST_SPREAD: f64 = 0.05;
/// From the median of absolute deviations to the standard deviation of a normal distribution.
const NORMAL: f64 = 1.4826;

/// For each distance the probability of one so large, if distances were spread as their middle half says and had
/// normal tails. A screen, not a proof.
pub(super) fn p_values(distances: &[f64]) -> Vec<f64> {
    let middle = median(distances.to_vec());
    let spread = NORMAL * median(distances.iter().map(|d| (d - middle).abs()).collect()).max(LEAST_SPREAD);
    distances.iter().map(|distance| upper_tail((distance - middle) / spread)).collect()
}

/// Benjamini and Hochberg (1995): which hypotheses are rejected so that among them the share of true ones is expected
/// to be no more than `rate`.
#[expect(clippy::cast_precision_loss, reason = "servers are some hundred thousand at the most")]
pub(super) fn rejected(p_values: &[f64], rate: f64) -> Vec<bool> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|one, other| p_values[*one].total_cmp(&p_values[*other]));
    let all = p_values.len() as f64;
    let within = |(rank, place): &(usize, &usize)| p_values[**place] <= rate * (*rank as f64 + 1.0) / all;
    let last = order.iter().enumerate().filter(within).map(|(rank, _)| rank).next_back();
    let mut rejected = vec![false; p_values.len()];
    order.iter().take(last.map_or(0, |last| last + 1)).for_each(|place| rejected[*place] = true);
    rejected
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// The upper tail of the normal distribution (Abramowitz and Stegun 26.2.17; the error is below 1e-7).
fn upper_tail(z: f64) -> f64 {
    if z < 0.0 {
        return 1.0 - upper_tail(-z);
    }
    let t = 1.0 / (1.0 + 0.231_641_9 * z);
    let polynomial = t
        * (0.319_381_530
            + t * (-0.356_563_782 + t * (1.781_477_937 + t * (-1.821_255_978 + t * 1.330_274_429))));
    polynomial * (-z * z / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tails_are_those_of_the_table() {
        for (z, tail) in
            [(0.0, 0.5), (1.0, 0.158_655), (1.959_964, 0.025), (3.0, 0.001_349_9), (-1.0, 0.841_345)]
        {
            assert!((upper_tail(z) - tail).abs() < 1e-6, "{z}");
        }
    }

    #[test]
    fn the_example_of_benjamini_and_hochberg_rejects_four() {
        let p = [
            0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719,
            0.6528, 0.7590, 1.0,
        ];
        assert_eq!(rejected(&p, 0.05).iter().filter(|rejected| **rejected).count(), 4);
    }

    #[test]
    fn the_odd_one_out_is_found_and_a_small_difference_is_not() {
        let mut distances = vec![0.0; 40];
        distances[7] = 0.5;
        distances[8] = 0.1;
        let found = rejected(&p_values(&distances), 0.05);
        assert!(found[7] && found.iter().filter(|found| **found).count() == 1);
    }

    proptest! {
        #[test]
        fn probabilities_are_probabilities(distances in proptest::collection::vec(0.0..1.0_f64, 0..60)) {
            let p = p_values(&distances);
            prop_assert!(p.iter().all(|p| (0.0..=1.0).contains(p)));
            prop_assert_eq!(rejected(&p, 0.05).len(), distances.len());
        }
    }
}
