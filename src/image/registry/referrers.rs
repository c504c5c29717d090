//! Registries without the referrers API: there the client itself keeps the list of what refers to a
//! manifest, under a tag made of its digest (OCI distribution spec v1.1, "Pushing Manifests with
//! Subject" and "Referrers Tag Schema").

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::header::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::manifests;
use super::session::Session;
use crate::image::index_edit::edit_index;
use crate::image::{Descriptor, Digest, ImageError, Manifest, media_type};

/// The header by which a registry says that it will list the manifest itself.
const SUBJECT_HEADER: &str = "oci-subject";
/// So long after the list was changed, at least, it is looked at again.
const PAUSE: Duration = Duration::from_millis(200);
/// So many milliseconds more some clients wait than others.
const PAUSE_SPREAD: u64 = 256;
/// So often an entry is put back.
const TRIES: usize = 8;

/// What of a manifest goes into the list.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Referrer {
    subject: Option<Descriptor>,
    artifact_type: Option<String>,
    annotations: Option<BTreeMap<String, String>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ListedReferrer {
    #[serde(flatten)]
    descriptor: Descriptor,
    artifact_type: String,
}

/// Lists a manifest that was pushed, and answered with `answer`, among its subject's referrers, unless
/// it has no subject or the registry does that itself.
///
/// Another client that does this at the same moment may take the entry out again, because the specification knows no way to
/// keep others out. So the list is looked at again a while later, and the entry put back if need be.
pub(super) async fn list(
    session: &Session,
    manifest: &Manifest,
    answer: &HeaderMap,
) -> Result<(), ImageError> {
    let wrong = |source| ImageError::contents(format!("its manifest: {source}"));
    let referrer: Referrer = serde_json::from_slice(manifest.bytes()).map_err(wrong)?;
    let Some(subject) = &referrer.subject else { return Ok(()) };
    if answer.contains_key(SUBJECT_HEADER) {
        return Ok(());
    }
    let tag = tag(subject.digest);
    let entry = serde_json::to_value(entry(manifest, referrer)).map_err(wrong)?;
    // Clients that met once wait for different times, so that they do not meet again.
    let own = manifest.digest().hex().bytes().map(u64::from).sum::<u64>();
    let pause = PAUSE + Duration::from_millis(own % PAUSE_SPREAD);
    for _ in 0..=TRIES {
        if put(session, &tag, &entry).await? {
            return Ok(());
        }
        tokio::time::sleep(pause).await;
    }
    Err(session.protocol(format!("other clients took it out of {tag} {TRIES} times")).into())
}

/// Puts `entry` into the list `tag`. Returns whether it was there already.
async fn put(session: &Session, tag: &str, entry: &Value) -> Result<bool, ImageError> {
    let existing = manifests::fetch(session, tag).await?.map(|(_, bytes)| bytes);
    let mut is_listed = false;
    let index = edit_index(existing.as_deref(), |manifests| {
        is_listed = manifests.iter().any(|other| other["digest"] == entry["digest"]);
        manifests.push(entry.clone());
    });
    let index = index.map_err(|source| ImageError::Manifest {
        reference: format!("{}:{tag}", session.place()),
        source,
    })?;
    if !is_listed {
        manifests::put_bytes(session, tag, &index, media_type::OCI_INDEX).await?;
    }
    Ok(is_listed)
}

/// The tag under which clients list what refers to the manifest `subject`.
pub(super) fn tag(subject: Digest) -> String {
    format!("sha256-{}", subject.hex())
}

fn entry(manifest: &Manifest, referrer: Referrer) -> ListedReferrer {
    let descriptor = Descriptor { annotations: referrer.annotations, ..manifest.descriptor() };
    let artifact_type =
        referrer.artifact_type.unwrap_or_else(|| manifest.config().media_type.clone());
    ListedReferrer { descriptor, artifact_type }
}
