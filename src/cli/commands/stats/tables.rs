//! Figures for people: tables, with bars where a picture says more.

use std::collections::BTreeMap;

use super::top::Ranked;
use super::{Figures, TopKey};
use crate::cli::commands::import::count;
use crate::cli::render::bar::{Ink, bar, room, size};
use crate::cli::render::table::{Align, one_line, table};
use crate::cli::ui::{Out, StdoutError, ink};
use crate::model::ids::{DocumentType, Scope};
use crate::stats::{Bytes, Group, Growth, PathBytes, Paths, Totals};
use crate::store::Codec;

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

/// A row, and what its bar stands for.
type Row = (Vec<String>, u64);

impl Printer<'_> {
    /// A table below a blank line, with bars behind it where there are several rows and room for them.
    fn table(&mut self, columns: &[(&str, Align)], rows: Vec<Row>) -> Result<(), StdoutError> {
        if rows.is_empty() {
            return Ok(());
        }
        let most = rows.iter().map(|(_, value)| *value).max().unwrap_or_default();
        let cells: Vec<&[String]> = rows.iter().map(|(cells, _)| &cells[..]).collect();
        let width = if rows.len() > 1 { room(columns, &cells, self.out.width()) } else { None };
        let mut columns = columns.to_vec();
        columns.extend(width.map(|_| ("", Left)));
        let rows: Vec<Vec<String>> = rows
            .into_iter()
            .map(|(mut cells, value)| {
                cells.extend(width.map(|width| bar(value, most, width, self.ink)));
                cells
            })
            .collect();
        self.out.line("")?;
        self.out.bytes(table(&columns, &rows, self.out.width()).as_bytes())
    }

    fn totals(&mut self, figures: &Figures) -> Result<(), StdoutError> {
        let (totals, all) = (&figures.totals, figures.totals.all());
        let keyframes = all.keyframes();
        let mut stored = size(keyframes.stored_bytes);
        if keyframes.body_bytes != keyframes.stored_bytes {
            stored = format!("{stored}, {} as handed out", size(keyframes.body_bytes));
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
            facts.push(fact("left out", format!("{} that cannot be read", count(figures.unreadable, "document"))));
        }
        self.out.bytes(table(&[("", Left), ("", Left)], &facts, self.out.width()).as_bytes())
    }

    fn types(&mut self, totals: &Totals) -> Result<(), StdoutError> {
        let row = |(document_type, group): (DocumentType, Group)| {
            let n = totals.documents.get(&document_type).copied().unwrap_or_default();
            group_row(document_type.to_string(), n, &group)
        };
        let columns = [&[("document type", Left), ("documents", Right)][..], GROUP].concat();
        self.table(&columns, totals.by_type().into_iter().map(row).collect())
    }

    fn scopes(&mut self, totals: &Totals) -> Result<(), StdoutError> {
        let row = |(scope, group): (Scope, Group)| group_row(scope.to_string(), group.streams, &group);
        let columns = [&[("scope", Left), ("streams", Right)][..], GROUP].concat();
        self.table(&columns, totals.by_scope().into_iter().map(row).collect())
    }

    fn codecs(&mut self, all: &Group) -> Result<(), StdoutError> {
        let row = |(codec, bytes): (&Codec, &Bytes)| {
            let Bytes { keyframes, stored_bytes, body_bytes } = *bytes;
            let cells = vec![codec.name().to_owned(), keyframes.to_string(), size(stored_bytes), size(body_bytes)];
            (cells, stored_bytes)
        };
        let columns = [("codec", Left), ("keyframes", Right), ("stored", Right), ("as handed out", Right)];
        self.table(&columns, all.counts.keyframes.iter().map(row).collect())
    }

    fn growth(&mut self, totals: &Totals) -> Result<(), StdoutError> {
        let (title, periods) = periods(totals);
        let row = |(period, growth): (String, Growth)| {
            let Growth { operations, operation_bytes } = growth;
            (vec![period, operations.to_string(), size(operation_bytes)], operations)
        };
        let columns = [(title, Left), ("operations", Right), ("bytes", Right)];
        self.table(&columns, periods.into_iter().map(row).collect())
    }

    fn distances(&mut self, totals: &Totals) -> Result<(), StdoutError> {
        const SHARES: [(&str, u32); 4] = [("half of all revisions", 500), ("90 %", 900), ("99 %", 990), ("all", 1000)];
        let row = |(share, per_mille): (&str, u32)| {
            let distance = totals.distances.percentile(per_mille)?;
            Some((vec![share.to_owned(), distance.to_string()], distance))
        };
        let rows = SHARES.into_iter().filter_map(row).collect();
        self.table(&[("replay distance of", Left), ("at most", Right)], rows)?;
        let Some((stream, worst)) = totals.worst.as_ref().filter(|(_, worst)| worst.operations > 0) else {
            return Ok(());
        };
        let from = worst.from.map_or("the beginning".to_owned(), |base| format!("keyframe {base}"));
        let operations = count(worst.operations, "operation");
        self.out.line(&one_line(&format!("worst: {stream}:{} takes {operations} from {from}", worst.at)))
    }

    fn paths(&mut self, paths: &Paths, unbuilt: u64) -> Result<(), StdoutError> {
        const MOST_ROWS: usize = 20;
        let largest = paths.largest();
        let row = |(path, at): &(&str, PathBytes)| {
            (vec![(*path).to_owned(), at.streams.to_string(), size(at.bytes)], at.bytes)
        };
        let mut rows: Vec<Row> = largest.iter().take(MOST_ROWS).map(row).collect();
        let others = largest.iter().skip(MOST_ROWS).map(|(_, at)| at.bytes).sum::<u64>() + paths.others.bytes;
        if others > 0 {
            rows.push((vec!["others".to_owned(), String::new(), size(others)], others));
        }
        self.table(&[("state at the heads", Left), ("streams", Right), ("bytes", Right)], rows)?;
        if unbuilt > 0 {
            self.out.line(&format!("left out: {} that cannot be rebuilt", count(unbuilt, "stream")))?;
        }
        Ok(())
    }

    fn top(&mut self, key: TopKey, ranked: &[Ranked]) -> Result<(), StdoutError> {
        let row = |ranked: &Ranked| {
            let value = match key {
                TopKey::Bytes => size(ranked.value),
                TopKey::ReplayMs => format!("{}.{:03} ms", ranked.value / 1000, ranked.value % 1000),
                _ => ranked.value.to_string(),
            };
            (vec![ranked.figures.stream.to_string(), value], ranked.value)
        };
        self.table(&[("stream", Left), (key.title(), Right)], ranked.iter().map(row).collect())
    }
}

/// What is shown of streams.
const GROUP: &[(&str, Align)] = &[("operations", Right), ("bytes", Right), ("keyframes", Right), ("bytes", Right)];

fn group_row(name: String, n: u64, group: &Group) -> Row {
    let keyframes = group.keyframes();
    let cells = vec![
        name,
        n.to_string(),
        group.counts.operations.to_string(),
        size(group.counts.operation_bytes),
        keyframes.keyframes.to_string(),
        size(keyframes.stored_bytes),
    ];
    (cells, group.counts.bytes())
}

/// Growth by day, or by month or year where there are too many to be looked at.
fn periods(totals: &Totals) -> (&'static str, BTreeMap<String, Growth>) {
    const MOST_ROWS: usize = 36;
    let by = |cut: usize| {
        let mut periods: BTreeMap<String, Growth> = BTreeMap::new();
        for (day, growth) in &totals.days {
            // A year may have a sign and more digits, months and days have two.
            let mut period = day.to_string();
            period.truncate(period.len().saturating_sub(cut));
            periods.entry(period).or_default().add(*growth);
        }
        periods
    };
    let all = [("day", 0), ("month", "-01".len()), ("year", "-01-01".len())].map(|(title, cut)| (title, by(cut)));
    let [.., years] = &all;
    all.iter().find(|(_, periods)| periods.len() <= MOST_ROWS).unwrap_or(years).clone()
}

impl TopKey {
    fn title(self) -> &'static str {
        match self {
            TopKey::Distance => "worst replay distance",
            TopKey::ReplayMs => "rebuild of the head",
            other => other.name(),
        }
    }
}
