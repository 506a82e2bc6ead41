//! The text format of OpenMetrics 1.0 (<https://prometheus.io/docs/specs/om/open_metrics_spec/>).

use std::fmt::Write as _;

use clap::ValueEnum;

/// Another form of an answer than tables and JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OtherFormat {
    /// The text format of OpenMetrics
    Openmetrics,
}

/// Metric families as they come.
#[derive(Default)]
pub(crate) struct Exposition(String);

// Writing to a string cannot fail.
impl Exposition {
    /// Begins a metric family; `unit` may be empty, else the name ends with it. Samples of a counter add `_total` to the name.
    pub(crate) fn family(&mut self, name: &str, kind: &str, unit: &str, help: &str) {
        let _ = writeln!(self.0, "# TYPE {name} {kind}");
        if !unit.is_empty() {
            let _ = writeln!(self.0, "# UNIT {name} {unit}");
        }
        let _ = writeln!(self.0, "# HELP {name} {}", escaped(help));
    }

    /// Adds a sample of the family that was begun last.
    pub(crate) fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        self.0.push_str(name);
        for (n, (label, text)) in labels.iter().enumerate() {
            let before = if n == 0 { '{' } else { ',' };
            let _ = write!(self.0, "{before}{label}=\"{}\"", escaped(text));
        }
        let _ = writeln!(self.0, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }

    /// The whole exposition, with its end.
    #[must_use]
    pub(crate) fn end(self) -> String {
        self.0 + "# EOF\n"
    }
}

/// A text between quotes.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
