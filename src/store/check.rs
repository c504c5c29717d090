//! Checking everything that is stored against its name.

use std::fs::{self, File};
use std::io::{self, Read as _};

use rayon::prelude::*;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::error::io_error;
use super::folder::open_if_there;
use super::{Store, StoreError};
use crate::image::{DiffId, Digest};

const CHUNK: usize = 256 << 10;

/// What [`Store::verify`] found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct VerifyReport {
    /// How many layers were read.
    pub layers: u64,
    /// How many bytes they have together.
    pub bytes: u64,
    /// The layers that did not hash to their names; they have been deleted and will be fetched
    /// again when next needed.
    pub damaged: Vec<DiffId>,
}

impl Store {
    /// Hashes every stored layer, several at a time, and deletes those that are damaged.
    pub fn verify(&self) -> Result<VerifyReport, StoreError> {
        let checked: Vec<(DiffId, Option<Checked>)> = self
            .list()?
            .into_par_iter()
            .map(|diff_id| Ok((diff_id, self.check(diff_id)?)))
            .collect::<Result<_, StoreError>>()?;
        let mut report = VerifyReport::default();
        for (diff_id, checked) in checked {
            let Some(checked) = checked else { continue };
            report.layers += 1;
            report.bytes += checked.bytes;
            if !checked.sound {
                report.damaged.push(diff_id);
            }
        }
        Ok(report)
    }

    /// Checks one layer and deletes it if it is damaged; `None` if it is not there any more.
    fn check(&self, diff_id: DiffId) -> Result<Option<Checked>, StoreError> {
        let path = self.layer_path(&diff_id);
        let Some(file) = open_if_there(&path)? else { return Ok(None) };
        let (bytes, digest) = hash(&file).map_err(io_error("read", &path))?;
        let sound = DiffId(digest) == diff_id;
        if !sound {
            // A process that has it mapped keeps the bytes it has; nobody else gets them.
            fs::remove_file(&path).map_err(io_error("remove", &path))?;
        }
        Ok(Some(Checked { bytes, sound }))
    }
}

struct Checked {
    bytes: u64,
    sound: bool,
}

/// Length and digest of the whole file. It is read, not mapped, so that a bad disk is an error and
/// not a signal.
fn hash(mut file: &File) -> io::Result<(u64, Digest)> {
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    let mut bytes = 0;
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok((bytes, Digest::from_hasher(hasher))),
            len => {
                hasher.update(&chunk[..len]);
                bytes += len as u64;
            }
        }
    }
}
