//! Finding the deltas that lead from a base at hand to the target: among what refers to the target, behind the
//! tags that deltas of these bases have, and at a delta server.

use super::FetchError;
use super::bases::BaseImage;
use super::options::PullOptions;
use super::request::Request;
#[cfg(feature = "api")]
use super::server;
use super::tried::Tried;
use crate::apply::{Candidates, LayerDeltas, Look, Questions, look_at};
use crate::dialect::Dialect;
use crate::image::{Image, ImageId, Platform, RegistryReference};
use crate::progress::Progress;

/// A delta, and the base that it applies to.
#[derive(Debug)]
pub(super) struct FoundDelta {
    pub(super) delta: LayerDeltas,
    /// Number of the base.
    pub(super) base: usize,
}

/// The deltas in the repository of `target` that make `image` from one of `bases`, without those that were `tried`. A
/// registry that does not answer these questions is told of, and keeps nobody from the image: it may come without.
pub(super) fn find(
    target: &RegistryReference,
    image: &Image,
    bases: &[BaseImage],
    request: &Request<'_>,
    tried: &mut Tried,
) -> Result<Vec<FoundDelta>, FetchError> {
    let Request { options, transports, progress, .. } = *request;
    let platform = image.platform().unwrap_or_else(Platform::host);
    if bases.is_empty() {
        return Ok(Vec::new());
    }
    let images: Vec<&Image> = bases.iter().map(|base| &base.image).collect();
    let questions = Questions { target, bases: Some(&images), transports, progress };
    let search = Search { image: image.id(), platform, bases, questions };
    let mut found = search.open_all(search.questions.referrers(image)?, tried, |_| {})?;
    if found.is_empty() {
        found = search.open_all(search.questions.tags(image)?, tried, |_| {})?;
    }
    // No server has smaller ones than Remora's own, and it may hold the question until it has made one.
    if found.iter().all(|found| found.delta.dialect() != Dialect::Remora) {
        let named = named_by_server(target, image, bases, options, progress);
        let tell = |name: &RegistryReference| {
            progress.note(&format!(
                "going on without the delta server, which names {name}: that is no delta to the image from one that is here"
            ));
        };
        found.extend(search.open_all(Candidates::all(named), tried, tell)?);
    }
    Ok(found)
}

#[cfg(feature = "api")]
fn named_by_server(
    target: &RegistryReference,
    image: &Image,
    bases: &[BaseImage],
    options: &PullOptions,
    progress: &dyn Progress,
) -> Vec<RegistryReference> {
    let asked = options.delta_server.as_ref();
    let ask = |server| server::ask(server, options.make_delta, target, image, bases, progress);
    asked.map(ask).unwrap_or_default()
}

#[cfg(not(feature = "api"))]
fn named_by_server(
    _target: &RegistryReference,
    _image: &Image,
    _bases: &[BaseImage],
    _options: &PullOptions,
    _progress: &dyn Progress,
) -> Vec<RegistryReference> {
    Vec::new()
}

struct Search<'a> {
    image: ImageId,
    platform: Platform,
    bases: &'a [BaseImage],
    questions: Questions<'a>,
}

impl Search<'_> {
    /// Opens the candidates and returns the deltas among them that fit and were not `tried`. Those that are anything else are
    /// `passed_over`.
    fn open_all(
        &self,
        mut candidates: Candidates,
        tried: &mut Tried,
        mut passed_over: impl FnMut(&RegistryReference),
    ) -> Result<Vec<FoundDelta>, FetchError> {
        candidates.names.retain(|name| !tried.unseen.contains(name));
        candidates.limit(self.questions.most());
        let Candidates { names, mut left_out, .. } = candidates;
        let Questions { transports, progress, .. } = self.questions;
        let looks = look_at(&names, transports, &self.platform, progress)?;
        let mut found = Vec::new();
        for (look, name) in looks.into_iter().zip(names) {
            match look {
                Look::Delta(delta) if tried.has(&delta) => {}
                Look::Delta(delta) => match self.fitting(*delta) {
                    Some(delta) => found.push(delta),
                    None => passed_over(&name),
                },
                Look::PassedOver => passed_over(&name),
                Look::Failed => {
                    left_out += 1;
                    tried.unseen.push(name);
                }
            }
        }
        if found.is_empty() && left_out > 0 {
            self.questions.tell_left_out(left_out);
        }
        Ok(found)
    }

    /// The delta with its base, if it leads from one of these to the image.
    fn fitting(&self, delta: LayerDeltas) -> Option<FoundDelta> {
        let base = self.bases.iter().position(|base| base.id() == delta.base())?;
        (delta.target().id() == self.image).then_some(FoundDelta { delta, base })
    }
}
