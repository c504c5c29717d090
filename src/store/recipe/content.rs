//! The content of one file of a layer.

use std::io::{self, Write};
use std::ops::Range;

use super::format::Piece;
use super::hashing::Hashing;
use super::open::OpenRecipe;
use crate::image::Digest;
use crate::rootfs::LayerBytes;
use crate::tar::TarBytes;

/// The content of a file in a layer, wherever its bytes are.
#[derive(Debug, Clone, Copy)]
pub(crate) enum FileContent<'a> {
    /// In memory.
    Bytes(&'a [u8]),
    /// The object that follows the piece of this number.
    Object(&'a OpenRecipe, u32),
}

impl<'a> FileContent<'a> {
    /// How many bytes it has.
    pub(crate) fn len(&self) -> u64 {
        match self {
            FileContent::Bytes(bytes) => bytes.len() as u64,
            FileContent::Object(recipe, piece) => {
                recipe.object_len(&recipe.parts.pieces[*piece as usize])
            }
        }
    }

    /// The digest of the bytes: of an object the one that it is known by.
    pub(crate) fn digest(&self) -> Digest {
        match self {
            FileContent::Bytes(bytes) => Digest::of(bytes),
            FileContent::Object(recipe, piece) => {
                let object = recipe.parts.pieces[*piece as usize].object.unwrap_or_default();
                recipe.parts.objects[object as usize].id.content
            }
        }
    }

    /// Begins to read the content from its beginning to its end.
    pub(crate) fn checked(self) -> Checked<'a> {
        Checked { content: self, hashing: Hashing::new(), read: 0 }
    }

    /// Writes the bytes in `range`.
    pub(crate) fn copy(&self, range: Range<u64>, out: &mut dyn Write) -> io::Result<()> {
        match self {
            FileContent::Bytes(bytes) => {
                let bytes = bytes.get(range.start as usize..range.end as usize);
                out.write_all(bytes.ok_or(io::ErrorKind::UnexpectedEof)?)
            }
            FileContent::Object(recipe, piece) => {
                recipe.copy_object(&recipe.parts.pieces[*piece as usize], range, out)
            }
        }
    }
}

/// A content that is read from its beginning to its end. An object is compared with what it is known by: it may have been
/// changed by whoever has a name of its file.
pub(crate) struct Checked<'a> {
    content: FileContent<'a>,
    hashing: Hashing,
    read: u64,
}

impl Checked<'_> {
    /// Writes the bytes in `range`, which comes after those before.
    pub(crate) fn copy(&mut self, range: Range<u64>, out: &mut dyn Write) -> io::Result<()> {
        if let FileContent::Bytes(_) = self.content {
            return self.content.copy(range, out);
        }
        self.read += range.end - range.start;
        self.content.copy(range, &mut Both { first: &mut self.hashing, second: out })
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// If all of it was read, and it is not what it was.
    pub(crate) fn finish(self) -> io::Result<()> {
        let FileContent::Object(..) = self.content else { return Ok(()) };
        let is_whole = self.read == self.content.len();
        match is_whole && self.hashing.digest() != self.content.digest() {
            true => {
                Err(io::Error::new(io::ErrorKind::InvalidData, "a file of the store is damaged"))
            }
            false => Ok(()),
        }
    }
}

/// What is written here goes to two places.
struct Both<'a> {
    first: &'a mut Hashing,
    second: &'a mut dyn Write,
}

impl Write for Both<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.second.write_all(bytes)?;
        self.first.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> TarBytes<'a> for &'a OpenRecipe {
    fn size(&self) -> u64 {
        self.parts.size
    }

    fn bytes(&self, range: Range<u64>) -> Option<&'a [u8]> {
        let recipe: &'a OpenRecipe = self;
        if range.is_empty() {
            return (range.end <= recipe.parts.size).then_some(&[]);
        }
        let piece = recipe.parts.pieces.get(recipe.piece_at(range.start))?;
        let own_end = piece.start + piece.own_len;
        (range.end <= own_end).then(|| recipe.own_bytes(piece, range))
    }
}

impl<'a> LayerBytes<'a> for &'a OpenRecipe {
    type Content = FileContent<'a>;

    fn content(&self, range: Range<u64>) -> FileContent<'a> {
        let recipe: &'a OpenRecipe = self;
        if let Some(bytes) = self.bytes(range.clone()) {
            return FileContent::Bytes(bytes);
        }
        // The piece whose object begins there: its own bytes may be none at all.
        let pieces = &recipe.parts.pieces;
        let first = pieces.partition_point(|piece| piece.start + piece.own_len < range.start);
        let begins = |piece: &Piece| piece.start + piece.own_len == range.start;
        let whole = |piece: &Piece| recipe.object_len(piece) == range.end - range.start;
        let mut there = (first..pieces.len()).take_while(|&number| begins(&pieces[number]));
        match there.find(|&number| whole(&pieces[number])) {
            Some(number) => FileContent::Object(recipe, number as u32),
            // No recipe that was written here is so: the layer's digest will not come out.
            None => FileContent::Bytes(&[]),
        }
    }

    fn laid_out(content: &'a [u8]) -> FileContent<'a> {
        FileContent::Bytes(content)
    }
}
