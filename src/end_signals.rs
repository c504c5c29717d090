//! The signals that ask a process to end: Ctrl-C, `kill`, a terminal that goes away, Ctrl-\.

use std::future::poll_fn;
use std::io;
use std::task::Poll;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that ask a process to end, taken over from the system.
#[derive(Debug)]
pub struct EndSignals(Vec<(SignalKind, Signal)>);

impl EndSignals {
    /// Takes SIGINT, SIGTERM, SIGHUP and SIGQUIT over for the rest of the process. A signal that was
    /// ignored when the process started stays ignored: `nohup` and a shell's background jobs say so.
    /// SIGXFSZ ends the process no more: a write beyond the limit on file sizes fails instead, and is told and tidied up like
    /// any other. Must be called inside a Tokio runtime.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn listen() -> io::Result<Self> {
        let ignored = ignored_signals();
        let all = [
            SignalKind::interrupt(),
            SignalKind::terminate(),
            SignalKind::hangup(),
            SignalKind::quit(),
        ];
        let wanted = all.into_iter().filter(|kind| !is_in(ignored, kind.as_raw_value()));
        // What is taken over once stays so.
        drop(signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))?);
        let listened = wanted.map(|kind| Ok((kind, signal(kind)?)));
        Ok(EndSignals(listened.collect::<io::Result<_>>()?))
    }

    /// The number of the next signal that comes.
    pub async fn next(&mut self) -> i32 {
        poll_fn(|context| {
            for (kind, signal) in &mut self.0 {
                if signal.poll_recv(context).is_ready() {
                    return Poll::Ready(kind.as_raw_value());
                }
            }
            Poll::Pending
        })
        .await
    }
}

/// The set of ignored signals as proc(5) gives it, bit 0 for signal 1; empty if it can't be read.
fn ignored_signals() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    ignored_in(&status).unwrap_or(0)
}

fn ignored_in(status: &str) -> Option<u64> {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
    u64::from_str_radix(mask.trim(), 16).ok()
}

fn is_in(mask: u64, signal: i32) -> bool {
    u32::try_from(signal - 1).is_ok_and(|bit| mask >> bit & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_read_from_the_status() {
        let status = "Name:\tx\nSigBlk:\t0000000000000002\nSigIgn:\t0000000000001001\n";
        let mask = ignored_in(status).expect("there");
        assert!(is_in(mask, 1) && is_in(mask, 13) && !is_in(mask, 2));
        assert_eq!(ignored_in("Name:\tx\n"), None);
    }
}
