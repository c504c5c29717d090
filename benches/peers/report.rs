//! The results: as a table, as JSON, as a plot.

use std::fmt;
use std::path::Path;

use serde::Serialize;

use crate::Failure;
use crate::contender::{Measured, Outcome};
use crate::pair::Pair;
use crate::plot;

/// The row that no program makes: what a device without deltas fetches.
const PLAIN_PULL: &str = "plain pull";

/// All pairs.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    /// One after another, as they were run.
    pub(crate) pairs: Vec<PairReport>,
}

/// All contenders on one pair.
#[derive(Debug, Serialize)]
pub(crate) struct PairReport {
    /// The pair's name.
    pub(crate) pair: String,
    /// One row a contender.
    pub(crate) rows: Vec<Row>,
}

/// One contender on one pair.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Row {
    /// The contender, with its options.
    pub(crate) contender: String,
    /// Bytes to fetch.
    pub(crate) bytes: Option<u64>,
    /// Median wall time to make it.
    pub(crate) seconds: Option<f64>,
    /// Processor time of that run.
    pub(crate) processor_seconds: Option<f64>,
    /// The most anonymous memory of any of its processes.
    pub(crate) peak_anonymous_bytes: Option<u64>,
    /// Median wall time to apply it.
    pub(crate) apply_seconds: Option<f64>,
    /// The most anonymous memory of any process that applied it.
    pub(crate) apply_peak_anonymous_bytes: Option<u64>,
    /// Why there are no figures.
    pub(crate) problem: Option<String>,
}

impl PairReport {
    /// A report that has only the plain pull.
    pub(crate) fn of(pair: &Pair) -> Self {
        let plain = Row { bytes: Some(pair.pull_bytes), ..Row::empty(PLAIN_PULL.to_owned()) };
        PairReport { pair: pair.name.clone(), rows: vec![plain] }
    }

    /// Adds what came of a contender.
    pub(crate) fn add(&mut self, contender: String, outcome: Outcome) {
        let row = Row::empty(contender);
        self.rows.push(match outcome {
            Outcome::Finished(Measured { bytes, making, applying }) => Row {
                bytes: Some(bytes),
                seconds: Some(making.seconds),
                processor_seconds: Some(making.processor_seconds),
                peak_anonymous_bytes: Some(making.peak_anonymous_bytes),
                apply_seconds: Some(applying.seconds),
                apply_peak_anonymous_bytes: Some(applying.peak_anonymous_bytes),
                ..row
            },
            Outcome::Missing(tool) => row.without_figures(format!("{tool} is not installed")),
            Outcome::Unfinished => row.without_figures("stopped at the time limit".to_owned()),
            Outcome::Failed(problem) => row.without_figures(problem),
        });
    }

    fn bytes_of(&self, contender: &str) -> Option<u64> {
        self.rows.iter().find(|row| row.contender == contender)?.bytes
    }
}

impl Row {
    fn empty(contender: String) -> Self {
        Row { contender, ..Row::default() }
    }

    fn without_figures(self, problem: String) -> Self {
        Row { problem: Some(problem), ..self }
    }
}

impl fmt::Display for PairReport {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            out,
            "\n{:<34} {:>12} {:>8} {:>8} {:>6} {:>8} {:>6}",
            self.pair, "bytes", "make s", "CPU s", "MiB", "apply s", "MiB"
        )?;
        for row in &self.rows {
            write!(out, "{:<34} ", row.contender)?;
            if let Some(problem) = &row.problem {
                writeln!(out, "{problem}")?;
                continue;
            }
            let [making, processor, applying] =
                [row.seconds, row.processor_seconds, row.apply_seconds].map(seconds);
            let [memory, apply_memory] =
                [row.peak_anonymous_bytes, row.apply_peak_anonymous_bytes].map(mebibytes);
            write!(out, "{:>12} {making:>8} {processor:>8} {memory:>6}", row.bytes.unwrap_or(0))?;
            writeln!(out, " {applying:>8} {apply_memory:>6}")?;
        }
        Ok(())
    }
}

fn seconds(seconds: Option<f64>) -> String {
    seconds.map_or("-".to_owned(), |seconds| format!("{seconds:.2}"))
}

fn mebibytes(bytes: Option<u64>) -> String {
    bytes.map_or("-".to_owned(), |bytes| format!("{:.0}", bytes as f64 / f64::from(1 << 20)))
}

/// How the contenders compare with the first that is not the plain pull, over all pairs.
impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(first) = self.pairs.first().and_then(|pair| pair.rows.get(1)) else {
            return Ok(());
        };
        writeln!(out, "\nbytes against {}, geometric mean", first.contender)?;
        for row in &self.pairs[0].rows {
            let ratios = self.pairs.iter().filter_map(|pair| {
                let bytes = pair.bytes_of(&row.contender)? as f64;
                Some((bytes / pair.bytes_of(&first.contender)? as f64).ln())
            });
            let logarithms: Vec<f64> = ratios.collect();
            let count = logarithms.len();
            if count > 0 {
                let mean = (logarithms.iter().sum::<f64>() / count as f64).exp();
                writeln!(out, "{:<34} {mean:>12.2} x on {count} pairs", row.contender)?;
            }
        }
        Ok(())
    }
}

impl Report {
    /// Writes `peers.json` and `peers.svg` to `folder`.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), Failure> {
        std::fs::write(folder.join("peers.json"), serde_json::to_vec_pretty(self)?)?;
        std::fs::write(folder.join("peers.svg"), plot::svg(self))?;
        Ok(())
    }
}
