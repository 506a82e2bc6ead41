//! Keyframes as they come: below the stream that they belong to, or as JSON.

use std::borrow::Cow;

use super::super::view::KeyframeView;
use crate::cli::render::json::Members;
use crate::cli::render::table::{Align, Rows, one_line};
use crate::cli::ui::{Format, List, Out, StdoutError};
use crate::model::ids::StreamKey;

/// Prints keyframes as they come.
pub(super) struct Printer<'a> {
    way: Way<'a>,
    long: bool,
    printed: u64,
}

enum Way<'a> {
    /// As lines of text, with the stream of the last one.
    Text(&'a mut Out, Rows<'static>, Option<StreamKey>),
    /// As JSON.
    List(List<'a>),
}

const SHORT: &[(&str, usize, Align)] = &[
    ("revision", 8, Align::Right),
    ("codec", 10, Align::Left),
    ("stored B", 9, Align::Right),
    ("body B", 9, Align::Right),
    ("check", 0, Align::Left),
];
const LONG: &[(&str, usize, Align)] = &[
    ("revision", 8, Align::Right),
    ("codec", 10, Align::Left),
    ("stored B", 9, Align::Right),
    ("body B", 9, Align::Right),
    ("written", 24, Align::Left),
    ("check", 0, Align::Left),
];

impl<'a> Printer<'a> {
    pub(super) fn new(out: &'a mut Out, long: bool) -> Self {
        let way = if out.format() == Format::Plain {
            let rows = Rows::new(if long { LONG } else { SHORT }, out.width());
            Way::Text(out, rows, None)
        } else {
            Way::List(out.list())
        };
        Printer { way, long, printed: 0 }
    }

    pub(super) fn printed(&self) -> u64 {
        self.printed
    }

    pub(super) fn keyframe(&mut self, stream: &StreamKey, view: &KeyframeView) -> Result<(), StdoutError> {
        let first = self.printed == 0;
        self.printed += 1;
        match &mut self.way {
            Way::List(list) => list.item(|out| {
                let mut members = Members::open(out)?;
                view.write(&mut members)?;
                members.close()
            }),
            Way::Text(out, rows, last) => {
                if first {
                    out.line(&rows.titles())?;
                }
                if last.as_ref() != Some(stream) {
                    out.line(&one_line(&stream.to_string()))?;
                    *last = Some(stream.clone());
                }
                let cells = view.cells();
                let shown = &cells[..if self.long { 5 } else { 4 }];
                let mut cells: Vec<Cow<'_, str>> = shown.iter().map(|cell| Cow::Borrowed(cell.as_str())).collect();
                cells.push(view.state(self.long).into());
                out.line(&rows.row(&cells))
            }
        }
    }

    pub(super) fn finish(self) -> Result<(), StdoutError> {
        match self.way {
            Way::Text(..) => Ok(()),
            Way::List(list) => list.finish(),
        }
    }

    pub(super) fn abandon(self) -> Result<(), StdoutError> {
        match self.way {
            Way::Text(..) => Ok(()),
            Way::List(list) => list.abandon(),
        }
    }
}
