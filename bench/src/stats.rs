//! The statistics that the tables need.

/// The middle one of some figures; the mean of the two middle ones of an even number.
pub fn median(figures: impl IntoIterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.into_iter().collect();
    figures.sort_by(f64::total_cmp);
    match figures.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => figures[n / 2],
        n => f64::midpoint(figures[n / 2 - 1], figures[n / 2]),
    }
}

/// The smallest figure that so many of a hundred don't exceed.
pub fn percentile(figures: &[f64], percent: usize) -> f64 {
    let mut figures = figures.to_vec();
    figures.sort_by(f64::total_cmp);
    let rank = (figures.len() * percent).div_ceil(100).max(1);
    figures.get(rank - 1).copied().unwrap_or(f64::NAN)
}

/// Mean and variance of a sample, gathered one by one (Welford).
#[derive(Debug, Clone, Copy, Default)]
pub struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    /// Takes one more.
    pub fn add(&mut self, figure: f64) {
        self.count += 1.0;
        let off = figure - self.mean;
        self.mean += off / self.count;
        self.squares += off * (figure - self.mean);
    }

    /// The mean.
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// The squared standard error of the mean.
    fn error(&self) -> f64 {
        self.squares / (self.count - 1.0) / self.count
    }
}

/// Welch's t of two samples: beyond 4.5 or so either way their means differ for certain.
pub fn welch_t(a: &Moments, b: &Moments) -> f64 {
    (a.mean - b.mean) / (a.error() + b.error()).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert!((median([3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median([4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-9);
    }

    #[test]
    fn a_percentile_is_one_of_the_figures() {
        let figures: Vec<f64> = (1..=200).rev().map(f64::from).collect();
        let found = [50, 99, 100].map(|percent| percentile(&figures, percent));
        assert!(
            found.iter().zip([100.0, 198.0, 200.0]).all(|(found, expected)| (found - expected).abs() < 1e-9)
        );
        assert!(percentile(&[], 50).is_nan());
    }

    #[test]
    fn welch_tells_other_means_apart() {
        let moments = |offset: f64| {
            let mut moments = Moments::default();
            (0..1000).for_each(|n| moments.add(offset + f64::from(n % 10)));
            moments
        };
        assert!(welch_t(&moments(0.0), &moments(0.0)).abs() < 1e-9);
        assert!(welch_t(&moments(1.0), &moments(0.0)) > 4.5);
        assert!((moments(0.0).mean() - 4.5).abs() < 1e-9);
    }
}
