//! What every command that makes an image's files is told: the image, the folder, whose the files are.

use std::path::{Path, PathBuf};

use clap::Args;
use remora::image::{Image, ImageReference, Transports};
use remora::store::Store;
use remora::trust::{Policy, Subject, TrustError};
use remora::unpack::UnpackOptions;

use super::access::{self, AccessArguments};
use super::failure::Failure;
use super::image_name;
use super::owner_arguments::OwnerArguments;
use super::session::Session;
use super::trust_arguments::TrustArguments;

/// An image and where its files go.
#[derive(Debug, Args)]
pub(super) struct UnpackArguments {
    /// The image; one that was pulled is taken from the store
    #[arg(value_parser = image_name::input)]
    image: ImageReference,
    /// The folder, empty or not there yet
    dir: PathBuf,
    #[command(flatten)]
    owners: OwnerArguments,
    #[command(flatten)]
    trust: TrustArguments,
    #[command(flatten)]
    access: AccessArguments,
}

/// What is to be unpacked.
pub(super) struct Unpacking {
    pub(super) image: Image,
    pub(super) store: Store,
    pub(super) options: UnpackOptions,
}

impl UnpackArguments {
    /// Has this process become root in a user namespace if an ordinary user is to set owners.
    pub(super) fn enter_namespace(&mut self) {
        self.owners.enter_namespace();
    }

    /// Returns the folder.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Opens the image and the store.
    pub(super) fn open(&self, session: &Session) -> Result<Unpacking, Failure> {
        let options = self.owners.options(session)?;
        self.access.refuse_in_store(&self.dir)?;
        let store = self.access.store()?;
        let policy = self.trust.policy()?;
        let transports = self.access.transports(&[&self.image])?;
        let accepts = |image: &Image| match &policy {
            Some(policy) => self.verify(policy, image, &transports, session),
            None => Ok(()),
        };
        // A signature may be that of an index, which only the registry knows: the image is looked for there then.
        let kept = self.kept(&store)?.filter(|image| accepts(image).is_ok());
        let image = match kept {
            Some(image) => image,
            None => {
                let image = self.access.open(&transports, &self.image)?;
                accepts(&image)?;
                image
            }
        };
        access::refuse_delta(&image)?;
        Ok(Unpacking { image, store, options })
    }

    /// Refuses an image that the policy does not accept.
    fn verify(
        &self,
        policy: &Policy,
        image: &Image,
        transports: &Transports,
        session: &Session,
    ) -> Result<(), TrustError> {
        let manifest = image.manifest().map_or(image.id().0, |manifest| manifest.digest());
        let named = image.named_digest().unwrap_or(manifest);
        let subject = Subject { named, manifest };
        policy.verify(transports, &self.image, subject, session.progress()).map(drop)
    }

    /// The image that was pulled under this name, if all of it is still there. Files are read anew: they are at hand.
    fn kept(&self, store: &Store) -> Result<Option<Image>, Failure> {
        let ImageReference::Registry(_) = &self.image else { return Ok(None) };
        let Some(kept) = store.kept_image(&self.image)? else { return Ok(None) };
        Ok(store.open_kept(&kept)?.filter(|image| self.access.is_wanted(image)))
    }
}
