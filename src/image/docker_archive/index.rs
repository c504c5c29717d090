//! `manifest.json` of a docker archive: which images it holds.

use std::io::{Read, Seek, SeekFrom};

use serde::Deserialize;

use crate::image::limits::{MAX_ARCHIVE_INDEX_BYTES, MAX_CONFIG_BYTES, MAX_LAYERS};
use crate::image::tar_index::{Extent, TarIndex, TarIndexError};
use crate::image::{
    ArchivedImage, ConfigError, Digest, ImageConfig, RegistryReference, parse_config,
};
use crate::quote::quoted;

/// The file that lists the images.
pub(super) const LIST: &str = "manifest.json";

/// Why a docker archive cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DockerArchiveError {
    /// The tar itself is damaged.
    #[error("the archive {0}")]
    Tar(#[from] TarIndexError),
    /// A file that must be there is not.
    #[error("the archive has no {}", quoted(.0))]
    Missing(String),
    /// `manifest.json` cannot be read.
    #[error("manifest.json in the archive cannot be read: {0}")]
    Json(#[from] serde_json::Error),
    /// `manifest.json` is larger than any that `docker save` writes.
    #[error("manifest.json in the archive is larger than {MAX_ARCHIVE_INDEX_BYTES} bytes")]
    TooLarge,
    /// An image has more layers than any engine takes.
    #[error("the archive has an image of {0} layers, more than {MAX_LAYERS}")]
    TooManyLayers(usize),
    /// An image's config is unusable.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// An image's config does not have the digest it is named after.
    #[error("the config {} in the archive has the digest {got}", quoted(name))]
    ConfigDigest {
        /// The config's name in the archive.
        name: String,
        /// The digest of its bytes.
        got: Digest,
    },
}

/// One image of the archive, as `manifest.json` says.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListedImage {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    layers: Option<Vec<String>>,
}

/// A docker archive's table of contents.
pub(super) struct ArchiveIndex {
    pub(super) entries: Vec<ListedImage>,
}

impl ArchiveIndex {
    /// Reads `manifest.json`.
    pub(super) fn read<R: Read + Seek>(
        archive: &mut R,
        files: &TarIndex,
    ) -> Result<Self, DockerArchiveError> {
        let extent = find(files, LIST)?;
        if extent.len > MAX_ARCHIVE_INDEX_BYTES {
            return Err(DockerArchiveError::TooLarge);
        }
        let entries: Vec<ListedImage> = serde_json::from_slice(&read_extent(archive, extent)?)?;
        Ok(ArchiveIndex { entries })
    }

    /// The image that is meant. Names are compared as Docker completes them: `app` is `app:latest`.
    pub(super) fn find(&self, image: Option<&ArchivedImage>) -> Option<&ListedImage> {
        match image {
            None => match self.entries.as_slice() {
                [only] => Some(only),
                _ => None,
            },
            Some(ArchivedImage::Nth(number)) => self.entries.get(*number),
            Some(ArchivedImage::Named(name)) => {
                self.entries.iter().find(|entry| entry.names().any(|own| same_name(own, name)))
            }
        }
    }

    /// The image that is meant, if there is no other and it has no other name either.
    pub(super) fn find_alone(&self, image: Option<&ArchivedImage>) -> Option<&ListedImage> {
        let [only] = self.entries.as_slice() else { return None };
        let is_meant = match image {
            None => only.names().next().is_none(),
            Some(ArchivedImage::Nth(_)) => false,
            Some(ArchivedImage::Named(name)) => {
                only.names().next().is_some() && only.names().all(|own| same_name(own, name))
            }
        };
        is_meant.then_some(only)
    }

    /// What the images can be asked for by.
    pub(super) fn names(&self) -> Vec<String> {
        let names = self.entries.iter().enumerate().map(|(number, entry)| {
            let names: Vec<&str> = entry.names().collect();
            if names.is_empty() {
                vec![format!("@{number}")]
            } else {
                names.into_iter().map(str::to_owned).collect()
            }
        });
        names.flatten().collect()
    }
}

impl ListedImage {
    fn names(&self) -> impl Iterator<Item = &str> {
        self.repo_tags.iter().flatten().map(String::as_str)
    }

    /// The image's config.
    pub(super) fn config<R: Read + Seek>(
        &self,
        archive: &mut R,
        files: &TarIndex,
    ) -> Result<ImageConfig, DockerArchiveError> {
        let extent = find(files, &self.config)?;
        if extent.len > MAX_CONFIG_BYTES {
            return Err(ConfigError::TooLarge.into());
        }
        let config = parse_config(&read_extent(archive, extent)?)?;
        match digest_in_name(&self.config) {
            Some(digest) if digest != config.id().0 => Err(DockerArchiveError::ConfigDigest {
                name: self.config.clone(),
                got: config.id().0,
            }),
            _ => Ok(config),
        }
    }

    /// Where the image's layers are, bottom first.
    pub(super) fn layers(&self, files: &TarIndex) -> Result<Vec<Extent>, DockerArchiveError> {
        let names = self.layers.as_deref().unwrap_or_default();
        if names.len() > MAX_LAYERS {
            return Err(DockerArchiveError::TooManyLayers(names.len()));
        }
        names.iter().map(|name| find(files, name)).collect()
    }
}

fn find(files: &TarIndex, name: &str) -> Result<Extent, DockerArchiveError> {
    let missing = || DockerArchiveError::Missing(name.chars().take(200).collect());
    files.file(name).ok_or_else(missing)
}

fn read_extent<R: Read + Seek>(
    archive: &mut R,
    extent: Extent,
) -> Result<Vec<u8>, DockerArchiveError> {
    let mut bytes = Vec::new();
    archive.seek(SeekFrom::Start(extent.offset)).map_err(TarIndexError::Io)?;
    archive.by_ref().take(extent.len).read_to_end(&mut bytes).map_err(TarIndexError::Io)?;
    Ok(bytes)
}

fn same_name(own: &str, wanted: &str) -> bool {
    let complete = |name: &str| name.parse::<RegistryReference>().ok();
    own == wanted || complete(own).is_some_and(|own| Some(own) == complete(wanted))
}

/// Configs are named after their digest: `<hex>.json`, or `blobs/sha256/<hex>` by newer engines.
fn digest_in_name(name: &str) -> Option<Digest> {
    let stem = name.rsplit('/').next()?.trim_end_matches(".json");
    format!("sha256:{stem}").parse().ok()
}

/// Reads a docker archive's table of contents and all of its configs, and gives the number of images:
/// the parser that hostile archives meet, without any files.
///
/// # Errors
/// If the archive is not a whole tar, lacks a file that its table of contents names, or has one that
/// cannot be used.
pub fn check_docker_archive<R: Read + Seek>(archive: &mut R) -> Result<usize, DockerArchiveError> {
    let files = TarIndex::read(archive)?;
    let index = ArchiveIndex::read(archive, &files)?;
    for entry in &index.entries {
        entry.config(archive, &files)?;
        entry.layers(&files)?;
    }
    Ok(index.entries.len())
}
