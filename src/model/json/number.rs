//! Numbers as JavaScript reads and prints them.

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

/// Longer number tokens are shortened before they are parsed.
pub(super) const LONG_TOKEN: usize = 1000;

/// The double nearest to a number token (ECMA-262 §12.9.3) of any length, in time linear in it.
///
/// The parser of the standard library stops counting at exponents of six digits, so that a million zeros and `e1000000` do not
/// cancel out. 800 digits and whether any follow decide how every double is rounded, which takes 768 at most.
pub(super) fn parse_long(token: &[u8]) -> Option<f64> {
    const MOST_DIGITS: usize = 800;
    /// Beyond what any 800 digits can bring back into the range of doubles.
    const MOST_EXPONENT: i64 = 2000;
    let (sign, token) = token.strip_prefix(b"-").map_or(("", token), |rest| ("-", rest));
    let mut parts = token.splitn(2, |byte| matches!(byte, b'e' | b'E'));
    let mantissa = parts.next()?;
    let mut scale = parts.next().map_or(0, exponent);
    let point = mantissa.iter().position(|&byte| byte == b'.').unwrap_or(mantissa.len());
    let digits = || mantissa.iter().filter(|&&byte| byte != b'.');
    let zeros = digits().take_while(|&&digit| digit == b'0').count();
    let mut kept: String = digits().skip(zeros).take(MOST_DIGITS).map(|&digit| char::from(digit)).collect();
    if digits().skip(zeros + MOST_DIGITS).any(|&digit| digit != b'0') {
        kept.push('1');
    }
    // The value is 0.KEPT times ten to the power of this.
    let shift = i64::try_from(point).ok()?.saturating_sub(i64::try_from(zeros).ok()?);
    scale = shift.saturating_add(scale).clamp(-MOST_EXPONENT, MOST_EXPONENT);
    format!("{sign}0.{kept}0e{scale}").parse().ok()
}

/// An exponent, with or without sign; those that do not fit are as large as possible.
fn exponent(text: &[u8]) -> i64 {
    let (negative, digits) = match text.split_first() {
        Some((b'-', digits)) => (true, digits),
        Some((b'+', digits)) => (false, digits),
        _ => (false, text),
    };
    let add = |sum: i64, digit: &u8| sum.saturating_mul(10).saturating_add(i64::from(digit - b'0'));
    let magnitude = digits.iter().fold(0, add);
    if negative { -magnitude } else { magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_number_is_the_double_nearest_to_it() {
        let zeros = "0".repeat(1_000_000);
        for (token, expected) in [
            (format!("1{zeros}e-1000000"), 1.0),
            (format!("-0.{zeros}25e1000002"), -25.0),
            (format!("{zeros}1.5"), 1.5),
            (format!("1{zeros}e-{}", "9".repeat(1_000_000)), 0.0),
            (format!("0.{zeros}1e{}", "9".repeat(1_000_000)), f64::INFINITY),
            (format!("0.{zeros}e{}", "9".repeat(1_000_000)), 0.0),
            // Half way between two doubles, and just above.
            (format!("9007199254740993.{zeros}"), 9_007_199_254_740_992.0),
            (format!("9007199254740993.{zeros}1"), 9_007_199_254_740_994.0),
        ] {
            assert_eq!(parse_long(token.as_bytes()), Some(expected), "{token:.30}");
        }
    }

    #[test]
    fn a_short_number_is_the_same_either_way() {
        for token in ["0", "-0.0", "1", "123.456e-7", "5e-324", "1e400", "2.2250738585072011e-308", "0.1", "100e+2"] {
            let plain: f64 = token.parse().unwrap();
            assert_eq!(parse_long(token.as_bytes()).map(f64::to_bits), Some(plain.to_bits()), "{token}");
        }
    }
}
