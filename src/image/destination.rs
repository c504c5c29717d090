//! The place that an image is going to: what is there already, opening it before the image is made, and
//! writing to it.

use super::{
    Blob, Descriptor, Digest, ImageContents, ImageError, ImageReference, IndexContents, LayoutName,
    PlatformImage, Transports, archive_output, docker_archive, docker_daemon, oci_archive,
    oci_layout,
};
use crate::output::Output;
use crate::progress::Progress;

/// The place that an image is going to, opened before the image is made.
#[derive(Debug)]
pub struct Destination {
    reference: ImageReference,
    /// Of an archive.
    file: Option<Output>,
}

impl Transports {
    /// Writes an image so that it is there completely or not at all: blobs first, the manifest or
    /// index last, files under a temporary name until they are whole. Gives the manifest's digest.
    ///
    /// A layout or an engine gets one image more or another of that name; an archive is replaced.
    /// Reports to the stage [`Push`](crate::progress::Stage::Push).
    ///
    /// # Errors
    /// If the place cannot take the image, a blob cannot be read or is not as described, or `progress` stops
    /// the work. [`ImageError::Contents`] if `contents` contradicts itself.
    pub fn write(
        &self,
        reference: &ImageReference,
        contents: &ImageContents,
        progress: &dyn Progress,
    ) -> Result<Digest, ImageError> {
        let file = reference.archive().map(archive_output::open).transpose()?;
        self.write_to(Destination { reference: reference.clone(), file }, contents, progress)
    }

    /// Opens the place that an image is going to, before it is made, and changes nothing there.
    ///
    /// # Errors
    /// If the image could not be written: no leave to push, a folder that can't be written to, a
    /// name that an archive can't have.
    pub fn destination(&self, reference: &ImageReference) -> Result<Destination, ImageError> {
        match reference {
            #[cfg(feature = "registry")]
            ImageReference::Registry(image) => self.probe_push(image)?,
            #[cfg(not(feature = "registry"))]
            ImageReference::Registry(image) => return super::transports::no_registries(image),
            ImageReference::OciLayout { dir, .. } => oci_layout::probe(dir)?,
            ImageReference::DockerArchive { image, .. } => {
                docker_archive::repo_tags(reference, image.as_ref())?;
            }
            ImageReference::DockerDaemon(image) => {
                docker_daemon::probe(reference, image, &self.engine)?;
            }
            ImageReference::OciArchive { .. } => {}
        }
        let file = reference.archive().map(archive_output::open).transpose()?;
        Ok(Destination { reference: reference.clone(), file })
    }

    /// Writes an image to a place that was opened for it; otherwise the same as
    /// [`write`](Self::write).
    ///
    /// # Errors
    /// The same as those of [`write`](Self::write).
    pub fn write_to(
        &self,
        destination: Destination,
        contents: &ImageContents,
        progress: &dyn Progress,
    ) -> Result<Digest, ImageError> {
        let Destination { reference, file } = destination;
        if let ImageReference::DockerArchive { image, .. } = &reference {
            contents.check_plain_layers()?;
            let file = file.ok_or_else(no_file)?;
            docker_archive::write(&reference, file, image.as_ref(), contents, progress)?;
            return Ok(Digest::of(&contents.manifest));
        }
        if let ImageReference::DockerDaemon(image) = &reference {
            contents.check_plain_layers()?;
            docker_daemon::write(&reference, image, &self.engine, contents, progress)?;
            return Ok(Digest::of(&contents.manifest));
        }
        let manifest = contents.check_manifest()?;
        match &reference {
            ImageReference::OciLayout { .. } | ImageReference::OciArchive { .. } => {
                let blobs = contents.blobs_with_manifest();
                write_to_layout(&reference, file, manifest.descriptor(), &blobs, progress)?;
            }
            #[cfg(feature = "registry")]
            ImageReference::Registry(image) => {
                self.registries.write(image, contents, &manifest, progress)?;
            }
            #[cfg(not(feature = "registry"))]
            ImageReference::Registry(image) => return super::transports::no_registries(image),
            ImageReference::DockerArchive { .. } | ImageReference::DockerDaemon(_) => {}
        }
        Ok(manifest.digest())
    }

    /// Writes images for several platforms under one name, to a place that was opened for it: blobs first, then
    /// each image's manifest, the index last. Gives the index's digest.
    ///
    /// # Errors
    /// [`ImageError::Unsuitable`] for a docker archive, which has no indexes; otherwise as
    /// [`write`](Self::write).
    pub fn write_index_to(
        &self,
        destination: Destination,
        contents: &IndexContents,
        progress: &dyn Progress,
    ) -> Result<Digest, ImageError> {
        let Destination { reference, file } = destination;
        match &reference {
            ImageReference::DockerArchive { .. } | ImageReference::DockerDaemon(_) => {
                let reason = "a docker archive holds no index of platforms".to_owned();
                return Err(ImageError::Unsuitable { reference: reference.to_string(), reason });
            }
            ImageReference::OciLayout { .. } | ImageReference::OciArchive { .. } => {
                let blobs = contents.blobs();
                write_to_layout(&reference, file, contents.descriptor(), &blobs, progress)?;
            }
            #[cfg(feature = "registry")]
            ImageReference::Registry(image) => {
                self.registries.write_index(image, contents, progress)?;
            }
            #[cfg(not(feature = "registry"))]
            ImageReference::Registry(image) => return super::transports::no_registries(image),
        }
        Ok(contents.digest())
    }

    /// The images, one for each platform, whose place one that is written to `reference` takes; none if there
    /// are none. In a layout those are what has exactly that name: an image without a name is added beside
    /// those that have one. The content of an archive goes as a whole, so that the one image of exactly that
    /// name must be all there is.
    ///
    /// # Errors
    /// If what is there can't be read; [`ImageError::NotFound`] or [`ImageError::Ambiguous`] if an
    /// archive holds another image.
    pub fn replaced(&self, reference: &ImageReference) -> Result<Vec<PlatformImage>, ImageError> {
        let spool = &self.spool;
        match reference {
            ImageReference::OciLayout { dir, name } => {
                oci_layout::open_exactly(reference, dir, tag(name.as_ref()))
            }
            ImageReference::OciArchive { file, name } => {
                oci_archive::open_alone(reference, file, tag(name.as_ref()), spool)
            }
            ImageReference::DockerArchive { file, image } => {
                let image = docker_archive::open_alone(reference, file, image.as_ref(), spool)?;
                Ok(vec![image.into()])
            }
            // What had the name stays in the engine without it.
            ImageReference::DockerDaemon(_) => Ok(Vec::new()),
            #[cfg(not(feature = "registry"))]
            ImageReference::Registry(image) => super::transports::no_registries(image),
            #[cfg(feature = "registry")]
            ImageReference::Registry(image) => {
                match self.registries.open_to_replace(reference, image) {
                    Err(ImageError::NotFound { .. }) => Ok(Vec::new()),
                    images => images,
                }
            }
        }
    }
}

/// Writes into a layout or an archive of one.
fn write_to_layout(
    reference: &ImageReference,
    file: Option<Output>,
    top: Descriptor,
    blobs: &[Blob],
    progress: &dyn Progress,
) -> Result<(), ImageError> {
    match reference {
        ImageReference::OciLayout { dir, name } => {
            oci_layout::write(dir, tag(name.as_ref()), top, blobs, progress)
        }
        ImageReference::OciArchive { name, .. } => {
            let file = file.ok_or_else(no_file)?;
            oci_archive::write(file, tag(name.as_ref()), top, blobs, progress)
        }
        _ => Err(ImageError::contents("a layout that is none")),
    }
}

/// The tag that an image gets in a layout.
fn tag(name: Option<&LayoutName>) -> Option<&str> {
    name.and_then(LayoutName::tag)
}

fn no_file() -> ImageError {
    ImageError::contents("an archive without a file")
}
