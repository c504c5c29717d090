//! How it stands with a service's update, from what the delta server and the registry say. Pure.

use super::document::{
    DeltaSummary, ImageSummary, PayloadSource, ServiceUpdate, TargetImage, UpdateState,
};
use super::model::ServiceImage;
use super::services::Change;
use crate::Dialect;
use crate::api::{PairState, PairStatus};

/// What is known of a change.
pub(super) struct Known<'a> {
    pub(super) change: &'a Change,
    /// The delta server's word; `None` where no delta is needed.
    pub(super) delta: Option<&'a PairStatus>,
    /// Whether the delta was asked for just now: a queued one is then as good as begun.
    pub(super) asked: bool,
    pub(super) pull_size: Option<u64>,
}

impl Known<'_> {
    /// The service's update.
    pub(super) fn update(&self) -> ServiceUpdate {
        let Change { source, target } = self.change;
        let unchanged = self.change.is_none();
        let delta = self.delta.and_then(|status| delta(status, target));
        let (payload_size, payload_source) = match (&delta, self.pull_size) {
            _ if unchanged => (0, PayloadSource::Unchanged),
            (Some(delta), _) => (delta.size, PayloadSource::Delta),
            (None, Some(bytes)) => (bytes, PayloadSource::Pull),
            (None, None) => (target.image_size, PayloadSource::ImageSize),
        };
        ServiceUpdate {
            service_name: target.service.clone(),
            status: self.delta.map_or(UpdateState::Ready, |status| state(status, self.asked)),
            source: source.as_ref().map(ServiceImage::summary),
            target: TargetImage { image: target.summary(), delta },
            unchanged,
            reason: self.delta.and_then(|status| status.reason.clone()),
            position: self.delta.and_then(|status| status.position),
            stage: self.delta.and_then(|status| status.stage.clone()),
            percent: self.delta.and_then(|status| status.percent),
            pull_size: if unchanged { Some(0) } else { self.pull_size },
            payload_size,
            payload_source,
        }
    }
}

/// A delta's state as scripts for balenaCloud know it, where a queued delta is in preparation.
pub(super) fn state(status: &PairStatus, asked: bool) -> UpdateState {
    match status.status {
        PairState::Ready => UpdateState::Ready,
        PairState::Failed => UpdateState::Failed,
        PairState::Preparing => UpdateState::Preparing,
        PairState::Pending if asked => UpdateState::Preparing,
        PairState::Pending | PairState::Unknown => UpdateState::Pending,
    }
}

/// The delta that is ready, unless the server found that pulling the image costs hardly more.
pub(super) fn delta(status: &PairStatus, target: &ServiceImage) -> Option<DeltaSummary> {
    let size = status.size.filter(|_| status.status == PairState::Ready)?;
    if status.format == Dialect::V2.name() {
        return Some(DeltaSummary { version: 2, location: None, size });
    }
    let location = status.name.clone().filter(|name| *name != target.reference())?;
    Some(DeltaSummary { version: 3, location: Some(location), size })
}

impl ServiceImage {
    /// The image as documents have it.
    pub(super) fn summary(&self) -> ImageSummary {
        ImageSummary {
            id: self.id,
            location: self.location.clone(),
            content_hash: self.content_hash.map(|digest| digest.to_string()),
            digest: self.digest().map(|digest| digest.to_string()),
            image_size: self.image_size,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Digest;

    fn image(id: u64) -> ServiceImage {
        ServiceImage {
            id,
            service: "web".into(),
            location: format!("r.test/v2/{id}"),
            content_hash: Some(Digest::of(&[id as u8])),
            found: None,
            image_size: 1000,
        }
    }

    fn status(status: PairState, name: Option<&str>, size: Option<u64>) -> PairStatus {
        let name = name.map(str::to_owned);
        PairStatus { status, name, size, format: "v3".into(), ..PairStatus::default() }
    }

    fn update(
        change: &Change,
        delta: Option<&PairStatus>,
        pull_size: Option<u64>,
    ) -> ServiceUpdate {
        Known { change, delta, asked: false, pull_size }.update()
    }

    #[test]
    fn a_service_costs_its_delta_or_else_a_pull_or_else_its_size() {
        let changed = Change { source: Some(image(1)), target: image(2) };
        let ready = status(PairState::Ready, Some("r.test/v2/2:delta-1"), Some(10));
        let told = |update: &ServiceUpdate| (update.payload_size, update.payload_source);
        assert_eq!(told(&update(&changed, Some(&ready), Some(300))), (10, PayloadSource::Delta));
        let queued = status(PairState::Pending, None, None);
        assert_eq!(told(&update(&changed, Some(&queued), Some(300))), (300, PayloadSource::Pull));
        assert_eq!(told(&update(&changed, Some(&queued), None)), (1000, PayloadSource::ImageSize));
        let same = Change { source: Some(image(2)), target: image(2) };
        let unchanged = update(&same, None, None);
        assert_eq!(told(&unchanged), (0, PayloadSource::Unchanged));
        assert_eq!((unchanged.status, unchanged.pull_size), (UpdateState::Ready, Some(0)));
        let new = Change { source: None, target: image(2) };
        assert_eq!(update(&new, None, Some(300)).status, UpdateState::Ready);
        assert_eq!(told(&update(&new, None, Some(300))), (300, PayloadSource::Pull));
    }

    #[test]
    fn a_delta_that_is_not_worth_it_is_none() {
        let changed = Change { source: Some(image(1)), target: image(2) };
        let not_worth = PairStatus {
            reason: Some("not worth it".into()),
            ..status(PairState::Ready, None, Some(290))
        };
        let update = update(&changed, Some(&not_worth), Some(300));
        assert_eq!((update.status, update.target.delta.is_none()), (UpdateState::Ready, true));
        assert_eq!((update.payload_size, update.reason.as_deref()), (300, Some("not worth it")));
    }

    #[test]
    fn a_queued_delta_is_in_preparation_once_it_was_asked_for() {
        let queued = status(PairState::Pending, None, None);
        assert_eq!(state(&queued, false), UpdateState::Pending);
        assert_eq!(state(&queued, true), UpdateState::Preparing);
        assert_eq!(state(&PairStatus::default(), true), UpdateState::Pending);
        assert!(UpdateState::Failed < UpdateState::Pending);
        assert!(UpdateState::Preparing < UpdateState::Ready);
    }
}
