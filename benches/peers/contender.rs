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
    /// Fails unless what is in `work` gives the target.
    fn verify(&self, pair: &Pair, work: &Path) -> Result<(), Failure>;
}

/// A delta that was made.
pub(crate) struct Made {
    /// Bytes that a device would fetch.
    pub(crate) bytes: u64,
    /// What it took.
    pub(crate) usage: Usage,
}

/// What came of a contender.
pub(crate) enum Outcome {
    /// It finished: bytes, median time, highest memory.
    Finished(Made),
    /// Its program is not there.
    Missing(String),
    /// It was stopped at the time limit.
    Unfinished,
    /// It failed or its result was wrong.
    Failed(String),
}

/// Runs a contender `rounds` times and verifies its last result.
pub(crate) fn run(
    contender: &dyn Contender,
    pair: &Pair,
    work: &Path,
    rounds: usize,
    limit: Duration,
) -> Outcome {
    match try_run(contender, pair, work, rounds, limit) {
        Ok(made) => Outcome::Finished(made),
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
) -> Result<Made, Failure> {
    contender.prepare(pair, work)?;
    let mut made = Vec::new();
    for _ in 0..rounds.max(1) {
        made.push(contender.encode(pair, work, limit)?);
    }
    contender.verify(pair, work)?;
    Ok(median(made))
}

fn median(mut made: Vec<Made>) -> Made {
    let peak = made.iter().map(|made| made.usage.peak_anonymous_bytes).max().unwrap_or(0);
    made.sort_by(|a, b| a.usage.seconds.total_cmp(&b.usage.seconds));
    let mut middle = made.swap_remove(made.len() / 2);
    middle.usage.peak_anonymous_bytes = peak;
    middle
}
