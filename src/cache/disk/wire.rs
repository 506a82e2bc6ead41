//! Values one after the other, as bytes.

/// Appends values. What is appended in the same order is read back by [`In`], and no other values give the same bytes.
#[derive(Default)]
pub(super) struct Out(pub(super) Vec<u8>);

/// Reads what [`Out`] wrote; `None` when the bytes are something else. Lengths are not believed.
pub(super) struct In<'a>(pub(super) &'a [u8]);

impl Out {
    pub(super) fn number(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// A value that may be absent.
    pub(super) fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.number(u64::from(value.is_some()));
        if let Some(value) = value {
            write(self, value);
        }
    }
}

impl<'a> In<'a> {
    pub(super) fn number(&mut self) -> Option<u64> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*number))
    }

    pub(super) fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    pub(super) fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    /// A value that may be absent. The outer `None` says that the bytes are something else.
    #[expect(clippy::option_option, reason = "the inner one is a value")]
    pub(super) fn option<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        match self.number()? {
            0 => Some(None),
            1 => read(self).map(Some),
            _ => None,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back_and_a_part_of_it_does_not() {
        let mut out = Out::default();
        out.text("a");
        out.option(Some(7), Out::number);
        out.option(None, Out::number);
        out.number(u64::MAX);
        let read = |bytes: &[u8]| {
            let mut bytes = In(bytes);
            let values =
                (bytes.text()?.to_owned(), bytes.option(In::number)?, bytes.option(In::number)?, bytes.number()?);
            bytes.is_empty().then_some(values)
        };
        assert_eq!(read(&out.0), Some(("a".to_owned(), Some(7), None, u64::MAX)));
        for n in 0..out.0.len() {
            assert_eq!(read(&out.0[..n]), None);
        }
        assert_eq!(In(&[0xFF; 40]).bytes(), None);
    }
}
