//! `remora store`: look after the folder that keeps uncompressed layers.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use clap::{Args, Subcommand};
use remora::store::{GcLimits, GcReport, Store as LayerStore, StoreInfo};
use serde::Serialize;

use super::access::StoreArguments;
use super::failure::Failure;
use super::session::Session;
use super::troubles::{self, Lines};
use super::units;
use super::verify::Verify;

const EXAMPLES: &str = "\
Examples:
  remora store info
  remora store verify
  Fetch again what is damaged, and mend the deployments that have it:
    remora store verify --repair
  remora store gc --max-size 20GiB
  remora store gc --older-than 30d";

/// Look after the folder that keeps uncompressed layers.
///
/// Layers are kept from run to run, so that the next delta from or to an image has nothing to
/// fetch. Everything here may run while other Remoras work.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Store {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    store: StoreArguments,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Say where the store is and what it holds
    Info,
    /// Compare what is stored with its digests and deployments with their images; drop damaged layers and shared files
    Verify(Box<Verify>),
    /// Drop layers that are too much or too old and that no image needs, and what killed processes left behind
    Gc(Gc),
}

#[derive(Debug, Args)]
struct Gc {
    /// Drop the layers used longest ago until the store is no larger
    #[arg(long, value_parser = units::parse_size, value_name = "SIZE")]
    max_size: Option<u64>,
    /// Drop layers not used for so long (s, m, h, d, w)
    #[arg(long, value_parser = units::parse_age, value_name = "AGE")]
    older_than: Option<Duration>,
    /// Say what would be dropped, and drop nothing
    #[arg(long)]
    dry_run: bool,
}

impl Store {
    /// Has this process enter a user namespace if files of several users are to be read.
    pub(super) fn enter_namespace(&self) {
        if let Action::Verify(_) = self.action {
            self.store.enter_namespace_for_files();
        }
    }

    /// The command's name as it is typed.
    pub(super) fn name(&self) -> &'static str {
        match self.action {
            Action::Info => "store info",
            Action::Verify(_) => "store verify",
            Action::Gc(_) => "store gc",
        }
    }

    pub(super) fn run(&self, session: &Session) -> Result<(), Failure> {
        let store = self.store.open()?;
        match &self.action {
            Action::Info => session.answer(&Info(store.info()?)),
            Action::Verify(arguments) => arguments.run(&store, session),
            Action::Gc(gc) => collect(&store, gc, session),
        }
    }
}

fn collect(store: &LayerStore, gc: &Gc, session: &Session) -> Result<(), Failure> {
    let report = match gc.dry_run {
        true => store.gc_preview(gc.limits())?,
        false => store.gc(gc.limits())?,
    };
    let what = "not all of the store could be removed";
    let failure = troubles::failure(what, &report.troubles, session.shows_summaries());
    let answer = Collected { report, dry_run: gc.dry_run };
    match failure {
        None => session.summary(&answer, false),
        Some(failure) => session.summary_with(&answer, failure),
    }
}

impl Gc {
    fn limits(&self) -> GcLimits {
        let mut limits = GcLimits::default();
        limits.max_bytes = self.max_size;
        limits.older_than = self.older_than;
        limits
    }
}

/// Each report of the store's, as text for people.
#[derive(Serialize)]
#[serde(transparent)]
struct Info(StoreInfo);

#[derive(Serialize)]
struct Collected {
    #[serde(flatten)]
    report: GcReport,
    dry_run: bool,
}

impl Display for Info {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let info = &self.0;
        writeln!(out, "store:  {}", info.path.display())?;
        writeln!(out, "holds:  {}, {}", units::layers(info.layers), units::bytes(info.bytes))?;
        if info.objects > 0 {
            let (files, bytes) = (units::count(info.objects), units::bytes(info.object_bytes));
            writeln!(out, "files:  {files}, {bytes}, which deployments share")?;
        }
        if info.images > 0 {
            writeln!(out, "images: {}, see remora images", units::count(info.images))?;
        }
        if info.partial_bytes > 0 {
            let bytes = units::bytes(info.partial_bytes);
            writeln!(out, "parts of blobs that interrupted pulls left: {bytes}")?;
        }
        if info.incoming_layers > 0 {
            let bytes = units::bytes(info.incoming_bytes);
            writeln!(
                out,
                "on its way in: {}, {bytes} so far",
                units::layers(info.incoming_layers)
            )?;
        }
        Ok(())
    }
}

impl Display for Collected {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let report = &self.report;
        let freed = units::bytes(
            report.removed_bytes + report.leftover_bytes + report.removed_object_bytes,
        );
        if self.dry_run {
            writeln!(out, "a dry run: nothing was dropped; this is what would be")?;
        }
        writeln!(out, "dropped: {}, {freed}", units::layers(report.removed_layers))?;
        if report.removed_objects > 0 {
            let files = units::count(report.removed_objects);
            writeln!(out, "dropped: {files} files that no layer or deployment has")?;
        }
        writeln!(
            out,
            "kept:    {}, {}",
            units::layers(report.kept_layers),
            units::bytes(report.kept_bytes)
        )?;
        if report.in_use_layers > 0 {
            writeln!(out, "kept because in use: {}", units::layers(report.in_use_layers))?;
        }
        for rootfs in &report.out_of_reach {
            writeln!(out, "kept for a deployment that is not mounted: {}", rootfs.display())?;
        }
        if !report.out_of_reach.is_empty() {
            writeln!(out, "if its disk never comes back: remora undeploy --forget")?;
        }
        if report.named_layers > 0 {
            let named = units::layers(report.named_layers);
            writeln!(out, "kept because an image needs them, see remora images: {named}")?;
        }
        Lines::default().write(out, "not removed", &report.troubles)
    }
}
