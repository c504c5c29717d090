//! An OCI layout that holds one artifact.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use oci_delta::{BlobStream, BlobStreamFuture, DeltaBlobReader};
use oci_spec::image::{Descriptor, ImageIndex, ImageManifest};

pub struct Layout(PathBuf);

impl Layout {
    pub fn of(folder: &Path) -> Self {
        Layout(folder.to_owned())
    }

    /// The first manifest of the index, as readers of such layouts take it.
    pub fn manifest(&self) -> Result<ImageManifest> {
        let index = ImageIndex::from_file(self.0.join("index.json"))?;
        let first = index.manifests().first().context("the layout is empty")?;
        Ok(ImageManifest::from_reader(self.blob(first)?)?)
    }

    pub fn blob(&self, descriptor: &Descriptor) -> Result<File> {
        let digest = descriptor.digest();
        let path = self.0.join("blobs").join(digest.algorithm().to_string()).join(digest.digest());
        File::open(&path).with_context(|| format!("opening {}", path.display()))
    }
}

impl DeltaBlobReader for Layout {
    fn open_blob(&self, descriptor: &Descriptor) -> BlobStreamFuture<'_> {
        let blob = self.blob(descriptor).map(|blob| Box::new(blob) as Box<dyn BlobStream>);
        Box::pin(async { blob })
    }
}
