//! Values as pieces of a text, by what states share.
//!
//! All that has an allocation of its own is named by it, however small: a value that is named need not be looked at.

use super::Node;
use crate::model::json::{Text, write_text};
use crate::model::state::{Piece, piece_id};
use crate::reducer::seq::Seq;

/// How deeply groups may be nested. What is deeper is written as a whole when it changes.
const MAX_GROUPS: usize = 32;

/// A visitor of pieces.
type Each<'a> = &'a mut dyn FnMut(Piece<'_>);

/// Visits the pieces of a value in a sequence, the first one or another.
type Put<'a, T> = &'a dyn Fn(&T, bool, &mut Glue, Each<'_>);

/// Text that belongs to no shared value, gathered until a shared one comes.
#[derive(Default)]
struct Glue(Vec<u8>);

impl Node {
    /// Visits the canonical text in pieces.
    pub(in crate::reducer::generic) fn pieces(&self, each: Each<'_>) {
        let mut glue = Glue::default();
        self.put(None, 0, &mut glue, each);
        glue.flush(each);
    }

    /// Visits the pieces of a value that is in so many groups, with a comma before it or not.
    fn put(&self, comma: Option<u8>, n_groups: usize, glue: &mut Glue, each: Each<'_>) {
        let form = usize::from(comma.is_some());
        let id = match self {
            Node::Array(list) => piece_id(list, form),
            Node::Object(members) => piece_id(members, form),
            Node::String(Text::Shared(text), _) if text.len() > form => text.as_ptr().addr() + form,
            _ => {
                glue.0.extend(comma);
                return self.write_canonical(&mut glue.0);
            }
        };
        glue.flush(each);
        match self {
            Node::Array(list) if n_groups < MAX_GROUPS => {
                let put = |item: &Node, first: bool, glue: &mut Glue, each: Each<'_>| {
                    item.put(if first { None } else { Some(b',') }, n_groups + 2, glue, each);
                };
                let pieces: &dyn Fn(Each<'_>) = &|each| sequence(comma, list.items(), *b"[]", &put, each);
                each(Piece::Group { id, pieces });
            }
            Node::Object(members) if n_groups < MAX_GROUPS => {
                let put = |(key, value): &(Text<'static>, Node), first: bool, glue: &mut Glue, each: Each<'_>| {
                    put_key(key, first, glue, each);
                    value.put(None, n_groups + 2, glue, each);
                };
                let pieces: &dyn Fn(Each<'_>) = &|each| sequence(comma, members.members(), *b"{}", &put, each);
                each(Piece::Group { id, pieces });
            }
            _ => {
                let write: &dyn Fn(&mut Vec<u8>) = &|out| {
                    out.extend(comma);
                    self.write_canonical(out);
                };
                each(Piece::Shared { id, write });
            }
        }
    }
}

impl Glue {
    fn flush(&mut self, each: Each<'_>) {
        if !self.0.is_empty() {
            each(Piece::Text(&self.0));
            self.0.clear();
        }
    }
}

fn put_key(key: &Text<'static>, first: bool, glue: &mut Glue, each: Each<'_>) {
    // A string value may be the same text in memory, so a key is named by other bytes of it.
    let form = if first { 2 } else { 3 };
    let write = |out: &mut Vec<u8>| {
        if !first {
            out.push(b',');
        }
        write_text(key, out);
        out.push(b':');
    };
    match key {
        Text::Shared(text) if text.len() > form => {
            glue.flush(each);
            each(Piece::Shared { id: text.as_ptr().addr() + form, write: &write });
        }
        _ => write(&mut glue.0),
    }
}

/// Visits the pieces of a sequence of values between two brackets; those that lie together in a long one are a group.
fn sequence<T: Clone>(comma: Option<u8>, values: &Seq<T>, [open, close]: [u8; 2], put: Put<'_, T>, each: Each<'_>) {
    let mut glue = Glue::default();
    glue.0.extend(comma);
    glue.0.push(open);
    match values {
        Seq::Few(few) => run(few, true, put, &mut glue, each),
        Seq::Many(many) => {
            glue.flush(each);
            for (n, piece) in many.pieces().iter().enumerate() {
                let first = n == 0;
                let pieces: &dyn Fn(Each<'_>) = &|each| {
                    let mut glue = Glue::default();
                    run(piece, first, put, &mut glue, each);
                    glue.flush(each);
                };
                each(Piece::Group { id: piece_id(piece, usize::from(!first)), pieces });
            }
        }
    }
    glue.0.push(close);
    glue.flush(each);
}

fn run<T>(values: &[T], first: bool, put: Put<'_, T>, glue: &mut Glue, each: Each<'_>) {
    for (n, value) in values.iter().enumerate() {
        put(value, first && n == 0, glue, each);
    }
}
