//! Points in time, in milliseconds, as operations carry them.

use std::fmt;

use jiff::civil::DateTime;
use jiff::tz::Offset;

/// Milliseconds since the Unix epoch. Displays as the reference prints times: ISO 8601, UTC, exactly three
/// fraction digits and `Z`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Wraps milliseconds since the epoch, if the time lies in the years −9999 to 9999.
    #[must_use]
    pub fn from_millis(millis: i64) -> Option<Self> {
        jiff::Timestamp::from_millisecond(millis).ok().map(|_| Timestamp(millis))
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub fn as_millis(self) -> i64 {
        self.0
    }

    /// Whether the time has the form that stores keep: a year of four digits.
    #[must_use]
    pub fn is_writable(self) -> bool {
        const YEARS: std::ops::Range<i64> = -62_167_219_200_000..253_402_300_800_000;
        YEARS.contains(&self.0)
    }

    /// Reads any form of reactor format §2.4: ISO 8601 with `T` or a space, with or without seconds and
    /// fraction, with `Z`, an offset (`+00`, `+0000`, `+00:00`) or neither (UTC), or a date alone.
    /// Finer fractions are cut to milliseconds, as JavaScript does.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::parse_canonical(text.as_bytes()).or_else(|| Self::parse_any(text))
    }

    /// The common form, `2025-01-01T00:00:00.123Z`, without a detour.
    fn parse_canonical(text: &[u8]) -> Option<Self> {
        let [
            y0,
            y1,
            y2,
            y3,
            b'-',
            m0,
            m1,
            b'-',
            d0,
            d1,
            b'T',
            h0,
            h1,
            b':',
            i0,
            i1,
            b':',
            s0,
            s1,
            b'.',
            f0,
            f1,
            f2,
            b'Z',
        ] = *text
        else {
            return None;
        };
        let number = |digits: &[u8]| {
            digits.iter().try_fold(0_i64, |n, d| d.is_ascii_digit().then(|| n * 10 + i64::from(d - b'0')))
        };
        let (year, month, day) = (number(&[y0, y1, y2, y3])?, number(&[m0, m1])?, number(&[d0, d1])?);
        let (hour, minute, second) = (number(&[h0, h1])?, number(&[i0, i1])?, number(&[s0, s1])?);
        let plain = (1..=12).contains(&month) && (1..=28).contains(&day) && hour < 24 && minute < 60 && second < 60;
        // Days since the epoch of a proleptic Gregorian date, counting years from March.
        let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
        let days =
            year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + (153 * month + 2) / 5 + day
                - 1
                - 719_468;
        let millis = ((days * 24 + hour) * 60 + minute) * 60 + second;
        plain.then_some(Timestamp(millis * 1000 + number(&[f0, f1, f2])?))
    }

    fn parse_any(text: &str) -> Option<Self> {
        // Years outside 0 to 9999 have a sign and six digits (ECMA-262 §21.4.1.32.1).
        let date_length = if text.starts_with(['+', '-']) { 13 } else { 10 };
        let (date, rest) = text.split_at_checked(date_length)?;
        let time_at = |byte| matches!(byte, b'T' | b't' | b' ');
        let (clock, offset) = match rest.as_bytes().first() {
            None => ("00:00", "Z"),
            Some(&byte) if time_at(byte) => {
                let rest = &rest[1..];
                let end = rest.find(['Z', 'z', '+', '-']).unwrap_or(rest.len());
                let (clock, offset) = rest.split_at(end);
                (clock.trim_end(), if offset.is_empty() { "Z" } else { offset })
            }
            Some(_) => return None,
        };
        let clock = match clock.len() {
            5 => format!("{clock}:00"),
            _ => clock.replace(',', "."),
        };
        // More than nine fraction digits are beyond the parser, and beyond anybody's clock.
        let (whole, fraction) = clock.split_once('.').unwrap_or((&clock, "0"));
        if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) || whole.len() != 8 {
            return None;
        }
        let civil: DateTime = format!("{date}T{whole}.{}", &fraction[..fraction.len().min(9)]).parse().ok()?;
        let instant = parse_offset(offset)?.to_timestamp(civil).ok()?;
        Some(Timestamp(instant.as_nanosecond().div_euclid(1_000_000).try_into().ok()?))
    }
}

/// `Z`, `+HH`, `+HHMM` or `+HH:MM`, or the same with `-`.
fn parse_offset(text: &str) -> Option<Offset> {
    if text.eq_ignore_ascii_case("z") {
        return Some(Offset::UTC);
    }
    let (sign, digits) = text.split_at_checked(1)?;
    let digits = digits.replace(':', "");
    if !matches!(digits.len(), 2 | 4) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let hours: i32 = digits[..2].parse().ok()?;
    let minutes: i32 = if digits.len() == 4 { digits[2..].parse().ok()? } else { 0 };
    let seconds = (hours * 60 + minutes) * 60;
    Offset::from_seconds(if sign == "-" { -seconds } else { seconds }).ok()
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let instant = jiff::Timestamp::from_millisecond(self.0).map_err(|_| fmt::Error)?;
        write!(f, "{instant:.3}")
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(text: &str) -> Option<String> {
        Timestamp::parse(text).map(|time| time.to_string())
    }

    #[test]
    fn reads_every_form_that_a_dump_may_hold() {
        let same = Some("2025-01-02T03:04:05.678Z".to_owned());
        for text in [
            "2025-01-02T03:04:05.678Z",
            "2025-01-02 03:04:05.678+00",
            "2025-01-02 03:04:05.678",
            "2025-01-02T05:04:05.678+02:00",
            "2025-01-01T23:34:05.678-0330",
            "2025-01-02t03:04:05,678999z",
            "2025-01-02T03:04:05.678999999999Z",
        ] {
            assert_eq!(normal(text), same, "{text}");
        }
        assert_eq!(normal("2025-01-02"), Some("2025-01-02T00:00:00.000Z".into()));
        assert_eq!(normal("2025-01-02T03:04Z"), Some("2025-01-02T03:04:00.000Z".into()));
        assert_eq!(normal("2024-02-29T23:59:59.1Z"), Some("2024-02-29T23:59:59.100Z".into()));
        assert_eq!(normal("1969-12-31T23:59:59.999Z"), Some("1969-12-31T23:59:59.999Z".into()));
        assert_eq!(normal("1969-12-31T23:59:59.9999Z"), Some("1969-12-31T23:59:59.999Z".into()));
    }

    #[test]
    fn what_is_displayed_is_read_back_in_any_year() {
        let early = Timestamp::parse("0000-01-01T00:00+23:59").unwrap();
        assert_eq!(early.to_string(), "-000001-12-31T00:01:00.000Z");
        assert_eq!(Timestamp::parse(&early.to_string()), Some(early));
        assert_eq!(normal("+002025-01-02"), Some("2025-01-02T00:00:00.000Z".into()));
        assert_eq!(normal("-000000-01-02"), None);
    }

    #[test]
    fn refuses_what_is_no_time() {
        for text in
            ["", "now", "2025-02-30T00:00:00.000Z", "2025-01-02T24:00:00.000Z", "2025-01-02T03:04:05.Z", "20250102"]
        {
            assert_eq!(normal(text), None, "{text}");
        }
    }

    #[test]
    fn the_short_cut_agrees_with_the_calendar() {
        for day in (-800_000..800_000).step_by(17) {
            let time = Timestamp::from_millis(day * 86_400_000 + 45_296_789).unwrap();
            let text = time.to_string();
            if text.len() == 24 {
                assert_eq!(Timestamp::parse(&text), Some(time), "{text}");
                assert_eq!(Timestamp::parse_any(&text), Some(time), "{text}");
            }
        }
    }
}
