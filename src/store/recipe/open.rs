//! A layer by its recipe: read piece by piece, from the recipe and from objects.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::super::error::{io_error, is_unreadable};
use super::super::files::{identity_at, open_layer, remove_obstacle};
use super::super::layer::InUse;
use super::super::mapping::Mapping;
use super::super::object_id::ObjectId;
use super::super::objects::Objects;
use super::super::{Store, StoreError};
use super::format::{self, Parts, Piece};
use super::hashing::Hashing;
use crate::image::DiffId;
use crate::space::check_space;

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
    /// The recipe's file, which stays while this does, and with it the objects that it names.
    file: InUse,
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
        let Some(file) = InUse::find(&path, || open_or_clear(&path))? else { return Ok(None) };
        let (store, open) = (store.clone(), OnceLock::new());
        let size = file.read(&path).and_then(format::read_size);
        let found = Known { diff_id, size: *size.as_ref().unwrap_or(&0), path, store, file, open };
        let recipe = Recipe(Arc::new(found));
        match size {
            Ok(_) => Ok(Some(recipe)),
            Err(error) if is_damage(&error) => Err(recipe.drop_from_store()),
            Err(error) => Err(io_error("read", recipe.path())(error)),
        }
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

    /// Takes the recipe out of the store, since it does not lead to its layer, unless another file has come in its place.
    pub(in super::super) fn drop_from_store(&self) -> StoreError {
        let Known { diff_id, path, file, .. } = &*self.0;
        tracing::warn!(%diff_id, "dropping a layer whose files are damaged from the store");
        if identity_at(path) == Some(file.identity)
            && let Err(error) = fs::remove_file(path)
        {
            tracing::warn!(%diff_id, "cannot drop a damaged layer: {error}");
        }
        StoreError::Damaged { diff_id: *diff_id }
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
        let Known { store, file, path, .. } = &*self.0;
        let objects = store.objects().map_err(StoreError::into_io)?;
        let opened = OpenRecipe::of(file.read(path)?, store, objects)?;
        if opened.parts.size != self.0.size {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(self.0.open.get_or_init(|| opened))
    }
}

impl OpenRecipe {
    pub(super) fn of(file: impl Read, store: &Store, objects: Objects) -> io::Result<Self> {
        // Without a name: nobody else can write there, and it goes with the process.
        let mut own = nameless_file(store)?;
        let folder = store.scratch_parent();
        let is_room = |len| check_space(&folder, len);
        let parts = format::read(file, &mut io::BufWriter::new(&mut own), is_room)?;
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
        let mut hashing = Hashing::new();
        self.copy(0, self.parts.size, &mut hashing)?;
        Ok(DiffId(hashing.digest()))
    }

    /// Takes the objects away that are not what their names say.
    pub(in super::super) fn drop_damaged_objects(&self) {
        for object in &self.parts.objects {
            // What cannot be looked at stays.
            let _ = self.objects.check(object.id, Some(object.len));
        }
    }

    /// The number of the piece that the byte at `offset` is in.
    pub(super) fn piece_at(&self, offset: u64) -> usize {
        self.parts.pieces.partition_point(|piece| piece.start <= offset).saturating_sub(1)
    }

    /// Bytes of the recipe's own, by their place in the layer.
    pub(super) fn own_bytes(&self, piece: &Piece, range: Range<u64>) -> &[u8] {
        let at = |offset: u64| (piece.own_start + (offset - piece.start)) as usize;
        self.own.get(at(range.start)..at(range.end)).unwrap_or_default()
    }

    pub(super) fn object_len(&self, piece: &Piece) -> u64 {
        piece.object.map_or(0, |number| self.parts.objects[number as usize].len)
    }

    pub(super) fn copy_object(
        &self,
        piece: &Piece,
        range: Range<u64>,
        out: &mut dyn Write,
    ) -> io::Result<()> {
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

/// Whether a recipe that can't be read is none, or its objects or its pages are lost.
pub(in super::super) fn is_damage(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidData, NotFound, Other, UnexpectedEof};
    matches!(error.kind(), NotFound | InvalidData | UnexpectedEof | Other) || is_unreadable(error)
}

/// Opens a recipe's file. As with tars: what is none is not taken for one, and gives way if nothing is lost with it.
fn open_or_clear(path: &Path) -> Result<Option<File>, StoreError> {
    match open_layer(path) {
        Err(StoreError::Obstacle { .. }) => {
            remove_obstacle(path).map_err(io_error("remove", path))?;
            Ok(None)
        }
        opened => opened,
    }
}

/// A file without a name. A store that may only be read is read all the same.
fn nameless_file(store: &Store) -> io::Result<File> {
    use io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
    match tempfile::tempfile_in(store.scratch_parent()) {
        Err(error) if matches!(error.kind(), PermissionDenied | ReadOnlyFilesystem) => {
            tempfile::tempfile()
        }
        file => file,
    }
}

/// The length of the layer whose recipe is in the file `path`, if there is one.
pub(crate) fn recipe_size(path: &Path) -> Option<u64> {
    format::read_size(open_layer(path).ok()??).ok()
}

/// The objects that the recipe in the file `path` names, and their lengths.
pub(crate) fn object_list(path: &Path) -> io::Result<Vec<(ObjectId, u64)>> {
    let file = open_layer(path).map_err(StoreError::into_io)?.ok_or(io::ErrorKind::NotFound)?;
    let objects = format::read_objects(file)?;
    Ok(objects.into_iter().map(|object| (object.id, object.len)).collect())
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
