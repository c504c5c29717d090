//! The one way to every place that images live in.

use std::path::PathBuf;

use super::{Digest, Image, ImageContents, ImageError, ImageReference, Platform, oci_layout};
use crate::progress::Progress;

/// How images are reached.
#[derive(Debug, Clone)]
pub struct TransportSettings {
    /// Where credentials are looked up before anywhere else (`--authfile`).
    pub authfile: Option<PathBuf>,
    /// Speak plain HTTP to every registry. Loopback registries are spoken to in plain HTTP where
    /// they don't answer in TLS, whatever this says.
    pub plain_http: bool,
    /// A PEM file of certificate authorities to trust beside the system's.
    pub ca_file: Option<PathBuf>,
    /// How often a request is tried before it is given up; at least 1.
    pub max_attempts: u32,
}

impl Default for TransportSettings {
    fn default() -> Self {
        TransportSettings { authfile: None, plain_http: false, ca_file: None, max_attempts: 6 }
    }
}

/// Opens and writes images wherever a reference points.
///
/// All of it blocks, and may be called from any thread that does not itself run async tasks.
#[derive(Debug)]
pub struct Transports {
    settings: TransportSettings,
}

impl Transports {
    /// Reads the files that `settings` name; contacts nobody.
    pub fn new(settings: TransportSettings) -> Result<Self, ImageError> {
        Ok(Transports { settings })
    }

    /// Finds the image and reads its manifest and config; of an index, those for `platform`.
    pub fn open(
        &self,
        reference: &ImageReference,
        platform: &Platform,
    ) -> Result<Image, ImageError> {
        match reference {
            ImageReference::OciLayout { dir, tag } => {
                oci_layout::open(reference, dir, tag.as_deref(), platform)
            }
            _ => Err(self.unsuitable(reference)),
        }
    }

    /// Writes an image so that it is there completely or not at all: blobs first, the manifest or
    /// index last, files under a temporary name until they are whole. Gives the manifest's digest.
    ///
    /// Reports to the stage [`Push`](crate::progress::Stage::Push).
    pub fn write(
        &self,
        reference: &ImageReference,
        _contents: &ImageContents,
        _progress: &dyn Progress,
    ) -> Result<Digest, ImageError> {
        Err(self.unsuitable(reference))
    }

    fn unsuitable(&self, reference: &ImageReference) -> ImageError {
        ImageError::Unsuitable {
            reference: reference.to_string(),
            reason: format!("not supported with {:?}", self.settings),
        }
    }
}
