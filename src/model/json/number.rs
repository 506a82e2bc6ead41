//! Numbers as JavaScript prints them.

/// Appends `number` as `Number.prototype.toString` prints it (ECMA-262 §6.1.6.1.20); NaN and the
/// infinities as `null`, as `JSON.stringify` does.
pub fn write_number(number: f64, out: &mut Vec<u8>) {
    if number.is_finite() {
        // ryu-js prints −0 as "0" and whole numbers without a fraction, as JavaScript does.
        out.extend_from_slice(ryu_js::Buffer::new().format_finite(number).as_bytes());
    } else {
        out.extend_from_slice(b"null");
    }
}
