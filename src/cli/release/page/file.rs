//! The file that a page is written to, open before the work.

use std::io::Write as _;
use std::path::Path;
use std::time::SystemTime;

use remora::output::{self, FileId, Output, OutputError};
use remora::release::FleetUpdate;

use super::html::{MARK, Page};
use crate::cli::failure::Failure;
use crate::cli::replace;
use crate::cli::session::Session;

/// The file, open before the work.
pub(in crate::cli::release) struct PageFile {
    output: Output,
    on_stdout: bool,
}

impl PageFile {
    /// Opens the file; `-` is standard output. Refuses one that is an input, or (unless `replace`) holds
    /// anything but a page.
    pub(in crate::cli::release) fn open<'a>(
        path: &Path,
        mut inputs: impl Iterator<Item = &'a Path>,
        replace: bool,
        session: &Session,
    ) -> Result<Self, Failure> {
        let is_stdio = path.as_os_str() == "-";
        let on_stdout = is_stdio || output::leads_to_stdout(path);
        if on_stdout && session.json() {
            let what = "standard output cannot carry both the page and --json";
            return Err(Failure::usage(what, "write the page to a file"));
        }
        if is_stdio {
            return Ok(PageFile { output: Output::stdout(), on_stdout });
        }
        let id = FileId::of(path);
        if let Some(input) = inputs.find(|input| id.is_some() && FileId::of(input) == id) {
            let (page, input) = (path.display(), input.display());
            let what = format!("the page {page} would overwrite the input {input}");
            return Err(Failure::usage(what, "choose another place for the page"));
        }
        if !replace {
            replace::refuse_for_page(path, MARK)?;
        }
        Ok(PageFile { output: Output::open(path)?, on_stdout })
    }

    /// Whether the page goes to standard output.
    pub(in crate::cli::release) fn is_on_stdout(&self) -> bool {
        self.on_stdout
    }

    /// Writes the page about `update`.
    pub(in crate::cli::release) fn write(mut self, update: &FleetUpdate) -> Result<(), Failure> {
        let page = Page { update, now: SystemTime::now() }.to_string();
        let written = self.output.write_all(page.as_bytes());
        written.map_err(OutputError::from_write(self.output.name()))?;
        Ok(self.output.finish()?)
    }
}
