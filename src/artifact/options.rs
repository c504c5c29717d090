//! How an artifact is made.

use crate::delta::Options;
use crate::dialect::Dialect;
use crate::image::WholeArtifact;

/// Which of the base's files an oci-delta may take from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Sources {
    /// All that everybody may read.
    #[default]
    All,
    /// Of these, those under `usr/` and `etc/`: all that bootc finds on hosts without composefs.
    Bootc,
}

/// How a delta is made.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct CreateOptions {
    /// [`Dialect::Remora`] or [`Dialect::OciDelta`].
    pub dialect: Dialect,
    /// How covers are found, and how hard streams are compressed.
    pub encoding: Options,
    /// Rebuild every layer once and compare its diff ID before the delta is handed out.
    pub verify: bool,
    /// Which files an oci-delta may take from.
    pub sources: Sources,
    /// Signatures of the target's manifest, which the delta brings along.
    pub signatures: Vec<WholeArtifact>,
}

impl CreateOptions {
    /// Returns the usual options for a delta of `dialect`.
    pub fn of(dialect: Dialect) -> Self {
        let (encoding, sources) = (Options::default(), Sources::default());
        CreateOptions { dialect, encoding, verify: true, sources, signatures: Vec::new() }
    }
}
