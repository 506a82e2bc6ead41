//! Compressed texts.

use std::borrow::Cow;

use zstd::zstd_safe::{CCtx, CParameter, DCtx, compress_bound, get_frame_content_size};

/// Longer texts are neither kept nor read, in bytes.
pub(super) const MOST_TEXT: usize = 256 << 20;

/// Between 1 (fast) and 22 (small): a cache is written as often as it is read.
const LEVEL: i32 = 1;

/// Shorter texts are kept as they are, in bytes.
const SHORT: usize = 128;

/// The first byte: what follows is the text itself, or one frame of Zstandard (RFC 8878) with its length and a checksum.
const PLAIN: u8 = 0;
const FRAME: u8 = 1;

/// Compresses a text; `None` if it is too long or there is no memory.
pub(super) fn pack(text: &[u8]) -> Option<Vec<u8>> {
    if text.len() < SHORT {
        return Some([&[PLAIN], text].concat());
    }
    if text.len() > MOST_TEXT {
        return None;
    }
    let mut context = CCtx::try_create()?;
    context.set_parameter(CParameter::CompressionLevel(LEVEL)).ok()?;
    context.set_parameter(CParameter::ChecksumFlag(true)).ok()?;
    let mut frame = Vec::with_capacity(compress_bound(text.len()));
    context.compress2(&mut frame, text).ok()?;
    Some([&[FRAME], &frame[..]].concat())
}

/// The text that was packed; `None` for bytes that are no packed text. The length that they declare decides how much memory
/// is asked for, up to [`MOST_TEXT`], and is not believed.
pub(super) fn unpack(packed: &[u8]) -> Option<Cow<'_, [u8]>> {
    let (form, content) = packed.split_first()?;
    match *form {
        PLAIN => Some(Cow::Borrowed(content)),
        FRAME => {
            let declared = get_frame_content_size(content).ok().flatten()?;
            let declared = usize::try_from(declared).ok().filter(|declared| *declared <= MOST_TEXT)?;
            let mut text = Vec::new();
            text.try_reserve_exact(declared).ok()?;
            let length = DCtx::try_create()?.decompress(&mut text, content).ok()?;
            (length == declared).then_some(Cow::Owned(text))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_any_length_read_back_and_damaged_ones_do_not() {
        for length in [0, 1, SHORT - 1, SHORT, 5000] {
            let text: Vec<u8> = (0..length).map(|n| b"abcdefg{}"[n * n % 9]).collect();
            let packed = pack(&text).unwrap();
            assert_eq!(unpack(&packed).as_deref(), Some(&text[..]));
            for at in 0..packed.len() {
                let mut damaged = packed.clone();
                damaged[at] ^= 0x40;
                let read = unpack(&damaged);
                // A plain text has no checksum of its own: its row has one.
                assert!(length < SHORT || read.is_none() || read.as_deref() == Some(&text[..]), "{length} {at}");
                assert!(length < SHORT || unpack(&packed[..at]).is_none(), "{length} {at}");
            }
        }
        assert!(unpack(b"").is_none() && unpack(b"\x01").is_none() && unpack(b"\x02abc").is_none());
    }

    #[test]
    fn a_declared_length_is_not_believed() {
        // A frame that says it holds 2^40 bytes, and one that says 200 MB and holds nothing.
        let huge = [&[FRAME][..], &[0x28, 0xB5, 0x2F, 0xFD, 0xE0, 0, 0, 0, 0, 0, 1, 0, 0], &[1, 0, 0]].concat();
        assert!(unpack(&huge).is_none());
        let empty = [&[FRAME][..], &[0x28, 0xB5, 0x2F, 0xFD, 0xA0, 0, 0, 0, 12], &[1, 0, 0]].concat();
        assert!(unpack(&empty).is_none());
    }
}
