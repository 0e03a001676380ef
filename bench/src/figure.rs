//! A figure, what it is compared with, and how all of them are shown.

use serde_json::{Value, json};

/// One measured figure.
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    /// What the reference needed in the same run, if it was there.
    pub(crate) reference: Option<f64>,
    pub(crate) goal: Goal,
}

/// What the figure has to reach.
#[derive(Clone, Copy)]
pub(crate) enum Goal {
    Below(f64),
    /// In value, and in ratio to the reference.
    Relative(f64, f64),
    Above(f64),
}

impl Figure {
    fn ratio(&self) -> Option<f64> {
        self.reference.filter(|&reference| reference > 0.0).map(|reference| self.value / reference)
    }

    /// Returns whether the goal is met; a ratio without a reference is not judged.
    fn met(&self) -> bool {
        match self.goal {
            Goal::Below(goal) => self.value <= goal,
            Goal::Relative(goal, ratio) => self.value <= goal && self.ratio().is_none_or(|measured| measured <= ratio),
            Goal::Above(goal) => self.value >= goal,
        }
    }

    fn goal(&self) -> String {
        match self.goal {
            Goal::Below(goal) => format!("≤ {goal}"),
            Goal::Relative(goal, ratio) => format!("≤ {goal} and ≤ {ratio} × the reference"),
            Goal::Above(goal) => format!("≥ {goal}"),
        }
    }

    fn json(&self) -> Value {
        json!({
            "name": self.name,
            "value": rounded(self.value),
            "unit": self.unit,
            "reference": self.reference.map(rounded),
            "ratio": self.ratio().map(rounded),
            "goal": self.goal(),
            "met": self.met(),
        })
    }
}

#[derive(Default)]
pub(crate) struct Figures(Vec<Figure>);

impl Figures {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds a figure and shows it, so that a long run tells something on its way.
    pub(crate) fn add(&mut self, figure: Figure) {
        println!("  {}: {} {}", figure.name, shown(figure.value), figure.unit);
        self.0.push(figure);
    }

    pub(crate) fn table(&self) -> String {
        let header = ["figure", "value", "unit", "reference", "ratio", "goal", "met"].map(String::from);
        let rows = self.0.iter().map(|figure| {
            let optional = |value: Option<f64>| value.map_or_else(|| "–".into(), shown);
            let met = if figure.met() { "yes" } else { "NO" };
            [
                figure.name.into(),
                shown(figure.value),
                figure.unit.into(),
                optional(figure.reference),
                optional(figure.ratio()),
                figure.goal(),
                met.into(),
            ]
        });
        let rows: Vec<[String; 7]> = std::iter::once(header).chain(rows).collect();
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..7).map(width).collect();
        let line = |row: &[String; 7]| {
            let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:<width$}"));
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        rows.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    /// Returns an array of objects, one a line.
    pub(crate) fn json(&self) -> String {
        let objects: Vec<_> = self.0.iter().map(|figure| figure.json().to_string()).collect();
        format!("[\n{}\n]\n", objects.join(",\n"))
    }
}

/// Returns the middle one; of an even number the upper middle.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Returns the value below which that share (0 to 1) of all lies; sorts them.
pub(crate) fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    values.get(((values.len() as f64 * share) as usize).min(last)).copied().unwrap_or(f64::NAN)
}

/// Four significant digits are more than any of this is good for.
fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let scale = 10f64.powi(3 - value.abs().log10().floor() as i32);
    (value * scale).round() / scale
}

fn shown(value: f64) -> String {
    rounded(value).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(value: f64, reference: Option<f64>, goal: Goal) -> Figure {
        Figure { name: "a", value, unit: "s", reference, goal }
    }

    #[test]
    fn goals_are_judged() {
        assert!(figure(0.5, None, Goal::Below(0.6)).met());
        assert!(!figure(0.5, Some(1.0), Goal::Relative(0.6, 0.4)).met());
        assert!(figure(0.5, None, Goal::Relative(0.6, 0.4)).met());
        assert!(!figure(1100.0, None, Goal::Above(1200.0)).met());
    }

    #[test]
    fn medians_and_quantiles_are_values_that_were_measured() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        let mut values: Vec<f64> = (0..100).rev().map(f64::from).collect();
        assert_eq!(quantile(&mut values, 0.5), 50.0);
        assert_eq!(quantile(&mut values, 0.99), 99.0);
        assert_eq!(quantile(&mut [7.0], 0.99), 7.0);
    }

    #[test]
    fn figures_are_written_as_an_array_of_objects() {
        let mut figures = Figures::new();
        figures.add(figure(0.123456, Some(0.5), Goal::Relative(0.6, 0.4)));
        let read: Value = serde_json::from_str(&figures.json()).unwrap();
        assert_eq!(read[0]["value"], 0.1235);
        assert_eq!(read[0]["ratio"], 0.2469);
        assert_eq!(read[0]["met"], true);
    }
}
