//! Checking everything that is stored against its name.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use rayon::prelude::*;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::error::{io_error, is_unreadable};
use super::files::{clear_obstacle, gone, open_layer};
use super::trouble::Trouble;
use super::{Store, StoreError};
use crate::image::{DiffId, Digest};

const CHUNK: usize = 256 << 10;

/// Files by device and inode that have just been read, and the digests of their contents.
pub(crate) type SoundFiles = HashMap<(u64, u64), Digest>;

/// The findings of [`Store::verify`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct VerifyReport {
    /// How many layers were read.
    pub layers: u64,
    /// How many bytes they have together.
    pub bytes: u64,
    /// The layers that did not hash to their names, that the disk could not give back, or in whose
    /// place something else stood; they have been dropped and will be fetched again when next needed.
    pub damaged: Vec<DiffId>,
    /// The layers that images or deployments need and that are not there any more.
    pub missing: Vec<DiffId>,
    /// How many files were read that deployments share and layers are put together from.
    pub objects: u64,
    /// How many bytes they have together.
    pub object_bytes: u64,
    /// The digests of such files that were not what they were; they have been dropped. Deployments still have them.
    pub damaged_objects: Vec<Digest>,
    /// What was written down of images and deployments, and nobody can read any more. These records stay.
    pub damaged_records: Vec<Trouble>,
    /// The files that could not be checked or dropped, and why.
    pub troubles: Vec<Trouble>,
    /// The shared files that were read and are what they were.
    #[serde(skip)]
    pub(super) sound: SoundFiles,
}

/// One layer that [`Store::verify_next`] has looked at.
#[derive(Debug)]
#[non_exhaustive]
pub struct VerifiedLayer {
    /// The layer.
    pub diff_id: DiffId,
    /// Whether the layer was damaged, and has been dropped.
    pub damaged: bool,
    /// Why the layer could not be checked or dropped, if so.
    pub trouble: Option<Trouble>,
}

impl Store {
    /// Hashes the stored layer that comes after `last` in the order of diff IDs, and drops it if it is
    /// damaged. Returns `None` after the last layer: begin anew with `None` then. For whoever checks a
    /// large store little by little.
    ///
    /// # Errors
    /// If the store cannot be listed.
    pub fn verify_next(&self, last: Option<DiffId>) -> Result<Option<VerifiedLayer>, StoreError> {
        let layers = self.list()?;
        let next = layers.into_iter().find(|diff_id| last.is_none_or(|last| *diff_id > last));
        let Some(diff_id) = next else { return Ok(None) };
        Ok(Some(match self.check(diff_id) {
            Ok(checked) => {
                let damaged = checked.is_some_and(|checked| !checked.sound);
                VerifiedLayer { diff_id, damaged, trouble: None }
            }
            Err(error) => {
                let trouble = Trouble::at(&self.layer_path(&diff_id), error);
                VerifiedLayer { diff_id, damaged: false, trouble: Some(trouble) }
            }
        }))
    }

    /// Hashes every stored layer and shared file, several at a time, and drops those that are damaged. What
    /// cannot be checked is told in the report and keeps nothing else from being checked.
    ///
    /// # Errors
    /// If the store cannot be listed.
    pub fn verify(&self) -> Result<VerifyReport, StoreError> {
        let layers = self.list()?;
        let checked: Vec<_> =
            layers.into_par_iter().map(|diff_id| (diff_id, self.check(diff_id))).collect();
        let mut report = VerifyReport::default();
        for (diff_id, checked) in checked {
            match checked {
                Ok(None) => {}
                Ok(Some(checked)) => report.add(diff_id, &checked),
                Err(error) => {
                    report.troubles.push(Trouble::at(&self.layer_path(&diff_id), error));
                }
            }
        }
        self.verify_objects(&mut report)?;
        self.verify_recipes(&mut report)?;
        report.damaged_records = self.damaged_records()?;
        report.missing = self.missing_layers()?;
        // What is there and cannot be read is told as such.
        let troubles: HashSet<&Path> = report.troubles.iter().map(|it| it.path.as_path()).collect();
        report.missing.retain(|diff_id| {
            !report.damaged.contains(diff_id) && !troubles.contains(&*self.recipe_path(diff_id))
        });
        self.tell_unreadable_records(&mut report.troubles)?;
        Ok(report)
    }

    /// Checks one layer and drops it if it is damaged; `None` if it is not there any more.
    fn check(&self, diff_id: DiffId) -> Result<Option<Checked>, StoreError> {
        let path = self.layer_path(&diff_id);
        let file = match open_layer(&path) {
            Ok(Some(file)) => file,
            Ok(None) => return Ok(None),
            Err(obstacle @ StoreError::Obstacle { .. }) => {
                return clear_obstacle(&path, obstacle).map(|()| Some(Checked::DAMAGED));
            }
            Err(error) => return Err(error),
        };
        let checked = match hash_file(&file) {
            Ok((bytes, digest)) => Checked { bytes, sound: DiffId(digest) == diff_id },
            Err(error) if is_unreadable(&error) => Checked::DAMAGED,
            Err(error) => return Err(io_error("read", &path)(error)),
        };
        if !checked.sound {
            // A process that has it mapped keeps the bytes it has; nobody else gets them.
            gone(fs::remove_file(&path)).map_err(io_error("remove", &path))?;
        }
        Ok(Some(checked))
    }
}

impl VerifyReport {
    /// The shared files that were read and are what they were.
    pub(crate) fn sound_files(&self) -> &SoundFiles {
        &self.sound
    }

    fn add(&mut self, diff_id: DiffId, checked: &Checked) {
        self.layers += 1;
        self.bytes += checked.bytes;
        if !checked.sound {
            self.damaged.push(diff_id);
        }
    }
}

struct Checked {
    bytes: u64,
    sound: bool,
}

impl Checked {
    const DAMAGED: Self = Checked { bytes: 0, sound: false };
}

/// Length and digest of the whole file. It is read, not mapped, so that a bad disk is an error and
/// not a signal.
pub(crate) fn hash_file(mut file: &File) -> io::Result<(u64, Digest)> {
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    let mut bytes = 0;
    loop {
        match file.read(&mut chunk) {
            Ok(0) => return Ok((bytes, Digest::from_hasher(hasher))),
            Ok(len) => {
                hasher.update(&chunk[..len]);
                bytes += len as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
