//! Images that others made: copied from registry to registry as they are, without an engine.

use std::net::IpAddr;

use super::failure::ImageFailure;
use super::registry::{platform, reference, refused, split};
use super::work::Work;
use crate::Cause;
use crate::api::Secret;
use crate::builder::engine::Architecture;
use crate::image::{
    Digest, Image, ImageContents, ImageError, ImageReference, RegistryLogin, RegistryReference,
    Transports,
};
use crate::progress::Progress;
use crate::project::RegistrySecrets;
use crate::quote::quoted;

/// The compressions that engines on devices read; whether they read zstd is not known.
const READABLE: [&str; 4] = [
    "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.docker.image.rootfs.diff.tar",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
];
/// How often a request to somebody else's registry is tried.
const ATTEMPTS: u32 = 3;
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
        let source = source(self.from)?;
        let transports = self.reader(work, &source)?;
        let from = ImageReference::Registry(source.clone());
        let opened = transports.open_sole(&from, Some(&platform(self.architecture)?), progress);
        let image = opened.map_err(|error| self.unreadable(&error))?;
        self.fits(&image)?;
        let contents = contents(&image, &source)?;
        let writer = work.transports(self.to, self.token, |_| ())?;
        let written = writer.write(&reference(self.to)?, &contents, progress);
        // Layers are read while they are written.
        let digest = written.map_err(|error| match error.cause() {
            Cause::Content | Cause::Passing => self.unreadable(&error),
            _ => error.into(),
        })?;
        Ok((digest, image.stored_bytes()))
    }

    /// The way to the registry that the image is in. What a project names is nobody's choice but the project's: nothing
    /// but TLS is spoken there, and nothing on this machine is asked.
    fn reader(&self, work: &Work, source: &RegistryReference) -> Result<Transports, ImageFailure> {
        let (own, host) = (split(self.to).0, source.host());
        let allowed = &work.service.settings.installation.local_registries;
        let is_known = host == own || allowed.iter().any(|known| known == host);
        if !is_known && is_near(host) {
            return Err(refused(&format!(
                "the image {} is in a registry that this builder is not set to ask: use one that \
                 others can reach",
                self.from
            )));
        }
        work.transports(self.to, self.token, |settings| {
            settings.plain_http &= is_known;
            settings.login = self.login(host);
            settings.max_attempts = ATTEMPTS;
            let repositories = [source.repository().to_owned()];
            if host == own {
                settings.tokens.add(own, &repositories, self.token.reveal());
            }
        })
    }

    /// Why the image cannot be read. A foreign server's own words are not for whoever pushes: they could be those of a
    /// server inside.
    fn unreadable(&self, error: &ImageError) -> ImageFailure {
        tracing::info!(image = self.from, %error, "an image cannot be read");
        let why = match error.cause() {
            Cause::Missing => "its registry does not have it",
            Cause::Unauthorized | Cause::Denied => {
                "its registry refuses: put a login into .balena/registry-secrets.json"
            }
            Cause::Unreachable | Cause::Tls => "its registry cannot be reached in TLS",
            Cause::RateLimited => "its registry has been asked too often: push again later",
            Cause::TooLarge => "it is too large",
            _ => "its registry does not answer as registries do, or the image is damaged",
        };
        refused(&format!("the image {} cannot be read: {why}", self.from))
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
                    quoted(kind)
                )));
            }
        }
        Ok(())
    }
}

/// The image that a compose file names.
fn source(name: &str) -> Result<RegistryReference, ImageFailure> {
    let parsed: Result<ImageReference, _> = name.parse();
    match parsed {
        Ok(ImageReference::Registry(source)) => Ok(source),
        Ok(_) => Err(refused("only images in registries can be services")),
        Err(error) => Err(refused(&format!("{} is no image: {error}", quoted(name)))),
    }
}

/// Whether a host is this machine, or one that only this machine's link knows, such as a cloud's metadata service.
fn is_near(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    match name.parse::<IpAddr>().map(|address| address.to_canonical()) {
        Ok(IpAddr::V4(it)) => it.is_loopback() || it.is_unspecified() || it.is_link_local(),
        Ok(IpAddr::V6(it)) => it.is_loopback() || it.is_unspecified() || it.is_unicast_link_local(),
        Err(_) => name == "localhost" || name.ends_with(".localhost"),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_near_under_all_of_its_names() {
        for host in [
            "localhost",
            "localhost:5000",
            "a.localhost",
            "127.0.0.1:5000",
            "127.9.9.9",
            "[::1]:5000",
            "[::ffff:127.0.0.1]:5000",
            "0.0.0.0:2375",
            "169.254.169.254",
            "[fe80::1]",
        ] {
            assert!(is_near(host), "{host}");
        }
        for host in ["registry.example.com", "192.0.2.1:5000", "[2001:db8::1]", "docker.io"] {
            assert!(!is_near(host), "{host}");
        }
    }
}
