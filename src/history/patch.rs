//! The difference between two JSON values as a JSON Patch (RFC 6902).

use crate::model::json::{Json, Object, Place, Text};

/// One operation of a JSON Patch.
#[derive(Clone, Debug, PartialEq)]
pub struct Change<'a> {
    /// Where, as a JSON pointer (RFC 6901); empty for the whole value. Array indices are those at the time when all
    /// changes before this one have been made.
    pub path: Text<'static>,
    /// What.
    pub edit: Edit<'a>,
}

/// What becomes of one value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Edit<'a> {
    /// There was none, or in an array the values from here on move up.
    Add(&'a Json<'a>),
    /// It goes; in an array the values after it move down.
    Remove(&'a Json<'a>),
    /// It becomes another.
    Replace {
        /// The value as it was.
        before: &'a Json<'a>,
        /// The value as it is.
        after: &'a Json<'a>,
    },
}

impl<'a> Edit<'a> {
    /// What makes `after` of `before`, taken as wholes; `None` if they are the same. Absent is not the same as `null`.
    #[must_use]
    pub fn between(before: Option<&'a Json<'a>>, after: Option<&'a Json<'a>>) -> Option<Self> {
        match (before, after) {
            (None, None) => None,
            (None, Some(after)) => Some(Edit::Add(after)),
            (Some(before), None) => Some(Edit::Remove(before)),
            (Some(before), Some(after)) => (!same(before, after)).then_some(Edit::Replace { before, after }),
        }
    }

    /// What RFC 6902 calls it.
    #[must_use]
    pub fn op(&self) -> &'static str {
        match self {
            Edit::Add(_) => "add",
            Edit::Remove(_) => "remove",
            Edit::Replace { .. } => "replace",
        }
    }

    /// The value that was there before.
    #[must_use]
    pub fn before(&self) -> Option<&'a Json<'a>> {
        match self {
            Edit::Add(_) => None,
            Edit::Remove(before) | Edit::Replace { before, .. } => Some(before),
        }
    }

    /// The value that is there after.
    #[must_use]
    pub fn after(&self) -> Option<&'a Json<'a>> {
        match self {
            Edit::Remove(_) => None,
            Edit::Add(after) | Edit::Replace { after, .. } => Some(after),
        }
    }
}

/// The changes that make `after` of `before` when made in this order; none if both have the same canonical text.
///
/// Members are compared by key, in ascending order of keys. Of two arrays the common beginning and end are left alone;
/// what is between them is compared item by item, unless items were only added, only removed, or one was moved from one
/// end to the other. Not the shortest patch in every case, but short for what an operation does to a list. Costs as
/// much as both values are large.
#[must_use]
pub fn diff<'a>(before: Option<&'a Json<'a>>, after: Option<&'a Json<'a>>) -> Vec<Change<'a>> {
    let mut diff = Diff { place: Place::default(), changes: Vec::new() };
    match (before, after) {
        (Some(before), Some(after)) => diff.value(before, after),
        _ => diff.changes.extend(Edit::between(before, after).map(|edit| Change { path: "".into(), edit })),
    }
    diff.changes
}

struct Diff<'a> {
    place: Place,
    changes: Vec<Change<'a>>,
}

impl<'a> Diff<'a> {
    fn value(&mut self, before: &'a Json<'a>, after: &'a Json<'a>) {
        match (before, after) {
            (Json::Object(before), Json::Object(after)) => self.object(before, after),
            (Json::Array(before), Json::Array(after)) => self.array(before, after),
            _ if same(before, after) => {}
            _ => self.push(Edit::Replace { before, after }),
        }
    }

    fn object(&mut self, before: &'a Object<'a>, after: &'a Object<'a>) {
        let (mut old, mut new) = (before.iter().peekable(), after.iter().peekable());
        loop {
            let order = match (old.peek(), new.peek()) {
                (None, None) => return,
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (Some((a, _)), Some((b, _))) => a.cmp(b),
            };
            let gone = if order.is_le() { old.next() } else { None };
            let come = if order.is_ge() { new.next() } else { None };
            match (gone, come) {
                (Some((key, before)), Some((_, after))) => self.member(key, |diff| diff.value(before, after)),
                (Some((key, before)), None) => self.member(key, |diff| diff.push(Edit::Remove(before))),
                (None, Some((key, after))) => self.member(key, |diff| diff.push(Edit::Add(after))),
                (None, None) => return,
            }
        }
    }

    fn array(&mut self, before: &'a [Json<'a>], after: &'a [Json<'a>]) {
        let start = before.iter().zip(after).take_while(|(a, b)| same(a, b)).count();
        let (before, after) = (&before[start..], &after[start..]);
        let end = before.iter().rev().zip(after.iter().rev()).take_while(|(a, b)| same(a, b)).count();
        let (before, after) = (&before[..before.len() - end], &after[..after.len() - end]);
        if before.len() > after.len()
            && let Some(gone) = missing(before, after)
        {
            for at in gone.into_iter().rev() {
                self.edit_item(start + at, Edit::Remove(&before[at]));
            }
        } else if before.len() < after.len()
            && let Some(come) = missing(after, before)
        {
            for at in come {
                self.edit_item(start + at, Edit::Add(&after[at]));
            }
        } else if !self.moved(start, before, after) {
            self.items(start, before, after);
        }
    }

    /// Writes the move of one item from one end to the other, if that is all.
    fn moved(&mut self, start: usize, before: &'a [Json<'a>], after: &'a [Json<'a>]) -> bool {
        let ([first, rest @ ..], [new_first, new_rest @ ..]) = (before, after) else { return false };
        let ([front @ .., last], [new_front @ .., new_last]) = (before, after) else { return false };
        if before.len() != after.len() || before.len() < 3 {
            return false;
        }
        let end = start + before.len() - 1;
        let equal = |a: &[Json<'_>], b: &[Json<'_>]| a.iter().zip(b).all(|(a, b)| same(a, b));
        if equal(rest, new_front) {
            self.edit_item(start, Edit::Remove(first));
            self.edit_item(end, Edit::Add(new_last));
        } else if equal(front, new_rest) {
            self.edit_item(end, Edit::Remove(last));
            self.edit_item(start, Edit::Add(new_first));
        } else {
            return false;
        }
        true
    }

    fn items(&mut self, start: usize, before: &'a [Json<'a>], after: &'a [Json<'a>]) {
        let both = before.len().min(after.len());
        for (at, (before, after)) in before.iter().zip(after).enumerate() {
            self.item(start + at, |diff| diff.value(before, after));
        }
        for (at, before) in before.iter().enumerate().skip(both).rev() {
            self.edit_item(start + at, Edit::Remove(before));
        }
        for (at, after) in after.iter().enumerate().skip(both) {
            self.edit_item(start + at, Edit::Add(after));
        }
    }

    fn member(&mut self, key: &Text<'_>, compare: impl FnOnce(&mut Self)) {
        self.place.enter_member(key);
        compare(self);
        self.place.leave();
    }

    fn item(&mut self, index: usize, compare: impl FnOnce(&mut Self)) {
        self.place.enter_item(index);
        compare(self);
        self.place.leave();
    }

    fn edit_item(&mut self, index: usize, edit: Edit<'a>) {
        self.item(index, |diff| diff.push(edit));
    }

    fn push(&mut self, edit: Edit<'a>) {
        self.changes.push(Change { path: self.place.pointer(), edit });
    }
}

/// The positions in `long` of the items that `short` lacks, ascending; `None` if `short` is not what is left without
/// them.
fn missing(long: &[Json<'_>], short: &[Json<'_>]) -> Option<Vec<usize>> {
    let mut rest = short.iter().peekable();
    let lacks = |(_, item): &(usize, &Json<'_>)| rest.next_if(|next| same(item, next)).is_none();
    let gone = long.iter().enumerate().filter(lacks).map(|(at, _)| at).collect();
    rest.next().is_none().then_some(gone)
}

/// Whether both have the same canonical text: what is not a finite number is `null`, and there is one zero.
fn same(a: &Json<'_>, b: &Json<'_>) -> bool {
    let is_null = |value: &Json<'_>| value.is_null() || value.as_number().is_some_and(|number| !number.is_finite());
    match (a, b) {
        (Json::Array(a), Json::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|((key, a), (name, b))| key == name && same(a, b))
        }
        _ => a == b || is_null(a) && is_null(b),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::json::{MAX_DEPTH, canonical, parse};

    fn value(text: &str) -> Json<'_> {
        parse(text.as_bytes()).unwrap()
    }

    /// The patch, an operation a line.
    fn patch(before: &str, after: &str) -> String {
        let (before, after) = (value(before), value(after));
        let changes = diff(Some(&before), Some(&after));
        assert_eq!(canonical(&applied(&before, &changes).unwrap()), canonical(&after));
        let text = |value: &Json<'_>| String::from_utf8(canonical(value)).unwrap();
        let line = |change: &Change<'_>| {
            let value = change.edit.after().map_or(String::new(), |value| " ".to_owned() + &text(value));
            format!("{} {}{value}", change.edit.op(), change.path)
        };
        changes.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    /// `before` after all changes; `None` if nothing is left.
    fn applied(before: &Json<'_>, changes: &[Change<'_>]) -> Option<Json<'static>> {
        let mut value = Some(before.to_owned_json());
        for change in changes {
            let path = change.path.as_str().unwrap();
            let tokens: Vec<String> =
                path.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~")).collect();
            value = edited(value, &tokens, change.edit);
        }
        value
    }

    fn edited(value: Option<Json<'static>>, path: &[String], edit: Edit<'_>) -> Option<Json<'static>> {
        let after = edit.after().map(Json::to_owned_json);
        match (value, path) {
            (value, []) => {
                assert_eq!(Edit::between(value.as_ref(), edit.before()), None, "the value before is the one there was");
                after
            }
            (Some(Json::Array(mut items)), [index, rest @ ..]) => {
                let index: usize = index.parse().unwrap();
                match (edit, rest) {
                    (Edit::Add(_), []) => items.insert(index, after.unwrap()),
                    (Edit::Remove(before), []) => assert!(same(&items.remove(index), before)),
                    _ => items[index] = edited(Some(items[index].clone()), rest, edit).unwrap(),
                }
                Some(Json::Array(items))
            }
            (Some(Json::Object(mut object)), [name, rest @ ..]) => {
                if let Some(value) = edited(object.remove(name), rest, edit) {
                    object.insert(Text::from(name.clone()), value);
                }
                Some(Json::Object(object))
            }
            (value, path) => panic!("{value:?} has no {path:?}"),
        }
    }

    #[test]
    fn members_come_by_key() {
        assert_eq!(
            patch(r#"{"b":1,"c":{"d":1},"e":2}"#, r#"{"a":[],"b":null,"c":{"d":2},"f":0}"#),
            "add /a []\nreplace /b null\nreplace /c/d 2\nremove /e\nadd /f 0"
        );
        assert_eq!(patch(r#"{"a":1}"#, r#"{"a":1}"#), "");
        assert_eq!(patch(r#"{"a":1}"#, "[]"), "replace  []");
    }

    #[test]
    fn names_are_escaped() {
        assert_eq!(patch(r#"{"a/b":{"m~n":1}}"#, r#"{"a/b":{"":0,"m~n":2}}"#), "add /a~1b/ 0\nreplace /a~1b/m~0n 2");
        let (before, after) = (value("{}"), value(r#"{"\ud800/":1}"#));
        let changes = diff(Some(&before), Some(&after));
        assert_eq!(canonical(&Json::String(changes[0].path.clone())), br#""/\ud800~1""#);
    }

    #[test]
    fn one_item_of_a_list_is_one_change() {
        assert_eq!(patch("[1,2,4,5]", "[1,2,3,4,5]"), "add /2 3");
        assert_eq!(patch("[1,2,3,4,5]", "[1,2,4,5]"), "remove /2");
        assert_eq!(patch("[1,1,1]", "[1,1,1,1]"), "add /3 1");
        assert_eq!(patch(r#"[1,{"a":1,"b":2},3]"#, r#"[1,{"a":1,"b":3},3]"#), "replace /1/b 3");
    }

    #[test]
    fn what_goes_from_several_places_goes_from_the_end() {
        assert_eq!(patch("[1,2,3,4,5,6]", "[1,3,5,6]"), "remove /3\nremove /1");
        assert_eq!(patch("[1,3,5,6]", "[1,2,3,4,5,6]"), "add /1 2\nadd /3 4");
        assert_eq!(patch("[1,2,3,4]", "[5]"), "replace /0 5\nremove /3\nremove /2\nremove /1");
    }

    #[test]
    fn a_moved_item_is_not_a_rewrite() {
        assert_eq!(patch("[0,1,2,3,9]", "[0,2,3,1,9]"), "remove /1\nadd /3 1");
        assert_eq!(patch("[0,1,2,3,9]", "[0,3,1,2,9]"), "remove /3\nadd /1 3");
        assert_eq!(patch("[1,2]", "[2,1]"), "replace /0 2\nreplace /1 1");
    }

    #[test]
    fn absence_is_not_null() {
        let null = Json::Null;
        let op = |before, after| diff(before, after).iter().map(|change| change.edit.op()).collect::<Vec<_>>();
        assert_eq!(op(None, Some(&null)), ["add"]);
        assert_eq!(op(Some(&null), None), ["remove"]);
        assert_eq!(op(None, None), [""; 0]);
        assert_eq!(Edit::between(Some(&null), Some(&Json::Number(f64::NAN))), None);
    }

    #[test]
    fn depth_is_no_danger() {
        let nested = |leaf: &str| "[".repeat(MAX_DEPTH - 1) + leaf + &"]".repeat(MAX_DEPTH - 1);
        let (before, after) = (nested("1"), nested("2"));
        assert_eq!(patch(&before, &after), "replace ".to_owned() + &"/0".repeat(MAX_DEPTH - 1) + " 2");
    }

    fn values() -> impl Strategy<Value = Json<'static>> {
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::Bool),
            (0..4_i8).prop_map(|number| Json::Number(number.into())),
            prop_oneof![Just(f64::NAN), Just(f64::INFINITY), Just(-0.0)].prop_map(Json::Number),
            "[ab/~]{0,2}".prop_map(Json::from),
        ];
        leaf.prop_recursive(4, 40, 8, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..8).prop_map(Json::Array),
                proptest::collection::vec(("[ab/~01]{0,2}", inner), 0..5).prop_map(|members| {
                    Json::Object(members.into_iter().map(|(name, value)| (Text::from(name), value)).collect())
                }),
            ]
        })
    }

    /// A list and what is left of it, or the other way round.
    fn related() -> impl Strategy<Value = (Json<'static>, Json<'static>)> {
        (proptest::collection::vec((values(), any::<bool>()), 0..12), any::<bool>()).prop_map(|(items, turned)| {
            let all = Json::Array(items.iter().map(|(item, _)| item.clone()).collect());
            let some = Json::Array(items.into_iter().filter(|(_, kept)| *kept).map(|(item, _)| item).collect());
            if turned { (some, all) } else { (all, some) }
        })
    }

    proptest! {
        #[test]
        fn a_patch_applies((before, after) in prop_oneof![(values(), values()), related()]) {
            let changes = diff(Some(&before), Some(&after));
            let applied = applied(&before, &changes).expect("every change fits");
            prop_assert_eq!(canonical(&applied), canonical(&after));
            prop_assert_eq!(changes.is_empty(), canonical(&before) == canonical(&after));
        }

        #[test]
        fn what_was_only_removed_is_only_removed((before, after) in related()) {
            let longer = before.as_array().unwrap().len() >= after.as_array().unwrap().len();
            let op = if longer { "remove" } else { "add" };
            prop_assert!(diff(Some(&before), Some(&after)).iter().all(|change| change.edit.op() == op));
        }
    }
}
