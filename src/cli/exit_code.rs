//! Exit codes: what a script learns without reading what was said.

use remora::ErrorKind;

/// The shell's convention for "ended by signal": 128 and the signal's number.
const SIGNAL: i32 = 128;

/// The exit code for a failure of this kind (`docs/cli.md`, "Exit codes").
pub(super) fn of(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Internal => 1,
        ErrorKind::Usage => 2,
        ErrorKind::Environment => 3,
        ErrorKind::Content => 4,
        // SIGINT's, as for a command that was interrupted.
        ErrorKind::Cancelled => 130,
    }
}

/// Ends the process as one that `signal` ended. Threads that still work end with it.
pub(super) fn end_by_signal(signal: i32) -> ! {
    std::process::exit(SIGNAL + signal)
}
