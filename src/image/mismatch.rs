//! What is not of the kind that its name says.

use crate::Cause;

/// In what something is not of the kind that its name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Mismatch {
    /// A folder for an archive.
    #[error("it is a folder, not an archive")]
    FolderForArchive,
    /// A file for a layout.
    #[error("it is a file, and an OCI layout is a folder")]
    FileForLayout,
    /// An archive, or a pipe, without anything in it.
    #[error("the archive is empty")]
    EmptyArchive,
    /// A tar that `docker save` has not made.
    #[error("the archive has no \"manifest.json\"")]
    NoDockerArchive,
    /// A tar that is none of an OCI layout.
    #[error("the archive has no \"index.json\"")]
    NoOciArchive,
    /// A file of certificates without any.
    #[error("the file has no certificates in PEM form")]
    NoCertificates,
}

impl Mismatch {
    /// Returns what is to blame.
    pub fn cause(self) -> Cause {
        match self {
            Mismatch::FolderForArchive | Mismatch::FileForLayout | Mismatch::NoCertificates => {
                Cause::Usage
            }
            Mismatch::EmptyArchive | Mismatch::NoDockerArchive | Mismatch::NoOciArchive => {
                Cause::Content
            }
        }
    }

    /// Returns what a user can do about the mismatch.
    pub fn hint(self) -> &'static str {
        match self {
            Mismatch::FolderForArchive => "if it holds an OCI layout, name it oci:DIR",
            Mismatch::FileForLayout => {
                "name an archive docker-archive:FILE or oci-archive:FILE, and a layout by its folder"
            }
            Mismatch::EmptyArchive => {
                "docker save NAME writes an archive, to a file or into a pipe"
            }
            Mismatch::NoDockerArchive => {
                "docker save makes such archives; one of an OCI layout is named oci-archive:FILE"
            }
            Mismatch::NoOciArchive => "if docker save made it, name it docker-archive:FILE",
            Mismatch::NoCertificates => {
                "name a file with certificates between BEGIN CERTIFICATE and END CERTIFICATE"
            }
        }
    }
}
