//! Asking a delta server for the delta that leads to the target.

use super::bases::BaseImage;
use super::options::DeltaServer;
use crate::image::{Image, ImageReference, RegistryReference};
use crate::progress::Progress;

/// Bases that a server is asked about: it may hold each request until the delta is made.
const MAX_ASKED: usize = 2;

/// The images that `server` names for `target`, from the first bases that are of the same registry. A server that does
/// not answer is told of, and keeps nothing from going on without it.
pub(super) fn ask(
    server: &DeltaServer,
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
        match server.0.delta(&base, &wanted) {
            Ok(Some(name)) => named.extend(of_same_registry(&name, target)),
            Ok(None) => {}
            Err(error) => {
                progress.note(&format!("going on without the delta server: {error}"));
                break;
            }
        }
    }
    named
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
