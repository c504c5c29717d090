//! Asking a delta server for the delta that leads to the target.

use super::bases::BaseImage;
use super::options::DeltaServer;
use crate::api::ApiError;
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
        match names(server, make, &base, &wanted) {
            Ok(names) => named.extend(names.iter().filter_map(|it| of_same_registry(it, target))),
            Err(error) => {
                progress.note(&format!("going on without the delta server: {error}"));
                break;
            }
        }
    }
    named
}

/// The deltas that `server` has from `base` to `wanted`, the smallest first; of a server that knows v3 alone, that one,
/// which such a server makes if it is not there.
fn names(
    server: &DeltaServer,
    make: bool,
    base: &str,
    wanted: &str,
) -> Result<Vec<String>, ApiError> {
    match server.0.deltas(base, wanted, make)? {
        Some(found) if !found.deltas.is_empty() => {
            Ok(found.deltas.into_iter().map(|delta| delta.name).collect())
        }
        _ if !make => Ok(Vec::new()),
        _ => Ok(server.0.delta(base, wanted)?.into_iter().collect()),
    }
}

/// The exact name of a base in the registry of `target`.
fn in_registry(base: &BaseImage, target: &RegistryReference) -> Option<String> {
    let ImageReference::Registry(reference) = base.image.reference() else { return None };
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
