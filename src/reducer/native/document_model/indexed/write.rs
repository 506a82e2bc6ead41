//! The canonical text of a state, and the pieces of it that states share.

use std::sync::Arc;

use super::spec::{Module, Spec};
use super::{Earlier, Indexed};
use crate::model::json::{Object, Text, write_canonical, write_text};
use crate::model::state::Piece;

/// How long a piece may be that can also be given out in smaller pieces, in bytes.
const COARSE: usize = 16 << 10;

/// How long a text has to be to be worth a piece of its own, in bytes.
const FINE: usize = 256;

/// Where a text is written to.
pub(super) trait Sink {
    /// Text of this state alone is appended here.
    fn text(&mut self) -> &mut Vec<u8>;

    /// Takes the text of something that is shared: where it lies, about how long its text is, and what appends that.
    fn shared(&mut self, id: usize, bytes: usize, write: &dyn Fn(&mut Vec<u8>));
}

impl Sink for Vec<u8> {
    fn text(&mut self) -> &mut Vec<u8> {
        self
    }

    fn shared(&mut self, _: usize, _: usize, write: &dyn Fn(&mut Vec<u8>)) {
        write(self);
    }
}

/// Hands out pieces.
pub(super) struct Pieces<'e> {
    /// What belongs to the state alone, since the last shared piece.
    text: Vec<u8>,
    each: &'e mut dyn FnMut(Piece<'_>),
}

impl<'e> Pieces<'e> {
    pub(super) fn new(each: &'e mut dyn FnMut(Piece<'_>)) -> Self {
        Pieces { text: Vec::new(), each }
    }

    /// Hands out what is left.
    pub(super) fn flush(&mut self) {
        if !self.text.is_empty() {
            (self.each)(Piece::Text(&self.text));
            self.text.clear();
        }
    }
}

impl Sink for Pieces<'_> {
    fn text(&mut self) -> &mut Vec<u8> {
        &mut self.text
    }

    fn shared(&mut self, id: usize, bytes: usize, write: &dyn Fn(&mut Vec<u8>)) {
        if bytes < FINE {
            return write(&mut self.text);
        }
        self.flush();
        (self.each)(Piece::Shared { id, write });
    }
}

impl Indexed {
    /// Writes the canonical text of the state.
    pub(super) fn write_to<S: Sink>(&self, out: &mut S) {
        write_object(out, &self.members, &[("specifications", &|out: &mut S| self.write_specifications(out))]);
    }

    fn write_specifications<S: Sink>(&self, out: &mut S) {
        out.text().push(b'[');
        for earlier in &*self.earlier {
            match earlier {
                Earlier::Known(released) if released.bytes() > COARSE => write_spec(out, &released.spec),
                Earlier::Known(released) => {
                    let write = |out: &mut Vec<u8>| write_spec(out, &released.spec);
                    out.shared(Arc::as_ptr(released).addr(), released.bytes(), &write);
                }
                Earlier::Other(value) => {
                    out.shared(Arc::as_ptr(value).addr(), COARSE, &|out| write_canonical(value, out));
                }
            }
            out.text().push(b',');
        }
        write_spec(out, &self.latest);
        out.text().push(b']');
    }
}

fn write_spec<S: Sink>(out: &mut S, spec: &Spec) {
    let modules: Member<'_, S> = ("modules", &|out: &mut S| {
        write_list(out, spec.modules.iter(), |out, module| {
            if module.bytes() > COARSE {
                return write_module(out, module);
            }
            out.shared(Arc::as_ptr(module).addr(), module.bytes(), &|out| write_module(out, module));
        });
    });
    match &spec.state {
        None => write_object(out, &spec.members, &[modules]),
        Some(state) => {
            let write = |out: &mut S| {
                out.shared(Arc::as_ptr(state).addr(), COARSE, &|out| write_canonical(state, out));
            };
            write_object(out, &spec.members, &[modules, ("state", &write)]);
        }
    }
}

fn write_module<S: Sink>(out: &mut S, module: &Module) {
    let write = |out: &mut S| {
        write_list(out, module.operations.iter(), |out, operation| {
            out.shared(Arc::as_ptr(operation).addr(), FINE, &|out| write_object(out, operation, &[]));
        });
    };
    write_object(out, &module.members, &[("operations", &write)]);
}

fn write_list<'l, S: Sink, T: 'l>(
    out: &mut S,
    items: impl Iterator<Item = &'l Arc<T>>,
    write: impl Fn(&mut S, &'l Arc<T>),
) {
    out.text().push(b'[');
    for (n, item) in items.enumerate() {
        if n > 0 {
            out.text().push(b',');
        }
        write(out, item);
    }
    out.text().push(b']');
}

/// A member that is not held with the others, and what writes it.
type Member<'w, S> = (&'static str, &'w dyn Fn(&mut S));

/// Writes an object of `members` and `more`, which are in the order of their keys.
fn write_object<S: Sink>(out: &mut S, members: &Object<'static>, more: &[Member<'_, S>]) {
    let mut members = members.iter().peekable();
    let mut separator = b'{';
    let mut write = |out: &mut S, key: &Text<'_>, value: &dyn Fn(&mut S)| {
        out.text().push(std::mem::replace(&mut separator, b','));
        write_text(key, out.text());
        out.text().push(b':');
        value(out);
    };
    for (key, value) in more {
        let key = Text::from(*key);
        while let Some((other, member)) = members.next_if(|(other, _)| **other < key) {
            write(out, other, &|out| write_canonical(member, out.text()));
        }
        write(out, &key, value);
    }
    for (key, member) in members {
        write(out, key, &|out| write_canonical(member, out.text()));
    }
    if separator == b'{' {
        out.text().push(b'{');
    }
    out.text().push(b'}');
}
