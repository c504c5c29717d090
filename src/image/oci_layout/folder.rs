//! The files of a layout, and where each is.

use std::io::{self, Read};
use std::path::PathBuf;

use crate::image::limits::MAX_MANIFEST_BYTES;
use crate::image::oci_image::BlobSource;
use crate::image::{Descriptor, Digest, ImageError, ManifestError};
use crate::small_file::{open_file, read_small_file};

/// The annotation that names an image in a layout.
pub(super) const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// The file that lists a layout's images.
pub(in crate::image) const INDEX: &str = "index.json";

/// The file that marks a layout.
pub(in crate::image) const LAYOUT: &str = "oci-layout";

/// What the mark says.
pub(in crate::image) const LAYOUT_MARK: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;

/// Where a layout keeps a blob.
pub(in crate::image) fn blob_name(digest: Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

/// The blobs of a layout.
pub(super) struct Layout {
    pub(super) dir: PathBuf,
}

impl Layout {
    /// The bytes of `index.json`; `None` where there is none.
    pub(super) fn index_json(&self) -> Result<Option<Vec<u8>>, ImageError> {
        let path = self.dir.join(INDEX);
        match read_small_file(&path, MAX_MANIFEST_BYTES) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                let (reference, source) = (path.display().to_string(), ManifestError::TooLarge);
                Err(ImageError::Manifest { reference, source })
            }
            Err(error) => Err(ImageError::file("read", &path)(error)),
        }
    }

    pub(super) fn blob_path(&self, digest: Digest) -> PathBuf {
        self.dir.join(blob_name(digest))
    }
}

impl BlobSource for Layout {
    fn open_blob(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, ImageError> {
        let path = self.blob_path(descriptor.digest);
        match open_file(&path) {
            Ok(file) => Ok(Box::new(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let (place, digest) = (format!("oci:{}", self.dir.display()), descriptor.digest);
                Err(ImageError::NoBlob { place, digest })
            }
            Err(error) => Err(ImageError::file("open", &path)(error)),
        }
    }
}
