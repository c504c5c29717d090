//! The images that are at hand, from which a delta may lead to the target.

use super::FetchError;
use crate::image::{Image, ImageId, ImageReference, Platform, Transports};
use crate::progress::Progress;
use crate::store::Store;

/// Bases that are looked at, newest first: each may cost a question to the registry.
const MAX_BASES: usize = 64;

/// An image that a delta may apply to.
#[derive(Debug)]
pub(super) struct BaseImage {
    pub(super) image: Image,
    /// Bytes over the network before all of its layers are here.
    pub(super) missing_bytes: u64,
}

impl BaseImage {
    pub(super) fn id(&self) -> ImageId {
        self.image.id()
    }

    /// Whether layers that are missing come over the network.
    pub(super) fn is_far(&self) -> bool {
        matches!(self.image.reference(), ImageReference::Registry(_))
    }
}

/// The images `named`, and those that the store has whole; none twice.
pub(super) fn bases(
    named: &[ImageReference],
    transports: &Transports,
    store: &Store,
    platform: &Platform,
    progress: &dyn Progress,
) -> Result<Vec<BaseImage>, FetchError> {
    let mut bases = Bases { found: Vec::new() };
    for reference in named {
        bases.add(open_named(reference, transports, store, platform, progress)?);
    }
    let (mut kept, troubles) = store.kept_images()?;
    troubles.iter().for_each(|trouble| tracing::warn!("{trouble}"));
    kept.sort_by_key(|image| std::cmp::Reverse(image.pulled()));
    for image in kept {
        if bases.found.len() == MAX_BASES {
            break;
        }
        if bases.lacks(image.id())
            && let Some(image) = store.open_kept(&image)?
        {
            bases.add(BaseImage { image, missing_bytes: 0 });
        }
    }
    Ok(bases.found)
}

/// The image `id`, by whatever name the store knows it, from where it came: its layers are not all here any more.
pub(super) fn lost_base(
    id: ImageId,
    transports: &Transports,
    store: &Store,
    platform: &Platform,
    progress: &dyn Progress,
) -> Result<Option<BaseImage>, FetchError> {
    let (kept, _) = store.kept_images()?;
    let Some(kept) = kept.into_iter().find(|image| image.id() == id) else { return Ok(None) };
    open_named(&kept.source(), transports, store, platform, progress)
        .map(|base| Some(base).filter(|base| base.id() == id))
}

struct Bases {
    found: Vec<BaseImage>,
}

impl Bases {
    fn lacks(&self, id: ImageId) -> bool {
        self.found.iter().all(|base| base.id() != id)
    }

    fn add(&mut self, base: BaseImage) {
        if self.lacks(base.id()) {
            self.found.push(base);
        }
    }
}

/// A base by its name: from the store if it is whole there, or else from where it is.
fn open_named(
    reference: &ImageReference,
    transports: &Transports,
    store: &Store,
    platform: &Platform,
    progress: &dyn Progress,
) -> Result<BaseImage, FetchError> {
    if let Some(kept) = store.kept_image(reference)?
        && let Some(image) = store.open_kept(&kept)?
    {
        return Ok(BaseImage { image, missing_bytes: 0 });
    }
    let image = transports.open_watched(reference, platform, progress)?;
    let mut base = BaseImage { image, missing_bytes: 0 };
    if base.is_far() {
        base.missing_bytes = missing_bytes(&base.image, store)?;
    }
    Ok(base)
}

/// Bytes of the layers' blobs that the store lacks.
fn missing_bytes(image: &Image, store: &Store) -> Result<u64, FetchError> {
    let layers = image.diff_ids()?.iter().enumerate();
    let missing = layers.filter(|(_, diff_id)| !store.has_layer(diff_id));
    Ok(missing.map(|(index, _)| image.stored_size(index)).fold(0, u64::saturating_add))
}
