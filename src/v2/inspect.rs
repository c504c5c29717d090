//! Reading a v2 delta without its base, ours or docker-delta's.

use std::io::{BufReader, Read};

use serde::Serialize;
use serde_json::Value;

use super::V2Error;
use super::content::Basis;
use super::entry::{EntryKind, ListEntry};
use super::error::BatchProblem;
use super::reader::BatchReader;
use crate::rootfs::Tree;

/// How much of the delta is read at a time.
const BUFFER: usize = 256 << 10;

/// The composition of a v2 delta. Field names are part of the command line's answers and stay.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Inspection {
    /// Bytes of the delta.
    pub delta_bytes: u64,
    /// Bytes of the metadata in front.
    pub metadata_bytes: u64,
    /// The config that the target's containers get.
    pub config: Value,
    /// Whether we made it: then it has a checksum, which holds.
    pub made_by_remora: bool,
    /// rsync's protocol version.
    pub protocol: i32,
    /// rsync's stream flags.
    pub stream_flags: u32,
    /// rsync's compatibility flags.
    pub compatibility_flags: u32,
    /// Names in the file list, by type.
    pub entries: Counts,
    /// Whether names that the list lacks stay as they are somewhere.
    pub pruned: bool,
    /// Bytes of the file list.
    pub list_bytes: u64,
    /// Files with content.
    pub records: u64,
    /// Bytes of new files that the delta brings.
    pub literal_bytes: u64,
    /// Bytes of new files that come from old ones.
    pub matched_bytes: u64,
    /// Runs of matched bytes.
    pub runs: u64,
    /// Whether a device that fails to make a file says so with its exit code.
    pub sentinel: bool,
}

/// Names in a file list, by type.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Counts {
    /// All together.
    pub total: u64,
    /// Directories.
    pub directories: u64,
    /// Regular files.
    pub files: u64,
    /// Symbolic links.
    pub symlinks: u64,
    /// Devices, pipes and sockets.
    pub others: u64,
    /// Of all names, those that are hard links of others.
    pub hard_links: u64,
}

impl<'l> FromIterator<ListEntry<'l>> for Counts {
    fn from_iter<I: IntoIterator<Item = ListEntry<'l>>>(entries: I) -> Self {
        let mut counts = Counts::default();
        for entry in entries {
            counts.total += 1;
            counts.hard_links += u64::from(entry.class.is_some());
            *match entry.kind {
                EntryKind::Directory { .. } => &mut counts.directories,
                EntryKind::File { .. } => &mut counts.files,
                EntryKind::Symlink(_) => &mut counts.symlinks,
                _ => &mut counts.others,
            } += 1;
        }
        counts
    }
}

/// Says what the v2 delta that `input` reads is made of. The delta's structure is checked to the
/// end, and one of ours against its checksum. With `base`, the tree that it applies to, every file
/// is made, too.
///
/// # Errors
/// If it is damaged, no v2 delta, or made for another base.
pub fn inspect(input: impl Read, base: Option<&Tree<'_>>) -> Result<Inspection, V2Error> {
    let mut reader = BatchReader::new(BufReader::with_capacity(BUFFER, input))?;
    let incomplete = |entry: ListEntry<'_>| entry.kind == EntryKind::Directory { complete: false };
    let mut inspection = Inspection {
        delta_bytes: 0,
        metadata_bytes: reader.metadata_bytes,
        config: std::mem::take(&mut reader.config),
        made_by_remora: reader.header.ours,
        protocol: reader.header.protocol,
        stream_flags: reader.header.flags,
        compatibility_flags: reader.header.compat,
        entries: reader.entries.iter().collect(),
        pruned: reader.entries.iter().any(incomplete),
        list_bytes: reader.list_bytes,
        records: 0,
        literal_bytes: 0,
        matched_bytes: 0,
        runs: 0,
        sentinel: false,
    };
    inspection.read_records(&mut reader, base)?;
    inspection.delta_bytes = reader.input.position();
    Ok(inspection)
}

impl Inspection {
    fn read_records<R: Read>(
        &mut self,
        reader: &mut BatchReader<R>,
        base: Option<&Tree<'_>>,
    ) -> Result<(), V2Error> {
        let mut last = None;
        while let Some(head) = reader.next_record()? {
            let entry = reader.entries.get(head.index as usize);
            let (place, path) = (entry.place, entry.place.shown());
            let wrong = |reader: &BatchReader<R>, problem| {
                let problem = BatchProblem::Content { path: path.clone(), problem };
                Err(reader.input.error(problem).into())
            };
            let EntryKind::File { size, .. } = entry.kind else {
                return wrong(reader, "it is no regular file");
            };
            let basis = match base {
                Some(base) if !head.resend => Basis::of(base, place, head.blocks),
                _ => Basis::Unknown,
            };
            let stats = reader.content(&head, size, basis, &mut |_: &[u8]| Ok(()))?;
            if head.resend {
                self.sentinel |= Some(head.index) == last && !stats.holds;
                continue;
            }
            if base.is_some() && !stats.holds {
                return wrong(reader, "it is made from another old file");
            }
            last = Some(head.index);
            self.records += 1;
            self.literal_bytes += stats.literal_bytes;
            self.matched_bytes += stats.matched_bytes;
            self.runs += stats.runs;
        }
        Ok(())
    }
}
