//! The one way to every place that images live in.

use std::sync::atomic::{AtomicBool, Ordering};

use super::archive_file::Spool;
#[cfg(feature = "registry")]
use super::registry::Registries;
use super::{
    ArchiveFile, EnginePlace, Image, ImageError, ImageReference, Platform, PlatformImage,
    RegistryReference, TransportSettings, docker_archive, docker_daemon, oci_archive, oci_layout,
};
use crate::progress::{Progress, Silent};

/// Opens and writes images wherever a reference points.
///
/// All of it blocks, and may be called from any thread that does not itself run async tasks.
#[derive(Debug)]
pub struct Transports {
    pub(super) spool: Spool,
    pub(super) engine: EnginePlace,
    #[cfg(feature = "registry")]
    pub(super) registries: Registries,
    stdin_taken: AtomicBool,
}

impl Transports {
    /// Reads the files that `settings` name; contacts nobody.
    ///
    /// # Errors
    /// If the file of certificates that `settings` name cannot be read, or holds no certificates.
    pub fn new(settings: TransportSettings) -> Result<Self, ImageError> {
        Ok(Transports {
            #[cfg(feature = "registry")]
            registries: Registries::new(&settings)?,
            spool: Spool { folder: settings.spool_dir, limits: settings.limits },
            engine: settings.engine,
            stdin_taken: AtomicBool::new(false),
        })
    }

    /// Finds the image and reads its manifest and config; of an index, those for `platform`.
    ///
    /// # Errors
    /// [`ImageError::NotFound`] if there is no such image, [`ImageError::Ambiguous`] if there are several,
    /// [`ImageError::MissingPlatform`] or [`ImageError::OtherPlatform`] if there is none for `platform`.
    /// Also if the image cannot be read, or a part of it is damaged or contradicts another.
    pub fn open(
        &self,
        reference: &ImageReference,
        platform: &Platform,
    ) -> Result<Image, ImageError> {
        self.open_watched(reference, platform, &Silent)
    }

    /// The same. Waiting for a registry ends when `progress` says that the work is to stop.
    ///
    /// # Errors
    /// [`ImageError::Cancelled`] if `progress` stopped the work; otherwise the same as those of
    /// [`open`](Self::open).
    pub fn open_watched(
        &self,
        reference: &ImageReference,
        platform: &Platform,
        progress: &dyn Progress,
    ) -> Result<Image, ImageError> {
        let opened = self.open_any(reference, platform, progress)?;
        opened.refuse_artifact()?;
        Ok(opened)
    }

    /// The same, also of an artifact that has no config, as deltas for hosts are: as an image that says nothing of
    /// itself, and whose layers are the artifact's blobs.
    ///
    /// # Errors
    /// The same as those of [`open_watched`](Self::open_watched).
    pub fn open_any(
        &self,
        reference: &ImageReference,
        platform: &Platform,
        progress: &dyn Progress,
    ) -> Result<Image, ImageError> {
        let spool = &self.spool;
        match reference {
            #[cfg(feature = "registry")]
            ImageReference::Registry(image) => {
                self.registries.open(reference, image, platform, progress)
            }
            #[cfg(not(feature = "registry"))]
            ImageReference::Registry(image) => no_registries(image),
            ImageReference::OciLayout { dir, name } => {
                oci_layout::open(reference, dir, name.as_ref(), platform)
            }
            ImageReference::OciArchive { file, name } => {
                self.take_stdin(reference, file)?;
                oci_archive::open(reference, file, name.as_ref(), platform, spool)
            }
            ImageReference::DockerArchive { file, image } => {
                self.take_stdin(reference, file)?;
                docker_archive::open(reference, file, image.as_ref(), spool)
            }
            ImageReference::DockerDaemon(image) => {
                docker_daemon::open(reference, image, &self.engine, spool, progress)
            }
        }
    }

    /// Finds the image and reads manifest and config of each platform that it has, in the order of its index.
    /// Waiting for a registry ends when `progress` says that the work is to stop.
    ///
    /// # Errors
    /// As [`open`](Self::open); what is in an index and is no image is passed over.
    pub fn open_all(
        &self,
        reference: &ImageReference,
        progress: &dyn Progress,
    ) -> Result<Vec<PlatformImage>, ImageError> {
        let found = self.open_everything(reference, progress)?;
        found.iter().try_for_each(|found| found.image.refuse_artifact())?;
        Ok(found)
    }

    fn open_everything(
        &self,
        reference: &ImageReference,
        progress: &dyn Progress,
    ) -> Result<Vec<PlatformImage>, ImageError> {
        let spool = &self.spool;
        match reference {
            #[cfg(feature = "registry")]
            ImageReference::Registry(image) => self.registries.open_all(reference, image, progress),
            #[cfg(not(feature = "registry"))]
            ImageReference::Registry(image) => no_registries(image),
            ImageReference::OciLayout { dir, name } => {
                oci_layout::open_all(reference, dir, name.as_ref())
            }
            ImageReference::OciArchive { file, name } => {
                self.take_stdin(reference, file)?;
                oci_archive::open_all(reference, file, name.as_ref(), spool)
            }
            ImageReference::DockerArchive { file, image } => {
                self.take_stdin(reference, file)?;
                let image = docker_archive::open(reference, file, image.as_ref(), spool)?;
                Ok(vec![image.into()])
            }
            ImageReference::DockerDaemon(image) => {
                let image = docker_daemon::open(reference, image, &self.engine, spool, progress)?;
                Ok(vec![image.into()])
            }
        }
    }

    /// Standard input can be read once only: a second image from it would be empty.
    fn take_stdin(&self, reference: &ImageReference, file: &ArchiveFile) -> Result<(), ImageError> {
        if *file == ArchiveFile::Stdio && self.stdin_taken.swap(true, Ordering::Relaxed) {
            return Err(ImageError::Unsuitable {
                reference: reference.to_string(),
                reason: "standard input was read already, it holds one archive".to_owned(),
            });
        }
        Ok(())
    }
}

/// The questions that only registries are asked.
#[cfg(feature = "registry")]
impl Transports {
    /// Starts the threads that talk to registries now: they get the priority of the calling thread,
    /// and not that of whoever needs them first.
    ///
    /// # Errors
    /// If they can't be started.
    pub fn start_threads(&self) -> Result<(), ImageError> {
        Registries::start()
    }

    /// The digest of the manifest or index that the reference names in its registry; `None` if there
    /// is none of that name. Nothing but headers is fetched.
    ///
    /// # Errors
    /// If the registry does not answer, or refuses.
    pub fn find(&self, image: &RegistryReference) -> Result<Option<super::Digest>, ImageError> {
        self.registries.find(image)
    }

    /// The tags of the image's repository, in the registry's order; none if there is no such repository. Waiting ends when
    /// `progress` says that the work is to stop.
    ///
    /// # Errors
    /// If the registry does not answer, refuses, or lists more than can be.
    pub fn tags(
        &self,
        image: &RegistryReference,
        progress: &dyn Progress,
    ) -> Result<Vec<String>, ImageError> {
        self.registries.tags(image, progress)
    }

    /// The manifests in the image's repository that name the manifest `subject` as their subject (OCI
    /// distribution spec, "Listing Referrers"), also at registries that leave the list to clients. Waiting ends when
    /// `progress` says that the work is to stop.
    ///
    /// # Errors
    /// If the registry does not answer, refuses, or lists more than can be.
    pub fn referrers(
        &self,
        image: &RegistryReference,
        subject: super::Digest,
        progress: &dyn Progress,
    ) -> Result<Vec<super::Descriptor>, ImageError> {
        self.registries.referrers(image, subject, progress)
    }

    /// Asks the registry `host` for nothing but a sign of life.
    ///
    /// # Errors
    /// If the registry does not answer. A registry that wants to know who asks has answered.
    pub fn reach(&self, host: &str) -> Result<(), ImageError> {
        self.registries.reach(host)
    }

    /// Shows the registry `host` the login that the settings have for it, which no file is asked for.
    /// Says whether the registry wanted to see any: one that is open to all takes whatever it is shown.
    ///
    /// # Errors
    /// [`RegistryError::Unauthorized`](super::RegistryError::Unauthorized) if the login is not
    /// taken; also if the registry does not answer.
    pub fn prove_login(&self, host: &str) -> Result<bool, ImageError> {
        self.registries.prove_login(host)
    }

    /// Asks the registry whether it takes a push to the reference's repository, before anything is
    /// made for it: an upload is begun and cancelled.
    ///
    /// # Errors
    /// If a push would fail: no such repository, no leave, no writing at all.
    pub fn probe_push(&self, image: &RegistryReference) -> Result<(), ImageError> {
        self.registries.probe_push(image)
    }
}

#[cfg(not(feature = "registry"))]
pub(super) fn no_registries<T>(image: &RegistryReference) -> Result<T, ImageError> {
    Err(ImageError::NoRegistries { reference: image.to_string() })
}
