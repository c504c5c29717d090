//! What an output would replace: a delta is replaced by the next, anything else is somebody's.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;

use remora::apply::LayerDeltas;
use remora::image::{
    ArchiveFile, ImageError, ImageReference, PlatformImage, RegistryError, Transports,
};
use remora::progress::Silent;
use remora::{Cause, output, v2};

use super::failure::Failure;

/// Bytes of a page within which it says who wrote it.
const PAGE_START_BYTES: u64 = 1024;

/// Refuses to put a delta at `output` if something else is there.
pub(super) fn refuse_for_delta(
    output: &ImageReference,
    transports: &Transports,
) -> Result<(), Failure> {
    let images = occupants(output, transports)?;
    let is_delta = |there: &PlatformImage| LayerDeltas::of(there.image.clone(), &Silent).is_ok();
    match !images.iter().all(is_delta) {
        true => Err(refused(output, "holds an image that is no delta")),
        false => Ok(()),
    }
}

/// Refuses to put an image at `output` if other images, or something else, would be lost with what is
/// there.
pub(super) fn refuse_for_image(
    output: &ImageReference,
    transports: &Transports,
) -> Result<(), Failure> {
    match output.archive() {
        Some(_) => occupants(output, transports).map(drop),
        None => Ok(()),
    }
}

/// Refuses to put a v2 delta at `path` if another file is there.
pub(super) fn refuse_for_file(path: &Path) -> Result<(), Failure> {
    if !has_content(path)? {
        return Ok(());
    }
    let file = File::open(path)
        .map_err(|error| Failure::io(format!("cannot read {}", path.display()), &error))?;
    let is_delta = v2::inspect(file, None).is_ok();
    if is_delta { Ok(()) } else { Err(refused(&path.display(), "is no v2 delta")) }
}

/// Refuses to put a page at `path` if another file is there. Pages hold `mark` near their beginning.
pub(super) fn refuse_for_page(path: &Path, mark: &str) -> Result<(), Failure> {
    if !has_content(path)? {
        return Ok(());
    }
    let mut start = Vec::new();
    let read =
        File::open(path).and_then(|file| file.take(PAGE_START_BYTES).read_to_end(&mut start));
    read.map_err(|error| Failure::io(format!("cannot read {}", path.display()), &error))?;
    match String::from_utf8_lossy(&start).contains(mark) {
        true => Ok(()),
        false => Err(refused(&path.display(), "is no page that remora wrote")),
    }
}

/// The images that writing to `output` replaces.
fn occupants(
    output: &ImageReference,
    transports: &Transports,
) -> Result<Vec<PlatformImage>, Failure> {
    match output.archive() {
        Some(ArchiveFile::Path(path)) if !has_content(path)? => return Ok(Vec::new()),
        Some(ArchiveFile::Stdio) => return Ok(Vec::new()),
        _ => {}
    }
    match transports.replaced(output) {
        Ok(images) => Ok(images),
        // Whoever has shown nothing is to log in rather than to go on without looking.
        Err(error @ ImageError::Registry(RegistryError::Unauthorized { known: false, .. })) => {
            Err(error.into())
        }
        Err(error) => match error.cause() {
            // Who may write there and not look would not see what is lost.
            Cause::Denied | Cause::Unauthorized => {
                Err(refused(output, &format!("can't be looked at, and may be an image: {error}")))
            }
            Cause::Usage
            | Cause::Missing
            | Cause::Content
            | Cause::TooLarge
            | Cause::DamagedBlob => Err(in_the_way(output, &error)),
            _ => Err(error.into()),
        },
    }
}

/// Whether a file with something in it is at `path`. What is written straight holds nothing, but for
/// a block device, which is refused.
fn has_content(path: &Path) -> Result<bool, Failure> {
    match fs::metadata(path) {
        Ok(found) if found.file_type().is_block_device() => {
            Err(refused(&path.display(), "is a block device, whose content would be lost"))
        }
        Ok(found) if found.is_file() && found.len() > 0 => Ok(!output::leads_to_stdout(path)),
        _ => Ok(false),
    }
}

fn in_the_way(output: &ImageReference, error: &ImageError) -> Failure {
    match error {
        ImageError::Ambiguous { .. } | ImageError::NotFound { .. } => {
            refused(output, &format!("holds other images, which would be lost: {error}"))
        }
        _ => refused(output, &format!("holds something else: {error}")),
    }
}

fn refused(output: &dyn std::fmt::Display, what: &str) -> Failure {
    Failure::usage(format!("{output} {what}"), "choose another place, or replace it with --replace")
}
