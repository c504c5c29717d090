//! A layer by its recipe: read piece by piece, from the recipe and from objects.

use std::fs::File;
use std::io::{self, Read, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use sha2::{Digest as _, Sha256};

use super::super::error::io_error;
use super::super::files::{gone, open_layer};
use super::super::mapping::Mapping;
use super::super::object_id::ObjectId;
use super::super::objects::Objects;
use super::super::{Store, StoreError};
use super::format::{self, Parts, Piece};
use crate::image::{DiffId, Digest};
use crate::rootfs::LayerBytes;
use crate::tar::TarBytes;

/// How many objects are held open: the parts of a file that a delta copies come close together.
const HELD_OPEN: usize = 8;
/// Bytes read of an object at a time.
const CHUNK: usize = 64 << 10;

/// A layer that the store has as a recipe. Cheap to clone; the recipe is read when its bytes are first asked for.
#[derive(Debug, Clone)]
pub(crate) struct Recipe(Arc<Known>);

#[derive(Debug)]
struct Known {
    diff_id: DiffId,
    size: u64,
    path: PathBuf,
    store: Store,
    open: OnceLock<OpenRecipe>,
}

/// A recipe that was read.
#[derive(Debug)]
pub(crate) struct OpenRecipe {
    pub(super) parts: Parts,
    /// The bytes that stand in the recipe itself.
    own: Mapping,
    pub(super) objects: Objects,
    held: Mutex<Vec<(u32, Arc<File>)>>,
}

impl Recipe {
    /// The recipe of the layer in the file `path`, if there is one.
    pub(in super::super) fn find(
        store: &Store,
        diff_id: DiffId,
        path: PathBuf,
    ) -> Result<Option<Self>, StoreError> {
        let Some(file) = open_layer(&path)? else { return Ok(None) };
        let _ = file.set_modified(std::time::SystemTime::now());
        let size = match format::read_size(&file) {
            Ok(size) => size,
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
                ) =>
            {
                tracing::warn!(%diff_id, "dropping a recipe that is none from the store");
                gone(std::fs::remove_file(&path)).map_err(io_error("remove", &path))?;
                return Err(StoreError::Damaged { diff_id });
            }
            Err(error) => return Err(io_error("read", &path)(error)),
        };
        let store = store.clone();
        let open = OnceLock::new();
        Ok(Some(Recipe(Arc::new(Known { diff_id, size, path, store, open }))))
    }

    /// The layer's diff ID.
    pub(crate) fn diff_id(&self) -> DiffId {
        self.0.diff_id
    }

    /// Bytes of the layer's tar.
    pub(crate) fn size(&self) -> u64 {
        self.0.size
    }

    pub(in super::super) fn path(&self) -> &Path {
        &self.0.path
    }

    /// The layer's bytes, from its beginning to its end.
    pub(in super::super) fn reader(self) -> impl Read + Send {
        Reader { recipe: self, position: 0 }
    }

    /// The recipe itself, read now if nobody has before.
    pub(crate) fn open(&self) -> io::Result<&OpenRecipe> {
        if let Some(open) = self.0.open.get() {
            return Ok(open);
        }
        let opened = OpenRecipe::read(&self.0.path, &self.0.store)?;
        if opened.parts.size != self.0.size {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(self.0.open.get_or_init(|| opened))
    }
}

impl OpenRecipe {
    pub(super) fn read(path: &Path, store: &Store) -> io::Result<Self> {
        let objects = store.objects().map_err(io::Error::other)?;
        let file = open_layer(path).map_err(io::Error::other)?.ok_or(io::ErrorKind::NotFound)?;
        Self::of(&file, store, objects)
    }

    pub(super) fn of(file: &File, store: &Store, objects: Objects) -> io::Result<Self> {
        // Without a name: nobody else can write there, and it goes with the process.
        let mut own = tempfile::tempfile_in(store.scratch_parent())?;
        let parts = format::read(file, &mut io::BufWriter::new(&mut own))?;
        let own = Mapping::of_nameless(own, &store.scratch_parent())?;
        Ok(OpenRecipe { parts, own, objects, held: Mutex::default() })
    }

    /// Writes the layer's bytes from `offset` on to `out`, `len` of them.
    pub(crate) fn copy(&self, offset: u64, len: u64, out: &mut dyn Write) -> io::Result<()> {
        let end = offset.checked_add(len).filter(|&end| end <= self.parts.size);
        let end = end.ok_or(io::ErrorKind::UnexpectedEof)?;
        let mut at = offset;
        let mut number = self.piece_at(offset);
        while at < end {
            let piece = self.parts.pieces.get(number).ok_or(io::ErrorKind::UnexpectedEof)?;
            let own_end = piece.start + piece.own_len;
            if at < own_end {
                let until = own_end.min(end);
                out.write_all(self.own_bytes(piece, at..until))?;
                at = until;
            }
            let object_end = own_end + self.object_len(piece);
            if at < end && at < object_end {
                let until = object_end.min(end);
                self.copy_object(piece, at - own_end..until - own_end, out)?;
                at = until;
            }
            number += 1;
        }
        Ok(())
    }

    /// The digest of the whole layer.
    pub(crate) fn hash(&self) -> io::Result<DiffId> {
        let mut hashing = Hashing(Sha256::new());
        self.copy(0, self.parts.size, &mut hashing)?;
        Ok(DiffId(Digest::from_hasher(hashing.0)))
    }

    /// Takes the objects away that are not what their names say.
    pub(in super::super) fn drop_damaged_objects(&self) {
        for (number, object) in self.parts.objects.iter().enumerate() {
            let mut hashing = Hashing(Sha256::new());
            let whole = Piece { start: 0, own_start: 0, own_len: 0, object: Some(number as u32) };
            let read = self.copy_object(&whole, 0..object.len, &mut hashing);
            if read.is_err() || Digest::from_hasher(hashing.0) != object.id.content {
                let _ = self.objects.remove(object.id);
            }
        }
    }

    /// The number of the piece that the byte at `offset` is in.
    fn piece_at(&self, offset: u64) -> usize {
        self.parts.pieces.partition_point(|piece| piece.start <= offset).saturating_sub(1)
    }

    /// Bytes of the recipe's own, by their place in the layer.
    fn own_bytes(&self, piece: &Piece, range: Range<u64>) -> &[u8] {
        let at = |offset: u64| (piece.own_start + (offset - piece.start)) as usize;
        self.own.get(at(range.start)..at(range.end)).unwrap_or_default()
    }

    fn object_len(&self, piece: &Piece) -> u64 {
        piece.object.map_or(0, |number| self.parts.objects[number as usize].len)
    }

    fn copy_object(&self, piece: &Piece, range: Range<u64>, out: &mut dyn Write) -> io::Result<()> {
        let Some(number) = piece.object else { return Ok(()) };
        let file = self.object(number)?;
        let mut buffer = vec![0; CHUNK.min((range.end - range.start) as usize)];
        let mut at = range.start;
        while at < range.end {
            let len = buffer.len().min((range.end - at) as usize);
            file.read_exact_at(&mut buffer[..len], at)?;
            out.write_all(&buffer[..len])?;
            at += len as u64;
        }
        Ok(())
    }

    fn object(&self, number: u32) -> io::Result<Arc<File>> {
        let held = || self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, file)) = held().iter().find(|(held, _)| *held == number) {
            return Ok(Arc::clone(file));
        }
        let file = Arc::new(self.objects.open(self.parts.objects[number as usize].id)?);
        let mut held = held();
        if held.len() == HELD_OPEN {
            held.remove(0);
        }
        held.push((number, Arc::clone(&file)));
        Ok(file)
    }
}

/// What is written here is hashed.
struct Hashing(Sha256);

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The objects that the recipe in the file `path` names, and their lengths.
pub(crate) fn object_list(path: &Path) -> io::Result<Vec<(ObjectId, u64)>> {
    let file = open_layer(path).map_err(io::Error::other)?.ok_or(io::ErrorKind::NotFound)?;
    let objects = format::read_objects(file)?;
    Ok(objects.into_iter().map(|object| (object.id, object.len)).collect())
}

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
        Checked { content: self, hashing: Hashing(Sha256::new()), read: 0 }
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
        match is_whole && Digest::from_hasher(self.hashing.0) != self.content.digest() {
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

/// The layer's bytes from its beginning to its end.
struct Reader {
    recipe: Recipe,
    position: u64,
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.recipe.size() - self.position;
        let len = left.min(buffer.len() as u64) as usize;
        let mut out = &mut buffer[..len];
        self.recipe.open()?.copy(self.position, len as u64, &mut out)?;
        self.position += len as u64;
        Ok(len)
    }
}
