//! The streams of a chunk: what is alike stands together, so that each is coded by statistics of its own.

/// A kind of stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StreamKind {
    /// For each cover, how many bytes of literals come before it.
    LiteralLengths,
    /// For each cover, how many bytes it has.
    CoverLengths,
    /// For each cover, how its displacement differs from the one before.
    Displacements,
    /// For each changed byte, how many bytes of covers before it are unchanged.
    Gaps,
    /// What is added to each changed byte.
    Changes,
    /// The bytes that no cover has.
    Literals,
    /// Which programs there are, in base and target.
    Programs,
    /// For each reference that was predicted wrongly, how many before it were predicted rightly.
    ReferenceGaps,
    /// What is added to each such reference.
    Corrections,
    /// For each packed member, how many plain bytes are before it, how many it has, and its level.
    Members,
    /// For each stretch of the base that is opened, where it is and how long it is, packed and open.
    OpenedBase,
}

/// How many kinds there are.
pub(super) const KINDS: usize = StreamKind::ALL.len();

impl StreamKind {
    /// All kinds, in the order in which a chunk has them.
    pub const ALL: [StreamKind; 11] = [
        StreamKind::LiteralLengths,
        StreamKind::CoverLengths,
        StreamKind::Displacements,
        StreamKind::Gaps,
        StreamKind::Changes,
        StreamKind::Literals,
        StreamKind::Programs,
        StreamKind::ReferenceGaps,
        StreamKind::Corrections,
        StreamKind::Members,
        StreamKind::OpenedBase,
    ];

    /// Returns the name: in answers and errors.
    pub const fn name(self) -> &'static str {
        match self {
            StreamKind::LiteralLengths => "literal lengths",
            StreamKind::CoverLengths => "cover lengths",
            StreamKind::Displacements => "displacements",
            StreamKind::Gaps => "gaps",
            StreamKind::Changes => "changes",
            StreamKind::Literals => "literals",
            StreamKind::Programs => "programs",
            StreamKind::ReferenceGaps => "reference gaps",
            StreamKind::Corrections => "corrections",
            StreamKind::Members => "members",
            StreamKind::OpenedBase => "opened base",
        }
    }
}

/// The bytes of each stream, by kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Streams([Vec<u8>; KINDS]);

impl Streams {
    pub(super) fn of(&self, kind: StreamKind) -> &[u8] {
        &self.0[kind as usize]
    }

    pub(super) fn of_mut(&mut self, kind: StreamKind) -> &mut Vec<u8> {
        &mut self.0[kind as usize]
    }

    /// The bytes of all together.
    pub(super) fn len(&self) -> usize {
        self.0.iter().map(Vec::len).sum()
    }
}
