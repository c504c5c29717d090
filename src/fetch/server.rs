//! Asking a delta server for the delta that leads to the target.

use super::bases::BaseImage;
use super::options::DeltaServer;
use crate::api::{ApiError, ComingDelta, RefusedDelta};
use crate::image::{Image, ImageReference, RegistryReference};
use crate::progress::Progress;

/// Bases that a server is asked about: it may hold each request until the delta is made.
const MAX_ASKED: usize = 2;

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
        match names(server, make, &base, &wanted, progress) {
            Ok(names) => named.extend(names.iter().filter_map(|it| of_same_registry(it, target))),
            Err(error) => {
                progress.note(&format!("going on without the delta server: {error}"));
                break;
            }
        }
    }
    named
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
    match make && !is_coming {
        true => Ok(server.0.delta(base, wanted)?.into_iter().collect()),
        false => Ok(Vec::new()),
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

/// The image that a server named, unless it is in another registry: what is asked there would go to whomever the
/// server says.
fn of_same_registry(name: &str, target: &RegistryReference) -> Option<RegistryReference> {
    match name.parse() {
        Ok(ImageReference::Registry(named)) if named.host() == target.host() => Some(named),
        _ => None,
    }
}
