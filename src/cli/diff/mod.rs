//! `remora diff`: what a delta between two images would cost, and why.

mod formats;

use std::fmt::{self, Display, Formatter};

use clap::Args;
use remora::delta::Goal;
use remora::image::ImageReference;
use remora::v3::{self, DiffOptions, DiffReport, FileCost, Links};
use serde::Serialize;

use self::formats::Comparison;
use crate::cli::access::{self, AccessArguments};
use crate::cli::encoding::EncodingArguments;
use crate::cli::failure::Failure;
use crate::cli::image_name;
use crate::cli::report;
use crate::cli::session::Session;
use crate::cli::table::{Align, Table};
use crate::cli::units;

const EXAMPLES: &str = "\
Examples:
  What would the update cost, on a slow metered link?
    remora diff registry.example.com/app:1 registry.example.com/app:2 --link-rate 500k
  Why is it so large? The ten files that cost the most:
    remora diff oci:app:1 oci:app:2 --files 10
  Which format is the smallest for hosts that could take any, on a link of 20 Mbit/s?
    remora diff oci:app:1 oci:app:2 --formats --link-rate 20M
  For a script:
    remora diff oci:app:1 oci:app:2 --json | jq .total.delta_bytes";

/// Show what a v3 delta between two images would cost, layer by layer, or what each format would.
///
/// v3 is the format that balena-engine pulls, and what remora create makes unless --format is given.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Diff {
    /// The image that devices have
    #[arg(value_parser = image_name::input)]
    base: ImageReference,
    /// The image that devices are to get
    #[arg(value_parser = image_name::input)]
    target: ImageReference,
    /// Name the N files of TARGET that cost the most new bytes
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    files: usize,
    /// Compare deltas of all formats: bytes, time of the update, time to make them
    #[arg(long, conflicts_with = "files")]
    formats: bool,
    #[command(flatten)]
    encoding: EncodingArguments,
    #[command(flatten)]
    pub(in crate::cli) access: AccessArguments,
}

impl Diff {
    /// How many threads are to work, if somebody said.
    pub(in crate::cli) fn threads(&self) -> Option<u16> {
        self.encoding.threads()
    }

    pub(in crate::cli) fn run(&self, session: &Session) -> Result<(), Failure> {
        access::refuse_stdin_twice([&self.base, &self.target])?;
        let transports = self.access.transports(&[&self.base, &self.target])?;
        let base = self.access.open(&transports, &self.base)?;
        let target = self.access.open(&transports, &self.target)?;
        [&base, &target].into_iter().try_for_each(access::refuse_delta)?;
        self.access.refuse_other_platform(&base, &target)?;
        let mut options = DiffOptions::default();
        options.encoding = self.encoding.options();
        options.device = self.encoding.device();
        options.files = self.files;
        let store = self.access.store()?;
        if self.formats {
            let comparison = Comparison {
                base: &base,
                target: &target,
                store: &store,
                encoding: self.encoding.options(),
                device: self.encoding.device(),
                link: self.encoding.link_bytes(),
                progress: session.progress(),
            };
            return session.answer(&comparison.make()?);
        }
        let report = v3::diff(&base, &target, &store, &options, session.progress())?;
        let links = Links::new(&report.delta, &options.device);
        session.answer(&Compared { report, links, device: options.device })
    }
}

/// What the delta would cost.
#[derive(Serialize)]
struct Compared {
    #[serde(flatten)]
    report: DiffReport,
    #[serde(flatten)]
    links: Option<Links>,
    #[serde(skip)]
    device: Goal,
}

impl Display for Compared {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let delta = &self.report.delta;
        report::write_images(out, &delta.base_id, &delta.target_id)?;
        write!(out, "\n{}\n", report::layer_table(delta))?;
        report::write_totals(out, delta, &self.device, self.links.as_ref())?;
        report::write_effort(out, delta.total.seconds, delta.total.peak_memory)?;
        if !self.report.files.is_empty() {
            write!(out, "\n{}", file_table(&self.report.files))?;
        }
        Ok(())
    }
}

/// The files that cost the most, the costliest first.
fn file_table(files: &[FileCost]) -> Table {
    let mut table =
        Table::new(&[("new bytes", Align::Right), ("of", Align::Right), ("file", Align::Left)]);
    for file in files {
        table.row([units::bytes(file.literal_bytes), units::bytes(file.size), file.path.clone()]);
    }
    table
}
