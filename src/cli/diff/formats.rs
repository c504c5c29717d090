//! `diff --formats`: what a delta of each format would cost, side by side.

use std::fmt::{self, Display, Formatter};
use std::time::Instant;

use remora::artifact::{self, ArtifactError};
use remora::delta::{Goal, Options};
use remora::image::{Image, ImageId};
use remora::progress::Progress;
use remora::store::Store;
use remora::v3::{self, DiffOptions};
use remora::{Dialect, v2};
use serde::Serialize;

use crate::cli::failure::Failure;
use crate::cli::report;
use crate::cli::table::{Align, Table};
use crate::cli::units;

/// All formats side by side.
#[derive(Serialize)]
pub(super) struct Formats {
    base_id: ImageId,
    target_id: ImageId,
    /// Bytes of a pull without a delta, if the target says how large its blobs are.
    pull_bytes: Option<u64>,
    /// Seconds that such a pull takes on the link.
    pull_seconds: Option<f64>,
    /// The formats, the smallest first.
    formats: Vec<Row>,
}

/// One format.
#[derive(Serialize)]
struct Row {
    format: Dialect,
    /// What commands were chosen for, if the format has a choice.
    prefer: Option<&'static str>,
    delta_bytes: u64,
    /// Seconds to fetch and apply it, by the model of the link and of what commands cost.
    update_seconds: f64,
    /// Seconds that making it took here.
    seconds: f64,
}

/// What is compared, and how.
pub(super) struct Comparison<'a> {
    pub(super) base: &'a Image,
    pub(super) target: &'a Image,
    pub(super) store: &'a Store,
    pub(super) encoding: Options,
    pub(super) device: Goal,
    /// Bytes a second that reach the device.
    pub(super) link: f64,
    pub(super) progress: &'a dyn Progress,
}

impl Comparison<'_> {
    /// Makes a delta of each format, and throws it away.
    pub(super) fn make(&self) -> Result<Formats, Failure> {
        let (time, report) = self.v3("time", self.device)?;
        let (size, _) = self.v3("size", Goal::Size)?;
        let mut formats = vec![time, size, self.v2()?];
        for dialect in [Dialect::Remora, Dialect::OciDelta] {
            formats.extend(self.artifact(dialect)?);
        }
        formats.sort_by_key(|row| row.delta_bytes);
        let pull_bytes = report.total.pull_bytes;
        Ok(Formats {
            base_id: report.base_id,
            target_id: report.target_id,
            pull_bytes,
            pull_seconds: pull_bytes.map(|bytes| bytes as f64 / self.link),
            formats,
        })
    }

    fn v3(&self, prefer: &'static str, goal: Goal) -> Result<(Row, v3::DeltaReport), Failure> {
        let mut options = DiffOptions::default();
        options.encoding = self.encoding;
        options.encoding.goal = goal;
        options.device = self.device;
        let (base, target) = (self.base, self.target);
        let report = v3::diff(base, target, self.store, &options, self.progress)?;
        let bytes = report.delta.total.delta_bytes;
        let row = Row {
            format: Dialect::V3,
            prefer: Some(prefer),
            delta_bytes: bytes,
            update_seconds: report.update_seconds.unwrap_or(bytes as f64 / self.link),
            seconds: report.delta.total.seconds,
        };
        Ok((row, report.delta))
    }

    fn v2(&self) -> Result<Row, Failure> {
        let out = tempfile::tempfile()
            .map_err(|error| Failure::io("cannot create a temporary file", &error))?;
        let mut options = v2::CreateOptions::default();
        (options.effort, options.memory) = (self.encoding.effort, self.encoding.memory);
        options.verify = false;
        let (base, target) = (self.base, self.target);
        let report = v2::create(base, target, self.store, &options, &out, self.progress)?;
        Ok(self.row(Dialect::V2, report.delta_bytes, report.seconds))
    }

    /// The row of a delta that is an artifact; `None` if there is none for these images.
    fn artifact(&self, dialect: Dialect) -> Result<Option<Row>, Failure> {
        let mut options = artifact::CreateOptions::of(dialect);
        options.encoding = self.encoding;
        options.verify = false;
        let started = Instant::now();
        let (base, target) = (self.base, self.target);
        match artifact::create(base, target, self.store, &options, self.progress) {
            Ok(delta) => {
                let bytes = delta.report().total.delta_bytes;
                Ok(Some(self.row(dialect, bytes, started.elapsed().as_secs_f64())))
            }
            Err(ArtifactError::NoManifest { .. }) => {
                self.progress.note("no oci-delta: it takes a target that has a manifest");
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn row(&self, format: Dialect, delta_bytes: u64, seconds: f64) -> Row {
        let update_seconds = delta_bytes as f64 / self.link;
        Row { format, prefer: None, delta_bytes, update_seconds, seconds }
    }
}

impl Display for Formats {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        report::write_images(out, &self.base_id, &self.target_id)?;
        let mut table = Table::new(&[
            ("format", Align::Left),
            ("bytes", Align::Right),
            ("update", Align::Right),
            ("making it", Align::Right),
        ]);
        for row in &self.formats {
            let format = match row.prefer {
                Some(prefer) => format!("{}, {prefer}", row.format),
                None => row.format.to_string(),
            };
            let (bytes, update) =
                (units::bytes(row.delta_bytes), units::seconds(row.update_seconds));
            table.row([format, bytes, update, units::seconds(row.seconds)]);
        }
        let pull = "no delta".to_owned();
        if let (Some(bytes), Some(seconds)) = (self.pull_bytes, self.pull_seconds) {
            table.row([pull, units::bytes(bytes), units::seconds(seconds), String::new()]);
        }
        write!(out, "\n{table}")
    }
}
