//! The entries as pieces of a text, by the pages that trees share.

use std::sync::Arc;

use super::{BTree, Page};
use crate::model::state::{Piece, piece_id};

/// Appends the text of an entry.
type Write<'a, T> = &'a dyn Fn(&T, &mut Vec<u8>);

impl<T> BTree<Arc<T>> {
    /// Visits the texts of all entries in order, with commas between them.
    pub(in super::super) fn pieces(&self, write: Write<'_, T>, each: &mut dyn FnMut(Piece<'_>)) {
        self.root.pieces(true, write, each);
    }
}

impl<T> Page<Arc<T>> {
    fn pieces(&self, first: bool, write: Write<'_, T>, each: &mut dyn FnMut(Piece<'_>)) {
        match self {
            Page::Leaf(run) => each(Piece::Group {
                id: piece_id(run, usize::from(!first)),
                pieces: &|each| items(run.entries.iter(), first, write, each),
            }),
            Page::Branch(branch) => each(Piece::Group {
                id: piece_id(branch, usize::from(!first)),
                pieces: &|each| {
                    for (n, page) in branch.pages.iter().enumerate() {
                        page.pieces(first && n == 0, write, each);
                    }
                },
            }),
        }
    }
}

/// Visits the texts of entries, each with a comma before it, but the first of all.
pub(in super::super) fn items<'t, T: 't>(
    entries: impl Iterator<Item = &'t Arc<T>>,
    first: bool,
    write: Write<'_, T>,
    each: &mut dyn FnMut(Piece<'_>),
) {
    for (n, entry) in entries.enumerate() {
        let first = first && n == 0;
        each(Piece::Shared {
            id: piece_id(entry, usize::from(!first)),
            write: &|out| {
                if !first {
                    out.push(b',');
                }
                write(entry, out);
            },
        });
    }
}
