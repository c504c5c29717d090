//! `--digestfile`: the digest of what was written, in a file for scripts.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use remora::image::{Digest, ImageReference};
use remora::output::{self, Output, OutputError};
use remora::small_file::read_small_text;

use super::access::{self, AccessArguments};
use super::failure::{Failure, general_hint};

/// Bytes of a file that a digest is in.
const MAX_BYTES: u64 = 200;

/// Where the digest goes.
#[derive(Debug, Args)]
pub(super) struct DigestArguments {
    /// Write the digest of the manifest to this file, as skopeo and podman do
    #[arg(long, value_name = "FILE", conflicts_with = "dry_run", help_heading = None)]
    digestfile: Option<PathBuf>,
}

/// The file, open before the work.
pub(super) struct DigestFile(Option<Output>);

impl DigestArguments {
    /// Whether the option was given.
    pub(super) fn is_given(&self) -> bool {
        self.digestfile.is_some()
    }

    /// Opens the file. Refuses one that is an input, the output, in the store, or (unless `replace`) holds
    /// anything but a digest.
    pub(super) fn open(
        &self,
        inputs: [&ImageReference; 2],
        output: &ImageReference,
        access: &AccessArguments,
        replace: bool,
    ) -> Result<DigestFile, Failure> {
        let Some(path) = &self.digestfile else { return Ok(DigestFile(None)) };
        access::refuse_input_as_file(path, inputs)?;
        access.refuse_in_store(path)?;
        if output.path() == Some(path) || remora::image::is_part_of(path, output) {
            return Err(Failure::usage(
                format!("the digest would overwrite the output {output}"),
                "name another file for the digest",
            ));
        }
        if !replace && !may_be_replaced(path) {
            return Err(Failure::usage(
                format!("{} holds something else than a digest", path.display()),
                "name another file for the digest, or replace it with --replace",
            ));
        }
        Ok(DigestFile(Some(Output::open(path)?)))
    }
}

impl DigestFile {
    /// Writes the digest of what is at `place` by now.
    pub(super) fn write(self, digest: Digest, place: &ImageReference) -> Result<(), Failure> {
        let Some(mut file) = self.0 else { return Ok(()) };
        let name = file.name().display().to_string();
        // A line's end would be no part of the digest: skopeo writes none.
        let written = file.write_all(digest.to_string().as_bytes());
        let written = written.map_err(OutputError::from_write(file.name()));
        written.and_then(|()| file.finish()).map_err(|error| {
            let hint = error.hint().unwrap_or_else(|| general_hint(error.cause()).to_owned());
            let what =
                format!("{place} is written, but not its digest {digest} to {name}: {error}");
            Failure::new(error.cause(), what, hint)
        })
    }
}

/// Whether nothing is lost if the file `path` is replaced.
fn may_be_replaced(path: &Path) -> bool {
    let is_file = output::resolve(path).is_ok_and(|path| path.is_file());
    !is_file || read_small_text(path, MAX_BYTES).is_ok_and(|text| is_digest(text.trim()))
}

fn is_digest(text: &str) -> bool {
    text.is_empty() || text.parse::<Digest>().is_ok()
}
