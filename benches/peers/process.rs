//! Running programs: their time, and the most anonymous memory they held.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Failure;

/// How often memory and the time limit are looked at.
const SAMPLE_INTERVAL: Duration = Duration::from_millis(5);

/// `cutime` in /proc/self/stat, counted from the field after the name.
const CHILDREN_TIME_FIELD: usize = 13;
/// The unit of times there: the kernel tells every program this (`USER_HZ`).
const TICKS_A_SECOND: f64 = 100.0;

/// What running programs took.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usage {
    /// Wall time in seconds, of all programs one after another.
    pub(crate) seconds: f64,
    /// Processor time in seconds, user and system, of all threads and programs.
    pub(crate) processor_seconds: f64,
    /// The highest `RssAnon` of any of them in bytes, sampled.
    pub(crate) peak_anonymous_bytes: u64,
}

impl std::ops::AddAssign for Usage {
    fn add_assign(&mut self, other: Usage) {
        self.seconds += other.seconds;
        self.processor_seconds += other.processor_seconds;
        self.peak_anonymous_bytes = self.peak_anonymous_bytes.max(other.peak_anonymous_bytes);
    }
}

/// A program was stopped because its time was over.
#[derive(Debug, thiserror::Error)]
#[error("stopped at the time limit")]
pub(crate) struct Stopped;

/// Runs `command` to its end, at most for `limit`. Its stdout is this program's unless it was set.
pub(crate) fn run(command: &mut Command, limit: Duration) -> Result<Usage, Failure> {
    let (start, before) = (Instant::now(), processor_seconds_of_ended());
    let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    let mut peak = 0;
    let status = loop {
        peak = peak.max(anonymous_bytes(&child));
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if start.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            return Err(Stopped.into());
        }
        std::thread::sleep(SAMPLE_INTERVAL);
    };
    let usage = Usage {
        seconds: start.elapsed().as_secs_f64(),
        processor_seconds: processor_seconds_of_ended() - before,
        peak_anonymous_bytes: peak,
    };
    if !status.success() {
        let errors = std::io::read_to_string(child.stderr.take().expect("piped"))?;
        return Err(format!("{:?}: {status}: {}", command.get_program(), errors.trim()).into());
    }
    Ok(usage)
}

/// Processor time of all programs that this process has waited for (`cutime` and `cstime` of proc(5)).
fn processor_seconds_of_ended() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name, in parentheses, may have spaces.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks =
        fields.skip(CHILDREN_TIME_FIELD).take(2).filter_map(|field| field.parse::<f64>().ok());
    ticks.sum::<f64>() / TICKS_A_SECOND
}

/// `RssAnon` of a running program; 0 once it has ended.
fn anonymous_bytes(child: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id()));
    let kilobytes = status.ok().and_then(|status| {
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
        line.trim().strip_suffix(" kB")?.parse::<u64>().ok()
    });
    kilobytes.unwrap_or(0) * 1024
}

/// The first of `tools` that is not in the path.
pub(crate) fn missing(tools: &[&str]) -> Option<String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = |tool: &str| std::env::split_paths(&path).any(|folder| folder.join(tool).exists());
    tools.iter().find(|tool| !found(tool)).map(|tool| (*tool).to_owned())
}
