//! Images that others made: copied from registry to registry as they are, without an engine.

use super::failure::ImageFailure;
use super::registry::{platform, reference, refused};
use super::work::Work;
use crate::api::Secret;
use crate::builder::engine::Architecture;
use crate::image::{
    Digest, Image, ImageContents, ImageReference, RegistryLogin, RegistryReference,
};
use crate::progress::Progress;
use crate::project::RegistrySecrets;

/// The compressions that engines on devices read; whether they read zstd is not known.
const READABLE: [&str; 4] = [
    "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.docker.image.rootfs.diff.tar",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
];
/// Docker Hub, as engines call it in logins.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";

/// An image that is to be copied.
pub(super) struct Copy<'a> {
    /// The name in the compose file.
    pub(super) from: &'a str,
    /// Registry and repository.
    pub(super) to: &'a str,
    pub(super) architecture: Architecture,
    pub(super) token: &'a Secret,
    pub(super) secrets: &'a RegistrySecrets,
}

impl Copy<'_> {
    /// Copies the image. Returns its digest, which is the same in both places, and its bytes as they are stored.
    pub(super) fn make(
        &self,
        work: &Work,
        progress: &dyn Progress,
    ) -> Result<(Digest, u64), ImageFailure> {
        let from: ImageReference = self.from.parse().map_err(|error| {
            refused(&format!("{} is no image: {error}", crate::quote::quoted(self.from)))
        })?;
        let ImageReference::Registry(source) = &from else {
            return Err(refused("only images in registries can be services"));
        };
        let transports = work.transports(self.to, self.token, |settings| {
            settings.login = self.login(source.host());
        })?;
        let image = transports.open_sole(&from, Some(&platform(self.architecture)?), progress)?;
        self.fits(&image)?;
        let contents = contents(&image, source)?;
        let digest = transports.write(&reference(self.to)?, &contents, progress)?;
        Ok((digest, image.stored_bytes()))
    }

    /// The login that the project has for a registry.
    fn login(&self, host: &str) -> Option<RegistryLogin> {
        let is_it = |registry: &str| match registry {
            DOCKER_HUB => host.ends_with("docker.io"),
            registry => {
                let bare = ["https://", "http://"].iter().find_map(|it| registry.strip_prefix(it));
                bare.unwrap_or(registry).split('/').next() == Some(host)
            }
        };
        let (_, login) = self.secrets.iter().find(|(registry, _)| is_it(registry))?;
        let (user, password) = (login.username.clone(), login.password.reveal().to_owned());
        Some(RegistryLogin::new(host.to_owned(), user, password))
    }

    /// Makes sure that devices can run the image.
    fn fits(&self, image: &Image) -> Result<(), ImageFailure> {
        let (is, wanted) = (image.config().architecture(), self.architecture.of_images());
        if is != wanted {
            return Err(refused(&format!(
                "the image {} is for {is}, the fleet's devices are {wanted}",
                self.from
            )));
        }
        for layer in 0..image.layer_count() {
            let kind = image.layer_descriptor(layer).map_or("", |layer| layer.media_type.as_str());
            if !READABLE.contains(&kind) {
                return Err(refused(&format!(
                    "the image {} has a layer of the kind {}, which engines on devices may not read: \
                     use one with layers packed by gzip",
                    self.from,
                    crate::quote::quoted(kind)
                )));
            }
        }
        Ok(())
    }
}

/// The image as it is, to be written elsewhere.
fn contents(image: &Image, source: &RegistryReference) -> Result<ImageContents, ImageFailure> {
    let manifest = image.manifest().ok_or_else(|| refused("the image has no manifest"))?;
    let layers = (0..image.layer_count()).map(|layer| image.layer_blob(layer));
    let layers = layers.collect::<Option<Vec<_>>>();
    Ok(ImageContents {
        manifest: manifest.bytes().to_vec(),
        manifest_media_type: manifest.media_type().to_owned(),
        config: image.config().bytes().to_vec(),
        layers: layers.ok_or_else(|| refused("the image has no layers that can be copied"))?,
        mount_from: vec![source.clone()],
    })
}
