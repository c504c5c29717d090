//! Two releases side by side: what becomes of each service.

use super::model::{Release, ServiceImage};
use crate::image::Digest;

/// A service of the target release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    /// The image of the same service in the source release; `None` for a new service.
    pub(super) source: Option<ServiceImage>,
    pub(super) target: ServiceImage,
}

/// What becomes of all services, by name.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Changes {
    pub(super) changes: Vec<Change>,
    /// Images of services that the target release lacks: devices remove them.
    pub(super) removed: Vec<ServiceImage>,
}

impl Changes {
    /// Pairs the images by their services' names, as devices do.
    pub(super) fn between(source: &Release, target: &Release) -> Self {
        let of = |images: &[ServiceImage], service: &str| {
            images.iter().find(|image| image.service == service).cloned()
        };
        let changes = target.images.iter().map(|image| Change {
            source: of(&source.images, &image.service),
            target: image.clone(),
        });
        let removed = source.images.iter();
        let removed = removed.filter(|image| of(&target.images, &image.service).is_none());
        Changes { changes: changes.collect(), removed: removed.cloned().collect() }
    }
}

impl Change {
    /// Whether devices have the target already: the same image, or one with the same digest.
    pub(super) fn is_none(&self) -> bool {
        let Some(source) = &self.source else { return false };
        let same_digest = source.digest().is_some() && source.digest() == self.target.digest();
        source.id == self.target.id || same_digest
    }

    /// Both images of a change that a delta can serve.
    pub(super) fn pair(&self) -> Option<(&ServiceImage, &ServiceImage)> {
        let source = self.source.as_ref()?;
        (!self.is_none()).then_some((source, &self.target))
    }
}

impl ServiceImage {
    /// The manifest's digest, as far as API or registry know it.
    pub(super) fn digest(&self) -> Option<Digest> {
        self.content_hash.or(self.found)
    }

    /// The image as the delta server and the registry are asked for it: by its digest, so that a moved tag
    /// cannot change what is compared.
    pub(super) fn reference(&self) -> String {
        match self.digest() {
            Some(digest) => format!("{}@{digest}", self.location),
            None => format!("{}:latest", self.location),
        }
    }

    /// The registry, and the repository in it.
    pub(super) fn place(&self) -> (&str, &str) {
        self.location.split_once('/').unwrap_or((&self.location, ""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(id: u64, service: &str, content: Option<&[u8]>) -> ServiceImage {
        ServiceImage {
            id,
            service: service.to_owned(),
            location: format!("r.test/v2/{id}"),
            content_hash: content.map(Digest::of),
            found: None,
            image_size: 0,
        }
    }

    fn release(images: Vec<ServiceImage>) -> Release {
        Release {
            id: 1,
            commit: "aaab".into(),
            version: None,
            status: "success".into(),
            is_final: true,
            is_invalidated: false,
            fleet: 1,
            images,
        }
    }

    #[test]
    fn services_are_paired_by_name_and_only_digests_tell_whether_they_changed() {
        let source = release(vec![
            image(1, "changed", Some(b"1")),
            image(2, "gone", Some(b"2")),
            image(3, "rebuilt", Some(b"3")),
            image(4, "same-row", None),
            image(5, "unknown", None),
            image(6, "Case", Some(b"6")),
        ]);
        let target = release(vec![
            image(11, "changed", Some(b"x")),
            image(13, "rebuilt", Some(b"3")),
            image(4, "same-row", None),
            image(15, "unknown", None),
            image(16, "case", Some(b"6")),
        ]);
        let Changes { changes, removed } = Changes::between(&source, &target);
        let told = |change: &Change| {
            (change.target.service.clone(), change.source.is_some(), change.is_none())
        };
        let told: Vec<_> = changes.iter().map(told).collect();
        let expected = [
            ("changed", true, false),
            ("rebuilt", true, true),
            ("same-row", true, true),
            ("unknown", true, false),
            ("case", false, false),
        ];
        assert_eq!(told, expected.map(|(name, old, same)| (name.to_owned(), old, same)));
        let removed: Vec<&str> = removed.iter().map(|image| &*image.service).collect();
        assert_eq!(removed, ["gone", "Case"]);
    }
}
