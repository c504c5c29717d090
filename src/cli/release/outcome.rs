//! With what a preparation ends that did not come to its end.

use std::time::Duration;

use remora::Cause;
use remora::release::{Finalize, PrepareOptions, UpdateState};

use super::words::counted;
use crate::cli::failure::Failure;

/// What devices do where a delta can't be made: docs/openbalena.md has the versions.
const WITHOUT_DELTA: &str = "see the reasons above; devices that take v3 pull without a delta if their supervisor is 16.12.3 or newer and the \
                             image is there; others ask again and again";

/// The longest wait where none is set, as the library has it.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3600);

/// The failure that follows from what has become of all `things` (services or deltas), if there is one.
pub(super) fn failure(
    timed_out: bool,
    states: impl Iterator<Item = UpdateState>,
    options: &PrepareOptions,
    things: &str,
) -> Option<Failure> {
    let states: Vec<UpdateState> = states.collect();
    let count =
        |wanted: &[UpdateState]| states.iter().filter(|state| wanted.contains(state)).count();
    if timed_out {
        let open = count(&[UpdateState::Pending, UpdateState::Preparing]);
        let seconds = options.timeout.unwrap_or(LONGEST_WAIT).as_secs_f64();
        return Some(Failure::new(
            Cause::Timeout,
            format!("timeout: not ready after {seconds} s: {open} of {} {things}", states.len()),
            "the server goes on: run the same again to wait for the rest",
        ));
    }
    let failed = count(&[UpdateState::Failed]);
    let hint = match options.finalize {
        Finalize::WhenReady => {
            "see the reasons above; --finalize=always lets the release out all the same"
        }
        _ => WITHOUT_DELTA,
    };
    (failed > 0).then(|| {
        let deltas = counted(failed as u64, "delta", "deltas");
        let what = format!("{deltas} cannot be made, of {} {things}", states.len());
        Failure::new(Cause::Content, what, hint)
    })
}
