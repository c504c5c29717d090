//! What every kind of delta is made from, and where it goes.

use clap::Args;
use remora::image::{Image, ImageReference, Transports};
use remora::store::Store;

use crate::cli::access::{self, AccessArguments};
use crate::cli::dialect::Format;
use crate::cli::encoding::EncodingArguments;
use crate::cli::failure::Failure;
use crate::cli::image_name;

/// The options that do not depend on the kind of delta.
#[derive(Debug, Args)]
pub(super) struct Request {
    /// The image that devices have
    #[arg(value_parser = image_name::input)]
    pub(super) base: ImageReference,
    /// The image that devices are to get
    #[arg(value_parser = image_name::input)]
    pub(super) target: ImageReference,
    /// Where the delta goes: a reference, for v2 a file
    #[arg(short, long, value_name = "WHERE")]
    pub(super) output: String,
    /// Overwrite what is at the output even if it is no delta
    #[arg(long)]
    pub(super) replace: bool,
    /// What kind of delta; remora diff --formats compares them. Of the encoder options --effort, --memory and --threads
    /// count for all kinds, the others for v3
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: Format,
    /// Publish without applying the delta first
    #[arg(long)]
    pub(super) no_verify: bool,
    /// Do everything but publish
    #[arg(long)]
    pub(super) dry_run: bool,
    #[command(flatten)]
    pub(super) encoding: EncodingArguments,
    #[command(flatten)]
    pub(super) access: AccessArguments,
}

/// What a delta is made from and with.
pub(super) struct Opened {
    pub(super) base: Image,
    pub(super) target: Image,
    pub(super) store: Store,
}

impl Request {
    /// Opens everything that is needed to make a delta of either kind.
    pub(super) fn open(&self, transports: &Transports) -> Result<Opened, Failure> {
        let base = self.access.open(transports, &self.base)?;
        let target = self.access.open(transports, &self.target)?;
        [&base, &target].into_iter().try_for_each(access::refuse_delta)?;
        self.access.refuse_other_platform(&base, &target)?;
        Ok(Opened { base, target, store: self.access.store()? })
    }
}
