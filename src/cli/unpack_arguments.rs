//! What every command that makes an image's files is told: the image, the folder, whose the files are.

use std::path::{Path, PathBuf};

use clap::Args;
use remora::Cause;
use remora::image::{Image, ImageReference, Transports};
use remora::store::{KeptImage, Store};
use remora::trust::{Policy, Subject, TrustError};
use remora::unpack::{UnpackError, UnpackOptions};

use super::access::{self, AccessArguments};
use super::failure::Failure;
use super::kept_name::{self, KeptName};
use super::owner_arguments::OwnerArguments;
use super::session::Session;
use super::trust_arguments::TrustArguments;

/// An image and where its files go.
#[derive(Debug, Args)]
pub(super) struct UnpackArguments {
    /// The image; one that was pulled is taken from the store, also by its ID or digest
    #[arg(value_parser = kept_name::parse)]
    image: KeptName,
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
        self.owners.enter_namespace(&self.access);
    }

    /// Returns the folder.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Does `work` with the image. If a layer of the store turns out to be damaged, the layer is dropped, and the work is done
    /// once more with what comes in anew.
    pub(super) fn with_image<T>(
        &self,
        session: &Session,
        work: impl Fn(&Unpacking) -> Result<T, UnpackError>,
    ) -> Result<T, Failure> {
        match work(&self.open(session)?) {
            Err(error) if error.cause() == Cause::DamagedLayer => {
                session.progress().note(&format!("{error}; it is fetched again"));
                Ok(work(&self.open(session)?)?)
            }
            done => Ok(done?),
        }
    }

    /// Opens the image and the store.
    fn open(&self, session: &Session) -> Result<Unpacking, Failure> {
        let options = self.owners.options(session)?;
        self.access.refuse_in_store(&self.dir)?;
        let store = self.access.store_of_files()?;
        let policy = self.trust.policy()?;
        let by_id = self.image.by_id(&store)?.into_iter().next();
        let reference = by_id.as_ref().map_or(self.image.reference(), KeptImage::reference);
        let transports = self.access.transports(&[reference])?;
        let accepts = |image: &Image| match &policy {
            Some(policy) => verify(policy, image, reference, &transports, session),
            None => Ok(()),
        };
        // A signature may be that of an index, which only the registry knows: the image is looked for there then.
        let known = self.kept(&store)?.filter(|image| accepts(image).is_ok());
        let image = match (&by_id, known) {
            // The registry may have another image by that name now.
            (Some(kept), _) => {
                let image = match store.open_kept(kept)? {
                    Some(image) => image,
                    None => self.open_again(&transports, kept)?,
                };
                accepts(&image)?;
                image
            }
            (None, Some(image)) => image,
            (None, None) => {
                let image = self.access.open(&transports, reference)?;
                accepts(&image)?;
                image
            }
        };
        access::refuse_delta(&image)?;
        Ok(Unpacking { image, store, options })
    }

    /// The image from where it was pulled, since the store lacks some of it.
    fn open_again(&self, transports: &Transports, kept: &KeptImage) -> Result<Image, Failure> {
        let image = self.access.open(transports, &kept.source())?;
        if image.id() == kept.id() { Ok(image) } else { Err(not_whole(kept)) }
    }

    /// The image that was pulled under this name, if all of it is still there. Files are read anew: they are at hand.
    fn kept(&self, store: &Store) -> Result<Option<Image>, Failure> {
        let ImageReference::Registry(_) = self.image.reference() else { return Ok(None) };
        let Some(kept) = store.kept_image(self.image.reference())? else { return Ok(None) };
        Ok(store.open_kept(&kept)?.filter(|image| self.access.is_wanted(image)))
    }
}

/// Refuses an image that the policy does not accept under the name `reference`.
fn verify(
    policy: &Policy,
    image: &Image,
    reference: &ImageReference,
    transports: &Transports,
    session: &Session,
) -> Result<(), TrustError> {
    let manifest = image.manifest().map_or(image.id().0, |manifest| manifest.digest());
    let named = image.named_digest().unwrap_or(manifest);
    let subject = Subject { named, manifest };
    policy.verify(transports, reference, subject, session.progress()).map(drop)
}

fn not_whole(kept: &KeptImage) -> Failure {
    let what = format!("layers of {} are missing in the store", kept.reference());
    Failure::new(Cause::Missing, what, format!("pull it again: remora pull {}", kept.reference()))
}
