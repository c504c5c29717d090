//! A layer as the store keeps it: its tar, or the recipe of it.

use std::io::{self, Cursor, Read, Write};
use std::ops::Range;

use super::error::io_error;
use super::object_id::ObjectId;
use super::recipe::object_list;
use super::recipe::{FileContent, OpenRecipe, Recipe, is_damage};
use super::{Layer, Store, StoreError};
use crate::delta::{BaseBytes, BaseError};
use crate::image::{DiffId, Image};
use crate::progress::Progress;
use crate::rootfs::LayerBytes;
use crate::tar::TarBytes;

/// A layer of the store. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) enum KeptLayer {
    /// Its tar, mapped.
    Tar(Layer),
    /// What its tar is put together from.
    Recipe(Recipe),
}

/// The bytes of a layer, as far as they are in memory.
#[derive(Debug, Clone, Copy)]
pub(crate) enum LayerView<'a> {
    Tar(&'a [u8]),
    Recipe(&'a OpenRecipe),
}

impl Store {
    /// Returns the layer `diff_id` as it is there.
    ///
    /// # Errors
    /// If its file cannot be opened, locked, mapped or read.
    pub(crate) fn kept_layer(&self, diff_id: DiffId) -> Result<Option<KeptLayer>, StoreError> {
        if let Some(layer) = self.tar(diff_id)? {
            return Ok(Some(KeptLayer::Tar(layer)));
        }
        self.recipe(diff_id)
    }

    /// Returns whether the layer is there whole, as far as names and lengths tell.
    pub(crate) fn has_layer(&self, diff_id: &DiffId) -> bool {
        self.layer_path(diff_id).is_file() || self.has_whole_recipe(diff_id).unwrap_or(false)
    }

    /// Whether the layer is there as a recipe, with all objects that it names, as far as their lengths tell.
    fn has_whole_recipe(&self, diff_id: &DiffId) -> Result<bool, io::Error> {
        let named = object_list(&self.recipe_path(diff_id))?;
        let objects = self.objects().map_err(StoreError::into_io)?;
        let is_there =
            |(id, len): &(ObjectId, u64)| objects.len(*id).is_ok_and(|it| it == Some(*len));
        Ok(named.iter().all(is_there))
    }

    /// Returns the layer `diff_id` if it is there as a recipe.
    pub(super) fn recipe(&self, diff_id: DiffId) -> Result<Option<KeptLayer>, StoreError> {
        match Recipe::find(self, diff_id, self.recipe_path(&diff_id)) {
            Ok(recipe) => Ok(recipe.map(KeptLayer::Recipe)),
            Err(StoreError::Damaged { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Returns the layers of `image` as they are there, bottom first; those that are not are fetched.
    ///
    /// # Errors
    /// The same as those of [`ensure_layers`](Self::ensure_layers).
    pub(crate) fn ensure_kept_layers(
        &self,
        image: &Image,
        progress: &dyn Progress,
    ) -> Result<Vec<KeptLayer>, StoreError> {
        let kept: Vec<Option<KeptLayer>> = image
            .diff_ids()?
            .iter()
            .map(|diff_id| self.kept_layer(*diff_id))
            .collect::<Result<_, _>>()?;
        let all: Option<Vec<KeptLayer>> = kept.iter().cloned().collect();
        if let Some(layers) = all {
            return Ok(layers);
        }
        if kept.iter().any(|layer| matches!(layer, Some(KeptLayer::Recipe(_)))) {
            let layers = kept.into_iter().enumerate().map(|(index, layer)| match layer {
                Some(layer) => Ok(layer),
                None => self.ensure_layer(image, index, progress).map(KeptLayer::Tar),
            });
            return layers.collect();
        }
        let layers = self.ensure_layers(&[image], progress)?.remove(0);
        Ok(layers.into_iter().map(KeptLayer::Tar).collect())
    }
}

impl KeptLayer {
    /// The layer's diff ID.
    pub(crate) fn diff_id(&self) -> DiffId {
        match self {
            KeptLayer::Tar(layer) => layer.diff_id(),
            KeptLayer::Recipe(recipe) => recipe.diff_id(),
        }
    }

    /// Bytes of the layer's tar.
    pub(crate) fn size(&self) -> u64 {
        match self {
            KeptLayer::Tar(layer) => layer.len() as u64,
            KeptLayer::Recipe(recipe) => recipe.size(),
        }
    }

    /// The layer's bytes, as far as they are in memory.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if it is a recipe that cannot be read.
    pub(crate) fn view(&self) -> Result<LayerView<'_>, StoreError> {
        match self {
            KeptLayer::Tar(layer) => Ok(LayerView::Tar(layer)),
            KeptLayer::Recipe(recipe) => match recipe.open() {
                Ok(open) => Ok(LayerView::Recipe(open)),
                Err(error) => Err(recipe.unreadable(error)),
            },
        }
    }

    /// Writes the layer's bytes from `offset` on to `out`, `len` of them, which it has.
    pub(crate) fn write(&self, offset: u64, len: u64, out: &mut dyn Write) -> io::Result<()> {
        match self {
            KeptLayer::Tar(layer) => {
                let range = offset as usize..(offset + len) as usize;
                out.write_all(layer.get(range).ok_or(io::ErrorKind::UnexpectedEof)?)
            }
            KeptLayer::Recipe(recipe) => recipe.open()?.copy(offset, len, out),
        }
    }

    /// The layer's bytes, from its beginning to its end.
    pub(crate) fn read(&self) -> Box<dyn Read + Send> {
        match self.clone() {
            KeptLayer::Tar(layer) => Box::new(Cursor::new(Bytes(layer))),
            KeptLayer::Recipe(recipe) => Box::new(recipe.reader()),
        }
    }

    /// Compares the bytes on disk with the diff ID. A layer that is damaged is dropped from the store, with the objects
    /// that are not what their names say.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], or that the layer cannot be read.
    pub(crate) fn verify(&self) -> Result<(), StoreError> {
        match self {
            KeptLayer::Tar(layer) => layer.verify(),
            KeptLayer::Recipe(recipe) => recipe.verify(),
        }
    }

    /// Compares the diff ID with that of the bytes, as somebody found it who read them all. A layer that is damaged is
    /// dropped from the store.
    #[cfg(feature = "registry")]
    pub(crate) fn expect(&self, found: DiffId) -> Result<(), StoreError> {
        match self {
            KeptLayer::Tar(layer) => layer.expect(found),
            KeptLayer::Recipe(recipe) if found != recipe.diff_id() => recipe.verify(),
            KeptLayer::Recipe(_) => Ok(()),
        }
    }
}

impl Recipe {
    /// Compares the layer that the recipe makes with its diff ID.
    fn verify(&self) -> Result<(), StoreError> {
        match self.open().and_then(OpenRecipe::hash) {
            Ok(found) if found == self.diff_id() => Ok(()),
            Ok(_) => Err(self.damaged()),
            Err(error) => Err(self.unreadable(error)),
        }
    }

    /// The error of a recipe that could not be read: one whose objects are not there any more, or that is no recipe, is
    /// damaged.
    fn unreadable(&self, error: io::Error) -> StoreError {
        match is_damage(&error) {
            true => self.damaged(),
            false => io_error("read", self.path())(error),
        }
    }

    fn damaged(&self) -> StoreError {
        if let Ok(open) = self.open() {
            open.drop_damaged_objects();
        }
        self.drop_from_store()
    }
}

/// A layer's bytes, for a cursor.
struct Bytes(Layer);

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl<'a> TarBytes<'a> for LayerView<'a> {
    fn size(&self) -> u64 {
        match self {
            LayerView::Tar(tar) => tar.size(),
            LayerView::Recipe(recipe) => recipe.size(),
        }
    }

    fn bytes(&self, range: Range<u64>) -> Option<&'a [u8]> {
        match self {
            LayerView::Tar(tar) => TarBytes::bytes(tar, range),
            LayerView::Recipe(recipe) => recipe.bytes(range),
        }
    }
}

impl<'a> LayerBytes<'a> for LayerView<'a> {
    type Content = FileContent<'a>;

    fn content(&self, range: Range<u64>) -> FileContent<'a> {
        match self {
            LayerView::Tar(tar) => FileContent::Bytes(LayerBytes::content(tar, range)),
            LayerView::Recipe(recipe) => recipe.content(range),
        }
    }

    fn laid_out(content: &'a [u8]) -> FileContent<'a> {
        FileContent::Bytes(content)
    }
}

impl BaseBytes for KeptLayer {
    fn size(&self) -> u64 {
        self.size()
    }

    fn copy(&self, offset: u64, len: u64, out: &mut dyn Write) -> Result<(), BaseError> {
        let mut out = Told { out, failed: false };
        self.write(offset, len, &mut out).map_err(|error| match out.failed {
            true => BaseError::Write(error),
            false => BaseError::Read(error),
        })
    }
}

/// Somewhere to write, and whether that failed.
struct Told<'a> {
    out: &'a mut dyn Write,
    failed: bool,
}

impl Write for Told<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes).inspect_err(|_| self.failed = true)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
