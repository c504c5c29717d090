//! Where the bytes of a layer are, and what a tree has of the contents of its files.

use std::ops::Range;

use crate::tar::TarBytes;

/// The bytes of a layer: in memory all of them, or all but the contents of files.
pub trait LayerBytes<'a>: TarBytes<'a> {
    /// What stands for the content of a file.
    type Content: Copy;

    /// The content in `range`, which lies inside the layer.
    fn content(&self, range: Range<u64>) -> Self::Content;

    /// A content that was laid out in memory.
    fn laid_out(content: &'a [u8]) -> Self::Content;
}

impl<'a> LayerBytes<'a> for &'a [u8] {
    type Content = &'a [u8];

    fn content(&self, range: Range<u64>) -> &'a [u8] {
        self.bytes(range).expect("an entry's content lies inside its archive")
    }

    fn laid_out(content: &'a [u8]) -> &'a [u8] {
        content
    }
}
