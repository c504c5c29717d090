//! Images in a registry (OCI distribution spec v1.1). This is the one place in the library with async
//! code; everything that leaves it blocks.
//!
//! The client of the crate `oci-client` does not serve here, for reasons found in version 0.18.0:
//! - a failed request gives neither status nor headers, so that `Retry-After` and 5xx are lost;
//! - manifests, token answers and error bodies are read into memory without a limit;
//! - a token is renewed by the clock only: a 401 in the middle of a job ends it;
//! - identity tokens (OAuth2 refresh) and a mount's second scope are not known to it;
//! - `pull_blob` follows a foreign layer's URLs.

mod authorization;
mod body;
mod certificates;
mod challenge;
mod credentials;
mod download;
mod endpoint;
mod error;
mod error_answer;
#[cfg(fuzzing)]
pub mod fuzzing;
mod http_client;
mod limits;
mod listing;
mod login;
mod manifests;
mod network_cause;
mod probe;
mod push;
mod push_event;
mod referrers;
mod retry;
pub(super) mod runtime;
mod session;
mod subject;
mod token_answer;
mod token_request;
mod upload;

use std::collections::HashMap;
use std::io::{Cursor, Read};
use std::sync::{Arc, Mutex, PoisonError};

use authorization::Authorizer;
pub use credentials::{CredentialsError, LoginKey, LoginKeyError, LoginPlace, Logins};
use endpoint::Host;
pub use error::RegistryError;
use http_client::HttpClient;
pub use network_cause::NetworkCause;
use session::{Access, Session};

use super::oci_image::{self, BlobSource};
use super::{
    Descriptor, Digest, Image, ImageContents, ImageError, ImageReference, IndexContents, Manifest,
    ManifestDocument, Platform, PlatformImage, RegistryReference, TransportSettings,
    every_platform,
};
use crate::progress::{Announced, Progress, Silent, Stage};

/// Every registry that is talked to, with what has been learnt about it.
#[derive(Debug)]
pub(super) struct Registries {
    http: Arc<HttpClient>,
    hosts: Mutex<HashMap<String, Arc<Authorizer>>>,
}

impl Registries {
    /// Reads the CA file, if there is one. Contacts nobody.
    pub(super) fn new(settings: &TransportSettings) -> Result<Self, ImageError> {
        let http = Arc::new(HttpClient::new(settings)?);
        Ok(Registries { http, hosts: Mutex::default() })
    }

    /// Starts the threads that everything goes through, at the priority of the calling thread.
    pub(super) fn start() -> Result<(), ImageError> {
        Ok(runtime::start()?)
    }

    /// Opens the image that the reference names.
    pub(super) fn open(
        &self,
        reference: &ImageReference,
        image: &RegistryReference,
        platform: &Platform,
        progress: &dyn Progress,
    ) -> Result<Image, ImageError> {
        let (repository, top) = self.top(Access::Pull, image, progress)?;
        oci_image::open(reference, repository, top, platform, progress)
    }

    /// Opens the image for every platform that it has.
    pub(super) fn open_all(
        &self,
        reference: &ImageReference,
        image: &RegistryReference,
        progress: &dyn Progress,
    ) -> Result<Vec<PlatformImage>, ImageError> {
        let (repository, top) = self.top(Access::Pull, image, progress)?;
        every_platform::open_all(reference, repository, top, progress)
    }

    /// The same with the leave of somebody who writes there: many registries give strangers and readers
    /// no answer about a repository that is to be made by the first push.
    pub(super) fn open_to_replace(
        &self,
        reference: &ImageReference,
        image: &RegistryReference,
    ) -> Result<Vec<PlatformImage>, ImageError> {
        let (repository, top) = self.top(Access::Push, image, &Silent)?;
        every_platform::open_all(reference, repository, top, &Silent)
    }

    /// The image's repository, and the manifest or index that it names there.
    fn top(
        &self,
        access: Access,
        image: &RegistryReference,
        progress: &dyn Progress,
    ) -> Result<(Arc<Repository>, ManifestDocument), ImageError> {
        let session = self.session(image, access);
        let (get, wanted) = (Arc::clone(&session), image.clone());
        let top =
            runtime::run_watched(progress, async move { manifests::get(&get, &wanted).await })?;
        Ok((Arc::new(Repository { session }), top))
    }

    /// What the reference names, and the place that has its blobs.
    pub(super) fn manifest(
        &self,
        image: &RegistryReference,
        progress: &dyn Progress,
    ) -> Result<(Arc<dyn BlobSource>, ManifestDocument), ImageError> {
        let (repository, top) = self.top(Access::Pull, image, progress)?;
        Ok((repository, top))
    }

    /// The digest of what the reference names; `None` if there is nothing.
    pub(super) fn find(&self, image: &RegistryReference) -> Result<Option<Digest>, ImageError> {
        let (session, wanted) = (self.session(image, Access::Pull), image.clone());
        runtime::run(async move { manifests::find(&session, &wanted).await })
    }

    /// The tags of the image's repository.
    pub(super) fn tags(
        &self,
        image: &RegistryReference,
        progress: &dyn Progress,
    ) -> Result<Vec<String>, ImageError> {
        let session = self.session(image, Access::Pull);
        runtime::run_watched(progress, async move { listing::tags(&session).await })
    }

    /// Returns the manifests that refer to the manifest `subject` of the image's repository.
    pub(super) fn referrers(
        &self,
        image: &RegistryReference,
        subject: Digest,
        progress: &dyn Progress,
    ) -> Result<Vec<Descriptor>, ImageError> {
        let session = self.session(image, Access::Pull);
        runtime::run_watched(progress, async move { listing::referrers(&session, subject).await })
    }

    /// Waits for a sign of life of the registry `host`.
    pub(super) fn reach(&self, host: &str) -> Result<(), ImageError> {
        let host = Arc::clone(&self.host(host).host);
        Ok(runtime::run(async move { host.reach().await })?)
    }

    /// Shows the registry `host` the login that the settings have for it; says whether it wanted to see any.
    pub(super) fn prove_login(&self, host: &str) -> Result<bool, ImageError> {
        let host = self.host(host);
        Ok(runtime::run(async move { login::prove(host).await })?)
    }

    /// Whether the repository takes a push: begins one and cancels it.
    pub(super) fn probe_push(&self, image: &RegistryReference) -> Result<(), ImageError> {
        let session = self.session(image, Access::Push);
        Ok(runtime::run(async move { probe::push(&session).await })?)
    }

    /// Pushes the image: blobs first, the manifest last.
    pub(super) fn write(
        &self,
        image: &RegistryReference,
        contents: &ImageContents,
        manifest: &Manifest,
        progress: &dyn Progress,
    ) -> Result<(), ImageError> {
        let session = self.session(image, Access::Push);
        push::push(session, image, contents, manifest, progress)
    }

    /// Pushes the images, each under its digest, and then the index.
    pub(super) fn write_index(
        &self,
        image: &RegistryReference,
        contents: &IndexContents,
        progress: &dyn Progress,
    ) -> Result<(), ImageError> {
        let digest = contents.digest();
        if image.digest().is_some_and(|named| named != digest) {
            return Err(ImageError::Unsuitable {
                reference: image.to_string(),
                reason: format!("the index to be written there has the digest {digest}"),
            });
        }
        let bytes = contents.images.iter().map(|(contents, _)| push::pushed_bytes(contents)).sum();
        progress.expect(Stage::Push, bytes);
        let announced = Announced::new(progress, &[Stage::Push]);
        let mut pushed = Vec::new();
        for (contents, manifest) in &contents.images {
            let name = format!("{}@{}", image.repository(), manifest.digest());
            let place = RegistryReference::in_registry(image.host(), &name)?;
            let written = self.write(&place, contents, manifest, &announced);
            written.map_err(|error| error.after_pushing(image, &pushed))?;
            pushed.push(manifest.digest());
        }
        let session = self.session(image, Access::Push);
        let name = image.tag().map_or_else(|| digest.to_string(), str::to_owned);
        let (bytes, media_type) = (contents.index.clone(), contents.media_type);
        let put = runtime::run_watched(progress, async move {
            manifests::put_bytes(&session, &name, &bytes, media_type).await.map(drop)
        });
        put.map_err(|error| error.after_pushing(image, &pushed))
    }

    fn session(&self, image: &RegistryReference, access: Access) -> Arc<Session> {
        Arc::new(Session::new(self.host(image.host()), image.repository(), access))
    }

    fn host(&self, name: &str) -> Arc<Authorizer> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let host = || Arc::new(Host::new(name, Arc::clone(&self.http)));
        let new = || Arc::new(Authorizer::new(host()));
        Arc::clone(hosts.entry(name.to_owned()).or_insert_with(new))
    }
}

/// The blobs of a repository.
struct Repository {
    session: Arc<Session>,
}

impl BlobSource for Repository {
    fn open_manifest(
        &self,
        descriptor: &Descriptor,
        progress: &dyn Progress,
    ) -> Result<Box<dyn Read + Send>, ImageError> {
        let (session, digest) = (Arc::clone(&self.session), descriptor.digest);
        let get = async move { manifests::get_by_digest(&session, digest).await };
        let bytes = runtime::run_watched(progress, get)?;
        Ok(Box::new(Cursor::new(bytes)))
    }

    fn open_blob(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, ImageError> {
        Ok(Box::new(download::open(Arc::clone(&self.session), descriptor, 0)))
    }

    fn open_rest(
        &self,
        descriptor: &Descriptor,
        start: u64,
    ) -> Result<Option<Box<dyn Read + Send>>, ImageError> {
        Ok(Some(Box::new(download::open(Arc::clone(&self.session), descriptor, start))))
    }
}
