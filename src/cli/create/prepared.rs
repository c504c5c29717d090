//! What is ready before a v3 delta is made: everything that could keep it from being written has been tried.

use remora::image::{Destination, ImageReference, Transports};
use remora::v3::CreateOptions;

use crate::cli::digest_file::DigestFile;

/// How a v3 delta is made and where it goes.
pub(super) struct Prepared {
    pub(super) output: ImageReference,
    /// Whether it goes to standard output.
    pub(super) to_stdout: bool,
    pub(super) options: CreateOptions,
    pub(super) transports: Transports,
    pub(super) digest_file: DigestFile,
    /// None for a dry run.
    pub(super) destination: Option<Destination>,
}
