//! Where a delta is that a command reads: an image, or the file of a v2 delta.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use remora::Cause;
use remora::image::ImageReference;

use super::failure::Failure;
use super::image_name::{self, NameError};

/// How every v2 delta begins, ours and docker-delta's.
const V2_START: &[u8] = br#"{"version":2,"#;
/// More than the metadata of a v2 delta ever takes.
const V2_METADATA_BYTES: u64 = 1 << 20;

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
            DeltaPlace::File(path) => Err(match v2_batch_start(path) {
                Some(start) => refuse_v2(path, start),
                None => refuse_archive(path),
            }),
        }
    }
}

/// Refuses a file that is no v2 delta at first sight.
pub(super) fn refuse_other_file(path: &Path) -> Result<(), Failure> {
    let mut start = Vec::new();
    let read =
        File::open(path).and_then(|file| file.take(V2_START.len() as u64).read_to_end(&mut start));
    // Why it can't be read is told by whoever reads all of it.
    if read.is_err() || start == V2_START {
        return Ok(());
    }
    let path = path.display();
    Err(Failure::new(
        Cause::Content,
        format!("{path} is no v2 delta: it does not begin like one"),
        format!("an image in an archive is named docker-archive:{path} or oci-archive:{path}"),
    ))
}

/// Refuses a v2 delta, whose batch begins with byte number `start` from 1, and says how it is applied.
fn refuse_v2(path: &Path, start: usize) -> Failure {
    let file = quoted_for_shell(path);
    Failure::new(
        Cause::Content,
        format!("{} is a v2 delta: it makes files on a device, not an image", path.display()),
        format!(
            "to make the files, as root in a copy of those of BASE: tail -c +{start} {file} | rsync \
             --archive --delete --read-batch - COPY/; to rebuild an image, make a v3 delta; to see \
             whether it fits BASE, remora inspect {file} --base BASE"
        ),
    )
}

fn refuse_archive(path: &Path) -> Failure {
    let path = path.display();
    Failure::usage(
        format!("{path} is a file, and it is not said what kind of archive"),
        format!(
            "name it docker-archive:{path} or oci-archive:{path}, or write docker://{path} if a \
             registry is meant"
        ),
    )
}

/// Where the rsync batch in a v2 delta begins, as a number of the byte from 1; `None` if the file is
/// no v2 delta.
fn v2_batch_start(path: &Path) -> Option<usize> {
    let mut metadata = Vec::new();
    let file = BufReader::new(File::open(path).ok()?);
    let len = file.take(V2_METADATA_BYTES).read_until(0, &mut metadata).ok()?;
    (metadata.starts_with(V2_START) && metadata.ends_with(b"\0")).then_some(len + 1)
}

/// A file's name as a shell takes it for one word, and no program for an option.
fn quoted_for_shell(path: &Path) -> String {
    let path = path.display().to_string();
    let path = if path.starts_with('-') { format!("./{path}") } else { path };
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
    match path.chars().all(plain) {
        true => path,
        false => format!("'{}'", path.replace('\'', r"'\''")),
    }
}
