//! The plain bytes of a chunk, for who writes it.

use std::borrow::Cow;
use std::ops::Range;

use super::gather::Part;
use crate::archives::inflate;

/// The bytes that a chunk is told by: those of the layer, but of opened members what is in them.
pub(super) struct Plain<'a> {
    /// Where each piece starts, and what it is.
    pieces: Vec<(u64, Cow<'a, [u8]>)>,
}

impl<'a> Plain<'a> {
    /// The layer `target` as it is.
    pub(super) fn of_layer(target: &'a [u8]) -> Self {
        Plain { pieces: vec![(0, Cow::Borrowed(target))] }
    }

    /// The plain bytes of `part` of the layer `target`, or `None` if its members have another length than it says.
    pub(super) fn of_part(target: &'a [u8], part: &Part) -> Option<Self> {
        let real = |range: Range<u64>| &target[range.start as usize..range.end as usize];
        let (mut pieces, mut at, mut plain) = (Vec::new(), part.real.start, part.plan.range.start);
        for (member, packed) in part.plan.members.iter().zip(&part.packed) {
            pieces.push((plain, Cow::Borrowed(real(at..packed.start))));
            let content = inflate(real(packed.clone()), member.len as usize)?;
            pieces.push((member.start, Cow::Owned(content)));
            (at, plain) = (packed.end, member.end());
        }
        pieces.push((plain, Cow::Borrowed(real(at..part.real.end))));
        Some(Plain { pieces })
    }

    /// The bytes from `at` on, as many as are in one piece.
    pub(super) fn tail(&self, at: u64) -> &[u8] {
        // A piece without bytes starts where the next one does.
        let index = self.pieces.partition_point(|(start, _)| *start <= at).saturating_sub(1);
        self.pieces.get(index).map_or(&[], |(start, bytes)| &bytes[(at - start) as usize..])
    }

    /// The `len` bytes from `at` on, in pieces.
    pub(super) fn pieces(&self, mut at: u64, len: u64) -> impl Iterator<Item = &[u8]> {
        let end = at + len;
        std::iter::from_fn(move || {
            let tail = self.tail(at);
            let piece = &tail[..tail.len().min((end - at) as usize)];
            at += piece.len() as u64;
            (!piece.is_empty()).then_some(piece)
        })
    }
}
