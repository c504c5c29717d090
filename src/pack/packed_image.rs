//! An image in the making, with the files that its layers are in until it is published.

use crate::image::ImageContents;
use crate::store::Workspace;
use crate::temporary::TemporaryPath;

/// An image that is ready to be written. The files of its layers go when it is dropped.
#[derive(Debug)]
pub(crate) struct PackedImage {
    contents: ImageContents,
    /// Declared before the folder that they are in.
    _files: Vec<TemporaryPath>,
    _scratch: Workspace,
}

impl PackedImage {
    /// The image `contents`, some of whose blobs are `files` in `scratch`.
    pub(crate) fn new(
        contents: ImageContents,
        files: Vec<TemporaryPath>,
        scratch: Workspace,
    ) -> Self {
        PackedImage { contents, _files: files, _scratch: scratch }
    }

    /// What is to be written.
    pub(crate) fn contents(&self) -> &ImageContents {
        &self.contents
    }
}
