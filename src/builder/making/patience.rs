//! Questions to an API that is away in the middle of a build: rows are written as soon as it is back, and what is asked in
//! between is no reason to throw the build away.

use std::thread::sleep;
use std::time::Duration;

use super::work::Work;
use crate::release::ReleaseError;

/// How often a question is put that may be answered a while later; each time it is asked for some 15 s.
const TRIES: u32 = 8;
/// The pause between two of them, for answers that came at once.
const PAUSE: Duration = Duration::from_secs(1);

/// Asks until there is an answer that will not change by asking again, or the build is to end.
pub(super) fn patiently<T, E: From<ReleaseError>>(
    work: &Work,
    ask: impl Fn() -> Result<T, ReleaseError>,
) -> Result<T, E> {
    let mut tries = 1;
    loop {
        match ask() {
            Err(error) if error.may_pass() && tries < TRIES && work.ending.reason().is_none() => {
                tracing::warn!(%error, "the build waits for openBalena's API");
                sleep(PAUSE);
                tries += 1;
            }
            answer => return Ok(answer?),
        }
    }
}
