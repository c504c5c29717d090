//! Names of images: where an image is.

use std::fmt;
use std::path::{Path, PathBuf};

use super::reference_error::ReferenceError;
use super::registry_reference::RegistryReference;
use super::{Digest, EngineImage};

/// Where an image is, as skopeo and its relatives write it (containers-transports(5)).
///
/// | text | meaning |
/// |---|---|
/// | `host[:port]/repository[:tag][@digest]`, `docker://…` | a registry |
/// | `oci:DIR[:TAG]`, `oci:DIR@DIGEST` | an OCI image layout |
/// | `oci-archive:FILE[:TAG]`, `oci-archive:FILE@DIGEST` | a tar of an OCI image layout; `-` is stdin or stdout |
/// | `docker-archive:FILE[:REFERENCE]` | what `docker save` writes; `-` is stdin or stdout |
/// | `docker-daemon:NAME:TAG`, `docker-daemon:sha256:…` | an image of a Docker Engine, the second by its ID |
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ImageReference {
    /// A repository of a registry.
    Registry(RegistryReference),
    /// A folder in the OCI image layout.
    OciLayout {
        /// The folder that holds `index.json`.
        dir: PathBuf,
        /// The image in it that is meant; needed if there are several.
        name: Option<LayoutName>,
    },
    /// A tar file of an OCI image layout.
    OciArchive {
        /// Where the tar is.
        file: ArchiveFile,
        /// The image in it that is meant; needed if there are several.
        name: Option<LayoutName>,
    },
    /// A tar as `docker save` writes it.
    DockerArchive {
        /// Where the tar is.
        file: ArchiveFile,
        /// The image in it that is meant; needed if there are several.
        image: Option<ArchivedImage>,
    },
    /// An image of a Docker Engine.
    DockerDaemon(EngineImage),
}

/// The file of a `docker-archive:` or `oci-archive:` reference.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ArchiveFile {
    /// A file by its path.
    Path(PathBuf),
    /// `-`: standard input when read, standard output when written.
    Stdio,
}

/// The name of one image in an OCI layout.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum LayoutName {
    /// By its `org.opencontainers.image.ref.name`.
    Tag(String),
    /// By the digest of its manifest or index.
    Digest(Digest),
}

impl LayoutName {
    /// The tag, if it is one.
    pub fn tag(&self) -> Option<&str> {
        match self {
            LayoutName::Tag(tag) => Some(tag),
            LayoutName::Digest(_) => None,
        }
    }
}

/// The choice of one image in a docker archive.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ArchivedImage {
    /// By its name, such as `busybox:1.29`.
    Named(String),
    /// `@N`: the N-th image in the archive, counted from 0, for images without a name.
    Nth(usize),
}

impl ImageReference {
    /// The place that `text` names for an image that is to be written.
    ///
    /// # Errors
    /// As for any reference; and a registry's without a tag is refused: it would stand for `latest`.
    pub fn for_output(text: &str) -> Result<Self, ReferenceError> {
        let reference = text.parse()?;
        let name = text.rsplit('/').next().unwrap_or_default();
        match reference {
            ImageReference::Registry(_) if !name.contains([':', '@']) => {
                Err(ReferenceError::NoTag(text.to_owned()))
            }
            ImageReference::OciLayout { name: Some(LayoutName::Digest(_)), .. }
            | ImageReference::OciArchive { name: Some(LayoutName::Digest(_)), .. } => {
                Err(ReferenceError::DigestForOutput(text.to_owned()))
            }
            ImageReference::DockerDaemon(EngineImage::Id(_)) => {
                Err(ReferenceError::DigestForOutput(text.to_owned()))
            }
            _ => Ok(reference),
        }
    }

    /// The image in its registry, if it is in one.
    pub fn registry(&self) -> Option<&RegistryReference> {
        match self {
            ImageReference::Registry(image) => Some(image),
            _ => None,
        }
    }

    /// The file that the image is in, if it is an archive.
    pub fn archive(&self) -> Option<&ArchiveFile> {
        match self {
            ImageReference::OciArchive { file, .. }
            | ImageReference::DockerArchive { file, .. } => Some(file),
            ImageReference::Registry(_)
            | ImageReference::OciLayout { .. }
            | ImageReference::DockerDaemon(_) => None,
        }
    }

    /// The file or folder that the image is in; none for a registry, an engine, standard input or output.
    pub fn path(&self) -> Option<&Path> {
        match (self, self.archive()) {
            (ImageReference::OciLayout { dir, .. }, _) => Some(dir),
            (_, Some(ArchiveFile::Path(path))) => Some(path),
            _ => None,
        }
    }

    /// Whether what is written here must be plain tars: a docker archive holds no compressed layers, and engines take
    /// such archives.
    pub fn holds_plain_layers(&self) -> bool {
        matches!(self, ImageReference::DockerArchive { .. } | ImageReference::DockerDaemon(_))
    }
}

impl fmt::Display for ArchiveFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ArchiveFile::Path(path) => path.display().fmt(formatter),
            ArchiveFile::Stdio => formatter.write_str("-"),
        }
    }
}

impl fmt::Display for ArchivedImage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ArchivedImage::Named(name) => formatter.write_str(name),
            ArchivedImage::Nth(number) => write!(formatter, "@{number}"),
        }
    }
}
