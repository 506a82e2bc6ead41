//! Figures for people: tables, with bars where a picture says more.

use std::collections::BTreeMap;

use super::{Figures, Ranked, TopKey};
use crate::cli::render::bar::{Ink, bar, size};
use crate::cli::render::table::{Align, table};
use crate::cli::ui::{Out, StdoutError, ink};
use crate::model::ids::Revision;
use crate::stats::{Group, Growth, Paths, Totals};

/// Prints all of it.
pub(super) fn print(figures: &Figures, out: &mut Out) -> Result<(), StdoutError> {
    let printer = &mut Printer { out, ink: ink() };
    printer.totals(figures)?;
    printer.types(&figures.totals)?;
    printer.scopes(&figures.totals)?;
    printer.codecs(&figures.totals.all())?;
    printer.growth(&figures.totals)?;
    printer.distances(&figures.totals)?;
    if let Some(paths) = &figures.paths {
        printer.paths(paths, figures.unbuilt)?;
    }
    match &figures.top {
        Some((key, ranked)) => printer.top(*key, ranked),
        None => Ok(()),
    }
}

struct Printer<'a> {
    out: &'a mut Out,
    ink: Ink,
}

use Align::{Left, Right};

impl Printer<'_> {
    /// A table below a blank line.
    fn table(&mut self, columns: &[(&str, Align)], rows: &[Vec<String>]) -> Result<(), StdoutError> {
        if rows.is_empty() {
            return Ok(());
        }
        self.out.line("")?;
        self.out.bytes(table(columns, rows, self.out.width()).as_bytes())
    }

    fn totals(&mut self, figures: &Figures) -> Result<(), StdoutError> {
        let (totals, all) = (&figures.totals, figures.totals.all());
        let keyframes = all.keyframes();
        let mut stored = size(keyframes.stored_bytes);
        if keyframes.body_bytes != keyframes.stored_bytes {
            stored = format!("{stored}, {} uncompressed", size(keyframes.body_bytes));
        }
        let fact = |name: &str, value: String| vec![name.to_owned(), value];
        let mut facts = vec![
            fact("location", figures.location.clone()),
            fact("documents", totals.n_documents().to_string()),
            fact("streams", all.streams.to_string()),
            fact("operations", format!("{} ({})", all.counts.operations, size(all.counts.operation_bytes))),
            fact("keyframes", format!("{} ({stored})", keyframes.keyframes)),
        ];
        facts.extend(totals.newest.map(|newest| fact("newest operation", newest.to_string())));
        if figures.unreadable > 0 {
            facts.push(fact("left out", format!("{} documents that cannot be read", figures.unreadable)));
        }
        self.out.bytes(table(&[("", Left), ("", Left)], &facts, self.out.width()).as_bytes())
    }

    fn types(&mut self, totals: &Totals) -> Result<(), StdoutError> {
        let types = totals.by_type();
        let most = types.values().map(|group| group.counts.bytes()).max().unwrap_or_default();
        let rows: Vec<_> = types
            .iter()
            .map(|(document_type, group)| {
                let n = totals.documents.get(document_type).copied().unwrap_or_default();
                [vec![document_type.to_string(), n.to_string()], self.group(group, most)].concat()
            })
            .collect();
        let columns = [&[("document type", Left), ("documents", Right)][..], GROUP].concat();
        self.table(&columns, &rows)
    }

    fn scopes(&mut self, totals: &Totals) -> Result<(), StdoutError> {
        let scopes = totals.by_scope();
        let most = scopes.values().map(|group| group.counts.bytes()).max().unwrap_or_default();
        let rows: Vec<_> = scopes
            .iter()
            .map(|(scope, group)| {
                [vec![scope.to_string(), group.streams.to_string()], self.group(group, most)].concat()
            })
            .collect();
        let columns = [&[("scope", Left), ("streams", Right)][..], GROUP].concat();
        self.table(&columns, &rows)
    }

    fn group(&self, group: &Group, most: u64) -> Vec<String> {
        let keyframes = group.keyframes();
        vec![
            group.counts.operations.to_string(),
            size(group.counts.operation_bytes),
            keyframes.keyframes.to_string(),
            size(keyframes.stored_bytes),
            bar(group.counts.bytes(), most, self.ink),
        ]
    }

    fn codecs(&mut self, all: &Group) -> Result<(), StdoutError> {
        let most = all.counts.keyframes.values().map(|bytes| bytes.stored_bytes).max().unwrap_or_default();
        let rows: Vec<_> = all
            .counts
            .keyframes
            .iter()
            .map(|(codec, bytes)| {
                vec![
                    codec.name().to_owned(),
                    bytes.keyframes.to_string(),
                    size(bytes.stored_bytes),
                    size(bytes.body_bytes),
                    bar(bytes.stored_bytes, most, self.ink),
                ]
            })
            .collect();
        self.table(
            &[("codec", Left), ("keyframes", Right), ("stored", Right), ("as handed out", Right), ("", Left)],
            &rows,
        )
    }

    /// By day, and by month or year where there are too many to be looked at.
    fn growth(&mut self, totals: &Totals) -> Result<(), StdoutError> {
        const MOST_ROWS: usize = 36;
        let days: Vec<(String, Growth)> = totals.days.iter().map(|(day, growth)| (day.to_string(), *growth)).collect();
        let mut shown = ("day", BTreeMap::new());
        // The year may have a sign and more digits.
        for (title, cut) in [("day", 0), ("month", 3), ("year", 6)] {
            let mut periods: BTreeMap<&str, Growth> = BTreeMap::new();
            for (day, growth) in &days {
                periods.entry(&day[..day.len().saturating_sub(cut)]).or_default().add(*growth);
            }
            shown = (title, periods);
            if shown.1.len() <= MOST_ROWS {
                break;
            }
        }
        let (title, periods) = shown;
        let most = periods.values().map(|growth| growth.operations).max().unwrap_or_default();
        let rows: Vec<_> = periods
            .into_iter()
            .map(|(period, growth)| {
                vec![
                    period.to_owned(),
                    growth.operations.to_string(),
                    size(growth.operation_bytes),
                    bar(growth.operations, most, self.ink),
                ]
            })
            .collect();
        self.table(&[(title, Left), ("operations", Right), ("bytes", Right), ("", Left)], &rows)
    }

    fn distances(&mut self, totals: &Totals) -> Result<(), StdoutError> {
        let distances = &totals.distances;
        let most = distances.max().unwrap_or_default();
        let shares = [("half of all revisions", 500), ("90 %", 900), ("99 %", 990), ("all", 1000)];
        let rows: Vec<_> = shares
            .iter()
            .filter_map(|(share, per_mille)| {
                let most_of_them = distances.percentile(*per_mille)?;
                Some(vec![(*share).to_owned(), most_of_them.to_string(), bar(most_of_them, most, self.ink)])
            })
            .collect();
        self.table(&[("replay distance of", Left), ("at most", Right), ("", Left)], &rows)?;
        let Some((stream, worst)) = totals.worst.as_ref().filter(|(_, worst)| worst.operations > 0) else {
            return Ok(());
        };
        let from = worst.from.map(Revision::get).map_or("the beginning".to_owned(), |base| format!("keyframe {base}"));
        self.out.line(&format!("worst: {stream}:{} takes {} operations from {from}", worst.at, worst.operations))
    }

    fn paths(&mut self, paths: &Paths, unbuilt: u64) -> Result<(), StdoutError> {
        const MOST_ROWS: usize = 20;
        let largest = paths.largest();
        let most = largest.first().map(|(_, at)| at.bytes).unwrap_or_default();
        let mut rows: Vec<_> = largest
            .iter()
            .take(MOST_ROWS)
            .map(|(path, at)| {
                vec![(*path).to_owned(), at.streams.to_string(), size(at.bytes), bar(at.bytes, most, self.ink)]
            })
            .collect();
        let others = largest.iter().skip(MOST_ROWS).map(|(_, at)| at.bytes).sum::<u64>() + paths.others.bytes;
        if others > 0 {
            rows.push(vec!["others".to_owned(), String::new(), size(others), bar(others, most, self.ink)]);
        }
        self.table(&[("state at the heads", Left), ("streams", Right), ("bytes", Right), ("", Left)], &rows)?;
        if unbuilt > 0 {
            self.out.line(&format!("streams that cannot be rebuilt: {unbuilt}"))?;
        }
        Ok(())
    }

    fn top(&mut self, key: TopKey, ranked: &[Ranked]) -> Result<(), StdoutError> {
        let most = ranked.first().map(|first| first.value).unwrap_or_default();
        let rows: Vec<_> = ranked
            .iter()
            .map(|ranked| {
                let value = match key {
                    TopKey::Bytes => size(ranked.value),
                    TopKey::ReplayMs => format!("{}.{:03} ms", ranked.value / 1000, ranked.value % 1000),
                    _ => ranked.value.to_string(),
                };
                vec![ranked.figures.stream.to_string(), value, bar(ranked.value, most, self.ink)]
            })
            .collect();
        self.table(&[("stream", Left), (key.title(), Right), ("", Left)], &rows)
    }
}

/// What is shown of streams.
const GROUP: &[(&str, Align)] =
    &[("operations", Right), ("bytes", Right), ("keyframes", Right), ("bytes", Right), ("", Left)];

impl TopKey {
    fn title(self) -> &'static str {
        match self {
            TopKey::Distance => "worst replay distance",
            TopKey::ReplayMs => "rebuild of the head",
            other => other.name(),
        }
    }
}
