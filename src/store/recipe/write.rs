//! From a layer's tar to its recipe.

use std::collections::HashMap;
use std::fs::{self, Permissions};
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;

use super::super::error::io_error;
use super::super::files::gone;
use super::super::format::WITH_RECIPES;
use super::super::object_id::ObjectId;
use super::super::objects::Objects;
use super::super::{Layer, Store, StoreError, Workspace};
use super::format::{self, Object, Parts};
use super::open::OpenRecipe;
use crate::beneath::Folder;
use crate::image::Digest;
use crate::tar::{Entries, EntryType};
use crate::temporary::create_folders;

/// Contents that take less stand in the recipe: naming an object takes as much.
const LEAST_NAMED: u64 = 128;
/// Contents that no tree shows get a file of their own from this length on: one takes a block of the disk, and an inode.
const LEAST_HIDDEN: u64 = 4096;

/// Which objects have which content.
#[derive(Debug, Default)]
pub(crate) struct Contents(HashMap<Digest, ObjectId>);

impl Contents {
    /// Notes an object that is there.
    pub(crate) fn add(&mut self, id: ObjectId) {
        self.0.entry(id.content).or_insert(id);
    }
}

impl Store {
    /// Keeps a recipe of `layer` in place of its tar: the contents of files are in `contents`, or become objects. The
    /// layer is put together from the recipe and compared with its diff ID first.
    ///
    /// # Errors
    /// If the recipe cannot be written, or the layer does not come out: its tar stays then.
    pub(crate) fn keep_recipe(
        &self,
        layer: &Layer,
        contents: &mut Contents,
        objects: Objects,
    ) -> Result<(), StoreError> {
        self.raise_format(WITH_RECIPES)?;
        if let Some(kept) = self.recipe(layer.diff_id())?
            && kept.verify().is_ok()
        {
            // A run that was killed, or one beside this, has left the tar.
            return self.drop_tar(layer);
        }
        let (folder, path) = (self.recipes(), self.recipe_path(&layer.diff_id()));
        create_folders(&folder, 0o700).map_err(io_error("create", &folder))?;
        let scratch = self.scratch()?;
        let parts = Planner { layer, contents, objects: &objects, scratch: &scratch };
        let (parts, own) = parts.run().map_err(io_error("write into", objects.path()))?;
        objects.sync().map_err(io_error("sync", objects.path()))?;
        let mut file = scratch.new_file()?;
        let written = format::write(&parts, &mut file, |out| {
            own.iter().try_for_each(|(start, end)| out.write_all(&layer[*start..*end]))
        });
        written.map_err(io_error("write", file.path()))?;
        let read =
            fs::File::open(file.path()).and_then(|file| OpenRecipe::of(&file, self, objects));
        let recipe = read.map_err(io_error("read", file.path()))?;
        if recipe.hash().map_err(io_error("read", file.path()))? != layer.diff_id() {
            // A deployment's file is not what it was: what the tar says counts.
            recipe.drop_damaged_objects();
            let damaged = io::Error::new(io::ErrorKind::InvalidData, "a file in it is damaged");
            return Err(io_error("use", &self.objects_folder())(damaged));
        }
        let read_only = Permissions::from_mode(0o400);
        file.as_file().set_permissions(read_only).map_err(io_error("change the mode of", &path))?;
        file.publish(&path).map_err(io_error("write", &path))?;
        self.drop_tar(layer)
    }

    fn drop_tar(&self, layer: &Layer) -> Result<(), StoreError> {
        let tar = self.layer_path(&layer.diff_id());
        // Whoever has it mapped keeps its bytes.
        gone(fs::remove_file(&tar)).map_err(io_error("remove", &tar))
    }
}

/// Finds the pieces of a layer.
struct Planner<'a> {
    layer: &'a Layer,
    contents: &'a mut Contents,
    objects: &'a Objects,
    scratch: &'a Workspace,
}

impl Planner<'_> {
    /// Returns the parts, and which bytes of the tar are the recipe's own.
    fn run(mut self) -> io::Result<(Parts, Vec<(usize, usize)>)> {
        let (mut parts, mut own, mut numbers) = (Parts::default(), Vec::new(), HashMap::new());
        let mut at = 0;
        for entry in Entries::new(&self.layer[..]) {
            let entry = entry.map_err(io::Error::other)?;
            if entry.entry_type != EntryType::Regular || entry.sparse.is_some() {
                continue;
            }
            let (start, end) = (entry.content.start as usize, entry.content.end as usize);
            let Some(id) = self.object(&self.layer[start..end])? else { continue };
            let number = *numbers.entry(id).or_insert_with(|| {
                parts.objects.push(Object { id, len: (end - start) as u64 });
                (parts.objects.len() - 1) as u32
            });
            parts.push((start - at) as u64, Some(number));
            own.push((at, start));
            at = end;
        }
        parts.push((self.layer.len() - at) as u64, None);
        own.push((at, self.layer.len()));
        Ok((parts, own))
    }

    /// The object with this content, made if need be; `None` if the content is to stand in the recipe.
    fn object(&mut self, content: &[u8]) -> io::Result<Option<ObjectId>> {
        let len = content.len() as u64;
        if len < LEAST_NAMED {
            return Ok(None);
        }
        let digest = Digest::of(content);
        if let Some(&id) = self.contents.0.get(&digest) {
            return Ok(Some(id));
        }
        if len < LEAST_HIDDEN {
            return Ok(None);
        }
        let id = ObjectId::of_content(digest);
        if self.objects.len(id)?.is_none() {
            self.make(id, content)?;
        }
        self.contents.add(id);
        Ok(Some(id))
    }

    fn make(&self, id: ObjectId, content: &[u8]) -> io::Result<()> {
        let mut file = self.scratch.new_file().map_err(StoreError::into_io)?;
        file.write_all(content)?;
        file.as_file().set_permissions(Permissions::from_mode(0o400))?;
        let path = file.path();
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        // Made durable with all the others.
        self.objects.move_in(id, &Folder::open(folder)?, name.as_bytes())
    }
}
