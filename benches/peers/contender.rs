//! What every contender does, and how it is measured.

use std::path::Path;
use std::time::Duration;

use crate::Failure;
use crate::pair::Pair;
use crate::process::{Stopped, Usage};

/// Something that makes deltas.
pub(crate) trait Contender {
    /// Its name, with the options that matter.
    fn name(&self) -> String;
    /// The program it needs and that is not installed.
    fn missing(&self) -> Option<String>;
    /// Makes what is not to be measured: caches, unpacked folders.
    fn prepare(&self, _pair: &Pair, _work: &Path) -> Result<(), Failure> {
        Ok(())
    }
    /// Makes the delta in `work`; measured. Programs still running after `limit` are stopped.
    fn encode(&self, pair: &Pair, work: &Path, limit: Duration) -> Result<Made, Failure>;
    /// Makes the target again from the base and what is in `work`; measured. Fails if something else comes out.
    fn apply(&self, pair: &Pair, work: &Path, limit: Duration) -> Result<Usage, Failure>;
}

/// A delta that was made.
pub(crate) struct Made {
    /// Bytes that a device would fetch.
    pub(crate) bytes: u64,
    /// What it took.
    pub(crate) usage: Usage,
}

/// A delta that was made and applied.
pub(crate) struct Measured {
    /// Bytes that a device would fetch.
    pub(crate) bytes: u64,
    /// What making it took: the median run, and the most memory of any.
    pub(crate) making: Usage,
    /// What applying it took, likewise.
    pub(crate) applying: Usage,
}

/// What came of a contender.
pub(crate) enum Outcome {
    /// It finished.
    Finished(Measured),
    /// Its program is not there.
    Missing(String),
    /// It was stopped at the time limit.
    Unfinished,
    /// It failed or its result was wrong.
    Failed(String),
}

/// Runs a contender `rounds` times, and undoes its last result as often.
pub(crate) fn run(
    contender: &dyn Contender,
    pair: &Pair,
    work: &Path,
    rounds: usize,
    limit: Duration,
) -> Outcome {
    match try_run(contender, pair, work, rounds, limit) {
        Ok(measured) => Outcome::Finished(measured),
        Err(failure) if failure.is::<Stopped>() => Outcome::Unfinished,
        Err(failure) => Outcome::Failed(failure.to_string()),
    }
}

fn try_run(
    contender: &dyn Contender,
    pair: &Pair,
    work: &Path,
    rounds: usize,
    limit: Duration,
) -> Result<Measured, Failure> {
    contender.prepare(pair, work)?;
    let rounds = rounds.max(1);
    let (mut making, mut applying, mut bytes) = (Vec::new(), Vec::new(), 0);
    for _ in 0..rounds {
        let made = contender.encode(pair, work, limit)?;
        bytes = made.bytes;
        making.push(made.usage);
    }
    for _ in 0..rounds {
        applying.push(contender.apply(pair, work, limit)?);
    }
    Ok(Measured { bytes, making: median(making), applying: median(applying) })
}

/// The run in the middle by time, with the most memory of any.
fn median(mut runs: Vec<Usage>) -> Usage {
    let peak_anonymous_bytes = runs.iter().map(|run| run.peak_anonymous_bytes).max().unwrap_or(0);
    runs.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
    Usage { peak_anonymous_bytes, ..runs[runs.len() / 2] }
}
