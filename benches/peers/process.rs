//! Running programs: their time, and the most anonymous memory they held.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Failure;

/// How often memory and the time limit are looked at.
const SAMPLE_INTERVAL: Duration = Duration::from_millis(5);

/// What running programs took.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usage {
    /// Wall time in seconds, of all programs one after another.
    pub(crate) seconds: f64,
    /// The highest `RssAnon` of any of them in bytes, sampled.
    pub(crate) peak_anonymous_bytes: u64,
}

impl std::ops::AddAssign for Usage {
    fn add_assign(&mut self, other: Usage) {
        self.seconds += other.seconds;
        self.peak_anonymous_bytes = self.peak_anonymous_bytes.max(other.peak_anonymous_bytes);
    }
}

/// A program was stopped because its time was over.
#[derive(Debug, thiserror::Error)]
#[error("stopped at the time limit")]
pub(crate) struct Stopped;

/// Runs `command` to its end, at most for `limit`. Its stdout is dropped unless it was set.
pub(crate) fn run(command: &mut Command, limit: Duration) -> Result<Usage, Failure> {
    let start = Instant::now();
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
    let usage = Usage { seconds: start.elapsed().as_secs_f64(), peak_anonymous_bytes: peak };
    if !status.success() {
        let errors = std::io::read_to_string(child.stderr.take().expect("piped"))?;
        return Err(format!("{:?}: {status}: {}", command.get_program(), errors.trim()).into());
    }
    Ok(usage)
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
