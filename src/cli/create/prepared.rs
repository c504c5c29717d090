//! What is ready before a delta is made that goes to a reference: everything that could keep it from being written has been
//! tried.

use remora::image::{Destination, ImageContents, ImageReference, Transports};

use super::request::Request;
use crate::cli::access;
use crate::cli::digest_file::{DigestArguments, DigestFile};
use crate::cli::failure::Failure;
use crate::cli::replace;
use crate::cli::session::Session;

/// Where a delta goes.
pub(super) struct Prepared {
    pub(super) output: ImageReference,
    /// Whether it goes to standard output.
    pub(super) to_stdout: bool,
    pub(super) transports: Transports,
    pub(super) digest_file: DigestFile,
    /// None for a dry run.
    pub(super) destination: Option<Destination>,
}

impl Prepared {
    /// Tries the place `output` that `request` names.
    pub(super) fn new(
        output: ImageReference,
        request: &Request,
        digest: &DigestArguments,
        session: &Session,
    ) -> Result<Self, Failure> {
        access::refuse_input_as_output(&output, [&request.base, &request.target])?;
        let to_stdout = access::claim_stdout(&output, session)?;
        let transports = request.access.transports(&[&request.base, &request.target, &output])?;
        output.path().map_or(Ok(()), |path| request.access.refuse_in_store(path))?;
        if !request.replace {
            replace::refuse_for_delta(&output, &transports)?;
        }
        let inputs = [&request.base, &request.target];
        let digest_file = digest.open(inputs, &output, &request.access, request.replace)?;
        let destination = match request.dry_run {
            true => None,
            false => Some(transports.destination(&output)?),
        };
        Ok(Prepared { output, to_stdout, transports, digest_file, destination })
    }

    /// Writes the delta `contents`; returns where it is, nowhere after a dry run.
    pub(super) fn publish(
        self,
        contents: &ImageContents,
        session: &Session,
    ) -> Result<Option<String>, Failure> {
        let Some(destination) = self.destination else { return Ok(None) };
        let digest = self.transports.write_to(destination, contents, session.progress())?;
        self.digest_file.write(digest, &self.output)?;
        Ok(Some(self.output.to_string()))
    }
}
