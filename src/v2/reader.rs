//! Reading a batch, ours or rsync's own: header, list, records, end. Whatever the bytes, memory
//! grows with the file list alone.

use std::io::Read;

use serde_json::Value;

use super::error::{BatchError, BatchProblem};
use super::file_list::{FileList, ListForm, ListReader};
use super::format::*;
use super::input::BatchInput;
use super::metadata::read_metadata;
use super::record::TRANSFER;
use super::steps::Blocks;

/// More names of users or groups than any batch has.
const MAX_IDS: usize = 100_000;
/// The longest block that readers take.
const MAX_BLOCK: i32 = 131_072;
/// The longest block checksum.
const MAX_CHECKSUM: i32 = 16;
const BASIS_TYPE: u16 = 0x0800;
const BASIS_NAME: u16 = 0x1000;

/// The header of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) flags: u32,
    pub(super) protocol: i32,
    pub(super) compat: u32,
    /// Whether we made the delta. Then its checksum holds once all is read.
    pub(super) ours: bool,
}

/// A delta, read up to its records.
pub(super) struct BatchReader<R> {
    /// The config that the target's containers get.
    pub(super) config: Value,
    /// How many bytes the metadata took.
    pub(super) metadata_bytes: u64,
    pub(super) input: BatchInput<R>,
    pub(super) header: Header,
    /// The list, in the order in which a reader keeps it.
    pub(super) entries: FileList,
    /// How many bytes the list took.
    pub(super) list_bytes: u64,
    phase: u8,
    next_index: u32,
}

/// A record that carries content; its tokens come next.
#[derive(Debug, Clone, Copy)]
pub(super) struct RecordHead {
    pub(super) index: u32,
    /// Whether it repeats an earlier record.
    pub(super) resend: bool,
    pub(super) blocks: Blocks,
}

impl<R: Read> BatchReader<R> {
    /// Reads the metadata, the header and the list.
    pub(super) fn new(input: R) -> Result<Self, BatchError> {
        let mut input = BatchInput::new(input);
        let config = read_metadata(&mut input)?;
        let metadata_bytes = input.position();
        let header = read_header(&mut input)?;
        let before = input.position();
        let form = ListForm {
            protocol_30: header.protocol == PROTOCOL_30,
            varint_flags: header.compat & VARINT_FLAGS != 0,
            owners: header.flags & OWNERS != 0,
            groups: header.flags & GROUPS != 0,
            checksums: header.flags & CHECKSUMS != 0,
        };
        let mut entries = ListReader::new(&mut input, form).read()?;
        for _ in 0..u32::from(form.owners) + u32::from(form.groups) {
            skip_ids(&mut input, header)?;
        }
        entries.sort();
        if entries.has_doubles() {
            return Err(input.error(BatchProblem::Entry("a name twice")));
        }
        let list_bytes = input.position() - before;
        Ok(BatchReader {
            config,
            metadata_bytes,
            input,
            header,
            entries,
            list_bytes,
            phase: 0,
            next_index: 0,
        })
    }

    /// Whether records are compressed.
    pub(super) fn is_compressed(&self) -> bool {
        self.header.flags & COMPRESSED != 0
    }

    /// The next record that carries content, or `None` after the end of the batch, which must be
    /// the end of the input. The tokens of the record before must have been read.
    pub(super) fn next_record(&mut self) -> Result<Option<RecordHead>, BatchError> {
        while self.phase < 3 {
            let Some(index) = self.input.index()? else {
                self.phase += 1;
                continue;
            };
            if index as usize >= self.entries.len() {
                return Err(self.input.error(BatchProblem::Index));
            }
            if let Some(head) = self.record(index)? {
                return Ok(Some(head));
            }
        }
        self.end().map(|()| None)
    }

    fn bad(&self, what: &'static str) -> BatchError {
        self.input.error(BatchProblem::Record(what))
    }

    fn record(&mut self, index: u32) -> Result<Option<RecordHead>, BatchError> {
        let flags = self.input.short()?;
        if flags & BASIS_TYPE != 0 {
            self.input.byte()?;
        }
        if flags & BASIS_NAME != 0 {
            self.skip_name()?;
        }
        if flags & TRANSFER == 0 {
            return Ok(None);
        }
        let resend = self.phase > 0;
        if flags & (BASIS_TYPE | BASIS_NAME) != 0 {
            return Err(self.bad("content from another file"));
        }
        if self.phase > 1 || !resend && index < self.next_index {
            return Err(self.bad("out of order"));
        }
        self.next_index = index + 1;
        let blocks = self.blocks()?;
        Ok(Some(RecordHead { index, resend, blocks }))
    }

    fn skip_name(&mut self) -> Result<(), BatchError> {
        let mut len = usize::from(self.input.byte()?);
        if len >= 0x80 {
            len = (len & 0x7f) << 8 | usize::from(self.input.byte()?);
        }
        self.input.bytes(len).map(drop)
    }

    fn blocks(&mut self) -> Result<Blocks, BatchError> {
        let count = self.input.int()?;
        let length = self.input.int()?;
        let checksum = self.input.int()?;
        let remainder = self.input.int()?;
        let valid = count >= 0
            && (0..=MAX_BLOCK).contains(&length)
            && (length > 0 || count == 0)
            && (0..=MAX_CHECKSUM).contains(&checksum)
            && (0..=length).contains(&remainder);
        match valid {
            true => Ok(Blocks {
                count: count as u32,
                length: length as u32,
                remainder: remainder as u32,
            }),
            false => Err(self.bad("impossible blocks")),
        }
    }

    fn end(&mut self) -> Result<(), BatchError> {
        let expected = self.input.checksum();
        let mut statistics = [0; STATISTICS];
        for number in &mut statistics {
            *number = self.input.varlong(3)?;
        }
        if self.header.ours && Checksum(statistics) != expected {
            return Err(self.input.error(BatchProblem::Checksum));
        }
        if self.header.protocol > PROTOCOL_30 && self.input.index()?.is_some() {
            return Err(self.bad("after the end"));
        }
        match self.input.at_end()? {
            true => Ok(()),
            false => Err(self.input.error(BatchProblem::TrailingBytes)),
        }
    }
}

fn read_header<R: Read>(input: &mut BatchInput<R>) -> Result<Header, BatchError> {
    let flags = input.int()? as u32;
    let protocol = input.int()?;
    let known = (PROTOCOL_30..=PROTOCOL_MAX).contains(&protocol);
    let compat = if known { input.varint()? } else { 0 };
    let flags_known = flags & REQUIRED_FLAGS == REQUIRED_FLAGS && flags & !KNOWN_FLAGS == 0;
    if !known || !flags_known || compat & INCREMENTAL != 0 {
        return Err(input.error(BatchProblem::Header { protocol, flags, compat }));
    }
    let seed = input.int()? as u32;
    let ours = is_marked(seed).ok_or_else(|| input.error(BatchProblem::Checksum))?;
    Ok(Header { flags, protocol, compat, ours })
}

fn skip_ids<R: Read>(input: &mut BatchInput<R>, header: Header) -> Result<(), BatchError> {
    for _ in 0..MAX_IDS {
        let id = input.varint()?;
        if id != 0 || header.compat & ID_0_NAMES != 0 {
            let len = input.byte()?;
            input.bytes(len.into())?;
        }
        if id == 0 {
            return Ok(());
        }
    }
    Err(input.error(BatchProblem::Entry("too many names of users or groups")))
}
