//! Registries without the referrers API: there the client itself keeps the list of what refers to a
//! manifest, under a tag made of its digest (OCI distribution spec v1.1, "Pushing Manifests with
//! Subject" and "Referrers Tag Schema").

use std::collections::BTreeMap;

use reqwest::header::HeaderMap;
use serde::{Deserialize, Serialize};

use super::manifests;
use super::session::Session;
use crate::image::index_edit::edit_index;
use crate::image::{Descriptor, Digest, ImageError, Manifest, media_type};

/// The header by which a registry says that it will list the manifest itself.
const SUBJECT_HEADER: &str = "oci-subject";

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
/// Two clients that do this at the same moment may lose one of the entries; the specification knows
/// no remedy that registries have.
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
    let existing = manifests::fetch(session, &tag).await?.map(|(_, bytes)| bytes);
    let entry = serde_json::to_value(entry(manifest, referrer)).map_err(wrong)?;
    let mut listed = false;
    let index = edit_index(existing.as_deref(), |manifests| {
        listed = manifests.iter().any(|other| other["digest"] == entry["digest"]);
        manifests.push(entry);
    });
    let index = index.map_err(|source| ImageError::Manifest {
        reference: format!("{}:{tag}", session.place()),
        source,
    })?;
    if !listed {
        manifests::put_bytes(session, &tag, &index, media_type::OCI_INDEX).await?;
    }
    Ok(())
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
