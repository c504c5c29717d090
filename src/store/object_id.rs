//! What a shared file is known by.

use std::fmt;

use crate::image::Digest;

/// What a file in the store is known by: its content, and everything else that its inode says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ObjectId {
    /// The digest of the content.
    pub(crate) content: Digest,
    /// The digest of a description of the rest: owner, mode, time, extended attributes.
    pub(crate) metadata: Digest,
}

impl ObjectId {
    /// A file that no tree shows: its content alone counts.
    pub(crate) fn of_content(content: Digest) -> Self {
        ObjectId { content, metadata: Digest::of(b"content alone") }
    }

    /// A short form, for tables of many.
    pub(crate) fn key(&self) -> [u8; 16] {
        let both = [self.content.as_bytes().as_slice(), self.metadata.as_bytes()].concat();
        let digest = Digest::of(&both);
        *digest.as_bytes().first_chunk().expect("a digest has 32 bytes")
    }

    /// The object whose file has the name `name`.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let digest = |hex: &str| format!("sha256:{hex}").parse().ok();
        let (content, metadata) = name.split_once('-')?;
        Some(ObjectId { content: digest(content)?, metadata: digest(metadata)? })
    }
}

/// The name of the object's file.
impl fmt::Display for ObjectId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}-{}", self.content.hex(), self.metadata.hex())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_objects_read_back_and_others_are_none() {
        let id = ObjectId { content: Digest::of(b"c"), metadata: Digest::of(b"m") };
        assert_eq!(ObjectId::parse(&id.to_string()), Some(id));
        let content = Digest::of(b"c").hex();
        for name in
            ["", "-", "a-b", &content, &format!("{content}-"), &format!("{content}-{content}x")]
        {
            assert_eq!(ObjectId::parse(name), None, "{name}");
        }
    }
}
