//! Layers that are rebuilt onto a disk: within what an image may unpack to, and what the disk has left.

use std::io::{self, Write};

use crate::image::ImageBudget;
use crate::space::SpaceWatch;

/// Passes on to `out` what budget and disk allow. An [`Excess`](crate::image::Excess) travels inside the
/// I/O error.
pub(crate) struct Metered<'a, W> {
    out: W,
    budget: &'a ImageBudget,
    space: SpaceWatch,
}

impl<'a, W: Write> Metered<'a, W> {
    /// `space` is about the disk that `out` is on.
    pub(crate) fn new(out: W, budget: &'a ImageBudget, space: SpaceWatch) -> Self {
        Metered { out, budget, space }
    }

    pub(crate) fn into_inner(self) -> W {
        self.out
    }
}

impl<W: Write> Write for Metered<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.budget.take(bytes.len() as u64).map_err(io::Error::other)?;
        self.space.about_to_write(bytes.len() as u64)?;
        self.out.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
