//! Which format a store has, so that a newer one is refused instead of misread.

use std::fs;
use std::io;
use std::path::Path;

use super::error::io_error;
use super::files::{open_folder, read_bytes};
use super::{Store, StoreError};

/// The newest format that this version knows; all up to it are read.
const FORMAT: u32 = WITH_RECIPES;
/// The format of a store with recipes, objects and what deployments need.
pub(super) const WITH_RECIPES: u32 = 3;
/// The format of a store that knows images by name: a version that knows only layers would collect those that a name
/// needs.
pub(super) const WITH_NAMES: u32 = 2;
/// The format of a store of layers alone, and of one without the file, from before there was one.
const LAYERS_ALONE: u32 = 1;
/// The name of the file that holds the format's number.
const FILE: &str = "format";
/// More than any number takes.
const MAX_BYTES: u64 = 32;
/// The folders of a store.
const FOLDERS: [&str; 8] =
    ["layers", "incoming", "scratch", "names", "partial", "recipes", "objects", "deployments"];
/// What else stands in the folder of a store. `lost+found` is the file system's own.
const OTHERS: [&str; 2] = [FILE, "lost+found"];

impl Store {
    /// Refuses a folder that is no store or has a newer format. What is in such a folder is not to be
    /// touched: a folder `scratch` in it may be anybody's.
    pub(super) fn refuse_foreign(&self) -> Result<(), StoreError> {
        match self.read_format()? {
            Some(found) if is_known(&found) => {}
            // What wrote it was cut off: the names tell.
            Some(found) if found.is_empty() => self.refuse_other_names()?,
            Some(found) => {
                let path = self.path().to_owned();
                return Err(StoreError::UnknownFormat { path, found, known: FORMAT });
            }
            None => self.refuse_other_names()?,
        }
        self.refuse_links()
    }

    /// Refuses links in the places of the store's folders: what they lead to is not the store's to collect.
    fn refuse_links(&self) -> Result<(), StoreError> {
        let paths = FOLDERS.iter().map(|name| self.path().join(name));
        paths.filter(|path| path.is_symlink()).try_for_each(|path| open_folder(&path).map(drop))
    }

    fn read_format(&self) -> Result<Option<String>, StoreError> {
        let path = self.path().join(FILE);
        let bytes = read_bytes(&path, MAX_BYTES)?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned()))
    }

    fn refuse_other_names(&self) -> Result<(), StoreError> {
        let path = self.path();
        let entries = match fs::read_dir(path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            // What a store cannot be made of says so when it is made.
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Ok(()),
            Err(error) => return Err(io_error("list", path)(error)),
        };
        for entry in entries {
            let name = entry.map_err(io_error("list", path))?.file_name();
            let name = name.to_string_lossy().into_owned();
            let is_ours = FOLDERS.iter().chain(&OTHERS).any(|it| *it == name);
            if !is_ours && !crate::temporary::is_temporary_name(&name) {
                return Err(StoreError::NotAStore { path: path.to_owned(), name });
            }
        }
        Ok(())
    }

    /// Writes the format into a store that has none. A store that may only be read goes without.
    pub(super) fn mark_format(&self) {
        let path = self.path().join(FILE);
        if self.read_format().is_ok_and(|found| found.is_some_and(|found| !found.is_empty())) {
            return;
        }
        if let Err(error) = self.write_format(&path, self.least_format()) {
            tracing::debug!("the store's format is not noted: {error}");
        }
    }

    /// The lowest format that has all that is there.
    fn least_format(&self) -> u32 {
        let has = |names: &[&str]| names.iter().any(|name| self.path().join(name).exists());
        match (has(&["recipes", "objects", "deployments"]), has(&["names"])) {
            (true, _) => WITH_RECIPES,
            (false, true) => WITH_NAMES,
            (false, false) => LAYERS_ALONE,
        }
    }

    /// Gives the store the format `least` if it has a lower one, before something is kept in it that older versions don't
    /// know.
    pub(super) fn raise_format(&self, least: u32) -> Result<(), StoreError> {
        let found = self.read_format()?.and_then(|found| found.parse::<u32>().ok());
        match found {
            Some(found) if found >= least => Ok(()),
            _ => self.write_format(&self.path().join(FILE), least),
        }
    }

    fn write_format(&self, path: &Path, format: u32) -> Result<(), StoreError> {
        self.put(path, format!("{format}\n").as_bytes())
    }
}

fn is_known(found: &str) -> bool {
    found.parse::<u32>().is_ok_and(|format| (1..=FORMAT).contains(&format))
}
