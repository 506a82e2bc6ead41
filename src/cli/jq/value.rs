//! The values that filters work on: those of jaq, with bounds on depth and length, and with jq's behaviour where jaq
//! has another (deleting keeps the order of keys, `null` can be written into, an integral double is an index).

use std::cmp::Ordering;
use std::fmt;
use std::ops::{Add, Div, Mul, Neg, Rem, Sub};

use jaq_core::box_iter::{BoxIter, box_once};
use jaq_core::ops::Math;
use jaq_core::path::Opt;
use jaq_core::val::Range;
use jaq_core::{Exn, ValT as _};
use jaq_json::{Num, Rc, Val};

use super::Fault;
use super::text::{write_start, write_value};

/// What a filter gives, or why it fails.
pub(super) type ValR = Result<Value, jaq_core::Error<Value>>;
type ValX<'a> = Result<Value, Exn<'a, Value>>;

/// A value of a filter.
#[derive(Clone, Debug, Default)]
pub(super) struct Value {
    pub(super) inner: Val,
    /// It is nested at most this deep; 0 is a scalar.
    depth: usize,
}

impl Value {
    /// Deeper values are refused, because jaq drops, compares and prints them by recursion.
    pub(super) const MAX_DEPTH: usize = 10_000;
    /// A single operation makes no longer text than this.
    const MAX_TEXT_BYTES: usize = 256 << 20;
    /// Writing behind the end of an array fills it up to here at most.
    const MAX_FILL: usize = 1 << 24;

    /// A value that is nested at most `depth` deep.
    ///
    /// The bound grows with every step that might nest, so it is measured again before it is believed to be too high.
    pub(super) fn nested(inner: Val, depth: usize) -> Self {
        if depth <= Self::MAX_DEPTH {
            return Value { inner, depth };
        }
        let depth = depth_of(&inner);
        if depth > Self::MAX_DEPTH {
            Fault::TooDeep.throw();
        }
        Value { inner, depth }
    }

    pub(super) fn text(text: impl Into<Vec<u8>>) -> Self {
        Value { inner: Val::utf8_str(text.into()), depth: 0 }
    }

    /// A value that is inside this one.
    fn child(&self, inner: Val) -> Self {
        let depth = if is_scalar(&inner) { 0 } else { self.depth.saturating_sub(1).max(1) };
        Value { inner, depth }
    }

    fn children<'a>(self) -> BoxIter<'a, Value> {
        let of = Value { inner: Val::Null, depth: self.depth };
        match self.inner {
            Val::Arr(items) => Box::new(unshared(items).into_iter().map(move |item| of.child(item))),
            Val::Obj(members) => Box::new(unshared(members).into_iter().map(move |(_, item)| of.child(item))),
            _ => Box::new(std::iter::empty()),
        }
    }

    fn cannot(self, what: &'static str) -> jaq_core::Error<Value> {
        jaq_core::Error::typ(self, what)
    }

    /// What `.[index]` is, or `None` where nothing is.
    pub(super) fn get(&self, index: &Value) -> Result<Option<Value>, jaq_core::Error<Value>> {
        let index = integral(&index.inner);
        let found = match (&self.inner, &index) {
            (Val::Null, Val::Null | Val::Num(_) | Val::TStr(_)) => return Ok(None),
            (Val::Obj(members), Val::TStr(_)) => members.get(&index).cloned(),
            (Val::Arr(items), Val::Num(Num::Int(at))) => {
                position(*at, items.len()).and_then(|at| items.get(at).cloned())
            }
            // Any other number is nowhere.
            (Val::Arr(_), Val::Num(_)) => None,
            (Val::Arr(_), Val::Arr(_)) => Some(self.inner.clone().index(&index).unwrap_or_default()),
            (Val::Null | Val::TStr(_) | Val::Arr(_), Val::Obj(range)) => {
                let end = |name: &'static str| range.get(&Val::utf8_str(name)).map(|end| self.child(end.clone()));
                let (start, end) = (end("start"), end("end"));
                return self.clone().range(start.as_ref()..end.as_ref()).map(Some);
            }
            _ => return Err(jaq_core::Error::index(self.clone(), Value::nested(index, 1))),
        };
        Ok(found.map(|inner| self.child(inner)))
    }
}

/// A fraction that is an index of nothing stays one; an integral double becomes an integer.
fn integral(index: &Val) -> Val {
    use jaq_std::ValT as _;
    match index {
        Val::Num(Num::Float(_) | Num::Dec(_)) => {
            let number = index.as_f64().unwrap_or(f64::NAN);
            #[expect(clippy::cast_possible_truncation, reason = "it is integral and small")]
            let whole = (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as isize);
            whole.map_or_else(|| index.clone(), Val::from)
        }
        _ => index.clone(),
    }
}

/// An end of a slice, as an integer.
fn slice_end(end: Option<&Value>, round: fn(f64) -> f64) -> Option<Val> {
    use jaq_std::ValT as _;
    let end = &end?.inner;
    match end {
        Val::Num(Num::Float(_) | Num::Dec(_)) => {
            let number = end.as_f64().map_or(0.0, round).clamp(-9e15, 9e15);
            #[expect(clippy::cast_possible_truncation, reason = "it is integral and small")]
            Some(Val::from(number as isize))
        }
        Val::Null => None,
        _ => Some(end.clone()),
    }
}

/// Where an index points, counted from the end if it is negative.
fn position(at: isize, length: usize) -> Option<usize> {
    if at < 0 { length.checked_sub(at.unsigned_abs()) } else { Some(at.unsigned_abs()) }
}

fn unshared<T: Clone>(shared: Rc<T>) -> T {
    Rc::try_unwrap(shared).unwrap_or_else(|shared| (*shared).clone())
}

fn is_scalar(value: &Val) -> bool {
    !matches!(value, Val::Arr(_) | Val::Obj(_))
}

/// How deep a value is nested, measured without recursion.
fn depth_of(value: &Val) -> usize {
    let (mut deepest, mut open) = (0, vec![(value, 0)]);
    while let Some((value, above)) = open.pop() {
        match value {
            Val::Arr(items) => open.extend(items.iter().map(|item| (item, above + 1))),
            Val::Obj(members) => open.extend(members.values().map(|item| (item, above + 1))),
            _ => continue,
        }
        deepest = deepest.max(above + 1);
    }
    deepest
}

impl jaq_core::ValT for Value {
    fn from_num(text: &str) -> ValR {
        Val::from_num(text).map(|inner| Value { inner, depth: 0 }).map_err(|_| jaq_core::Error::str("not a number"))
    }

    fn from_map<I: IntoIterator<Item = (Self, Self)>>(members: I) -> ValR {
        let (mut map, mut depth) = (jaq_json::Map::default(), 0);
        for (key, value) in members {
            if !matches!(key.inner, Val::TStr(_)) {
                return Err(jaq_core::Error::str(format_args!("an object has strings as keys, not {key}")));
            }
            depth = depth.max(value.depth);
            map.insert(key.inner, value.inner);
        }
        Ok(Value::nested(Val::obj(map), depth + 1))
    }

    fn key_values(self) -> BoxIter<'static, Result<(Self, Self), jaq_core::Error<Self>>> {
        let of = Value { inner: Val::Null, depth: self.depth };
        match self.inner {
            Val::Arr(items) => {
                let pair = move |(at, item)| Ok((Value::from(at), of.child(item)));
                Box::new(unshared(items).into_iter().enumerate().map(pair))
            }
            Val::Obj(members) => {
                let pair = move |(key, item)| Ok((Value { inner: key, depth: 0 }, of.child(item)));
                Box::new(unshared(members).into_iter().map(pair))
            }
            _ => box_once(Err(self.cannot("iterable (array or object)"))),
        }
    }

    fn values(self) -> Box<dyn Iterator<Item = ValR>> {
        if is_scalar(&self.inner) {
            return box_once(Err(self.cannot("iterable (array or object)")));
        }
        Box::new(self.children().map(Ok))
    }

    fn index(self, index: &Self) -> ValR {
        Ok(self.get(index)?.unwrap_or_default())
    }

    fn range(self, range: Range<&Self>) -> ValR {
        let (start, end) = (slice_end(range.start, f64::floor), slice_end(range.end, f64::ceil));
        match self.inner {
            Val::Null => Ok(self),
            Val::Arr(_) | Val::TStr(_) => {
                let (depth, shown) = (self.depth, start.clone().or_else(|| end.clone()).unwrap_or_default());
                let slice = self.inner.range(start.as_ref()..end.as_ref());
                slice
                    .map(|inner| Value { inner, depth })
                    .map_err(|_| Value { inner: shown, depth: 1 }.cannot("integer"))
            }
            _ => Err(self.cannot("rangeable (array or string)")),
        }
    }

    fn map_values<'a, I: Iterator<Item = ValX<'a>>>(self, opt: Opt, f: impl Fn(Self) -> I) -> ValX<'a> {
        let (of, mut depth) = (Value { inner: Val::Null, depth: self.depth }, 0);
        let mut keep = |value: Value| {
            depth = depth.max(value.depth);
            value.inner
        };
        let inner = match self.inner {
            Val::Arr(items) => {
                let items = unshared(items).into_iter().flat_map(|item| f(of.child(item)));
                items.map(|item| item.map(&mut keep)).collect::<Result<Val, Exn<'a, Value>>>()?
            }
            Val::Obj(members) => {
                let mut map = jaq_json::Map::default();
                for (key, item) in unshared(members) {
                    if let Some(item) = f(of.child(item)).next() {
                        map.insert(key, keep(item?));
                    }
                }
                Val::obj(map)
            }
            _ => return opt.fail(self, |value| Exn::from(value.cannot("iterable (array or object)"))),
        };
        Ok(Value::nested(inner, depth + 1))
    }

    fn map_index<'a, I: Iterator<Item = ValX<'a>>>(self, index: &Self, opt: Opt, f: impl Fn(Self) -> I) -> ValX<'a> {
        let at = integral(&index.inner);
        let mut depth = self.depth;
        let of = Value { inner: Val::Null, depth };
        let mut keep = |value: Value| {
            depth = depth.max(value.depth + 1);
            value.inner
        };
        if let Val::Obj(slice) = &at {
            let end =
                |name: &'static str| slice.get(&Val::utf8_str(name)).map(|end| Value { inner: end.clone(), depth: 1 });
            let (start, end) = (end("start"), end("end"));
            return self.map_range(start.as_ref()..end.as_ref(), opt, f);
        }
        let inner = match (self.inner, at) {
            (inner @ (Val::Null | Val::Obj(_)), key @ Val::TStr(_)) => {
                let mut map = if let Val::Obj(map) = inner { map } else { Rc::default() };
                let members = Rc::make_mut(&mut map);
                let old = members.get_mut(&key).map(std::mem::take).unwrap_or_default();
                match f(of.child(old)).next().transpose()? {
                    Some(new) => {
                        members.insert(key, keep(new));
                    }
                    None => {
                        members.shift_remove(&key);
                    }
                }
                Val::Obj(map)
            }
            (inner @ (Val::Null | Val::Arr(_)), Val::Num(Num::Int(at))) => {
                let mut items = if let Val::Arr(items) = inner { items } else { Rc::default() };
                let list = Rc::make_mut(&mut items);
                let Some(at) = position(at, list.len()).filter(|at| *at < Self::MAX_FILL.max(list.len())) else {
                    let outside = |_| Exn::from(jaq_core::Error::str(format_args!("index {index} is out of bounds")));
                    return opt.fail(Value { inner: Val::Arr(items), depth }, outside);
                };
                let old = list.get_mut(at).map(std::mem::take).unwrap_or_default();
                match f(of.child(old)).next().transpose()? {
                    Some(new) => {
                        if at >= list.len() {
                            list.resize(at + 1, Val::Null);
                        }
                        list[at] = keep(new);
                    }
                    None if at < list.len() => {
                        list.remove(at);
                    }
                    None => {}
                }
                Val::Arr(items)
            }
            (inner, at) => {
                let value = Value { inner, depth };
                return opt.fail(value, |value| Exn::from(jaq_core::Error::index(value, Value::nested(at, 1))));
            }
        };
        Ok(Value::nested(inner, depth.max(1)))
    }

    fn map_range<'a, I: Iterator<Item = ValX<'a>>>(
        self,
        range: Range<&Self>,
        opt: Opt,
        f: impl Fn(Self) -> I,
    ) -> ValX<'a> {
        let Val::Arr(items) = &self.inner else {
            return opt.fail(self, |value| Exn::from(value.cannot("array")));
        };
        let whole = items.len();
        let (start, end) = (slice_end(range.start, f64::floor), slice_end(range.end, f64::ceil));
        let bound = |end: Option<Val>, otherwise| match end {
            Some(Val::Num(Num::Int(at))) => Ok(position(at, whole).unwrap_or(0).min(whole)),
            Some(other) => Err(Exn::from(Value { inner: other, depth: 1 }.cannot("integer"))),
            None => Ok(otherwise),
        };
        let from = bound(start, 0)?;
        let through = bound(end, whole)?.max(from);
        let slice = Value { inner: items[from..through].iter().cloned().collect(), depth: self.depth };
        let new = f(slice).next().transpose()?.unwrap_or_else(|| Value { inner: Val::Arr(Rc::default()), depth: 1 });
        let depth = self.depth.max(new.depth);
        let Val::Arr(middle) = &new.inner else { return Err(Exn::from(new.cannot("array"))) };
        let inner = items[..from].iter().chain(middle.iter()).chain(&items[through..]).cloned().collect();
        Ok(Value::nested(inner, depth))
    }

    fn as_bool(&self) -> bool {
        self.inner.as_bool()
    }

    fn into_string(self) -> Self {
        if let Val::TStr(_) = self.inner {
            return self;
        }
        let mut text = Vec::new();
        write_value(&self.inner, &mut text);
        Value::text(text)
    }
}

impl jaq_std::ValT for Value {
    fn into_seq<S: FromIterator<Self>>(self) -> Result<S, Self> {
        if let Val::Arr(_) = self.inner { Ok(self.children().collect()) } else { Err(self) }
    }

    fn is_int(&self) -> bool {
        self.inner.is_int()
    }

    fn as_isize(&self) -> Option<isize> {
        integral(&self.inner).as_isize()
    }

    fn as_f64(&self) -> Option<f64> {
        self.inner.as_f64()
    }

    fn is_utf8_str(&self) -> bool {
        self.inner.is_utf8_str()
    }

    fn as_bytes(&self) -> Option<&[u8]> {
        self.inner.as_bytes()
    }

    fn as_sub_str(&self, sub: &[u8]) -> Self {
        Value { inner: self.inner.as_sub_str(sub), depth: 0 }
    }

    fn from_utf8_bytes(bytes: impl AsRef<[u8]> + Send + 'static) -> Self {
        Value { inner: Val::from_utf8_bytes(bytes), depth: 0 }
    }
}

impl FromIterator<Value> for Value {
    fn from_iter<I: IntoIterator<Item = Value>>(items: I) -> Self {
        let mut depth = 0;
        let keep = |item: Value| {
            depth = depth.max(item.depth);
            item.inner
        };
        let inner = items.into_iter().map(keep).collect();
        Value::nested(inner, depth + 1)
    }
}

impl From<Range<Value>> for Value {
    fn from(range: Range<Value>) -> Self {
        let depth = 1 + [&range.start, &range.end]
            .map(|end| end.as_ref().map_or(0, |end| end.depth))
            .into_iter()
            .sum::<usize>();
        let inner = Val::from(range.start.map(|end| end.inner)..range.end.map(|end| end.inner));
        Value::nested(inner, depth)
    }
}

macro_rules! scalar {
    ($($kind:ty),*) => {$(
        impl From<$kind> for Value {
            fn from(scalar: $kind) -> Self {
                Value { inner: Val::from(scalar), depth: 0 }
            }
        }
    )*};
}

scalar!(bool, isize, usize, f64, String);

/// Implements an operation by jaq's, where it is defined.
macro_rules! operation {
    ($trait:ident, $method:ident) => {
        impl $trait for Value {
            type Output = ValR;

            fn $method(self, other: Self) -> ValR {
                if !is_defined(&self.inner, Math::$trait, &other.inner) {
                    return Err(jaq_core::Error::math(self, Math::$trait, other));
                }
                let depth = self.depth.max(other.depth);
                let (left, right) = operands(self.inner, Math::$trait, other.inner);
                let failed = |_| jaq_core::Error::str(concat!("cannot ", stringify!($method)));
                let inner = left.$method(right).map_err(failed)?;
                Ok(if is_scalar(&inner) { Value { inner, depth: 0 } } else { Value { inner, depth: depth.max(1) } })
            }
        }
    };
}

operation!(Add, add);
operation!(Sub, sub);
operation!(Mul, mul);
operation!(Div, div);
operation!(Rem, rem);

/// Whether an operation has a result, and one of a size that can be.
fn is_defined(left: &Val, operation: Math, right: &Val) -> bool {
    match (operation, left, right) {
        (Math::Mul, Val::TStr(text), Val::Num(_)) => is_repeatable(text.len(), right),
        (Math::Mul, Val::Num(_), Val::TStr(text)) => is_repeatable(text.len(), left),
        // jaq knows no remainder of the smallest integer by -1, and nobody one by zero.
        (Math::Rem, Val::Num(number), Val::Num(Num::Int(by))) => {
            *by != 0 && !(*by == -1 && matches!(number, Num::Int(isize::MIN)))
        }
        (Math::Add, Val::Null, _)
        | (Math::Add, _, Val::Null)
        | (Math::Add | Math::Div, Val::TStr(_), Val::TStr(_))
        | (Math::Add | Math::Sub, Val::Arr(_), Val::Arr(_))
        | (Math::Add | Math::Mul, Val::Obj(_), Val::Obj(_))
        | (_, Val::Num(_), Val::Num(_)) => true,
        _ => false,
    }
}

/// Whether a text of so many bytes is not too long after being repeated.
fn is_repeatable(bytes: usize, times: &Val) -> bool {
    let times = usize::try_from(times_of(times)).unwrap_or_default();
    times.checked_mul(bytes).is_some_and(|bytes| bytes <= Value::MAX_TEXT_BYTES)
}

/// How often a text is repeated: as jq has it, a whole number of times, and at least once if it is more than nothing.
fn times_of(number: &Val) -> isize {
    use jaq_std::ValT as _;
    if let Val::Num(Num::Int(times)) = number {
        return *times;
    }
    let times = number.as_f64().unwrap_or_default();
    let times = if times > 0.0 { times.max(1.0) } else { times };
    #[expect(clippy::cast_possible_truncation, reason = "it saturates, and nothing is repeated that often")]
    let whole = times as isize;
    whole
}

/// The sides of an operation as jaq takes them: it repeats texts an integral number of times only.
fn operands(left: Val, operation: Math, right: Val) -> (Val, Val) {
    match (operation, left, right) {
        (Math::Mul, left @ Val::TStr(_), right @ Val::Num(_)) => (left, Val::from(times_of(&right))),
        (Math::Mul, left @ Val::Num(_), right @ Val::TStr(_)) => (Val::from(times_of(&left)), right),
        (_, left, right) => (left, right),
    }
}

impl Neg for Value {
    type Output = ValR;

    fn neg(self) -> ValR {
        match self.inner {
            Val::Num(Num::Int(0)) => Ok(Value::from(-0.0)),
            Val::Num(number) => Ok(Value { inner: Val::Num(-number), depth: 0 }),
            _ => Err(self.cannot("number")),
        }
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.inner == other.inner
    }
}

impl Eq for Value {}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Value {
    fn cmp(&self, other: &Self) -> Ordering {
        self.inner.cmp(&other.inner)
    }
}

/// The value as errors show it: JSON, shortened.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LONGEST: usize = 60;
        let mut text = Vec::new();
        write_start(&self.inner, &mut text, LONGEST * 4);
        let text = String::from_utf8_lossy(&text);
        match text.char_indices().nth(LONGEST) {
            Some((end, _)) => write!(f, "{}…", &text[..end]),
            None => f.write_str(&text),
        }
    }
}
