//! What a delta with additions tells its reader: where the base has nearly what the target has.

/// A stretch of the target that the base has too, but for some of its bytes. Whoever rebuilds it adds
/// differences to the base's bytes. What no cover has is literal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cover {
    /// Where in the target it starts, in bytes.
    pub start: u64,
    /// How many bytes it has, one at least.
    pub len: u64,
    /// Where in the base stream it starts, in bytes.
    pub offset: u64,
}

impl Cover {
    /// Where in the target it ends.
    pub fn end(&self) -> u64 {
        self.start + self.len
    }

    /// Whether `next`, which starts where this one ends, is from where this one would go on.
    pub(crate) fn goes_on_with(&self, next: &Cover) -> bool {
        self.displacement() == next.displacement()
    }

    /// Base position minus target position.
    pub(super) fn displacement(&self) -> i64 {
        self.offset as i64 - self.start as i64
    }
}
