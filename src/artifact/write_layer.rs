//! Writing the blob that makes a layer.

use std::io::{self, BufWriter};

use super::form::Form;
use super::{ArtifactError, LayerDeltaError};
use crate::chunked::write_layer_delta;
use crate::delta::{Base, CommandStats, Cover, Opening, Options, covers_within};
use crate::image::{Blob, DiffId, Image, decompress};
use crate::pack::{BlobId, Hashed};
use crate::progress::{Progress, Reported, Stage, Stoppable};
use crate::store::Workspace;
use crate::tar_diff::write_tar_diff;
use crate::temporary::TemporaryPath;

/// The base as covers of it are counted in.
pub(super) enum OldBase<'a> {
    /// The layers' tars, one after the other.
    Stream(Base<'a>),
    /// The files of these paths, one after the other.
    Files(Base<'a>, Vec<&'a [u8]>),
}

impl<'a> OldBase<'a> {
    pub(super) fn bytes(&self) -> &Base<'a> {
        match self {
            OldBase::Stream(base) | OldBase::Files(base, _) => base,
        }
    }

    /// Writes the layer delta that makes `target` by what is `found` into a file of `scratch`, until `progress` stops the work.
    pub(super) fn write(
        &self,
        target: &[u8],
        found: &Found,
        encoding: &Options,
        scratch: &Workspace,
        progress: &dyn Progress,
    ) -> Result<(TemporaryPath, BlobId), ArtifactError> {
        let out = BufWriter::new(Stoppable::new(scratch.new_file()?, progress));
        let out = Hashed::new(out);
        let (out, id) = match self {
            OldBase::Stream(base) => {
                let (spill, mut out) = (scratch.new_file()?, out);
                let mut kept = Stoppable::new(spill.as_file(), progress);
                let Found { covers, opening } = found;
                write_layer_delta(base, target, covers, opening, encoding, &mut kept, &mut out)?;
                out.finish()
            }
            OldBase::Files(base, paths) => {
                write_tar_diff(base, paths, target, &found.covers, encoding, out)?.finish()
            }
        };
        let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
        Ok((file.into_inner().close(), id))
    }
}

/// What is found for a layer.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Covers of it.
    pub(super) covers: Vec<Cover>,
    /// What is opened of it, if the dialect can say that.
    pub(super) opening: Opening,
}

/// What a layer of `len` bytes is made of for which this is `found`. All its bytes are copied or literal; packed members count by
/// what is in them that is new.
pub(super) fn stats(found: &Found, len: u64) -> CommandStats {
    let (mut stats, mut at) = (CommandStats::default(), 0);
    for member in &found.opening.members {
        count(&mut stats, &covers_within(&found.covers, &(at..member.start)), at, member.start);
        count(&mut stats, &member.covers, 0, member.len);
        at = member.end();
    }
    count(&mut stats, &covers_within(&found.covers, &(at..len)), at, len);
    stats.literal_bytes = stats.literal_bytes.min(len);
    stats.copy_bytes = len - stats.literal_bytes;
    stats
}

/// Counts the bytes from `start` to `end`, some of which `covers` have.
fn count(stats: &mut CommandStats, covers: &[Cover], start: u64, end: u64) {
    let mut at = start;
    for cover in covers {
        stats.literals += u64::from(cover.start > at);
        stats.literal_bytes += cover.start - at;
        stats.copies += 1;
        at = cover.end();
    }
    stats.literals += u64::from(end > at);
    stats.literal_bytes += end - at;
}

/// The blob of layer number `index` of `target` itself, if it is no larger than `delta_bytes` and readers of the dialect
/// take it.
pub(super) fn smaller_whole(
    form: &Form,
    target: &Image,
    index: usize,
    delta_bytes: u64,
) -> Option<(Blob, &'static str)> {
    let descriptor = target.layer_descriptor(index)?;
    let media_type = form.whole_layer(&descriptor.media_type)?;
    let blob = target.layer_blob(index).filter(|blob| blob.size <= delta_bytes)?;
    Some((blob, media_type))
}

/// Returns what the blob of layer number `index` of `target` unpacks to. `progress` is told how many bytes are verified.
pub(super) fn diff_id_of_blob(
    target: &Image,
    index: usize,
    progress: &dyn Progress,
) -> Result<DiffId, ArtifactError> {
    let read = || {
        let mut hashed = Hashed::new(Reported::new(io::sink(), Stage::Verify, progress));
        let layer = decompress(target.open_layer(index)?)?;
        io::copy(&mut Stoppable::new(layer, progress), &mut hashed)?;
        Ok(DiffId(hashed.finish().1.digest))
    };
    read().map_err(|error| ArtifactError::layer(index)(LayerDeltaError::of_read(error)))
}
