//! Medians, spreads and ratios of what rounds have given.

/// One figure of each round.
#[derive(Clone, Debug)]
pub(crate) struct Series(Vec<f64>);

impl Series {
    /// Nothing, if a round has no such figure.
    pub(crate) fn new(figures: impl Iterator<Item = Option<f64>>) -> Option<Self> {
        let figures: Vec<f64> = figures.collect::<Option<_>>()?;
        Some(Self(figures)).filter(|series| !series.0.is_empty())
    }

    pub(crate) fn median(&self) -> f64 {
        let sorted = self.sorted();
        let middle = sorted.len() / 2;
        if sorted.len() % 2 == 1 {
            sorted[middle]
        } else {
            f64::midpoint(sorted[middle - 1], sorted[middle])
        }
    }

    pub(crate) fn least(&self) -> f64 {
        self.sorted()[0]
    }

    pub(crate) fn most(&self) -> f64 {
        self.sorted()[self.0.len() - 1]
    }

    /// How many times the other this is, round by round.
    pub(crate) fn over(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| a / b).collect())
    }

    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }
}
