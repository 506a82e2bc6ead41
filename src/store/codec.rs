//! How keyframe bodies are stored.

use std::borrow::Cow;

/// A way to store the body of a keyframe.
///
/// Decoding what was encoded gives the same bytes. A codec is named by the row that uses it, so names never
/// change their meaning.
pub trait Codec: Send + Sync {
    /// Its name as rows and settings have it.
    fn name(&self) -> &'static str;

    /// Turns JSON text into what is stored.
    fn encode<'a>(&self, document: &'a [u8]) -> Cow<'a, [u8]>;

    /// Turns what is stored back into JSON text. The text is not looked at.
    ///
    /// # Errors
    /// When the bytes were not written by this codec.
    fn decode<'a>(&self, stored: &'a [u8]) -> Result<Cow<'a, [u8]>, CodecError>;
}

/// Stored bytes that a codec cannot read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not written by codec {codec}: {reason}")]
pub struct CodecError {
    /// The codec.
    pub codec: &'static str,
    /// What is wrong with the bytes.
    pub reason: String,
}

/// JSON text as it is: the form of the reference's `Keyframe` table.
#[derive(Clone, Copy, Debug, Default)]
pub struct Json;

impl Codec for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn encode<'a>(&self, document: &'a [u8]) -> Cow<'a, [u8]> {
        Cow::Borrowed(document)
    }

    fn decode<'a>(&self, stored: &'a [u8]) -> Result<Cow<'a, [u8]>, CodecError> {
        Ok(Cow::Borrowed(stored))
    }
}
