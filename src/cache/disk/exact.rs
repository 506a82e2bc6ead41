//! JSON text that reads back as the very value.

use crate::model::json::{Json, MAX_DEPTH, Object, write_number, write_text};

/// Appends `value` as JSON text that [`crate::model::json::parse`] reads back as the same value. It is the canonical text
/// but for the numbers that print as others: a `-0` stays one, and what is infinite does not become `null`, because a later
/// operation may look at the difference. Returns `None`, having written a part, for what has no such text: a NaN, or values
/// nested deeper than texts may be.
pub(super) fn write(value: &Json<'_>, out: &mut Vec<u8>) -> Option<()> {
    nested(value, 0, out)
}

/// Appends an object likewise.
pub(super) fn write_object(object: &Object<'_>, out: &mut Vec<u8>) -> Option<()> {
    members(object, 1, out)
}

fn nested(value: &Json<'_>, depth: usize, out: &mut Vec<u8>) -> Option<()> {
    match value {
        Json::Null => out.extend_from_slice(b"null"),
        Json::Bool(true) => out.extend_from_slice(b"true"),
        Json::Bool(false) => out.extend_from_slice(b"false"),
        Json::Number(number) => write_exact(*number, out)?,
        Json::String(text) => write_text(text, out),
        Json::Array(items) => {
            let depth = deeper(depth)?;
            out.push(b'[');
            for (n, item) in items.iter().enumerate() {
                if n > 0 {
                    out.push(b',');
                }
                nested(item, depth, out)?;
            }
            out.push(b']');
        }
        Json::Object(object) => members(object, deeper(depth)?, out)?,
    }
    Some(())
}

/// `depth` counts the object itself.
fn members(object: &Object<'_>, depth: usize, out: &mut Vec<u8>) -> Option<()> {
    out.push(b'{');
    for (n, (key, member)) in object.iter().enumerate() {
        if n > 0 {
            out.push(b',');
        }
        write_text(key, out);
        out.push(b':');
        nested(member, depth, out)?;
    }
    out.push(b'}');
    Some(())
}

fn deeper(depth: usize) -> Option<usize> {
    (depth < MAX_DEPTH).then_some(depth + 1)
}

fn write_exact(number: f64, out: &mut Vec<u8>) -> Option<()> {
    if number == 0.0 && number.is_sign_negative() {
        out.extend_from_slice(b"-0");
    } else if number == f64::INFINITY {
        out.extend_from_slice(b"1e999");
    } else if number == f64::NEG_INFINITY {
        out.extend_from_slice(b"-1e999");
    } else if number.is_nan() {
        return None;
    } else {
        write_number(number, out);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::json::{canonical, parse};

    fn text(value: &Json<'_>) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        write(value, &mut out).map(|()| out)
    }

    #[test]
    fn every_number_reads_back_with_its_bits() {
        let numbers = [
            0.0,
            -0.0,
            f64::INFINITY,
            f64::NEG_INFINITY,
            5e-324,
            -1.5,
            1e21,
            123_456_789_012_345_680.0,
            f64::MAX,
            0.1 + 0.2,
        ];
        for number in numbers {
            let text = text(&Json::Number(number)).unwrap();
            let read = parse(&text).unwrap().as_number().unwrap();
            assert_eq!(read.to_bits(), number.to_bits(), "{number}");
        }
        assert_eq!(text(&Json::Array(vec![Json::Number(f64::NAN)])), None);
    }

    #[test]
    fn all_else_is_the_canonical_text() {
        let value =
            parse(br#"{"b":[1,2.50,"\ud800x\u0000"],"a":{"\udfff":null,"t":true},"f":false,"":[[],{}]}"#).unwrap();
        assert_eq!(text(&value).unwrap(), canonical(&value));
    }

    #[test]
    fn what_is_written_is_not_too_deep_to_be_read() {
        let nested = |depth| (0..depth).fold(Json::Null, |value, _| Json::Array(vec![value]));
        let deepest = text(&nested(MAX_DEPTH)).unwrap();
        assert!(parse(&deepest).is_ok());
        assert_eq!(text(&nested(MAX_DEPTH + 1)), None);
        let object = |depth| Object::from_members(vec![("a".into(), nested(depth))]);
        let mut out = Vec::new();
        assert!(write_object(&object(MAX_DEPTH - 1), &mut out).is_some() && parse(&out).is_ok());
        assert_eq!(write_object(&object(MAX_DEPTH), &mut Vec::new()), None);
    }
}
