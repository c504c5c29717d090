//! The identifiers of images and their parts. All are SHA-256 digests; each has a type of its own
//! so that one is never taken for another.

use crate::quote::quoted;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

/// A content digest, `sha256:<64 lower-case hex digits>` (OCI image spec, descriptor, "Digests").
///
/// Other algorithms that the spec registers are refused when parsed: no registry that serves
/// container images uses them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

/// A text that is not a SHA-256 digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} {}", quoted(text), if *.is_sha512 { "is a sha512 digest, and only sha256 digests are supported" } else { "is not a digest of the form sha256:<64 lower-case hex digits>" })]
pub struct DigestError {
    text: String,
    is_sha512: bool,
}

impl DigestError {
    /// Whether it is a digest after all, of an algorithm that is not supported.
    pub(super) fn is_of_other_algorithm(&self) -> bool {
        self.is_sha512
    }
}

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Digest(Sha256::digest(bytes).into())
    }

    /// The digest that a finished hasher holds.
    pub fn from_hasher(hasher: Sha256) -> Self {
        Digest(hasher.finalize().into())
    }

    /// The digest that these bytes are.
    pub(crate) fn from_bytes(bytes: [u8; 32]) -> Self {
        Digest(bytes)
    }

    /// Returns the bytes of the digest itself.
    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The 64 hex digits, without the algorithm.
    pub fn hex(&self) -> String {
        use fmt::Write as _;
        self.0.iter().fold(String::with_capacity(64), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    /// The first 12 hex digits: how people tell digests apart on a screen.
    pub fn short(&self) -> String {
        self.hex()[..12].to_owned()
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let refuse = || DigestError {
            text: text.chars().take(100).collect(),
            is_sha512: text.starts_with("sha512:"),
        };
        let hex = text.strip_prefix("sha256:").ok_or_else(refuse)?.as_bytes();
        if hex.len() != 64 {
            return Err(refuse());
        }
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(hex.chunks_exact(2)) {
            let (high, low) = digit(pair[0]).zip(digit(pair[1])).ok_or_else(refuse)?;
            *byte = high << 4 | low;
        }
        Ok(Digest(bytes))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "sha256:{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

macro_rules! digest_newtype {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Digest);

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, formatter)
            }
        }

        impl FromStr for $name {
            type Err = DigestError;

            fn from_str(text: &str) -> Result<Self, DigestError> {
                text.parse().map($name)
            }
        }
    };
}

digest_newtype! {
    /// The digest of a layer's uncompressed tar (OCI image spec, config, "Layer DiffID").
    DiffId
}
digest_newtype! {
    /// The digest that stands for a stack of layers (OCI image spec, config, "Layer ChainID").
    ChainId
}
digest_newtype! {
    /// The digest of an image's config blob, byte for byte: what an engine calls the image ID.
    ImageId
}

impl ChainId {
    /// The chain IDs of a stack of layers, bottom first: one for every prefix of `diff_ids`.
    pub fn of_stack(diff_ids: &[DiffId]) -> Vec<ChainId> {
        let mut chain: Vec<ChainId> = Vec::with_capacity(diff_ids.len());
        for diff_id in diff_ids {
            chain.push(match chain.last() {
                None => ChainId(diff_id.0),
                Some(below) => ChainId(Digest::of(format!("{below} {diff_id}").as_bytes())),
            });
        }
        chain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_survives_text() {
        let digest = Digest::of(b"");
        let text = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(digest.to_string(), text);
        assert_eq!(text.parse(), Ok(digest));
    }

    #[test]
    fn only_lower_case_sha256_is_taken() {
        for text in ["", "sha256:", "sha512:00", "e3b0", &format!("sha256:{}", "A".repeat(64))] {
            assert!(text.parse::<Digest>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_digest_of_another_algorithm_is_refused_by_its_name() {
        let error = format!("sha512:{}", "0".repeat(128)).parse::<Digest>().expect_err("refused");
        assert!(error.is_of_other_algorithm());
        assert!(error.to_string().ends_with("only sha256 digests are supported"), "{error}");
        assert!(!"md5:0".parse::<Digest>().expect_err("refused").is_of_other_algorithm());
    }

    #[test]
    fn a_chain_id_covers_everything_below() {
        let layers: Vec<DiffId> = (0..3u8).map(|i| DiffId(Digest::of(&[i]))).collect();
        let chain = ChainId::of_stack(&layers);
        assert_eq!(chain[0].0, layers[0].0);
        assert_eq!(chain[1].0, Digest::of(format!("{} {}", layers[0], layers[1]).as_bytes()));
        assert_eq!(chain[2].0, Digest::of(format!("{} {}", chain[1], layers[2]).as_bytes()));
    }
}
