//! The index of a project's tar. Nothing is unpacked: contents are slices of the tar, links are data that nobody
//! follows.

use std::borrow::Cow;
use std::collections::HashMap;

use super::error::{EntryProblem, Place, ProjectError, TooLarge};
use super::limits::{MAX_TEXT_BYTES, ProjectLimits};
use super::path::entry_path;
use crate::tar::{Entries, Entry, EntryType};

/// The folders whose files are for the builder: they are in no context.
pub(super) const METADATA_FOLDERS: [&str; 2] = [".balena", ".resin"];

/// The uncompressed tar of a project, indexed in place.
#[derive(Debug)]
pub(crate) struct ProjectTar<'a> {
    entries: Vec<Stored<'a>>,
    /// The last entry of each path.
    by_path: HashMap<Cow<'a, [u8]>, usize>,
}

/// An entry.
#[derive(Debug)]
pub(super) struct Stored<'a> {
    pub(super) path: Cow<'a, [u8]>,
    pub(super) kind: Kind<'a>,
    pub(super) mode: u32,
    pub(super) mtime: i64,
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind<'a> {
    File(&'a [u8]),
    Folder,
    Symlink(&'a [u8]),
    /// Another name of the entry with this number, which is no hard link itself.
    HardLink(usize),
}

impl<'a> ProjectTar<'a> {
    /// Reads the headers of a tar.
    ///
    /// # Errors
    /// If the bytes are no tar, it has too much of something, or an entry is not what a project may have.
    pub(crate) fn index(bytes: &'a [u8], limits: &ProjectLimits) -> Result<Self, ProjectError> {
        let mut tar = ProjectTar { entries: Vec::new(), by_path: HashMap::new() };
        let mut names = 0;
        for (count, entry) in Entries::new(bytes).enumerate() {
            if count >= limits.entries {
                return Err(ProjectError::TooLarge(TooLarge::Entries(limits.entries)));
            }
            let entry = entry?;
            names +=
                entry.name.parts().map(<[u8]>::len).iter().sum::<usize>() + entry.link_name.len();
            if names > limits.names_bytes {
                return Err(ProjectError::TooLarge(TooLarge::Names(limits.names_bytes)));
            }
            tar.add(bytes, &entry, limits).map_err(|problem| ProjectError::Entry {
                name: String::from_utf8_lossy(&entry.name.to_vec()).into_owned(),
                problem,
            })?;
        }
        Ok(tar)
    }

    fn add(
        &mut self,
        bytes: &'a [u8],
        entry: &Entry<'a>,
        limits: &ProjectLimits,
    ) -> Result<(), EntryProblem> {
        let path = entry_path(entry.name.parts(), limits)?;
        let kind = self.kind(bytes, entry, limits)?;
        if path.is_empty() {
            let is_root = kind == Kind::Folder;
            return is_root.then_some(()).ok_or(EntryProblem::Nameless);
        }
        if self.is_below_link(&path) {
            return Err(EntryProblem::BelowLink);
        }
        let mode =
            entry.mode().ok().and_then(|mode| u32::try_from(mode & 0o7777).ok()).unwrap_or(0o644);
        let mtime = entry.mtime().map_or(0, |mtime| mtime.seconds);
        self.by_path.insert(path.clone(), self.entries.len());
        self.entries.push(Stored { path, kind, mode, mtime });
        Ok(())
    }

    /// Whether a folder of the path is a link: engines refuse that, or follow it.
    fn is_below_link(&self, path: &[u8]) -> bool {
        let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
        slashes.map(|(at, _)| &path[..at]).any(|folder| {
            let found = self.by_path.get(folder);
            found.is_some_and(|number| matches!(self.entries[*number].kind, Kind::Symlink(_)))
        })
    }

    fn kind(
        &self,
        bytes: &'a [u8],
        entry: &Entry<'a>,
        limits: &ProjectLimits,
    ) -> Result<Kind<'a>, EntryProblem> {
        match entry.entry_type {
            EntryType::Regular | EntryType::Contiguous => file(bytes, entry),
            EntryType::Directory => Ok(Kind::Folder),
            EntryType::Symlink if entry.link_name.len() > limits.path_bytes => {
                Err(EntryProblem::TooLong(limits.path_bytes))
            }
            EntryType::Symlink => Ok(Kind::Symlink(entry.link_name)),
            EntryType::HardLink => self.hard_link(entry.link_name, limits),
            EntryType::CharDevice | EntryType::BlockDevice => Err(EntryProblem::Kind("a device")),
            EntryType::Fifo => Err(EntryProblem::Kind("a named pipe")),
            EntryType::Other(_) => Err(EntryProblem::Kind("of a kind that tars do not have")),
        }
    }

    fn hard_link(
        &self,
        target: &'a [u8],
        limits: &ProjectLimits,
    ) -> Result<Kind<'a>, EntryProblem> {
        let path = entry_path([b"", target], limits).map_err(|_| EntryProblem::LinkToNothing)?;
        if is_metadata(&path) {
            return Err(EntryProblem::LinkToMetadata);
        }
        let number = *self.by_path.get(&path).ok_or(EntryProblem::LinkToNothing)?;
        match self.entries[number].kind {
            Kind::HardLink(first) => Ok(Kind::HardLink(first)),
            Kind::Folder => Err(EntryProblem::LinkToNothing),
            Kind::File(_) | Kind::Symlink(_) => Ok(Kind::HardLink(number)),
        }
    }

    /// All entries that no later one of the same path replaces, as they stand in the tar, with their numbers.
    pub(super) fn live(&self) -> impl Iterator<Item = (usize, &Stored<'a>)> {
        self.entries.iter().enumerate().filter(|(number, _)| self.is_live(*number))
    }

    /// Whether no later entry has the path of this one.
    pub(super) fn is_live(&self, number: usize) -> bool {
        self.by_path.get(&self.entries[number].path) == Some(&number)
    }

    /// The entry with this number.
    pub(super) fn entry(&self, number: usize) -> &Stored<'a> {
        &self.entries[number]
    }

    /// Whether something has this path, whatever it is.
    pub(super) fn has(&self, path: &str) -> bool {
        self.by_path.contains_key(path.as_bytes())
    }

    /// Whether something lies in this folder.
    pub(super) fn has_folder(&self, folder: &str) -> bool {
        let inside = |stored: &Stored<'_>| {
            stored.path.strip_prefix(folder.as_bytes()).is_some_and(|rest| rest.starts_with(b"/"))
        };
        folder.is_empty() || self.entries.iter().any(inside)
    }

    /// The content of the file at `path`; `None` if there is nothing.
    ///
    /// # Errors
    /// If something else is there.
    pub(super) fn file(&self, path: &str) -> Result<Option<&'a [u8]>, ProjectError> {
        let Some(&number) = self.by_path.get(path.as_bytes()) else { return Ok(None) };
        let own = self.entries[number].kind;
        let kind = if let Kind::HardLink(first) = own { self.entries[first].kind } else { own };
        match kind {
            Kind::File(content) => Ok(Some(content)),
            Kind::Folder => Err(Place::file(path).wrong("is a folder; a file is needed")),
            Kind::Symlink(_) | Kind::HardLink(_) => Err(Place::file(path)
                .wrong("is a link, and links are not followed: push the file itself")),
        }
    }

    /// The text at `path`; `None` if there is nothing.
    ///
    /// # Errors
    /// If something else is there, the file is too large, or it is no UTF-8.
    pub(super) fn text(&self, path: &str) -> Result<Option<&'a str>, ProjectError> {
        let Some(content) = self.file(path)? else { return Ok(None) };
        if content.len() > MAX_TEXT_BYTES {
            let (bytes, limit) = (content.len() as u64, MAX_TEXT_BYTES as u64);
            return Err(ProjectError::TooLarge(TooLarge::File {
                file: path.to_owned(),
                bytes,
                limit,
            }));
        }
        let text = std::str::from_utf8(content)
            .map_err(|_| Place::file(path).wrong("is not UTF-8 text"))?;
        Ok(Some(text.strip_prefix('\u{feff}').unwrap_or(text)))
    }
}

/// Whether a path is in a folder whose files are for the builder.
pub(super) fn is_metadata(path: &[u8]) -> bool {
    let first = path.split(|&byte| byte == b'/').next().unwrap_or_default();
    METADATA_FOLDERS.iter().any(|folder| folder.as_bytes() == first)
}

fn file<'a>(bytes: &'a [u8], entry: &Entry<'a>) -> Result<Kind<'a>, EntryProblem> {
    if entry.sparse.is_some() {
        return Err(EntryProblem::Sparse);
    }
    if entry.name.parts()[1].ends_with(b"/") {
        return Err(EntryProblem::FileNamedAsFolder);
    }
    // The walk has been over the content, so the range is within the tar.
    let range = entry.content.start as usize..entry.content.end as usize;
    Ok(Kind::File(bytes.get(range).unwrap_or_default()))
}

#[cfg(test)]
mod tests;
