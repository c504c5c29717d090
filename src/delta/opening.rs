//! What packed members of a target's archives have in them, by what those of the base have.

use super::cover::Cover;

/// A stretch of the base stream that is one stream of raw DEFLATE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackedStretch {
    /// Where in the base stream it starts, in bytes.
    pub offset: u64,
    /// How many bytes it has there.
    pub packed_len: u64,
    /// How many bytes it has once it is open.
    pub len: u64,
}

/// What a stretch costs a reader that opens it, beside its bytes: as much as so many of them.
const STRETCH_BYTES: u64 = 1 << 10;
/// The stretches that a part of a delta opens have at most so many times the [weight](PackedStretch::weight) that it makes bytes: a reader's
/// time stays in proportion to what it writes, however many parts name one stretch.
pub const OPENED_RATIO: u64 = 512;

impl PackedStretch {
    /// Returns what opening it costs a reader, in bytes: those that it takes, those that it gives, and some for itself.
    pub fn weight(&self) -> u64 {
        self.packed_len.saturating_add(self.len).saturating_add(STRETCH_BYTES)
    }
}

/// A packed member of an archive in the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenedMember {
    /// Where in the target its packed bytes start.
    pub start: u64,
    /// How many there are.
    pub packed_len: u64,
    /// How many bytes its content has.
    pub len: u64,
    /// The level with which zlib makes the packed bytes of the content, 1 to 9.
    pub level: u8,
    /// How many bytes of the content covers have that are changed.
    pub changed_bytes: u64,
    /// Covers of the content, in order: they start so many bytes behind the content's start, and their places count in the
    /// contents of the opening's stretches, one after the other.
    pub covers: Vec<Cover>,
}

impl OpenedMember {
    /// Where in the target its packed bytes end.
    pub fn end(&self) -> u64 {
        self.start + self.packed_len
    }
}

/// The members of a target that are told by their contents.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Opening {
    /// What of the base is opened for that.
    pub stretches: Vec<PackedStretch>,
    /// The members, in the order of the target; none overlap.
    pub members: Vec<OpenedMember>,
}

impl Opening {
    /// How many bytes the stretches have once they are open.
    pub fn opened_len(&self) -> u64 {
        self.stretches.iter().map(|stretch| stretch.len).sum()
    }

    /// Puts the members of `other` behind its own, with the stretches that they need.
    pub(super) fn append(&mut self, mut other: Opening) {
        let before = self.opened_len();
        let covers = other.members.iter_mut().flat_map(|member| &mut member.covers);
        covers.for_each(|cover| cover.offset += before);
        self.stretches.append(&mut other.stretches);
        self.members.append(&mut other.members);
    }
}

/// About how many bytes a stretch of the target takes in a delta.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpeningCosts {
    /// As it is.
    pub packed: u64,
    /// With members open.
    pub open: u64,
}
