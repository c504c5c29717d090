//! The names of images: given, looked up, taken away.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::error::{io_error, lock_error};
#[cfg(feature = "registry")]
use super::files::{clear_obstacle, open_layer};
use super::files::{file_names, gone, open_folder, read_record_bytes};
use super::format::WITH_NAMES;
use super::kept_image::stored_image;
use super::kept_layer::KeptLayer;
use super::record::{MAX_RECORD_BYTES, Record};
use super::removal::Removal;
use super::trouble::Trouble;
use super::{KeptImage, Store, StoreError};
use crate::image::{ArchiveFile, DiffId, Digest, Image, ImageConfig, ImageReference, Manifest};
use crate::sealed::seal;
use crate::temporary::create_folders;

/// What went with a name that was taken away.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Forgotten {
    /// Layers deleted: no other name needs them.
    pub removed_layers: u64,
    /// Their size in bytes.
    pub removed_bytes: u64,
    /// Layers that stay because another name needs them or a process uses them.
    pub kept_layers: u64,
    /// The layers that could not be removed, and why.
    pub troubles: Vec<Trouble>,
}

impl Store {
    /// Keeps the image of `manifest` and `config` under `name`, in place of what had the name, and returns it;
    /// `layers` are all of its layers. From now on collection leaves them alone.
    ///
    /// # Errors
    /// If the record cannot be written.
    ///
    /// # Panics
    /// If `layers` are not the image's.
    #[cfg_attr(
        not(feature = "registry"),
        expect(dead_code, reason = "only what is pulled gets a name")
    )]
    pub(crate) fn keep_image(
        &self,
        name: &ImageReference,
        manifest: Option<&Manifest>,
        config: &ImageConfig,
        layers: &[KeptLayer],
    ) -> Result<Image, StoreError> {
        let there = layers.iter().map(KeptLayer::diff_id);
        assert!(there.eq(config.diff_ids().iter().copied()), "the layers of the image");
        self.raise_format(WITH_NAMES)?;
        let _lock = self.lock_names(Hold::Shared)?;
        let name = &lasting(name);
        let path = self.name_path(name);
        let record = Record::of(name.to_string(), manifest, config);
        self.put(&path, &seal(&record))?;
        Ok(stored_image(name.clone(), manifest.cloned(), config.clone(), layers.to_vec()))
    }

    /// Returns the image that is known as `name`.
    ///
    /// # Errors
    /// If its record cannot be read, or is damaged.
    pub fn kept_image(&self, name: &ImageReference) -> Result<Option<KeptImage>, StoreError> {
        self.read_record(&self.name_path(&lasting(name)))
    }

    /// Returns the images that are known by name, in the order of their names, and the records that can't be read.
    ///
    /// # Errors
    /// If the names cannot be listed.
    pub fn kept_images(&self) -> Result<(Vec<KeptImage>, Vec<Trouble>), StoreError> {
        let Records { images, mut unreadable, damaged } = self.records()?;
        unreadable.extend(damaged);
        Ok((images, unreadable))
    }

    fn records(&self) -> Result<Records, StoreError> {
        let folder = self.names_folder();
        let mut records = Records::default();
        if !folder.exists() {
            return Ok(records);
        }
        for name in file_names(&folder).map_err(io_error("list", &folder))? {
            let path = folder.join(&name);
            if !is_record_name(&name) {
                continue;
            }
            match self.read_record(&path) {
                Ok(image) => records.images.extend(image),
                Err(error @ StoreError::DamagedName { .. }) => {
                    records.damaged.push(Trouble::at(&path, error));
                }
                Err(error) => records.unreadable.push(Trouble::at(&path, error)),
            }
        }
        records.images.sort_by_cached_key(|image| image.reference.to_string());
        Ok(records)
    }

    /// The records of images and deployments that nobody can read any more.
    pub(super) fn damaged_records(&self) -> Result<Vec<Trouble>, StoreError> {
        let mut damaged = self.records()?.damaged;
        damaged.extend(self.damaged_deployment_records()?);
        Ok(damaged)
    }

    /// Tells the records of images and deployments in `troubles` that could not be read now, and may be whole.
    pub(super) fn tell_unreadable_records(
        &self,
        troubles: &mut Vec<Trouble>,
    ) -> Result<(), StoreError> {
        troubles.extend(self.records()?.unreadable);
        self.tell_unreadable_deployment_records(troubles)
    }

    /// Removes the records that nobody can read any more, and returns them. What they were of is not known any more: it
    /// can be collected from now on.
    ///
    /// # Errors
    /// If the records cannot be listed.
    #[cfg(feature = "registry")]
    pub(crate) fn remove_damaged_records(
        &self,
        troubles: &mut Vec<Trouble>,
    ) -> Result<Vec<Trouble>, StoreError> {
        let _lock = self.lock_names(Hold::Alone)?;
        let mut removed = self.damaged_records()?;
        removed.retain(|record| match remove_record(&record.path) {
            Ok(()) => true,
            Err(error) => {
                troubles.push(Trouble::at(&record.path, error));
                false
            }
        });
        Ok(removed)
    }

    /// Takes the name `name` away, and deletes the layers that no other name needs. A damaged record goes too.
    /// Returns `None` if there is no such name.
    ///
    /// # Errors
    /// If the name cannot be removed.
    pub fn forget_image(&self, name: &ImageReference) -> Result<Option<Forgotten>, StoreError> {
        let path = self.name_path(&lasting(name));
        if fs::symlink_metadata(&path).is_err() {
            return Ok(None);
        }
        let _lock = self.lock_names(Hold::Alone)?;
        let image = self.read_record(&path).ok().flatten();
        gone(fs::remove_file(&path)).map_err(io_error("remove", &path))?;
        let mut forgotten = Forgotten::default();
        let needed = self.needed_layers(&mut forgotten.troubles)?;
        let its = image.iter().flat_map(|image| image.config.diff_ids().iter().copied());
        for diff_id in its.collect::<BTreeSet<DiffId>>() {
            match needed.needs(&diff_id) {
                true => forgotten.kept_layers += 1,
                false => self.drop_layer(diff_id, &mut forgotten),
            }
        }
        let named = self.named_objects(&mut forgotten.troubles)?;
        let swept = self.sweep_objects(&named, true, &mut forgotten.troubles)?;
        forgotten.removed_bytes += swept.bytes;
        Ok(Some(forgotten))
    }

    fn drop_layer(&self, diff_id: DiffId, forgotten: &mut Forgotten) {
        for path in [self.layer_path(&diff_id), self.recipe_path(&diff_id)] {
            let bytes = fs::symlink_metadata(&path).map_or(0, |file| file.len());
            match Store::remove_unless_in_use(&path, true) {
                Ok(Removal::Removed) => {
                    forgotten.removed_layers += 1;
                    forgotten.removed_bytes += bytes;
                }
                Ok(Removal::Gone) => {}
                Ok(Removal::InUse | Removal::Named | Removal::Kept) => forgotten.kept_layers += 1,
                Err(error) => forgotten.troubles.push(Trouble::at(&path, error)),
            }
        }
    }

    /// The layers that names need. Records that can't be read or are damaged are told in `troubles`.
    pub(super) fn needed_layers(
        &self,
        troubles: &mut Vec<Trouble>,
    ) -> Result<NeededLayers, StoreError> {
        let Records { images, unreadable, damaged } = self.records()?;
        let layers = images.iter().flat_map(|image| image.config.diff_ids().iter().copied());
        let mut layers: BTreeSet<DiffId> = layers.collect();
        let before = troubles.len();
        layers.extend(self.layers_of_deployments(troubles)?);
        // What a folder has taken the place of may come back.
        let is_aside = |record: &Trouble| !record.path.is_symlink() && record.path.is_dir();
        let all = !unreadable.is_empty() || troubles.len() > before || damaged.iter().any(is_aside);
        let needed = NeededLayers { layers, all };
        troubles.extend(unreadable);
        troubles.extend(damaged);
        Ok(needed)
    }

    /// The layers that names and deployments need and that are not there, in order.
    pub(super) fn missing_layers(&self) -> Result<Vec<DiffId>, StoreError> {
        // Whoever verifies is told of records that can't be read.
        let needed = self.needed_layers(&mut Vec::new())?.layers;
        Ok(needed.into_iter().filter(|diff_id| !self.has_layer(diff_id)).collect())
    }

    /// Keeps objects from being collected for as long as what is returned lives: whoever makes a recipe has it.
    pub(crate) fn lock_objects(&self) -> Result<File, StoreError> {
        self.lock_names(Hold::Shared)
    }

    /// Keeps others from giving and taking names, or from collecting, for as long as what is returned lives.
    pub(super) fn lock_names(&self, hold: Hold) -> Result<File, StoreError> {
        let folder = self.names_folder();
        create_folders(&folder, 0o700).map_err(io_error("create", &folder))?;
        let lock = open_folder(&folder)?.ok_or_else(|| StoreError::Io {
            action: "open",
            path: folder.clone(),
            source: std::io::ErrorKind::NotFound.into(),
        })?;
        let locked = match hold {
            Hold::Shared => lock.lock_shared(),
            Hold::Alone => lock.lock(),
        };
        locked.map_err(lock_error(&folder))?;
        Ok(lock)
    }

    fn read_record(&self, path: &Path) -> Result<Option<KeptImage>, StoreError> {
        let Some(bytes) = read_record_bytes(path, MAX_RECORD_BYTES)? else { return Ok(None) };
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let damaged = |problem| StoreError::DamagedName { path: path.to_owned(), problem };
        Record::read(&bytes, &name).map(Some).map_err(damaged)
    }

    fn name_path(&self, name: &ImageReference) -> PathBuf {
        self.names_folder().join(Digest::of(name.to_string().as_bytes()).hex())
    }
}

/// Removes what stands in a record's place. A folder that holds something stays.
#[cfg(feature = "registry")]
fn remove_record(path: &Path) -> Result<(), StoreError> {
    match open_layer(path) {
        Err(obstacle @ StoreError::Obstacle { .. }) => clear_obstacle(path, obstacle),
        _ => gone(fs::remove_file(path)).map_err(io_error("remove", path)),
    }
}

/// The name as it is meant from every folder: files and folders by their absolute paths.
fn lasting(name: &ImageReference) -> ImageReference {
    let mut name = name.clone();
    let path = match &mut name {
        ImageReference::OciLayout { dir, .. } => dir,
        ImageReference::OciArchive { file: ArchiveFile::Path(path), .. }
        | ImageReference::DockerArchive { file: ArchiveFile::Path(path), .. } => path,
        _ => return name,
    };
    if let Ok(absolute) = std::path::absolute(&path) {
        *path = absolute;
    }
    name
}

/// The records of images.
#[derive(Default)]
struct Records {
    images: Vec<KeptImage>,
    /// Those that could not be read now, and may be whole.
    unreadable: Vec<Trouble>,
    /// Those that nobody can read any more.
    damaged: Vec<Trouble>,
}

/// The layers that names need.
pub(super) struct NeededLayers {
    layers: BTreeSet<DiffId>,
    /// Whether any layer may be needed: a record could not be read.
    all: bool,
}

impl NeededLayers {
    /// Whether the layer must stay.
    pub(super) fn needs(&self, diff_id: &DiffId) -> bool {
        self.all || self.layers.contains(diff_id)
    }
}

/// Who else may hold the lock of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hold {
    /// Others that give names.
    Shared,
    /// Nobody.
    Alone,
}

fn is_record_name(name: &str) -> bool {
    format!("sha256:{name}").parse::<Digest>().is_ok()
}
