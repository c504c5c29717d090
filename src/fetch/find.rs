//! Finding the deltas that lead from a base at hand to the target: among what refers to the target, behind the
//! tags that deltas of these bases have, and at a delta server.

use super::FetchError;
use super::bases::BaseImage;
use super::candidates::{Candidates, MAX_OPENED, Questions};
use super::options::PullOptions;
use super::patience::{Deadline, PATIENCE};
use super::request::Request;
#[cfg(feature = "api")]
use super::server;
use super::tried::Tried;
use crate::Cause;
use crate::apply::{ApplyError, LayerDeltas};
use crate::dialect::Dialect;
use crate::image::{Image, ImageId, ImageReference, Platform, RegistryReference, Transports};
use crate::progress::Progress;
use crate::store::in_threads;

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
    let questions = Questions { target, bases, transports, progress };
    let search = Search { target, image: image.id(), platform, bases, transports, progress };
    if bases.is_empty() {
        return Ok(Vec::new());
    }
    let mut found = search.open_all(questions.referrers(image)?, tried)?;
    if found.is_empty() {
        found = search.open_all(questions.tags(image)?, tried)?;
    }
    // No server has smaller ones than Remora's own, and it may hold the question until it has made one.
    if found.iter().all(|found| found.delta.dialect() != Dialect::Remora) {
        let named = named_by_server(target, image, bases, options, progress);
        found.extend(search.open_all(Candidates::all(named), tried)?);
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

/// What came of a look at a candidate.
enum Look {
    /// It is a delta from a base at hand to the target.
    Fits(Box<FoundDelta>),
    /// It is anything else.
    PassedOver,
    /// Nobody can tell: it did not come.
    Failed,
}

struct Search<'a> {
    target: &'a RegistryReference,
    image: ImageId,
    platform: Platform,
    bases: &'a [BaseImage],
    transports: &'a Transports,
    progress: &'a dyn Progress,
}

impl Search<'_> {
    /// Opens the candidates, a few at a time, and returns the deltas among them that fit and were not `tried`.
    fn open_all(
        &self,
        candidates: Candidates,
        tried: &mut Tried,
    ) -> Result<Vec<FoundDelta>, FetchError> {
        let Candidates { mut names, mut left_out } = candidates;
        names.retain(|name| !tried.unseen.contains(name));
        left_out += names.len().saturating_sub(MAX_OPENED);
        names.truncate(MAX_OPENED);
        let deadline = Deadline::after(PATIENCE, self.progress);
        let looks = in_threads(&names, |name| self.open(name, &deadline))?;
        let mut found = Vec::new();
        for (look, name) in looks.into_iter().zip(names) {
            match look {
                Look::Fits(delta) if !tried.has(&delta.delta) => found.push(*delta),
                Look::Fits(_) | Look::PassedOver => {}
                Look::Failed => {
                    left_out += 1;
                    tried.unseen.push(name);
                }
            }
        }
        if found.is_empty() && left_out > 0 {
            self.tell_left_out(left_out);
        }
        Ok(found)
    }

    fn tell_left_out(&self, count: usize) {
        let (target, s) = (self.target, if count == 1 { "" } else { "s" });
        self.progress.note(&format!(
            "{count} candidate{s} beside {target} could not be looked at; a delta that is known is pulled by its own name"
        ));
    }

    /// Opens what may be a delta. What is none, is another's or has gone is passed over.
    fn open(
        &self,
        reference: &RegistryReference,
        deadline: &Deadline<'_>,
    ) -> Result<Look, FetchError> {
        let place = ImageReference::Registry(reference.clone());
        let opened = self.transports.open_any(&place, &self.platform, deadline);
        let read = |opened| LayerDeltas::of(opened, deadline);
        let delta = match opened.map_err(ApplyError::from).and_then(read) {
            Ok(delta) => delta,
            Err(_) if deadline.is_over() => return Ok(Look::Failed),
            Err(error) if error.cause() == Cause::Cancelled => return Err(error.into()),
            Err(error) => {
                tracing::info!("{reference} is passed over: {error}");
                return Ok(match error.cause() {
                    Cause::Unreachable => Look::Failed,
                    _ => Look::PassedOver,
                });
            }
        };
        let base = self.bases.iter().position(|base| base.id() == delta.base());
        Ok(match base.filter(|_| delta.target().id() == self.image) {
            Some(base) => Look::Fits(Box::new(FoundDelta { delta, base })),
            None => Look::PassedOver,
        })
    }
}
