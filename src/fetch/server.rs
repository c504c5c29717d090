//! Asking a delta server for the delta that leads to the target.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use super::bases::BaseImage;
use super::options::DeltaServer;
use crate::api::{ApiError, ComingDelta, RefusedDelta};
use crate::image::{Image, ImageReference, RegistryReference};
use crate::progress::Progress;
use crate::quote::quoted;

/// Bases that a server is asked about: it may hold each request until the delta is made.
const MAX_ASKED: usize = 2;

/// How long nothing is said while a server is waited for.
const UNTOLD_WAIT: Duration = Duration::from_secs(10);

/// The images that `server` names for `target`, from the first bases that are of the same registry. A server that does
/// not answer is told of, and keeps nothing from going on without it. If `make`, the server makes a delta that is not there.
pub(super) fn ask(
    server: &DeltaServer,
    make: bool,
    target: &RegistryReference,
    image: &Image,
    bases: &[BaseImage],
    progress: &dyn Progress,
) -> Vec<RegistryReference> {
    let Some(wanted) = image.manifest().map(|it| exactly(target, &it.digest().to_string())) else {
        return Vec::new();
    };
    let mut named = Vec::new();
    for base in bases.iter().filter_map(|base| in_registry(base, target)).take(MAX_ASKED) {
        let asked = || names(server, make, &base, &wanted, progress);
        match told_if_long(UNTOLD_WAIT, progress, asked) {
            Ok(names) => {
                named.extend(names.iter().filter_map(|it| usable(it, target, &wanted, progress)))
            }
            Err(error) => {
                progress.note(&format!("going on without the delta server: {error}"));
                if !is_about_pair(&error) {
                    break;
                }
            }
        }
    }
    named
}

/// Whether the server may well answer otherwise if it is asked about another base.
fn is_about_pair(error: &ApiError) -> bool {
    matches!(error, ApiError::Answer { status: 404 | 422, .. })
}

/// Does the `work`, and tells of it if it takes as long as `time`: a server holds a request until a delta is made.
fn told_if_long<T>(time: Duration, progress: &dyn Progress, work: impl FnOnce() -> T) -> T {
    let (working, ended) = mpsc::channel::<()>();
    let tell = move || {
        if ended.recv_timeout(time) == Err(RecvTimeoutError::Timeout) {
            progress.note("waiting for the delta server, which may be making the delta");
        }
    };
    thread::scope(|scope| {
        // Without a thread nobody is told.
        let teller = thread::Builder::new().name("waiting".to_owned()).spawn_scoped(scope, tell);
        let done = work();
        drop((working, teller));
        done
    })
}

/// The deltas that `server` has from `base` to `wanted`, the smallest first; if it has none, tells whether one is on its
/// way. If not, and of a server that knows v3 alone, the v3 delta, which the server makes if it is not there.
fn names(
    server: &DeltaServer,
    make: bool,
    base: &str,
    wanted: &str,
    progress: &dyn Progress,
) -> Result<Vec<String>, ApiError> {
    let found = server.0.deltas(base, wanted, make)?;
    if let Some(found) = &found {
        if !found.deltas.is_empty() {
            return Ok(found.deltas.iter().map(|delta| delta.name.clone()).collect());
        }
        found.coming.iter().for_each(|delta| progress.note(&coming(delta)));
        found.refused.iter().for_each(|delta| progress.note(&refused(delta)));
    }
    let is_coming = found.is_some_and(|found| !found.coming.is_empty());
    match (is_coming, make) {
        (true, _) => Ok(Vec::new()),
        (false, true) => Ok(vec![server.0.delta(base, wanted)?]),
        (false, false) => {
            progress.note(
                "the delta server names no delta that is ready, and is not asked to make one now",
            );
            Ok(Vec::new())
        }
    }
}

/// Tells of a delta that is not there yet.
fn coming(delta: &ComingDelta) -> String {
    let how_far = match (&delta.stage, delta.percent, delta.position) {
        (Some(stage), Some(percent), _) => format!("{stage}, {percent} %"),
        (_, _, Some(before)) => format!("{before} before it"),
        _ => delta.reason.clone().unwrap_or_else(|| "not begun".to_owned()),
    };
    let format = &delta.format;
    format!(
        "the delta server is making a delta of the format {format} ({how_far}); it will be there for a later pull"
    )
}

fn refused(delta: &RefusedDelta) -> String {
    let RefusedDelta { format, reason } = delta;
    format!("the delta server has no delta of the format {format}: {reason}")
}

/// The exact name of a base in the registry of `target`.
fn in_registry(base: &BaseImage, target: &RegistryReference) -> Option<String> {
    let reference = base.image.reference().registry()?;
    let digest = base.image.manifest()?.digest().to_string();
    (reference.host() == target.host()).then(|| exactly(reference, &digest))
}

fn exactly(image: &RegistryReference, digest: &str) -> String {
    format!("{}/{}@{digest}", image.host(), image.repository())
}

/// The image that a server named, unless it is `wanted` itself, or in another registry: what is asked there would go to
/// whomever the server says. Why it is not taken is told.
fn usable(
    name: &str,
    target: &RegistryReference,
    wanted: &str,
    progress: &dyn Progress,
) -> Option<RegistryReference> {
    let why_not = match name.parse() {
        Ok(ImageReference::Registry(named)) if named.host() == target.host() => {
            if !is_itself(&named, target, wanted) {
                return Some(named);
            }
            "the image itself: no delta is worth it".to_owned()
        }
        _ => format!("{}, which is not in the image's registry", quoted(name)),
    };
    progress.note(&format!("going on without the delta server, which names {why_not}"));
    None
}

fn is_itself(named: &RegistryReference, target: &RegistryReference, wanted: &str) -> bool {
    named == target || named.digest().is_some_and(|it| exactly(named, &it.to_string()) == wanted)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::progress::Stage;

    #[derive(Default)]
    struct Notes(Mutex<Vec<String>>);

    impl Progress for Notes {
        fn expect(&self, _stage: Stage, _units: u64) {}
        fn advance(&self, _stage: Stage, _units: u64) {}

        fn note(&self, line: &str) {
            self.0.lock().expect("no panics").push(line.to_owned());
        }
    }

    #[test]
    fn a_server_that_lets_people_wait_is_told_of_and_a_quick_one_is_not() {
        let notes = Notes::default();
        assert_eq!(told_if_long(Duration::from_secs(60), &notes, || 1), 1);
        assert!(notes.0.lock().expect("no panics").is_empty());
        let told = || {
            while notes.0.lock().expect("no panics").is_empty() {
                thread::yield_now();
            }
        };
        told_if_long(Duration::from_millis(1), &notes, told);
        assert!(notes.0.lock().expect("no panics")[0].contains("waiting for the delta server"));
    }
}
