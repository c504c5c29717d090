//! Changing an index that others wrote: what is not changed stays as it is, known here or not.

use serde_json::{Value, json};

use super::{ManifestError, media_type, parse_manifest};

/// The bytes of the index `existing`, or of a new one, after `edit` changed its list of manifests.
pub(super) fn edit_index(
    existing: Option<&[u8]>,
    edit: impl FnOnce(&mut Vec<Value>),
) -> Result<Vec<u8>, ManifestError> {
    let mut index = match existing {
        Some(bytes) => {
            parse_manifest(bytes, Some(media_type::OCI_INDEX))?;
            serde_json::from_slice(bytes)?
        }
        None => json!({ "schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": [] }),
    };
    let manifests = index.get_mut("manifests").and_then(Value::as_array_mut);
    edit(manifests.ok_or(ManifestError::Shape)?);
    Ok(serde_json::to_vec(&index)?)
}
