//! A picture of a frontier: bytes from left to right, how long reads take on average upwards, both logarithmic.

use std::fmt::Write as _;

use crate::keyframe::tune::{Candidate, Frontier, Point};

/// Lines that the picture has, without its axis.
const HEIGHT: usize = 10;
/// Columns where there is no terminal that says how many it has.
const USUAL: u16 = 80;
const MOST: usize = 72;

/// The picture; `dumb` terminals get plain letters.
pub(super) fn plot(frontier: &Frontier, width: Option<u16>, dumb: bool) -> String {
    let points: Vec<&Point> = frontier.candidates.iter().map(|candidate| &candidate.point).collect();
    let (across, up) = (Scale::of(points.iter().map(|p| p.bytes)), Scale::of(points.iter().map(|p| p.mean_ns)));
    let labels = [millis(up.most), millis(up.least)];
    let margin = labels.iter().map(String::len).max().unwrap_or_default() + 1;
    let columns = usize::from(width.unwrap_or(USUAL)).saturating_sub(margin + 2).clamp(12, MOST);
    let [beaten, on_frontier, taken, side, corner, bottom] =
        if dumb { ['.', 'o', '#', '|', '+', '-'] } else { ['·', '○', '●', '│', '└', '─'] };
    let mut cells = vec![vec![' '; columns]; HEIGHT];
    let mut place = |Candidate { point, .. }: &Candidate, sign| {
        let row = HEIGHT - 1 - up.step(point.mean_ns, HEIGHT);
        cells[row][across.step(point.bytes, columns)] = sign;
    };
    // What matters more is drawn over what matters less.
    for wanted in [false, true] {
        for candidate in frontier.candidates.iter().filter(|candidate| candidate.on_frontier == wanted) {
            place(candidate, if wanted { on_frontier } else { beaten });
        }
    }
    if let Some(candidate) = frontier.candidates.get(frontier.recommended) {
        place(candidate, taken);
    }
    let mut text = String::from("mean read\n");
    for (n, row) in cells.iter().enumerate() {
        let label = match n {
            0 => labels[0].as_str(),
            n if n == HEIGHT - 1 => labels[1].as_str(),
            _ => "",
        };
        let line: String = row.iter().collect();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{label:>margin$} {side}{}", line.trim_end());
    }
    let _ = writeln!(text, "{:margin$} {corner}{}", "", bottom.to_string().repeat(columns));
    let (least, most) = (bytes(across.least), bytes(across.most));
    let gap = columns.saturating_sub(least.chars().count() + most.chars().count());
    let _ = writeln!(text, "{:margin$}  {least}{:gap$}{most}", "", "");
    let _ = writeln!(
        text,
        "{:margin$}  {taken} recommended  {on_frontier} on the frontier  {beaten} beaten by another",
        ""
    );
    text
}

/// A logarithmic scale.
struct Scale {
    least: f64,
    most: f64,
}

impl Scale {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let (least, most) =
            values.fold((f64::INFINITY, 1.0_f64), |(least, most), value| (least.min(value.max(1.0)), most.max(value)));
        Scale { least: least.min(most), most }
    }

    /// Which of `steps` a value is on, from 0.
    fn step(&self, value: f64, steps: usize) -> usize {
        let span = (self.most / self.least).ln();
        let part = if span > 0.0 { (value.max(1.0) / self.least).ln() / span } else { 0.0 };
        let last = steps.saturating_sub(1);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "between 0 and the steps of a screen"
        )]
        let step = (part.clamp(0.0, 1.0) * last as f64).round() as usize;
        step.min(last)
    }
}

fn millis(ns: f64) -> String {
    super::view::millis(ns) + " ms"
}

/// A size that people can compare at a glance.
fn bytes(bytes: f64) -> String {
    let units = ["B", "KB", "MB", "GB", "TB"];
    let (mut value, mut unit) = (bytes, 0);
    while value >= 1000.0 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 { format!("{value:.0} {}", units[unit]) } else { format!("{value:.1} {}", units[unit]) }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use super::*;
    use crate::keyframe::tune::Method;

    fn candidate(spacing: u64, bytes: f64, mean_ns: f64, on_frontier: bool) -> Candidate {
        let spacing = NonZeroU64::new(spacing);
        let point = Point { spacing, keyframes: 1, bytes, worst_operations: 1, worst_ns: mean_ns, mean_ns };
        Candidate { point, on_frontier }
    }

    #[test]
    fn points_are_where_they_belong() {
        let candidates = vec![
            candidate(10, 1e6, 1e6, true),
            candidate(20, 1e5, 1e7, true),
            candidate(40, 1e4, 1e8, true),
            candidate(80, 1e6, 1e8, false),
        ];
        let without = candidates[3].point;
        let frontier = Frontier { candidates, recommended: 1, method: Method::Knee, without };
        let text = plot(&frontier, Some(60), true);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), HEIGHT + 4);
        assert!(lines[1].starts_with(" 100.000 ms |o") && lines[1].ends_with('.'), "{text}");
        assert!(lines[HEIGHT].starts_with("   1.000 ms |") && lines[HEIGHT].ends_with('o'), "{text}");
        let middle = lines.iter().position(|line| line.contains('#')).unwrap();
        assert!((5..=6).contains(&middle), "{text}");
        assert!(lines[HEIGHT + 2].contains("10.0 KB") && lines[HEIGHT + 2].ends_with("1.0 MB"), "{text}");
        assert!(text.is_ascii() && lines.iter().all(|line| line.len() <= 75), "{text}");
        assert!(plot(&frontier, Some(5), false).contains('●'), "the narrowest terminal");
    }

    #[test]
    fn one_point_is_a_picture_too() {
        let candidates = vec![candidate(10, 0.0, 0.0, true)];
        let without = candidates[0].point;
        let text = plot(&Frontier { candidates, recommended: 0, method: Method::Only, without }, None, false);
        assert_eq!(text.matches('●').count(), 2, "in the picture and in its key: {text}");
    }
}
