//! Where a delta is that a command reads: an image, or the file of a v2 delta.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use remora::Cause;
use remora::image::ImageReference;

use super::failure::Failure;
use super::image_name::{self, NameError};

/// How every v2 delta begins, ours and docker-delta's.
const V2_START: &[u8] = br#"{"version":2,"#;

/// Where a delta of either kind may be.
#[derive(Debug, Clone)]
pub(super) enum DeltaPlace {
    Image(ImageReference),
    File(PathBuf),
}

impl FromStr for DeltaPlace {
    type Err = NameError;

    /// A name without a transport is a file's where there is such a file, otherwise a registry's.
    fn from_str(text: &str) -> Result<Self, NameError> {
        let is_file = !text.starts_with("docker:") && Path::new(text).is_file();
        match text.parse() {
            Ok(ImageReference::Registry(_)) | Err(_) if is_file => {
                Ok(DeltaPlace::File(text.into()))
            }
            _ => image_name::input(text).map(DeltaPlace::Image),
        }
    }
}

impl DeltaPlace {
    /// The image; a file is refused by what it is.
    pub(super) fn image(&self) -> Result<&ImageReference, Failure> {
        match self {
            DeltaPlace::Image(reference) => Ok(reference),
            DeltaPlace::File(path) if begins_as_v2(path) => Err(Failure::new(
                Cause::Content,
                format!(
                    "{} is a v2 delta: it makes files on a device, not an image",
                    path.display()
                ),
                "a device gives it to its own rsync (docs/v2.md shows how); to rebuild an image, \
                 make a v3 delta; to see whether it fits BASE, remora inspect FILE --base BASE",
            )),
            DeltaPlace::File(path) => Err(Failure::usage(
                format!("{} is a file, and it is not said what kind of archive", path.display()),
                format!(
                    "name it docker-archive:{0} or oci-archive:{0}, or write docker://{0} if a \
                     registry is meant",
                    path.display()
                ),
            )),
        }
    }
}

fn begins_as_v2(path: &Path) -> bool {
    let mut start = Vec::new();
    let read =
        File::open(path).and_then(|file| file.take(V2_START.len() as u64).read_to_end(&mut start));
    read.is_ok() && start == V2_START
}
