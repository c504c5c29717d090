//! Manifests over HTTP (OCI distribution spec, "Pulling manifests", "Pushing Manifests").

use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Body, Method, StatusCode};

use super::RegistryError;
use super::error::PUSH_MANIFEST;
use super::session::{Call, Session};
use crate::image::limits::MAX_MANIFEST_BYTES;
use crate::image::{
    BlobProblem, Digest, ImageError, Manifest, ManifestDocument, ManifestError, RegistryReference,
    media_type, parse_manifest,
};

/// What a registry should answer with, as it is stored. Schema 1 is not in it, and is recognised when
/// it comes all the same.
const ACCEPTED: [&str; 4] = [
    media_type::OCI_MANIFEST,
    media_type::OCI_INDEX,
    media_type::DOCKER_MANIFEST,
    media_type::DOCKER_LIST,
];

/// The digest that the registry computed.
const CONTENT_DIGEST: &str = "docker-content-digest";

/// The manifest or index that a reference names.
pub(super) async fn get(
    session: &Session,
    image: &RegistryReference,
) -> Result<ManifestDocument, ImageError> {
    let name = manifest_name(image);
    let Some((headers, bytes)) = fetch(session, &name).await? else {
        return Err(ImageError::NotFound { reference: image.to_string(), names: Vec::new() });
    };
    if let Some(expected) = image.digest().or_else(|| digest_header(&headers)) {
        check(session, expected, &bytes)?;
    }
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    parse_manifest(&bytes, media_type).map_err(|source| wrong(&image.to_string(), source))
}

/// The digest of the manifest or index that a reference names; `None` if there is none of that name.
pub(super) async fn find(
    session: &Session,
    image: &RegistryReference,
) -> Result<Option<Digest>, ImageError> {
    let name = manifest_name(image);
    let call = call(session, Method::HEAD, &name).await?;
    let response = session.call(&call).await?;
    match response.status() {
        StatusCode::NOT_FOUND => return Ok(None),
        StatusCode::OK => {}
        // Some registries, and what guards them, refuse HEAD alone; to others it is an error. The
        // answer to GET is the one that counts.
        _ => return Ok(fetch(session, &name).await?.map(|(_, bytes)| Digest::of(&bytes))),
    }
    match image.digest().or_else(|| digest_header(response.headers())) {
        Some(digest) => Ok(Some(digest)),
        // The header is optional (OCI distribution spec, "Checking if content exists").
        None => Ok(fetch(session, &name).await?.map(|(_, bytes)| Digest::of(&bytes))),
    }
}

/// The manifest or index with the digest; the caller checks that it has it.
pub(super) async fn get_by_digest(
    session: &Session,
    digest: Digest,
) -> Result<Vec<u8>, ImageError> {
    let found = fetch(session, &digest.to_string()).await?;
    let missing = || RegistryError::NoBlob { place: session.place(), digest, foreign: false };
    Ok(found.ok_or_else(missing)?.1)
}

/// Puts the manifest under the reference's tag, or if it has none under its digest. Gives the headers
/// of the answer.
pub(super) async fn put(
    session: &Session,
    image: &RegistryReference,
    manifest: &Manifest,
) -> Result<HeaderMap, ImageError> {
    let name = image.tag().map_or_else(|| manifest.digest().to_string(), str::to_owned);
    put_bytes(session, &name, manifest.bytes(), manifest.media_type()).await
}

/// Puts a manifest or index under a name.
pub(super) async fn put_bytes(
    session: &Session,
    name: &str,
    bytes: &[u8],
    media_type: &str,
) -> Result<HeaderMap, ImageError> {
    let url = session.url(&format!("manifests/{name}")).await?;
    let mut call = Call::new(Method::PUT, url, PUSH_MANIFEST);
    let body = bytes::Bytes::copy_from_slice(bytes);
    call.body = Some(Box::new(move || Body::from(body.clone())));
    let media_type = HeaderValue::from_str(media_type);
    let media_type = media_type.map_err(|error| ImageError::contents(error.to_string()))?;
    call.headers.insert(CONTENT_TYPE, media_type);
    let response = session.call(&call).await?;
    if !response.status().is_success() {
        return Err(session.failure(response, call.action).await.into());
    }
    let digest = Digest::of(bytes);
    match digest_header(response.headers()) {
        Some(other) if other != digest => {
            Err(session.protocol(format!("it stored the manifest {digest} as {other}")).into())
        }
        _ => Ok(response.headers().clone()),
    }
}

/// A manifest's bytes, with the headers of the answer. `None` if there is none of that name.
pub(super) async fn fetch(
    session: &Session,
    name: &str,
) -> Result<Option<(HeaderMap, Vec<u8>)>, ImageError> {
    let call = call(session, Method::GET, name).await?;
    // One byte more than there may be shows that there are more.
    match session.get_start(&call, MAX_MANIFEST_BYTES as usize + 1).await? {
        Some((_, bytes)) if bytes.len() as u64 > MAX_MANIFEST_BYTES => {
            Err(wrong(&session.place(), ManifestError::TooLarge))
        }
        found => Ok(found),
    }
}

/// A request about a manifest or index of any kind that is understood here.
async fn call(session: &Session, method: Method, name: &str) -> Result<Call, RegistryError> {
    let url = session.url(&format!("manifests/{name}")).await?;
    let mut call = Call::new(method, url, "a request for the manifest");
    for media_type in ACCEPTED {
        call.headers.append(ACCEPT, HeaderValue::from_static(media_type));
    }
    Ok(call)
}

fn manifest_name(image: &RegistryReference) -> String {
    match (image.digest(), image.tag()) {
        (Some(digest), _) => digest.to_string(),
        (None, tag) => tag.unwrap_or("latest").to_owned(),
    }
}

fn check(session: &Session, expected: Digest, bytes: &[u8]) -> Result<(), ImageError> {
    let digest = Digest::of(bytes);
    if digest == expected {
        return Ok(());
    }
    Err(ImageError::Blob { place: session.place(), expected, problem: BlobProblem::Digest(digest) })
}

/// The digest in the answer's header; registries that use another algorithm are taken at their word.
fn digest_header(headers: &HeaderMap) -> Option<Digest> {
    headers.get(CONTENT_DIGEST)?.to_str().ok()?.parse().ok()
}

fn wrong(reference: &str, source: ManifestError) -> ImageError {
    ImageError::Manifest { reference: reference.to_owned(), source }
}
