//! What a delta is between: two images by their digests, and the format.

use std::fmt;

use crate::Dialect;
use crate::image::Digest;

/// An image of the configured registry, by the digest of its manifest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PinnedImage {
    /// The repository, without the host.
    pub(crate) repository: String,
    /// The digest that the registry gave for it.
    pub(crate) digest: Digest,
}

/// What one job makes: the key of everything that is known about a delta.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Pair {
    /// Which kind of delta.
    pub(crate) format: Dialect,
    /// The image that devices have.
    pub(crate) source: PinnedImage,
    /// The image that they are to get.
    pub(crate) target: PinnedImage,
}

impl fmt::Display for PinnedImage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}@{}", self.repository, self.digest)
    }
}

/// One line that says all of it: equal texts are equal pairs.
impl fmt::Display for Pair {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {} {}", self.format.name(), self.source, self.target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_told_on_one_line() {
        let image = |name: &str| PinnedImage {
            repository: format!("v2/{name}"),
            digest: Digest::of(name.as_bytes()),
        };
        let pair = Pair { format: Dialect::V3, source: image("a"), target: image("b") };
        let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
        assert_eq!(pair.to_string(), format!("v3 v2/a@{a} v2/b@{b}"));
    }
}
