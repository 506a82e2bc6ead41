//! How keyframe bodies are stored.
//!
//! A compressed body is one frame of Zstandard (RFC 8878) that says how long its content is and ends with a checksum of it,
//! so that a damaged one is noticed. In [`Codec::ZstdDelta`] the body of another keyframe stands before the content as
//! *prefix*: what is the same in both takes next to nothing. Prefixes are a level deep: the first keyframe of a group is
//! compressed by itself, and all others of the group with it as prefix, so that one is read with at most one more.

use std::fmt;

use zstd::zstd_safe::{CCtx, CParameter, DCtx, get_error_name, get_frame_content_size};

/// A way to store the body of a keyframe. What is handed out is the same for all of them.
///
/// A codec is named by the row that uses it, so names never change their meaning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Codec {
    /// JSON text as it is, in the reference's table, where every program finds it.
    #[default]
    Json,
    /// Compressed, in a table of our own, where only this program finds it.
    Zstd,
    /// Likewise, with the first keyframe of its group as prefix.
    ZstdDelta,
}

/// A body that cannot be compressed, or bytes that are no compressed body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The bytes were not written by this codec, or not with this prefix, or were damaged since.
    #[error("it cannot be decompressed: {0}")]
    Damaged(&'static str),
    /// The content is larger than any that is read.
    #[error("its content is {size_bytes} bytes long, more than the {most_bytes} that are read")]
    TooLarge {
        /// As the frame says.
        size_bytes: u64,
        /// The most that is read.
        most_bytes: usize,
    },
    /// The library behind the codec failed, for lack of memory.
    #[error("it cannot be compressed: {0}")]
    Failed(&'static str),
}

impl Codec {
    /// All of them.
    pub const ALL: [Codec; 3] = [Codec::Json, Codec::Zstd, Codec::ZstdDelta];

    /// Its name as rows and settings have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Codec::Json => "json",
            Codec::Zstd => "zstd",
            Codec::ZstdDelta => "zstd-delta",
        }
    }

    /// The codec with that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|codec| codec.name() == name)
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Between 1 (fast) and 22 (small).
const LEVEL: i32 = 9;

/// Compresses a body, with `prefix` before it.
///
/// # Errors
/// `Failed`.
pub fn compress(body: &[u8], prefix: Option<&[u8]>) -> Result<Vec<u8>, CodecError> {
    let failed = |code| CodecError::Failed(get_error_name(code));
    let mut context = CCtx::try_create().ok_or(CodecError::Failed("out of memory"))?;
    let mut set = |parameter| context.set_parameter(parameter).map_err(failed);
    set(CParameter::CompressionLevel(LEVEL))?;
    set(CParameter::ChecksumFlag(true))?;
    if let Some(prefix) = prefix {
        // What is the same may be as far back as both are long.
        set(CParameter::WindowLog(window_log(prefix.len() + body.len())))?;
        set(CParameter::EnableLongDistanceMatching(true))?;
        context.ref_prefix(prefix).map_err(failed)?;
    }
    let mut stored = Vec::with_capacity(zstd::zstd_safe::compress_bound(body.len()));
    context.compress2(&mut stored, body).map_err(failed)?;
    stored.shrink_to_fit();
    Ok(stored)
}

/// Decompresses a body that was compressed with `prefix` before it, if its content is at most `most_bytes` long. What the
/// frame says of its length decides how much memory is asked for, and is not believed.
///
/// # Errors
/// `Damaged`, `TooLarge`.
pub fn decompress(stored: &[u8], prefix: Option<&[u8]>, most_bytes: usize) -> Result<Vec<u8>, CodecError> {
    let damaged = |code| CodecError::Damaged(get_error_name(code));
    let size_bytes = get_frame_content_size(stored).ok().flatten();
    let size_bytes = size_bytes.ok_or(CodecError::Damaged("it does not say how long it is"))?;
    let size = usize::try_from(size_bytes).ok().filter(|size| *size <= most_bytes);
    let size = size.ok_or(CodecError::TooLarge { size_bytes, most_bytes })?;
    let mut context = DCtx::try_create().ok_or(CodecError::Damaged("out of memory"))?;
    if let Some(prefix) = prefix {
        context.ref_prefix(prefix).map_err(damaged)?;
    }
    let mut body = Vec::new();
    body.try_reserve_exact(size).map_err(|_| CodecError::Damaged("out of memory"))?;
    let written = context.decompress(&mut body, stored).map_err(damaged)?;
    if written == size { Ok(body) } else { Err(CodecError::Damaged("it is not as long as it says")) }
}

/// The least power of two that is not less than a length, as zstd takes it.
fn window_log(length: usize) -> u32 {
    /// What zstd allows, on machines of 32 bits too.
    const RANGE: std::ops::RangeInclusive<u32> = 10..=30;
    length.next_power_of_two().trailing_zeros().clamp(*RANGE.start(), *RANGE.end())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 1 << 20;

    fn text(n: u32) -> Vec<u8> {
        (0..n).flat_map(|n| format!("{{\"n\":{}}},", n.wrapping_mul(2_654_435_761)).into_bytes()).collect()
    }

    #[test]
    fn what_was_compressed_comes_back() {
        for n in [0, 1, 1000, 20_000] {
            let (body, longer) = (text(n), text(n + 10));
            let stored = compress(&body, None).unwrap();
            assert_eq!(decompress(&stored, None, MOST).unwrap(), body);
            let delta = compress(&longer, Some(&body)).unwrap();
            assert_eq!(decompress(&delta, Some(&body), MOST).unwrap(), longer);
            assert!(n < 1000 || delta.len() * 20 < stored.len(), "{} {}", delta.len(), stored.len());
        }
    }

    #[test]
    fn a_damaged_body_is_never_taken_for_another() {
        let (body, prefix) = (text(40), text(30));
        for prefix in [None, Some(&prefix[..])] {
            let stored = compress(&body, prefix).unwrap();
            for at in 0..stored.len() {
                let mut damaged = stored.clone();
                damaged[at] ^= 0x11;
                let read = decompress(&damaged, prefix, MOST);
                assert!(read.is_err() || read.as_ref() == Ok(&body), "{at}");
                assert!(decompress(&stored[..at], prefix, MOST).is_err(), "{at}");
            }
        }
        let stored = compress(&text(40), Some(&prefix)).unwrap();
        assert!(decompress(&stored, Some(&text(29)), MOST).is_err(), "another prefix");
        assert!(decompress(&stored, None, MOST).is_err(), "no prefix");
    }

    #[test]
    fn what_is_too_large_is_not_read() {
        let stored = compress(&vec![0; MOST + 1], None).unwrap();
        let error = CodecError::TooLarge { size_bytes: MOST as u64 + 1, most_bytes: MOST };
        assert_eq!(decompress(&stored, None, MOST), Err(error));
        assert!(decompress(b"", None, MOST).is_err() && decompress(b"no frame at all", None, MOST).is_err());
    }

    #[test]
    fn names_read_back() {
        for codec in Codec::ALL {
            assert_eq!(Codec::parse(codec.name()), Some(codec));
        }
        assert_eq!(Codec::parse("zst"), None);
    }
}
