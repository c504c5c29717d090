//! Proving a finished delta: it is read back, every file is rebuilt, and what a device would have
//! in the end is compared with the target.

use std::io::{BufReader, Read};

use super::V2Error;
use super::content::{Basis, content_at};
use super::device::{Device, Records};
use super::entry::EntryKind;
use super::error::{BatchError, BatchProblem};
use super::reader::{BatchReader, RecordHead};
use crate::rootfs::Tree;

/// How much of the delta is read at a time.
const BUFFER: usize = 256 << 10;

/// Checks that the delta that `input` reads turns `base` into `target`. `advance` is told how many
/// bytes of new files have been rebuilt.
pub(super) fn verify<'a>(
    input: impl Read,
    base: Tree<'a>,
    target: &Tree<'a>,
    advance: &dyn Fn(u64),
) -> Result<(), V2Error> {
    let mut reader = BatchReader::new(BufReader::with_capacity(BUFFER, input))?;
    let mut indices = Vec::new();
    let mut guarded = false;
    while let Some(head) = reader.next_record()? {
        if head.resend {
            guarded |= is_sentinel(&mut reader, &head, indices.last().copied())?;
            continue;
        }
        advance(rebuild(&mut reader, &head, &base, target)?);
        indices.push(head.index);
    }
    if !indices.is_empty() && !guarded {
        return Err(V2Error::WrongResult("a reader that failed would not say so".to_owned()));
    }
    // What was rebuilt is what the target has.
    let records = Records { indices: &indices, content: &|place| content_at(target, place) };
    let mut device = Device::new(base);
    device.apply(&reader.entries, &records).map_err(V2Error::WrongResult)?;
    match device.difference(target) {
        Some(difference) => Err(V2Error::WrongResult(difference)),
        None => Ok(()),
    }
}

/// Makes one file as the device would, which must be the target's, and gives its length.
fn rebuild<R: Read>(
    reader: &mut BatchReader<R>,
    head: &RecordHead,
    base: &Tree<'_>,
    target: &Tree<'_>,
) -> Result<u64, V2Error> {
    let entry = reader.entries.get(head.index as usize);
    let path = entry.place.shown();
    let wrong = |reader: &BatchReader<R>, problem| -> BatchError {
        reader.input.error(BatchProblem::Content { path: path.clone(), problem })
    };
    let (EntryKind::File { size, .. }, Some(mut rest)) =
        (entry.kind, content_at(target, entry.place))
    else {
        return Err(wrong(reader, "it is no regular file of the target").into());
    };
    let basis = Basis::of(base, entry.place, head.blocks);
    let stats = reader.content(head, size, basis, &mut |bytes: &[u8]| {
        rest = rest.strip_prefix(bytes).ok_or("it is not the target's")?;
        Ok(())
    })?;
    match stats.holds && rest.is_empty() {
        true => Ok(size),
        false => Err(wrong(reader, "its checksum is wrong").into()),
    }
}

/// Whether a resend is the one that cannot succeed, for the last file.
fn is_sentinel<R: Read>(
    reader: &mut BatchReader<R>,
    head: &RecordHead,
    last: Option<u32>,
) -> Result<bool, BatchError> {
    let stats = reader.content(head, 0, Basis::Unknown, &mut |_: &[u8]| Ok(()))?;
    Ok(Some(head.index) == last && !stats.holds)
}
