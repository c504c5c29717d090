//! What is said of a delta of any format first.

use std::fmt::{self, Display, Formatter};

use remora::Dialect;
use remora::image::{Digest, ImageId};

use crate::cli::report;
use crate::cli::units;

/// What a delta of any format is.
pub(super) struct Head<'a> {
    pub(super) format: Dialect,
    /// Whose work it is, if the format says.
    pub(super) maker: Option<&'a str>,
    /// The digest of its manifest, if it has one.
    pub(super) digest: Option<Digest>,
    /// The images that it leads from and to, if it names them.
    pub(super) images: Option<(&'a ImageId, &'a ImageId)>,
    /// Lines on what comes along with it.
    pub(super) brings: Vec<String>,
    /// What is fetched of it.
    pub(super) bytes: u64,
}

impl Display for Head<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        writeln!(out, "format:  {}", self.format)?;
        if let Some(maker) = self.maker {
            writeln!(out, "made by: {maker}")?;
        }
        if let Some(digest) = self.digest {
            writeln!(out, "digest:  {digest}")?;
        }
        if let Some((base, target)) = self.images {
            report::write_images(out, base, target)?;
        }
        self.brings.iter().try_for_each(|what| writeln!(out, "brings:  {what}"))?;
        writeln!(out, "size:    {}", units::bytes(self.bytes))
    }
}
